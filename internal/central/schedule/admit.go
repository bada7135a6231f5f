package schedule

import (
	"context"
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

// admit asks for what the publication of a version takes besides the right.
func (d *Desk) admit(ctx context.Context, w *world, by radio.Person, v radio.Schedule, code string) error {
	if v.Priority == radio.Prior {
		if err := d.priority.Take(by.ID, d.now()); err != nil {
			return err
		}
	}
	if !w.wide(v) {
		return nil
	}
	err := d.rooms.Codes.CheckCode(ctx, by, code)
	if err != nil && v.Priority == radio.Prior {
		d.priority.GiveBack(by.ID)
	}
	return err
}

// wide says whether a version reaches the whole province: it is aimed at the province
// itself, or at more than half of its communes, one by one.
func (w *world) wide(s radio.Schedule) bool {
	touched := map[radio.AreaID]bool{}
	for _, t := range s.Targets {
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
