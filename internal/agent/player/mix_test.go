package player

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSaturate: to the sample what math.Round and bounds make of it.
func TestSaturate(t *testing.T) {
	gains := []float64{0.001, 0.1, 0.25, 0.5, 1, 1.5, factor(-6), factor(3.7), factor(12)}
	for _, g := range gains {
		for v := math.MinInt16; v <= math.MaxInt16; v++ {
			x := float64(v) * g
			want := int16(max(min(math.Round(x), math.MaxInt16), math.MinInt16))
			if got := saturate(x); got != want {
				t.Fatalf("%d × %g: %d, want %d", v, g, got, want)
			}
		}
	}
	for _, x := range []float64{0.49999999999999994, -0.49999999999999994, 0.5, -0.5, 2.5, -2.5, 32767.5, -32768.5} {
		if got, want := saturate(x), int16(max(min(math.Round(x), math.MaxInt16), math.MinInt16)); got != want {
			t.Errorf("%g: %d, want %d", x, got, want)
		}
	}
}

// TestListen counts like one who looks at every sample.
func TestListen(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		var fast track
		var quiet, long int64
		for range 400 {
			pcm := make([]int16, 1+rnd.IntN(block))
			for i := range pcm {
				pcm[i] = int16(rnd.IntN(2*silentPeak+1) - silentPeak)
			}
			if rnd.IntN(100) == 0 { // a second of twenty on average
				for range 1 + rnd.IntN(5) {
					pcm[rnd.IntN(len(pcm))] = silentPeak + 1 + int16(rnd.IntN(1000))
				}
			}
			fast.listen(pcm)
			for _, v := range pcm {
				if v >= -silentPeak && v <= silentPeak {
					quiet++
					continue
				}
				if quiet > longSilence {
					long += quiet
				}
				quiet = 0
			}
			if fast.quiet != quiet || fast.silent != long {
				t.Fatalf("quiet %d, silent %d; want %d, %d", fast.quiet, fast.silent, quiet, long)
			}
		}
	}
}
