// Package explain tells why a device sounded, sounds or will sound at an instant, or why
// not: the chain of rules from the schedule to the confirmation, each link a plain
// sentence in Vietnamese and English with the rows it comes from. It receives the plan,
// the log, journals, documents and faults from store, what answers for an airing from
// report, what is to come from preview, and hands explanations and diagnoses to web and to
// the command line. It decides nothing: where the agent's rules are asked, timetable
// answers.
package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Plans is what people have laid down (store).
type Plans interface {
	// Plan is shared: it must not be changed.
	Plan(ctx context.Context) (radio.Plan, error)
	Place(ctx context.Context, d radio.DeviceID) (radio.Place, error)
	ScheduleVersions(ctx context.Context, id radio.ScheduleID) ([]radio.Schedule, error)
	BulletinVersions(ctx context.Context, id radio.BulletinID) ([]radio.Bulletin, error)
}

// Log is what became of airings (store).
type Log interface {
	// Sounded lists the rows of a device that begin between two instants, the first first.
	Sounded(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.AsRun, error)
	AsRunHistory(ctx context.Context, d radio.DeviceID, a radio.AiringID) (radio.AsRun, []radio.Word, error)
	// ArchivedMonths have left the log, or are about to.
	ArchivedMonths(ctx context.Context) ([]radio.ArchivedMonth, error)
}

// Devices is what was sent to devices, and what they and the centre noted of them (store).
type Devices interface {
	Issued(ctx context.Context, d radio.DeviceID, document string, revision int64) (radio.Issued, error)
	IssuedAt(ctx context.Context, d radio.DeviceID, document string, at radio.Millis) (radio.Issued, error)
	DeviceEvents(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.Heard, error)
	LastEvents(ctx context.Context, d radio.DeviceID, at radio.Millis) ([]radio.Heard, error)
	Faults(ctx context.Context, f radio.FaultFilter, after radio.FaultID, limit int) (radio.FaultPage, error)
}

// Fleet is the newest view of every device (fault). What it gives is shared.
type Fleet interface {
	Views(ctx context.Context) ([]radio.DeviceView, error)
}

// Coming tells what would sound (preview).
type Coming interface {
	Week(ctx context.Context, of radio.Target, from radio.Date, days int) (radio.Preview, error)
}

// Trail tells who answers for what sounded (report).
type Trail interface {
	Steps(ctx context.Context, row radio.AsRun) ([]radio.AirStep, error)
}

// Case is one airing that is explained, or a slot that came to nothing, or an instant at
// which nothing was to sound.
type Case struct {
	Place   radio.Place
	At, Now radio.Millis
	// Row is its row in the log, nil before it is frozen.
	Row *radio.AsRun
	// Coming is what is planned of it, nil for what should have begun already.
	Coming *radio.PreviewRow
	// Schedule is the version that stood then, Slot and SlotAt its place; nil and zero for
	// sound that stands in no schedule.
	Schedule   *radio.Schedule
	Slot       radio.SlotID
	SlotAt     radio.Millis
	Start, End radio.Millis
	// Missing are the entries of the slot that have no airing.
	Missing []radio.Entry
	// Left is what the resolver said of them, for what is to come.
	Left []radio.Conflict
}

// Past says whether it should have begun by now.
func (c Case) Past() bool { return c.Start <= c.Now }

// Nothing says whether it is only an instant.
func (c Case) Nothing() bool { return c.Row == nil && c.Coming == nil && c.Schedule == nil }

// Teller adds the links of one kind to the chain of a case; none when it has nothing to
// say.
type Teller func(ctx context.Context, c Case) ([]radio.ChainLink, error)

// Rooms are what an explanation is read from.
type Rooms struct {
	Plans   Plans
	Log     Log
	Devices Devices
	Fleet   Fleet
	Coming  Coming
	Trail   Trail
	// More tells more of some kinds of links. Where it has something to say of a kind, that
	// stands in place of what is only supposed here (see steps).
	More map[radio.ChainKind]Teller
}

