package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"loaxa/internal/clock"
)

// TestRenewalSurvivesPowerCuts: wherever the power went while a renewed identity was
// written, the device has one that works, and so does its spare after the next start: a
// spare with the certificate before would be refused by the centre once the new one was
// seen.
func TestRenewalSurvivesPowerCuts(t *testing.T) {
	l := filled(t)
	take := func() (db, spare []byte) {
		t.Helper()
		db, err1 := os.ReadFile(l.path)
		spare, err2 := os.ReadFile(l.sparePath())
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return db, spare
	}
	oldDB, oldSpare := take()
	renewed := bytes.Repeat([]byte("renewed identity "), 200)
	if err := l.RenewIdentity(t.Context(), renewed); err != nil {
		t.Fatal(err)
	}
	newDB, newSpare := take()
	if b, err := l.Document("programme"); err != nil || b.Revision != 9 || l.Status().Head == 0 {
		t.Errorf("the renewal took more along: %+v %v", b, err)
	}
	for name, c := range map[string]struct {
		db, spare, half []byte
		want            string
	}{
		"before":                   {oldDB, oldSpare, nil, "identity"},
		"between journal and file": {newDB, oldSpare, nil, string(renewed)},
		"within the file":          {newDB, oldSpare, newSpare[:len(newSpare)/2], string(renewed)},
		"file written, not named":  {newDB, oldSpare, newSpare, string(renewed)},
		"behind both":              {newDB, newSpare, nil, string(renewed)},
		"the file alone came back": {oldDB, newSpare, nil, "identity"},
	} {
		t.Run(name, func(t *testing.T) {
			cut := &lab{clock: clock.NewFake(start), path: filepath.Join(t.TempDir(), "journal.db")}
			for suffix, b := range map[string][]byte{"": c.db, ".identity": c.spare, ".identity.new": c.half} {
				if b == nil {
					continue
				}
				if err := os.WriteFile(cut.path+suffix, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cut.open(t)
			if b, err := cut.Identity(); err != nil || string(b) != c.want {
				t.Fatalf("after the cut %.40q, %v", b, err)
			}
			// And when the journal is lost one day.
			if err := cut.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(cut.path, bytes.Repeat([]byte{0xA5, 3}, 20_000), 0o600); err != nil {
				t.Fatal(err)
			}
			cut.open(t)
			if b, err := cut.Identity(); err != nil || string(b) != c.want {
				t.Errorf("from the spare %.40q, %v", b, err)
			}
			if err := cut.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
