//go:build cgo && !noaudio

package player

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

// TestRealJoins: a session as it is heard. Items that touch have no gap between them;
// one that turns out damaged is faded, one that does not come is left out, and the
// next begins within a second.
func TestRealJoins(t *testing.T) {
	t.Parallel()
	lab := soundlab.Start(t)
	for driver, sink := range map[string]string{output.DriverALSA: soundlab.Sink1, output.DriverOto: soundlab.Sink2} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			realJoins(t, lab, driver, sink)
		})
	}
}

// never gives nothing until it is closed, as a card that does not answer.
type never struct{ gone chan struct{} }

func (n never) Read([]byte) (int, error) { <-n.gone; return 0, errors.New("closed") }
func (n never) Close() error             { return nil }

func realJoins(t *testing.T, lab *soundlab.Lab, driver, sink string) {
	a := house(t, 1)
	p, err := New(Config{Command: []string{os.Args[0]}, Stderr: testWriter{t},
		Env: append(append(os.Environ(), lab.Env(sink)...), "PLAYER_CHILD=good")}, silentLog)
	if err != nil {
		t.Fatal(err)
	}
	rec := lab.Record(t, sink)
	s, err := p.Start(t.Context(), output.Config{Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	first := a.item
	first.Start = clock.Mono() + 12*time.Second
	for i, audio := range []io.ReadCloser{
		&file{Reader: bytes.NewReader(a.bytes)},
		&file{Reader: io.MultiReader(bytes.NewReader(a.bytes[:14_000]), brokenReader{errors.New("chunk 1 does not match its hash")})},
		&file{Reader: bytes.NewReader(a.bytes)},
		never{gone},
		&file{Reader: bytes.NewReader(a.bytes)},
	} {
		item := a.item
		if i == 0 {
			item = first
		}
		if _, err := s.Play(item, audio); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	var ended []Event
	for e := range s.Events() {
		if e.Kind == Ended {
			if ended = append(ended, e); e.Seq == 4 {
				close(gone)
			}
		}
	}
	// One that gave nothing may be told before the sound in front of it has left.
	slices.SortFunc(ended, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	var reasons []Reason
	for _, e := range ended {
		reasons = append(reasons, e.Reason)
	}
	if !slices.Equal(reasons, []Reason{Complete, Source, Complete, Source, Complete}) {
		t.Fatalf("ended %+v", ended)
	}
	sound := rec.Stop(t).Left
	at := slices.IndexFunc(sound, func(v int16) bool { return v != 0 }) - leadingZeros(a.pcm)
	if at < 0 {
		t.Fatal("nothing was recorded")
	}
	cut := a.pcm[:ended[1].Consumed]
	holes := 0
	for _, e := range ended {
		holes += e.Holes
	}
	if holes > 0 {
		t.Fatalf("%d holes in the stream", holes)
	}
	for i, want := range [][]int16{a.pcm, cut[:len(cut)-fadeSamples], a.pcm, a.pcm} {
		lead := leadingZeros(want)
		found, fit := soundlab.Find(sound, want[lead:][:radio.SampleRate/2], at+lead, at+lead+2*radio.SampleRate)
		begin := found - lead
		if found < 0 || !slices.Equal(sound[begin:begin+len(want)], want) {
			t.Fatalf("piece %d does not stand in the recording (best at %d of %d, likeness %.3f)", i+1, begin, len(sound), fit)
		}
		gap := radio.SamplesDuration(int64(begin - at))
		t.Logf("piece %d begins %v after the end of the one before", i+1, gap)
		switch {
		case i < 2 && begin != at:
			t.Errorf("piece %d has a gap of %v before it", i+1, gap)
		case gap > time.Second:
			t.Errorf("piece %d begins %v late", i+1, gap)
		}
		at = begin + len(want)
	}
	if tail := sound[at : at+radio.SampleRate/4]; slices.ContainsFunc(tail, func(v int16) bool { return v != 0 }) {
		t.Error("there is sound after the end")
	}
}
