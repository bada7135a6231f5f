package link

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// sender is the state of sending the journal.
type sender struct {
	journal radio.JournalID
	first   uint64    // first seq of the batch that waits for its acknowledgement
	upto    uint64    // its last seq
	sent    int       // how often it went
	again   time.Time // when it is sent again
	start   time.Time // when the next burst begins; zero while none is due
	burst   bool      // a burst goes on until all is acknowledged
}

// send brings the journal to the centre, batch by batch and in order: one waits for
// its acknowledgement, and goes again after 30 s without. A burst of news begins
// after a random delay, so that a slot's end is not a storm at the centre.
func (l *Link) send(ctx context.Context, client Client) error {
	var s sender
	for ctx.Err() == nil {
		pause := l.step(ctx, client, &s)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-l.opts.Journal.Wake():
		case <-l.kick:
		case <-l.rewound:
			s.again = time.Time{} // what waited is not what the centre wants next
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// step sends a batch if it is time; the pause is how long nothing more is due by itself.
func (l *Link) step(ctx context.Context, client Client, s *sender) (pause time.Duration) {
	const idle = time.Hour
	now, st := time.Now(), l.opts.Journal.Status()
	if st.Head == st.Acked {
		*s = sender{}
		if l.setBehind(false) {
			signal(l.ask)
		}
		return idle
	}
	if s.journal == st.ID && s.upto > st.Acked && now.Before(s.again) {
		return time.Until(s.again)
	}
	if !l.Status().Connected {
		s.burst, s.start = false, time.Time{}
		return idle // the connection wakes us
	}
	if !s.burst {
		if s.start.IsZero() {
			s.start = now
			if j := l.jitter(); j > 0 {
				s.start = now.Add(rand.N(j))
			}
		}
		if now.Before(s.start) {
			return time.Until(s.start)
		}
		s.burst = true
	}
	batch, ok, err := l.opts.Journal.Batch(wire.MaxBatch)
	if err != nil {
		l.log.Error("journal not read", "error", err)
		return resendAfter
	}
	if !ok {
		return idle
	}
	batch.Device = l.opts.Device
	if err := l.say(ctx, client, wire.Journal, batch); err != nil {
		l.log.Info("journal not sent", "first", batch.First, "error", err)
		return resendAfter
	}
	if s.journal != batch.Journal || s.first != batch.First {
		s.sent = 0
	}
	if s.sent++; s.sent == sentInVain {
		signal(l.ask)
	}
	s.journal, s.first, s.upto = batch.Journal, batch.First, batch.First+uint64(len(batch.Records))-1
	s.again = time.Now().Add(resendAfter)
	return resendAfter
}

// report publishes what the device runs on: soon after a change, and every quarter
// of an hour.
func (l *Link) report(ctx context.Context, client Client) error {
	for ctx.Err() == nil {
		if !wait(ctx, l.touch, reportEach) && ctx.Err() != nil {
			return nil
		}
		// More changes mostly follow at once; they go in one report.
		wait(ctx, nil, reportPause)
		select {
		case <-l.touch:
		default:
		}
		if !l.Status().Connected {
			continue
		}
		if err := l.sayReported(ctx, client); err != nil && ctx.Err() == nil {
			l.log.Info("status not reported", "error", err)
		}
	}
	return nil
}

// sayReported leaves out of a report that is too large what a person misses least.
func (l *Link) sayReported(ctx context.Context, client Client) error {
	s := l.opts.Status()
	err := l.say(ctx, client, wire.Reported, s)
	if !errors.Is(err, radio.ErrInvalid) {
		return err
	}
	var missing []radio.AudioStatus
	for _, a := range s.Audio {
		if !a.Ready && len(missing) < 100 {
			missing = append(missing, a)
		}
	}
	s.Audio = missing
	s.Next = s.Next[:min(len(s.Next), 20)]
	s.Last = s.Last[:min(len(s.Last), 10)]
	s.Alerts = s.Alerts[:min(len(s.Alerts), 10)]
	return l.say(ctx, client, wire.Reported, s)
}
