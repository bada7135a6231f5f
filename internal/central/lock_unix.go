//go:build unix

package central

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

// lockData lets one centre at a time serve from a data folder; two would issue
// revisions against each other. The lock ends with the process.
func lockData(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%w: another loaxa serves from %s", radio.ErrConflict, dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
