package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Database is where the rows are.
type Database interface {
	Engine() string
	Schema(ctx context.Context) (int, error)
	// Snapshot writes a consistent copy to a new file.
	Snapshot(ctx context.Context, path string) error
	// ApprovedAudio lists what must be among the audio.
	ApprovedAudio(ctx context.Context) ([]radio.SHA256, error)
}

// Audio is where the files of bulletins are.
type Audio interface {
	// Walk names every file kept; an original is an upload as it came.
	Walk(ctx context.Context, f func(sha radio.SHA256, original bool) error) error
	Open(sha radio.SHA256, original bool) (io.ReadSeekCloser, int64, error)
}

// Source is the centre that is copied.
type Source struct {
	Database Database
	Audio    Audio
	// Keys and CA are files by their names in the archive's folders keys and ca; one
	// that is not there is left out.
	Keys, CA map[string]string
	// Archive is the folder of months that left the database; it need not be there.
	Archive string
	Version string
}

// Make writes the archive at path, which must not exist. It appears whole or not at all,
// readable by its owner only. The centre may serve meanwhile.
func Make(ctx context.Context, src Source, path string, now time.Time) (m Manifest, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return m, errors.Join(fmt.Errorf("%w: %s exists already; a backup never overwrites another", radio.ErrConflict, path), err)
	}
	// Beside the archive, not in the data folder: a full data disk would stop the centre.
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".loaxa-backup-")
	if err != nil {
		return m, fmt.Errorf("make the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	f, err := os.OpenFile(filepath.Join(tmp, "archive"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return m, fmt.Errorf("make the backup: %w", err)
	}
	m, err = write(ctx, src, f, tmp, now)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return m, fmt.Errorf("make the backup: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return m, fmt.Errorf("make the backup: %w", err)
	}
	return m, syncFolder(filepath.Dir(path))
}

// writer adds files to the archive and to the manifest.
type writer struct {
	ctx context.Context
	tar *tar.Writer
	now time.Time
	m   Manifest
}

func write(ctx context.Context, src Source, to io.Writer, tmp string, now time.Time) (Manifest, error) {
	// Audio does not shrink and the database does a lot: the fastest level is enough.
	gz, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return Manifest{}, err
	}
	w := &writer{ctx: ctx, tar: tar.NewWriter(gz), now: now.UTC().Truncate(time.Second)}
	w.m = Manifest{Format: Format, Version: src.Version, Engine: src.Database.Engine(), CreatedAt: radio.At(now), Files: []File{}}
	for _, part := range []func() error{
		func() error { return w.database(src.Database, tmp) },
		func() error { return w.folder("keys/", src.Keys) },
		func() error { return w.folder("ca/", src.CA) },
		func() error { return w.archive(src.Archive) },
		func() error { return w.audio(src) },
		w.manifest,
		w.tar.Close,
		gz.Close,
	} {
		if err := part(); err != nil {
			return w.m, err
		}
	}
	return w.m, nil
}

func (w *writer) database(db Database, tmp string) error {
	name, known := databaseName[w.m.Engine]
	if !known {
		return fmt.Errorf("%w: a database of kind %q", radio.ErrInvalid, w.m.Engine)
	}
	var err error
	if w.m.Schema, err = db.Schema(w.ctx); err != nil {
		return err
	}
	path := filepath.Join(tmp, name)
	if err := db.Snapshot(w.ctx, path); err != nil {
		return err
	}
	return errors.Join(w.path(name, path), os.Remove(path))
}

func (w *writer) folder(prefix string, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.path(prefix+name, files[name]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// archive adds the months of a folder. It comes after the database: what its copy calls
// archived is there.
func (w *writer) archive(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, e := range entries {
		if monthName.MatchString(e.Name()) {
			files[e.Name()] = filepath.Join(dir, e.Name())
		}
	}
	return w.folder("archive/", files)
}

func (w *writer) path(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = w.add(name, info.Size(), f)
	return err
}

// add writes one file and gives its SHA-256.
func (w *writer) add(name string, size int64, r io.Reader) (radio.SHA256, error) {
	k, _, err := parseName(name)
	if err == nil && size > largest[k] {
		err = fmt.Errorf("%w: %d bytes, at most %d", radio.ErrInvalid, size, largest[k])
	}
	if err == nil && len(w.m.Files) >= maxFiles {
		err = fmt.Errorf("%w: more than %d files", radio.ErrInvalid, maxFiles)
	}
	if err == nil {
		err = w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.now})
	}
	if err != nil {
		return "", fmt.Errorf("add %s: %w", name, err)
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w.tar, hash), contextReader{w.ctx, r}, size); err != nil {
		return "", fmt.Errorf("add %s: %w", name, err)
	}
	sum := radio.SHA256(hex.EncodeToString(hash.Sum(nil)))
	w.m.Files = append(w.m.Files, File{Name: name, Bytes: size, SHA256: sum})
	return sum, nil
}

// audio adds every file that is what its name says, and notes those that are not.
func (w *writer) audio(src Source) error {
	wanted := map[radio.SHA256]bool{}
	approved, err := src.Database.ApprovedAudio(w.ctx)
	if err != nil {
		return err
	}
	for _, sha := range approved {
		wanted[sha] = true
	}
	err = src.Audio.Walk(w.ctx, func(sha radio.SHA256, original bool) error {
		name := "audio/" + string(sha)
		if original {
			name = "originals/" + string(sha)
		} else {
			delete(wanted, sha)
		}
		f, size, err := src.Audio.Open(sha, original)
		if errors.Is(err, radio.ErrNotFound) && !slices.Contains(approved, sha) {
			return nil // swept since it was named: nothing refers to it
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return w.sound(name, sha, size, f)
	})
	for _, sha := range approved {
		if wanted[sha] {
			w.m.Missing = append(w.m.Missing, Missing{Name: "audio/" + string(sha), Why: "missing"})
		}
	}
	return err
}

// sound reads a file twice: a damaged one shall not begin in the archive.
func (w *writer) sound(name string, sha radio.SHA256, size int64, f io.ReadSeeker) error {
	hash := sha256.New()
	n, err := io.Copy(hash, contextReader{w.ctx, f})
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if n != size || hex.EncodeToString(hash.Sum(nil)) != string(sha) {
		w.m.Missing = append(w.m.Missing, Missing{Name: name, Why: "damaged"})
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	got, err := w.add(name, size, f)
	if err == nil && got != sha {
		err = fmt.Errorf("read %s: it changed while it was read", name)
	}
	return err
}

func (w *writer) manifest() error {
	b, err := json.MarshalIndent(w.m, "", " ")
	if err != nil {
		return err
	}
	err = w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: manifestName, Size: int64(len(b)), Mode: 0o600, ModTime: w.now})
	if err == nil {
		_, err = w.tar.Write(b)
	}
	if err != nil {
		return fmt.Errorf("add the manifest: %w", err)
	}
	return nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
