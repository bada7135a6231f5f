package amplifier

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

// chip is a GPIO chip with the kernel's own rules: a line has one owner at a time.
type chip struct {
	path     string
	files    map[int]string
	next     int
	owner    int // of the line; 0: nobody
	level    string
	consumer string
	told     []string
	gone     bool
}

func newChip() *chip { return &chip{path: "/dev/gpiochip1", files: map[int]string{}, next: 10} }

func (c *chip) kernel() kernel {
	return kernel{open: c.open, ioctl: c.ioctl, close: c.close}
}

func (c *chip) open(path string) (int, error) {
	if path != c.path || c.gone {
		return -1, unix.ENOENT
	}
	c.next++
	c.files[c.next] = "chip"
	return c.next, nil
}

func (c *chip) ioctl(fd int, request uint, arg unsafe.Pointer) error {
	switch {
	case c.gone:
		return unix.ENODEV
	case c.files[fd] == "chip" && request == gpioGetLine:
		r := (*gpioRequest)(arg)
		if c.owner != 0 {
			return unix.EBUSY
		}
		if r.numLines != 1 || r.offsets[0] != 7 || r.flags&gpioOutput == 0 || r.numAttrs != 1 ||
			r.attrs[0].id != gpioOutputValues || r.attrs[0].mask != 1 {
			return unix.EINVAL
		}
		c.next++
		c.owner, c.files[c.next], r.fd = c.next, "line", int32(c.next)
		c.consumer = strings.TrimRight(string(r.consumer[:]), "\x00")
		c.set(r.attrs[0].value == 1, r.flags&gpioActiveLow != 0)
		c.files[c.next] = map[bool]string{true: "low", false: "line"}[r.flags&gpioActiveLow != 0]
	case c.owner == fd && request == gpioSetValues:
		v := (*gpioValues)(arg)
		if v.mask != 1 {
			return unix.EINVAL
		}
		c.set(v.bits == 1, c.files[fd] == "low")
	default:
		return unix.EBADF
	}
	return nil
}

func (c *chip) set(active, low bool) {
	c.level = "low"
	if active != low {
		c.level = "high"
	}
	c.told = append(c.told, c.level)
}

func (c *chip) close(fd int) error {
	if c.files[fd] == "" {
		return unix.EBADF
	}
	delete(c.files, fd)
	if c.owner == fd {
		c.owner = 0
	}
	return nil
}

func TestGPIO(t *testing.T) {
	if n := unsafe.Sizeof(gpioRequest{}); n != 592 || unsafe.Offsetof(gpioRequest{}.fd) != 588 || unsafe.Offsetof(gpioRequest{}.attrs) != 320 {
		t.Fatalf("the request has %d bytes, not those of linux/gpio.h", n)
	}
	cfg := Config{Driver: DriverGPIO, Chip: "gpiochip1", Line: 7, Timeout: time.Second}
	for name, c := range map[string]struct {
		low  bool
		want []string
	}{
		"high is on": {false, []string{"low", "high", "low"}},
		"low is on":  {true, []string{"high", "low", "high"}},
	} {
		t.Run(name, func(t *testing.T) {
			chip := newChip()
			cfg := cfg
			cfg.ActiveLow = c.low
			g := &gpio{cfg: cfg, kernel: chip.kernel(), fd: -1}
			for _, on := range []bool{false, true, false} {
				if err := g.set(t.Context(), on); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(chip.told, c.want) || chip.consumer != "loaxa-agent" || chip.owner == 0 {
				t.Errorf("levels %v, chip %+v", chip.told, chip)
			}
			if err := g.close(); err != nil || len(chip.files) != 0 || chip.owner != 0 {
				t.Errorf("%v, left open %v", err, chip.files)
			}
		})
	}
	t.Run("held by another", func(t *testing.T) {
		chip := newChip()
		one, two := &gpio{cfg: cfg, kernel: chip.kernel(), fd: -1}, &gpio{cfg: cfg, kernel: chip.kernel(), fd: -1}
		if err := one.set(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := two.set(t.Context(), false); !errors.Is(err, radio.ErrConflict) || chip.level != "high" {
			t.Errorf("%v, level %s", err, chip.level)
		}
		if err := one.close(); err != nil {
			t.Fatal(err)
		}
		if err := two.set(t.Context(), false); err != nil || chip.level != "low" {
			t.Errorf("after the death of the first: %v, level %s", err, chip.level)
		}
	})
	t.Run("a chip that goes and comes back", func(t *testing.T) {
		chip := newChip()
		g := &gpio{cfg: cfg, kernel: chip.kernel(), fd: -1}
		if err := g.set(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		chip.gone = true
		for range 3 {
			if err := g.set(t.Context(), true); err == nil {
				t.Fatal("set on a chip that is gone")
			}
		}
		chip.gone = false
		if err := g.set(t.Context(), true); err != nil || chip.level != "high" || len(chip.files) != 1 {
			t.Errorf("%v, %+v", err, chip)
		}
	})
	t.Run("no chip on this board", func(t *testing.T) {
		err := newSwitch(t, Config{Driver: DriverGPIO, Chip: "gpiochip999", Timeout: time.Second}).set(t.Context(), true)
		if !errors.Is(err, unix.ENOENT) {
			t.Error(err)
		}
	})
}
