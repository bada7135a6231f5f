package web

import (
	"context"
	"time"

	"loaxa/internal/central/report"
	"loaxa/internal/central/timeline"
	"loaxa/internal/radio"
)

// weekPlans is what the small province has laid down, and its alerts.
type weekPlans struct{ h *house }

func (p weekPlans) Plan(ctx context.Context) (radio.Plan, error) { return p.h.offers.Plan(ctx) }

func (p weekPlans) Alerts(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error) {
	return p.h.alerts.List(ctx, after, limit)
}

func (h *house) withTimelines(d *Deps) {
	d.Timelines = timeline.New(h.decidedWeeks(), d.Offers, report.New(h.log, func() time.Time { return now }), weekPlans{h}, func() time.Time { return now })
}

func timelineFixtures() []fixture {
	return []fixture{
		{pattern: "GET /overview", may: radio.ReadDevices},
		{pattern: "GET /timeline", may: radio.ReadSchedules},
		{pattern: "GET /timeline/{area}", may: radio.ReadSchedules, thing: offerThing},
		{pattern: "GET /api/v1/timeline/{area}", may: radio.ReadSchedules, thing: offerThing},
	}
}
