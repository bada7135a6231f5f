// Package reconcile keeps the confirmation log: it freezes planned airings as rows and
// meets them with what devices say, so that every frozen airing has exactly one outcome
// or is pending, and the sums equal the plan (design §3).
//
// dispatch tells it of every published programme; ingest hands it new journal records,
// in the transaction that stores them; every minute it freezes what has come within 24
// hours, judges what a device's journal leaves unsaid, and calls silent what is past
// its deadline. Its decisions are pure functions (decide.go); store keeps the rows, and
// report reads them.
//
// What decides an outcome:
//
//   - The device's word wins over the centre's, whenever it comes.
//   - An airing that stood in a programme published before its instant has a row, also
//     when the centre was off meanwhile. One published after its instant never gets one.
//   - Sound of another origin (alert, command, local) has a row of its own, counted
//     apart. So has a confirmation of a planned airing whose plan this centre does not
//     know (it was restored from an older copy): when the plan turns up later, the row
//     joins it.
//   - A word about a row of another origin is not taken: an airing id is a name, not a
//     proof.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Rows is the log inside one transaction.
type Rows interface {
	AsRuns(ctx context.Context, refs []radio.AsRunRef) (map[radio.AsRunRef]radio.AsRun, error)
	// PlannedAsRuns lists planned airings of a device that start after from, up to to.
	PlannedAsRuns(ctx context.Context, device radio.DeviceID, from, to radio.Millis) ([]radio.AsRun, error)
	DueAsRuns(ctx context.Context, now radio.Millis, limit int) ([]radio.AsRun, error)
	PutAsRuns(ctx context.Context, changes []radio.AsRunChange) error
}

// Tx is one transaction on the log, and what is known of devices beside it.
type Tx interface {
	Rows
	Freeze(ctx context.Context, device radio.DeviceID) (radio.Freeze, error)
	PutFreeze(ctx context.Context, f radio.Freeze) error
	PutHeard(ctx context.Context, at radio.Millis, revisions []radio.DeviceRevision, told map[radio.DeviceID]radio.Millis) error
	Unjudged(ctx context.Context, slack radio.Millis, limit int) (map[radio.DeviceID]radio.Millis, []radio.AsRun, error)
	ActiveRevision(ctx context.Context, device radio.DeviceID, at radio.Millis) (int64, bool, error)
}

// Log runs f in one transaction and commits when it returns nil.
type Log func(ctx context.Context, f func(Tx) error) error

// Plans describes what rows copy, so that the log outlives it.
type Plans interface {
	Place(ctx context.Context, device radio.DeviceID) (radio.Place, error)
	Schedules(ctx context.Context) ([]radio.Schedule, error)
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	Alert(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error)
	// AuditHead moves with every change of what is laid down, whoever makes it.
	AuditHead(ctx context.Context) (int64, error)
}

// Programmes are the documents issued.
type Programmes interface {
	// IssuedRevisions gives each device's newest revision of a document.
	IssuedRevisions(ctx context.Context, document string) (map[radio.DeviceID]int64, error)
	Issued(ctx context.Context, device radio.DeviceID, document string, revision int64) (radio.Issued, error)
}

const (
	// Horizon: an airing freezes this long before its instant (design §3).
	Horizon = 24 * time.Hour
	// Overdue: a pending airing is shown as overdue this long after its end (design §3).
	Overdue = 10 * time.Minute
	// Deadline after the planned end, unless configured: then it is silent.
	Deadline = 24 * time.Hour
	every    = time.Minute
	// group bounds the devices or rows of one transaction, so that ingest never waits long.
	group = 64
)

// Reconciler is safe for concurrent use.
type Reconciler struct {
	log        *slog.Logger
	begin      Log
	plans      Plans
	programmes Programmes
	now        func() time.Time
	deadline   time.Duration

	mu   sync.Mutex
	next map[radio.DeviceID]turn
	desc descriptions
}

// turn is when a device's next airing freezes, of the programme it was computed from.
type turn struct {
	revision int64
	at       radio.Millis
}

// New only stores. deadline 0 means Deadline.
func New(log *slog.Logger, begin Log, plans Plans, programmes Programmes, now func() time.Time, deadline time.Duration) *Reconciler {
	if deadline <= 0 {
		deadline = Deadline
	}
	return &Reconciler{log: log, begin: begin, plans: plans, programmes: programmes, now: now, deadline: deadline,
		next: map[radio.DeviceID]turn{}, desc: descriptions{plans: plans, now: now, places: map[radio.DeviceID]radio.Place{}, bulletins: map[bulletinKey]radio.Bulletin{}}}
}

