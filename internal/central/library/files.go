package library

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

// Files keeps audio by its SHA-256: renditions under ab/cd/<hash>, original uploads
// the same way under originals/. A file appears whole or not at all, and is trusted
// because its hash was computed while it was written, never because it exists.
type Files struct{ dir string }

// originals is the subfolder of the uploads as they came.
const originals = "originals"

// NewFiles keeps files below dir, which Put makes when it is missing.
func NewFiles(dir string) *Files { return &Files{dir: dir} }

// Put keeps the renditions and the original of prepared audio. The same audio again
// changes nothing, but replaces a file that is damaged on disk.
func (s *Files) Put(ctx context.Context, p *Prepared) error {
	for _, r := range p.Renditions {
		if err := put(ctx, p.rendition(r.Kbps), s.dir, r.SHA256, r.Bytes); err != nil {
			return fmt.Errorf("keep audio %s: %w", r.SHA256, err)
		}
	}
	if err := put(ctx, p.source(), filepath.Join(s.dir, originals), p.SourceSHA256, p.SourceBytes); err != nil {
		return fmt.Errorf("keep original %s: %w", p.SourceSHA256, err)
	}
	return nil
}

// Open gives a rendition to be read and its size. The caller closes it. An unknown
// hash gives radio.ErrNotFound.
func (s *Files) Open(sha radio.SHA256) (*os.File, int64, error) {
	if !sha.Valid() {
		return nil, 0, fmt.Errorf("%w: open audio: not a SHA-256", radio.ErrInvalid)
	}
	f, err := os.Open(place(s.dir, sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("open audio %s: %w", sha, radio.ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open audio %s: %w", sha, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open audio %s: %w", sha, err), f.Close())
	}
	return f, info.Size(), nil
}

func place(dir string, sha radio.SHA256) string {
	return filepath.Join(dir, string(sha[:2]), string(sha[2:4]), string(sha))
}

// put copies a file to its place, unless the right file is there.
func put(ctx context.Context, from, dir string, sha radio.SHA256, size int64) error {
	if !sha.Valid() {
		return fmt.Errorf("%w: not a SHA-256", radio.ErrInvalid)
	}
	to := place(dir, sha)
	// Before it is looked for: a sweep that runs now sees that it is needed.
	if err := touch(to); err != nil {
		return err
	}
	switch same, err := holds(ctx, to, sha, size); {
	case err != nil:
		return err
	case same:
		return nil
	}
	folder := filepath.Dir(to)
	if err := makeFolders(folder); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(folder, incomingPrefix)
	if err != nil {
		return err
	}
	if err = fill(ctx, tmp, from, sha, size); err == nil {
		err = os.Rename(tmp.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncFolder(folder)
}

// holds says whether path is a file of that size and hash.
func holds(ctx context.Context, path string, sha radio.SHA256, size int64) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		return false, err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, contextReader{ctx, f}); err != nil {
		return false, err
	}
	return hex.EncodeToString(hash.Sum(nil)) == string(sha), nil
}

// fill writes from into tmp, checks what was written, and brings it to the disk.
func fill(ctx context.Context, tmp *os.File, from string, sha radio.SHA256, size int64) (err error) {
	defer func() { err = errors.Join(err, tmp.Close()) }()
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, hash), contextReader{ctx, src})
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); n != size || got != string(sha) {
		return fmt.Errorf("%w: %d bytes with SHA-256 %s", radio.ErrInvalid, n, got)
	}
	return tmp.Sync()
}

// makeFolders makes a folder and its parents, and brings each new one to the disk.
func makeFolders(folder string) error {
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(folder)
	if parent != folder {
		if err := makeFolders(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
