package library

import (
	"math"
	"testing"
)

func TestWaveform(t *testing.T) {
	ramp := make([]int16, 4*PeakCount)
	for i := range ramp {
		ramp[i] = int16(-32768 * i / len(ramp))
	}
	ramp[len(ramp)-1] = math.MinInt16
	for _, c := range []struct {
		name    string
		samples int64
		pcm     []int16
		want    func(i int) byte
	}{
		{"silence", 10_000, make([]int16, 10_000), func(int) byte { return 0 }},
		{"ramp, negative", int64(len(ramp)), ramp, func(i int) byte {
			if i == PeakCount-1 {
				return 255
			}
			return byte(math.Round(float64(4*i+3) / float64(len(ramp)) * 255))
		}},
		{"more than promised", 1000, append(make([]int16, 1000), 32767), func(int) byte { return 0 }},
		{"nothing", 0, nil, func(int) byte { return 0 }},
	} {
		w := waveform{samples: c.samples}
		for at := 0; at < len(c.pcm); at += 7 { // in odd pieces
			w.see(int64(at), c.pcm[at:min(at+7, len(c.pcm))])
		}
		for i, got := range w.peaks() {
			if want := c.want(i); max(got, want)-min(got, want) > 1 { // the ramp's steps are rounded
				t.Errorf("%s: bar %d is %d, want %d", c.name, i, got, want)
			}
		}
	}
}
