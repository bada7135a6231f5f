package offer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Answers tells how a schedule stands with the communes to which it is sent from above, as
// it is given: on the air, or a draft that is to be. None of a schedule that has priority
// or is each commune's own.
func (d *Desk) Answers(ctx context.Context, s radio.Schedule) (radio.OfferAnswers, error) {
	out := radio.OfferAnswers{Answers: []radio.OfferAnswer{}}
	if s.Priority != radio.Normal {
		return out, nil
	}
	plan, err := d.plans.Plan(ctx)
	if err != nil {
		return out, fmt.Errorf("read the plan: %w", err)
	}
	all, err := d.plans.Places(ctx)
	if err != nil {
		return out, fmt.Errorf("read the places: %w", err)
	}
	if s.ApprovedAt == 0 {
		s.ApprovedAt = radio.At(d.now())
	}
	houses := map[radio.AreaID]*house{}
	for _, p := range all {
		if !slices.ContainsFunc(s.Targets, p.Within) || !p.Offered(s) {
			continue
		}
		h := houses[p.Commune().ID]
		if h == nil {
			h = &house{plan: plan, commune: p.Commune(), zoneName: p.Province().Zone, now: d.now()}
			if h.zone, err = timetable.LoadZone(h.zoneName); err != nil {
				return out, err
			}
			houses[h.commune.ID] = h
		}
		h.places = append(h.places, p)
	}
	for _, h := range houses {
		h.divide()
		out.Answers = append(out.Answers, h.answers(s)...)
	}
	slices.SortFunc(out.Answers, func(a, b radio.OfferAnswer) int {
		return cmp.Or(alphabet.Compare(a.Name, b.Name), cmp.Compare(a.Commune, b.Commune), cmp.Compare(a.State, b.State))
	})
	out.Count()
	return out, nil
}

// answers gathers the slots of one schedule by how they stand with the commune.
func (h *house) answers(s radio.Schedule) (out []radio.OfferAnswer) {
	for _, sl := range s.Slots {
		for _, o := range h.offers(s, sl, nil) {
			i := slices.IndexFunc(out, func(a radio.OfferAnswer) bool { return a.State == o.State && a.Sounds == o.Sounds })
			if i < 0 {
				i = len(out)
				out = append(out, radio.OfferAnswer{Commune: h.commune.ID, Name: h.commune.Name, State: o.State, Sounds: o.Sounds})
			}
			a := &out[i]
			if !slices.Contains(a.Slots, o.SlotCode) {
				a.Slots = append(a.Slots, o.SlotCode)
			}
			a.Devices = max(a.Devices, o.Devices)
			if o.Word != nil && strings.TrimSpace(o.Word.Reason) != "" {
				a.Reason = o.Word.Reason
			}
			if o.State == radio.OfferWaiting && (a.Deadline == 0 || o.Deadline < a.Deadline) {
				a.Deadline = o.Deadline
			}
		}
	}
	return out
}
