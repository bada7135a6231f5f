package identity

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// A password's hash takes 64 MiB and a tenth of a second or two (argonCost). So many are
// made at once, 128 MiB, and so many more may wait, a few seconds: whoever comes then is
// sent away, for a queue that only grows serves nobody. One address takes at most a
// quarter of the places.
const (
	gateSlots = 2
	gateMost  = 32
	gateShare = gateMost / 4
	gateRetry = 5 * time.Second
)

// gate bounds the hashing of passwords. Safe for concurrent use.
type gate struct {
	slots       chan struct{}
	most, share int

	mu sync.Mutex
	in int            // who hash and who wait
	of map[string]int // the same for each address
}

func newGate(slots, most, share int) *gate {
	return &gate{slots: make(chan struct{}, slots), most: most, share: share, of: map[string]int{}}
}

// enter waits for a turn; *radio.Busy when too many wait already. leave must be called.
func (g *gate) enter(ctx context.Context, address string) (leave func(), err error) {
	g.mu.Lock()
	if g.in >= g.most || g.of[address] >= g.share {
		g.mu.Unlock()
		return nil, &radio.Busy{What: "too many passwords are checked at once", Wait: gateRetry}
	}
	g.in++
	g.of[address]++
	g.mu.Unlock()
	out := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.in--
		if g.of[address]--; g.of[address] == 0 {
			delete(g.of, address)
		}
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; out() }, nil
	case <-ctx.Done():
		out()
		return nil, ctx.Err()
	}
}
