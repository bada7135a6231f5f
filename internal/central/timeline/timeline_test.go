package timeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

const zone = "Asia/Ho_Chi_Minh"

// Wednesday 12:00 in the province.
var noon = time.Date(2026, time.November, 25, 5, 0, 0, 0, time.UTC)

func id[T ~string](kind byte, n byte) T { return radio.IDFromBytes[T]([16]byte{1, kind, n}) }

func area(n byte) radio.AreaID { return id[radio.AreaID]('a', n) }

func schedule(n byte) radio.ScheduleID { return id[radio.ScheduleID]('s', n) }

func slot(n byte) radio.SlotID { return id[radio.SlotID]('l', n) }

// at is an instant of the 25th, or of a day around it.
func at(day, hour int) radio.Millis {
	return radio.At(time.Date(2026, time.November, day, hour-7, 0, 0, 0, time.UTC))
}

// sources are all that the list is made of.
type sources struct {
	week   radio.Preview
	inbox  radio.Inbox
	rows   []radio.AsRun
	plan   radio.Plan
	alerts []radio.AlertRecord
	asked  []radio.LogFilter
	page   int // rows a page of the log, 0 for all
}

func (s *sources) Week(context.Context, radio.Target, radio.Date, int) (radio.Preview, error) {
	return s.week, nil
}

func (s *sources) Inbox(_ context.Context, commune radio.AreaID) (radio.Inbox, error) {
	if commune != area(2) {
		return radio.Inbox{}, radio.ErrNotFound
	}
	return s.inbox, nil
}

func (s *sources) Log(_ context.Context, f radio.LogFilter, after radio.LogCursor, _ int) (page radio.LogPage, err error) {
	s.asked = append(s.asked, f)
	n := 0
	if after.Airing != "" {
		n = slices.IndexFunc(s.rows, func(r radio.AsRun) bool { return r.Airing == after.Airing }) + 1
	}
	for i, r := range s.rows[n:] {
		page.Rows = append(page.Rows, radio.LogRow{AsRun: r})
		if s.page > 0 && i+1 == s.page && n+i+1 < len(s.rows) {
			page.Next = r.Cursor()
			break
		}
	}
	return page, nil
}

func (s *sources) Plan(context.Context) (radio.Plan, error) { return s.plan, nil }

func (s *sources) Alerts(context.Context, radio.AlertID, int) ([]radio.AlertRecord, error) {
	return s.alerts, nil
}

