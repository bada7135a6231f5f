package e2e

import (
	"sync"
	"testing"
)

// lanes is how many houses share a due minute: they wait much more than they work.
const lanes = 12

// How long a test takes.
const (
	short = false
	long  = true // two minutes and more
)

var (
	places = make(chan struct{}, lanes)
	// waiting are the long ones that have no lane yet. All have been counted when the
	// first goes on: t.Parallel holds each until the last has called it.
	waiting sync.WaitGroup
)

// lane runs a test beside others, at most lanes of them at a time, and the long ones
// first: one that began last would keep all waiting for it alone.
func lane(t *testing.T, isLong bool) {
	if isLong {
		waiting.Add(1)
	}
	t.Parallel()
	if !isLong {
		waiting.Wait()
	}
	places <- struct{}{}
	t.Cleanup(func() { <-places })
	if isLong {
		waiting.Done()
	}
}
