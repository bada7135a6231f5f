package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// house is a province of two communes with two hamlets each; a device stands in each
// hamlet, and one that is not enrolled in the first.
type house struct {
	t      *testing.T
	key    trust.Key
	areas  []radio.Area
	places []radio.Place
	desk   *Desk
	began  time.Time
	slow   time.Duration // what the broker takes for each message

	mu      sync.Mutex
	live    []radio.LiveCommand
	said    map[radio.CommandID]bool
	stalled map[radio.DeviceID]bool
	audit   []string
	sent    []string // "d1 3s"
	raw     [][]byte
	refuse  int // so many messages the broker does not take
	addErr  error
	changed int
	forgot  []time.Duration // before so long ago
	old     int             // orders to forget
}

func newHouse(t *testing.T) *house {
	t.Helper()
	key, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, key: key, said: map[radio.CommandID]bool{}, began: time.Now()}
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Kind: radio.Province, Name: "Tỉnh"}
	h.areas = []radio.Area{province}
	for c := range 2 {
		commune := radio.Area{ID: radio.NewID[radio.AreaID](), Kind: radio.Commune, Name: fmt.Sprint("Xã ", c+1), Parent: province.ID}
		h.areas = append(h.areas, commune)
		for v := range 2 {
			hamlet := radio.Area{ID: radio.NewID[radio.AreaID](), Kind: radio.Hamlet, Name: fmt.Sprint("Thôn ", v+1), Parent: commune.ID}
			h.areas = append(h.areas, hamlet)
			h.places = append(h.places, radio.Place{Device: radio.Device{ID: radio.NewID[radio.DeviceID](), Code: fmt.Sprint("d", len(h.places)+1), Hamlet: hamlet.ID, Enrolled: 1},
				Chain: []radio.Area{province, commune, hamlet}})
		}
	}
	h.places = append(h.places, radio.Place{Device: radio.Device{ID: radio.NewID[radio.DeviceID](), Code: "new", Hamlet: h.places[0].Device.Hamlet}, Chain: h.places[0].Chain})
	h.desk = New(Rooms{Book: h, Map: h, Keys: h, Publisher: h, Changed: func() { h.changed++ }}, time.Now, slog.New(slog.DiscardHandler))
	return h
}

func (h *house) Online() trust.Key                                      { return h.key }
func (h *house) Areas(context.Context) ([]radio.Area, error)            { return h.areas, nil }
func (h *house) Places(context.Context) ([]radio.Place, error)          { return h.places, nil }
func (h *house) device(n int) radio.DeviceID                            { return h.places[n-1].Device.ID }
func (h *house) commune(n int) radio.AreaID                             { return h.places[2*n-1].Chain[1].ID }
func (h *house) person(role radio.Role, area radio.AreaID) radio.Person { return person(role, area) }

func person(role radio.Role, area radio.AreaID) radio.Person {
	return radio.Person{ID: radio.NewID[radio.UserID](), Name: "Sáu", Grants: []radio.Grant{{Role: role, Area: area}}}
}

func (h *house) AddCommands(_ context.Context, b radio.CommandBatch, targets []radio.CommandTarget, subject string, facts radio.AuditFacts) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.addErr != nil {
		return h.addErr
	}
	for _, t := range targets {
		h.live = append(h.live, radio.LiveCommand{Batch: b, CommandTarget: t})
	}
	h.audit = append(h.audit, fmt.Sprintf("%s: %s %s %d", subject, facts.Code, facts.Title, facts.Counts["devices"]))
	return nil
}

func (h *house) LiveCommands(_ context.Context, device radio.DeviceID, now radio.Millis) ([]radio.LiveCommand, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.live), func(c radio.LiveCommand) bool {
		return h.said[c.ID] || c.Batch.ExpiresAt <= now || device != "" && c.Device != device
	}), nil
}

func (h *house) ForgetCommands(_ context.Context, before radio.Millis) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgot = append(h.forgot, time.Since(before.Time()))
	h.old--
	return h.old > 0, nil
}

func (h *house) Publish(_ context.Context, topic string, payload []byte, retained bool) error {
	time.Sleep(h.slow)
	h.mu.Lock()
	defer h.mu.Unlock()
	to, err := wire.ParseTopic(topic)
	if h.refuse > 0 || h.stalled[to.Device] {
		h.refuse--
		return radio.ErrUnavailable
	}
	if err != nil || to.Kind != wire.Command || retained {
		h.t.Errorf("topic %s, retained %v: %v", topic, retained, err)
	}
	for _, p := range h.places {
		if p.Device.ID == to.Device {
			h.sent = append(h.sent, fmt.Sprintf("%s %s", p.Device.Code, time.Since(h.began).Truncate(time.Second)))
		}
	}
	h.raw = append(h.raw, payload)
	return nil
}

// answer is any receipt of a device.
func (h *house) answer(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.live {
		if c.Device == h.device(n) {
			h.said[c.ID] = true
		}
	}
}

