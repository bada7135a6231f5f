package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// logRollups plays random writings of the log: rows frozen, moved, confirmed, silenced,
// heard of twice, aired although cancelled, written by transactions that fail. After
// each the rollups must equal a recount of the rows, and every sum the rows that the
// same filter lets through.
func logRollups(t *testing.T, s *store.Store) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(57, seed))
	communes := []radio.AreaID{radio.NewID[radio.AreaID](), radio.NewID[radio.AreaID](), ""}
	campaigns := []radio.CampaignID{radio.NewID[radio.CampaignID](), radio.NewID[radio.CampaignID](), ""}
	bulletins := []radio.BulletinID{radio.NewID[radio.BulletinID](), radio.NewID[radio.BulletinID](), ""}
	devices := []radio.DeviceID{radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()}
	held := map[radio.AsRunRef]radio.AsRun{}
	pick := func() radio.AsRun {
		for _, a := range held {
			return a
		}
		return radio.AsRun{}
	}
	outcome := func() radio.Outcome { return radio.Outcomes()[r.IntN(10)] }
	fresh := func() radio.AsRun {
		start := logStart.Add(time.Duration(r.IntN(40*24*60)) * time.Minute)
		a := asRun(devices[r.IntN(3)], communes[r.IntN(3)], start)
		a.SlotTime = radio.TimeOfDay((int64(start)/60000 + 420) % 1440)
		a.Campaign, a.Bulletin, a.Outcome = campaigns[r.IntN(3)], bulletins[r.IntN(3)], radio.PendingOutcome
		a.Priority = []radio.Priority{radio.Normal, radio.Normal, radio.Prior, radio.Emergency, ""}[r.IntN(5)]
		switch r.IntN(6) {
		case 0:
			a.Origin, a.FrozenAt = radio.Origins()[r.IntN(4)], 0
		case 1:
			a.Outcome = outcome()
		}
		return a
	}
	for step := range 40 {
		var changes []radio.AsRunChange
		used := map[radio.AsRunRef]bool{}
		for range 1 + r.IntN(8) {
			c := radio.AsRunChange{Row: fresh()}
			if len(held) > 0 && r.IntN(3) > 0 {
				c.Row = pick()
				switch r.IntN(4) {
				case 0: // an outcome, or the same again
					c.Only, c.Row.Outcome = true, outcome()
				case 1: // redelivered
					c.Only = r.IntN(2) == 0
				case 2: // moved, into another day, commune and campaign
					c.Row.Start = c.Row.Start.Add(time.Duration(r.IntN(48)) * time.Hour)
					c.Row.Day = radio.DateOf(c.Row.Start.Time().Add(7 * time.Hour))
					c.Row.Commune, c.Row.Campaign, c.Row.Bulletin = communes[r.IntN(3)], campaigns[r.IntN(3)], bulletins[r.IntN(3)]
				case 3: // becomes planned, stale, of another priority
					c.Row.FrozenAt, c.Row.Outcome, c.Row.Stale, c.Row.Priority = 5, radio.Aired, true, radio.Prior
				}
			}
			if !used[c.Row.Ref()] {
				used[c.Row.Ref()], changes = true, append(changes, c)
			}
		}
		if r.IntN(5) == 0 { // an outcome of a row that is not there
			changes = append(changes, radio.AsRunChange{Row: fresh(), Only: true})
		}
		lost := r.IntN(6) == 0
		err := s.Log(t.Context(), func(tx *store.LogTx) error {
			if r.IntN(2) == 0 { // as reconcile does: read before writing
				if _, err := tx.AsRuns(t.Context(), slices.Collect(func(yield func(radio.AsRunRef) bool) {
					for _, c := range changes {
						if !yield(c.Row.Ref()) {
							return
						}
					}
				})); err != nil {
					return err
				}
			}
			half := len(changes) / 2
			for _, part := range [][]radio.AsRunChange{changes[:half], changes[half:], changes[:half]} { // the first half twice
				if err := tx.PutAsRuns(t.Context(), part); err != nil {
					return err
				}
			}
			if lost {
				return context.Canceled
			}
			return nil
		})
		if lost != (err != nil) {
			t.Fatal(err)
		}
		if !lost {
			for _, c := range changes {
				old, ok := held[c.Row.Ref()]
				switch {
				case !c.Only:
					held[c.Row.Ref()] = c.Row
				case ok:
					old.Outcome, old.Stale = c.Row.Outcome, c.Row.Stale
					held[c.Row.Ref()] = old
				}
			}
		}
		if drift, err := s.RollupDrift(t.Context()); err != nil || drift != 0 {
			t.Fatalf("step %d: %d cells differ from a recount, %v", step, drift, err)
		}
	}
	for i := range 100 {
		f := randomFilter(r, held, communes, campaigns, bulletins, devices)
		logAgrees(t, s, fmt.Sprint(i), f, held)
	}
}

