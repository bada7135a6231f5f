package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"loaxa/internal/radio"
)

// Keeper writes audio into the folder it was made for.
type Keeper interface {
	// Keep writes one file whole and with the right hash, or not at all.
	Keep(ctx context.Context, sha radio.SHA256, original bool, r io.Reader) error
}

// Target is the empty centre a backup is put into.
type Target struct {
	// Dir is the data folder, in which nobody else works meanwhile.
	Dir string
	// Engine and Schema are what the configuration asks for and the program knows.
	Engine string
	Schema int
	// Empty gives ErrConflict when the database holds something.
	Empty func(ctx context.Context) error
	// Load brings the database's copy at path into use. When DatabaseFile is set, the copy
	// becomes that file of Dir afterwards.
	Load         func(ctx context.Context, path string, m Manifest) error
	DatabaseFile string
	// Audio makes a keeper for a folder.
	Audio func(dir string) Keeper
	// Keys, when not nil, prepares the key folder of the backup before it is put to use.
	// found is one that outlived the disk in Dir, "" for none; it is moved aside after.
	Keys func(restored, found string, m Manifest) error
}

const (
	audioFolder   = "audio"
	keysFolder    = "keys"
	caFolder      = "ca"
	archiveFolder = "archive"
)

// folders are what a backup puts into the data folder besides the database.
func folders() []string { return []string{audioFolder, keysFolder, caFolder, archiveFolder} }

// Restore checks the whole archive, lays it out beside its places, and moves it there
// last: until then nothing of the centre exists.
func Restore(ctx context.Context, archive io.ReadSeeker, t Target) (m Manifest, err error) {
	if err := t.empty(ctx); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if m, err = check(ctx, archive); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	switch {
	case m.Engine != t.Engine:
		return m, fmt.Errorf("restore: %w: the backup holds a database of kind %s, the configuration asks for %s: change `database` in the configuration",
			radio.ErrConflict, m.Engine, t.Engine)
	case m.Schema > t.Schema:
		return m, fmt.Errorf("restore: %w: the backup has schema %d, this program knows up to %d: use the program that wrote it (%s) or a newer one",
			radio.ErrConflict, m.Schema, t.Schema, m.Version)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	tmp, err := os.MkdirTemp(t.Dir, "restoring-")
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := t.layOut(ctx, archive, tmp, m); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if err := t.place(ctx, tmp, m); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	return m, nil
}

// empty refuses a folder in which something of a centre stands.
func (t Target) empty(ctx context.Context) error {
	for _, name := range append([]string{"loaxa.db", "loaxa.db-wal", "loaxa.db-shm"}, folders()...) {
		if name == keysFolder && t.Keys != nil {
			continue // what it knows better is kept
		}
		path := filepath.Join(t.Dir, name)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			entries, err := os.ReadDir(path)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				continue
			}
		}
		return fmt.Errorf("%w: %s exists: a backup goes into an empty data folder only; move what is there away, or name another folder in `data`", radio.ErrConflict, path)
	}
	return t.Empty(ctx)
}

// layOut writes every file of the archive below tmp. What check has proven is proven
// again while it is written: the archive may have changed in between.
func (t Target) layOut(ctx context.Context, archive io.Reader, tmp string, m Manifest) error {
	said := make(map[string]radio.SHA256, len(m.Files))
	for _, f := range m.Files {
		said[f.Name] = f.SHA256
	}
	for _, folder := range folders() {
		if err := os.Mkdir(filepath.Join(tmp, folder), 0o700); err != nil {
			return err
		}
	}
	keeper := t.Audio(filepath.Join(tmp, audioFolder))
	return each(ctx, archive, func(k kind, name string, _ int64, body io.Reader) error {
		_, rest, err := parseName(name)
		if err != nil {
			return err
		}
		var path string
		switch k {
		case manifestFile:
			return nil
		case audioFile, originalFile:
			return keeper.Keep(ctx, radio.SHA256(rest), k == originalFile, body)
		case keyFile:
			path = filepath.Join(tmp, keysFolder, rest)
		case caFile:
			path = filepath.Join(tmp, caFolder, rest)
		case archiveFile:
			path = filepath.Join(tmp, archiveFolder, rest)
		case databaseFile:
			path = filepath.Join(tmp, rest)
		}
		return writeFile(path, body, said[name])
	})
}

func writeFile(path string, r io.Reader, want radio.SHA256) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), r)
	if got := hex.EncodeToString(hash.Sum(nil)); err == nil && got != string(want) {
		err = fmt.Errorf("%w: the archive changed while it was read", radio.ErrConflict)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// AsideKeys is where the key folder goes that was found.
func AsideKeys(dir string, madeAt radio.Millis) string {
	return filepath.Join(dir, "keys.before-"+madeAt.Time().UTC().Format("20060102T150405Z"))
}

// keys prepares the keys, and gives the folder found in their place.
func (t Target) keys(tmp string, m Manifest) (found string, err error) {
	if t.Keys == nil {
		return "", nil
	}
	entries, err := os.ReadDir(filepath.Join(t.Dir, keysFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 {
		found = filepath.Join(t.Dir, keysFolder)
	}
	return found, t.Keys(filepath.Join(tmp, keysFolder), found, m)
}

// place brings the database into use, then moves the folders, then SQLite's file: a
// centre exists from that moment on.
func (t Target) place(ctx context.Context, tmp string, m Manifest) error {
	db := filepath.Join(tmp, databaseName[m.Engine])
	found, err := t.keys(tmp, m)
	if err != nil {
		return err
	}
	if err := t.Load(ctx, db, m); err != nil {
		return err
	}
	if found != "" {
		if err := os.Rename(found, AsideKeys(t.Dir, m.CreatedAt)); err != nil {
			return err
		}
	}
	for _, folder := range folders() {
		from, to := filepath.Join(tmp, folder), filepath.Join(t.Dir, folder)
		// An empty folder there makes room; one that holds something stays and is an error.
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := errors.Join(syncFolder(from), os.Rename(from, to)); err != nil {
			return err
		}
	}
	if t.DatabaseFile != "" {
		if err := os.Rename(db, filepath.Join(t.Dir, t.DatabaseFile)); err != nil {
			return err
		}
	}
	return syncFolder(t.Dir)
}
