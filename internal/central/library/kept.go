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

// Kept names one file of Files: a rendition, or an upload as it came.
type Kept struct {
	SHA256   radio.SHA256
	Original bool
}

func (s *Files) folder(k Kept) string {
	if k.Original {
		return filepath.Join(s.dir, originals)
	}
	return s.dir
}

// Walk calls f for every file kept, renditions and originals; what is not a kept file is
// passed over.
func (s *Files) Walk(ctx context.Context, f func(Kept) error) error {
	for _, original := range []bool{false, true} {
		root := s.folder(Kept{Original: original})
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && path == root:
				return nil // nothing was kept yet
			case err != nil:
				return err
			case d.IsDir() && !original && path == filepath.Join(root, originals):
				return fs.SkipDir
			}
			k := Kept{SHA256: radio.SHA256(d.Name()), Original: original}
			if !d.Type().IsRegular() || !k.SHA256.Valid() || path != place(root, k.SHA256) {
				return ctx.Err()
			}
			return errors.Join(ctx.Err(), f(k))
		})
		if err != nil {
			return fmt.Errorf("walk the audio: %w", err)
		}
	}
	return nil
}

// OpenKept opens a file that Walk named and its size. The caller closes it.
func (s *Files) OpenKept(k Kept) (*os.File, int64, error) {
	return (&Files{dir: s.folder(k)}).Open(k.SHA256)
}

// Keep writes one file from r. It appears whole and with the right hash, or not at all.
func (s *Files) Keep(ctx context.Context, k Kept, r io.Reader) (err error) {
	if !k.SHA256.Valid() {
		return fmt.Errorf("%w: keep audio: not a SHA-256", radio.ErrInvalid)
	}
	to := place(s.folder(k), k.SHA256)
	if err := makeFolders(filepath.Dir(to)); err != nil {
		return fmt.Errorf("keep audio %s: %w", k.SHA256, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(to), incomingPrefix)
	if err != nil {
		return fmt.Errorf("keep audio %s: %w", k.SHA256, err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, hash), contextReader{ctx, r})
	if got := hex.EncodeToString(hash.Sum(nil)); err == nil && got != string(k.SHA256) {
		err = fmt.Errorf("%w: its SHA-256 is %s", radio.ErrInvalid, got)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep audio %s: %w", k.SHA256, err), os.Remove(tmp.Name()))
	}
	return syncFolder(filepath.Dir(to))
}
