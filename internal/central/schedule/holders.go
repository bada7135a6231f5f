package schedule

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Fleet is the newest view of every device (fault). What it gives is shared.
type Fleet interface {
	Views(ctx context.Context) ([]radio.DeviceView, error)
}

// Holdings tells which programmes devices were given, and what may be in them (store).
type Holdings interface {
	CurrentBulletins(ctx context.Context) ([]radio.Bulletin, error)
	Issued(ctx context.Context, d radio.DeviceID, document string, revision int64) (radio.Issued, error)
}

// documentProgramme names the programme among a device's documents.
const documentProgramme = "programme"

// keepEnded: a schedule stays in programmes this long after its last day.
const keepEnded = 7 * 24 * time.Hour

// Holders lists the devices the newest version is for, and how far each is with it: the
// programme the centre issued holds it, the device runs that programme, its audio is
// there. By place and code.
func (d *Desk) Holders(ctx context.Context, by radio.Person, id radio.ScheduleID) ([]radio.ScheduleHolder, error) {
	w, err := d.reading(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.find(by, id, radio.ReadSchedules); err != nil {
		return nil, err
	}
	s, ok := w.stored[id]
	if !ok {
		return []radio.ScheduleHolder{}, nil // a draft is nowhere yet
	}
	views, err := d.rooms.Fleet.Views(ctx)
	if err != nil {
		return nil, err
	}
	bulletins, err := d.rooms.Holdings.CurrentBulletins(ctx)
	if err != nil {
		return nil, err
	}
	want := newExpectation(s, bulletins, d.now())
	out := []radio.ScheduleHolder{}
	for _, v := range views {
		if !slices.ContainsFunc(s.Targets, v.Place.Within) {
			continue
		}
		id := v.Place.Device.ID
		held, err := d.held.programme(ctx, d.rooms.Holdings, id, v.Issued[documentProgramme].Revision)
		if err != nil {
			return nil, err
		}
		out = append(out, want.holder(v, held[s.ID]))
	}
	slices.SortFunc(out, func(a, b radio.ScheduleHolder) int {
		return cmp.Or(alphabet.Compare(a.Place, b.Place), cmp.Compare(a.Code, b.Code))
	})
	return out, nil
}

// expectation is what a programme must hold of a schedule, and the audio for it: the same
// everywhere, unless some clusters have variants of their own.
type expectation struct {
	schedule  radio.Schedule
	over      bool       // nothing of it may be there
	oldest    radio.Date // what was over before it is not there either
	approved  map[radio.BulletinID]radio.Bulletin
	varied    bool
	marks     []uint64 // sorted
	bulletins map[radio.BulletinID]radio.Bulletin
}

func newExpectation(s radio.Schedule, approved []radio.Bulletin, now time.Time) expectation {
	e := expectation{schedule: s, approved: map[radio.BulletinID]radio.Bulletin{}}
	zone, err := timetable.LoadZone(s.Zone)
	if err == nil {
		e.oldest = zone.Date(now.Add(-keepEnded))
	}
	e.over = s.WithdrawnAt != 0 || err != nil || s.Until != "" && s.Until < e.oldest
	for _, b := range approved {
		e.approved[b.ID] = b
	}
	for _, sl := range s.Slots {
		for _, en := range sl.Items {
			e.varied = e.varied || len(en.Variants) > 0
		}
	}
	return e.at(radio.Place{})
}

// at is what counts at a place.
func (e expectation) at(p radio.Place) expectation {
	e.marks, e.bulletins = nil, map[radio.BulletinID]radio.Bulletin{}
	if e.over {
		return e
	}
	s := e.schedule
	for _, sl := range s.Slots {
		if sl.Over(e.oldest) {
			continue
		}
		for _, en := range sl.Items {
			wish, ok := e.choose(en, p)
			if en.Kind == radio.KindAudio && !ok {
				continue // nothing unapproved enters a programme
			}
			e.bulletins[wish] = e.approved[wish]
			e.marks = append(e.marks, share{
				slot: sl.ID, cron: sl.Cron, from: s.From, until: s.Until, except: s.Except, dates: sl.Dates, grace: s.GraceSeconds, priority: s.Priority,
				entry: en.ID, bulletin: wish, repeat: en.Repeat, gap: en.GapMS,
			}.sum())
		}
	}
	slices.Sort(e.marks)
	return e
}

// choose picks the first bulletin meant for the place that is approved, as programme does;
// ok is false when none is.
func (e expectation) choose(en radio.Entry, p radio.Place) (radio.BulletinID, bool) {
	for _, wish := range en.Wishes(p) {
		b, ok := e.approved[wish]
		// A variant may be of a commune's own desk: it stays in its commune.
		if ok && (len(en.Variants) == 0 || slices.ContainsFunc(p.Chain, func(a radio.Area) bool { return a.ID == b.Area })) {
			return wish, true
		}
	}
	return en.Bulletin, false
}

// share is one position of a schedule as a programme holds it.
type share struct {
	slot        radio.SlotID
	cron        string
	from, until radio.Date
	except      []radio.Date
	dates       []radio.Date
	grace       int
	priority    radio.Priority
	entry       radio.EntryID
	bulletin    radio.BulletinID
	repeat, gap int
}

// sum is a name short enough to be kept for every device.
func (m share) sum() uint64 {
	h := fnv.New64a()
	part := func(s string) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	for _, s := range []string{string(m.slot), m.cron, string(m.from), string(m.until), string(m.priority), string(m.entry), string(m.bulletin)} {
		part(s)
	}
	for _, d := range slices.Compact(slices.Sorted(slices.Values(m.except))) {
		part(string(d))
	}
	part(fmt.Sprint(m.grace, m.repeat, m.gap, m.dates))
	return h.Sum64()
}

func (e expectation) holder(v radio.DeviceView, held []uint64) radio.ScheduleHolder {
	p, issued := v.Place, v.Issued[documentProgramme].Revision
	if e.varied {
		e = e.at(p)
	}
	h := radio.ScheduleHolder{
		Device: p.Device.ID, Code: p.Device.Code, Name: p.Device.Name, Commune: p.Commune().ID,
		Place: p.Commune().Name + ", " + p.Hamlet().Name, Issued: issued, Alive: v.State.Alive, LastSeen: v.State.LastSeen,
	}
	var status radio.Status
	if v.Status != nil {
		status = *v.Status
	}
	h.Reported = status.Revisions.Programme
	for _, b := range e.bulletins {
		r, ok := b.Rendition(p.Device.Rendition)
		if !ok {
			continue
		}
		h.Audio++
		if slices.ContainsFunc(status.Audio, func(a radio.AudioStatus) bool { return a.Ready && a.SHA256 == r.SHA256 }) {
			h.Ready++
		}
	}
	switch {
	case !slices.Equal(held, e.marks):
		h.State = radio.HoldCentre
	case v.Status == nil:
		h.State = radio.HoldNever
	case h.Reported < issued:
		h.State = radio.HoldWaiting
	case h.Ready < h.Audio:
		h.State = radio.HoldAudio
	default:
		h.State = radio.HoldSynced
	}
	return h
}

// heldCache keeps of each device's newest programme what it holds of each schedule, so
// that thousands of programmes are read once and not for every look.
type heldCache struct {
	mu      sync.Mutex
	devices map[radio.DeviceID]heldProgramme
}

type heldProgramme struct {
	revision  int64
	schedules map[radio.ScheduleID][]uint64
}

func (c *heldCache) programme(ctx context.Context, from Holdings, id radio.DeviceID, revision int64) (map[radio.ScheduleID][]uint64, error) {
	if revision == 0 {
		return nil, nil
	}
	c.mu.Lock()
	have := c.devices[id]
	c.mu.Unlock()
	if have.revision == revision {
		return have.schedules, nil
	}
	doc, err := from.Issued(ctx, id, documentProgramme, revision)
	if err != nil {
		return nil, err
	}
	var p radio.Programme
	if err := json.Unmarshal(doc.Payload, &p); err != nil {
		return nil, fmt.Errorf("programme %d of device %s: %w", revision, id, err)
	}
	have = heldProgramme{revision: revision, schedules: map[radio.ScheduleID][]uint64{}}
	for _, sl := range p.Slots {
		for _, it := range sl.Items {
			have.schedules[sl.Schedule] = append(have.schedules[sl.Schedule], share{
				slot: sl.Slot, cron: sl.Cron, from: sl.From, until: sl.Until, except: sl.Except, dates: sl.Dates, grace: sl.GraceSeconds, priority: sl.Priority,
				entry: it.Entry, bulletin: it.Bulletin, repeat: it.Repeat, gap: it.GapMS,
			}.sum())
		}
	}
	for _, marks := range have.schedules {
		slices.Sort(marks)
	}
	c.mu.Lock()
	c.devices[id] = have
	c.mu.Unlock()
	return have.schedules, nil
}
