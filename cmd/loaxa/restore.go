package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/central"
)

// afterRestore says what a restored centre does by itself and what a person must do:
// each line was seen in the drill of internal/e2e.
const afterRestore = `
What happens once "loaxa serve" runs:
  - devices connect with the certificates they had at the time of the backup; each sends
    its journal since then again, and the log fills up by itself
  - every document gets a revision above the one a device holds: nothing goes back
What was done after the backup is gone. Look at it now:
  - bulletins, schedules, policies, devices, accounts and roles: lay them down again;
    accounts disabled and passwords changed since are as they were at the backup
  - devices enrolled after the backup: their certificates are unknown; give each a new
    code (loaxa device add --code CODE) and run loaxa-agent enrol --force on it
  - every session and API token has ended, every unused enrolment code and invitation
    is void: make new ones
  - was the keyring signed since? Sign it again (loaxa key sign); the root key is in no backup
  - the configuration file and the console's own certificate are not in a backup
`

func restore(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("restore")
	from := fs.String("from", "", "the backup's `file`")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *from == "" || fs.NArg() != 0 {
		return 2, errors.New("usage: loaxa restore --from FILE; data folder and database must be empty")
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	began := time.Now()
	m, err := central.Restore(ctx, cfg, *from, began)
	if err != nil {
		return 1, err
	}
	for _, x := range m.Missing {
		fmt.Fprintf(e.err, "%s was %s when the backup was made: upload the bulletin again\n", x.Name, x.Why)
	}
	_, err = fmt.Fprintf(e.out, "restored into %s: the centre of %s, program %s, %d audio files, %.1f s\n%s",
		cfg.Data, m.CreatedAt.Time().Format(time.RFC3339), m.Version, m.Audio(), time.Since(began).Seconds(), afterRestore)
	return 0, err
}
