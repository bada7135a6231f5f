package fault

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// state is what judging remembers from one look to the next. What is open is also in the
// database; the timers of what is not steady yet begin anew with the centre.
type state struct {
	open    map[radio.FaultKey]radio.Fault
	outages map[radio.OutageID]radio.Outage // those that hold
	timers  map[radio.FaultKey]timer
	summed  radio.Date
}

// timer is since when a rule says otherwise than the fault stands.
type timer struct {
	is    verdict
	since radio.Millis
}

// draft is one judging under way: the state to be, and what changes with it.
type draft struct {
	*look
	state
	change  radio.FaultChange
	before  map[radio.FaultKey]timer // the timers as the last judging left them
	touched map[radio.OutageID]bool
	away    []awayNow
	views   map[radio.DeviceID]*radio.DeviceView
	// opened and closed are the faults that are news by themselves; told is the news.
	opened, closed []radio.Fault
	told           []radio.FaultNews
}

// summaryHour is when, in local time, people are reminded of what is still open.
const summaryHour = 7 * 60

// judgeAll compares what rules say of every device with what is open. It is pure: the
// same look at the same state gives the same change, but for the ids it makes.
func judgeAll(l *look, s state, views []radio.DeviceView, centre []finding, zone timetable.Zone) *draft {
	d := &draft{look: l, before: s.timers, touched: map[radio.OutageID]bool{}, views: make(map[radio.DeviceID]*radio.DeviceView, len(views)),
		state: state{open: maps.Clone(s.open), outages: maps.Clone(s.outages), timers: make(map[radio.FaultKey]timer, len(s.timers)), summed: s.summed}}
	d.change.At = l.now
	l.held = s.open
	said := make(map[radio.FaultKey]bool, len(s.open))
	var losses []loss
	say := func(f finding, v *radio.DeviceView) {
		said[f.key] = true
		if lost := d.settle(f, v); lost != nil {
			losses = append(losses, loss{lost, v})
		}
	}
	for i := range views {
		v := &views[i]
		d.views[v.Place.Device.ID] = v
		for _, f := range l.judge(v) {
			say(f, v)
		}
		d.noteAway(v)
	}
	for _, f := range centre {
		say(f, nil)
	}
	d.closeUnsaid(said)
	d.gather(losses)
	for _, lost := range losses {
		d.open[lost.fault.Key()] = *lost.fault
		d.change.Opened = append(d.change.Opened, *lost.fault)
	}
	d.follow()
	d.endOutages()
	d.tell(zone)
	return d
}

func (d *draft) noteAway(v *radio.DeviceView) {
	if v.Online || v.Place.Device.Enrolled == 0 {
		return
	}
	since, _ := d.lost(v)
	_, missed := d.open[radio.FaultKey{Device: v.Place.Device.ID, Kind: radio.FaultOffline}]
	if !missed {
		_, missed = d.timers[radio.FaultKey{Device: v.Place.Device.ID, Kind: losing}]
	}
	d.away = append(d.away, awayNow{v.Place.Commune().ID, v.Place.Province().ID, since, missed})
}

// Two marks among the timers: a device whose offline fault opens with this judging, and
// one that is back and still has to say what it did meanwhile.
const (
	losing    radio.FaultKind = "losing"
	returning radio.FaultKind = "returning"
)

// settle opens, changes or closes one fault when the rule's word has been steady. It
// gives back an offline fault that opens: it has to find its outage first.
func (d *draft) settle(f finding, v *radio.DeviceView) *radio.Fault {
	held, open := d.open[f.key]
	if open && f.is == bad {
		if !sameCause(held, f.cause) {
			held.Cause, held.ChangedAt = f.cause, d.now
			d.open[f.key] = held
			d.change.Updated = append(d.change.Updated, held)
		}
		return nil
	}
	if f.is == unknown || f.is == fine && !open {
		return nil
	}
	t := d.before[f.key]
	if t.is != f.is || t.since == 0 || t.since > d.now {
		t = timer{f.is, d.now}
	}
	wait := steady[f.key.Kind].open
	if open {
		wait = steady[f.key.Kind].close
	}
	if d.now.Sub(t.since) < wait {
		d.timers[f.key] = t
		return nil
	}
	if open {
		d.shut(held)
		return nil
	}
	fault := radio.Fault{ID: radio.NewID[radio.FaultID](), Device: f.key.Device, Kind: f.key.Kind, Code: f.key.Code,
		OpenedAt: cmp.Or(f.from, t.since), ChangedAt: d.now, Cause: f.cause}
	if v != nil {
		fault.Commune = v.Place.Commune().ID
	}
	if f.key.Kind == radio.FaultOffline {
		d.timers[radio.FaultKey{Device: f.key.Device, Kind: losing}] = timer{}
		return &fault
	}
	d.open[f.key] = fault
	d.change.Opened = append(d.change.Opened, fault)
	return nil
}

