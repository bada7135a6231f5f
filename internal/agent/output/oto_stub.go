//go:build !cgo || noaudio

package output

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
)

var errNoSound = fmt.Errorf("%w: this loaxa-agent was built without sound (CGO_ENABLED=0 or -tags noaudio); "+
	"build it with cgo and the ALSA headers (make deps), or choose the output null or wav", radio.ErrInvalid)

// newOto explains why this program cannot make sound.
func newOto(Config, func() time.Duration) (Output, error) { return nil, errNoSound }
