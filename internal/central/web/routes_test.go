package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// request makes of a pattern a request that matches it.
func request(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodGet, pattern+"nowhere"
	}
	path = strings.NewReplacer("{$}", "", "{id}", id[string]('b', 1), "{version}", "1", "{device}", id[string]('d', 1),
		"{airing}", id[string]('a', 1), "{name}", "style.css", "{code}", goodCode, "{token}", id[string]('t', 1),
		"{campaign}", id[string]('g', 1), "{alert}", id[string]('z', 1), "{area}", id[string]('x', 1)).Replace(path)
	return method, path
}

// TestEveryRouteAsksForASession takes its cases from the table of routes: a new one
// cannot be forgotten, and one that is open must be named here.
func TestEveryRouteAsksForASession(t *testing.T) {
	h := newHouse(t)
	open := []string{"GET /login", "POST /login", "POST /api/v1/login", "POST /language", "GET /api/v1/openapi.json", "GET /healthz", "GET /readyz", "GET /static/{name}",
		"GET /invite/{code}", "POST /invite/{code}", "POST /api/v1/invite", "POST /login/code", "GET /login/oidc", "GET /login/oidc/callback"}
	for _, r := range h.table() {
		if r.open != slices.Contains(open, r.pattern) {
			t.Errorf("%s: open is %v", r.pattern, r.open)
		}
		if r.open {
			continue
		}
		t.Run(r.pattern, func(t *testing.T) {
			method, path := request(r.pattern)
			for name, cookie := range map[string]string{"none": "", "unknown": strings.Repeat("B", 43), "empty": "loaxa="} {
				w := h.ask(t, method, path, "", stranger, func(r *http.Request) {
					if cookie != "" {
						r.Header.Set("Cookie", "loaxa="+cookie)
					}
				})
				switch {
				case strings.HasPrefix(path, "/api/"), path == "/metrics":
					want(t, w, http.StatusUnauthorized, `"code":"sign_in"`)
				case method == http.MethodGet:
					want(t, w, http.StatusSeeOther)
					if to := w.Header().Get("Location"); to != "/login" {
						t.Errorf("cookie %s: sent to %q", name, to)
					}
				default:
					want(t, w, http.StatusUnauthorized, "Hãy đăng nhập trước.")
				}
			}
		})
	}
	if len(h.desk.uploads)+len(h.desk.decisions)+len(h.log.filters)+len(h.people.ended) != 0 {
		t.Error("a stranger's request did something")
	}
}

// TestEveryRouteAnswers: with a session no route ends in a failure of ours, and the
// headers are on every answer.
func TestEveryRouteAnswers(t *testing.T) {
	h := newHouse(t)
	h.Live.Close() // else the stream of events would go on
	for _, r := range h.table() {
		method, path := request(r.pattern)
		w := h.ask(t, method, path, "")
		if w.Code >= 500 {
			t.Errorf("%s: %d %s", r.pattern, w.Code, w.Body)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cache-Control"} {
			if w.Header().Get(name) == "" {
				t.Errorf("%s: no %s", r.pattern, name)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", r.pattern, csp)
		}
		if r.pattern == "POST /logout" || r.pattern == "POST /api/v1/logout" {
			h.people.ended = nil
		}
	}
}

func TestRequestsFromOtherSites(t *testing.T) {
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				r.Header.Set(pairs[i], pairs[i+1])
			}
		}
	}
	decision := "/bulletins/" + id[string]('b', 2) + "/1/decision"
	for _, c := range []struct {
		name   string
		header func(*http.Request)
		status int
	}{
		{"our own page", header("Sec-Fetch-Site", "same-origin"), http.StatusSeeOther},
		{"our own page in an old browser", header("Origin", "http://example.com"), http.StatusSeeOther},
		{"a program", header(), http.StatusSeeOther},
		{"another site", header("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"another name of the same domain", header("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		{"another site in an old browser", header("Origin", "http://evil.example"), http.StatusForbidden},
		{"a page without an origin", header("Origin", "null"), http.StatusForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			w := h.ask(t, http.MethodPost, decision, "to=approved", c.header)
			want(t, w, c.status)
			if done := len(h.desk.decisions) == 1; done != (c.status == http.StatusSeeOther) {
				t.Errorf("decided: %v", h.desk.decisions)
			}
			if c.status == http.StatusForbidden {
				want(t, w, c.status, "Yêu cầu đến từ một trang web khác")
				want(t, h.ask(t, http.MethodPost, "/api/v1"+decision, `{"to":"approved"}`, c.header), c.status, `"code":"forbidden"`)
				if w.Header().Get("Content-Security-Policy") == "" {
					t.Error("a refusal without headers")
				}
			}
		})
	}
}

