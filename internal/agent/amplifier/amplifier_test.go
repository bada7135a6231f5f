package amplifier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

var quiet = slog.New(slog.DiscardHandler)

// relay is a switch that takes its time and fails when told to.
type relay struct {
	mu     sync.Mutex
	takes  time.Duration
	broken error
	told   []string
	on     bool
	closed bool
}

func (r *relay) set(ctx context.Context, on bool) error {
	time.Sleep(r.takes) // in the bubble
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.broken != nil {
		r.told = append(r.told, "failed "+word(on))
		return r.broken
	}
	r.on = on
	r.told = append(r.told, word(on))
	return nil
}

func (r *relay) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

func (r *relay) breaks(broken error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

func (r *relay) calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// faults records openings and closings, each once.
type faults struct {
	mu   sync.Mutex
	open bool
	log  []string
}

func (f *faults) Raise(_ context.Context, code, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		f.open = true
		f.log = append(f.log, "+"+code)
	}
}

func (f *faults) Clear(_ context.Context, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open {
		f.open = false
		f.log = append(f.log, "-"+code)
	}
}

// world runs an amplifier on a relay inside a bubble; end stops it.
func world(t *testing.T, r *relay) (a *Amplifier, f *faults, end func()) {
	began := time.Now()
	f = &faults{}
	a = withDriver(Config{WarmUp: time.Second, Hold: time.Second, Timeout: time.Second}, r, func() time.Duration { return time.Since(began) }, f, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	synctest.Wait()
	return a, f, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !r.closed {
			t.Error("the switch was not given back")
		}
	}
}

func (a *Amplifier) is(t *testing.T, want radio.AmplifierState) time.Duration {
	t.Helper()
	synctest.Wait()
	state, since := a.Power()
	if state != want {
		t.Errorf("amplifier is %s, want %s", state, want)
	}
	return since
}

func TestSwitch(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		do    func(t *testing.T, a *Amplifier, r *relay, f *faults)
		calls string
		fault string
	}{
		"off at boot and not again at exit": {do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			a.is(t, radio.AmplifierOff)
		}, calls: "off"},
		"on, off": {do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			a.Want(true)
			a.is(t, radio.AmplifierOn)
			a.Want(true)
			a.Want(false)
			a.is(t, radio.AmplifierOff)
		}, calls: "off on off"},
		"on at exit": {do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			a.Want(true)
			a.is(t, radio.AmplifierOn)
		}, calls: "off on off"},
		"warm counts from when the switch has obeyed": {takes: 300 * time.Millisecond, do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			time.Sleep(time.Second)
			a.Want(true)
			a.is(t, radio.AmplifierSwitching)
			time.Sleep(400 * time.Millisecond)
			if since := a.is(t, radio.AmplifierOn); since != 1300*time.Millisecond {
				t.Errorf("on since %s", since)
			}
		}, calls: "off on off"},
		"another wish while it switches": {takes: 300 * time.Millisecond, do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			time.Sleep(time.Second)
			a.Want(true)
			time.Sleep(100 * time.Millisecond)
			a.Want(false)
			time.Sleep(250 * time.Millisecond)
			a.is(t, radio.AmplifierSwitching) // on for a moment, and nobody was told
			time.Sleep(time.Second)
			a.is(t, radio.AmplifierOff)
		}, calls: "off on off"},
		"nobody counts on power that was about to go": {takes: 300 * time.Millisecond, do: func(t *testing.T, a *Amplifier, _ *relay, _ *faults) {
			a.Want(true)
			time.Sleep(time.Second)
			a.is(t, radio.AmplifierOn)
			a.Want(false)
			a.Want(true)
			if state, _ := a.Power(); state != radio.AmplifierSwitching {
				t.Errorf("%s at once", state)
			}
			time.Sleep(time.Second)
			a.is(t, radio.AmplifierOn)
		}, calls: "off on on off"},
		"a switch that fails is one fault, and is tried again": {do: func(t *testing.T, a *Amplifier, r *relay, _ *faults) {
			r.breaks(errors.New("no such line"))
			a.Want(true)
			a.is(t, radio.AmplifierFailed)
			time.Sleep(2 * time.Second)
			a.is(t, radio.AmplifierFailed)
			r.breaks(nil)
			time.Sleep(2 * time.Second)
			a.is(t, radio.AmplifierOn)
		}, calls: "off failed on failed on failed on failed on on off", fault: "+amplifier -amplifier"},
		"an off that fails is tried for ever": {do: func(t *testing.T, a *Amplifier, r *relay, _ *faults) {
			a.Want(true)
			a.is(t, radio.AmplifierOn)
			r.breaks(errors.New("stuck"))
			a.Want(false)
			time.Sleep(time.Hour)
			if n := len(r.calls()); n < 700 {
				t.Errorf("%d tries in an hour", n)
			}
			r.breaks(nil)
			time.Sleep(5 * time.Second)
			a.is(t, radio.AmplifierOff)
		}, fault: "+amplifier -amplifier"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &relay{takes: c.takes, on: true}
				a, f, end := world(t, r)
				c.do(t, a, r, f)
				end()
				if got := strings.Join(r.calls(), " "); c.calls != "" && got != c.calls {
					t.Errorf("calls %q, want %q", got, c.calls)
				}
				if got := strings.Join(f.log, " "); got != c.fault {
					t.Errorf("faults %q, want %q", got, c.fault)
				}
				if r.on {
					t.Error("left on")
				}
			})
		})
	}
}

