package library

import "loaxa/internal/radio"

// limiter applies a gain and holds the true peak under a ceiling: for every sample
// the gain that its oversampled neighbourhood allows, the least of these within the
// look-ahead on both sides, a gradual release, and the mean over the same width, so
// that the gain moves smoothly and never over what a peak allows. It gives out
// exactly as many samples as it takes in.
type limiter struct {
	gain, ceiling float64
	interp        interpolator
	window        minWindow
	release       float64   // gain after release, last value
	means         []float64 // ring of the last limitWidth release values
	sum           float64
	wave          []float64 // ring of the last limitWidth samples
	at            int
	early         int // outputs still to drop: the look-ahead filling up
}

const (
	// limitReach is the look-ahead to each side, 2 ms; limitWidth both and the sample.
	limitReach = radio.SampleRate * 2 / 1000
	limitWidth = 2*limitReach + 1
	// limitLag is how many samples come out late.
	limitLag = interpTaps/2 + 2*limitReach
	// releaseRate lets the gain recover to 1−1/e of the way in 20 ms:
	// a voice's pulses are 5 to 10 ms apart, and a slower one loses 1 LU on speech.
	releaseRate = 1.0 / (radio.SampleRate * 20 / 1000)
)

func newLimiter(gainDB, ceilingDB float64) *limiter {
	l := &limiter{
		gain: amplitude(gainDB), ceiling: amplitude(ceilingDB), interp: newInterpolator(),
		release: 1, means: make([]float64, limitWidth), wave: make([]float64, limitWidth),
		sum: limitWidth, early: limitLag,
	}
	for i := range l.means {
		l.means[i] = 1
	}
	return l
}

// push takes one sample and appends what comes out, one sample or none yet.
func (l *limiter) push(x float64, out []float64) []float64 {
	sample, peak := l.interp.push(x*l.gain, l.ceiling)
	allowed := 1.0
	if peak > l.ceiling {
		allowed = l.ceiling / peak
	}
	least := l.window.push(allowed)
	l.release = min(least, l.release+(1-l.release)*releaseRate)
	l.sum += l.release - l.means[l.at]
	l.means[l.at] = l.release
	l.wave[l.at] = sample
	if l.at++; l.at == limitWidth {
		l.at = 0
	}
	// The oldest sample of the ring is the centre of all that the sum saw.
	if l.early > 0 {
		l.early--
		return out
	}
	return append(out, l.wave[l.at]*min(1, l.sum/limitWidth))
}

// flush appends the samples still inside.
func (l *limiter) flush(out []float64) []float64 {
	for range limitLag {
		out = l.push(0, out)
	}
	return out
}

// minWindow gives the least of the last limitWidth values: a queue of candidates,
// each smaller than those after it.
type minWindow struct {
	value [limitWidth + 1]float64
	index [limitWidth + 1]int64
	head  int
	len   int
	next  int64
}

func (w *minWindow) push(v float64) float64 {
	const size = limitWidth + 1
	for w.len > 0 && w.value[(w.head+w.len-1)%size] >= v {
		w.len--
	}
	tail := (w.head + w.len) % size
	w.value[tail], w.index[tail] = v, w.next
	w.len++
	if w.index[w.head] <= w.next-limitWidth {
		w.head = (w.head + 1) % size
		w.len--
	}
	w.next++
	return w.value[w.head]
}
