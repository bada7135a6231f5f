package player

import "math"

// glide moves a gain to another over fadeSamples: a step would click.
type glide struct {
	now, to, step float64
	left          int64
}

func factor(db float64) float64 { return math.Pow(10, db/20) }

// turn begins a move.
func (g *glide) turn(to float64) {
	g.to, g.left = to, fadeSamples
	g.step = (to - g.now) / fadeSamples
}

// next is the factor of the next sample.
func (g *glide) next() float64 {
	if g.left > 0 {
		g.now += g.step
		if g.left--; g.left == 0 {
			g.now = g.to
		}
	}
	return g.now
}

// apply gives all samples the gain as it stands, which does not move.
func (g *glide) apply(pcm []int16) {
	if g.now == 1 {
		return
	}
	for i, v := range pcm {
		pcm[i] = saturate(float64(v) * g.now)
	}
}

// gain moves an item's gain: at once while it waits, without a click while it sounds.
func (s *stream) gain(seq int, db float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.queue {
		if t.seq != seq {
			continue
		}
		if !t.placed {
			t.gain = glide{now: factor(db)}
			return
		}
		t.gain.turn(factor(db))
	}
}
