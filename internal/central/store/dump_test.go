package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// TestSnapshotComesBack: what Snapshot copies, another database can be made of, with
// every row; on both engines.
func TestSnapshotComesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		dsn  func(t *testing.T) string
		load func(t *testing.T, dsn, path string) error
	}{
		{"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "loaxa.db") },
			func(_ *testing.T, dsn, path string) error { return os.Rename(path, dsn) }},
		{"postgres", freshPostgres, func(t *testing.T, dsn, path string) error {
			return errors.Join(store.EmptyPostgres(t.Context(), dsn), store.LoadPostgres(t.Context(), dsn, path))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.dsn(t))
			plan := storetest.SamplePlan()
			if err := s.ApplyPlan(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "copy")
			if err := s.Snapshot(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if err := s.Snapshot(t.Context(), path); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("over another file: %v", err)
			}
			dsn := c.dsn(t)
			if err := c.load(t, dsn, path); err != nil {
				t.Fatal(err)
			}
			back := open(t, dsn)
			want, err1 := s.Plan(t.Context())
			got, err2 := back.Plan(t.Context())
			if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
			}
			// The copy is a database of its own: it takes new rows.
			plan.Areas, plan.Devices, plan.Policies, plan.Bulletins, plan.Schedules = nil, nil, nil, nil, nil
			for i := range plan.Campaigns {
				plan.Campaigns[i].Version++
			}
			if err := back.ApplyPlan(t.Context(), plan); err != nil {
				t.Error(err)
			}
			audio, err := back.ApprovedAudio(t.Context())
			if err != nil || len(audio) != 2 {
				t.Errorf("approved audio %v %v", audio, err)
			}
		})
	}
}

func freshPostgres(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("PostgreSQL is not started with -short")
	}
	dsn, err := postgres.Database()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

func TestRestoredEndsSessionsAndCodes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "loaxa.db"))
	plan := storetest.SamplePlan()
	person := radio.Account{ID: plan.Author, Login: "lan", Name: "Lan", PasswordHash: "x", CreatedAt: plan.At}
	code := radio.EnrolmentCode{SecretHash: "h", Device: plan.Devices[0].ID, CreatedBy: "lan", CreatedAt: plan.At, ExpiresAt: plan.At + 1000}
	err := errors.Join(s.ApplyPlan(t.Context(), plan), s.AddPerson(t.Context(), person, "test"),
		s.AddSession(t.Context(), "token", person.ID, plan.At, plan.At+1000), s.AddEnrolmentCode(t.Context(), code))
	if err != nil {
		t.Fatal(err)
	}
	token := radio.APIToken{ID: radio.NewID[radio.TokenID](), Person: person.ID, Name: "báo cáo", Use: radio.TokenReads, CreatedAt: plan.At, ExpiresAt: plan.At + 1000}
	reset := radio.Invitation{SecretHash: "r", Person: person.ID, CreatedBy: "quan-tri", CreatedAt: plan.At, ExpiresAt: plan.At + 1000}
	if err := errors.Join(s.ResetPerson(t.Context(), reset), s.AddToken(t.Context(), token, "t", 10),
		s.AddSession(t.Context(), "token", person.ID, plan.At, plan.At+1000)); err != nil {
		t.Fatal(err)
	}
	_, err1 := s.SessionPerson(t.Context(), "token", plan.At+1)
	_, _, err2 := s.TokenPerson(t.Context(), "t", plan.At+1)
	_, err3 := s.InvitedPerson(t.Context(), "r", plan.At+1)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if err := s.Restored(t.Context(), "loaxa restore", radio.AuditFacts{MadeAt: plan.At, Program: "1.0"}, plan.At+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SessionPerson(t.Context(), "token", plan.At+1); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("the session lives: %v", err)
	}
	if _, _, err := s.EnrolmentDevice(t.Context(), "h", plan.At+1); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("the code lives: %v", err)
	}
	if _, _, err := s.TokenPerson(t.Context(), "t", plan.At+1); err == nil {
		t.Error("the API token lives")
	}
	if _, err := s.InvitedPerson(t.Context(), "r", plan.At+1); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("the reset lives: %v", err)
	}
	log, err := s.Audit(t.Context(), "centre", 10)
	if err != nil || len(log) != 1 || log[0].Action != "centre.restore" || log[0].Facts == nil || log[0].Facts.MadeAt != plan.At {
		t.Errorf("audit %+v %v", log, err)
	}
}

// TestOpenUnchanged: a copy is made of a database as it is, without a migration first.
func TestOpenUnchanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	if _, err := store.OpenUnchanged(t.Context(), file); err == nil {
		t.Error("a database without a schema was taken for a centre's")
	}
	s := open(t, filepath.Join(t.TempDir(), "loaxa.db"))
	if n, err := s.Schema(t.Context()); err != nil || n != store.NewestSchema() || n < 5 {
		t.Errorf("schema %d %v, newest %d", n, err, store.NewestSchema())
	}
}

func TestEmptyPostgresSeesTables(t *testing.T) {
	dsn := freshPostgres(t)
	if err := store.EmptyPostgres(t.Context(), dsn); err != nil {
		t.Errorf("a fresh database: %v", err)
	}
	open(t, dsn)
	if err := store.EmptyPostgres(t.Context(), dsn); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a database of a centre: %v", err)
	}
}

// TestPgDumpMissing: the error names the package to install, and never the password.
func TestPgDumpMissing(t *testing.T) {
	s := open(t, freshPostgres(t))
	t.Setenv("PATH", t.TempDir())
	err := s.Snapshot(t.Context(), filepath.Join(t.TempDir(), "copy"))
	if !errors.Is(err, radio.ErrUnavailable) || !strings.Contains(err.Error(), "postgresql-client") {
		t.Errorf("%v", err)
	}
}