func TestConfig(t *testing.T) {
	good := Config{Driver: DriverCommand, On: []string{"/usr/bin/amp", "on"}, Off: []string{"/usr/bin/amp", "off"},
		WarmUp: time.Second, Hold: 2 * time.Second, Timeout: 2 * time.Second}
	gpio := Config{Driver: DriverGPIO, Chip: "gpiochip0", Line: 7, ActiveLow: true, Timeout: time.Second}
	for name, c := range map[string]struct {
		cfg  Config
		want string // "" for good
	}{
		"command": {good, ""}, "gpio": {gpio, ""},
		"none":            {Config{Driver: DriverNone, Timeout: time.Second}, ""},
		"udev's name":     {with(gpio, func(c *Config) { c.Chip = "/dev/loaxa/amp" }), ""},
		"no driver":       {with(good, func(c *Config) { c.Driver = "relay" }), "driver"},
		"other file":      {with(gpio, func(c *Config) { c.Chip = "/etc/passwd" }), "chip"},
		"upwards":         {with(gpio, func(c *Config) { c.Chip = "/dev/../etc/passwd" }), "chip"},
		"line":            {with(gpio, func(c *Config) { c.Line = -1 }), "line"},
		"line of none":    {Config{Driver: DriverNone, Line: 3, Timeout: time.Second}, "driver gpio"},
		"no off":          {with(good, func(c *Config) { c.Off = nil }), "off"},
		"searched":        {with(good, func(c *Config) { c.On = []string{"amp"} }), "full path"},
		"zero byte":       {with(good, func(c *Config) { c.On = []string{"/bin/amp", "a\x00b"} }), "zero byte"},
		"many words":      {with(good, func(c *Config) { c.On = slices.Repeat([]string{"/x"}, 33) }), "33 words"},
		"command of gpio": {with(gpio, func(c *Config) { c.On = []string{"/x"} }), "driver command"},
		"warm for ever":   {with(good, func(c *Config) { c.WarmUp = time.Minute }), "warm_up_ms"},
		"held too long":   {with(good, func(c *Config) { c.Hold = 4 * time.Second }), "hold_ms"},
		"no time":         {with(good, func(c *Config) { c.Timeout = 0 }), "timeout_ms"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.Check()
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not name %s", err, c.want)
			}
		})
	}
	if _, err := New(Config{Driver: DriverNone, Timeout: time.Second}, nil, nil, quiet); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a switch of none: %v", err)
	}
}

func with(c Config, change func(*Config)) Config {
	change(&c)
	return c
}
