package stagger

import (
	"math/bits"
	"slices"
)

const (
	// maxSlots is what a word of bits holds.
	maxSlots = 64
	// maxSteps bounds the search for fewer slots. Clusters of one commune are settled in
	// far fewer; what is not keeps the best found.
	maxSteps = 200_000
)

// colouring seeks slots for the clusters of one part such that neighbours differ and the
// highest slot is as low as can be. Graphs are coloured by DSATUR: the cluster with the
// fewest slots left comes next, then the one with the most neighbours, then the first.
type colouring struct {
	near  [][]int
	taken []uint64 // slots that neighbours outside keep from a cluster
	most  int      // slots there are

	slots []int // −1: not yet
	best  []int
	high  int // slots the best one takes
	floor int // no fewer will do
	steps int
	// free: nothing outside keeps any slot, so that unused slots are all alike.
	free bool
}

// solve gives the best slots found; least says that no fewer would do, ok that there are
// any.
func (c *colouring) solve() (slots []int, least, ok bool) {
	c.slots, c.high = make([]int, len(c.near)), c.most+1
	for i := range c.slots {
		c.slots[i] = -1
	}
	c.free = !slices.ContainsFunc(c.taken, func(t uint64) bool { return t != 0 })
	c.floor = c.lowest()
	c.search(0, 0)
	return c.best, c.best != nil && (c.high <= c.floor || c.steps < maxSteps), c.best != nil
}

// lowest is a number of slots that is surely needed: that of clusters which all hear each
// other, found by taking the best connected first, or the first slot left to somebody.
func (c *colouring) lowest() int {
	need := 1
	for i := range c.near {
		need = max(need, bits.TrailingZeros64(^c.taken[i])+1)
		clique := []int{i}
		rest := slices.Clone(c.near[i])
		slices.SortFunc(rest, func(a, b int) int {
			if d := len(c.near[b]) - len(c.near[a]); d != 0 {
				return d
			}
			return a - b
		})
		for _, j := range rest {
			if !slices.ContainsFunc(clique, func(k int) bool { return !slices.Contains(c.near[j], k) }) {
				clique = append(clique, j)
			}
		}
		need = max(need, len(clique))
	}
	return need
}

// search places one more cluster; used is how many slots are taken so far.
func (c *colouring) search(placed, used int) {
	if placed == len(c.slots) {
		c.best, c.high = slices.Clone(c.slots), used
		return
	}
	i := c.next()
	blocked := c.blocked(i)
	limit := c.high - 1 // a slot there would be no better than the best
	if c.free {
		limit = min(limit, used+1)
	}
	for k := 0; k < limit; k++ {
		if blocked&(1<<k) != 0 {
			continue
		}
		if c.steps++; c.steps >= maxSteps {
			return
		}
		c.slots[i] = k
		c.search(placed+1, max(used, k+1))
		c.slots[i] = -1
		if c.high <= c.floor || used >= c.high {
			return
		}
		limit = min(limit, c.high-1)
	}
}

func (c *colouring) blocked(i int) uint64 {
	b := c.taken[i]
	for _, j := range c.near[i] {
		if c.slots[j] >= 0 {
			b |= 1 << c.slots[j]
		}
	}
	return b
}

func (c *colouring) next() int {
	best, tight, degree := -1, -1, -1
	for i, s := range c.slots {
		if s >= 0 {
			continue
		}
		if n := bits.OnesCount64(c.blocked(i)); n > tight || n == tight && len(c.near[i]) > degree {
			best, tight, degree = i, n, len(c.near[i])
		}
	}
	return best
}
