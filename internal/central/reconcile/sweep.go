package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// around is how far beyond the frozen span a programme is expanded, so that an airing
// that was shifted is not taken for one that is gone.
const around = timetable.MaxSlotLength + time.Hour

// Published freezes what a programme brings within the horizon and takes back what it
// no longer holds. at is when it was published; the same programme twice changes
// nothing, and an older one than the last is ignored.
func (r *Reconciler) Published(ctx context.Context, place radio.Place, p radio.Programme, at radio.Millis) error {
	var next turn
	err := r.begin(ctx, func(tx Tx) error {
		var err error
		next, err = r.advance(ctx, tx, place, p, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("freeze programme %d of device %s: %w", p.Revision, p.Device, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next[p.Device].revision <= next.revision {
		r.next[p.Device] = next
	}
	return nil
}

// extend freezes what has come within the horizon since the last time.
func (r *Reconciler) extend(ctx context.Context) error {
	revisions, err := r.programmes.IssuedRevisions(ctx, "programme")
	if err != nil {
		return err
	}
	now := radio.At(r.now())
	var due []radio.DeviceID
	r.mu.Lock()
	for device, revision := range revisions {
		if t, ok := r.next[device]; !ok || t.revision < revision || t.at <= now {
			due = append(due, device)
		}
	}
	r.mu.Unlock()
	slices.Sort(due)
	var errs []error
	for part := range slices.Chunk(due, group) {
		if err := r.extendGroup(ctx, part, revisions); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// extendGroup freezes for several devices in one transaction. A programme that cannot
// be expanded is reported and does not hold up the others.
func (r *Reconciler) extendGroup(ctx context.Context, devices []radio.DeviceID, revisions map[radio.DeviceID]int64) error {
	var bad []error
	turns := map[radio.DeviceID]turn{}
	err := r.begin(ctx, func(tx Tx) error {
		for _, device := range devices {
			p, at, err := r.programme(ctx, device, revisions[device])
			if err == nil {
				turns[device], err = r.advance(ctx, tx, radio.Place{}, p, at)
			}
			if errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrNotFound) {
				bad = append(bad, fmt.Errorf("freeze for device %s: %w", device, err))
				turns[device] = turn{revision: revisions[device], at: radio.At(r.now().Add(time.Hour))}
				continue
			}
			if err != nil {
				return fmt.Errorf("freeze for device %s: %w", device, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for device, t := range turns {
		r.next[device] = t
	}
	return errors.Join(bad...)
}

// programme reads an issued programme and when it was published.
func (r *Reconciler) programme(ctx context.Context, device radio.DeviceID, revision int64) (radio.Programme, radio.Millis, error) {
	var p radio.Programme
	i, err := r.programmes.Issued(ctx, device, "programme", revision)
	if err != nil {
		return p, 0, err
	}
	if err := json.Unmarshal(i.Payload, &p); err != nil {
		return p, 0, fmt.Errorf("%w: programme %d: %v", radio.ErrInvalid, revision, err)
	}
	if len(i.Declined) > 0 {
		p.Declined = &radio.Programme{}
		if err := json.Unmarshal(i.Declined, p.Declined); err != nil {
			return p, 0, fmt.Errorf("%w: what programme %d leaves to the commune: %v", radio.ErrInvalid, revision, err)
		}
	}
	return p, i.IssuedAt, nil
}

// advance freezes up to the horizon in a transaction. When the programme is new, what
// the one before it planned up to the publication comes first: the centre may have been
// off longer than the horizon reaches.
func (r *Reconciler) advance(ctx context.Context, tx Tx, place radio.Place, p radio.Programme, at radio.Millis) (turn, error) {
	now := radio.At(r.now())
	mark, err := tx.Freeze(ctx, p.Device)
	if err != nil || p.Revision < mark.Revision {
		return turn{revision: mark.Revision, at: now}, err
	}
	if place.Device.ID == "" {
		if place, err = r.desc.find(ctx, p.Device); err != nil {
			return turn{}, err
		}
	}
	if 0 < mark.Revision && mark.Revision < p.Revision && mark.Upto < at {
		old, _, err := r.programme(ctx, p.Device, mark.Revision)
		switch {
		case err == nil:
			if _, err := r.freezeSpan(ctx, tx, place, old, mark, mark.Upto, at, now); err != nil {
				return turn{}, err
			}
		case !errors.Is(err, radio.ErrNotFound):
			return turn{}, err
		}
	}
	upto := max(now.Add(Horizon), mark.Upto)
	from := at
	if p.Revision == mark.Revision {
		from = max(at, mark.Upto)
	}
	later, err := r.freezeSpan(ctx, tx, place, p, mark, from, upto, now)
	if err != nil {
		return turn{}, err
	}
	next := turn{revision: p.Revision, at: upto.Add(-Horizon).Add(around)}
	if later != 0 {
		next.at = later.Add(-Horizon)
	}
	if mark.Revision == p.Revision && mark.Upto == upto {
		return next, nil
	}
	return next, tx.PutFreeze(ctx, radio.Freeze{Device: p.Device, Revision: p.Revision, Upto: upto})
}

// freezeSpan freezes what a programme plans after from and up to upto, and gives the
// start of the first airing behind that, 0 for none soon.
func (r *Reconciler) freezeSpan(ctx context.Context, tx Tx, place radio.Place, p radio.Programme, mark radio.Freeze, from, upto, now radio.Millis) (radio.Millis, error) {
	tt, err := timetable.New(&p)
	if err != nil {
		return 0, err
	}
	airings, err := tt.Airings(from.Time().Add(-around), upto.Time().Add(around))
	if err != nil {
		return 0, err
	}
	// What the commune keeps off has rows too, each with its outcome from the start, or the
	// plan of the province would not add up.
	kept, err := timetable.Declined(p, from.Time().Add(-around), upto.Time().Add(around))
	if err != nil {
		return 0, err
	}
	for _, k := range kept {
		airings = append(airings, k.Airing)
	}
	slices.SortStableFunc(airings, func(a, b radio.Airing) int { return a.Start().Compare(b.Start()) })
	f := frame{revision: p.Revision, published: from, now: now, upto: upto, wait: r.deadline, renewed: p.Revision != mark.Revision, airings: airings}
	refs := make([]radio.AsRunRef, len(airings))
	for i, a := range airings {
		refs[i] = a.Ref()
	}
	if f.rows, err = tx.AsRuns(ctx, refs); err != nil {
		return 0, err
	}
	if f.renewed {
		planned, err := tx.PlannedAsRuns(ctx, p.Device, from, upto.Add(around)-1)
		if err != nil {
			return 0, err
		}
		for _, row := range planned {
			f.rows[row.Ref()] = row
		}
	}
	f.describe = func(row *radio.AsRun, a radio.Airing) error { return r.describe(ctx, row, a, place, &p) }
	changes, err := freeze(f)
	if err != nil {
		return 0, err
	}
	for _, a := range airings {
		if start := radio.At(a.Start()); start > upto {
			return start, tx.PutAsRuns(ctx, changes)
		}
	}
	return 0, tx.PutAsRuns(ctx, changes)
}

// describe fills in what a row copies from the plan.
func (r *Reconciler) describe(ctx context.Context, row *radio.AsRun, a radio.Airing, place radio.Place, p *radio.Programme) error {
	r.desc.place(row, place, p.Zone)
	if err := r.desc.schedule(ctx, row, p.IssuedAt); err != nil {
		return err
	}
	if row.From == radio.WordDevice && row.Consumed > 0 {
		return nil // what sounded stands there already
	}
	row.Bulletin, row.Version, row.Title, row.Instead = a.Bulletin, a.Version, a.Title, a.Instead
	audio, ok := p.Find(a.Bulletin, a.Version)
	if !ok && p.Declined != nil {
		audio, ok = p.Declined.Find(a.Bulletin, a.Version)
	}
	if ok {
		if rendition, ok := audio.Rendition(place.Device.Rendition); ok {
			row.SHA256 = rendition.SHA256
		}
	}
	return r.desc.bulletin(ctx, row)
}

// judge says missed: not_synced of airings about which a device said nothing although
// it told all that happened after them, because another programme was active.
func (r *Reconciler) judge(ctx context.Context) error {
	for {
		var devices, judged int
		err := r.begin(ctx, func(tx Tx) error {
			told, rows, err := tx.Unjudged(ctx, radio.Millis(Overdue.Milliseconds()), group)
			if err != nil {
				return err
			}
			devices = len(told)
			var changes []radio.AsRunChange
			for _, row := range rows {
				if row.End() >= told[row.Key.Device] {
					continue // looked at again when the device has told more
				}
				active, known, err := tx.ActiveRevision(ctx, row.Key.Device, row.Start)
				if err != nil {
					return err
				}
				if known && notSynced(row, active) {
					changes = append(changes, say(radio.AsRunChange{Row: row, Only: true}, radio.Missed, radio.ReasonNotSynced, radio.At(r.now())))
				}
			}
			judged = len(changes)
			return tx.PutAsRuns(ctx, changes)
		})
		if err != nil {
			return fmt.Errorf("judge what devices left unsaid: %w", err)
		}
		if judged > 0 {
			r.log.Info("airings missed because another programme was active", "airings", judged)
		}
		if devices < group {
			return nil
		}
	}
}

// silence gives up waiting for word about airings past their deadline.
func (r *Reconciler) silence(ctx context.Context) error {
	const most = 1000
	for {
		var n int
		err := r.begin(ctx, func(tx Tx) error {
			now := radio.At(r.now())
			rows, err := tx.DueAsRuns(ctx, now, most)
			if err != nil {
				return err
			}
			n = len(rows)
			changes := make([]radio.AsRunChange, n)
			for i, row := range rows {
				changes[i] = say(radio.AsRunChange{Row: row, Only: true}, radio.Silent, radio.NoReason, now)
			}
			return tx.PutAsRuns(ctx, changes)
		})
		if err != nil {
			return fmt.Errorf("close airings past their deadline: %w", err)
		}
		if n > 0 {
			r.log.Warn("airings without any word by their deadline", "airings", n)
		}
		if n < most {
			return nil
		}
	}
}
