package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// covers says whether something from start to end is what people mean by an instant.
func covers(start, end, at radio.Millis) bool {
	return start < at.Add(step) && (end > at || start >= at)
}

// cases finds what was to sound at the instant, or did.
func (w *world) cases(ctx context.Context) ([]Case, error) {
	var out []Case
	for i := range w.rows {
		row := &w.rows[i]
		end := row.End()
		if row.StartedAt != 0 {
			end = max(end, row.StartedAt.Add(radio.SamplesDuration(row.Consumed)))
		}
		if !covers(row.Start, end, w.at) {
			continue
		}
		c := Case{Place: w.place, At: w.at, Now: w.now, Row: row, Slot: row.Key.Slot, SlotAt: row.Key.SlotAt, Start: row.Start, End: end}
		if j := slices.IndexFunc(w.coming, func(p radio.PreviewRow) bool { return p.ID == row.Airing }); j >= 0 {
			c.Coming = &w.coming[j]
		}
		if row.Origin == radio.FromSchedule {
			var err error
			if c.Schedule, err = w.held(ctx, row.Key.Schedule, min(row.Start, w.now)); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	for i := range w.coming {
		p := &w.coming[i]
		if !covers(p.Start, p.End(), w.at) || slices.ContainsFunc(out, func(c Case) bool { return c.Row != nil && c.Row.Airing == p.ID }) {
			continue
		}
		c := Case{Place: w.place, At: w.at, Now: w.now, Coming: p, Slot: p.Slot, SlotAt: p.SlotAt, Start: p.Start, End: p.End()}
		var err error
		if c.Schedule, err = w.held(ctx, p.Schedule, w.now); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	left, err := w.leftOut(ctx)
	return append(out, left...), err
}

// held gives the version of a schedule from which an airing of an instant came: the newest
// one published by then, also when it was withdrawn since; nil for none.
func (w *world) held(ctx context.Context, id radio.ScheduleID, at radio.Millis) (*radio.Schedule, error) {
	i := slices.IndexFunc(w.plan.Schedules, func(o radio.Schedule) bool { return o.ID == id })
	if i >= 0 && w.plan.Schedules[i].ApprovedAt <= at && w.plan.Schedules[i].WithdrawnAt == 0 {
		return &w.plan.Schedules[i], nil
	}
	o, _, err := w.version(ctx, id, at)
	return o, err
}

// version finds the newest version published by an instant, and whether that was withdrawn
// by then.
func (w *world) version(ctx context.Context, id radio.ScheduleID, at radio.Millis) (o *radio.Schedule, withdrawn bool, err error) {
	versions, err := w.Plans.ScheduleVersions(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("versions of schedule %s: %w", id, err)
	}
	for n := range versions {
		v := &versions[n]
		switch {
		case v.ApprovedAt > at:
		case v.WithdrawnAt != 0:
			withdrawn = true
		default:
			o, withdrawn = v, false
		}
	}
	return o, withdrawn, nil
}

// leftOut finds slots of schedules for the device that come due at the instant and have
// no airing, or some entries of which have none.
func (w *world) leftOut(ctx context.Context) ([]Case, error) {
	var out []Case
	if w.archive != nil {
		return nil, nil // what had an airing is not known here
	}
	for i := range w.plan.Schedules {
		newest := &w.plan.Schedules[i]
		o := newest
		if w.at <= w.now && newest.ApprovedAt > w.at {
			v, withdrawn, err := w.version(ctx, newest.ID, w.at)
			if err != nil {
				return nil, err
			}
			if o = v; withdrawn {
				continue
			}
		}
		if o == nil || o.WithdrawnAt != 0 || !slices.ContainsFunc(o.Targets, w.place.Within) {
			continue
		}
		for _, sl := range o.Slots {
			length := w.length(sl)
			due, ok := lastDue(*o, sl, w.at, max(length, step))
			if !ok || !covers(due, due.Add(max(length, step)), w.at) || due < o.ApprovedAt {
				continue
			}
			c := Case{Place: w.place, At: w.at, Now: w.now, Schedule: o, Slot: sl.ID, SlotAt: due, Start: due, End: due.Add(length)}
			for _, e := range sl.Items {
				if !w.holds(sl.ID, e.ID, due) {
					c.Missing = append(c.Missing, e)
				}
			}
			for _, x := range w.left {
				if x.Schedule == o.ID && (x.Slot == sl.ID || x.Slot == "") {
					c.Left = append(c.Left, x)
				}
			}
			if len(c.Missing) > 0 {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// holds says whether an entry has an airing.
func (w *world) holds(slot radio.SlotID, entry radio.EntryID, due radio.Millis) bool {
	return slices.ContainsFunc(w.rows, func(r radio.AsRun) bool { return r.Key.Slot == slot && r.Key.Entry == entry && r.Key.SlotAt == due }) ||
		slices.ContainsFunc(w.coming, func(r radio.PreviewRow) bool { return r.Slot == slot && r.Entry == entry && r.SlotAt == due })
}

// length is how long a slot would sound, as far as its audio is known.
func (w *world) length(sl radio.Slot) time.Duration {
	var sum time.Duration
	for _, e := range sl.Items {
		n := max(e.Repeat, 1)
		sum += time.Duration(n-1) * time.Duration(e.GapMS) * time.Millisecond
		if b, ok := w.newest(e.Bulletin); ok && len(b.Renditions) > 0 {
			sum += time.Duration(n) * radio.SamplesDuration(b.Renditions[0].Samples)
		}
	}
	return min(sum, reach)
}

func (w *world) newest(id radio.BulletinID) (b radio.Bulletin, ok bool) {
	for _, x := range w.plan.Bulletins {
		if x.ID == id && (!ok || x.Version > b.Version) {
			b, ok = x, true
		}
	}
	return b, ok
}

// lastDue is the last instant by then at which a slot came due, if that is not longer ago
// than it lasts.
func lastDue(o radio.Schedule, sl radio.Slot, at radio.Millis, length time.Duration) (last radio.Millis, ok bool) {
	from := at.Add(-length).Time()
	for range 1 + int(length/time.Minute) {
		due, more := timetable.Next(o, sl, from)
		if !more || radio.At(due) >= at.Add(step) {
			break
		}
		last, ok = radio.At(due), true
		from = due.Add(time.Minute)
	}
	return last, ok
}

// near finds the airings before and after, where nothing is to sound at the instant.
func (w *world) near(ctx context.Context, x *radio.Explanation) error {
	if len(x.Airings) > 0 {
		return nil
	}
	d := w.place.Device.ID
	rows := w.rows
	for _, span := range [][2]radio.Millis{{w.at.Add(-nearby), w.at.Add(-reach)}, {w.at.Add(reach), w.at.Add(nearby)}} {
		more, err := w.Log.Sounded(ctx, d, span[0], span[1])
		if err != nil {
			return err
		}
		rows = append(slices.Clip(rows), more...)
	}
	see := func(n radio.NearAiring) {
		if n.Start < w.at && (x.Before == nil || n.Start > x.Before.Start) {
			x.Before = &n
		}
		if n.Start > w.at && (x.After == nil || n.Start < x.After.Start) {
			x.After = &n
		}
	}
	for _, r := range rows {
		see(radio.NearAiring{Airing: r.Airing, Title: r.Title, Start: r.Start, Outcome: r.Outcome})
	}
	for _, r := range w.coming {
		if !slices.ContainsFunc(rows, func(a radio.AsRun) bool { return a.Airing == r.ID }) {
			see(radio.NearAiring{Airing: r.ID, Title: r.Title, Start: r.Start, Outcome: r.Outcome})
		}
	}
	return nil
}

// airing sums a case up.
func (w *world) airing(c Case, links []radio.ChainLink) radio.ExplainedAiring {
	x := radio.ExplainedAiring{Start: c.Start, End: c.End, Origin: radio.FromSchedule, Links: links}
	switch {
	case c.Row != nil:
		x.Airing, x.Title, x.Origin, x.Outcome, x.Reason = c.Row.Airing, c.Row.Title, c.Row.Origin, c.Row.Outcome, c.Row.Reason
		if x.Outcome == radio.PendingOutcome && c.Coming != nil && c.Coming.Outcome != "" {
			x.Outcome, x.Reason = c.Coming.Outcome, c.Coming.Reason
		}
	case c.Coming != nil:
		x.Airing, x.Title, x.Outcome, x.Reason = c.Coming.ID, c.Coming.Title, c.Coming.Outcome, c.Coming.Reason
	case c.Schedule != nil:
		x.Title = c.Schedule.Title
	}
	x.VI, x.EN = w.summary(c, x, links).both()
	return x
}
