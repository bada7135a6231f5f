//go:build !unix

package amplifier

import (
	"fmt"
	"log/slog"

	"loaxa/internal/radio"
)

func newCommand(Config, *slog.Logger) (driver, error) {
	return nil, fmt.Errorf("%w: amplifier: the driver command needs a Unix", radio.ErrInvalid)
}