func (h *house) run(f func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error)
	go func() { done <- h.desk.Run(ctx) }()
	synctest.Wait()
	f()
	cancel()
	if err := <-done; err != nil {
		h.t.Error(err)
	}
}

// Who may order what, and what an order must say.
func TestIssue(t *testing.T) {
	cases := map[string]struct {
		by    func(h *house) radio.Person
		order func(h *house) radio.CommandOrder
		want  error
		n     int
		area  func(h *house) radio.AreaID
	}{
		"operator, one of the own": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1)}}
		}, n: 1, area: func(h *house) radio.AreaID { return h.places[0].Chain[2].ID }},
		"approver": {by: func(h *house) radio.Person { return person(radio.RoleApprover, h.commune(1)) }, order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandVolume, GainDB: -6, Devices: []radio.DeviceID{h.device(1)}}
		}, n: 1, area: func(h *house) radio.AreaID { return h.places[0].Chain[2].ID }},
		"twice the same": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1), h.device(1)}}
		}, n: 1, area: func(h *house) radio.AreaID { return h.places[0].Chain[2].ID }},
		"the own commune": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.commune(1), Confirm: 2}
		}, n: 2, area: func(h *house) radio.AreaID { return h.commune(1) }},
		"a list over two communes": {by: func(*house) radio.Person { return person(radio.RoleOperator, radio.Everywhere) }, order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1), h.device(4)}, Confirm: 2}
		}, n: 2, area: func(h *house) radio.AreaID { return h.areas[0].ID }},
		"not confirmed": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.commune(1)}
		}, want: radio.ErrConflict},
		"confirmed another number": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.commune(1), Confirm: 3}
		}, want: radio.ErrConflict},
		"another commune": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.commune(2), Confirm: 2}
		}, want: radio.ErrForbidden},
		"the province": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.areas[0].ID, Confirm: 4}
		}, want: radio.ErrForbidden},
		"one of another commune": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1), h.device(3)}, Confirm: 2}
		}, want: radio.ErrInvalid}, // it does not exist for them
		"editor": {by: func(h *house) radio.Person { return person(radio.RoleEditor, h.commune(1)) }, order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1)}}
		}, want: radio.ErrForbidden},
		"admin": {by: func(*house) radio.Person { return person(radio.RoleAdmin, radio.Everywhere) }, order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandRestart, Devices: []radio.DeviceID{h.device(1)}}
		}, want: radio.ErrForbidden},
		"not enrolled": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(5)}}
		}, want: radio.ErrInvalid},
		"nobody": {order: func(*house) radio.CommandOrder { return radio.CommandOrder{Do: radio.CommandStop} }, want: radio.ErrInvalid},
		"both an area and devices": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Area: h.commune(1), Devices: []radio.DeviceID{h.device(1)}}
		}, want: radio.ErrInvalid},
		"unknown": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: "format", Devices: []radio.DeviceID{h.device(1)}}
		}, want: radio.ErrInvalid},
		"too loud": {order: func(h *house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandVolume, GainDB: 3, Devices: []radio.DeviceID{h.device(1)}}
		}, want: radio.ErrInvalid},
		"too many": {order: func(*house) radio.CommandOrder {
			return radio.CommandOrder{Do: radio.CommandStop, Devices: make([]radio.DeviceID, radio.MaxCommandDevices+1)}
		}, want: radio.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			by := h.person(radio.RoleOperator, h.commune(1))
			if c.by != nil {
				by = c.by(h)
			}
			b, err := h.desk.Issue(t.Context(), by, c.order(h))
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				if len(h.live)+len(h.audit) != 0 {
					t.Error("something was kept")
				}
				return
			}
			if len(h.live) != c.n || b.Devices != c.n || b.Area != c.area(h) || len(h.audit) != 1 || !strings.HasSuffix(h.audit[0], fmt.Sprint(" ", c.n)) || h.changed != 1 {
				t.Errorf("batch %+v, commands %d, audit %q", b, len(h.live), h.audit)
			}
			for _, x := range h.live {
				if err := x.Batch.Command(x.ID, x.Device).Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What is sent, and when again: in rounds to those who have said nothing, until it
// expires; each message is one that the device can prove.
func TestSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.run(func() {
			if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, h.commune(1)), radio.CommandOrder{Do: radio.CommandPause, Area: h.commune(1), Confirm: 2}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			h.answer(2)
			time.Sleep(11 * time.Second)
			// It connects in between.
			if err := h.desk.Hello(t.Context(), h.device(1)); err != nil {
				t.Fatal(err)
			}
			if err := h.desk.Hello(t.Context(), h.device(2)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
			if err := h.desk.Hello(t.Context(), h.device(1)); err != nil {
				t.Fatal(err)
			}
		})
		sorted := slices.Clone(h.sent)
		slices.Sort(sorted[:2]) // one round has no order
		if want := []string{"d1 0s", "d2 0s", "d1 3s", "d1 10s", "d1 12s", "d1 30s"}; !slices.Equal(sorted, want) {
			t.Errorf("sent %q, want %q", h.sent, want)
		}
		first := h.raw[slices.Index(h.sent, "d1 0s")]
		lookup := func(kid string) (trust.PublicKey, error) {
			if kid != h.key.KID() {
				return trust.PublicKey{}, radio.ErrForbidden
			}
			return h.key.Public(), nil
		}
		var payload json.RawMessage
		if err := wire.Unseal(wire.Command, string(h.device(1)), first, lookup, &payload); err != nil {
			t.Fatal(err)
		}
		var c radio.Command
		if err := json.Unmarshal(payload, &c); err != nil || c.Check() != nil || c.Device != h.device(1) || c.Do != radio.CommandPause || c.ExpiresAt-c.IssuedAt != 60_000 {
			t.Errorf("%+v, %v, %v", c, err, c.Check())
		}
		if err := wire.Unseal(wire.Command, string(h.device(2)), first, lookup, &payload); err == nil {
			t.Error("another device can prove it")
		}
	})
}

