package alert

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// crowd is an area of many devices behind a broker that takes its time, and of some of
// them nothing.
type crowd struct {
	Papers
	Map

	devices []radio.AlertTarget
	slow    time.Duration

	mu       sync.Mutex
	standing []radio.AlertRecord
	stalled  map[radio.DeviceID]bool
	told     map[radio.DeviceID]int
	areas    map[radio.AreaID]time.Time
}

func newCrowd(n int) *crowd {
	c := &crowd{stalled: map[radio.DeviceID]bool{}, told: map[radio.DeviceID]int{}, areas: map[radio.AreaID]time.Time{}}
	for range n {
		c.devices = append(c.devices, radio.AlertTarget{Device: radio.NewID[radio.DeviceID]()})
	}
	return c
}

func (c *crowd) desk() *Desk {
	return New(Rooms{Papers: c, Heard: c, Map: c, Publisher: c}, time.Now, slog.New(slog.DiscardHandler))
}

// issue puts one more alert where Run finds it.
func (c *crowd) issue() radio.AreaID {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := radio.At(time.Now())
	a := radio.AlertRecord{ID: radio.NewID[radio.AlertID](), State: radio.AlertIssued, Wish: radio.AlertWish{Area: radio.NewID[radio.AreaID]()},
		Paper: radio.AlertPaper{Envelope: []byte("signed"), SentAt: now, ExpiresAt: now.Add(time.Hour)}}
	c.standing = append(c.standing, a)
	return a.Wish.Area
}

func (c *crowd) StandingAlerts(context.Context, radio.Millis) ([]radio.AlertRecord, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.standing), nil
}

func (c *crowd) AlertTargets(context.Context, radio.AlertID) ([]radio.AlertTarget, error) {
	return c.devices, nil
}

func (c *crowd) ReceiptSteps(context.Context, string, radio.DeviceID) ([]radio.Receipt, error) {
	return nil, nil
}

func (c *crowd) AlertCycles(context.Context, radio.AlertRecord) ([]radio.AlertCycle, error) {
	return nil, nil
}

func (c *crowd) Publish(_ context.Context, topic string, _ []byte, _ bool) error {
	time.Sleep(c.slow)
	c.mu.Lock()
	defer c.mu.Unlock()
	to, err := wire.ParseTopic(topic)
	switch {
	case err != nil:
		return err
	case c.stalled[to.Device]:
		return fmt.Errorf("%w: stalled", radio.ErrUnavailable)
	case to.Area != "":
		c.areas[to.Area] = time.Now()
	default:
		c.told[to.Device]++
	}
	return nil
}

// count gives how many devices were told so many times.
func (c *crowd) count(times int) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.devices {
		if c.told[d.Device] == times {
			n++
		}
	}
	return n
}

// TestStalledDevices: devices that take nothing hold nobody up and make nobody hear an
// alert again; they get it when they take it.
func TestStalledDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(300)
		for _, d := range c.devices[:40] {
			c.stalled[d.Device] = true
		}
		c.issue() // before Run looks: nobody tells it to look again
		defer running(t, c.desk())()
		time.Sleep(9 * time.Second)
		if n := c.count(1); n != 260 {
			t.Errorf("%d of 260 devices were told once in the first round", n)
		}
		c.mu.Lock()
		clear(c.stalled)
		c.mu.Unlock()
		time.Sleep(longestRetry)
		if n := c.count(0); n != 0 {
			t.Errorf("%d devices were not told when they took it again", n)
		}
	})
}

// TestNewestFirst: a new alert does not wait until an older one is with everybody.
func TestNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(500)
		c.slow = 20 * time.Millisecond
		d := c.desk()
		c.issue()
		defer running(t, d)()
		time.Sleep(4 * time.Second) // its first round is under way
		second := c.issue()
		begun := time.Now()
		d.Look()
		time.Sleep(30 * time.Second)
		c.mu.Lock()
		at, ok := c.areas[second]
		c.mu.Unlock()
		if most := (atOnce + 2) * c.slow; !ok || at.Sub(begun) > most {
			t.Errorf("the area of the second was told after %s, want at most %s", at.Sub(begun), most)
		}
		if n := c.count(0); n != 0 {
			t.Errorf("%d devices were told of neither", n)
		}
	})
}
