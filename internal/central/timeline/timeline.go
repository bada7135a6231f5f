// Package timeline tells a commune's days as one list: its own programme, what is sent from
// above and where the commune stands with it, emergencies and drills, what the policy keeps
// off, and what became of what is past. What is to come it receives from preview and offer,
// what has been from report's log and store's alerts; it hands the list to web. It plans
// nothing itself.
package timeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Weeks tells what would sound (preview).
type Weeks interface {
	Week(ctx context.Context, of radio.Target, from radio.Date, days int) (radio.Preview, error)
}

// Offers tells how a commune stands with what comes from above (offer).
type Offers interface {
	Inbox(ctx context.Context, commune radio.AreaID) (radio.Inbox, error)
}

// Log tells what has been (report).
type Log interface {
	Log(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) (radio.LogPage, error)
}

// Plans is what people have laid down, and the emergencies they sent (store).
type Plans interface {
	Plan(ctx context.Context) (radio.Plan, error)
	Alerts(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error)
}

// Teller is safe for concurrent use.
type Teller struct {
	weeks  Weeks
	offers Offers
	log    Log
	plans  Plans
	now    func() time.Time
}

const (
	// MaxDays bounds what is told at once.
	MaxDays = 14
	// logPages and alertsSeen bound what is read for it.
	logPages, alertsSeen = 4, 200
)

// New stores what it is given.
func New(weeks Weeks, offers Offers, log Log, plans Plans, now func() time.Time) *Teller {
	return &Teller{weeks: weeks, offers: offers, log: log, plans: plans, now: now}
}

// list is one timeline in the making.
type list struct {
	out   radio.Timeline
	zone  timetable.Zone
	tree  radio.AreaTree
	laid  map[radio.ScheduleID]radio.Schedule
	now   radio.Millis
	inbox radio.Inbox
}

// Tell gives days of a commune from a local date on. ErrNotFound when there is no such
// commune, ErrInvalid when the days are not 1 to 14.
func (t *Teller) Tell(ctx context.Context, commune radio.AreaID, from radio.Date, days int) (radio.Timeline, error) {
	var none radio.Timeline
	first, err := radio.ParseDate(string(from))
	if err != nil || days < 1 || days > MaxDays {
		var e radio.Invalid
		if err != nil {
			e.Add("from", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
		if days < 1 || days > MaxDays {
			e.Add("days", fmt.Sprintf("số ngày từ 1 đến %d", MaxDays), fmt.Sprintf("want 1 to %d days", MaxDays))
		}
		return none, e.Err()
	}
	l := &list{now: radio.At(t.now()), laid: map[radio.ScheduleID]radio.Schedule{}}
	if l.inbox, err = t.offers.Inbox(ctx, commune); err != nil {
		return none, err
	}
	if l.zone, err = timetable.LoadZone(l.inbox.Zone); err != nil {
		return none, err
	}
	plan, err := t.plans.Plan(ctx)
	if err != nil {
		return none, fmt.Errorf("read the plan: %w", err)
	}
	l.tree = radio.NewAreaTree(plan.Areas)
	for _, s := range plan.Schedules {
		l.laid[s.ID] = s
	}
	to, err := lastDay(first, days)
	if err != nil {
		return none, err
	}
	l.out = radio.Timeline{Commune: commune, Zone: l.inbox.Zone, From: from, To: to, Waiting: l.inbox.Waiting(), Rows: []radio.TimelineRow{}}
	week, err := t.weeks.Week(ctx, radio.Target{Area: commune}, from, days)
	if err != nil {
		return none, fmt.Errorf("what is to come: %w", err)
	}
	l.coming(week)
	alerts, err := t.plans.Alerts(ctx, "", alertsSeen)
	if err != nil {
		return none, fmt.Errorf("read the alerts: %w", err)
	}
	if err := t.past(ctx, l, alerts); err != nil {
		return none, fmt.Errorf("what has been: %w", err)
	}
	slices.SortStableFunc(l.out.Rows, func(a, b radio.TimelineRow) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Schedule, b.Schedule), cmp.Compare(a.Slot, b.Slot))
	})
	return l.out, nil
}

// lastDay is the last of some days.
func lastDay(first radio.Date, days int) (radio.Date, error) {
	t, err := time.Parse(time.DateOnly, string(first))
	if err != nil {
		return "", fmt.Errorf("first day: %w", err)
	}
	return radio.DateOf(t.AddDate(0, 0, days-1)), nil
}

// kind says whose a schedule is: the commune's own, or of an area above it.
func (l *list) kind(id radio.ScheduleID) radio.TimelineKind {
	if s, ok := l.laid[id]; ok && slices.Contains(l.tree.Chain(s.Area), l.out.Commune) {
		return radio.TimelineOwn
	}
	return radio.TimelineAbove
}

// coming takes over what preview says will sound, or will not.
func (l *list) coming(week radio.Preview) {
	l.out.Devices, l.out.Idle = week.Devices, week.Idle
	for _, r := range week.Rows {
		if r.Start < l.now {
			continue // the log's
		}
		row := radio.TimelineRow{Day: r.Day, At: r.Start, End: r.End(), Kind: l.kind(r.Schedule), Title: r.Title, From: l.laid[r.Schedule].Title,
			Schedule: r.Schedule, Slot: r.Slot, Priority: r.Priority, Sounds: r.Outcome == "", Devices: r.DeviceCount, Reason: r.Reason, Veto: r.Veto}
		if row.Kind == radio.TimelineAbove {
			l.stand(&row, r.SlotAt)
		}
		l.out.Rows = append(l.out.Rows, row)
	}
}

