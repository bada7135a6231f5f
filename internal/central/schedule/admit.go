package schedule

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Codes asks for a code of a person's second factor (identity).
type Codes interface {
	CheckCode(ctx context.Context, by radio.Person, code string) error
}

// priorityQuota: a priority schedule is heard in communes that did not ask for it. Twenty
// an hour are more than any desk publishes.
func priorityQuota() *radio.Quota {
	return &radio.Quota{Most: 20, Per: time.Hour, VI: "phát hành lịch ưu tiên", EN: "publishing priority schedules"}
}

// together is how long what one person publishes counts together.
const together = 24 * time.Hour

// admit asks for what the publication of a version takes besides the right. coded says that
// it has taken a code.
func (d *Desk) admit(ctx context.Context, w *world, by radio.Person, v radio.Schedule, code string) (coded bool, err error) {
	if coded, err = d.takesCode(ctx, w, by, v); err != nil {
		return false, err
	}
	if v.Priority == radio.Prior {
		if err := d.priority.Take(by.ID, d.now()); err != nil {
			return false, err
		}
	}
	if !coded {
		return false, nil
	}
	err = d.rooms.Codes.CheckCode(ctx, by, code)
	if err != nil && v.Priority == radio.Prior {
		d.priority.GiveBack(by.ID)
	}
	return true, err
}

// takesCode says whether the publication of a version takes a code: it reaches the whole
// province, alone or together with what the person has put on the air within a day without
// a code. Else a stolen password would reach the province commune by commune.
func (d *Desk) takesCode(ctx context.Context, w *world, by radio.Person, v radio.Schedule) (bool, error) {
	if w.wide(v.Targets) {
		return true, nil
	}
	before, err := d.rooms.Drafts.UncodedSchedules(ctx, by.ID, radio.At(d.now().Add(-together)))
	if err != nil {
		return false, err
	}
	targets := slices.Clone(v.Targets)
	for _, s := range before {
		targets = append(targets, s.Targets...)
	}
	return w.wide(targets), nil
}

// wide says whether targets reach the whole province: one is the province itself, or they
// lie in more than half of its communes.
func (w *world) wide(targets []radio.Target) bool {
	touched := map[radio.AreaID]bool{}
	for _, t := range targets {
		chain := w.targetChain(t)
		if len(chain) == 1 {
			return true
		}
		for _, id := range chain {
			if a, ok := w.tree.Area(id); ok && a.Kind == radio.Commune && !a.Ended() {
				touched[id] = true
			}
		}
	}
	all := 0 // of today: what was merged counts with what took it
	for _, id := range w.tree.Communes([]radio.AreaID{radio.Everywhere}) {
		if a, ok := w.tree.Area(id); ok && !a.Ended() {
			all++
		}
	}
	return len(touched) > 1 && 2*len(touched) > all
}
