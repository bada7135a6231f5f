package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) // 12:00 in Hà Tĩnh

// id gives a valid id that is the same in every run.
func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, 14: byte(n >> 8), 15: byte(n)})
}

// world is the rooms around a Watch: devices that say things, a log, and a book that
// refuses what would open or close a fault twice. It records what people are told.
type world struct {
	t      testing.TB
	clock  time.Time
	places []radio.Place
	states map[radio.DeviceID]*radio.DeviceState
	issued []radio.Issued
	ends   map[radio.DeviceID]radio.Millis
	audit  int64
	coming []radio.ComingAirings
	quiet  []radio.QuietAirings
	forks  map[radio.DeviceID]int
	// returns are of boards that share an identity.
	returns map[radio.DeviceID]int
	cut     bool  // no broker
	fail    error // of the next PutFaults
	forgot  []radio.Millis

	open    map[radio.FaultKey]radio.Fault
	outages map[radio.OutageID]radio.Outage
	looked  radio.Millis
	summed  radio.Date
	opened  int
	closed  []radio.Fault
	told    []radio.FaultNews
	seen    map[string]bool

	watch *Watch
	opts  Options
}

func newWorld(t testing.TB, communes, perCommune int) *world {
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: noon, states: map[radio.DeviceID]*radio.DeviceState{}, ends: map[radio.DeviceID]radio.Millis{}, forks: map[radio.DeviceID]int{},
		open: map[radio.FaultKey]radio.Fault{}, outages: map[radio.OutageID]radio.Outage{}, seen: map[string]bool{}, opts: Options{Zone: zone}}
	w.summed = radio.DateOf(noon)
	w.opts.Connected = func() bool { return !w.cut }
	province := radio.Area{ID: id[radio.AreaID]('p', 0), Code: "ha-tinh", Kind: radio.Province, Name: "Tỉnh Hà Tĩnh"}
	for c := range communes {
		commune := radio.Area{ID: id[radio.AreaID]('c', c), Code: fmt.Sprintf("xa-%d", c), Kind: radio.Commune, Name: fmt.Sprintf("Xã %02d", c), Parent: province.ID}
		hamlet := radio.Area{ID: id[radio.AreaID]('h', c), Code: fmt.Sprintf("thon-%d", c), Kind: radio.Hamlet, Name: "Thôn 1", Parent: commune.ID}
		for n := range perCommune {
			d := radio.Device{ID: id[radio.DeviceID]('d', c*perCommune+n), Code: fmt.Sprintf("cum-%d-%d", c, n), Name: fmt.Sprintf("Cụm %d", n), Hamlet: hamlet.ID, Rendition: 64, Enrolled: radio.At(noon.Add(-48 * time.Hour))}
			w.places = append(w.places, radio.Place{Device: d, Chain: []radio.Area{province, commune, hamlet}})
			w.ends[d.ID] = radio.At(noon.Add(300 * 24 * time.Hour))
			w.issued = append(w.issued, radio.Issued{Device: d.ID, Document: "programme", Revision: 7, IssuedAt: radio.At(noon.Add(-time.Hour))})
			w.states[d.ID] = &radio.DeviceState{Device: d.ID, Presence: radio.Presence{Connection: 5}}
			w.speak(d.ID)
		}
	}
	w.start()
	return w
}

// start is a centre that begins: it remembers only what the book holds.
func (w *world) start() {
	quiet := slog.New(slog.DiscardHandler)
	now := func() time.Time { return w.clock }
	w.watch = New(w, w, NewFleet(w, now, quiet), w, w.opts, now, quiet)
}

func (w *world) device(n int) radio.DeviceID { return w.places[n].Device.ID }

func healthy(d radio.DeviceID) radio.Status {
	return radio.Status{Device: d, Version: "1", Clock: radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted", Source: "kernel"}},
		Output: radio.OutputStatus{State: "idle"}, Disk: radio.DiskStatus{FreeBytes: 5 << 30, TotalBytes: 8 << 30}, Revisions: radio.RevisionStatus{Programme: 7}}
}

// speak is a device that says hello and reports, changed by edits.
func (w *world) speak(d radio.DeviceID, edits ...func(*radio.Status)) {
	st, now := w.states[d], radio.At(w.clock)
	s := healthy(d)
	s.At = now
	for _, e := range edits {
		e(&s)
	}
	b, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	st.Connection++
	st.Alive, st.At, st.LastSeen, st.HelloAt, st.Reported, st.ReportedAt = true, now, now, now, b, now
}

// vanish is the broker's word that the connection broke.
func (w *world) vanish(d radio.DeviceID) {
	st := w.states[d]
	st.Alive, st.At = false, radio.At(w.clock)
}

