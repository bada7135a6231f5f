package preview

import (
	"context"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Difference rehearses what the publication of candidates changes: seven days from now,
// or from the first day of candidates that all begin later, on every device that they
// reach or that the versions on the air reach, before and after.
func (p *Preview) Difference(ctx context.Context, candidates []radio.Schedule) (radio.RehearsalDifference, error) {
	var d radio.RehearsalDifference
	if len(candidates) > maxCandidates {
		return d, tooManyCandidates()
	}
	if err := p.enter(ctx); err != nil {
		return d, err
	}
	defer p.exit()
	before, err := p.survey(ctx)
	if err != nil {
		return d, err
	}
	if err := p.hear(ctx, before); err != nil {
		return d, err
	}
	after := *before
	after.asked = map[radio.ScheduleID]bool{}
	after.lay(candidates)
	in, err := before.firstDays(candidates, &d)
	if err != nil {
		return d, err
	}
	want := reachedBy(before, &after)
	was, err := p.count(ctx, before, want, in)
	if err != nil {
		return d, err
	}
	is, err := p.count(ctx, &after, want, in)
	if err != nil {
		return d, err
	}
	d.Zone, d.Devices = before.zoneName, is.devices
	d.Before, d.After, d.MostBefore, d.MostAfter = was.total, is.total, was.most, is.most
	return d, nil
}

func tooManyCandidates() error {
	var e radio.Invalid
	e.Add("schedules", fmt.Sprintf("nhiều nhất %d lịch một lần", maxCandidates), fmt.Sprintf("at most %d schedules at once", maxCandidates))
	return e.Err()
}

// firstDays is the span in which a publication is rehearsed.
func (s *survey) firstDays(candidates []radio.Schedule, d *radio.RehearsalDifference) (stretch, error) {
	today := s.zone.Date(s.now)
	from := today
	for i, c := range candidates {
		if i == 0 || c.From < from {
			from = c.From
		}
	}
	from = max(from, today)
	var err error
	days := 0
	if d.From, d.To, days, err = s.dates(from, ""); err != nil {
		return stretch{}, err
	}
	return s.stretch(d.From, d.To, days)
}

// reachedBy lets through the devices of schedules that are not the same in both.
func reachedBy(before, after *survey) func(radio.Place) bool {
	at := map[radio.Target]bool{}
	for i, o := range after.schedules { // candidates stand where what they replace stood, or at the end
		if i < len(before.schedules) {
			if was := before.schedules[i]; was.ID == o.ID && was.Version == o.Version && !after.asked[o.ID] && was.WithdrawnAt == o.WithdrawnAt {
				continue
			}
			for _, t := range before.schedules[i].Targets {
				at[t] = true
			}
		}
		for _, t := range o.Targets {
			at[t] = true
		}
	}
	return func(p radio.Place) bool {
		return slices.ContainsFunc(targetsOf(p), func(t radio.Target) bool { return at[t] })
	}
}

// count rehearses some devices for their sums alone.
func (p *Preview) count(ctx context.Context, s *survey, want func(radio.Place) bool, in stretch) (*sums, error) {
	out := newSums(s)
	err := p.rehearse(ctx, s, s.groups(want), in, func(part *group) error {
		out.take(p, part)
		return nil
	})
	return out, err
}
