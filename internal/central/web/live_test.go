package web

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestLiveTellsOpenPages over a real connection: a change reaches the page, and closing
// ends the stream, so that a centre can stop.
func TestLiveTellsOpenPages(t *testing.T) {
	h := newHouse(t)
	lines := openStream(t, h)
	if got := next(lines); !strings.HasPrefix(got, "retry: ") {
		t.Fatalf("first line %q", got)
	}
	h.Live.Changed(TopicLog, TopicDevices)
	if id, a, b := next(lines), next(lines), next(lines); id != fmt.Sprint("id: ", h.Live.Last()) || a != "event: changed" || b != "data: devices log" {
		t.Errorf("%q %q %q", id, a, b)
	}
	h.Live.Close()
	if got := next(lines); got != "end" {
		t.Errorf("after closing: %q", got)
	}
	if w := h.ask(t, http.MethodGet, "/events", ""); w.Code != http.StatusNoContent {
		t.Errorf("a stream from a closed centre: %d", w.Code)
	}
}

// TestLiveTellsWhatWasMissed: what changed between the making of a page and its stream, or
// between two streams, is told at once; a page of another run is told everything.
func TestLiveTellsWhatWasMissed(t *testing.T) {
	h := newHouse(t)
	made := h.Live.Last()
	h.Live.Changed(TopicFaults)
	told := h.Live.Last()
	h.Live.Changed(TopicAlerts, TopicLog)
	all := strings.Join(slices.Sorted(slices.Values(topics)), " ")
	for name, c := range map[string]struct {
		query, header string
		want          string
	}{
		"since the page":     {fmt.Sprint("?seen=", made), "", "alerts faults log"},
		"since the stream":   {fmt.Sprint("?seen=", made), fmt.Sprint(told), "alerts log"},
		"of an earlier run":  {fmt.Sprint("?seen=", made-1), "", all},
		"of a later clock":   {fmt.Sprint("?seen=", h.Live.Last()+1), "", all},
		"nobody knows since": {"?seen=undefined", "x", all},
	} {
		t.Run(name, func(t *testing.T) {
			lines := openStream(t, h, func(r *http.Request) {
				r.URL.RawQuery = strings.TrimPrefix(c.query, "?")
				r.Header.Set("Last-Event-ID", c.header)
			})
			next(lines) // retry
			if _, _, got := next(lines), next(lines), next(lines); got != "data: "+c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestPageMissesNothing in a real browser: a trouble that opens while the page is on its
// way, and one that opens while the page asks for itself again, show by themselves.
func TestPageMissesNothing(t *testing.T) {
	h := newHouse(t)
	opens := func(n int, kind radio.FaultKind) {
		h.watch.set(radio.Fault{ID: id[radio.FaultID]('t', n), Device: h.plan.places[0].Device.ID, Commune: h.area(own), Kind: kind, OpenedAt: radio.At(now)})
		h.Live.Changed(TopicFaults)
	}
	var listens, asks sync.Once
	told := make(chan struct{}, 100)
	b := beginWalk(t, h, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/events" {
				listens.Do(func() { opens(77, radio.FaultCloned) }) // the page is there, its stream is not
				w = &heard{w, told}
			}
			next.ServeHTTP(w, r)
			if r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Dest") == "empty" {
				asks.Do(func() { // its answer lacks it, and ends after the word of it
					<-told // the one that made it ask
					opens(78, radio.FaultDisk)
					<-told
				})
			}
		})
	})
	for _, words := range []string{"nghi nhân bản danh tính", "sắp hết bộ nhớ"} {
		b.Await("the first page says "+words, `return document.querySelector('#troubles').innerText.includes("`+words+`")`)
	}
}

// TestPageComesAgain in a real browser: a page whose stream is refused, and whose question is,
// asks again by itself.
func TestPageComesAgain(t *testing.T) {
	h := newHouse(t)
	var stream, ask sync.Once
	b := beginWalk(t, h, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refused := false
			refuse := func() { refused = true; http.Error(w, "busy", http.StatusServiceUnavailable) }
			switch {
			case r.URL.Path == "/events":
				stream.Do(func() {
					h.watch.set(radio.Fault{ID: id[radio.FaultID]('t', 79), Device: h.plan.places[0].Device.ID, Commune: h.area(own), Kind: radio.FaultDisk, OpenedAt: radio.At(now)})
					h.Live.Changed(TopicFaults)
					refuse()
				})
			case r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Dest") == "empty":
				ask.Do(refuse)
			}
			if !refused {
				next.ServeHTTP(w, r)
			}
		})
	})
	b.AwaitWithin(30*time.Second, "the trouble", `return document.querySelector('#troubles').innerText.includes("sắp hết bộ nhớ")`)
}

