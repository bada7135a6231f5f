//go:build cgo && !noaudio

package player

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
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
	frames := framesOf(tb, file)
	a = audio{bytes: file, item: Item{Frames: frames, Head: sound.EncoderHead,
		Tail: frames*radio.FrameSamples - sound.EncoderHead - burstSamples}}
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

// framesOf counts the frames of a house-format file.
func framesOf(tb testing.TB, file []byte) int {
	tb.Helper()
	walked, err := sound.Walk(bytes.NewReader(file))
	if err != nil {
		tb.Fatal(err)
	}
	return walked.Frames
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

// startErrors gives, in milliseconds, how far from its instant each start lies in a
// recording, looking from half a second before it to so long after it. NaN: it is not
// there, or is not the sound that was to be played.
func startErrors(rec soundlab.Sound, a audio, planned []time.Duration, after time.Duration) []float64 {
	const before = 500 * time.Millisecond
	found := make([]float64, len(planned))
	begin := 0
	for i, at := range planned {
		// Where it should be, by the recording's own time.
		for begin < len(rec.Left) && rec.MonoAt(begin) < at-before {
			begin += radio.SampleRate / 50
		}
		sample, fit := soundlab.Find(rec.Left, a.pcm[:judged], begin, begin+int(radio.DurationSamples(before+after)))
		if found[i] = math.NaN(); sample >= 0 && fit >= 0.8 {
			found[i] = float64(rec.MonoAt(sample)-at) / float64(time.Millisecond)
		}
	}
	return found
}

// TestStarts: twenty injected starts on each driver, judged in samples of what was
// recorded at the sound server.
func TestStarts(t *testing.T) {
	t.Parallel()
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
		late := startErrors(rec.Stop(t), a, planned, 500*time.Millisecond)
		t.Logf("%s: start errors %.1f ms", driver, late)
		for i, ms := range late {
			if !(math.Abs(ms) <= 25) { // NaN too
				t.Errorf("%s: start %d is %.1f ms off", driver, i+1, ms)
			}
		}
	}
}