// sameCause says whether an open fault would tell people the same.
func sameCause(f radio.Fault, c radio.FaultCause) bool {
	switch f.Kind {
	case radio.FaultNotReady, radio.FaultClock, radio.FaultCertificate:
		return f.Cause == c
	case radio.FaultRefused, radio.FaultOutput, radio.FaultReported:
		return f.Cause.Text == c.Text
	}
	return true // numbers that move all the time
}

func (d *draft) shut(f radio.Fault) {
	f.ClosedAt = d.now
	delete(d.open, f.Key())
	d.change.Closed = append(d.change.Closed, f)
	if o, ok := d.outages[f.Outage]; ok && f.Kind == radio.FaultOffline {
		o.Lost--
		d.outages[o.ID] = o
		d.touched[o.ID] = true
		return
	}
	if f.Outage == "" {
		d.closed = append(d.closed, f)
	}
}

// closeUnsaid closes the faults nobody speaks of any more: of devices that were taken
// out, and troubles a device reported and now does not. While the device is away they
// stay.
func (d *draft) closeUnsaid(said map[radio.FaultKey]bool) {
	var rest []radio.Fault
	for k, f := range d.open {
		if !said[k] && k.Kind != radio.FaultCentre {
			rest = append(rest, f)
		}
	}
	slices.SortFunc(rest, radio.CompareFaults)
	for _, f := range rest {
		v := d.views[f.Device]
		switch {
		case v == nil || v.Place.Device.Enrolled == 0:
			d.shut(f)
		case v.Online && v.Status != nil:
			d.settle(finding{key: f.Key(), is: fine}, v)
		}
	}
}

// follow makes faults that come of an outage a part of it, and sets those free that
// outlast it: then they are a trouble of their own.
func (d *draft) follow() {
	fresh := make(map[radio.FaultID]int, len(d.change.Opened))
	for i, f := range d.change.Opened {
		fresh[f.ID] = i
	}
	keys := slices.SortedFunc(maps.Keys(d.open), func(a, b radio.FaultKey) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Code, b.Code))
	})
	for _, k := range keys {
		f := d.open[k]
		if k.Kind != radio.FaultNotReady && k.Kind != radio.FaultSilent {
			if _, is := fresh[f.ID]; is && k.Kind != radio.FaultOffline {
				d.opened = append(d.opened, f)
			}
			continue
		}
		offline := d.open[radio.FaultKey{Device: k.Device, Kind: radio.FaultOffline}]
		i, isNew := fresh[f.ID]
		was := f.Outage
		f.Outage = offline.Outage
		switch {
		case isNew:
			d.change.Opened[i] = f
		case was != "" && offline.ID == "" && d.returned(k.Device):
			d.update(f)
		default:
			continue // told before the device was lost: it stays a line of its own
		}
		d.open[k] = f
		if f.Outage == "" {
			d.opened = append(d.opened, f)
		}
	}
}

// returned says whether a device has been back long enough to have told everything.
func (d *draft) returned(id radio.DeviceID) bool {
	k := radio.FaultKey{Device: id, Kind: returning}
	t := d.before[k]
	if t.since == 0 || t.since > d.now {
		t.since = d.now
	}
	d.timers[k] = t
	return d.now.Sub(t.since) >= overdue
}

// update notes a change of an open fault once.
func (d *draft) update(f radio.Fault) {
	f.ChangedAt = d.now
	if i := slices.IndexFunc(d.change.Updated, func(u radio.Fault) bool { return u.ID == f.ID }); i >= 0 {
		d.change.Updated[i] = f
		return
	}
	d.change.Updated = append(d.change.Updated, f)
}

// endOutages closes the outages of which the last device is back, and says which others
// people must be told of now.
func (d *draft) endOutages() {
	for _, id := range slices.Sorted(maps.Keys(d.outages)) {
		o := d.outages[id]
		switch {
		case o.Lost <= 0:
			o.Lost, o.ClosedAt = 0, d.now
			delete(d.outages, id)
			if o.AnnouncedAt != 0 {
				d.news(d.outageNews(o, radio.FaultClosed))
			}
			d.touched[id] = true
		case o.AnnouncedAt == 0 && !d.waits(o):
			o.AnnouncedAt = d.now
			d.outages[id] = o
			d.news(d.outageNews(o, radio.FaultOpened))
			d.touched[id] = true
		}
		if d.touched[id] {
			d.change.Outages = append(d.change.Outages, o)
		}
	}
}

// summaryDue gives the civil day, and whether it is time to sum up what is still open.
func (d *draft) summaryDue(zone timetable.Zone) (radio.Date, bool) {
	now := d.now.Time()
	day := zone.Date(now)
	return day, d.summed < day && zone.TimeOfDay(now) >= summaryHour
}

func stillKey(day radio.Date, n radio.FaultNews) string {
	return fmt.Sprintf("still:%s:%s:%s:%s", day, n.Kind, n.Code, n.Area)
}

// longOpen is how old a fault is before people are reminded of it.
const longOpen = 24 * time.Hour