// heard notes what a stream has told.
type heard struct {
	http.ResponseWriter
	told chan<- struct{}
}

func (h *heard) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *heard) Write(b []byte) (int, error) {
	n, err := h.ResponseWriter.Write(b)
	if bytes.Contains(b, []byte("event: changed")) {
		h.told <- struct{}{}
	}
	return n, err
}

func TestLiveIsBounded(t *testing.T) {
	var l Live
	var last *liveReader
	for n := range maxReaders {
		r, _, ok := l.join(id[radio.UserID]('u', n), fmt.Sprint(n), l.Last())
		if !ok {
			t.Fatal("refused too early")
		}
		last = r
	}
	if _, _, ok := l.join("somebody", "else", l.Last()); ok {
		t.Fatal("one too many")
	}
	l.leave(last)
	if _, _, ok := l.join("somebody", "else", l.Last()); !ok {
		t.Fatal("no room after one left")
	}
	// Nobody listens: a change must not block.
	for range 100 {
		l.Changed(TopicLog)
		l.SessionsChanged()
	}
}

func ended(r *liveReader) bool {
	select {
	case <-r.giveWay:
		return true
	default:
		return false
	}
}

// TestOldestStreamGivesWay: one account cannot take the streams of all others, in one
// session or in many.
func TestOldestStreamGivesWay(t *testing.T) {
	for name, c := range map[string]struct {
		most    int
		session func(n int) string
	}{
		"of a session": {ofSession, func(int) string { return "one" }},
		"of a person":  {ofPerson, func(n int) string { return fmt.Sprint(n) }},
	} {
		var l Live
		other, _, _ := l.join("minh", "other", l.Last())
		var mine []*liveReader
		for n := range c.most + 3 {
			r, _, ok := l.join("lan", c.session(n), l.Last())
			if !ok {
				t.Fatalf("%s: stream %d refused", name, n)
			}
			mine = append(mine, r)
		}
		for n, r := range mine {
			if ended(r) != (n < 3) {
				t.Errorf("%s: stream %d of %d: ended %v", name, n, len(mine), ended(r))
			}
			l.leave(r)
		}
		if ended(other) || len(l.readers) != 1 {
			t.Errorf("%s: another account's stream ended, or %d are left", name, len(l.readers))
		}
	}
}

// TestStreamEndsWithItsSession: signed out, shut by an administrator, and expired. Where the
// session cannot be looked up the page is not told to stay away.
func TestStreamEndsWithItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		clock time.Duration // beyond now
		end   func(h *house)
	}{
		"busy": {0, func(h *house) {
			h.people.mu.Lock()
			h.people.err = fmt.Errorf("session: %w", radio.ErrUnavailable)
			h.people.mu.Unlock()
			h.Live.SessionsChanged()
		}},
		"signed out": {0, func(h *house) {
			want(t, h.ask(t, http.MethodPost, "/logout", "x=1"), http.StatusSeeOther)
		}},
		"shut": {0, func(h *house) {
			h.people.mu.Lock()
			h.people.err = fmt.Errorf("session: %w", radio.ErrNotFound)
			h.people.mu.Unlock()
			h.Live.SessionsChanged() // central calls it when the audit moved on
		}},
		"expired": {12*time.Hour - 200*time.Millisecond, func(*house) {}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(d *Deps) { d.Now = func() time.Time { return now.Add(c.clock) } })
			lines := openStream(t, h)
			if got := next(lines); !strings.HasPrefix(got, "retry: ") {
				t.Fatalf("first line %q", got)
			}
			c.end(h)
			if name == "busy" {
				if a, b := next(lines), next(lines); a != "end" || b != "end" {
					t.Errorf("%q %q", a, b)
				}
				return
			}
			if a, b, rest := next(lines), next(lines), next(lines); a != "event: bye" || rest != "end" {
				t.Errorf("%q %q %q", a, b, rest)
			}
		})
	}
}

// openStream opens a stream of events over a real connection.
func openStream(t *testing.T, h *house, with ...func(*http.Request)) *bufio.Scanner {
	t.Helper()
	site := httptest.NewServer(h)
	t.Cleanup(site.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+fmt.Sprint("/events?seen=", h.Live.Last()), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range with {
		f(r)
	}
	r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
	answer, err := site.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
	})
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%d %s", answer.StatusCode, kind)
	}
	return bufio.NewScanner(answer.Body)
}

// next is the next line of a stream that is not empty.
func next(lines *bufio.Scanner) string {
	for lines.Scan() {
		if lines.Text() != "" {
			return lines.Text()
		}
	}
	return "end"
}
