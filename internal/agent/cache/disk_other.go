//go:build !linux && !darwin

package cache

import "errors"

// diskSpace cannot tell here; the cache is then bounded by its own limit alone.
func diskSpace(string) (free, total int64, err error) {
	return 0, 0, errors.ErrUnsupported
}
