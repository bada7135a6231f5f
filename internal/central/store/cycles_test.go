package store

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// TestCyclesAreFoundByAlert: a board reads the cycles of its alert by the index and no
// other rows, however long the alert stands.
func TestCyclesAreFoundByAlert(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "loaxa.db"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := collect(t.Context(), s.read, func(r *sql.Rows) (string, error) {
		var id, parent, unused int
		var detail string
		return detail, r.Scan(&id, &parent, &unused, &detail)
	}, `EXPLAIN QUERY PLAN `+cyclesOfAlert, "A", 1, 2)
	if err != nil {
		t.Error(err)
	}
	if got := strings.Join(plan, "; "); !strings.Contains(got, "airing_of_alert (alert=? AND start>? AND start<?)") || len(plan) != 1 {
		t.Errorf("plan: %s", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
