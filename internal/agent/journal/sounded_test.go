package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// What the caps of a policy count is what the records prove: it outlives a restart, a
// kill (the file as it stands, copied without a word to its owner), and the
// acknowledgement of the centre.
func TestSoundedIsWhatTheRecordsProve(t *testing.T) {
	l := newLab(t)
	sounded := func(from *Store) (n int, samples int64) {
		t.Helper()
		list, err := from.Sounded(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range list {
			if samples += s.Samples; i > 0 && s.Start < list[i-1].Start {
				t.Errorf("not by their start: %+v", list)
			}
		}
		return len(list), samples
	}
	for n := range int64(6) {
		began, progress, result := airing(n)
		result.Result.Start = radio.At(start.Add(time.Duration(10-n) * time.Hour))
		switch n {
		case 1:
			result.Result.Origin = radio.FromAlert
		case 2:
			result.Result.Outcome, result.Result.Reason, result.Result.Consumed = radio.Refused, radio.ReasonPolicy, 0
		case 3:
			result.Result.Outcome, result.Result.Reason, result.Result.Consumed = radio.Missed, radio.ReasonNoAudio, 0
		}
		l.write(t, began)
		l.write(t, progress)
		if n < 5 {
			l.write(t, result)
		}
	}
	const lines, samples = 3, 2000 // 0 and 4, and the hole that 3 left; 5 has no result
	if n, s := sounded(l.Store); n != lines || s != samples {
		t.Fatalf("%d results, %d samples", n, s)
	}
	data, err := os.ReadFile(l.path) // what a kill leaves: every record is on disk
	if err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(killed, data, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := Open(Options{Path: killed})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if n, s := sounded(k); n != lines || s != samples {
		t.Errorf("after a kill %d results, %d samples", n, s)
	}
	if _, consumed, err := k.Unfinished(t.Context()); err != nil || len(consumed) != 1 {
		t.Errorf("what was cut: %v, %v", consumed, err)
	}
	l.reopen(t)
	l.drain(t, 50)
	if n, s := sounded(l.Store); n != lines || s != samples {
		t.Errorf("acknowledged, after a restart: %d results, %d samples", n, s)
	}
	if list, err := l.Sounded(t.Context(), 2); err != nil || len(list) != 2 || list[0].Start > list[1].Start {
		t.Errorf("the newest two: %+v, %v", list, err)
	}
}
