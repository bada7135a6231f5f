package e2e

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// The judges of the kill tests see what they are there for.
func TestToneLasts(t *testing.T) {
	var pcm []int16
	add := func(hertz int, d time.Duration) {
		for i := range radio.DurationSamples(d) {
			v := 0.0
			if hertz > 0 {
				v = 4000 * math.Sin(2*math.Pi*float64(hertz)*float64(i)/radio.SampleRate)
			}
			pcm = append(pcm, int16(v))
		}
	}
	add(0, time.Second)
	add(killHertz(0), 4*time.Second)
	add(killHertz(1), 2*time.Second)
	add(0, time.Second)
	add(killHertz(0), 4*time.Second) // once more: twice what was planned
	for i, want := range []time.Duration{8 * time.Second, 2 * time.Second, 0} {
		if got := toneLasts(pcm, killHertz(i)); (got - want).Abs() > 200*time.Millisecond {
			t.Errorf("tone %d lasts %s, want %s", i, got, want)
		}
	}
}

func TestSoakGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "done")
	if done, kills := soakDone(t, path); len(done) != 0 || kills != 0 {
		t.Errorf("before the first: %v %d", done, kills)
	}
	if err := os.WriteFile(path, []byte("1 50\n2 50\n7 25\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if done, kills := soakDone(t, path); !done[1] || !done[2] || !done[7] || done[3] || kills != 125 {
		t.Errorf("%v %d", done, kills)
	}
}
