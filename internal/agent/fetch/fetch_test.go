package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// 12:00 in Việt Nam.
var noon = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

const chunk = 1000

func id[T ~string](n byte) T { return radio.IDFromBytes[T]([16]byte{n}) }

func TestOrderAndUrgency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, soon, never, tonight := file(1, 2500), file(2, 2500), file(3, 10), file(4, 3000)
		l := newLab(t, programme(slot{late, "30 14 * * *"}, slot{never, ""}, slot{soon, "15 12 * * *"}, slot{tonight, "0 2 * * *"}), late, soon, never, tonight)
		l.plan.settings.FetchFrom, l.plan.settings.FetchTo = 0, 4*60
		l.during(t, time.Minute)
		if !l.ready(soon) || l.ready(late) || l.ready(never) {
			t.Fatalf("at noon: %q", l.host.log)
		}
		l.during(t, 100*time.Minute)
		if !l.ready(late) || l.ready(never) {
			t.Fatalf("an hour before it is due: %q", l.host.log)
		}
		l.clock.Advance(12 * time.Hour) // into the night
		l.during(t, 2*time.Minute)
		if !l.ready(late, never, tonight) {
			t.Fatalf("in the window: %q", l.host.log)
		}
		s := l.Status()
		if len(s) != 4 || !s[0].Ready || s[0].Have != s[0].Bytes {
			t.Errorf("%+v", s)
		}
	})
}

func TestWindowJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := file(1, 100)
		l := newLab(t, programme(slot{b, ""}), b)
		l.plan.settings.FetchFrom, l.plan.settings.FetchTo, l.plan.settings.JitterMS = 22*60, 4*60, 60_000
		open := 0
		for range 24 * 60 {
			if l.windowOpen(l.clock.Now()) {
				open++
			}
			l.clock.Advance(time.Minute)
		}
		if open < 180 || open > 360 {
			t.Errorf("open for %d minutes of 360", open)
		}
		l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
		if !l.windowOpen(l.clock.Now()) {
			t.Error("a clock nobody can believe keeps the window shut")
		}
	})
}

func TestResumeAfterBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := file(1, 9500)
		l := newLab(t, programme(slot{b, "15 12 * * *"}), b)
		l.host.odd = func(n int, r *http.Request) (*http.Response, error) {
			if n > 3 {
				return nil, nil
			}
			var from int
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil && n > 1 {
				t.Error("no range:", err)
			}
			resp := answer(206, "Content-Range", fmt.Sprintf("bytes %d-9499/9500", from))
			if n == 1 {
				resp.StatusCode = 200
			}
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[from:from+2300]), failing{}))
			return resp, nil
		}
		l.during(t, time.Minute)
		want := []string{"a" + string(hashOf(b)[:4]), "a" + string(hashOf(b)[:4]) + " bytes=2000-", "a" + string(hashOf(b)[:4]) + " bytes=4000-", "a" + string(hashOf(b)[:4]) + " bytes=6000-"}
		if !l.ready(b) || !slices.Equal(l.host.log, want) {
			t.Errorf("requests %q", l.host.log)
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestServerIgnoresTheRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := file(1, 5000)
		l := newLab(t, programme(slot{b, "15 12 * * *"}), b)
		l.cache.parts[hashOf(b)] = bytes.Clone(b[:3000])
		l.host.odd = func(_ int, r *http.Request) (*http.Response, error) {
			r.Header.Del("Range")
			return nil, nil
		}
		l.during(t, 10*time.Second)
		if !l.ready(b) {
			t.Error(l.host.log)
		}
	})
}

