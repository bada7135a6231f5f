package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Live tells open pages which of their parts are out of date, by server-sent events
// (HTML Standard §9.2). An event names topics only and carries no data, so it needs no
// rights of its own; the page asks again and gets what its reader may see. The zero
// value is ready.
type Live struct {
	mu      sync.Mutex
	readers map[chan struct{}]map[string]bool
	closed  bool
	done    chan struct{}
}

// Topics of pages.
const (
	TopicBulletins = "bulletins"
	TopicSchedules = "schedules"
	TopicCampaigns = "campaigns"
	TopicDevices   = "devices"
	TopicLog       = "log"
	TopicFaults    = "faults"
	TopicPeople    = "people"
	TopicAlerts    = "alerts"
)

const (
	// maxReaders bounds the open streams; beyond it pages live without.
	maxReaders = 500
	// liveEvery is how often one page is told at most: a slot that ends brings a
	// thousand confirmations within seconds.
	liveEvery = 2 * time.Second
	// liveBeat keeps proxies and phones from closing a quiet stream.
	liveBeat = 25 * time.Second
)

// Changed marks topics as out of date. It never blocks.
func (l *Live) Changed(topics ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wake, due := range l.readers {
		for _, t := range topics {
			due[t] = true
		}
		select {
		case wake <- struct{}{}:
		default: // woken already
		}
	}
}

// Close ends every stream, for the server's shutdown.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.doneLocked())
	}
}

func (l *Live) doneLocked() chan struct{} {
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return l.done
}

func (l *Live) join() (wake chan struct{}, done chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.readers) >= maxReaders {
		return nil, nil, false
	}
	if l.readers == nil {
		l.readers = map[chan struct{}]map[string]bool{}
	}
	wake = make(chan struct{}, 1)
	l.readers[wake] = map[string]bool{}
	return wake, l.doneLocked(), true
}

func (l *Live) leave(wake chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.readers, wake)
}

// take gives what is out of date for one reader, and forgets it.
func (l *Live) take(wake chan struct{}) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for t := range l.readers[wake] {
		out = append(out, t)
	}
	clear(l.readers[wake])
	slices.Sort(out)
	return out
}

// events streams to one page until it or the centre goes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	wake, done, ok := s.Live.join()
	if !ok {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusNoContent) // tells EventSource not to come again (HTML §9.2.2)
		return nil
	}
	defer s.Live.leave(wake)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	send := func(text string) error {
		// A reader who takes nothing for long is gone.
		if err := out.SetWriteDeadline(time.Now().Add(liveBeat)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := s.stream(r.Context(), wake, done, send); err != nil {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	return nil
}

func (s *Server) stream(ctx context.Context, wake, done chan struct{}, send func(string) error) error {
	if err := send("retry: 10000\n\n"); err != nil {
		return err
	}
	beat := time.NewTicker(liveBeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			return nil
		case <-beat.C:
			if err := send(": still here\n\n"); err != nil {
				return err
			}
			continue
		case <-wake:
		}
		if err := send("event: changed\ndata: " + strings.Join(s.Live.take(wake), " ") + "\n\n"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			return nil
		case <-time.After(liveEvery):
		}
	}
}
