package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var errDown = fmt.Errorf("%w: down", radio.ErrUnavailable)

func refresh(t *testing.T, d *Dispatcher) {
	t.Helper()
	if err := d.refresh(t.Context(), true, nil); err != nil {
		t.Fatal(err)
	}
}

func TestFirstIssue(t *testing.T) {
	h := newHouse(t, 2)
	h.places[1].Device.Enrolled = 0
	h.withdraw = []radio.SHA256{radio.SHA256(strings.Repeat("e", 64))}
	refresh(t, h.dispatcher())
	// Only the enrolled device; its hours before its programme; frozen before it is told.
	expect(t, h, "store 1 settings 0", "send 1 settings", "store 1 policy 0", "send 1 policy",
		"store 1 programme 0", "freeze 1 0", "send 1 programme")

	p := last[radio.Programme](h, device(1), wire.Programme)
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	if p.Revision != begin.Unix() || p.IssuedAt != radio.At(begin) || p.NotAfter != radio.At(begin.AddDate(0, 0, 35)) || len(p.Slots) != 1 || len(p.Withdrawn) != 1 {
		t.Errorf("programme %+v", p)
	}
	if q := last[radio.Policy](h, device(1), wire.Policy); q.Label != "default" || q.Device != device(1) || q.Revision != begin.Unix() || q.Check() != nil {
		t.Errorf("policy %+v", q)
	}
	if s := last[radio.Settings](h, device(1), wire.Settings); s.JitterMS != 60000 || len(s.Areas) != 3 || s.Revision != begin.Unix() {
		t.Errorf("settings %+v", s)
	}
	for _, i := range h.issued {
		if wantEnd := i.Document == "programme"; (i.NotAfter != 0) != wantEnd || !i.Digest.Valid() || len(i.Payload) == 0 || len(i.Envelope) <= len(i.Payload) {
			t.Errorf("issued %s: %+v", i.Document, i)
		}
	}
	// Another device cannot use it.
	m := h.sent[len(h.sent)-1]
	var out radio.Programme
	if err := wire.Unseal(wire.Programme, string(device(2)), m.payload, h.keyring.OnlineLookup("programme", radio.At(begin), nil), &out); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("opened for another device: %v", err)
	}
}

func TestReissue(t *testing.T) {
	programmeAgain := func(revision int64) []string {
		return []string{fmt.Sprintf("store 1 programme %d", revision), fmt.Sprintf("freeze 1 %d", revision), "send 1 programme"}
	}
	cases := []struct {
		name   string
		change func(h *house)
		want   []string
	}{
		{"nothing changed", func(h *house) {}, nil},
		{"seven days on, 28 remain", func(h *house) { h.now = begin.AddDate(0, 0, 7) }, nil},
		{"fewer than 28 days remain", func(h *house) { h.now = begin.AddDate(0, 0, 7).Add(time.Second) }, programmeAgain(7*86400 + 1)},
		{"changed in the same second", func(h *house) { h.plan.Schedules[0].Slots[0].Cron = "1 5 * * *" }, programmeAgain(1)},
		{"changed later", func(h *house) {
			h.now = begin.Add(time.Minute)
			h.plan.Schedules = nil
		}, programmeAgain(60)},
		{"the centre's clock was set back", func(h *house) {
			h.now = begin.Add(-time.Hour)
			h.plan.Schedules = nil
		}, programmeAgain(1)},
		{"a bulletin is withdrawn", func(h *house) {
			h.plan.Bulletins[0].State = radio.Withdrawn
			h.withdraw = []radio.SHA256{h.plan.Bulletins[0].Renditions[0].SHA256}
		}, programmeAgain(1)},
		{"the order of what was read", func(h *house) {
			h.plan.Bulletins = append([]radio.Bulletin{bulletin(9)}, h.plan.Bulletins...)
		}, nil},
		{"a policy", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: provinceID}, Zone: zone, Windows: []radio.Window{{From: 300, To: 420}}}}
		}, []string{"store 1 policy 1", "send 1 policy"}},
		{"the device's name", func(h *house) { h.places[0].Device.Name = "Cụm mới" }, []string{"store 1 settings 1", "send 1 settings"}},
		{"how it is set up", func(h *house) { h.places[0].Device.Setup = radio.Setup{OffsetMS: -20, StaggerMS: 2500} }, []string{"store 1 settings 1", "send 1 settings"}},
		{"where it stands is the centre's affair", func(h *house) { h.places[0].Device.Setup.Position.Latitude = 18 }, nil},
		{"the online key", func(h *house) { h.rotate(2) },
			append([]string{"store 1 settings 1", "send 1 settings", "store 1 policy 1", "send 1 policy"}, programmeAgain(1)...)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, 1)
			d := h.dispatcher()
			refresh(t, d)
			h.did()
			c.change(h)
			refresh(t, d)
			expect(t, h, c.want...)
			refresh(t, d)
			expect(t, h)
			if s, want := last[radio.Settings](h, device(1), wire.Settings), h.places[0].Device.Setup; s.OffsetMS != want.OffsetMS || s.StaggerMS != want.StaggerMS {
				t.Errorf("settings %+v", s)
			}
		})
	}
}