func (s *sources) tell(t *testing.T) radio.Timeline {
	t.Helper()
	out, err := New(s, s, s, s, func() time.Time { return noon }).Tell(t.Context(), area(2), "2026-11-23", 7)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// preview is one coming airing of a schedule on both clusters.
func preview(n byte, when radio.Millis, change ...func(*radio.PreviewRow)) radio.PreviewRow {
	r := radio.PreviewRow{Day: radio.DateOf(when.Time().Add(7 * time.Hour)), DeviceCount: 2,
		PreviewAiring: radio.PreviewAiring{Start: when, SlotAt: when, Schedule: schedule(n), Slot: slot(n), Title: fmt.Sprint("Tin ", n), Priority: radio.Normal, Samples: radio.SampleRate * 60}}
	for _, c := range change {
		c(&r)
	}
	return r
}

// keptOff: the commune keeps it from sounding.
func keptOff(why radio.Reason) func(*radio.PreviewRow) {
	return func(r *radio.PreviewRow) { r.Outcome, r.Reason = radio.Declined, why }
}

// logged is one airing of the log on a cluster.
func logged(n, device byte, origin radio.Origin, when radio.Millis, what radio.Outcome, why radio.Reason) radio.AsRun {
	key := radio.AiringKey{Device: id[radio.DeviceID]('d', device), Schedule: schedule(n), Slot: slot(n), SlotAt: when, Repeat: 1}
	return radio.AsRun{Airing: key.ID(), Key: key, Origin: origin, Day: radio.DateOf(when.Time().Add(7 * time.Hour)), Start: when, Samples: radio.SampleRate * 60, Title: fmt.Sprint("Tin ", n), Outcome: what, Reason: why}
}

func newSources() *sources {
	s := &sources{inbox: radio.Inbox{Commune: area(2), Zone: zone}, week: radio.Preview{Zone: zone, Devices: 2, Idle: 1}}
	s.plan.Areas = []radio.Area{{ID: area(1), Kind: radio.Province}, {ID: area(2), Kind: radio.Commune, Parent: area(1)}, {ID: area(3), Kind: radio.Hamlet, Parent: area(2)}, {ID: area(4), Kind: radio.Commune, Parent: area(1)}}
	for n, a := range map[byte]radio.AreaID{1: area(2), 2: area(1), 3: area(1), 4: area(3), 5: area(1)} {
		s.plan.Schedules = append(s.plan.Schedules, radio.Schedule{ID: schedule(n), Area: a, Title: fmt.Sprint("Lịch ", n)})
	}
	return s
}

// line tells a row in short.
func line(r radio.TimelineRow) string {
	out := []string{r.At.Time().Add(7 * time.Hour).Format("02 15"), string(r.Kind), r.Title}
	if r.Past {
		for _, o := range radio.Outcomes() {
			if n := r.Outcomes[o]; n > 0 {
				out = append(out, fmt.Sprint(o, "=", n))
			}
		}
	} else {
		out = append(out, fmt.Sprint(r.Sounds))
	}
	for _, s := range []string{string(r.Offer), r.Word, string(r.Reason), string(r.Veto)} {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// The whole week in one list, in order: what has been by the log, what is to come by the
// preview, and what the commune keeps off.
func TestWeek(t *testing.T) {
	s := newSources()
	move := radio.Decision{Do: radio.DecideMove, Reason: "đi làm về"}
	decline := radio.Decision{Do: radio.DecideDecline, Reason: "lễ hội"}
	s.week.Rows = []radio.PreviewRow{
		preview(1, at(25, 11)), // before now: the log's
		preview(1, at(25, 17)),
		preview(2, at(25, 18)),
		preview(3, at(26, 6)),
		preview(4, at(26, 22), func(r *radio.PreviewRow) {
			r.Outcome, r.Reason, r.Veto = radio.Refused, radio.ReasonPolicy, radio.VetoHours
		}),
		preview(2, at(27, 16), keptOff(radio.ReasonCommune)),
		preview(3, at(28, 6), keptOff(radio.ReasonHeld)),
		preview(5, at(29, 6)),
		preview(5, at(29, 6), keptOff(radio.ReasonCommune)),
		preview(5, at(29, 12)), // beyond what the inbox lists
	}
	no := radio.Decision{Do: radio.DecideDecline, Reason: "trùng họp"}
	s.inbox.Offers = []radio.Offer{
		{Schedule: schedule(2), Slot: slot(2), Title: "Lịch 2", State: radio.OfferMoved, Word: &move, Coming: []radio.OfferTime{
			{Date: "2026-11-25", At: at(25, 16), SoundsAt: at(25, 18), State: radio.OfferMoved},
			{Date: "2026-11-27", At: at(27, 16), State: radio.OfferDeclined, Word: &decline},
			{Date: "2026-12-04", At: at(34, 16), State: radio.OfferDeclined, Word: &decline}, // of the week after
		}},
		{Schedule: schedule(3), Slot: slot(3), Title: "Lịch 3", State: radio.OfferWaiting, Coming: []radio.OfferTime{
			{Date: "2026-11-26", At: at(26, 6), SoundsAt: at(26, 6), State: radio.OfferWaiting},
			{Date: "2026-11-28", At: at(28, 6), State: radio.OfferWaiting}, // held
		}},
		// Two communes that were merged had answered differently.
		{Schedule: schedule(5), Slot: slot(5), Part: "Xã A", State: radio.OfferAccepted, Sounds: true, Coming: []radio.OfferTime{{Date: "2026-11-29", At: at(29, 6), SoundsAt: at(29, 6), State: radio.OfferAccepted}}},
		{Schedule: schedule(5), Slot: slot(5), Part: "Xã B", State: radio.OfferDeclined, Word: &no, Coming: []radio.OfferTime{{Date: "2026-11-29", At: at(29, 6), State: radio.OfferDeclined}}},
	}
	drill, flood := id[radio.AlertID]('k', 1), id[radio.AlertID]('k', 2)
	sent := func(a radio.AlertID, area radio.AreaID, isDrill bool, when radio.Millis) radio.AlertRecord {
		return radio.AlertRecord{ID: a, Wish: radio.AlertWish{Area: area, Headline: "Báo động", Drill: isDrill}, Paper: radio.AlertPaper{SentAt: when}}
	}
	s.alerts = []radio.AlertRecord{sent(drill, area(1), true, at(24, 9)), sent(flood, area(3), false, at(25, 10)), sent(id[radio.AlertID]('k', 3), area(4), false, at(25, 10)),
		sent(id[radio.AlertID]('k', 4), area(2), false, 0)}
	cycle := logged(9, 1, radio.FromAlert, at(24, 9), radio.Aired, "")
	cycle.Key.Schedule, cycle.Key.Slot = radio.ScheduleID(drill), radio.SlotID(drill)
	s.rows = []radio.AsRun{
		logged(1, 1, radio.FromSchedule, at(25, 17), radio.PendingOutcome, ""), // frozen, still to come: the preview's
		logged(1, 1, radio.FromSchedule, at(25, 11), radio.Aired, ""),
		logged(1, 2, radio.FromSchedule, at(25, 11), radio.Missed, radio.ReasonOff),
		logged(2, 1, radio.FromSchedule, at(24, 16), radio.Declined, radio.ReasonCommune),
		cycle,
		logged(8, 1, radio.FromCommand, at(23, 8), radio.Aired, ""),
	}
	got := s.tell(t)
	var lines []string
	for _, r := range got.Rows {
		lines = append(lines, line(r))
	}
	want := []string{
		"23 08 other Tin 8 aired=1",
		"24 09 drill Báo động aired=1",
		"24 16 above Tin 2 declined=1 commune",
		"25 10 alert Báo động",
		"25 11 own Tin 1 aired=1 missed=1 off",
		"25 17 own Tin 1 true",
		"25 18 above Tin 2 true moved đi làm về",
		"26 06 above Tin 3 true waiting",
		"26 22 own Tin 4 false policy hours",
		"27 16 above Tin 2 false declined lễ hội commune",
		"28 06 above Tin 3 false waiting held",
		"29 06 above Tin 5 true accepted",
		"29 06 above Tin 5 false declined trùng họp commune",
		"29 12 above Tin 5 true accepted",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got.From != "2026-11-23" || got.To != "2026-11-29" || got.Devices != 2 || got.Idle != 1 || got.Waiting != 1 || got.Cut {
		t.Errorf("%+v", got)
	}
	if r := got.Rows[6]; r.MovedFrom != at(25, 16) {
		t.Errorf("moved from %d", r.MovedFrom)
	}
	if f := s.asked[0]; f.Commune != area(2) || f.From != "2026-11-23" || f.To != "2026-11-29" {
		t.Errorf("the log is asked %+v", f)
	}
}

// A long log is read page by page, each row once; where it is too long, the list says so.
func TestLongLog(t *testing.T) {
	s := newSources()
	for n := range byte(6) {
		s.rows = append(s.rows, logged(1, n, radio.FromSchedule, at(24, 7), radio.Aired, ""))
	}
	s.page = 2
	if got := s.tell(t); len(got.Rows) != 1 || got.Rows[0].Outcomes[radio.Aired] != 6 || got.Cut {
		t.Errorf("%+v", got)
	}
	s.page = 1
	if got := s.tell(t); got.Rows[0].Outcomes[radio.Aired] != logPages || !got.Cut {
		t.Errorf("%+v", got)
	}
}

func TestRefused(t *testing.T) {
	s := newSources()
	teller := New(s, s, s, s, func() time.Time { return noon })
	for name, c := range map[string]struct {
		commune radio.AreaID
		from    radio.Date
		days    int
		kind    error
	}{
		"no date": {area(2), "", 7, radio.ErrInvalid}, "a wrong one": {area(2), "2026-02-30", 7, radio.ErrInvalid}, "no days": {area(2), "2026-11-23", 0, radio.ErrInvalid},
		"too many": {area(2), "2026-11-23", MaxDays + 1, radio.ErrInvalid}, "no commune": {area(9), "2026-11-23", 7, radio.ErrNotFound},
	} {
		if _, err := teller.Tell(t.Context(), c.commune, c.from, c.days); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
