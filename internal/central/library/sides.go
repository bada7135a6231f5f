package library

// mix says how two channels become one: what of each goes into it.
type mix struct{ left, right float64 }

var (
	bothSides = mix{0.5, 0.5}
	leftSide  = mix{left: 1}
	rightSide = mix{right: 1}
)

// apply appends the mixed samples to out, which may share memory with neither side.
func (m mix) apply(left, right, out []float64) []float64 {
	for i := range left {
		out = append(out, m.left*left[i]+m.right*right[i])
	}
	return out
}

// split takes interleaved samples of two channels apart.
func split(block, left, right []float64) (l, r []float64) {
	left, right = left[:0], right[:0]
	for i := 0; i+1 < len(block); i += 2 {
		left, right = append(left, block[i]), append(right, block[i+1])
	}
	return left, right
}

// sides measures what the two channels of a recording carry: sums for the power of
// each and of their mean, without a constant offset, which cheap recorders add.
type sides struct {
	n                  float64
	left, right        float64 // sums
	left2, right2, mid float64 // sums of squares, and of products
}

func (s *sides) see(left, right []float64) {
	for i, l := range left {
		r := right[i]
		s.left += l
		s.right += r
		s.left2 += l * l
		s.right2 += r * r
		s.mid += l * r
	}
	s.n += float64(len(left))
}

// powers gives the mean power of left, right and their mean.
func (s sides) powers() (left, right, mid float64) {
	if s.n == 0 {
		return 0, 0, 0
	}
	l, r := s.left/s.n, s.right/s.n
	left, right = s.left2/s.n-l*l, s.right2/s.n-r*r
	return left, right, (left + right + 2*(s.mid/s.n-l*r)) / 4
}

const (
	// deadSide: a channel this far under the other (20 dB) is a microphone that was
	// not plugged in; half of it would only halve the other.
	deadSide = 100
	// cancelled: when the mean of both keeps under a twentieth of their power, one
	// channel is the other upside down, and their mean is nearly nothing.
	cancelled = 20
)

// best says what to take of a recording.
func (s sides) best() mix {
	left, right, mid := s.powers()
	switch {
	case left > deadSide*right, left >= right && left > cancelled*mid:
		return leftSide
	case right > deadSide*left, right > cancelled*mid:
		return rightSide
	}
	return bothSides
}

// warnings tells the operator why one side was taken alone.
func (s sides) warnings(taken mix) []string {
	if taken == bothSides {
		return nil
	}
	left, right, _ := s.powers()
	if left > deadSide*right || right > deadSide*left {
		return []string{WarnOneChannel}
	}
	return []string{WarnOutOfPhase}
}
