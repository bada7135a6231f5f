//go:build !unix

package central

import "io"

// lockData: without flock nothing keeps a second centre away.
func lockData(string) (io.Closer, error) { return io.NopCloser(nil), nil }
