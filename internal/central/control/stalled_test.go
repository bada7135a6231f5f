package control

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// many lays down so many devices more, in the hamlet of the fourth.
func (h *house) many(n int) {
	last := h.places[3]
	for i := range n {
		p := last
		p.Device.ID, p.Device.Code = radio.NewID[radio.DeviceID](), fmt.Sprint("m", i)
		h.places = append(h.places, p)
	}
}

// count is how many messages the broker took.
func (h *house) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sent)
}

// Devices that take nothing hold nobody up: not the others of their order, not its next
// rounds; and they get it when they take it again.
func TestStalledDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.many(40)
		h.stalled = map[radio.DeviceID]bool{}
		for n := range 12 {
			h.stalled[h.places[5+n].Device.ID] = true
		}
		h.run(func() {
			if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, radio.Everywhere), radio.CommandOrder{Do: radio.CommandStop, Area: h.areas[0].ID, Confirm: 44}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2900 * time.Millisecond)
			if n := h.count(); n != 32 {
				t.Errorf("%d of 32 devices told beside stalled ones", n)
			}
			time.Sleep(time.Second)
			if n := h.count(); n != 64 {
				t.Errorf("%d messages after the second round, want 64", n)
			}
			h.mu.Lock()
			h.stalled, h.sent = nil, nil
			h.mu.Unlock()
			time.Sleep(2 * time.Second)
			if n := h.count(); n != 12 {
				t.Errorf("%d of 12 devices told when they take it again", n)
			}
		})
	})
}

// One device is silenced while a province is under way.
func TestSmallOrdersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.many(996)
		h.slow = 20 * time.Millisecond
		h.run(func() {
			by := person(radio.RoleOperator, radio.Everywhere)
			if _, err := h.desk.Issue(t.Context(), by, radio.CommandOrder{Do: radio.CommandVolume, Area: h.areas[0].ID, Confirm: 1000}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			b, err := h.desk.Issue(t.Context(), by, radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1)}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(atOnce*h.slow + time.Second)
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, raw := range h.raw {
				var c radio.Command
				if err := wire.Unseal(wire.Command, string(h.device(1)), raw, trust.Only(h.key.Public()), &c); err == nil && c.Do == b.Do {
					return
				}
			}
			t.Errorf("not sent while %d messages of the large order were", len(h.raw))
		})
	})
}

// Who has no connection gets it at its hello, and nothing waits in the way of that; what
// the broker does not take then goes out soon.
func TestAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var away atomic.Bool
		away.Store(true)
		h.desk.rooms.Away = func(d radio.DeviceID) bool { return away.Load() && d == h.device(1) }
		h.run(func() {
			if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, radio.Everywhere), radio.CommandOrder{Do: radio.CommandRestart, Devices: []radio.DeviceID{h.device(1)}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			away.Store(false)
			h.mu.Lock()
			h.refuse = 1
			h.mu.Unlock()
			if err := h.desk.Hello(t.Context(), h.device(1)); err == nil {
				t.Error("the hello of a stalled device says nothing of it")
			}
			time.Sleep(time.Minute)
		})
		if want := []string{"d1 60s"}; len(h.sent) != 1 {
			t.Errorf("sent %q, want %q", h.sent, want)
		}
	})
}
