package amplifier

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

// The part of version 2 of the GPIO character device that one output needs
// (linux/gpio.h, since Linux 5.10).
const (
	gpioGetLine   = 0xc250b407 // GPIO_V2_GET_LINE_IOCTL
	gpioSetValues = 0xc010b40f // GPIO_V2_LINE_SET_VALUES_IOCTL

	gpioActiveLow    = 1 << 1 // GPIO_V2_LINE_FLAG_ACTIVE_LOW
	gpioOutput       = 1 << 3 // GPIO_V2_LINE_FLAG_OUTPUT
	gpioOutputValues = 2      // GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES
)

type gpioAttribute struct { // gpio_v2_line_config_attribute
	id, _ uint32
	value uint64
	mask  uint64
}

type gpioRequest struct { // gpio_v2_line_request
	offsets  [64]uint32
	consumer [32]byte
	flags    uint64
	numAttrs uint32
	_        [5]uint32
	attrs    [10]gpioAttribute
	numLines uint32
	_        uint32 // event buffer
	_        [5]uint32
	fd       int32
}

type gpioValues struct{ bits, mask uint64 } // gpio_v2_line_values

// kernel is the way to the chip; tests put their own in its place.
type kernel struct {
	open  func(path string) (fd int, err error)
	ioctl func(fd int, request uint, arg unsafe.Pointer) error
	close func(fd int) error
}

func realKernel() kernel {
	return kernel{
		open: func(path string) (int, error) { return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0) },
		ioctl: func(fd int, request uint, arg unsafe.Pointer) error {
			if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); e != 0 {
				return e
			}
			return nil
		},
		close: unix.Close,
	}
}

// gpio holds one line as an output. While it is held nobody else can drive it, and it
// keeps its level; given back it may keep that level too, so it is off before.
type gpio struct {
	cfg    Config
	kernel kernel
	fd     int // of the line; −1: not held
}

func newGPIO(c Config) (driver, error) { return &gpio{cfg: c, kernel: realKernel(), fd: -1}, nil }

func (g *gpio) set(_ context.Context, on bool) error {
	if g.fd < 0 {
		return g.take(on)
	}
	values := gpioValues{mask: 1}
	if on {
		values.bits = 1
	}
	if err := g.kernel.ioctl(g.fd, gpioSetValues, unsafe.Pointer(&values)); err != nil {
		// A chip that went (a USB one) comes back as another: ask anew the next time.
		return errors.Join(fmt.Errorf("set %s line %d: %w", g.path(), g.cfg.Line, err), g.close())
	}
	return nil
}

// take asks for the line with its level in one step, so that it never has another.
func (g *gpio) take(on bool) error {
	chip, err := g.kernel.open(g.path())
	if err != nil {
		return fmt.Errorf("open %s: %w", g.path(), err)
	}
	r := gpioRequest{flags: gpioOutput, numLines: 1, numAttrs: 1}
	r.offsets[0] = uint32(g.cfg.Line)
	copy(r.consumer[:len(r.consumer)-1], "loaxa-agent")
	if g.cfg.ActiveLow {
		r.flags |= gpioActiveLow
	}
	r.attrs[0] = gpioAttribute{id: gpioOutputValues, mask: 1}
	if on {
		r.attrs[0].value = 1
	}
	err = g.kernel.ioctl(chip, gpioGetLine, unsafe.Pointer(&r))
	cerr := g.kernel.close(chip)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%w: %s line %d is held by another process", radio.ErrConflict, g.path(), g.cfg.Line)
	}
	if err != nil {
		return fmt.Errorf("take %s line %d: %w", g.path(), g.cfg.Line, err)
	}
	g.fd = int(r.fd)
	return cerr
}

func (g *gpio) close() error {
	if g.fd < 0 {
		return nil
	}
	fd := g.fd
	g.fd = -1
	if err := g.kernel.close(fd); err != nil {
		return fmt.Errorf("give back %s line %d: %w", g.path(), g.cfg.Line, err)
	}
	return nil
}

func (g *gpio) path() string {
	if strings.HasPrefix(g.cfg.Chip, "/") {
		return g.cfg.Chip
	}
	return "/dev/" + g.cfg.Chip
}
