package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// asRun makes a planned, pending row.
func asRun(device radio.DeviceID, commune radio.AreaID, start radio.Millis) radio.AsRun {
	key := radio.AiringKey{Device: device, Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), SlotAt: start, Entry: radio.NewID[radio.EntryID](), Repeat: 1}
	return radio.AsRun{
		Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(start.Time().Add(7 * time.Hour)), Start: start, Samples: 44100,
		Priority: radio.Normal, Revision: 7, Held: 8, FrozenAt: start - 1000, Deadline: start + 86400_000,
		Campaign: radio.NewID[radio.CampaignID](), Province: "P", Commune: commune, Hamlet: "H", DeviceCode: "c01", DeviceName: "Cụm 1",
		CommuneName: "Xã Thạch Hà", HamletName: "Thôn 1", Bulletin: radio.NewID[radio.BulletinID](), Version: 2, Title: "Bản tin sáng",
		Author: "Nguyễn Văn A", Unit: "Sở", SHA256: "00", ScheduleCode: "s1", ScheduleTitle: "Lịch 1", Instead: radio.NewID[radio.BulletinID](), InsteadTitle: "Bản tiếng Thái",
		Outcome: radio.PendingOutcome, Expected: 44100, KnownAt: start - 1000,
	}
}

func putRows(t *testing.T, s *store.Store, rows ...radio.AsRun) {
	t.Helper()
	var changes []radio.AsRunChange
	for _, r := range rows {
		changes = append(changes, radio.AsRunChange{Row: r})
	}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.PutAsRuns(ctx, changes) })
}

func logRows(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	row := asRun(device, "C1", logStart)
	old := asRun(device, "C1", logStart.Add(-70*24*time.Hour)) // another month
	alert := radio.AsRun{Airing: radio.NewID[radio.AiringID](), Key: radio.AiringKey{Device: device}, Origin: radio.FromAlert, Start: logStart, Outcome: radio.Aired, From: radio.WordDevice}
	putRows(t, s, row, old, alert)
	row.Start, row.Outcome, row.Reason, row.From, row.Words = logStart+5000, radio.Partial, radio.ReasonOff, radio.WordDevice, 2
	row.StartedAt, row.Consumed, row.AtLeast, row.Proof, row.Stale, row.Clock, row.KnownAt = logStart+5001, 1000, true, "consumed", true, "trusted", logStart+9000
	row.Title, row.Version = "Bản tin sáng (sửa)", 3
	words := []radio.Word{
		{Airing: row.Airing, N: 1, KnownAt: logStart, From: radio.WordCentre, Outcome: radio.Cancelled, Expected: 44100},
		{Airing: row.Airing, N: 2, KnownAt: row.KnownAt, From: radio.WordDevice, Outcome: row.Outcome, Reason: row.Reason, StartedAt: row.StartedAt, Consumed: 1000,
			Expected: 44100, AtLeast: true, Proof: "consumed", Stale: true, Clock: "trusted", Journal: "J", Seq: 12},
	}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		return tx.PutAsRuns(ctx, []radio.AsRunChange{{Row: row, Words: words}})
	})
	missing := asRun(device, "C1", logStart)
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		rows := need[map[radio.AsRunRef]radio.AsRun](t)(tx.AsRuns(ctx, []radio.AsRunRef{row.Ref(), old.Ref(), alert.Ref(), missing.Ref()}))
		if len(rows) != 3 || rows[row.Ref()] != row || rows[old.Ref()] != old || rows[alert.Ref()] != alert {
			t.Errorf("rows: %+v\nwant %+v", rows, []radio.AsRun{row, old, alert})
		}
		planned := need[[]radio.AsRun](t)(tx.PlannedAsRuns(ctx, device, old.Start, row.Start))
		if len(planned) != 1 || planned[0] != row {
			t.Errorf("planned: %+v", planned)
		}
		return nil
	})
	for _, want := range []radio.AsRun{row, old, alert} {
		got, said, err := s.AsRunHistory(t.Context(), device, want.Airing)
		if err != nil || got != want {
			t.Errorf("history: %+v, %v", got, err)
		}
		if want == row && !slices.Equal(said, words) {
			t.Errorf("words: %+v", said)
		}
	}
	if _, _, err := s.AsRunHistory(t.Context(), device, missing.Airing); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("history of nothing: %v", err)
	}
	// Only the outcome.
	row.Outcome, row.From, row.Consumed, row.Words, row.KnownAt = radio.Aired, radio.WordDevice, 44100, 3, row.KnownAt+1
	row.Reason, row.AtLeast, row.Stale, row.Clock, row.Proof, row.StartedAt, row.Expected = "", false, false, "holdover", "written", 5, 44101
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		lost := row
		lost.Title, lost.Start = "not written", 1
		return tx.PutAsRuns(ctx, []radio.AsRunChange{{Row: lost, Only: true}})
	})
	if got, _, err := s.AsRunHistory(t.Context(), device, row.Airing); err != nil || got != row {
		t.Errorf("outcome alone: %+v, %v", got, err)
	}
	// Words are only added to.
	err := s.Log(t.Context(), func(tx *store.LogTx) error {
		return tx.PutAsRuns(t.Context(), []radio.AsRunChange{{Row: row, Words: words[1:]}})
	})
	if !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a word twice: %v", err)
	}
}

