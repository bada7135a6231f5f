package fleet

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// stage plays for all agents at once: one heap of instants instead of a goroutine and a
// timer for each of thousands.
type stage struct {
	mu   sync.Mutex
	due  dues
	kick chan struct{}
}

// cue is one agent's place in the heap; it stands there at most once.
type cue struct {
	at    time.Time
	index int // -1: not in the heap
	agent *agent
}

type dues []*cue

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i]; d[i].index, d[j].index = i, j }

// Push and Pop are container/heap's.
func (d *dues) Push(x any) { c := x.(*cue); c.index = len(*d); *d = append(*d, c) }

func (d *dues) Pop() any {
	last := len(*d) - 1
	c := (*d)[last]
	(*d)[last] = nil
	*d, c.index = (*d)[:last], -1
	return c
}

// call has an agent step at an instant, unless it does so earlier anyway.
func (s *stage) call(a *agent, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &a.cue
	switch {
	case c.index < 0:
		c.at = at
		heap.Push(&s.due, c)
	case at.Before(c.at):
		c.at = at
		heap.Fix(&s.due, c.index)
	default:
		return
	}
	if c.index == 0 {
		signal(s.kick)
	}
}

// next takes the first agent that is due, or tells how long nobody is.
func (s *stage) next(now time.Time) (*agent, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 {
		return nil, time.Hour
	}
	if wait := s.due[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&s.due).(*cue).agent, 0
}

// run steps whoever is due until ctx ends.
func (s *stage) run(ctx context.Context, w watch) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := w.Now()
		a, wait := s.next(now)
		if a != nil {
			if at := a.step(ctx, now); !at.IsZero() {
				s.call(a, at)
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-s.kick:
		case <-timer.C:
		}
	}
	return nil
}
