//go:build !linux

package amplifier

import (
	"fmt"

	"loaxa/internal/radio"
)

func newGPIO(Config) (driver, error) {
	return nil, fmt.Errorf("%w: amplifier: the driver gpio needs Linux", radio.ErrInvalid)
}
