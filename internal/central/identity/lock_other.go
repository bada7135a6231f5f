//go:build !unix

package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"loaxa/internal/radio"
)

// lockFolder refuses while somebody else changes the key folder: without flock the file
// itself is the lock, and one that a crash has left must be deleted by hand.
func lockFolder(dir string) (io.Closer, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: another loaxa signs a keyring; if none does, delete %s", radio.ErrConflict, path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the key folder: %w", err)
	}
	return fileLock{f, path}, nil
}

type fileLock struct {
	file io.Closer
	path string
}

func (l fileLock) Close() error { return errors.Join(l.file.Close(), os.Remove(l.path)) }