// Explainer is safe for concurrent use.
type Explainer struct {
	Rooms
	now func() time.Time
}

// New only stores.
func New(r Rooms, now func() time.Time) *Explainer { return &Explainer{r, now} }

const (
	// reach is how far from an instant airings are looked for that may cover it.
	reach = 3 * time.Hour
	// nearby is how far away the airings before and after an instant may be.
	nearby = 24 * time.Hour
	// step is how exact people name an instant.
	step = time.Minute
	// farthest instants that are explained, seen from now.
	farthest = 10 * 366 * 24 * time.Hour
)

// world is what all cases of one question have in common.
type world struct {
	*Explainer
	zone    timetable.Zone
	place   radio.Place
	plan    radio.Plan
	at, now radio.Millis
	rows    []radio.AsRun      // around the instant
	coming  []radio.PreviewRow // around the instant
	left    []radio.Conflict
	view    radio.DeviceView
	// archive is the month of the instant, where that has left the log.
	archive *radio.ArchivedMonth
	people  map[radio.AiringID][]radio.AirStep
}

// Explain tells about a device at an instant. Airings that begin within the minute count.
// ErrNotFound when there is no such device; radio.Invalid for an instant too far away.
func (e *Explainer) Explain(ctx context.Context, d radio.DeviceID, at radio.Millis) (radio.Explanation, error) {
	w, err := e.world(ctx, d, at)
	if err == nil {
		err = w.look(ctx)
	}
	if err != nil {
		return radio.Explanation{}, fmt.Errorf("explain device %.32s: %w", d, err)
	}
	x, err := w.explain(ctx)
	if err != nil {
		return radio.Explanation{}, fmt.Errorf("explain device %s: %w", w.place.Device.Code, err)
	}
	return x, nil
}

