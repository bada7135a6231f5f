package central

import (
	"context"
	"slices"
	"sync"
	"time"

	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// laid gives what people laid down as it was last read, while nobody has changed
// anything: pages, the desk for schedules and previews ask for the same thousands of rows
// at every look. Safe for concurrent use. What Plan gives is shared and must not be
// changed; the lists of the other methods are the caller's own, not what is behind them.
type laid struct {
	*store.Store
	now  func() time.Time
	keys library.Keyring // by which approvals hold

	mu         sync.Mutex
	generation int64
	head       int64
	ring       int64 // version of the keyring
	since      time.Time

	plan                radio.Plan
	planAt              int64
	places              []radio.Place
	placesAt            int64
	bulletins, current  []radio.Bulletin
	bulletinsAt, currAt int64
}

// laidLife bounds how long a generation lasts: PostgreSQL numbers entries of the audit
// when they are written, not when they are committed, so that of two that overlap one
// may come without moving the head.
const laidLife = 10 * time.Second

func newLaid(s *store.Store, now func() time.Time, keys library.Keyring) *laid {
	return &laid{Store: s, now: now, keys: keys, head: -1}
}

// Generation grows with every change of what is laid down, of drafts, and of the keyring.
func (l *laid) Generation(ctx context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look(ctx)
}

// look is called with mu held, before what it stands for is read: an older answer is
// never taken for a newer one.
func (l *laid) look(ctx context.Context) (int64, error) {
	head, err := l.AuditHead(ctx)
	if err != nil {
		return 0, err
	}
	_, ring := l.keys.Keyring()
	if now := l.now(); head != l.head || ring.Version != l.ring || now.Before(l.since) || now.Sub(l.since) > laidLife {
		l.head, l.ring, l.since = head, ring.Version, now
		l.generation++
	}
	return l.generation, nil
}

// fresh reads into value what is older than the generation.
func fresh[T any](ctx context.Context, l *laid, at *int64, value *T, read func(context.Context) (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none T
	generation, err := l.look(ctx)
	if err != nil || *at == generation {
		return *value, err
	}
	v, err := read(ctx)
	if err != nil {
		return none, err
	}
	*value, *at = v, generation
	return v, nil
}

// Plan is everything laid down.
func (l *laid) Plan(ctx context.Context) (radio.Plan, error) {
	return fresh(ctx, l, &l.planAt, &l.plan, l.Store.Plan)
}

// Places lists every device with its areas, by code.
func (l *laid) Places(ctx context.Context) ([]radio.Place, error) {
	out, err := fresh(ctx, l, &l.placesAt, &l.places, l.Store.Places)
	return slices.Clone(out), err
}

// Bulletins lists of each bulletin the newest version that is no draft.
func (l *laid) Bulletins(ctx context.Context) ([]radio.Bulletin, error) {
	out, err := fresh(ctx, l, &l.bulletinsAt, &l.bulletins, l.Store.Bulletins)
	return slices.Clone(out), err
}

// CurrentBulletins lists what may go on the air.
func (l *laid) CurrentBulletins(ctx context.Context) ([]radio.Bulletin, error) {
	out, err := fresh(ctx, l, &l.currAt, &l.current, l.Store.CurrentBulletins)
	return slices.Clone(out), err
}

// Areas lists all areas, by code.
func (l *laid) Areas(ctx context.Context) ([]radio.Area, error) {
	p, err := l.Plan(ctx)
	return slices.Clone(p.Areas), err
}

// Campaigns lists all campaigns, by code.
func (l *laid) Campaigns(ctx context.Context) ([]radio.Campaign, error) {
	p, err := l.Plan(ctx)
	return slices.Clone(p.Campaigns), err
}

// CurrentSchedules lists what is on the air, by code.
func (l *laid) CurrentSchedules(ctx context.Context) ([]radio.Schedule, error) {
	p, err := l.Plan(ctx)
	return slices.DeleteFunc(slices.Clone(p.Schedules), func(s radio.Schedule) bool { return s.WithdrawnAt != 0 }), err
}
