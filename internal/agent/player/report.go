package player

import (
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// standstill: a device that has more to take and has taken nothing for so long is not
// sounding what its ring holds either. The longest steps seen are a third of a ring.
const standstill = 300 * time.Millisecond

// sounded is how many samples of the stream have left the device: what it took,
// less what its ring still holds. It is never more than what it took, however long
// ago that was, so a dead device stays where it died; and one that hangs while there is
// more to take stays where it was when it took something last.
func sounded(p output.Progress, info output.Info, more bool, now time.Duration) int64 {
	since := min(max(now-p.At, 0), info.Latency)
	if more && now-p.At > standstill {
		since = 0
	}
	return max(p.Consumed-radio.DurationSamples(info.Latency-since), 0)
}

// news collects what has happened up to a sounded sample.
func (s *stream) news(heard int64, p output.Progress, info output.Info) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []Event
	keep := s.marks[:0]
	for _, t := range s.marks {
		if t.placed && !t.started && heard > t.start {
			t.started = true
			events = append(events, Event{Kind: Started, Seq: t.seq, Mono: s.instant(t.start, p, info),
				Sample: t.start, Skipped: t.skipped})
		}
		if !t.ended || heard < t.end {
			keep = append(keep, t)
			continue
		}
		events = append(events, s.endedEvent(t, t.given, p, info))
	}
	clear(s.marks[len(keep):])
	s.marks = keep
	return events
}

func (s *stream) endedEvent(t *track, consumed int64, p output.Progress, info output.Info) Event {
	e := Event{Kind: Ended, Seq: t.seq, Expected: t.item.Expected(), Skipped: t.skipped, Consumed: consumed,
		Holes: t.holes, Silent: min(t.silence(), consumed), Reason: t.reason, Text: clip(t.text)}
	if t.placed {
		e.Mono, e.Sample = s.instant(t.end, p, info), t.start
		e.Holes += p.Starved - t.starved
	}
	return e
}

// instant at which a sample sounded; before there is a line, by the last progress.
func (s *stream) instant(sample int64, p output.Progress, info output.Info) time.Duration {
	at, ok := s.est.at(sample, info.Latency)
	if !ok {
		at = p.At + info.Latency + radio.SamplesDuration(sample-p.Consumed)
	}
	return max(at, 0)
}

// sounding gives the item at a sounded sample, how much of it has left, and how much
// of that was long silence.
func (s *stream) sounding(heard int64) (seq int, consumed, silent int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.marks {
		if t.placed && heard > t.start {
			seq, consumed = t.seq, min(heard-t.start, t.given)
			silent = min(t.silence(), consumed)
		}
	}
	return seq, consumed, silent
}

// abort ends everything with what had truly sounded; for a lost device, and for the
// rest of a stream whose time to drain is over.
func (s *stream) abort(heard int64, p output.Progress, info output.Info, reason Reason, text string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []Event
	for _, t := range s.queue {
		if !t.ended {
			s.finish(t, max(heard, t.start), reason, text)
		}
	}
	s.queue = nil
	for _, t := range s.marks {
		consumed := min(max(heard-t.start, 0), t.given)
		if consumed < t.given {
			// Ended in the stream already, but the device never got so far.
			t.reason, t.text, t.end = reason, text, max(heard, t.start)
		}
		events = append(events, s.endedEvent(t, consumed, p, info))
	}
	s.marks = nil
	return events
}

// clip bounds a text of an event.
func clip(text string) string {
	if len(text) > 500 {
		return text[:500] + "…"
	}
	return text
}
