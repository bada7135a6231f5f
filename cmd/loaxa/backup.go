package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/central/backup"
)

// incomplete is the exit code of a backup that was made although audio of the centre is
// missing or damaged: what could be saved is saved, and somebody must look.
const incomplete = 3

func backupCommand(ctx context.Context, e *env, args []string) (int, error) {
	if len(args) > 0 && args[0] == "verify" {
		return verifyBackup(ctx, e, args[1:])
	}
	fs, file := e.flags("backup")
	to := fs.String("to", "", "new `file`, or a folder in which the file gets a name with its time")
	keep := fs.Int("keep", 0, "with a folder: remove all but the newest `n` backups in it; 0 keeps all")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *to == "" || fs.NArg() != 0 || *keep < 0 {
		return 2, errors.New("usage: loaxa backup --to FILE|FOLDER [--keep N] | loaxa backup verify FILE")
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	if err := cfg.Exists(); err != nil {
		return 1, err
	}
	began, path := time.Now(), *to
	info, err := os.Stat(path)
	folder := err == nil && info.IsDir()
	if folder {
		path = filepath.Join(path, backup.Name(began))
	} else if *keep > 0 {
		return 2, errors.New("--keep needs a folder in --to")
	}
	m, err := central.Backup(ctx, cfg, path, began)
	if err != nil {
		return 1, err
	}
	if err := e.tellBackup(path, m, time.Since(began)); err != nil {
		return 1, err
	}
	if folder && *keep > 0 {
		gone, err := backup.Prune(*to, *keep)
		for _, name := range gone {
			fmt.Fprintln(e.out, "removed", name)
		}
		if err != nil {
			return 1, err
		}
	}
	if len(m.Missing) > 0 {
		return incomplete, nil
	}
	return 0, nil
}

func (e *env) tellBackup(path string, m backup.Manifest, took time.Duration) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	const mega = 1 << 20
	for _, x := range m.Missing {
		fmt.Fprintf(e.err, "%s at the centre: %s: take it from an older backup, or upload the bulletin again\n", x.Name, x.Why)
	}
	_, err = fmt.Fprintf(e.out, "%s: made %s, %s database, schema %d, %d audio files, %.1f MB (%.1f MB unpacked), %.1f s\n",
		path, m.CreatedAt.Time().Format(time.RFC3339), m.Engine, m.Schema, m.Audio(), float64(info.Size())/mega, float64(m.Bytes())/mega, took.Seconds())
	return err
}

func verifyBackup(ctx context.Context, e *env, args []string) (int, error) {
	fs := flag.NewFlagSet("loaxa backup verify", flag.ContinueOnError)
	fs.SetOutput(e.err)
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if fs.NArg() != 1 {
		return 2, errors.New("usage: loaxa backup verify FILE")
	}
	began := time.Now()
	m, err := central.CheckBackup(ctx, fs.Arg(0))
	if err != nil {
		return 1, err
	}
	if err := e.tellBackup(fs.Arg(0), m, time.Since(began)); err != nil {
		return 1, err
	}
	if len(m.Missing) > 0 {
		return incomplete, nil
	}
	return 0, nil
}
