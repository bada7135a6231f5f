package player

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

const (
	// watchEvery the device is looked at, but not before the mixer has worked, unless that
	// has not for watchLate; watchNew while the device is new.
	watchEvery  = 100 * time.Millisecond
	watchNew    = 50 * time.Millisecond
	watchLate   = 900 * time.Millisecond
	watchWindow = 2 * time.Second
	// A new device fills its ring in an instant and may then stall for 1.5 s.
	warmUp = 4 * time.Second
	// minSpread of a window for its rate to mean anything.
	minSpread = time.Second
	slowest   = 0.9
	// recentSpan is what a device that had a hole has to go well for.
	recentSpan = 500 * time.Millisecond
	// slowFor so long it is no short hole.
	slowFor = time.Second
	fastest = 1.1
	// spareLead, with twice the ring: no device with a clock takes so much more than
	// the time that has passed.
	spareLead = 200 * time.Millisecond
	// giveUp: a device that stalls for so long is lost.
	giveUp = 5 * time.Second
)

// verdict of the watchdog.
type verdict int

const (
	fine verdict = iota
	stalled
	tooFast
)

// watch judges the device by its samples against the clock: a hang, a mute server
// and a null device give no error anywhere (measured).
type watch struct {
	opened time.Duration
	ring   time.Duration
	points []output.Progress
	slow   time.Duration // since when it goes slowly; 0: it does not
	found  string        // what a verdict that is not fine goes by
}

// pace of a device between two moments, 1 for real time.
func pace(a, b output.Progress) float64 {
	return float64(radio.SamplesDuration(b.Consumed-a.Consumed)) / float64(b.At-a.At)
}

// recent is the device's pace of late: after a short hole one that goes well again is not
// lost, and one that has taken at once what it owed is not unreal. Ending their session
// would only make the hole longer.
func (w *watch) recent(last output.Progress) float64 {
	for i := len(w.points) - 1; i >= 0; i-- {
		if last.At-w.points[i].At >= recentSpan {
			return pace(w.points[i], last)
		}
	}
	return 0
}

// look takes the device's progress at now.
func (w *watch) look(p output.Progress, now time.Duration) verdict {
	if n := len(w.points); n == 0 || p.Consumed > w.points[n-1].Consumed {
		w.points = append(w.points, p)
	}
	first := slices.IndexFunc(w.points, func(o output.Progress) bool { return now-o.At <= watchWindow })
	if first < 0 {
		first = len(w.points) - 1 // the last one tells for how long nothing has moved
	}
	w.points = slices.Delete(w.points, 0, first)
	if radio.SamplesDuration(p.Consumed) > now-w.opened+2*w.ring+spareLead {
		return tooFast
	}
	if now-w.opened < warmUp {
		return fine
	}
	a, b := w.points[0], w.points[len(w.points)-1]
	if now-b.At > watchWindow/2 {
		w.found = fmt.Sprintf("it has taken nothing for %.1f s", (now - b.At).Seconds())
		return stalled
	}
	if b.At-a.At < minSpread {
		return fine
	}
	rate := pace(a, b)
	if rate >= slowest || w.recent(b) >= slowest {
		w.slow = 0
	} else if w.slow == 0 {
		w.slow = now
	}
	switch {
	case w.slow > 0 && now-w.slow >= slowFor:
		w.found = fmt.Sprintf("it goes at %.2f of real time", rate)
		return stalled
	case rate > fastest && w.recent(b) > fastest:
		return tooFast
	}
	return fine
}
