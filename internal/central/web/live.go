package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Live tells open pages which of their parts are out of date, by server-sent events
// (HTML Standard §9.2). An event names topics only and carries no data, so it needs no
// rights of its own; the page asks again and gets what its reader may see. Changes are
// numbered: a page says up to where it was made, a stream that broke where it stood, and
// either hears what it missed in between. The zero value is ready.
type Live struct {
	mu      sync.Mutex
	readers []*liveReader // the oldest first
	first   int64         // the number before the first change of this run
	last    int64         // the newest change's number
	changes map[string]int64
	closed  bool
	done    chan struct{}
}

// liveReader is one open stream.
type liveReader struct {
	person  radio.UserID
	session string // its cookie
	due     map[string]bool
	wake    chan struct{} // due has something
	check   chan struct{} // the session may have ended
	giveWay chan struct{} // closed when a newer stream took the place
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

var topics = []string{TopicBulletins, TopicSchedules, TopicCampaigns, TopicDevices, TopicLog, TopicFaults, TopicPeople, TopicAlerts}

const (
	// maxReaders bounds the open streams; beyond it pages live without. A session and a
	// person have a few of them, and the oldest gives way: it is the page longest left.
	maxReaders = 500
	ofSession  = 4
	ofPerson   = 12
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
	l.last = l.lastLocked() + 1
	if l.changes == nil {
		l.changes = map[string]int64{}
	}
	for _, t := range topics {
		l.changes[t] = l.last
	}
	for _, r := range l.readers {
		for _, t := range topics {
			r.due[t] = true
		}
		nudge(r.wake)
	}
}

// lastLocked is the newest change's number. Those of a later run are higher: they begin
// at the microseconds of its first use, and changes come slower than these.
func (l *Live) lastLocked() int64 {
	if l.last == 0 {
		l.first = time.Now().UnixMicro()
		l.last = l.first
	}
	return l.last
}

// Last is the number of the newest change.
func (l *Live) Last() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastLocked()
}

// missedLocked gives the topics that changed after a number: all of them when it is none
// of this run.
func (l *Live) missedLocked(seen int64) map[string]bool {
	out := map[string]bool{}
	last := l.lastLocked()
	for _, t := range topics {
		if seen < l.first || seen > last || l.changes[t] > seen {
			out[t] = true
		}
	}
	return out
}

type seenKey struct{}

// withSeen keeps where the changes stood before a request reads anything.
func (s *Server) withSeen(ctx context.Context) context.Context {
	return context.WithValue(ctx, seenKey{}, s.Live.Last())
}

// madeAt is up to which change the page of a request surely shows.
func madeAt(r *http.Request) int64 {
	n, _ := r.Context().Value(seenKey{}).(int64)
	return n
}

// lastSeen is up to which change a page that opens a stream knows: what the stream before
// told last, else what the page was made with; 0 for neither.
func lastSeen(r *http.Request) int64 {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("seen")} {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// SessionsChanged makes every stream look whether its session still holds. It never
// blocks.
func (l *Live) SessionsChanged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.readers {
		nudge(r.check)
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // nudged already
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

// join opens a stream for a person's session, of a page that has seen the changes up to
// a number; ok is false when there is no room.
func (l *Live) join(person radio.UserID, session string, seen int64) (r *liveReader, done chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, false
	}
	l.makeRoom(ofSession, func(r *liveReader) bool { return r.session == session })
	l.makeRoom(ofPerson, func(r *liveReader) bool { return r.person == person })
	if len(l.readers) >= maxReaders {
		return nil, nil, false
	}
	r = &liveReader{person: person, session: session, due: l.missedLocked(seen),
		wake: make(chan struct{}, 1), check: make(chan struct{}, 1), giveWay: make(chan struct{})}
	l.readers = append(l.readers, r)
	if len(r.due) > 0 {
		nudge(r.wake)
	}
	nudge(r.check) // it may have ended since the request was let in
	return r, l.doneLocked(), true
}

// makeRoom ends the oldest stream of those when there are most of them.
func (l *Live) makeRoom(most int, of func(*liveReader) bool) {
	n, oldest := 0, -1
	for i, r := range l.readers {
		if of(r) {
			if n++; oldest < 0 {
				oldest = i
			}
		}
	}
	if n >= most {
		close(l.readers[oldest].giveWay)
		l.readers = slices.Delete(l.readers, oldest, oldest+1)
	}
}

func (l *Live) leave(r *liveReader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.readers, r); i >= 0 {
		l.readers = slices.Delete(l.readers, i, i+1)
	}
}

// take gives what is out of date for one reader, up to which change, and forgets it.
func (l *Live) take(r *liveReader) ([]string, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for t := range r.due {
		out = append(out, t)
	}
	clear(r.due)
	slices.Sort(out)
	return out, l.lastLocked()
}

// events streams to one page until it, its session or the centre goes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	until, err := s.sessionEnd(r)
	if err != nil {
		return err
	}
	reader, done, ok := s.Live.join(who(r).ID, s.cookie(r), lastSeen(r))
	if !ok {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusNoContent) // tells EventSource not to come again (HTML §9.2.2)
		return nil
	}
	defer s.Live.leave(reader)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	send := func(text string) error {
		// A reader who takes nothing for long is gone.
		if err := fit(out.SetWriteDeadline(time.Now().Add(liveBeat))); err != nil {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return out.Flush()
	}
	st := stream{reader: reader, done: done, send: send, take: func() ([]string, int64) { return s.Live.take(reader) },
		holds: func() error { _, err := s.session(r); return err }}
	if err := st.run(r.Context(), until); err != nil {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	return nil
}

// sessionEnd is how long the session of a request will last if nobody ends it.
func (s *Server) sessionEnd(r *http.Request) (time.Duration, error) {
	all, err := s.Accounts.Sessions(r.Context(), who(r), s.cookie(r))
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if one.Current {
			return one.ExpiresAt.Time().Sub(s.Now()), nil
		}
	}
	return 0, errSignIn // it ended just now
}

// stream is one page's stream under way.
type stream struct {
	reader *liveReader
	done   chan struct{}
	send   func(string) error
	take   func() ([]string, int64)
	holds  func() error // nil while the session does
}

// goodbye tells the page not to come again by itself: its session is over, or the same
// person has opened many newer ones.
const goodbye = "event: bye\ndata: bye\n\n"

func (st stream) run(ctx context.Context, until time.Duration) error {
	if err := st.send("retry: 10000\n\n"); err != nil {
		return err
	}
	beat := time.NewTicker(liveBeat)
	defer beat.Stop()
	end := time.NewTimer(until)
	defer end.Stop()
	wake, quiet := st.reader.wake, (<-chan time.Time)(nil)
	for {
		text := ""
		select {
		case <-ctx.Done():
			return nil
		case <-st.done:
			return nil
		case <-st.reader.giveWay:
			return st.send(goodbye)
		case <-end.C:
			return st.send(goodbye)
		case <-st.reader.check:
			switch err := st.holds(); {
			case err == nil:
				continue
			case errors.Is(err, radio.ErrNotFound), errors.Is(err, radio.ErrForbidden):
				return st.send(goodbye)
			}
			return nil // it cannot be looked up just now: the page comes again by itself
		case <-quiet:
			wake, quiet = st.reader.wake, nil
			continue
		case <-beat.C:
			text = ": still here\n\n"
		case <-wake:
			due, last := st.take()
			text = fmt.Sprintf("id: %d\nevent: changed\ndata: %s\n\n", last, strings.Join(due, " "))
			wake, quiet = nil, time.After(liveEvery)
		}
		if err := st.send(text); err != nil {
			return err
		}
	}
}