func logPaging(t *testing.T, s *store.Store) {
	device, other := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	var rows []radio.AsRun
	for i := range 7 {
		rows = append(rows, asRun(device, "C1", logStart.Add(time.Duration(i/2)*time.Hour))) // pairs start together
	}
	far := asRun(other, "C2", logStart.Add(26*time.Hour))
	far.Outcome = radio.Aired
	putRows(t, s, append(rows, far)...)
	var got []radio.AsRun
	var cursor radio.LogCursor
	for {
		page := need[[]radio.AsRun](t)(s.AsRuns(t.Context(), radio.LogFilter{Commune: "C1"}, cursor, 3))
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		cursor = page[2].Cursor()
	}
	want := slices.Clone(rows)
	slices.SortFunc(want, func(a, b radio.AsRun) int {
		if a.Start != b.Start {
			return int(b.Start - a.Start)
		}
		if a.Airing < b.Airing {
			return 1
		}
		return -1
	})
	if !slices.Equal(got, want) {
		t.Errorf("paged %d rows, want %d in order", len(got), len(want))
	}
	day := rows[0].Day
	for name, c := range map[string]struct {
		f    radio.LogFilter
		want int
	}{
		"all":      {radio.LogFilter{}, 8},
		"device":   {radio.LogFilter{Device: other}, 1},
		"day":      {radio.LogFilter{From: day, To: day}, 7},
		"from":     {radio.LogFilter{From: far.Day}, 1},
		"outcome":  {radio.LogFilter{Outcome: radio.Aired}, 1},
		"campaign": {radio.LogFilter{Campaign: rows[3].Campaign}, 1},
		"bulletin": {radio.LogFilter{Bulletin: rows[4].Bulletin}, 1},
		"both":     {radio.LogFilter{Commune: "C1", Outcome: radio.Aired}, 0},
	} {
		if n := len(need[[]radio.AsRun](t)(s.AsRuns(t.Context(), c.f, radio.LogCursor{}, 100))); n != c.want {
			t.Errorf("%s: %d rows, want %d", name, n, c.want)
		}
	}
}

