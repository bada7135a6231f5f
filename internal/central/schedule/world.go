package schedule

import (
	"context"
	"fmt"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// world is everything laid down, with the drafts, at one moment.
type world struct {
	*builder
	tree   radio.AreaTree
	stored map[radio.ScheduleID]radio.Schedule
	drafts map[radio.ScheduleID]radio.ScheduleDraft
	// airable marks the bulletins of which a version may be aired now.
	airable map[radio.BulletinID]bool
	nexts   nextCache
}

// world is made anew for whoever changes something: their problems are noted in it.
func (d *Desk) world(ctx context.Context) (*world, error) {
	plan, err := d.rooms.Plans.Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the stored plan: %w", err)
	}
	drafts, err := d.rooms.Drafts.ScheduleDrafts(ctx)
	if err != nil {
		return nil, err
	}
	w := &world{
		builder: newBuilder(&Source{}, &folder{}, plan, nil), tree: radio.NewAreaTree(plan.Areas),
		airable: airable(plan.Bulletins, d.rooms.Stands), stored: map[radio.ScheduleID]radio.Schedule{},
		drafts: map[radio.ScheduleID]radio.ScheduleDraft{}, nexts: nextCache{of: map[radio.ScheduleID]nextInstant{}},
	}
	for _, s := range plan.Schedules {
		w.stored[s.ID] = s
	}
	for _, x := range drafts {
		w.drafts[x.Doc.ID] = x
	}
	return w, nil
}

// airable lists the bulletins that may be aired: of each the highest version that was
// ever approved counts, unless it was withdrawn or its approver's signature holds no more.
func airable(all []radio.Bulletin, stands func(radio.Bulletin) error) map[radio.BulletinID]bool {
	best := map[radio.BulletinID]radio.Bulletin{}
	for _, b := range all {
		if (b.State == radio.Approved || b.State == radio.Withdrawn) && b.Version > best[b.ID].Version {
			best[b.ID] = b
		}
	}
	out := map[radio.BulletinID]bool{}
	for id, b := range best {
		out[id] = b.State == radio.Approved && stands(b) == nil
	}
	return out
}

// nextCache keeps when schedules come next: it stays true until that has been.
type nextCache struct {
	mu sync.Mutex
	of map[radio.ScheduleID]nextInstant
}

type nextInstant struct {
	from time.Time // when it was asked for
	at   radio.Millis
}

// neverFor is how long a schedule that does not come within a year is not asked again.
const neverFor = time.Hour

// next gives the next instant at which something of the schedule sounds; 0 when nothing
// does within a year.
func (w *world) next(s radio.Schedule, now time.Time) radio.Millis {
	w.nexts.mu.Lock()
	have, ok := w.nexts.of[s.ID]
	w.nexts.mu.Unlock()
	if ok && !now.Before(have.from) && (have.at > radio.At(now) || have.at == 0 && now.Sub(have.from) < neverFor) {
		return have.at
	}
	have = nextInstant{from: now}
	for _, sl := range s.Slots {
		if !w.sounds(sl) {
			continue
		}
		if at, ok := timetable.Next(s, sl, now); ok && (have.at == 0 || radio.At(at) < have.at) {
			have.at = radio.At(at)
		}
	}
	w.nexts.mu.Lock()
	w.nexts.of[s.ID] = have
	w.nexts.mu.Unlock()
	return have.at
}

// seenWorld is the newest world that was read only to look at it: a page asks for it a
// handful of times. Nothing in it is changed.
type seenWorld struct {
	mu         sync.Mutex
	generation int64
	w          *world
}

// reading is the world for who only looks.
func (d *Desk) reading(ctx context.Context) (*world, error) {
	w, _, err := d.readingAt(ctx)
	return w, err
}

func (d *Desk) readingAt(ctx context.Context) (*world, int64, error) {
	d.seen.mu.Lock()
	defer d.seen.mu.Unlock()
	// Asked for before the plan is read: what is kept is never older than its number.
	generation, err := d.rooms.Plans.Generation(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("generation of the plan: %w", err)
	}
	if d.seen.w != nil && d.seen.generation == generation {
		return d.seen.w, generation, nil
	}
	w, err := d.world(ctx)
	if err != nil {
		return nil, 0, err
	}
	d.seen.w, d.seen.generation = w, generation
	return w, generation, nil
}

// clashLife is how long an answer about a draft serves its pages: what devices say of
// themselves, and the clock, move without the plan. Publishing always asks anew.
const clashLife = time.Minute

// maxClashes bounds the answers that are kept.
const maxClashes = 64

// answers keeps what was found about drafts, as long as neither the draft nor the plan has
// changed: it can take a second to find.
type answers[T any] struct {
	mu sync.Mutex
	of map[clashKey]answer[T]
}

type clashKey struct {
	schedule   radio.ScheduleID
	revision   int64
	generation int64
}

type answer[T any] struct {
	at    time.Time
	found T
}

func (c *answers[T]) get(k clashKey, now time.Time) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.of[k]
	return a.found, ok && !now.Before(a.at) && now.Sub(a.at) < clashLife
}

func (c *answers[T]) put(k clashKey, found T, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for old, a := range c.of {
		if old.generation != k.generation || now.Sub(a.at) >= clashLife {
			delete(c.of, old)
		}
	}
	if c.of == nil {
		c.of = map[clashKey]answer[T]{}
	}
	if len(c.of) < maxClashes {
		c.of[k] = answer[T]{now, found}
	}
}

// Clashes lists what stands between a draft and the air, as of the last minute.
func (d *Desk) Clashes(ctx context.Context, by radio.Person, id radio.ScheduleID) ([]radio.Conflict, error) {
	return ofDraft(ctx, d, by, id, &d.clashes, d.rooms.Clashes.Conflicts)
}

// Difference rehearses what the publication of a draft changes, as of the last minute.
func (d *Desk) Difference(ctx context.Context, by radio.Person, id radio.ScheduleID) (radio.RehearsalDifference, error) {
	return ofDraft(ctx, d, by, id, &d.differences, d.rooms.Clashes.Difference)
}

// ofDraft asks about a draft that the person may read, unless the answer is known.
func ofDraft[T any](ctx context.Context, d *Desk, by radio.Person, id radio.ScheduleID, known *answers[T], ask func(context.Context, []radio.Schedule) (T, error)) (T, error) {
	var none T
	w, generation, err := d.readingAt(ctx)
	if err != nil {
		return none, err
	}
	_, readable := w.mayRead(by, id)
	x, ok := w.drafts[id]
	if !ok || !readable {
		return none, fmt.Errorf("draft of schedule %.30s: %w", id, radio.ErrNotFound)
	}
	k := clashKey{id, x.Revision, generation}
	if found, ok := known.get(k, d.now()); ok {
		return found, nil
	}
	doc, err := playNow(x.Doc, d.now())
	if err != nil {
		return none, err
	}
	found, err := ask(ctx, []radio.Schedule{doc})
	if err != nil {
		return none, err
	}
	known.put(k, found, d.now())
	return found, nil
}
