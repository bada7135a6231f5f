package e2e

import (
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

// TestRealSound: an agent's sound through ALSA into a sound server without a
// card. The recording of the server's monitor equals the decoded bulletins, sample
// for sample, head and tail complete, without a gap; the confirmation's samples are
// those. The start error is reported in samples of the recording.
func TestRealSound(t *testing.T) {
	lane(t, short)
	if testing.Short() {
		t.Skip("real sound needs a sound server: runs without -short")
	}
	lab := soundlab.Start(t)
	h := newHouse(t, []string{"a"})
	h.serve()
	one := h.upload("mot", "Bản tin một", tone(t, 7, 440))
	two := h.upload("hai", "Bản tin hai", tone(t, 5, 660))
	a := h.agent("a", "driver: alsa", lab.Env(soundlab.Sink1)...)
	due := dueMinute(30 * time.Second)
	h.schedule(due, "mot", "hai")
	a.ready(due)
	h.until(due.Add(-15 * time.Second))
	rec := lab.Record(t, soundlab.Sink1)
	rows := h.outcomes(2, time.Until(due)+60*time.Second)
	wantAll(t, rows, 2, radio.Aired)
	for _, r := range rows {
		if r.Proof != "consumed" {
			t.Errorf("%s: proof %q, want consumed", r.Title, r.Proof)
		}
	}
	got := rec.Stop(t)
	want := append(h.decoded(one, 64), h.decoded(two, 64)...)
	at := sounded(got.Left, want)
	if at < 0 {
		t.Fatalf("the bulletins do not stand in the %d samples recorded, sample for sample (first sound at %d)", len(got.Left), got.FirstSound())
	}
	for i, s := range got.Left {
		if s != 0 && (i < at || i >= at+len(want)) {
			t.Fatalf("sound outside the bulletins at sample %d (they stand at %d to %d)", i, at, at+len(want))
		}
	}
	late := got.MonoAt(at) - (clock.Mono() + time.Until(due))
	t.Logf("first sample %s (%d samples) from the planned instant", late, int64(late)*radio.SampleRate/int64(time.Second))
	if late < -250*time.Millisecond || late > 250*time.Millisecond {
		t.Errorf("the sound began %s from its instant", late)
	}
}