// look passes time in steps of half a minute, with a look at the devices at each.
func (w *world) look(d time.Duration, during ...func()) {
	w.t.Helper()
	for range int(d / every) {
		w.clock = w.clock.Add(every)
		for _, f := range during {
			f()
		}
		if err := w.watch.Look(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// alive has every device that is connected report now and then.
func (w *world) alive() {
	for d, st := range w.states {
		if st.Alive && radio.At(w.clock).Sub(st.LastSeen) >= 15*time.Minute {
			w.speak(d)
		}
	}
}

func (w *world) kinds() []string {
	var out []string
	for k := range w.open {
		out = append(out, string(k.Kind)+k.Code)
	}
	slices.Sort(out)
	return out
}

func (w *world) news() []string {
	var out []string
	for _, n := range w.told {
		out = append(out, fmt.Sprintf("%s %s%s %s %d", n.Event, n.Kind, n.Code, n.AreaName, n.Count))
	}
	return out
}

// The rooms.

func (w *world) AuditHead(context.Context) (int64, error)      { return w.audit, nil }
func (w *world) Places(context.Context) ([]radio.Place, error) { return slices.Clone(w.places), nil }
func (w *world) IssuedSince(context.Context, radio.Millis) ([]radio.Issued, error) {
	return w.issued, nil
}
func (w *world) CertificateEnds(context.Context) (map[radio.DeviceID]radio.Millis, error) {
	return w.ends, nil
}

func (w *world) Pulses(context.Context) ([]radio.DeviceState, error) {
	var out []radio.DeviceState
	for _, s := range w.states {
		out = append(out, *s)
	}
	return out, nil
}

func (w *world) ReportsSince(_ context.Context, since radio.Millis) ([]radio.DeviceState, error) {
	var out []radio.DeviceState
	for _, s := range w.states {
		if s.ReportedAt >= since && len(s.Reported) > 0 {
			out = append(out, *s)
		}
	}
	return out, nil
}

func (w *world) ComingAirings(_ context.Context, from, to radio.Millis) ([]radio.ComingAirings, error) {
	return slices.DeleteFunc(slices.Clone(w.coming), func(c radio.ComingAirings) bool { return c.Start <= from || c.Start > to }), nil
}

func (w *world) QuietAirings(context.Context, radio.Millis) ([]radio.QuietAirings, error) {
	return w.quiet, nil
}

func (w *world) MachineReturns(context.Context, radio.Millis) (map[radio.DeviceID]int, error) {
	return w.returns, nil
}

func (w *world) JournalForks(context.Context, radio.Millis) (map[radio.DeviceID]int, error) {
	return w.forks, nil
}

func (w *world) OpenFaults(context.Context) ([]radio.Fault, error) {
	var out []radio.Fault
	for _, f := range w.open {
		out = append(out, f)
	}
	return out, nil
}

func (w *world) OpenOutages(context.Context) ([]radio.Outage, error) {
	var out []radio.Outage
	for _, o := range w.outages {
		if o.ClosedAt == 0 {
			out = append(out, o)
		}
	}
	return out, nil
}

func (w *world) Looked(context.Context) (radio.Millis, radio.Date, error) {
	return w.looked, w.summed, nil
}

func (w *world) PutFaults(_ context.Context, c radio.FaultChange) error {
	if w.fail != nil {
		err := w.fail
		w.fail = nil
		return err
	}
	for _, f := range c.Closed {
		if held, ok := w.open[f.Key()]; !ok || held.ID != f.ID || f.ClosedAt < f.OpenedAt {
			w.t.Fatalf("closes what is not open: %+v", f)
		}
		delete(w.open, f.Key())
		w.closed = append(w.closed, f)
	}
	for _, f := range c.Updated {
		if held, ok := w.open[f.Key()]; !ok || held.ID != f.ID {
			w.t.Fatalf("changes what is not open: %+v", f)
		}
		w.open[f.Key()] = f
	}
	for _, f := range c.Opened {
		if _, twice := w.open[f.Key()]; twice {
			w.t.Fatalf("opens twice: %+v", f)
		}
		w.opened++
		if f.ClosedAt != 0 {
			w.closed = append(w.closed, f)
			continue
		}
		w.open[f.Key()] = f
	}
	for _, o := range c.Outages {
		w.outages[o.ID] = o
	}
	for _, n := range c.Notices {
		if w.seen[n.News.Key] {
			w.t.Fatalf("told twice: %+v", n.News)
		}
		w.seen[n.News.Key] = true
		w.told = append(w.told, n.News)
	}
	if c.Forget != 0 {
		w.forgot = append(w.forgot, c.Forget)
	}
	w.looked = c.At
	if c.Summed != "" {
		w.summed = c.Summed
	}
	return nil
}

func (w *world) Notices(news []radio.FaultNews, at radio.Millis) []radio.Notice {
	var out []radio.Notice
	for _, n := range news {
		out = append(out, radio.Notice{ID: n.Key, Recipient: "r", News: n, CreatedAt: at})
	}
	return out
}
