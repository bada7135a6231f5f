//go:build !linux

package clock

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
)

func readRTC(string) (time.Time, error) {
	return time.Time{}, fmt.Errorf("%w: no way to the hardware clock on this system", radio.ErrNotFound)
}
