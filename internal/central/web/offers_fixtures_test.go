package web

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/central/offer"
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
)

// fakeOffers keeps what communes said beneath the real desk, over the small province.
type fakeOffers struct {
	plan *fakePlan

	mu    sync.Mutex
	words []radio.Decision
	rules []radio.OfferRule
}

func (h *house) withOffers(d *Deps) {
	h.offers = &fakeOffers{plan: h.plan}
	d.Offers = offer.NewDesk(h.offers, h.offers, h.decidedWeeks(), func() time.Time { return now }, func() {})
}

// decidedPlan is the small province with what communes have said.
type decidedPlan struct {
	previewPlan
	offers *fakeOffers
}

func (p decidedPlan) Plan(ctx context.Context) (radio.Plan, error) { return p.offers.Plan(ctx) }

// decidedWeeks tells what would sound after that.
func (h *house) decidedWeeks() *preview.Preview {
	return preview.New(decidedPlan{previewPlan{h.plan}, h.offers}, &fakeWatch{plan: h.plan}, programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}, func() time.Time { return now })
}

func (f *fakeOffers) Plan(ctx context.Context) (radio.Plan, error) {
	p, err := previewPlan{f.plan}.Plan(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Decided = radio.NewDecided(f.words, f.rules)
	return p, err
}

func (f *fakeOffers) Places(ctx context.Context) ([]radio.Place, error) { return f.plan.Places(ctx) }

func (f *fakeOffers) AddDecisions(_ context.Context, words []radio.Decision) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range words {
		if said, err := w.Answers(f.words); err != nil || said {
			return err
		}
		w.N = int64(len(f.words) + 1)
		f.words = append(f.words, w)
	}
	return nil
}

func (f *fakeOffers) PutOfferRule(_ context.Context, r radio.OfferRule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.N = int64(len(f.rules) + 1)
	f.rules = append(f.rules, r)
	return nil
}

func (f *fakeOffers) Decisions(_ context.Context, areas []radio.AreaID, _ radio.ScheduleID, limit int) (out []radio.Decision, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.words) - 1; i >= 0 && len(out) < limit; i-- {
		for _, a := range areas {
			if f.words[i].Area == a {
				out = append(out, f.words[i])
			}
		}
	}
	return out, nil
}

func (f *fakeOffers) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{lan.ID: lan.Name}, nil
}

// offerThing is a commune, to which the province has sent a schedule.
func offerThing(h *house, w where) []string {
	if w == common {
		return nil
	}
	h.offerSomething()
	return []string{"area", string(h.area(w))}
}

const (
	offeredSchedule radio.ScheduleID = "01JZZZZZZZZZZZZZZZZZZZZZA1"
	offeredSlot     radio.SlotID     = "01JZZZZZZZZZZZZZZZZZZZZZA2"
)

// offerSomething lays a normal schedule of the province on every commune.
func (h *house) offerSomething() {
	for _, s := range h.plan.schedules {
		if s.ID == offeredSchedule {
			return
		}
	}
	h.plan.schedules = append(h.plan.schedules, radio.Schedule{ID: offeredSchedule, Code: "tu-tinh", Version: 1, Title: "Phòng cháy mùa khô", Area: h.area(common), Priority: radio.Normal,
		Targets: []radio.Target{{Area: h.area(common)}}, Zone: "Asia/Ho_Chi_Minh", GraceSeconds: 120, ApprovedAt: radio.At(now.Add(-time.Hour)),
		Slots: []radio.Slot{{ID: offeredSlot, Code: "chieu", Cron: "0 17 * * *", Items: []radio.Entry{{ID: "01JZZZZZZZZZZZZZZZZZZZZZA3", Code: "a", Kind: radio.KindAudio, Bulletin: h.plan.bulletins[0].ID, Repeat: 1}}}}})
}

// notFor: the province's people do not answer in the commune's place.
func notFor(roles ...string) map[string]int {
	out := map[string]int{}
	for _, r := range roles {
		for _, w := range []where{own, foreign} {
			out[r+"* "+string(w)] = 403
		}
	}
	return out
}

func offerFixtures() []fixture {
	say := `{"decisions":[{"schedule":"` + string(offeredSchedule) + `","slot":"` + string(offeredSlot) + `","do":"accept"}]}`
	provincial := notFor("editor", "approver")
	return []fixture{
		{pattern: "GET /offers", may: radio.ReadSchedules},
		{pattern: "GET /offers/{area}", may: radio.ReadSchedules, thing: offerThing},
		{pattern: "POST /offers/{area}", may: radio.DecideOffers, thing: offerThing, body: "do=accept&schedule=" + string(offeredSchedule) + "&slot=" + string(offeredSlot), except: provincial},
		{pattern: "POST /offers/{area}/rule", may: radio.DecideOffers, thing: offerThing, body: "default=hold&deadline_hours=6", except: provincial},
		{pattern: "GET /api/v1/offers/{area}", may: radio.ReadSchedules, thing: offerThing},
		{pattern: "POST /api/v1/offers/{area}/decisions", may: radio.DecideOffers, thing: offerThing, body: say, except: provincial},
		{pattern: "PUT /api/v1/offers/{area}/rule", may: radio.DecideOffers, thing: offerThing, body: `{"default":"hold","deadline_hours":6}`, except: provincial},
	}
}