// stand tells where the commune stands with an airing from above: by the word about its
// date, or by what counts every day. Parts of a merged commune may stand differently.
func (l *list) stand(row *radio.TimelineRow, slotAt radio.Millis) {
	off := row.Reason == radio.ReasonCommune || row.Reason == radio.ReasonHeld
	for _, o := range l.inbox.Offers {
		if o.Schedule != row.Schedule || o.Slot != row.Slot {
			continue
		}
		for _, t := range o.Coming {
			if off != (t.SoundsAt == 0) || cmp.Or(t.SoundsAt, t.At) != slotAt {
				continue
			}
			row.Offer, row.Word = t.State, ""
			if w := cmp.Or(t.Word, o.Word); w != nil {
				row.Word = w.Reason
			}
			if t.SoundsAt != 0 && t.SoundsAt != t.At {
				row.MovedFrom = t.At
			}
			return
		}
		if row.Offer == "" || off != o.Sounds {
			row.Offer, row.Word = o.State, ""
			if o.Word != nil {
				row.Word = o.Word.Reason
			}
		}
	}
}

// pastKey tells airings of the log apart: clusters share one.
type pastKey struct {
	slotAt   radio.Millis
	origin   radio.Origin
	schedule radio.ScheduleID
	slot     radio.SlotID
	entry    radio.EntryID
	repeat   int
}

// past takes over what the log says, airing by airing, and the emergencies that were sent.
func (t *Teller) past(ctx context.Context, l *list, alerts []radio.AlertRecord) error {
	sent := map[radio.AlertID]radio.AlertRecord{}
	for _, a := range alerts {
		sent[a.ID] = a
	}
	at, heard := map[pastKey]int{}, map[radio.AlertID]bool{}
	var cursor radio.LogCursor
	for n := 0; ; n++ {
		if n == logPages {
			l.out.Cut = true
			break
		}
		page, err := t.log.Log(ctx, radio.LogFilter{Commune: l.out.Commune, From: l.out.From, To: l.out.To}, cursor, radio.MaxLogRows)
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if r.Start >= l.now {
				continue // preview's
			}
			k := pastKey{r.Key.SlotAt, r.Origin, r.Key.Schedule, r.Key.Slot, r.Key.Entry, r.Key.Repeat}
			i, known := at[k]
			if !known {
				i = len(l.out.Rows)
				at[k] = i
				l.out.Rows = append(l.out.Rows, l.been(r, sent))
			}
			row := &l.out.Rows[i]
			heard[row.Alert] = true
			row.Outcomes[r.Outcome]++
			row.Devices++
			row.At, row.End = min(row.At, r.Start), max(row.End, r.End())
			if r.Outcome != radio.Aired {
				row.Reason = cmp.Or(row.Reason, r.Reason)
			}
		}
		if cursor = page.Next; cursor == (radio.LogCursor{}) {
			break
		}
	}
	// What was sent and no cluster has told of yet.
	for _, a := range alerts {
		day := l.zone.Date(a.Paper.SentAt.Time())
		if a.Paper.SentAt == 0 || heard[a.ID] || day < l.out.From || day > l.out.To || !l.reaches(a.Wish.Area) {
			continue
		}
		l.out.Rows = append(l.out.Rows, radio.TimelineRow{Day: day, At: a.Paper.SentAt, End: a.Paper.SentAt, Kind: alertKind(a), Title: a.Wish.Headline, Alert: a.ID,
			Priority: radio.Emergency, Past: true, Outcomes: map[radio.Outcome]int64{}})
	}
	return nil
}

// reaches says whether an area lies above, in or below the commune's own.
func (l *list) reaches(area radio.AreaID) bool {
	return slices.Contains(l.tree.Chain(l.out.Commune), area) || slices.Contains(l.tree.Chain(area), l.out.Commune)
}

func alertKind(a radio.AlertRecord) radio.TimelineKind {
	if a.Wish.Drill {
		return radio.TimelineDrill
	}
	return radio.TimelineAlert
}

// been makes the line of a row of the log.
func (l *list) been(r radio.LogRow, sent map[radio.AlertID]radio.AlertRecord) radio.TimelineRow {
	row := radio.TimelineRow{Day: r.Day, At: r.Start, End: r.End(), Kind: radio.TimelineOther, Title: r.Title, From: r.ScheduleTitle, Priority: r.Priority, Past: true, Outcomes: map[radio.Outcome]int64{}}
	switch r.Origin {
	case radio.FromSchedule:
		row.Kind, row.Schedule, row.Slot = l.kind(r.Key.Schedule), r.Key.Schedule, r.Key.Slot
	case radio.FromAlert:
		row.Kind, row.Alert = radio.TimelineAlert, radio.AlertID(r.Key.Schedule)
		if a, ok := sent[row.Alert]; ok {
			row.Kind, row.Title = alertKind(a), a.Wish.Headline
		}
	}
	return row
}
