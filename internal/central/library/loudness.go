package library

import (
	"math"

	"loaxa/internal/radio"
)

// meter measures mono sound at radio.SampleRate: integrated loudness after
// ITU-R BS.1770-4 (K-weighting, 400 ms blocks, both gates) and true peak by four
// times oversampling (BS.1770-4 annex 2). It is ours, not ffmpeg's, so that it also
// measures without ffmpeg and what the agent's own decoder gives; tests hold it
// against ffmpeg's ebur128.
type meter struct {
	shelf, highpass biquad
	interp          interpolator
	truePeak        float64
	steps           []float64 // mean square of each full 100 ms
	sum             float64   // of the running step
	n               int
}

// stepSamples is 100 ms: blocks of 400 ms overlap by 75 %.
const stepSamples = radio.SampleRate / 10

func newMeter() *meter {
	return &meter{shelf: kShelf(), highpass: kHighpass(), interp: newInterpolator()}
}

// add takes the next samples for both measures.
func (m *meter) add(block []float64) {
	m.addLoudness(block)
	for _, x := range block {
		_, peak := m.interp.push(x, m.truePeak)
		m.truePeak = max(m.truePeak, peak)
	}
}

// addLoudness leaves out the true peak, which costs most of the time.
func (m *meter) addLoudness(block []float64) {
	for _, x := range block {
		y := m.highpass.next(m.shelf.next(x))
		m.sum += y * y
		if m.n++; m.n == stepSamples {
			m.steps = append(m.steps, m.sum/stepSamples)
			m.sum, m.n = 0, 0
		}
	}
}

// peakDBTP gives the true peak so far in dBTP, −Inf for silence.
func (m *meter) peakDBTP() float64 {
	// What is still inside the interpolator counts too.
	last := m.interp
	peak := m.truePeak
	for range interpTaps {
		_, p := last.push(0, peak)
		peak = max(peak, p)
	}
	return decibel(peak)
}

// lufs gives the integrated loudness, −Inf when every block is under the gate or
// there is no whole block.
func (m *meter) lufs() float64 {
	const absoluteGate = -70
	var blocks []float64
	for i := 3; i < len(m.steps); i++ {
		mean := (m.steps[i-3] + m.steps[i-2] + m.steps[i-1] + m.steps[i]) / 4
		if loudness(mean) > absoluteGate {
			blocks = append(blocks, mean)
		}
	}
	gate := loudness(mean(blocks)) - 10
	var loud []float64
	for _, b := range blocks {
		if loudness(b) > gate {
			loud = append(loud, b)
		}
	}
	return loudness(mean(loud))
}

// loudestStep gives the first sample of the loudest 100 ms.
func (m *meter) loudestStep() int64 {
	best := 0
	for i, s := range m.steps {
		if s > m.steps[best] {
			best = i
		}
	}
	return int64(best) * stepSamples
}

func loudness(meanSquare float64) float64 { return -0.691 + 10*math.Log10(meanSquare) }

func decibel(amplitude float64) float64 { return 20 * math.Log10(amplitude) }

func amplitude(dB float64) float64 { return math.Pow(10, dB/20) }

func mean(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// biquad is a second-order filter, transposed direct form II.
type biquad struct{ b0, b1, b2, a1, a2, s1, s2 float64 }

func (f *biquad) next(x float64) float64 {
	y := f.b0*x + f.s1
	f.s1 = f.b1*x - f.a1*y + f.s2
	f.s2 = f.b2*x - f.a2*y
	return y
}

// BS.1770 gives the two K-weighting filters as coefficients at 48 kHz only; these
// are the analogue parameters behind them, warped to our rate.
func kShelf() biquad {
	const freq, gainDB, q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
	k := math.Tan(math.Pi * freq / radio.SampleRate)
	vh := amplitude(gainDB)
	vb := math.Pow(vh, 0.4996667741545416)
	a0 := 1 + k/q + k*k
	return biquad{
		b0: (vh + vb*k/q + k*k) / a0, b1: 2 * (k*k - vh) / a0, b2: (vh - vb*k/q + k*k) / a0,
		a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0,
	}
}

func kHighpass() biquad {
	const freq, q = 38.13547087602444, 0.5003270373238773
	k := math.Tan(math.Pi * freq / radio.SampleRate)
	a0 := 1 + k/q + k*k
	return biquad{b0: 1, b1: -2, b2: 1, a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0}
}

const (
	oversample = 4
	interpTaps = 24 // per phase
)

// interpolator finds the highest value of the band-limited wave around each
// sample, at four points a sample. It lags interpTaps/2 samples.
type interpolator struct {
	phases [oversample - 1][interpTaps]float64
	most   float64                 // the wave never passes most × the highest sample of the window
	ring   [2 * interpTaps]float64 // each value twice, so that a window is one piece
	at     int
	hot    int     // pushes until the last high sample has left the window
	before float64 // highest between the centre and the sample before it
}

func newInterpolator() interpolator {
	var in interpolator
	const half = interpTaps / 2
	for p := range in.phases {
		fraction := float64(p+1) / oversample
		sum := 0.0
		for k := range interpTaps {
			// Tap k weighs the sample k−half+1 after the one before the gap.
			t := fraction - float64(k-half+1)
			in.phases[p][k] = sinc(t) * kaiser(t/(half+0.5))
			sum += in.phases[p][k]
		}
		total := 0.0
		for k := range interpTaps { // exact at 0 Hz
			in.phases[p][k] /= sum
			total += math.Abs(in.phases[p][k])
		}
		in.most = max(in.most, total)
	}
	return in
}

// push takes a sample and gives the one interpTaps/2 before it with the highest
// absolute value of the wave between its two neighbours. Where the wave cannot pass
// care, only the sample itself is looked at.
func (in *interpolator) push(x, care float64) (sample, peak float64) {
	in.ring[in.at], in.ring[in.at+interpTaps] = x, x
	if in.at++; in.at == interpTaps {
		in.at = 0
	}
	window := in.ring[in.at : in.at+interpTaps]
	sample = window[interpTaps/2-1]
	if math.Abs(x)*in.most > care {
		in.hot = interpTaps
	}
	after := 0.0
	if in.hot > 0 {
		in.hot--
		after = in.between((*[interpTaps]float64)(window))
	}
	peak = max(math.Abs(sample), in.before, after)
	in.before = after
	return sample, peak
}

// between gives the highest value at the points after the centre of the window.
func (in *interpolator) between(window *[interpTaps]float64) float64 {
	var a, b, c float64
	for k, x := range window {
		a += in.phases[0][k] * x
		b += in.phases[1][k] * x
		c += in.phases[2][k] * x
	}
	return max(math.Abs(a), math.Abs(b), math.Abs(c))
}

func sinc(t float64) float64 {
	if t == 0 {
		return 1
	}
	return math.Sin(math.Pi*t) / (math.Pi * t)
}

// kaiser is the Kaiser window over −1…1, shape 6.
func kaiser(t float64) float64 {
	const shape = 6
	return bessel0(shape*math.Sqrt(max(0, 1-t*t))) / bessel0(shape)
}

// bessel0 is the modified Bessel function of order zero, by its series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