func TestHealth(t *testing.T) {
	h := newHouse(t)
	want(t, h.ask(t, http.MethodGet, "/healthz", "", stranger), http.StatusNoContent)
	want(t, h.ask(t, http.MethodGet, "/readyz", "", stranger), http.StatusNoContent)
	h.sick = errBroken
	want(t, h.ask(t, http.MethodGet, "/healthz", "", stranger), http.StatusNoContent)
	w := h.ask(t, http.MethodGet, "/readyz", "", stranger)
	want(t, w, http.StatusServiceUnavailable)
	if strings.Contains(w.Body.String(), errBroken.Error()) {
		t.Error("the reason goes to strangers")
	}
}

func TestSmallBodiesStaySmall(t *testing.T) {
	h := newHouse(t)
	big := "login=" + strings.Repeat("a", maxBody)
	want(t, h.ask(t, http.MethodPost, "/login", big, stranger), http.StatusRequestEntityTooLarge, "tối đa 1 MB")
	want(t, h.ask(t, http.MethodPost, "/api/v1/login", `{"login":"`+big+`"}`, stranger), http.StatusRequestEntityTooLarge, `"code":"too_large"`)
	want(t, h.ask(t, http.MethodPost, "/bulletins/"+id[string]('b', 2)+"/1/decision", "why="+big), http.StatusRequestEntityTooLarge)
	if len(h.people.logins)+len(h.desk.decisions) != 0 {
		t.Error("a body that is too large did something")
	}
}

// deadlines records the read deadlines a connection is given.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.set = append(d.set, t); return nil }

func TestBodiesDoNotTrickleForEver(t *testing.T) {
	h := newHouse(t)
	for path, atLeast := range map[string]time.Duration{"/login": 30 * time.Second, "/bulletins": time.Hour} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		began := time.Now()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("x")))
		if len(w.set) != 1 || w.set[0].Before(began.Add(atLeast)) || w.set[0].After(began.Add(3*time.Hour)) {
			t.Errorf("%s: deadlines %v", path, w.set)
		}
		w = &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if len(w.set) != 0 {
			t.Errorf("%s: a request without a body got a deadline", path)
		}
	}
}

func TestExplain(t *testing.T) {
	invalid := &radio.Invalid{Problems: []radio.Problem{{Field: "code", VI: "sai", EN: "wrong"}}}
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"no session", errSignIn, 401, "sign_in"},
		{"fields", fmt.Errorf("upload: %w", invalid), 422, "invalid"},
		{"refused audio", refusedAudio{}, 422, "invalid"},
		{"too large", fmt.Errorf("upload: %w", &http.MaxBytesError{Limit: 5 << 20}), 413, "too_large"},
		{"invalid", fmt.Errorf("%w: body", radio.ErrInvalid), 400, "invalid"},
		{"not found", notFound("x"), 404, "not_found"},
		{"conflict", fmt.Errorf("%w: moved", radio.ErrConflict), 409, "conflict"},
		{"forbidden", fmt.Errorf("%w: author", radio.ErrForbidden), 403, "forbidden"},
		{"unavailable", fmt.Errorf("%w: ffmpeg", radio.ErrUnavailable), 503, "unavailable"},
		{"locked", fmt.Errorf("sign in: %w", lockedOut(time.Second)), 429, "too_many"},
		{"ours", errBroken, 500, "centre"},
		{"in other words", told{fmt.Errorf("%w: x", radio.ErrConflict), "lời khác"}, 409, "conflict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := explain(c.err)
			if a.Status != c.status || a.Code != c.code || a.VI == "" || a.EN == "" {
				t.Errorf("%+v", a)
			}
			if c.name == "in other words" && a.VI != "lời khác" {
				t.Errorf("words %q", a.VI)
			}
			if c.status == 500 && strings.Contains(a.EN+a.VI, errBroken.Error()) {
				t.Error("our failure's details go out")
			}
			if c.status == 422 && (len(a.Problems) != 1 || a.Problems[0].VI == "") {
				t.Errorf("problems %+v", a.Problems)
			}
		})
	}
}

