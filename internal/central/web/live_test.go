package web

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestLiveTellsOpenPages over a real connection: a change reaches the page, and closing
// ends the stream, so that a centre can stop.
func TestLiveTellsOpenPages(t *testing.T) {
	h := newHouse(t)
	site := httptest.NewServer(h)
	defer site.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
	answer, err := site.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%d %s", answer.StatusCode, kind)
	}
	lines := bufio.NewScanner(answer.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return "end"
	}
	if got := next(); !strings.HasPrefix(got, "retry: ") {
		t.Fatalf("first line %q", got)
	}
	h.Live.Changed(TopicLog, TopicDevices)
	if a, b := next(), next(); a != "event: changed" || b != "data: devices log" {
		t.Errorf("%q %q", a, b)
	}
	h.Live.Close()
	if got := next(); got != "end" {
		t.Errorf("after closing: %q", got)
	}
	if w := h.ask(t, http.MethodGet, "/events", ""); w.Code != http.StatusNoContent {
		t.Errorf("a stream from a closed centre: %d", w.Code)
	}
}

func TestLiveIsBounded(t *testing.T) {
	var l Live
	for range maxReaders {
		if _, _, ok := l.join(); !ok {
			t.Fatal("refused too early")
		}
	}
	wake, _, ok := l.join()
	if ok {
		t.Fatal("one too many")
	}
	for w := range l.readers {
		wake = w
		break
	}
	l.leave(wake)
	if _, _, ok := l.join(); !ok {
		t.Fatal("no room after one left")
	}
	// Nobody listens: a change must not block.
	for range 100 {
		l.Changed(TopicLog)
	}
}