func logCounts(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	a, b, c, d, e := asRun(device, "C1", logStart), asRun(device, "C1", logStart), asRun(device, "C1", logStart), asRun(device, "C2", logStart), asRun(device, "C1", logStart.Add(48*time.Hour))
	b.Outcome, d.Outcome = radio.Aired, radio.Aired
	c.Outcome, c.FrozenAt = radio.Aired, 0
	putRows(t, s, a, b, c, d, e)
	got := need[[]radio.LogCount](t)(s.LogCounts(t.Context(), radio.LogFilter{}))
	count := func(r radio.AsRun, planned bool) radio.LogCount {
		return radio.LogCount{Day: r.Day, Commune: r.Commune, Planned: planned, Outcome: r.Outcome, Rows: 1}
	}
	want := []radio.LogCount{count(c, false), count(a, true), count(b, true), count(d, true), count(e, true)}
	if !slices.Equal(got, want) {
		t.Errorf("counts: %+v", got)
	}
	if got := need[[]radio.LogCount](t)(s.LogCounts(t.Context(), radio.LogFilter{Commune: "C2", Outcome: radio.Aired})); len(got) != 1 || got[0] != count(d, true) {
		t.Errorf("filtered: %+v", got)
	}
}

func logDue(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	first, second, done, later := asRun(device, "C1", logStart), asRun(device, "C1", logStart), asRun(device, "C1", logStart), asRun(device, "C1", logStart)
	first.Deadline, second.Deadline, done.Deadline, later.Deadline = 10, 20, 10, 21
	done.Outcome = radio.Cancelled
	putRows(t, s, second, first, done, later)
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		if due := need[[]radio.AsRun](t)(tx.DueAsRuns(ctx, 20, 10)); !slices.Equal(due, []radio.AsRun{first, second}) {
			t.Errorf("due: %+v", due)
		}
		if due := need[[]radio.AsRun](t)(tx.DueAsRuns(ctx, 20, 1)); !slices.Equal(due, []radio.AsRun{first}) {
			t.Errorf("due, at most one: %+v", due)
		}
		return nil
	})
}

func logUnjudged(t *testing.T, s *store.Store) {
	device, quiet := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	pending, silent, aired, later, foreign := asRun(device, "C1", logStart), asRun(device, "C1", logStart+1), asRun(device, "C1", logStart), asRun(device, "C1", logStart+900), asRun(quiet, "C1", logStart)
	silent.Outcome, aired.Outcome = radio.Silent, radio.Aired
	putRows(t, s, pending, silent, aired, later, foreign)
	ref := radio.JournalRef{Device: device, Journal: radio.NewID[radio.JournalID]()}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		return tx.PutHeard(ctx, logStart, []radio.DeviceRevision{
			{JournalRef: ref, Seq: 1, At: logStart - 100, Revision: 5},
			{JournalRef: ref, Seq: 2, At: 0, Revision: 6}, // noted while the clock stood at 1970
			{JournalRef: ref, Seq: 3, At: logStart + 100, Revision: 9},
		}, map[radio.DeviceID]radio.Millis{device: logStart + 1000})
	})
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		told, rows, err := tx.Unjudged(ctx, 200, 10)
		if err != nil || !maps.Equal(told, map[radio.DeviceID]radio.Millis{device: logStart + 800}) || !slices.Equal(rows, []radio.AsRun{pending, silent}) {
			t.Errorf("unjudged: %v, %+v, %v", told, rows, err)
		}
		if told, _, err := tx.Unjudged(ctx, 200, 10); err != nil || len(told) != 0 {
			t.Errorf("judged twice: %v, %v", told, err)
		}
		for at, want := range map[radio.Millis]int64{logStart: 6, logStart + 100: 9, -1: 0} {
			if got, known, err := tx.ActiveRevision(ctx, device, at); err != nil || !known || got != want {
				t.Errorf("active at %d: %d, %v, %v", at, got, known, err)
			}
		}
		if _, known, err := tx.ActiveRevision(ctx, quiet, logStart); err != nil || known {
			t.Errorf("a device that never said: %v, %v", known, err)
		}
		return nil
	})
}

func logFreeze(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	for _, want := range []radio.Freeze{{Device: device}, {Device: device, Revision: 3, Upto: logStart}, {Device: device, Revision: 4, Upto: logStart + 1}} {
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			if want.Revision == 0 {
				return nil
			}
			return tx.PutFreeze(ctx, want)
		})
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			if got := need[radio.Freeze](t)(tx.Freeze(ctx, device)); got != want {
				t.Errorf("freeze: %+v, want %+v", got, want)
			}
			return nil
		})
	}
}
