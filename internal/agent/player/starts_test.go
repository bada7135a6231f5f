//go:build cgo && !noaudio

package player

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

const (
	burstSamples = radio.SampleRate / 2
	// judged of a burst: a tenth of a second of noise has one best place.
	judged = radio.SampleRate / 10
)

// burst is half a second of noise, loud from its first sample on, in house format, and
// beside it as the file a user would have made of it (with an Info frame).
func burst(tb testing.TB) (a audio, usual string) {
	tb.Helper()
	dir := tb.TempDir()
	encode := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		all := append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", "anoisesrc=r=44100:d=0.5:c=pink:a=0.5:seed=11",
			"-ac", "1", "-c:a", "libmp3lame", "-b:a", "64k"}, args...)
		if out, err := exec.Command("ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
			tb.Fatalf("make a burst of noise: %v\n%s", err, out)
		}
		return path
	}
	usual = encode("usual.mp3")
	file, err := os.ReadFile(encode("house.mp3", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0", "-write_id3v1", "0"))
	if err != nil {
		tb.Fatal(err)
	}
	walked, err := sound.Walk(bytes.NewReader(file))
	if err != nil {
		tb.Fatal(err)
	}
	a = audio{bytes: file, item: Item{Frames: walked.Frames, Head: sound.EncoderHead,
		Tail: walked.Frames*radio.FrameSamples - sound.EncoderHead - burstSamples}}
	dec, err := sound.NewDecoder(bytes.NewReader(file), a.item.span())
	if err != nil {
		tb.Fatal(err)
	}
	a.pcm = make([]int16, burstSamples)
	for n := 0; n < burstSamples; {
		m, err := dec.Read(a.pcm[n:])
		if err != nil {
			tb.Fatal(err)
		}
		n += m
	}
	return a, usual
}

// every gives n instants, the first of them as long after the opening of the device as
// playout leaves it.
func every(n int, apart time.Duration) []time.Duration {
	first := clock.Mono() + 21*time.Second
	planned := make([]time.Duration, n)
	for i := range planned {
		planned[i] = first + time.Duration(i)*apart
	}
	return planned
}

// inject plays a sound at each instant through a child and gives the events.
func inject(p *Player, tb testing.TB, out output.Config, a audio, planned []time.Duration) ([]Event, error) {
	s, err := p.Start(tb.Context(), out)
	if err != nil {
		return nil, err
	}
	var all []Event
	next := 0
	feed := func() error {
		for ; next < len(planned) && next-len(pick(all, Ended)) < maxQueue/2; next++ {
			item := a.item
			item.Start = planned[next]
			if _, err := s.Play(item, io.NopCloser(bytes.NewReader(a.bytes))); err != nil {
				return err
			}
		}
		if next == len(planned) {
			next++
			return s.Finish()
		}
		return nil
	}
	if err := feed(); err != nil {
		s.Kill()
	}
	for e := range s.Events() {
		if e.Kind == Progressed {
			continue
		}
		all = append(all, e)
		if e.Kind == Ended && next <= len(planned) {
			if err := feed(); err != nil {
				s.Kill()
			}
		}
	}
	<-s.done
	if text := all[len(all)-1].Text; text != "" {
		return all, errors.New(text)
	}
	return all, nil
}

// lateness of each start in a recording. A start that is not there, or not the
// sound that was to be played, is missing.
func lateness(rec soundlab.Sound, a audio, planned []time.Duration) (late []time.Duration, missing int) {
	begin := 0
	for _, at := range planned {
		// Where it should be, by the line of the recording's own time.
		for begin < len(rec.Left) && rec.MonoAt(begin) < at-500*time.Millisecond {
			begin += radio.SampleRate / 50
		}
		found, fit := soundlab.Find(rec.Left, a.pcm[:judged], begin, begin+radio.SampleRate*3/2)
		if found < 0 || fit < 0.8 {
			missing++
			continue
		}
		late = append(late, rec.MonoAt(found)-at)
	}
	return late, missing
}

// TestStarts: twenty injected starts on each driver, judged in samples of what was
// recorded at the sound server.
func TestStarts(t *testing.T) {
	const n = 20
	lab := soundlab.Start(t)
	a, _ := burst(t)
	planned := every(n, 2*time.Second)
	sinks := map[string]string{output.DriverALSA: soundlab.Sink1, output.DriverOto: soundlab.Sink2}
	results := make(chan error, len(sinks))
	recs := map[string]*soundlab.Recording{}
	for driver, sink := range sinks {
		recs[driver] = lab.Record(t, sink)
		p, err := New(Config{Command: []string{os.Args[0]}, Stderr: testWriter{t},
			Env: append(append(os.Environ(), lab.Env(sink)...), "PLAYER_CHILD=good")}, silentLog)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			events, err := inject(p, t, output.Config{Driver: driver}, a, planned)
			for _, e := range pick(events, Ended) {
				if e.Reason != Complete || e.Consumed != burstSamples {
					err = errors.Join(err, errors.New(driver+": "+string(e.Reason)+" "+e.Text))
				}
			}
			results <- err
		}()
	}
	for range sinks {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	for driver, rec := range recs {
		late, missing := lateness(rec.Stop(t), a, planned)
		if missing > 0 {
			t.Errorf("%s: %d of %d starts are not in the recording", driver, missing, n)
			continue
		}
		slices.SortFunc(late, func(x, y time.Duration) int { return int(x - y) })
		t.Logf("%s: start error from %v to %v, median %v", driver, late[0], late[n-1], late[n/2])
		if worst := max(late[0].Abs(), late[n-1].Abs()); worst > 25*time.Millisecond {
			t.Errorf("%s: a start is %v off", driver, worst)
		}
	}
}
