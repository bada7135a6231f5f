package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// TestBackfill: rows written before migration 0008 get their slot and priority, and are
// counted. The database is taken back to the schema before it, with rows in it.
func TestBackfill(t *testing.T) {
	for name, engine := range engines(t) {
		t.Run(name, func(t *testing.T) {
			driver, dsn, raw := engine()
			s, err := store.Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			at := radio.At(time.Date(2026, 11, 22, 22, 30, 0, 0, time.UTC)) // 05:30 on the 23rd
			row := func(slotAt, start radio.Millis, p radio.Priority) radio.AsRun {
				key := radio.AiringKey{Device: radio.NewID[radio.DeviceID](), Schedule: "S", Slot: "T", SlotAt: slotAt, Entry: "E", Repeat: 1}
				return radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: "2026-11-23", SlotTime: 330, Start: start, FrozenAt: 1, Commune: "C",
					Campaign: "G", Bulletin: "B", Priority: p, Outcome: radio.Aired}
			}
			rows := []radio.AsRun{row(at, at+60_000, radio.Normal), row(at, at, radio.Prior), row(0, at+59_000, "")}
			rows[2].Origin, rows[2].FrozenAt, rows[2].Outcome, rows[2].Campaign = radio.FromLocal, 0, radio.Partial, ""
			err = s.Log(t.Context(), func(tx *store.LogTx) error {
				return tx.PutAsRuns(t.Context(), []radio.AsRunChange{{Row: rows[0]}, {Row: rows[1]}, {Row: rows[2]}})
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again(t, driver, raw, "0008_rollup.sql", undo0008)
			if s, err = store.Open(t.Context(), dsn); err != nil {
				t.Fatal(err)
			}
			if drift, err := s.RollupDrift(t.Context()); err != nil || drift != 0 {
				t.Errorf("%d cells differ from a recount, %v", drift, err)
			}
			for _, r := range rows {
				got, _, err := s.AsRunHistory(t.Context(), r.Key.Device, r.Airing)
				if err != nil || got != r {
					t.Errorf("got %+v, want %+v, %v", got, r, err)
				}
			}
			for f, n := range map[string]radio.LogFilter{"slot": {Slot: "05:30"}, "priority": {Priority: radio.Prior}, "unplanned": {Outcome: radio.Unplanned}, "campaign": {Campaign: "G"}} {
				want := map[string]int64{"slot": 3, "priority": 1, "unplanned": 1, "campaign": 2}[f]
				if totals, err := s.LogTotals(t.Context(), n); err != nil || totals.Planned+totals.Unplanned != want {
					t.Errorf("%s: %+v, want %d, %v", f, totals, want, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// engines give an empty database each.
func engines(t *testing.T) map[string]func() (driver, dsn, raw string) {
	out := map[string]func() (driver, dsn, raw string){"sqlite": func() (string, string, string) {
		file := filepath.Join(t.TempDir(), "loaxa.db")
		return "sqlite", file, "file:" + file
	}}
	if !testing.Short() {
		out["postgres"] = func() (string, string, string) {
			dsn, err := postgres.Database()
			if err != nil {
				t.Fatal(err)
			}
			return "pgx", dsn, dsn
		}
	}
	return out
}

var undo0008 = []string{
	`DROP TABLE slot_day`, `DROP TABLE commune_day`, `DROP TABLE province_day`, `DROP TABLE campaign_month`,
	`DROP INDEX airing_day`, `DROP INDEX airing_slot`, `DROP INDEX airing_campaign`, `DROP INDEX airing_bulletin`, `DROP INDEX airing_priority`,
	`DROP INDEX airing_unplanned`, `DROP INDEX airing_unaired`, `DROP INDEX airing_commune_unaired`, `DROP INDEX airing_outcome`, `DROP INDEX airing_bulletin_lacking`, `DROP INDEX airing_campaign_lacking`,
	`ALTER TABLE airing DROP COLUMN slot`, `ALTER TABLE airing DROP COLUMN priority`,
	`CREATE INDEX airing_start ON airing (start, airing)`, `CREATE INDEX airing_campaign ON airing (campaign, day) WHERE campaign <> ''`,
}

// again undoes a migration and applies it again.
func again(t *testing.T, driver, dsn, name string, undo []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("migrations", map[string]string{"sqlite": "sqlite", "pgx": "postgres"}[driver], name))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range append(slices.Clone(undo), string(text)) {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.80s: %v", q, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBackfillCycles: cycles that stood in the log before migration 0016 are found.
func TestBackfillCycles(t *testing.T) {
	for name, engine := range engines(t) {
		t.Run(name, func(t *testing.T) {
			driver, dsn, raw := engine()
			s, err := store.Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			at := radio.At(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
			a := radio.AlertRecord{ID: radio.NewID[radio.AlertID](), Paper: radio.AlertPaper{SentAt: at, ExpiresAt: at + 1000}}
			key := (radio.Alert{ID: a.ID}).CycleKey(radio.NewID[radio.DeviceID](), 1, at)
			cycle := radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromAlert, Day: "2026-11-23", Start: at, Outcome: radio.Aired, StartedAt: at}
			plain := cycle
			plain.Key.Repeat, plain.Origin = 2, radio.FromLocal
			plain.Airing = plain.Key.ID()
			err = s.Log(t.Context(), func(tx *store.LogTx) error {
				return tx.PutAsRuns(t.Context(), []radio.AsRunChange{{Row: cycle}, {Row: plain}})
			})
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			again(t, driver, raw, "0016_alert_cycles.sql", []string{`DROP INDEX airing_of_alert`, `ALTER TABLE airing DROP COLUMN alert`,
				`CREATE INDEX airing_alert ON airing (start, device) WHERE origin = 'alert'`})
			if s, err = store.Open(t.Context(), dsn); err != nil {
				t.Fatal(err)
			}
			if got, err := s.AlertCycles(t.Context(), a); err != nil || len(got) != 1 || got[0].Device != key.Device || got[0].StartedAt != at {
				t.Errorf("%+v %v", got, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
