package central

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
		Keys: identity.KeyFiles(cfg.dir("keys")), CA: identity.CAFiles(cfg.dir("ca")), Archive: cfg.dir("archive"),
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

// Restored is what a restore has come to.
type Restored struct {
	backup.Manifest
	// Keys tells what became of the keyring; Aside is where an older key folder went, "" for
	// none.
	Keys  identity.TakenBack
	Aside string
}

// Restore puts an archive into the empty data folder, and database, of the configuration.
// keys, or else a key folder that still stands in the data folder, may know revocations and
// roots that the backup does not: they are kept.
func Restore(ctx context.Context, cfg Config, path, keys string, now time.Time) (r Restored, err error) {
	f, err := os.Open(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if keys != "" { // a slip of the pen would lose what the flag is for
		if info, err := os.Stat(keys); err != nil || !info.IsDir() {
			return r, errors.Join(fmt.Errorf("%w: %s is no folder of keys", radio.ErrNotFound, keys), err)
		}
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return r, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	t := backup.Target{
		Dir: cfg.Data, Engine: "sqlite", Schema: store.NewestSchema(), DatabaseFile: filepath.Base(cfg.dsn()),
		Empty: func(context.Context) error { return nil }, // its file is looked for in the folder
		Load: func(ctx context.Context, copied string, m backup.Manifest) error {
			return takeOver(ctx, copied, m, r.Keys, now)
		},
		Audio: func(dir string) backup.Keeper { return backupAudio{library.NewFiles(dir)} },
	}
	t.Keys = func(restored, found string, m backup.Manifest) (err error) {
		if found != "" {
			r.Aside = backup.AsideKeys(cfg.Data, m.CreatedAt)
		}
		r.Keys, err = identity.TakeBack(restored, cmp.Or(keys, found), m.CreatedAt)
		return err
	}
	if cfg.Database != "" {
		dsn := cfg.dsn()
		t.Engine, t.DatabaseFile = "postgres", ""
		t.Empty = func(ctx context.Context) error { return store.EmptyPostgres(ctx, dsn) }
		t.Load = func(ctx context.Context, copied string, m backup.Manifest) error {
			if err := store.LoadPostgres(ctx, dsn, copied); err != nil {
				return err
			}
			return takeOver(ctx, dsn, m, r.Keys, now)
		}
	}
	r.Manifest, err = backup.Restore(ctx, f, t)
	return r, err
}

// takeOver brings a restored database up to date and ends what must not live again: also
// the keys of persons that a keyring disowns which is newer than the backup.
func takeOver(ctx context.Context, dsn string, m backup.Manifest, keys identity.TakenBack, now time.Time) (err error) {
	s, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	facts := radio.AuditFacts{MadeAt: m.CreatedAt, Program: m.Version, Why: lostRevocations}
	if keys.Newer {
		facts.Why = keptRevocations
	}
	if err := s.Restored(ctx, restoring, facts, radio.At(now)); err != nil {
		return err
	}
	rows, err := s.PersonKeys(ctx, "")
	if err != nil {
		return err
	}
	for _, k := range rows {
		if k.RevokedAt == 0 && slices.Contains(keys.Revoked, k.KID) {
			if err := s.RevokePersonKey(ctx, k, restoring, radio.At(now)); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoring is who changes what a restore changes.
const restoring = "loaxa restore"

// What the audit says of a restored keyring.
const (
	lostRevocations = "bộ khóa là của bản sao lưu: không còn biết các khóa bị thu hồi sau đó / the keyring is the backup's: revocations of keys since are lost"
	keptRevocations = "giữ bộ khóa mới hơn bản sao lưu, cùng các khóa đã thu hồi / a keyring newer than the backup is kept, with its revocations"
)

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
