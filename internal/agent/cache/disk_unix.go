//go:build linux || darwin

package cache

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// diskSpace gives the bytes free for this program and in all on the disk of a file.
func diskSpace(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
