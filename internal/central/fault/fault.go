// Package fault judges what is wrong with the devices, and with the centre itself, and
// keeps it: every fault is opened once and closed once, also across restarts. Twice a
// minute it looks at what devices said of themselves, what they should hold and play
// (all from store) and at what dispatch could not issue; it writes what changed to store
// and puts the news of it, one line for one outage, into notify's outbox in the same
// transaction. web shows the faults, and its view of all devices (Fleet).
//
// What it says rests on signed words. Presence is an unsigned hint: it can make an
// absence be noticed sooner, never hide it for long, and never end it.
//
// The centre's own absence is not the devices' fault: after a start, a broken connection
// to an external broker, or a pause of its own, silence is counted from when it listens
// again, and the break is one line of the centre itself.
package fault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Book keeps faults, outages and the outbox (store).
type Book interface {
	OpenFaults(ctx context.Context) ([]radio.Fault, error)
	OpenOutages(ctx context.Context) ([]radio.Outage, error)
	// Looked says when PutFaults was last called, and the last day summed up.
	Looked(ctx context.Context) (radio.Millis, radio.Date, error)
	// PutFaults is all or nothing; ErrConflict when what it opens is open already, or what
	// it closes is not.
	PutFaults(ctx context.Context, c radio.FaultChange) error
}

// Airings tells what the log knows of all devices at once (store).
type Airings interface {
	ComingAirings(ctx context.Context, from, to radio.Millis) ([]radio.ComingAirings, error)
	QuietAirings(ctx context.Context, over radio.Millis) ([]radio.QuietAirings, error)
	JournalForks(ctx context.Context, since radio.Millis) (map[radio.DeviceID]int, error)
	// MachineReturns counts how often two boards spoke under one identity by turns.
	MachineReturns(ctx context.Context, since radio.Millis) (map[radio.DeviceID]int, error)
}

// Herald says who is to be told what (notify).
type Herald interface {
	Notices(news []radio.FaultNews, at radio.Millis) []radio.Notice
}

// Options of a Watch.
type Options struct {
	// OfflineAfter without a sign of life a device is missed.
	OfflineAfter time.Duration
	// AssumedClocks accepts devices whose time is only assumed: demo and tests.
	AssumedClocks bool
	// Zone is the civil time of the daily summary.
	Zone timetable.Zone
	// Connected says whether the centre hears the devices; nil when it always does.
	Connected func() bool
	// Changed is told after something changed; may be nil.
	Changed func()
}

const (
	// OfflineAfter unless configured.
	OfflineAfter = 10 * time.Minute
	every        = 30 * time.Second
	// paused: after this long without a look the centre was not listening.
	paused = 3 * time.Minute
	// clonesWithin is how long falling connection numbers are counted, forksWithin how
	// long a fork of a journal is a fault.
	clonesWithin = time.Hour
	forksWithin  = 24 * time.Hour
	// kept is how long what is over can be read: 24 months, as long as the log stays live
	// (a fault explains the airings it cost).
	kept = 731 * 24 * time.Hour
)

// Watch is safe for concurrent use.
type Watch struct {
	book    Book
	airings Airings
	fleet   *Fleet
	herald  Herald
	opts    Options
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex // one look at a time
	loaded  bool
	state   state
	looked  radio.Millis // by this or an earlier run
	heard   radio.Millis
	numbers map[radio.DeviceID]numbers
	coming  []radio.ComingAirings
	soonAt  radio.Millis // when coming was read

	refusing sync.Mutex
	refused  map[radio.DeviceID]map[string]string
}

// numbers are a device's connection number and when it fell, since its enrolment.
type numbers struct {
	enrolled radio.Millis
	last     uint64
	falls    []radio.Millis
}

// New only stores.
func New(book Book, airings Airings, fleet *Fleet, herald Herald, opts Options, now func() time.Time, log *slog.Logger) *Watch {
	if opts.OfflineAfter <= 0 {
		opts.OfflineAfter = OfflineAfter
	}
	return &Watch{book: book, airings: airings, fleet: fleet, herald: herald, opts: opts, now: now, log: log,
		numbers: map[radio.DeviceID]numbers{}, refused: map[radio.DeviceID]map[string]string{}}
}

// Refused tells whether a document of a device could be made; err is nil when it was.
// dispatch calls it for what waits for a person, not for what will be tried again.
func (w *Watch) Refused(device radio.DeviceID, document string, err error) {
	w.refusing.Lock()
	defer w.refusing.Unlock()
	if w.refused[device] == nil {
		w.refused[device] = map[string]string{}
	}
	w.refused[device][document] = ""
	if err != nil {
		w.refused[device][document] = clip(err.Error(), 300)
	}
}

// Run looks at the devices until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			w.log.Error("look for faults", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look judges all devices once and writes down what changed.
func (w *Watch) Look(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := radio.At(w.now())
	if err := w.load(ctx); err != nil {
		return err
	}
	away := w.listen(now)
	l, views, err := w.see(ctx, now)
	if err != nil {
		return err
	}
	d := judgeAll(l, w.state, views, w.centre(), w.opts.Zone)
	if away != nil {
		d.change.Opened = append(d.change.Opened, *away)
		d.news(radio.FaultNews{Key: "closed:" + string(away.ID), Event: radio.FaultClosed, Kind: away.Kind, Code: away.Code, From: away.OpenedAt, To: away.ClosedAt})
	}
	d.change.Notices = w.herald.Notices(d.told, now)
	if err := w.book.PutFaults(ctx, d.change); err != nil {
		w.loaded = false // what is open is read again
		return err
	}
	w.state, w.looked = d.state, now
	for _, n := range d.told {
		w.log.Info("fault", "event", n.Event, "kind", n.Kind, "code", n.Code, "area", n.AreaName, "devices", n.Count, "from", n.From.Time())
	}
	if !d.change.Empty() && w.opts.Changed != nil {
		w.opts.Changed()
	}
	return nil
}

