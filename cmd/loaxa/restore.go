package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
  - the configuration file and the console's own certificate are not in a backup
`

// Keys after a restore.
const (
	keysLost = `KEYS: the keyring is that of the backup, so REVOCATIONS SINCE %s ARE LOST: a key of a
person, or of the centre, that was revoked since counts again here. Before "loaxa serve":
  - can the old data folder, or any later copy of its folder keys, still be read? Restore
    again, into an empty folder, with --keys FOLDER: what it knows is kept
  - was the root key changed since? loaxa key root --steps FILE (the file beside the new
    root key)
  - loaxa key sign: it shows the keys that the root would certify, and asks; until then the
    root signs nothing here. Devices that have seen a revocation keep to it
`
	keysKept = `KEYS: the keyring found (version %d, root %d, %d keys revoked) is not older than the backup's and
stays: no revocation is lost.
`
	keysOffline = `  - no online key that it certifies was found: loaxa key sign makes one
`
)

func restore(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("restore")
	from := fs.String("from", "", "the backup's `file`")
	keys := fs.String("keys", "", "a later key `folder` (keyring.json, roots.json) that was saved: revocations and roots in it are kept; one that still stands in the data folder is found by itself")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *from == "" || fs.NArg() != 0 {
		return 2, errors.New("usage: loaxa restore --from FILE [--keys FOLDER]; data folder (but for its folder keys) and database must be empty")
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	began := time.Now()
	r, err := central.Restore(ctx, cfg, *from, *keys, began)
	if err != nil {
		return 1, err
	}
	for _, x := range r.Missing {
		fmt.Fprintf(e.err, "%s was %s when the backup was made: upload the bulletin again\n", x.Name, x.Why)
	}
	fmt.Fprintf(e.out, "restored into %s: the centre of %s, program %s, %d audio files, %.1f s\n%s",
		cfg.Data, r.CreatedAt.Time().Format(time.RFC3339), r.Version, r.Audio(), time.Since(began).Seconds(), afterRestore)
	return 0, e.tellKeys(r)
}

// tellKeys says what became of the keyring.
func (e *env) tellKeys(r central.Restored) (err error) {
	switch k := r.Keys; {
	case k.Version == 0: // a centre without keys
		return nil
	case k.Newer:
		_, err = fmt.Fprintf(e.out, keysKept, k.Version, k.Root, len(k.Revoked))
		if err == nil && k.NoOnline {
			_, err = io.WriteString(e.out, keysOffline)
		}
	default:
		_, err = fmt.Fprintf(e.out, keysLost, zoned(r.CreatedAt))
	}
	if err == nil && r.Aside != "" {
		_, err = fmt.Fprintf(e.out, "  - the key folder found now is %s: remove it when all is well\n", r.Aside)
	}
	return err
}
