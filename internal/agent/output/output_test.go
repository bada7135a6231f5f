package output

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// bubbleMono is a monotonic clock that follows synctest's time.
func bubbleMono() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Hour + time.Since(start) }
}

func ramp(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(i*7 - 30000)
	}
	return pcm
}

func TestConfigCheck(t *testing.T) {
	good := []Config{
		{Driver: DriverNull}, {Driver: DriverALSA}, {Driver: DriverALSA, Device: "plughw:CARD=Device,DEV=0"}, {Driver: DriverOto, RingMS: 400, LatencyMS: -20},
		{Driver: DriverWAV, Dir: "x"}, {Driver: DriverNull, TeeDir: "x", MaxWAVBytes: 1 << 20},
	}
	for _, c := range good {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := map[string]Config{
		"driver": {}, "driver \"radio\"": {Driver: "radio"}, "device is": {Driver: DriverOto, Device: "hw:0"},
		"device \"": {Driver: DriverALSA, Device: "hw:0\n"}, "driver alsa": {Driver: DriverNull, Device: "x"}, "ring_ms": {Driver: DriverNull, RingMS: 5}, "40 to 440": {Driver: DriverOto, RingMS: 500}, "40 to 700": {Driver: DriverALSA, RingMS: 800},
		"latency_ms 5000": {Driver: DriverOto, LatencyMS: 5000}, "latency_ms is": {Driver: DriverNull, LatencyMS: 1},
		"dir": {Driver: DriverWAV}, "dir belongs": {Driver: DriverNull, Dir: "x"},
		"max_wav_bytes": {Driver: DriverNull, MaxWAVBytes: -1},
	}
	for what, c := range bad {
		if _, err := New(c); !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		out, err := NewWithMono(Config{Driver: DriverNull}, bubbleMono())
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Write(t.Context(), ramp(10)); !errors.Is(err, errClosed) {
			t.Fatalf("write before open: %v", err)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := out.Write(t.Context(), ramp(44100)); err != nil {
				t.Fatal(err)
			}
		}
		// 10 s written, all but the ring has sounded.
		if gone := time.Since(start); gone < 9590*time.Millisecond || gone > 9610*time.Millisecond {
			t.Fatalf("10 s were taken in %v, want 9.6 s", gone)
		}
		p, err := out.Progress()
		if err != nil || p.Consumed < 44100*959/100 || p.Consumed > 44100*961/100 {
			t.Fatalf("progress %+v, %v", p, err)
		}
		if err := out.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone := time.Since(start); gone < 10*time.Second || gone > 10010*time.Millisecond {
			t.Fatalf("closed after %v, want 10 s", gone)
		}
		if p, _ := out.Progress(); p.Consumed != 441000 {
			t.Fatalf("consumed %d", p.Consumed)
		}
	})
}

func TestPacedStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := NewWithMono(Config{Driver: DriverNull}, bubbleMono())
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if p, _ := out.Progress(); p.Consumed != 0 {
			t.Fatalf("consumed %d before the first sample", p.Consumed)
		}
		for range 3 {
			if err := out.Write(t.Context(), ramp(4410)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		if p, _ := out.Progress(); p.Consumed != 3*4410 {
			t.Fatalf("consumed %d, want what was written", p.Consumed)
		}
	})
}

func TestWriteAndCloseEndWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := NewWithMono(Config{Driver: DriverNull}, bubbleMono())
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := out.Write(ctx, ramp(10*44100)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("write: %v", err)
		}
		if err := out.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("close: %v", err)
		}
	})
}

// recording reads back the only WAV of a folder.
func recording(t *testing.T, dir string) ([]int16, Sidecar) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("folder holds %v, %v", names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.ReadFile(names[0] + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var s Sidecar
	if err := json.Unmarshal(side, &s); err != nil {
		t.Fatal(err)
	}
	if got := int(binary.LittleEndian.Uint32(raw[40:])); got != len(raw)-44 || string(raw[:4]) != "RIFF" {
		t.Fatalf("header says %d bytes of %d", got, len(raw)-44)
	}
	if got := int(binary.LittleEndian.Uint32(raw[4:])); got != len(raw)-8 {
		t.Fatalf("header says %d bytes of file, have %d", got, len(raw))
	}
	pcm := make([]int16, (len(raw)-44)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[44+2*i:]))
	}
	return pcm, s
}

func TestRecordings(t *testing.T) {
	tests := map[string]struct {
		config  func(dir string) Config
		samples int
	}{
		"wav":            {func(dir string) Config { return Config{Driver: DriverWAV, Dir: dir} }, 3 * 44100},
		"tee of null":    {func(dir string) Config { return Config{Driver: DriverNull, TeeDir: dir} }, 3 * 44100},
		"tee is bounded": {func(dir string) Config { return Config{Driver: DriverNull, TeeDir: dir, MaxWAVBytes: 100_000} }, 44100},
		"wav is bounded": {func(dir string) Config { return Config{Driver: DriverWAV, Dir: dir, MaxWAVBytes: 100_000} }, 44100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			synctest.Test(t, func(t *testing.T) {
				mono := bubbleMono()
				out, err := NewWithMono(test.config(dir), mono)
				if err != nil {
					t.Fatal(err)
				}
				begun := mono()
				if err := out.Open(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := out.Write(t.Context(), ramp(44100)); err != nil {
						t.Fatal(err)
					}
				}
				if err := out.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				pcm, side := recording(t, dir)
				if len(pcm) != test.samples || side.Samples != int64(test.samples) {
					t.Fatalf("%d samples, sidecar %d, want %d", len(pcm), side.Samples, test.samples)
				}
				for i, want := range ramp(44100) {
					if pcm[i] != want {
						t.Fatalf("sample %d is %d, want %d", i, pcm[i], want)
					}
				}
				if len(side.Anchors) == 0 || side.Truncated != (test.samples < 3*44100) {
					t.Fatalf("sidecar %+v", side)
				}
				a := side.Anchors[len(side.Anchors)-1]
				if off := time.Duration(a.MonoNS) - begun - radio.SamplesDuration(a.Sample); off.Abs() > time.Millisecond {
					t.Fatalf("anchor %+v is off by %v", a, off)
				}
			})
		})
	}
}

func TestRecordingCutShort(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		out, err := NewWithMono(Config{Driver: DriverWAV, Dir: dir}, bubbleMono())
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := out.Write(t.Context(), ramp(44100)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := out.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("close: %v", err)
		}
		// 0.6 s had gone when Write returned, 0.1 s more until Close gave up.
		if pcm, _ := recording(t, dir); len(pcm) < 44100*69/100 || len(pcm) > 44100*71/100 {
			t.Fatalf("%d samples", len(pcm))
		}
	})
}

func TestRecorderWithoutFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := New(Config{Driver: DriverWAV, Dir: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Open(t.Context()); err == nil {
		t.Fatal("opened in a folder that is a file")
	}
	if err := out.Close(t.Context()); err != nil {
		t.Fatalf("close of what never opened: %v", err)
	}
}