// load reads what is open, at the start and after a write that failed.
func (w *Watch) load(ctx context.Context) error {
	if w.loaded {
		return nil
	}
	faults, err1 := w.book.OpenFaults(ctx)
	outages, err2 := w.book.OpenOutages(ctx)
	looked, summed, err3 := w.book.Looked(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("read what is open: %w", err)
	}
	s := state{open: make(map[radio.FaultKey]radio.Fault, len(faults)), outages: map[radio.OutageID]radio.Outage{}, timers: w.state.timers, summed: summed}
	for _, f := range faults {
		s.open[f.Key()] = f
	}
	for _, o := range outages {
		s.outages[o.ID] = o
	}
	w.state, w.looked, w.loaded = s, looked, true
	return nil
}

// listen keeps since when the centre hears devices without a break. It gives the line
// for a break in which the centre did not run.
func (w *Watch) listen(now radio.Millis) *radio.Fault {
	if w.opts.Connected != nil && !w.opts.Connected() {
		w.heard = now
	}
	if w.heard != 0 && now >= w.looked && now.Sub(w.looked) <= paused {
		return nil
	}
	w.heard = now
	if w.looked == 0 || now.Sub(w.looked) <= w.opts.OfflineAfter {
		return nil
	}
	return &radio.Fault{ID: radio.NewID[radio.FaultID](), Kind: radio.FaultCentre, Code: radio.CentreStopped,
		OpenedAt: w.looked, ClosedAt: now, ChangedAt: now}
}

// centre is what is wrong with the centre itself.
func (w *Watch) centre() []finding {
	if w.opts.Connected == nil {
		return []finding{{key: radio.FaultKey{Kind: radio.FaultCentre, Code: radio.CentreBroker}}}
	}
	f := finding{key: radio.FaultKey{Kind: radio.FaultCentre, Code: radio.CentreBroker}}
	if !w.opts.Connected() {
		f.is = bad
	}
	return []finding{f}
}

// see gathers what the rules need to know.
func (w *Watch) see(ctx context.Context, now radio.Millis) (*look, []radio.DeviceView, error) {
	views, err := w.fleet.Views(ctx)
	if err != nil {
		return nil, nil, err
	}
	coming, err := w.soon(ctx, now)
	if err != nil {
		return nil, nil, err
	}
	quiet, err := w.airings.QuietAirings(ctx, now.Add(-overdue))
	if err != nil {
		return nil, nil, err
	}
	forks, err := w.airings.JournalForks(ctx, now.Add(-forksWithin))
	if err != nil {
		return nil, nil, err
	}
	returns, err := w.airings.MachineReturns(ctx, now.Add(-radio.ReturnsWithin))
	if err != nil {
		return nil, nil, err
	}
	l := &look{now: now, returns: returns, heard: w.heard, offlineAfter: w.opts.OfflineAfter, assumedClocks: w.opts.AssumedClocks, forks: forks,
		coming: make(map[radio.DeviceID][]radio.ComingAirings, len(views)), quiet: make(map[radio.DeviceID]radio.QuietAirings, len(quiet)),
		falls: w.count(views, now), refused: w.refusals()}
	for _, c := range coming {
		if c.Start > now {
			l.coming[c.Device] = append(l.coming[c.Device], c)
		}
	}
	for _, q := range quiet {
		l.quiet[q.Device] = q
	}
	return l, views, nil
}

// soon reads what airs within readyBefore, every other look: before a full hour it is the
// dearest thing a look asks for.
func (w *Watch) soon(ctx context.Context, now radio.Millis) ([]radio.ComingAirings, error) {
	if now >= w.soonAt && now.Sub(w.soonAt) < 2*every {
		return w.coming, nil
	}
	coming, err := w.airings.ComingAirings(ctx, now, now.Add(readyBefore+every))
	if err != nil {
		return nil, err
	}
	w.coming, w.soonAt = coming, now
	return coming, nil
}

// count notes connection numbers that fell since the last look.
func (w *Watch) count(views []radio.DeviceView, now radio.Millis) map[radio.DeviceID]int {
	out := map[radio.DeviceID]int{}
	for _, v := range views {
		id := v.Place.Device.ID
		n := w.numbers[id]
		if n.enrolled != v.Place.Device.Enrolled {
			n = numbers{enrolled: v.Place.Device.Enrolled} // another controller, with other numbers
		}
		if v.State.Connection < n.last {
			n.falls = append(n.falls, now)
		}
		n.last = v.State.Connection
		n.falls = slices.DeleteFunc(n.falls, func(at radio.Millis) bool { return now.Sub(at) > clonesWithin })
		w.numbers[id] = n
		if len(n.falls) > 0 {
			out[id] = len(n.falls)
		}
	}
	return out
}

// refusals copies what dispatch said.
func (w *Watch) refusals() map[radio.DeviceID]map[string]string {
	w.refusing.Lock()
	defer w.refusing.Unlock()
	out := make(map[radio.DeviceID]map[string]string, len(w.refused))
	for id, said := range w.refused {
		copied := make(map[string]string, len(said))
		for document, why := range said {
			copied[document] = why
		}
		out[id] = copied
	}
	return out
}

// clip cuts a text at a rune.
func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