func (e *Explainer) world(ctx context.Context, d radio.DeviceID, at radio.Millis) (w *world, err error) {
	now := radio.At(e.now())
	if at.Sub(now).Abs() > farthest || at <= 0 {
		var bad radio.Invalid
		bad.Add("at", "thời điểm cách nay không quá mười năm", "an instant at most ten years away")
		return nil, bad.Err()
	}
	w = &world{Explainer: e, at: at, now: now, people: map[radio.AiringID][]radio.AirStep{}}
	if w.place, err = e.Plans.Place(ctx, d); err != nil {
		return nil, err
	}
	if w.zone, err = timetable.LoadZone(w.place.Province().Zone); err != nil {
		return nil, err
	}
	views, err := e.Fleet.Views(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(views, func(v radio.DeviceView) bool { return v.Place.Device.ID == d }); i >= 0 {
		w.view = views[i]
	}
	return w, nil
}

// look reads the plan, and what the log and the preview have around the instant.
func (w *world) look(ctx context.Context) (err error) {
	if w.plan, err = w.Plans.Plan(ctx); err != nil {
		return err
	}
	if w.rows, err = w.Log.Sounded(ctx, w.place.Device.ID, w.at.Add(-reach), w.at.Add(reach)); err != nil {
		return err
	}
	if w.at.Add(reach) < w.now {
		return w.archived(ctx)
	}
	p, err := w.Coming.Week(ctx, radio.Target{Device: w.place.Device.ID}, w.zone.Date(w.at.Add(-reach).Time()), 2)
	if err != nil {
		return err
	}
	w.coming, w.left = p.Rows, p.Conflicts
	return nil
}

// archived looks whether the log of the instant is here no more.
func (w *world) archived(ctx context.Context) error {
	months, err := w.Log.ArchivedMonths(ctx)
	day := string(w.zone.Date(w.at.Time()))
	for _, m := range months {
		if m.Month != "" && strings.HasPrefix(day, m.Month) {
			w.archive = &m
		}
	}
	return err
}

func (w *world) explain(ctx context.Context) (radio.Explanation, error) {
	p := w.place
	x := radio.Explanation{Device: p.Device.ID, DeviceCode: p.Device.Code, DeviceName: p.Device.Name, CommuneName: p.Commune().Name, HamletName: p.Hamlet().Name,
		Zone: p.Province().Zone, At: w.at, Now: w.now, Airings: []radio.ExplainedAiring{}, Links: []radio.ChainLink{}}
	cases, err := w.cases(ctx)
	if err != nil {
		return x, err
	}
	for _, c := range cases {
		links, err := w.chain(ctx, c)
		if err != nil {
			return x, err
		}
		x.Airings = append(x.Airings, w.airing(c, links))
	}
	if len(cases) == 0 {
		if x.Links, err = w.chain(ctx, Case{Place: p, At: w.at, Now: w.now, Start: w.at, End: w.at}); err != nil {
			return x, err
		}
	}
	if err := w.near(ctx, &x); err != nil {
		return x, err
	}
	x.VI, x.EN = w.answer(x).both()
	if x.Diagnosis, err = w.diagnosis(ctx); err != nil {
		return x, err
	}
	return x, nil
}

// chain asks every step of the table.
func (w *world) chain(ctx context.Context, c Case) ([]radio.ChainLink, error) {
	k := &chain{world: w, c: c, links: []radio.ChainLink{}}
	for _, s := range steps {
		var told []radio.ChainLink
		if more := w.More[s.kind]; more != nil {
			var err error
			if told, err = more(ctx, c); err != nil {
				return nil, fmt.Errorf("explain %s: %w", s.kind, err)
			}
		}
		if len(told) == 0 || !s.supposed {
			k.kind = s.kind
			if err := s.tell(k, ctx); err != nil && !errors.Is(err, radio.ErrNotFound) {
				return nil, fmt.Errorf("explain %s: %w", s.kind, err)
			}
		}
		k.links = append(k.links, told...)
	}
	for i := range k.links {
		if k.links[i].Sources == nil {
			k.links[i].Sources = []radio.RowSource{}
		}
	}
	return k.links, nil
}

// steps is the chain in its order. A step that is supposed gives way to what Rooms.More
// knows of its kind; the others stand before it.
var steps = []struct {
	kind     radio.ChainKind
	supposed bool
	tell     func(*chain, context.Context) error
}{
	{radio.ChainPlace, true, (*chain).stood},
	{radio.ChainSchedule, false, (*chain).schedule},
	{radio.ChainBulletin, false, (*chain).bulletin},
	{radio.ChainPriority, false, (*chain).priority},
	{radio.ChainDecision, true, (*chain).decision},
	{radio.ChainPolicy, false, (*chain).policy},
	{radio.ChainRevision, false, (*chain).revision},
	{radio.ChainDevice, false, (*chain).device},
	{radio.ChainConfirmation, false, (*chain).confirmation},
}

// chain gathers the links of one case.
type chain struct {
	*world
	c     Case
	kind  radio.ChainKind
	links []radio.ChainLink
}

// add puts one link at the end of the chain.
func (k *chain) add(v radio.ChainVerdict, at radio.Millis, text words, from ...radio.RowSource) {
	k.links = append(k.links, radio.ChainLink{Kind: k.kind, Verdict: v, At: at, VI: text.vi, EN: text.en, Sources: from})
}

// acts tells who answers for the row of the case; none for what has no row.
func (k *chain) acts(ctx context.Context) ([]radio.AirStep, error) {
	if k.c.Row == nil {
		return nil, nil
	}
	if held, ok := k.people[k.c.Row.Airing]; ok {
		return held, nil
	}
	all, err := k.Trail.Steps(ctx, *k.c.Row)
	if err == nil {
		k.people[k.c.Row.Airing] = all
	}
	return all, err
}