// A document that cannot be made keeps neither the device's others nor other
// devices back, and what the device has stays.
func TestOneBadPartDoesNotHoldUpTheRest(t *testing.T) {
	cases := []struct {
		name string
		bad  func(h *house)
		says string
	}{
		{"larger than 64 KB", func(h *house) {
			for n := range 200 {
				b := bulletin(100 + n)
				b.Title = strings.Repeat("ữ", 200)
				h.plan.Bulletins = append(h.plan.Bulletins, b)
			}
			for n := range 20 {
				var all []int
				for i := range 10 {
					all = append(all, 100+10*n+i)
				}
				h.plan.Schedules = append(h.plan.Schedules, schedule(10+n, radio.Target{Device: device(1)}, "0 6 * * *", all...))
			}
		}, "at most 65536"},
		{"another zone", func(h *house) {
			s := schedule(2, radio.Target{Device: device(1)}, "0 6 * * *", 1)
			s.Zone = "Asia/Tokyo"
			h.plan.Schedules = append(h.plan.Schedules, s)
		}, "in zone"},
		{"more airings than a device can expand", func(h *house) {
			for n := range 5 {
				s := schedule(2+n, radio.Target{Device: device(1)}, "* * * * *", 1)
				s.Slots[0].Items[0].Repeat = 10
				h.plan.Schedules = append(h.plan.Schedules, s)
			}
		}, "airings a day"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, 2)
			d := h.dispatcher()
			refresh(t, d)
			h.did()
			c.bad(h)
			h.places[0].Device.Name = "Cụm mới"
			h.plan.Schedules[0].Slots[0].Cron = "1 5 * * *"
			err := d.refresh(t.Context(), true, nil)
			if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "cum-1") || strings.Contains(err.Error(), "cum-2") {
				t.Fatalf("error %v", err)
			}
			expect(t, h, "store 1 settings 1", "send 1 settings", "store 2 programme 1", "freeze 2 1", "send 2 programme")
		})
	}
}

func TestRefreshOfSomeDevices(t *testing.T) {
	h := newHouse(t, 3)
	if err := h.dispatcher().refresh(t.Context(), false, map[radio.DeviceID]held{device(2): nil}); err != nil {
		t.Fatal(err)
	}
	for _, e := range h.did() {
		if !strings.Contains(e, " 2 ") && !strings.HasSuffix(e, " 2") {
			t.Errorf("did %q", e)
		}
	}
}

func TestRepublishFillsAnEmptyBroker(t *testing.T) {
	h := newHouse(t, 2)
	refresh(t, h.dispatcher())
	h.did()
	h.sent = nil
	if err := h.dispatcher().Republish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := h.did()
	slices.Sort(got)
	if want := []string{"send 1 keys", "send 1 policy", "send 1 programme", "send 1 settings", "send 2 keys", "send 2 policy", "send 2 programme", "send 2 settings"}; !slices.Equal(got, want) {
		t.Fatalf("did %q", got)
	}
	if k := last[trust.Keyring](h, device(1), wire.Keys); k.Version != 1 {
		t.Errorf("keyring %+v", k)
	}
}

// run starts the Dispatcher in the bubble's time and stops it at the end.
func run(t *testing.T, h *house, d *Dispatcher) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
}

// pass lets time go by, on the house's clock too.
func pass(h *house, d time.Duration) {
	h.set(func() { h.now = h.now.Add(d) })
	time.Sleep(d) // the bubble's clock, not the machine's
	synctest.Wait()
}

func TestRunKeepsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		d := h.dispatcher()
		run(t, h, d)
		if got := h.did(); len(got) != 7+4 {
			t.Fatalf("at the start: %q", got)
		}
		pass(h, 2*time.Hour)
		expect(t, h)

		h.set(func() { h.plan.Schedules[0].Slots[0].Cron = "1 5 * * *" })
		d.Changed()
		synctest.Wait()
		expect(t, h, "store 1 programme 7200", "freeze 1 7200", "send 1 programme")

		// Nobody changes anything: the programme never runs out.
		for range 40 {
			pass(h, 24*time.Hour)
			if p := last[radio.Programme](h, device(1), wire.Programme); p.NotAfter.Time().Sub(h.now) < Renew-2*time.Hour {
				t.Fatalf("on %s the programme ends on %s", h.now, p.NotAfter.Time())
			}
		}
	})
}

// Whatever fails for a while is made good: the database, the broker, the freezing.
func TestRunRetries(t *testing.T) {
	for _, part := range []string{"plan", "places", "withdrawn", "current", "add", "freeze", "publish", "publish:programme"} {
		t.Run(part, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, 2)
				h.fail[part] = errDown
				run(t, h, h.dispatcher())
				pass(h, time.Minute)
				h.set(func() { h.fail = map[string]error{} })
				pass(h, time.Minute)
				for n := 1; n <= 2; n++ {
					last[radio.Programme](h, device(n), wire.Programme)
					last[radio.Policy](h, device(n), wire.Policy)
					last[radio.Settings](h, device(n), wire.Settings)
				}
				frozen := 0
				for _, e := range h.did() {
					if strings.HasPrefix(e, "freeze") {
						frozen++
					}
				}
				if frozen != 2 {
					t.Errorf("frozen %d times", frozen)
				}
				pass(h, 10*time.Minute)
				expect(t, h)
			})
		})
	}
}

// A broker that is away is not asked for every device in every round.
func TestRunGivesUpARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 50)
		refresh(t, h.dispatcher())
		h.fail["publish"] = errDown
		d := h.dispatcher()
		if err := d.Republish(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.did()
		h.fail = map[string]error{}
		run(t, h, d)
		if got := len(h.did()); got != 50*4 {
			t.Errorf("%d messages once it is back", got)
		}
		pass(h, time.Minute)
		expect(t, h)
	})
}
