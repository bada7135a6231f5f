//go:build unix

package identity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFolder waits until nobody else changes the key folder. The lock ends with the
// process, or when it is closed.
func lockFolder(dir string) (io.Closer, error) {
	// Readable by all who can open the keyring: a file that root has left must not keep
	// the centre's own account from signing.
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the key folder: %w", err)
	}
	for {
		// A signal to the process cuts the wait short; it is no refusal.
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the key folder: %w", err), f.Close())
	}
	return f, nil
}
