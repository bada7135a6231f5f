package soundlab

import (
	"math"
	"time"

	"loaxa/internal/radio"
)

const (
	// fitSeconds on both sides of a sample draw the line it is timed by.
	fitSeconds = 8
	// fitWithin: a second whose least delayed arrival is later than this beside the
	// others had none in time.
	fitWithin = time.Millisecond
)

// leastDelayed keeps of each second of a recording the arrival that came soonest
// after its last sample: arrivals are only ever late.
func leastDelayed(all []arrival) []arrival {
	var best []arrival
	second := int64(-1)
	for _, a := range all {
		switch now := a.end / radio.SampleRate; {
		case now != second:
			second, best = now, append(best, a)
		case a.offset() < best[len(best)-1].offset():
			best[len(best)-1] = a
		}
	}
	return best
}

// offset of an arrival from where a sink with a true clock would put it.
func (a arrival) offset() time.Duration { return a.mono - radio.SamplesDuration(a.end) }

// MonoAt says when, on clock.Mono, a sample sounded, good to about 2 ms. The null
// sink's own clock is off by up to some 400 ppm (whole microseconds): a straight line
// through the seconds around the sample takes that out.
func (s Sound) MonoAt(sample int) time.Duration {
	var near []arrival
	for _, a := range s.marks {
		if d := a.end - int64(sample); d >= -fitSeconds*radio.SampleRate && d <= fitSeconds*radio.SampleRate {
			near = append(near, a)
		}
	}
	at, tilt := line(near, int64(sample))
	var good []arrival
	for _, a := range near {
		if a.offset() <= at+time.Duration(tilt*float64(a.end-int64(sample)))+fitWithin {
			good = append(good, a)
		}
	}
	at, _ = line(good, int64(sample))
	return at + radio.SamplesDuration(int64(sample))
}

// line through the offsets of arrivals: its value at a sample, and its slope in
// nanoseconds a sample.
func line(points []arrival, at int64) (time.Duration, float64) {
	if len(points) == 0 {
		return 0, 0
	}
	first := points[0].offset()
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		x, y := float64(p.end-at), float64(p.offset()-first)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if len(points) < 3 || d <= 0 {
		return first + time.Duration(sy/n), 0
	}
	tilt := (n*sxy - sx*sy) / d
	return first + time.Duration((sy-tilt*sx)/n), tilt
}

// Find gives where a sound begins in a recording, searched from one sample to
// another, and how well it fits (1: exactly, at any loudness). It looks where the
// silence first ends; −1 when it does not.
func Find(in, sound []int16, from, to int) (at int, fit float64) {
	const (
		loud   = 60   // what MP3 smears before a beginning is softer
		before = 3000 // of it, and a decoder's head silence
		after  = 600
	)
	from, to = max(from, 0), min(to, len(in)-len(sound))
	onset := -1
	for i := from; i < to; i++ {
		if in[i] > loud || in[i] < -loud {
			onset = i
			break
		}
	}
	if onset < 0 {
		return -1, 0
	}
	at = -1
	for i := max(onset-before, 0); i < min(onset+after, to); i++ {
		if c := likeness(in[i:i+len(sound)], sound); c > fit {
			at, fit = i, c
		}
	}
	return at, fit
}

// likeness of two sounds of one length.
func likeness(a, b []int16) float64 {
	var ab, aa, bb int64
	for i, x := range a {
		y := int64(b[i])
		ab, aa, bb = ab+int64(x)*y, aa+int64(x)*int64(x), bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}
