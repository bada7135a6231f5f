package player

import (
	"math"
	"slices"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

const (
	// keepPoints: long enough for a straight line, short enough to follow a crystal.
	keepPoints = 8 * time.Second
	minSpacing = 40 * time.Millisecond
	// A line is trusted for placement with so much behind it, or, on a device whose
	// times are rough, after keepPoints at the latest.
	saneSpan   = 2500 * time.Millisecond
	saneSpread = 3 * time.Millisecond
	sanePoints = 8
	// What is late already rather joins a little beside its place than later still.
	roughSpan   = time.Second
	roughSpread = 20 * time.Millisecond
	roughPoints = 5
	// slopeSpan: below it the crystal's own rate drowns in jitter; use the nominal.
	slopeSpan = 6 * time.Second
	maxSlope  = 1000e-6
	// A device that stood still (cold start, underrun) jumps; so many points in a
	// row off by so much begin a new line.
	jumpBy     = 20 * time.Millisecond
	jumpPoints = 3
)

const perSample = float64(time.Second) / radio.SampleRate

// estimate ties samples of the stream to clock.Mono by the device's own progress:
// a straight line through the moments it was seen taking samples.
type estimate struct {
	points []output.Progress
	ref    output.Progress // on the line
	slope  float64         // nanoseconds a sample
	fitted bool
	sane   bool
	rough  bool // good enough for what is late

	off, away, sorted []float64 // of fit, kept so that nothing is allocated while it sounds
}

// add takes one more moment; repeated ones count once.
func (e *estimate) add(p output.Progress) {
	if p.Consumed <= 0 {
		return
	}
	if n := len(e.points); n > 0 && (p.Consumed <= e.points[n-1].Consumed || p.At-e.points[n-1].At < minSpacing) {
		return
	}
	e.points = append(e.points, p)
	first := slices.IndexFunc(e.points, func(o output.Progress) bool { return p.At-o.At <= keepPoints })
	e.points = slices.Delete(e.points, 0, first)
	if e.jumped() {
		e.points = slices.Delete(e.points, 0, len(e.points)-jumpPoints)
	}
	e.fit()
}

func (e *estimate) jumped() bool {
	if !e.fitted || len(e.points) <= jumpPoints {
		return false
	}
	late, early := true, true
	for _, p := range e.points[len(e.points)-jumpPoints:] {
		d := p.At - e.lineAt(p.Consumed)
		late, early = late && d > jumpBy, early && d < -jumpBy
	}
	return late || early
}

// fit draws the line: median first, then least squares over what lies near it, so
// that a late look at the device moves nothing.
func (e *estimate) fit() {
	if len(e.points) < jumpPoints {
		return
	}
	first, last := e.points[0], e.points[len(e.points)-1]
	offsets, away := e.off[:0], e.away[:0]
	for _, p := range e.points {
		offsets = append(offsets, float64(p.At-first.At)-float64(p.Consumed-first.Consumed)*perSample)
	}
	middle := e.median(offsets)
	for _, o := range offsets {
		away = append(away, math.Abs(o-middle))
	}
	spread := e.median(away)
	e.off, e.away = offsets, away
	span := last.At - first.At
	e.fitted = true
	e.sane = len(e.points) >= sanePoints && (span >= saneSpan && spread <= float64(saneSpread) ||
		span >= keepPoints-time.Second/2)
	e.rough = e.sane || len(e.points) >= roughPoints && span >= roughSpan && spread <= float64(roughSpread)
	e.slope = perSample
	e.ref = output.Progress{At: first.At + time.Duration(middle), Consumed: first.Consumed}
	if span < slopeSpan {
		return
	}
	near := 3*spread + float64(2*time.Millisecond)
	var n, sx, sy, sxx, sxy float64
	for i, o := range offsets {
		if away[i] > near {
			continue
		}
		x := float64(e.points[i].Consumed - first.Consumed)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+o, sxx+x*x, sxy+x*o
	}
	if d := n*sxx - sx*sx; n >= sanePoints && d > 0 {
		tilt := (n*sxy - sx*sy) / d
		tilt = max(min(tilt, maxSlope*perSample), -maxSlope*perSample)
		e.slope = perSample + tilt
		e.ref.At = first.At + time.Duration((sy-tilt*sx)/n)
	}
}

func (e *estimate) median(v []float64) float64 {
	s := append(e.sorted[:0], v...)
	e.sorted = s
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// lineAt is when the device takes a sample.
func (e *estimate) lineAt(sample int64) time.Duration {
	return e.ref.At + time.Duration(float64(sample-e.ref.Consumed)*e.slope)
}

// at is when a sample sounds; false before there is anything to go by.
func (e *estimate) at(sample int64, latency time.Duration) (time.Duration, bool) {
	return e.lineAt(sample) + latency, e.fitted
}

// index is the sample that sounds at t; false while that is not yet sure.
func (e *estimate) index(t, latency time.Duration) (int64, bool) {
	if !e.fitted {
		return 0, false
	}
	return e.ref.Consumed + int64(math.Round(float64(t-latency-e.ref.At)/e.slope)), e.sane
}