func randomFilter(r *rand.Rand, held map[radio.AsRunRef]radio.AsRun, communes []radio.AreaID, campaigns []radio.CampaignID, bulletins []radio.BulletinID, devices []radio.DeviceID) radio.LogFilter {
	var f radio.LogFilter
	some := func() bool { return r.IntN(4) == 0 }
	if some() {
		f.Commune = communes[r.IntN(2)]
	}
	if some() {
		f.Communes = communes[:r.IntN(3)]
	}
	if some() {
		f.Campaign = campaigns[r.IntN(2)]
	}
	if some() {
		f.Bulletin = bulletins[r.IntN(2)]
	}
	if some() {
		f.Device = devices[r.IntN(3)]
	}
	if some() {
		f.Outcome = append(radio.Outcomes(), radio.NotAired, radio.Lacking, radio.Unplanned)[r.IntN(13)]
	}
	if some() {
		f.Priority = []radio.Priority{radio.Normal, radio.Prior, radio.Emergency}[r.IntN(3)]
	}
	if some() {
		f.Origin = radio.Origins()[r.IntN(4)]
	}
	for _, a := range held {
		if some() {
			f.Slot = a.SlotTime.String()
		}
		if some() {
			f.From = a.Day
		}
		if some() {
			f.To = max(a.Day, f.From)
		}
		break
	}
	return f
}

// lets says whether a filter lets a row through: the meaning of every filter in one
// place, apart from SQL.
func lets(f radio.LogFilter, a radio.AsRun) bool {
	return (f.Commune == "" || a.Commune == f.Commune) && f.Allows(a.Commune) && (f.Device == "" || a.Key.Device == f.Device) &&
		(f.Campaign == "" || a.Campaign == f.Campaign) && (f.Bulletin == "" || a.Bulletin == f.Bulletin) &&
		(f.From == "" || a.Day >= f.From) && (f.To == "" || a.Day <= f.To) && (f.Slot == "" || a.SlotTime.String() == f.Slot) &&
		(f.Priority == "" || a.Priority == f.Priority) && (f.Origin == "" || a.Origin == f.Origin) &&
		slices.Contains(f.Outcomes(), a.Outcome) && (f.Outcome != radio.Unplanned || !a.Planned())
}

// logAgrees compares pages, totals and sums of a filter with the rows.
func logAgrees(t *testing.T, s *store.Store, name string, f radio.LogFilter, held map[radio.AsRunRef]radio.AsRun) {
	t.Helper()
	var want []radio.AsRun
	totals := radio.LogTotals{Outcomes: map[radio.Outcome]int64{}}
	for _, a := range held {
		if lets(f, a) {
			want = append(want, a)
			totals.Add(radio.LogCount{Planned: a.Planned(), Outcome: a.Outcome, Rows: 1})
		}
	}
	slices.SortFunc(want, func(a, b radio.AsRun) int { return compareCursor(b.Cursor(), a.Cursor()) })
	if got := need[radio.LogTotals](t)(s.LogTotals(t.Context(), f)); fmt.Sprint(got) != fmt.Sprint(totals) {
		t.Errorf("%s: totals of %+v: %+v, want %+v", name, f, got, totals)
	}
	for _, sums := range []func(context.Context, radio.LogFilter) ([]radio.LogCount, error){s.LogCounts, s.LogSlots, s.LogCommunes, s.LogMonths} {
		var got radio.LogTotals
		for _, c := range need[[]radio.LogCount](t)(sums(t.Context(), f)) {
			got.Add(c)
		}
		if got.Planned != totals.Planned || got.Unplanned != totals.Unplanned {
			t.Errorf("%s: sums of %+v: %+v, want %+v", name, f, got, totals)
		}
	}
	var got []radio.AsRun
	var cursor radio.LogCursor
	for {
		page := need[[]radio.AsRun](t)(s.AsRuns(t.Context(), f, cursor, 5))
		got = append(got, page...)
		if len(page) < 5 {
			break
		}
		cursor = page[4].Cursor()
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d rows of %+v, want %d", name, len(got), f, len(want))
		return
	}
	for i := range got {
		if got[i].Airing != want[i].Airing {
			t.Errorf("%s: row %d of %+v is out of order", name, i, f)
			return
		}
	}
}

func compareCursor(a, b radio.LogCursor) int {
	return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Start, b.Start), cmp.Compare(a.Airing, b.Airing))
}

// logSnapshot: what is read in a snapshot is of one instant, and reading holds up no writer.
func logSnapshot(t *testing.T, s *store.Store) {
	first, second := asRun(radio.NewID[radio.DeviceID](), "C1", logStart), asRun(radio.NewID[radio.DeviceID](), "C1", logStart+1)
	putRows(t, s, first)
	err := s.LogSnapshot(t.Context(), func(v *store.LogView) error {
		if n := need[radio.LogTotals](t)(v.LogTotals(t.Context(), radio.LogFilter{})); n.Planned != 1 {
			t.Errorf("totals %+v", n)
		}
		putRows(t, s, second)
		rows := need[[]radio.AsRun](t)(v.AsRuns(t.Context(), radio.LogFilter{}, radio.LogCursor{}, 10))
		if n := need[radio.LogTotals](t)(v.LogTotals(t.Context(), radio.LogFilter{})); n.Planned != 1 || !slices.Equal(rows, []radio.AsRun{first}) {
			t.Errorf("later in the snapshot: %+v, %+v", n, rows)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // more than there are reading connections: none is kept
		if err := s.LogSnapshot(t.Context(), func(*store.LogView) error { return context.Canceled }); err == nil {
			t.Fatal("an error got lost")
		}
	}
	if n := need[radio.LogTotals](t)(s.LogTotals(t.Context(), radio.LogFilter{})); n.Planned != 2 {
		t.Errorf("after it: %+v", n)
	}
}
