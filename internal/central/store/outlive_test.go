package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"reflect"
	"testing"

	"loaxa/internal/radio"
)

// TestLogOutlivesMedia: rows of the log copy title, author, unit, hash, schedule and place.
// When bulletins, audio, schedules, campaigns and devices are gone, down to their tables,
// everything the log tells is what it told before.
func TestLogOutlivesMedia(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	key := radio.AiringKey{Device: radio.NewID[radio.DeviceID](), Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](),
		SlotAt: 1_795_410_000_000, Entry: radio.NewID[radio.EntryID](), Repeat: 1}
	row := radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: "2026-11-23", SlotTime: 12 * 60, Start: key.SlotAt, Samples: 44100, Priority: radio.Normal,
		Revision: 7, Held: 7, FrozenAt: 1, Deadline: key.SlotAt + 1, Campaign: radio.NewID[radio.CampaignID](), Province: "P", Commune: "C", Hamlet: "H",
		DeviceCode: "c01", DeviceName: "Cụm 1", CommuneName: "Xã Thạch Hà", HamletName: "Thôn 1", Bulletin: radio.NewID[radio.BulletinID](), Version: 2, Title: "Bản tin sáng",
		Author: "Nguyễn Văn A", Unit: "Sở", SHA256: "00", ScheduleCode: "s1", ScheduleTitle: "Lịch 1",
		Outcome: radio.Aired, From: radio.WordDevice, StartedAt: key.SlotAt, Consumed: 44100, Expected: 44100, KnownAt: key.SlotAt + 2000, Words: 1}
	word := radio.Word{Airing: row.Airing, N: 1, KnownAt: row.KnownAt, From: radio.WordDevice, Outcome: radio.Aired, StartedAt: row.StartedAt, Consumed: 44100, Expected: 44100}
	if err := s.Log(t.Context(), func(tx *LogTx) error {
		return tx.PutAsRuns(t.Context(), []radio.AsRunChange{{Row: row, Words: []radio.Word{word}}})
	}); err != nil {
		t.Fatal(err)
	}
	// told is all that reports, files and pages ask for.
	told := func() []any {
		t.Helper()
		ctx, f := context.WithoutCancel(t.Context()), radio.LogFilter{From: row.Day, To: row.Day}
		var out []any
		take := func(x any, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, x)
		}
		rows, err := s.AsRuns(ctx, f, radio.LogCursor{}, 10)
		take(rows, err)
		if len(rows) != 1 || rows[0] != row {
			t.Fatalf("%+v\nwant %+v", rows, row)
		}
		one, words, err := s.AsRunHistory(ctx, key.Device, row.Airing)
		take([]any{one, words}, err)
		for _, sums := range []func(context.Context, radio.LogFilter) ([]radio.LogCount, error){s.LogCounts, s.LogSlots, s.LogCommunes, s.LogMonths} {
			counts, err := sums(ctx, f)
			take(counts, err)
		}
		totals, err := s.LogTotals(ctx, f)
		take(totals, err)
		known := f
		known.KnownAt = row.KnownAt + 1
		rows, err = s.AsRuns(ctx, known, radio.LogCursor{}, 10)
		take(rows, err)
		kept := []radio.KeptRow{}
		take(&kept, s.MonthRows(ctx, "2026-11", func(r radio.KeptRow) error { kept = append(kept, r); return nil }))
		return out
	}
	before := told()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(0)")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"programme_bulletin", "bulletin_listening", "waveform", "bulletin_version", "bulletin", "schedule_version", "schedule_draft", "schedule", "campaign", "device_status"} {
		if _, err := db.ExecContext(t.Context(), "DROP TABLE "+table); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if after := told(); !reflect.DeepEqual(before, after) {
		t.Errorf("without media the log tells\n%+v\nbefore\n%+v", after, before)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
