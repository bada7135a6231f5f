package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/central/backup"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// Backup writes the whole centre into one archive, also while it serves. The database is
// copied with the schema it has.
func Backup(ctx context.Context, cfg Config, path string, now time.Time) (m backup.Manifest, err error) {
	s, err := store.OpenUnchanged(ctx, cfg.dsn())
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return backup.Make(ctx, backup.Source{
		Database: s, Audio: backupAudio{library.NewFiles(cfg.dir("audio"))}, Version: radio.Version,
		Keys: identity.KeyFiles(cfg.dir("keys")), CA: identity.CAFiles(cfg.dir("ca")),
	}, path, now)
}

// CheckBackup proves an archive against its manifest.
func CheckBackup(ctx context.Context, path string) (m backup.Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	return backup.Check(ctx, f)
}

// Restore puts an archive into the empty data folder, and database, of the configuration.
func Restore(ctx context.Context, cfg Config, path string, now time.Time) (m backup.Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return m, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	t := backup.Target{
		Dir: cfg.Data, Engine: "sqlite", Schema: store.NewestSchema(), DatabaseFile: filepath.Base(cfg.dsn()),
		Empty: func(context.Context) error { return nil }, // its file is looked for in the folder
		Load: func(ctx context.Context, copied string, m backup.Manifest) error {
			return takeOver(ctx, copied, m, now)
		},
		Audio: func(dir string) backup.Keeper { return backupAudio{library.NewFiles(dir)} },
	}
	if cfg.Database != "" {
		dsn := cfg.dsn()
		t.Engine, t.DatabaseFile = "postgres", ""
		t.Empty = func(ctx context.Context) error { return store.EmptyPostgres(ctx, dsn) }
		t.Load = func(ctx context.Context, copied string, m backup.Manifest) error {
			if err := store.LoadPostgres(ctx, dsn, copied); err != nil {
				return err
			}
			return takeOver(ctx, dsn, m, now)
		}
	}
	return backup.Restore(ctx, f, t)
}

// takeOver brings a restored database up to date and ends what must not live again.
func takeOver(ctx context.Context, dsn string, m backup.Manifest, now time.Time) error {
	s, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(s.Restored(ctx, "loaxa restore", radio.AuditFacts{MadeAt: m.CreatedAt, Program: m.Version}, radio.At(now)), s.Close())
}

// backupAudio gives library's files as the interfaces backup asks for.
type backupAudio struct{ files *library.Files }

func (a backupAudio) Walk(ctx context.Context, f func(sha radio.SHA256, original bool) error) error {
	return a.files.Walk(ctx, func(k library.Kept) error { return f(k.SHA256, k.Original) })
}

func (a backupAudio) Open(sha radio.SHA256, original bool) (io.ReadSeekCloser, int64, error) {
	f, size, err := a.files.OpenKept(library.Kept{SHA256: sha, Original: original})
	if err != nil {
		return nil, 0, err
	}
	return f, size, nil
}

func (a backupAudio) Keep(ctx context.Context, sha radio.SHA256, original bool, r io.Reader) error {
	return a.files.Keep(ctx, library.Kept{SHA256: sha, Original: original}, r)
}
