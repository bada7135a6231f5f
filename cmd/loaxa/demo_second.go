package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"loaxa/internal/central"
)

// demoSeconds holds the secrets of the demo's second factors, so that nobody needs a
// telephone to try it out. A real centre never writes such a file.
const demoSeconds = "second-factors.json"

// addSeconds gives the demo's approvers a second factor: approving, publishing to the
// whole province and emergencies ask for its codes.
func (d *demoRun) addSeconds(ctx context.Context) error {
	secrets := map[string]string{}
	for _, login := range []string{demoApprover, "truc-ban", "xa-duyet"} {
		secret, err := d.centre.SetUpSecond(ctx, login, d.password)
		if err != nil {
			return err
		}
		secrets[login] = secret
		// As an administrator on the machine confirms it (loaxa user confirm-second).
		if err := d.centre.CountSecond(ctx, login, actor()); err != nil {
			return err
		}
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, demoSeconds), text, 0o600); err != nil {
		return err
	}
	d.note("who approves and signs needs a code, too: %s", d.codeCommand())
	return nil
}

// codeCommand prints the codes of the moment.
func (d *demoRun) codeCommand() string {
	return fmt.Sprintf("%s demo code --dir %s", os.Args[0], d.dir)
}

// demoCode prints the codes that the demo's people would read from their telephones.
func demoCode(e *env, args []string) (int, error) {
	flags, _ := e.flags("demo code")
	dir := flags.String("dir", "demo-data", "folder of the demo's data")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	text, err := os.ReadFile(filepath.Join(*dir, demoSeconds))
	if errors.Is(err, fs.ErrNotExist) {
		return 1, fmt.Errorf("no demo in %s; name its folder with --dir", *dir)
	}
	if err != nil {
		return 1, err
	}
	var secrets map[string]string
	if err := json.Unmarshal(text, &secrets); err != nil {
		return 1, fmt.Errorf("read %s: %w", demoSeconds, err)
	}
	now := time.Now()
	left := central.SecondStep - time.Duration(now.UnixNano())%central.SecondStep
	t := tabwriter.NewWriter(e.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "LOGIN\tNOW\tNEXT\n")
	for _, login := range slices.Sorted(maps.Keys(secrets)) {
		present, err1 := central.SecondCode(secrets[login], now)
		next, err2 := central.SecondCode(secrets[login], now.Add(central.SecondStep))
		if err := errors.Join(err1, err2); err != nil {
			return 1, err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", login, present, next)
	}
	if err := t.Flush(); err != nil {
		return 1, err
	}
	_, err = fmt.Fprintf(e.out, "each counts once; NEXT is good already, new ones in %d s\n", int(left.Seconds())+1)
	return 0, err
}
