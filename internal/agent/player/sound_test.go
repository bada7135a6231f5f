//go:build cgo && !noaudio

package player

import (
	"bytes"
	"math"
	"os"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

// realDrivers make sound.
var realDrivers = []string{output.DriverALSA, output.DriverOto}

// TestRealSound: the child's driver, through ALSA, into a sound server's null sink,
// and back by its monitor. The recording must equal the decoder's samples.
func TestRealSound(t *testing.T) {
	t.Parallel()
	for _, driver := range realDrivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			realSound(t, driver)
		})
	}
}

func realSound(t *testing.T, driver string) {
	lab := soundlab.Start(t)
	a := house(t, 2)
	rec := lab.Record(t, soundlab.Sink1)
	tee := t.TempDir()
	p, err := New(Config{Command: []string{os.Args[0]}, Stderr: testWriter{t},
		Env: append(append(os.Environ(), lab.Env(soundlab.Sink1)...), "PLAYER_CHILD=good")}, silentLog)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Start(t.Context(), output.Config{Driver: driver, TeeDir: tee})
	if err != nil {
		t.Fatal(err)
	}
	first := a.item
	first.Start = clock.Mono() + 21*time.Second
	second := a.item // directly behind it
	second.Start = first.Start + radio.SamplesDuration(a.item.Expected())
	for _, item := range []Item{first, second} {
		if _, err := s.Play(item, &file{Reader: bytes.NewReader(a.bytes)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	events := until(t, s, Closed)
	if text := events[len(events)-1].Text; text != "" || len(pick(events, Faulted)) != 0 {
		t.Fatalf("closed %q, %+v", text, events)
	}
	ended := pick(events, Ended)
	holes := 0
	for _, e := range ended {
		holes += e.Holes
		if e.Reason != Complete || e.Consumed != a.item.Expected() {
			t.Fatalf("%+v", e)
		}
	}
	sound := rec.Stop(t)

	begin := sound.FirstSound() - leadingZeros(a.pcm)
	if begin < 0 {
		t.Fatal("nothing was recorded")
	}
	off := sound.MonoAt(begin) - first.Start
	t.Logf("start error %.1f ms = %.0f samples; holes %d", off.Seconds()*1000, off.Seconds()*radio.SampleRate, holes)
	told := pick(events, Started)[0].Mono
	t.Logf("start told by the player: %.1f ms off what was recorded", (told-sound.MonoAt(begin)).Seconds()*1000)
	if off.Abs() > 20*time.Millisecond {
		t.Errorf("start is %v off", off)
	}
	want := append(append([]int16(nil), a.pcm...), a.pcm...)
	if begin+len(want) > len(sound.Left) {
		t.Fatalf("recording ends %d samples early", begin+len(want)-len(sound.Left))
	}
	got := sound.Left[begin : begin+len(want)]
	if different := compare(t, want, got); different > 0 {
		if c := correlation(want, got); c < 0.999 || holes > 0 {
			t.Errorf("%d of %d samples differ, correlation %.5f, holes %d", different, len(want), c, holes)
		}
	}
	for i, v := range sound.Left[begin+len(want):] {
		if v != 0 {
			t.Fatalf("%d samples after the end there is still sound", i)
		}
	}
	compare(t, sound.Left, sound.Right)
}

func leadingZeros(pcm []int16) int {
	for i, v := range pcm {
		if v != 0 {
			return i
		}
	}
	return len(pcm)
}

// compare gives the number of differing samples and logs the first.
func compare(t *testing.T, want, got []int16) int {
	t.Helper()
	different, largest := 0, 0
	for i := range want {
		if d := int(want[i]) - int(got[i]); d != 0 {
			if different == 0 {
				t.Logf("sample %d is %d, want %d", i, got[i], want[i])
			}
			different++
			largest = max(largest, d, -d)
		}
	}
	t.Logf("%d of %d samples differ, by at most %d", different, len(want), largest)
	return different
}

func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// TestSoundServerKilled: the device is lost while a bulletin sounds.
func TestSoundServerKilled(t *testing.T) {
	t.Parallel()
	for _, driver := range realDrivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			soundServerKilled(t, driver)
		})
	}
}

func soundServerKilled(t *testing.T, driver string) {
	lab := soundlab.Start(t)
	a := house(t, 4)
	p, err := New(Config{Command: []string{os.Args[0]}, Stderr: testWriter{t},
		Env: append(append(os.Environ(), lab.Env(soundlab.Sink1)...), "PLAYER_CHILD=good")}, silentLog)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Start(t.Context(), output.Config{Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Play(a.item, &file{Reader: bytes.NewReader(a.bytes)}); err != nil {
		t.Fatal(err)
	}
	until(t, s, Started)
	for range 3 {
		until(t, s, Progressed)
	}
	lab.Kill()
	killed := clock.Mono()
	events := until(t, s, Closed)
	t.Logf("noticed after %v", clock.Mono()-killed)
	ended, faults := pick(events, Ended), pick(events, Faulted)
	if len(ended) != 1 || ended[0].Reason != Device || ended[0].Consumed < radio.SampleRate ||
		ended[0].Consumed > ended[0].Expected*3/4 {
		t.Fatalf("%+v", ended)
	}
	if len(faults) == 0 || faults[len(faults)-1].Code != FaultLost {
		t.Fatalf("%+v", faults)
	}
}
