package player

import (
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// TestCatchingUp: a sound server that is held up for a second and then takes at once what
// it has not taken is no device without a clock; one that goes on like that is.
func TestCatchingUp(t *testing.T) {
	const tick = 100 * time.Millisecond
	run := func(taken func(time.Duration) time.Duration, until time.Duration) (verdict, time.Duration) {
		w := watch{ring: 500 * time.Millisecond}
		for now := tick; now < until; now += tick {
			p := output.Progress{At: now, Consumed: radio.DurationSamples(taken(now))}
			if v := w.look(p, now); v != fine {
				return v, now
			}
		}
		return fine, until
	}
	v, at := run(func(now time.Duration) time.Duration {
		if now > 10*time.Second && now < 11*time.Second {
			return 10*time.Second + (now-10*time.Second)/100
		}
		return now
	}, 20*time.Second)
	if v != fine {
		t.Errorf("verdict %d after %v", v, at)
	}
	v, at = run(func(now time.Duration) time.Duration {
		return now + max(now-10*time.Second, 0)/2
	}, 20*time.Second)
	if v != tooFast || at > 12*time.Second {
		t.Errorf("a device at 1.5 of real time: verdict %d after %v", v, at)
	}
}