// refusedAudio is what the library says of an upload that is no audio: it can be read
// as *radio.Invalid.
type refusedAudio struct{}

func (refusedAudio) Error() string        { return "refused (html): this is a web page" }
func (refusedAudio) Is(target error) bool { return target == radio.ErrInvalid }
func (refusedAudio) As(target any) bool {
	invalid, ok := target.(**radio.Invalid)
	if ok {
		*invalid = &radio.Invalid{Problems: []radio.Problem{{Field: "audio", VI: "Đây là trang web, không phải âm thanh.", EN: "this is a web page, not audio"}}}
	}
	return ok
}

// TestOurFailures: every read of the store that fails ends in one whole error page or
// JSON error, without the details.
func TestOurFailures(t *testing.T) {
	for _, path := range []string{"/", "/bulletins", "/schedules", "/log", "/api/v1/devices", "/api/v1/bulletins", "/api/v1/schedules", "/api/v1/log"} {
		h := newHouse(t)
		h.plan.err, h.log.err = errBroken, errBroken
		w := h.ask(t, http.MethodGet, path, "")
		if strings.HasPrefix(path, "/api/") {
			want(t, w, http.StatusInternalServerError, `"code":"centre"`)
		} else {
			want(t, w, http.StatusInternalServerError, "Máy chủ gặp lỗi", "</html>", lan.Name)
		}
		if strings.Contains(w.Body.String(), errBroken.Error()) || strings.Count(w.Body.String(), "<h1>") > 1 {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	h := newHouse(t)
	h.people.err = fmt.Errorf("%w: database is locked", radio.ErrUnavailable)
	want(t, h.ask(t, http.MethodGet, "/log", ""), http.StatusServiceUnavailable, "hãy thử lại sau")
}

// brokenWriter is a reader who has gone away.
type brokenWriter struct {
	header   http.Header
	statuses []int
	writes   int
}

func (b *brokenWriter) Header() http.Header       { return b.header }
func (b *brokenWriter) WriteHeader(status int)    { b.statuses = append(b.statuses, status) }
func (b *brokenWriter) Write([]byte) (int, error) { b.writes++; return 0, errors.New("broken pipe") }

func TestNothingIsAddedToABrokenAnswer(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/log", "/api/v1/log", "/log/x/y", "/api/v1/nowhere"} {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
		w := &brokenWriter{header: http.Header{}}
		h.ServeHTTP(w, r)
		if len(w.statuses) != 1 || w.writes != 1 {
			t.Errorf("%s: statuses %v, %d writes", path, w.statuses, w.writes)
		}
	}
}

// TestPagesAreWholeOrNot: a template that fails half-way gives an error page, never
// the first half of a page.
func TestPagesAreWholeOrNot(t *testing.T) {
	h := newHouse(t)
	h.log.rows[80].Outcome = "unheard-of" // outcome has no words: the template fails in its row
	h.log.rows[80].Day = "2025-11-22"
	w := h.ask(t, http.MethodGet, "/log", "")
	want(t, w, http.StatusInternalServerError, "Máy chủ gặp lỗi", "</html>")
	if strings.Contains(w.Body.String(), "<table") {
		t.Error("half a page was sent")
	}
	if n := w.Header().Get("Content-Length"); n != fmt.Sprint(w.Body.Len()) {
		t.Errorf("Content-Length %s of %d", n, w.Body.Len())
	}
}
