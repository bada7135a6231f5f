package library

import (
	"math"
	"math/rand/v2"
	"testing"
)

func noise(n int, level float64) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]float64, n)
	for i := range b {
		b[i] = level * (2*r.Float64() - 1)
	}
	return b
}

func sine(n int, freq, level, phase float64) []float64 {
	b := make([]float64, n)
	for i := range b {
		b[i] = level * math.Sin(2*math.Pi*freq*float64(i)/44100+phase)
	}
	return b
}

// TestMeter uses what BS.1770 and EBU Tech 3341 fix: a 997 Hz sine at full scale in
// one channel is −3.01 LUFS; gates leave out what is far below.
func TestMeter(t *testing.T) {
	tone := sine(44100*10, 997, 1, 0)
	quiet := sine(44100*3, 997, 0.001, 0)
	for _, c := range []struct {
		name       string
		pcm        []float64
		lufs, peak float64
	}{
		{"full scale", tone[:44100*2], -3.01, 0},
		{"−23 LUFS", sine(44100*2, 997, amplitude(-19.99), 0), -23, -19.99},
		{"relative gate", append(append([]float64{}, quiet...), tone...), -3.01, 0},
		{"absolute gate", append(make([]float64, 44100*3), sine(44100*10, 997, 0.1, 0)...), -23.01, -20},
		// Samples at 45° of a quarter-rate sine miss its top by 3.01 dB (BS.1770 annex 2).
		{"true peak between samples", sine(44100, 11025, 1, math.Pi/4), math.NaN(), 0},
		{"silence", make([]float64, 44100), math.Inf(-1), math.Inf(-1)},
		{"shorter than a block", tone[:10000], math.Inf(-1), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter()
			for len(c.pcm) > 0 { // in odd pieces
				n := min(len(c.pcm), 1000)
				m.add(c.pcm[:n])
				c.pcm = c.pcm[n:]
			}
			if got := m.lufs(); !math.IsNaN(c.lufs) && got != c.lufs && math.Abs(got-c.lufs) > 0.1 {
				t.Errorf("%.2f LUFS, want %.2f", got, c.lufs)
			}
			// BS.1770 allows a true-peak meter +0.2/−0.4 dB.
			if got := m.peakDBTP(); got != c.peak && (got > c.peak+0.2 || got < c.peak-0.4) {
				t.Errorf("%.2f dBTP, want %.2f", got, c.peak)
			}
		})
	}
}

// TestMeterAgreesWithFFmpeg on noise and on something like speech.
func TestMeterAgreesWithFFmpeg(t *testing.T) {
	needTools(t, "ffmpeg")
	for name, pcm := range map[string][]float64{
		"noise":  noise(44100*5, 0.4),
		"speech": speechlike(8, 0.5),
		"tone":   sine(44100*3, 6000, 0.7, 0),
	} {
		m := newMeter()
		rounded := make([]int16, len(pcm))
		for i, x := range pcm {
			rounded[i] = int16(math.Round(x * 32767))
			pcm[i] = float64(rounded[i]) / 32768
		}
		m.add(pcm)
		lufs, peak := ebur128(t, rounded)
		if math.Abs(m.lufs()-lufs) > 0.1 || math.Abs(m.peakDBTP()-peak) > 0.25 {
			t.Errorf("%s: we measure %.2f LUFS, %.2f dBTP; ffmpeg %.1f, %.1f", name, m.lufs(), m.peakDBTP(), lufs, peak)
		}
	}
}

func TestLimiter(t *testing.T) {
	const ceiling = -3.0
	impulses := make([]float64, 44100)
	for i := 100; i < len(impulses); i += 5000 {
		impulses[i] = 1
	}
	for name, pcm := range map[string][]float64{
		"noise":      noise(44100, 1),
		"sine":       sine(44100, 440, 1, 0),
		"high sine":  sine(44100, 11025, 1, math.Pi/4),
		"impulses":   impulses,
		"speech":     speechlike(1, 1),
		"one sample": {0.5},
		"nothing":    {},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimiter(6, ceiling)
			var out []float64
			for _, x := range pcm {
				out = l.push(x, out)
			}
			out = l.flush(out)
			if len(out) != len(pcm) {
				t.Fatalf("%d samples in, %d out", len(pcm), len(out))
			}
			m := newMeter()
			m.add(out)
			// Turning the gain moves peaks between samples a little.
			if got := m.peakDBTP(); got > ceiling+0.1 {
				t.Errorf("true peak %.2f dBTP over the ceiling %.1f", got, ceiling)
			}
		})
	}
}

// TestLimiterLeavesQuietSoundAlone: under the ceiling it is only a gain.
func TestLimiterLeavesQuietSoundAlone(t *testing.T) {
	pcm := noise(10000, 0.1)
	l := newLimiter(6, -3)
	var out []float64
	for _, x := range pcm {
		out = l.push(x, out)
	}
	out = l.flush(out)
	for i, x := range pcm {
		if math.Abs(out[i]-x*amplitude(6)) > 1e-9 {
			t.Fatalf("sample %d: %v, want %v", i, out[i], x*amplitude(6))
		}
	}
}