// Run sweeps every minute until ctx ends.
func (r *Reconciler) Run(ctx context.Context) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("reconcile", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Sweep does once what Run does every minute.
func (r *Reconciler) Sweep(ctx context.Context) error {
	return errors.Join(r.extend(ctx), r.judge(ctx), r.silence(ctx))
}

// Apply meets new journal records with the rows, in the transaction that stores them.
func (r *Reconciler) Apply(ctx context.Context, tx Tx, heard []radio.Heard) error {
	if len(heard) == 0 {
		return nil
	}
	now := radio.At(r.now())
	var refs []radio.AsRunRef
	var revisions []radio.DeviceRevision
	told := map[radio.DeviceID]radio.Millis{}
	for _, h := range heard {
		// The journal has no gaps: what a device says now it says after all before.
		told[h.Device] = max(told[h.Device], min(h.Record.At, h.Received))
		if rev := h.Record.Revision; rev != nil && rev.Document == "programme" {
			revisions = append(revisions, radio.DeviceRevision{JournalRef: radio.JournalRef{Device: h.Device, Journal: h.Journal},
				Seq: h.Record.Seq, At: h.Record.At, Revision: rev.Revision})
		}
		if c := h.Record.Result; c != nil {
			refs = append(refs, c.Ref(h.Device))
		}
	}
	if err := r.results(ctx, tx, heard, refs, now); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if err := tx.PutHeard(ctx, now, revisions, told); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	return nil
}

// results adds the confirmations among the records to their rows.
func (r *Reconciler) results(ctx context.Context, tx Tx, heard []radio.Heard, refs []radio.AsRunRef, now radio.Millis) error {
	if len(refs) == 0 {
		return nil
	}
	rows, err := tx.AsRuns(ctx, refs)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(refs, func(ref radio.AsRunRef) bool { _, held := rows[ref]; return !held }) {
		if err := r.desc.renew(ctx); err != nil {
			return err
		}
	}
	changes := make(map[radio.AsRunRef]radio.AsRunChange, len(refs))
	order := make([]radio.AsRunRef, 0, len(refs))
	for _, h := range heard {
		con := h.Record.Result
		if con == nil {
			continue
		}
		ref := con.Ref(h.Device)
		c, ok := changes[ref]
		if !ok {
			row, held := rows[ref]
			if !held {
				if row, err = r.unplanned(ctx, h.Device, *con, now); err != nil {
					return err
				}
			}
			c = radio.AsRunChange{Row: row, Only: held}
		}
		if c.Row.Origin != con.Origin {
			r.log.Warn("confirmation under a name of other origin", "security", true, "device", string(h.Device),
				"airing", string(con.ID), "origin", string(con.Origin), "row", string(c.Row.Origin))
			continue
		}
		before := c.Row
		c = hear(c, *con, h.Word(now))
		if c.Row.Bulletin != before.Bulletin || c.Row.Version != before.Version || c.Row.Instead != before.Instead {
			if err := r.desc.bulletin(ctx, &c.Row); err != nil {
				return err
			}
		}
		c.Only = c.Only && c.Row.Bulletin == before.Bulletin && c.Row.Version == before.Version && c.Row.SHA256 == before.SHA256 && c.Row.Instead == before.Instead
		if !ok {
			order = append(order, ref)
		}
		changes[ref] = c
	}
	out := make([]radio.AsRunChange, len(order))
	for i, ref := range order {
		out[i] = changes[ref]
	}
	return tx.PutAsRuns(ctx, out)
}

// unplanned makes the row of sound that no programme known to this centre holds; the
// descriptions have been renewed.
func (r *Reconciler) unplanned(ctx context.Context, device radio.DeviceID, c radio.Confirmation, now radio.Millis) (radio.AsRun, error) {
	row := radio.AsRun{
		Airing: c.ID, Key: c.Key, Origin: c.Origin, Start: c.Start, Samples: c.Expected, Priority: c.Priority,
		Revision: c.Revision, Held: c.Revision, Outcome: radio.PendingOutcome, Bulletin: c.Bulletin, Version: c.Version,
		Instead: c.Instead, SHA256: c.SHA256, Expected: c.Expected, KnownAt: now,
	}
	row.Key.Device = device
	place, err := r.desc.findHeld(ctx, device)
	if err != nil {
		return row, err
	}
	r.desc.place(&row, place, "")
	if known, err := r.desc.emergency(ctx, &row); err != nil || known {
		return row, err
	}
	if err := r.desc.schedule(ctx, &row, 0); err != nil {
		return row, err
	}
	return row, r.desc.bulletin(ctx, &row)
}
