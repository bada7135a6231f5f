package amplifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Drivers.
const (
	DriverNone    = "none"    // the amplifier is always on, or switched by others
	DriverGPIO    = "gpio"    // a line of a Linux GPIO chip, through its character device
	DriverCommand = "command" // a program is called
)

// Config of the switch.
type Config struct {
	Driver string `json:"driver"`
	// Chip is a GPIO chip by its name (gpiochip0) or a path under /dev.
	Chip      string `json:"chip,omitempty"`
	Line      int    `json:"line,omitempty"`
	ActiveLow bool   `json:"active_low,omitempty"`
	// On and Off are programs with their arguments; no shell is between.
	On  []string `json:"on,omitempty"`
	Off []string `json:"off,omitempty"`
	// WarmUp is the time from power to the first sample, Hold from the last sample to
	// switching off.
	WarmUp time.Duration `json:"warm_up,omitempty"`
	Hold   time.Duration `json:"hold,omitempty"`
	// Timeout bounds one call of a program.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Lock is a file by which processes that call the programs keep out of each
	// other's way; "" for none.
	Lock string `json:"lock,omitempty"`
}

// Present says whether there is a switch at all.
func (c Config) Present() bool { return c.Driver != DriverNone }

// OffWithin is how soon after the last sample the amplifier is off.
const OffWithin = 5 * time.Second

const (
	maxWarmUp = 10 * time.Second
	minCall   = 100 * time.Millisecond
	maxLine   = 1023
	maxArgs   = 32
	maxArg    = 1024
)

// A chip by name, or wherever udev has put it.
var chipForm = regexp.MustCompile(`^(gpiochip[0-9]{1,3}|/dev/[A-Za-z0-9._/-]{1,100})$`)

// Check refuses what cannot work and names the key.
func (c Config) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: amplifier: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	switch c.Driver {
	case DriverNone, DriverGPIO, DriverCommand:
	default:
		bad("driver %.32q, want %s, %s or %s", c.Driver, DriverNone, DriverGPIO, DriverCommand)
	}
	if c.Driver == DriverGPIO {
		if !chipForm.MatchString(c.Chip) || strings.Contains(c.Chip, "..") {
			bad("chip %.64q, want a name as gpiochip0 or a path under /dev", c.Chip)
		}
		if c.Line < 0 || c.Line > maxLine {
			bad("line %d, want 0 to %d", c.Line, maxLine)
		}
	} else if c.Chip != "" || c.Line != 0 || c.ActiveLow {
		bad("chip, line and active_low belong to the driver gpio")
	}
	if c.Driver == DriverCommand {
		errs = append(errs, checkProgram("on", c.On), checkProgram("off", c.Off))
	} else if len(c.On)+len(c.Off) > 0 {
		bad("on and off belong to the driver command")
	}
	if c.WarmUp < 0 || c.WarmUp > maxWarmUp {
		bad("warm_up_ms %d, want 0 to %d", c.WarmUp.Milliseconds(), maxWarmUp.Milliseconds())
	}
	if c.Timeout < minCall || c.Timeout > OffWithin {
		bad("timeout_ms %d, want %d to %d", c.Timeout.Milliseconds(), minCall.Milliseconds(), OffWithin.Milliseconds())
	}
	if c.Hold < 0 || c.Hold+c.Timeout > OffWithin {
		bad("hold_ms %d and timeout_ms %d, want together at most %d: the amplifier is off so soon after the last sound",
			c.Hold.Milliseconds(), c.Timeout.Milliseconds(), OffWithin.Milliseconds())
	}
	return errors.Join(errs...)
}

// checkProgram wants a path, since a search in PATH finds another program tomorrow.
func checkProgram(key string, argv []string) error {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return fmt.Errorf("%w: amplifier: %s: name a program by its full path, and its arguments", radio.ErrInvalid, key)
	}
	if len(argv) > maxArgs {
		return fmt.Errorf("%w: amplifier: %s: %d words, at most %d", radio.ErrInvalid, key, len(argv), maxArgs)
	}
	for _, a := range argv {
		if len(a) > maxArg || strings.ContainsRune(a, 0) {
			return fmt.Errorf("%w: amplifier: %s: a word of %d bytes, at most %d and no zero byte", radio.ErrInvalid, key, len(a), maxArg)
		}
	}
	return nil
}

func newDriver(c Config, log *slog.Logger) (driver, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch c.Driver {
	case DriverGPIO:
		return newGPIO(c)
	case DriverCommand:
		return newCommand(c, log)
	}
	return nil, fmt.Errorf("%w: amplifier: driver none switches nothing", radio.ErrInvalid)
}

// Off switches off once, for those that come after a process which has died: its
// player, the service manager, the next start. owner, unless 0, is the process whose
// power it was; what another has switched on since is left alone. The error is of kind
// ErrConflict when somebody alive holds the switch and is answerable for it.
func Off(ctx context.Context, c Config, owner int, log *slog.Logger) error {
	d, err := newDriver(c, log)
	if err != nil {
		return err
	}
	if o, ok := d.(interface{ only(owner int) }); ok {
		o.only(owner)
	}
	err = d.set(ctx, false)
	if err = errors.Join(err, d.close()); err != nil {
		return fmt.Errorf("switch the amplifier off: %w", err)
	}
	return nil
}
