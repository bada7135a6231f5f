package main

import (
	"context"
	"errors"
	"flag"
	"os"

	"loaxa/internal/central/library"
)

// intakeChild is the hidden word that makes this program the limited child which
// touches uploads.
const intakeChild = "intake-child"

func audioCommand(ctx context.Context, e *env, args []string) (int, error) {
	if len(args) > 0 && args[0] == intakeChild {
		return library.ChildMain(e.in, e.out), nil
	}
	if len(args) == 0 || args[0] != "check" {
		return 2, errors.New("usage: loaxa audio check FILE…")
	}
	fs := flag.NewFlagSet("loaxa audio check", flag.ContinueOnError)
	fs.SetOutput(e.err)
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	if fs.NArg() == 0 {
		return 2, errors.New("usage: loaxa audio check FILE…")
	}
	dir, err := os.MkdirTemp("", "loaxa-audio-")
	if err != nil {
		return 2, err
	}
	code, err := checkFiles(ctx, e, dir, fs.Args())
	return code, errors.Join(err, os.RemoveAll(dir))
}

func checkFiles(ctx context.Context, e *env, dir string, files []string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 2, err
	}
	in, err := library.NewIntake(library.Options{Command: []string{self, "audio", intakeChild}, WorkDir: dir, Log: e.quiet()})
	if err != nil {
		return 2, err
	}
	return library.CheckFiles(ctx, in, files, e.out)
}
