package central

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// departures plays the rooms that dismissals tells, and records in which order.
type departures struct {
	mu      sync.Mutex
	devices []radio.Device
	events  []string
	fail    map[string]error
}

func (d *departures) say(what string, id radio.DeviceID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, what+" "+string(id))
	return d.fail[what]
}

func (d *departures) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = nil
}

func (d *departures) Places(context.Context) ([]radio.Place, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []radio.Place
	for _, x := range d.devices {
		out = append(out, radio.Place{Device: x})
	}
	return out, d.fail["places"]
}

func (d *departures) did() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.events
	d.events = nil
	return out
}

type doors struct{ *departures }

func (d doors) Dismiss(_ context.Context, id radio.DeviceID, hears time.Duration) {
	if hears < lastWord {
		_ = d.say("deaf too early", id)
	}
	_ = d.say("shut", id) // only noted
}
func (d doors) Retire(_ context.Context, id radio.DeviceID, _ radio.Millis, speaks time.Duration) error {
	if speaks < lastRecords+dismissAgain {
		return d.say("not heard out", id)
	}
	return d.say("heard out", id)
}
func (d doors) Forget(radio.DeviceID) {}

type ears struct{ *departures }

func (d ears) Forget(id radio.DeviceID) { _ = d.say("unheard", id) }

type words struct{ *departures }

func (d words) Dismiss(_ context.Context, p radio.Place) error { return d.say("told", p.Device.ID) }
func (d words) Clear(_ context.Context, id radio.DeviceID) error {
	return d.say("cleared", id)
}

type cuts struct{ *departures }

func (d cuts) Disconnect(device string) error { return d.say("cut", radio.DeviceID(device)) }

func TestDismissals(t *testing.T) {
	for name, c := range map[string]struct {
		device radio.Device
		fail   map[string]error
		want   []string
		again  []string // at the next look, with nothing failing
	}{
		"enrolled":      {device: radio.Device{ID: "A", Enrolled: 5}},
		"never was":     {device: radio.Device{ID: "A"}},
		"anew since":    {device: radio.Device{ID: "A", Enrolled: 9, Revoked: 8}},
		"revoked":       {device: radio.Device{ID: "A", Revoked: 8}, want: []string{"shut A", "unheard A", "told A", "cut A"}},
		"retired":       {device: radio.Device{ID: "A", Retired: 8}, want: []string{"shut A", "unheard A", "told A", "cut A", "cleared A"}},
		"not told":      {radio.Device{ID: "A", Revoked: 8}, map[string]error{"told": radio.ErrUnavailable}, []string{"shut A", "unheard A", "told A", "cut A"}, []string{"shut A", "unheard A", "told A", "cut A"}},
		"not cleared":   {radio.Device{ID: "A", Retired: 8}, map[string]error{"cleared": radio.ErrUnavailable}, []string{"shut A", "unheard A", "told A", "cut A", "cleared A"}, []string{"shut A", "unheard A", "told A", "cut A", "cleared A"}},
		"store is away": {radio.Device{ID: "A", Revoked: 8}, map[string]error{"places": radio.ErrUnavailable}, nil, []string{"shut A", "unheard A", "told A", "cut A"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &departures{devices: []radio.Device{c.device}, fail: c.fail}
				w := newDismissals(d, doors{d}, ears{d}, words{d}, cuts{d}, time.Now, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				time.Sleep(lastWord + time.Second)
				synctest.Wait()
				if got := d.did(); !slices.Equal(got, c.want) {
					t.Errorf("did %q, want %q", got, c.want)
				}
				d.mend()
				time.Sleep(dismissAgain + lastWord)
				synctest.Wait()
				if got := d.did(); !slices.Equal(got, c.again) {
					t.Errorf("then did %q, want %q", got, c.again)
				}
				w.Look()
				time.Sleep(lastWord)
				synctest.Wait()
				if got := d.did(); len(got) != 0 {
					t.Errorf("and then did %q", got)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A second revocation of a device that was enrolled anew in between is another one.
func TestDismissedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &departures{devices: []radio.Device{{ID: "A", Revoked: 8}}}
		w := newDismissals(d, doors{d}, ears{d}, words{d}, cuts{d}, time.Now, slog.New(slog.DiscardHandler))
		look := func() int {
			if err := w.look(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return len(d.did())
		}
		if n := look(); n != 4 {
			t.Errorf("%d events", n)
		}
		d.devices[0].Enrolled, d.devices[0].Revoked = 9, 0
		if n := look(); n != 0 {
			t.Errorf("%d events for an enrolled device", n)
		}
		d.devices[0].Enrolled, d.devices[0].Revoked = 0, 10
		if n := look(); n != 4 {
			t.Errorf("%d events at the second time", n)
		}
	})
}

// TestRetiredIsHeardOut: one that was taken out of use just now is told at once, and cut off
// when its last records had the time to come; revoked meanwhile it is cut off like any other.
func TestRetiredIsHeardOut(t *testing.T) {
	for name, c := range map[string]struct {
		fail map[string]error
		now  []string // at once
		then []string // until the last records are in
		last []string
	}{
		"told":       {nil, []string{"heard out A", "told A"}, nil, []string{"shut A", "unheard A", "told A", "cut A", "cleared A"}},
		"told later": {map[string]error{"told": radio.ErrUnavailable}, []string{"heard out A", "told A"}, []string{"heard out A", "told A"}, []string{"shut A", "unheard A", "told A", "cut A", "cleared A"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &departures{devices: []radio.Device{{ID: "A", Retired: radio.At(time.Now())}}, fail: c.fail}
				w := newDismissals(d, doors{d}, ears{d}, words{d}, cuts{d}, time.Now, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				for i, want := range [][]string{c.now, c.then, c.last} {
					time.Sleep([]time.Duration{lastWord, lastRecords - 2*lastWord, dismissAgain + 2*lastWord}[i])
					synctest.Wait()
					if got := d.did(); !slices.Equal(got, want) {
						t.Errorf("step %d: did %q, want %q", i, got, want)
					}
					d.mend()
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
