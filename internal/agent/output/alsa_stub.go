//go:build !cgo || noaudio

package output

import "time"

// newALSA explains why this program cannot make sound.
func newALSA(Config, func() time.Duration) (Output, error) { return nil, errNoSound }