func TestPatience(t *testing.T) {
	silent := func(int, *http.Request) (*http.Response, error) { return nil, nil }
	cases := map[string]struct {
		odd     func(n int, r *http.Request) (*http.Response, error)
		within  time.Duration
		least   int // requests
		most    int
		faults  []string
		because string
	}{
		"no network": {func(int, *http.Request) (*http.Response, error) { return nil, errors.New("no route") },
			time.Hour, 12, 32, nil, ""},
		"server error": {func(int, *http.Request) (*http.Response, error) { return answer(500), nil },
			time.Hour, 12, 32, nil, ""},
		"busy": {func(int, *http.Request) (*http.Response, error) { return answer(503, "Retry-After", "600"), nil },
			time.Hour, 4, 6, nil, ""},
		"too many": {func(int, *http.Request) (*http.Response, error) { return answer(429, "Retry-After", "1200"), nil },
			time.Hour, 2, 3, nil, ""},
		"absent": {func(int, *http.Request) (*http.Response, error) { return answer(404), nil },
			time.Hour, 6, 13, []string{"+fetch"}, "does not have"},
		"redirect": {func(int, *http.Request) (*http.Response, error) { return answer(302, "Location", "https://evil/"), nil },
			time.Hour, 12, 32, nil, ""},
		"wrong size": {func(int, *http.Request) (*http.Response, error) {
			r := answer(200)
			r.ContentLength = 7
			return r, nil
		}, 4 * time.Hour, 6, 14, []string{"+fetch"}, "wrong audio"},
		"wrong bytes": {func(int, *http.Request) (*http.Response, error) {
			r := answer(200)
			r.ContentLength, r.Body = 2500, io.NopCloser(bytes.NewReader(make([]byte, 2500)))
			return r, nil
		}, 4 * time.Hour, 6, 14, []string{"+fetch"}, "wrong audio"},
		"wrong bytes once": {func(n int, _ *http.Request) (*http.Response, error) {
			if n > 1 {
				return nil, nil
			}
			r := answer(200)
			r.ContentLength, r.Body = 2500, io.NopCloser(bytes.NewReader(make([]byte, 2500)))
			return r, nil
		}, time.Hour, 2, 2, []string{"+fetch", "-fetch"}, ""},
		"nothing comes": {func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, 10 * time.Minute, 4, 10, nil, ""},
		"stalls in the middle": {func(_ int, r *http.Request) (*http.Response, error) {
			resp := answer(200)
			resp.ContentLength, resp.Body = 2500, io.NopCloser(io.MultiReader(bytes.NewReader(file(1, 2500)[:400]), stalled{r.Context()}))
			return resp, nil
		}, 10 * time.Minute, 4, 10, nil, ""},
		"in order": {silent, time.Minute, 1, 1, nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := file(1, 2500)
				l := newLab(t, programme(slot{b, "15 * * * *"}), b)
				l.host.odd = c.odd
				l.during(t, c.within)
				if n := len(l.host.log); n < c.least || n > c.most {
					t.Errorf("%d requests in %v, want %d to %d", n, c.within, c.least, c.most)
				}
				if !slices.Equal(l.faults.log, c.faults) {
					t.Errorf("faults %v, want %v", l.faults.log, c.faults)
				}
				if s := l.Status(); c.because != "" && !strings.Contains(s[0].Error, c.because) {
					t.Errorf("status %+v", s)
				}
			})
		})
	}
}

type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }

func TestSecondHostAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := file(1, 2500)
		l := newLab(t, programme(slot{b, "15 12 * * *"}), b)
		l.plan.media = []string{"http://plain", "https://a", "https://b"}
		l.host.odd = func(_ int, r *http.Request) (*http.Response, error) {
			if r.URL.Host == "a" {
				return nil, errors.New("down")
			}
			return nil, nil
		}
		l.during(t, 5*time.Second)
		if !l.ready(b) || len(l.host.log) != 2 || !strings.HasPrefix(l.host.log[1], "b") {
			t.Errorf("%q", l.host.log)
		}
	})
}

// A change of programme takes effect between two chunks: what is urgent now does
// not wait for a long transfer.
func TestUrgentOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, urgent := file(1, 500*chunk), file(2, 10)
		l := newLab(t, programme(slot{long, ""}), long, urgent)
		l.host.odd = func(n int, r *http.Request) (*http.Response, error) {
			if n > 1 {
				return nil, nil
			}
			resp := answer(200)
			resp.ContentLength, resp.Body = int64(len(long)), io.NopCloser(&slow{bytes.NewReader(long)})
			return resp, nil
		}
		go func() {
			time.Sleep(20 * time.Second)
			l.plan.set(programme(slot{long, ""}, slot{urgent, "15 12 * * *"}))
		}()
		l.during(t, 30*time.Second)
		if !l.ready(urgent) || len(l.host.log) < 2 || l.host.log[1][1:] != string(hashOf(urgent)[:4]) {
			t.Errorf("%q", l.host.log)
		}
		if have := l.cache.Have(hashOf(long)); have < 10*chunk {
			t.Errorf("%d bytes kept of the long one", have)
		}
	})
}

// slow gives a chunk a second.
type slow struct{ r io.Reader }

func (s *slow) Read(b []byte) (int, error) {
	time.Sleep(time.Second) // fake time
	return s.r.Read(b[:min(len(b), chunk)])
}

func TestRoomIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, other := file(1, 2500), file(2, 2500)
		l := newLab(t, programme(slot{b, "15 12 * * *"}), b, other)
		l.cache.max = 4000
		l.cache.sizes[hashOf(file(9, 9))] = 3000
		l.during(t, 5*time.Second)
		if !l.ready(b) || l.cache.evicted != 1 || len(l.faults.log) != 0 {
			t.Fatalf("%d evicted, faults %v", l.cache.evicted, l.faults.log)
		}
		// Both are needed and only one fits: said, not thrashed.
		l.plan.set(programme(slot{b, "15 12 * * *"}, slot{other, "20 12 * * *"}))
		l.during(t, time.Minute)
		if !l.ready(b) || l.ready(other) || !slices.Equal(l.faults.log, []string{"+disk"}) {
			t.Errorf("faults %v", l.faults.log)
		}
	})
}

func TestNightlyCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due, not := file(1, 50), file(2, 50)
		l := newLab(t, programme(slot{due, "15 13 * * *"}, slot{not, ""}), due, not)
		l.during(t, time.Minute)
		if len(l.cache.verified) != 0 {
			t.Errorf("checked what had just come: %v", l.cache.verified)
		}
		l.during(t, 25*time.Hour)
		if !slices.Equal(l.cache.verified, []radio.SHA256{hashOf(due), hashOf(due)}) && !slices.Equal(l.cache.verified, []radio.SHA256{hashOf(due)}) {
			t.Errorf("checked %v", l.cache.verified)
		}
	})
}

func TestNothingIsFetchedFor(t *testing.T) {
	b := file(1, 50)
	expired, over := programme(slot{b, "15 12 * * *"}), programme(slot{b, "15 12 * * *"})
	expired.NotAfter = radio.At(noon)
	over.Audio[0].ValidUntil = radio.At(noon)
	for name, p := range map[string]*radio.Programme{"no programme": nil, "expired programme": expired, "bulletin past its validity": over} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, p, b)
				l.during(t, 5*time.Minute)
				if len(l.host.log) != 0 || len(l.Status()) != 0 {
					t.Errorf("%q", l.host.log)
				}
			})
		})
	}
}

// What must not sound costs no data, and is told. When its approval holds again it comes;
// when that of what is on its way ends, the rest of it does not.
func TestUnapprovedIsNotFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, again := file(1, 3*chunk), file(2, 4*chunk), file(3, 2*chunk)
		l := newLab(t, programme(slot{a, "15 12 * * *"}, slot{b, "15 12 * * *"}, slot{again, "15 12 * * *"}, slot{again, "20 12 * * *"}), a, b, again)
		l.plan.refused = map[radio.BulletinID]bool{id[radio.BulletinID](10): true, id[radio.BulletinID](12): true}
		l.during(t, time.Minute)
		if l.ready(a) || !l.ready(b, again) {
			t.Fatalf("%q", l.host.log)
		}
		s := l.Status()
		if i := slices.IndexFunc(s, func(s radio.AudioStatus) bool { return s.SHA256 == hashOf(a) }); len(s) != 3 || i < 0 || !s[i].Refused || s[i].Error == "" || s[i].Have != 0 {
			t.Errorf("%+v", s)
		}
		for _, s := range s {
			if s.Refused != (s.SHA256 == hashOf(a)) {
				t.Errorf("%+v", s)
			}
		}
		if len(l.faults.log) != 0 {
			t.Errorf("faults %q", l.faults.log)
		}
		l.plan.mu.Lock()
		l.plan.refused = nil
		l.plan.mu.Unlock()
		l.plan.set(l.plan.programme)
		l.host.odd = func(_ int, r *http.Request) (*http.Response, error) { // it is disowned while it comes
			l.plan.mu.Lock()
			l.plan.refused = map[radio.BulletinID]bool{id[radio.BulletinID](10): true}
			l.plan.mu.Unlock()
			l.plan.set(l.plan.programme)
			return nil, nil
		}
		asked := len(l.host.log)
		l.during(t, time.Minute)
		if l.ready(a) || len(l.host.log) != asked+1 {
			t.Errorf("disowned on its way: ready %v, %q", l.ready(a), l.host.log[asked:])
		}
		l.host.odd = nil
		l.plan.mu.Lock()
		l.plan.refused = nil
		l.plan.mu.Unlock()
		l.plan.set(l.plan.programme)
		l.during(t, time.Minute)
		if !l.ready(a) {
			t.Errorf("approved again: %q", l.host.log)
		}
	})
}

func TestOverTLS(t *testing.T) {
	b := file(1, 50*chunk+17)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+string(hashOf(b))+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	defer srv.Close()
	l := newLab(t, programme(slot{b, "15 12 * * *"}))
	l.cache.parts[hashOf(b)] = bytes.Clone(b[:7*chunk])
	l.plan.media = []string{srv.URL}
	var hosts []string
	transport := Transport(func(host string) *tls.Config {
		hosts = append(hosts, host)
		return trust.ClientTLS(srv.Certificate(), nil, host, time.Now)
	})
	l.use(t, &http.Client{Transport: transport})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for !l.ready(b) && ctx.Err() == nil {
		<-time.After(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil || !l.ready(b) || !slices.Equal(hosts, []string{"127.0.0.1"}) {
		t.Error(err, hosts, l.Status())
	}
	if _, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1:1/"); !errors.Is(err, radio.ErrForbidden) {
		t.Error("plain HTTP left the device:", err)
	}
}

func TestRetryAfter(t *testing.T) {
	for s, want := range map[string]time.Duration{"": 0, "x": 0, "-5": 0, "3": 3 * time.Second, "999999": longestAsk, "99999999999999": 0,
		noon.Add(time.Minute).Format(http.TimeFormat): time.Minute, noon.Add(-time.Minute).Format(http.TimeFormat): 0} {
		if got := retryAfter(s, noon); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
}
