package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// snapshot copies the centre's database while it runs (VACUUM INTO).
func (h *house) snapshot() string {
	h.t.Helper()
	s, err := store.Open(h.t.Context(), filepath.Join(h.data(), "loaxa.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(h.dir, "older.db")
	if err := errors.Join(s.Snapshot(h.t.Context(), path), s.Close()); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// setBack puts an older copy in the place of the stopped centre's database.
func (h *house) setBack(copy string) {
	h.t.Helper()
	db := filepath.Join(h.data(), "loaxa.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(db + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.t.Fatal(err)
		}
	}
	if err := os.Rename(copy, db); err != nil {
		h.t.Fatal(err)
	}
}

// TestCentreSetBack: the centre loses what it learned since an older copy of its
// database. The device shows at hello that it knows more; its journal is sent again,
// the log is whole again, and new revisions are still higher than the device's.
func TestCentreSetBack(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 5, 440))
	h.upload("hai", "Bản tin hai", tone(t, 5, 660))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot")
	a.ready(due)
	older := h.snapshot()
	wantAll(t, h.outcomes(1, time.Until(due)+60*time.Second), 1, radio.Aired)
	// A change that the older copy does not know moves the device's revision on.
	h.schedule(due.Add(-2*time.Hour), "mot", "hai")
	var before radio.Status
	h.eventually(30*time.Second, "the device holds the changed programme", func() bool {
		s, ok := a.status()
		before = s
		return ok && len(s.Audio) == 2
	})
	h.eventually(30*time.Second, "the journal is acknowledged", func() bool {
		s, ok := a.status()
		return ok && s.Journal.Acked == s.Journal.Head
	})
	h.centre.stop(t)
	h.setBack(older)
	h.serve()
	wantAll(t, h.outcomes(1, 60*time.Second), 1, radio.Aired)
	h.eventually(30*time.Second, "the device accepted a revision of the restored centre", func() bool {
		s, ok := a.status()
		return ok && s.Revisions.Programme > before.Revisions.Programme && len(s.Audio) == 1
	})
	h.eventually(30*time.Second, "the journal is acknowledged again", func() bool {
		s, ok := a.status()
		return ok && s.Journal.Acked == s.Journal.Head && s.Journal.Head >= before.Journal.Head
	})
}