// A broker that is away: what it did not take goes out when it is back, what it took not
// twice.
func TestBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.refuse = 5
		h.run(func() {
			if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, radio.Everywhere), radio.CommandOrder{Do: radio.CommandStop, Area: h.areas[0].ID, Confirm: 4}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Millisecond)
			for n := range 4 {
				h.answer(n + 1)
			}
			time.Sleep(time.Minute)
		})
		when := map[string]int{}
		for _, s := range h.sent {
			_, at, _ := strings.Cut(s, " ")
			when[at]++
		}
		if len(h.sent) != 4 || when["1s"] != 3 || when["2s"] != 1 {
			t.Errorf("sent %q, want three behind a second and one behind two", h.sent)
		}
	})
}

// A restart of the centre sends what is under way again; nothing is sent behind its end.
func TestRestartOfTheCentre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, radio.Everywhere), radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		h.run(func() { time.Sleep(time.Minute) })
		if want := []string{"d1 50s", "d1 53s"}; !slices.Equal(h.sent, want) {
			t.Errorf("sent %q, want %q", h.sent, want)
		}
	})
}

// One person's slip does not shake a province.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		by := person(radio.RoleOperator, radio.Everywhere)
		one := radio.CommandOrder{Do: radio.CommandStop, Devices: []radio.DeviceID{h.device(1)}}
		for range orderBurst {
			if _, err := h.desk.Issue(t.Context(), by, one); err != nil {
				t.Fatal(err)
			}
		}
		_, err := h.desk.Issue(t.Context(), by, one)
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(err, &later) || later.RetryAfter() <= 0 || later.RetryAfter() > orderEvery || !errors.Is(err, radio.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
		if _, err := h.desk.Issue(t.Context(), person(radio.RoleOperator, radio.Everywhere), one); err != nil {
			t.Errorf("another person: %v", err)
		}
		time.Sleep(later.RetryAfter())
		if _, err := h.desk.Issue(t.Context(), by, one); err != nil {
			t.Errorf("behind the wait: %v", err)
		}
	})
}

// TestTonesAreRationed: a person sounds so many test tones an hour, however slowly; what
// silences is never rationed so.
func TestTonesAreRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		by := person(radio.RoleOperator, radio.Everywhere)
		order := func(do radio.CommandKind) error {
			time.Sleep(orderEvery)
			_, err := h.desk.Issue(t.Context(), by, radio.CommandOrder{Do: do, Devices: []radio.DeviceID{h.device(1)}})
			return err
		}
		for range mostTones {
			if err := order(radio.CommandTestTone); err != nil {
				t.Fatal(err)
			}
		}
		var often *radio.TooOften
		if err := order(radio.CommandTestTone); !errors.As(err, &often) || !errors.Is(err, radio.ErrUnavailable) || often.RetryAfter() < 50*time.Minute {
			t.Fatalf("one too many: %v", err)
		}
		if err := order(radio.CommandStop); err != nil {
			t.Errorf("a stop: %v", err)
		}
		time.Sleep(often.RetryAfter())
		if err := order(radio.CommandTestTone); err != nil {
			t.Errorf("behind the wait: %v", err)
		}
	})
}

func (h *house) forgotten() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.forgot)
}

// TestOldOrdersAreForgotten: a few at the start and with every look while there are more,
// then once an hour; never what is younger than the log.
func TestOldOrdersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.old = 3
		h.run(func() {
			time.Sleep(2*time.Minute + time.Second) // the loop looks each minute
			synctest.Wait()
			if n := h.forgotten(); n != 3 {
				t.Errorf("in two minutes looked %d times for three lots", n)
			}
			time.Sleep(3 * time.Hour)
			synctest.Wait()
		})
		if n := h.forgotten(); n < 5 || n > 6 {
			t.Errorf("%d looks in three hours", n)
		}
		for _, age := range h.forgot {
			if age < 730*24*time.Hour || age > 732*24*time.Hour {
				t.Errorf("forgets what is %s old", age)
			}
		}
	})
}
