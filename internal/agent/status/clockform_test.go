package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// hands records what a person did.
type hands struct {
	set     []time.Time
	checked []string
	refuses error // the clock
	pin     error
	noPIN   bool
}

func (h *hands) SetByHand(t time.Time) error {
	if h.refuses != nil {
		return h.refuses
	}
	h.set = append(h.set, t.UTC())
	return nil
}
func (h *hands) IsSet() bool { return !h.noPIN }
func (h *hands) Check(_ context.Context, pin, _ string) error {
	h.checked = append(h.checked, pin)
	return h.pin
}

// wrong is a refusal of agent/pin.
type wrong struct {
	wait time.Duration
	left int
}

func (wrong) Error() string          { return "wrong PIN" }
func (wrong) Unwrap() error          { return radio.ErrForbidden }
func (w wrong) Pause() time.Duration { return w.wait }
func (w wrong) Remaining() int       { return w.left }

// clockPage is a page of a device whose clock is not trusted.
func clockPage(t *testing.T, h *hands) (*Page, *rooms) {
	t.Helper()
	clk := clock.NewFake(start)
	clk.SetState(clock.Untrusted, clock.SourceNone, 0)
	p, _ := page(t, clk)
	r := &rooms{}
	if err := p.OfferClock(h, h, journal{r}); err != nil {
		t.Fatal(err)
	}
	return p, r
}

func postClock(p http.Handler, origin string, v url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://192.168.1.20:8080/clock", strings.NewReader(v.Encode()))
	r.RemoteAddr = "192.168.1.7:50000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func TestSetTheClockByHand(t *testing.T) {
	const own = "http://192.168.1.20:8080"
	typed := url.Values{"time": {"2026-11-23T08:00:30"}, "pin": {"482913"}}
	at := time.Date(2026, 11, 23, 1, 0, 30, 0, time.UTC)
	for name, c := range map[string]struct {
		hands   hands
		origin  string
		form    url.Values
		status  int
		says    string
		set     bool
		checked int
	}{
		"right":                   {origin: own, form: typed, status: 303, set: true, checked: 1},
		"from a program":          {form: typed, status: 303, set: true, checked: 1},
		"from another site":       {origin: "http://evil.example", form: typed, status: 403, says: "another site"},
		"from a hidden site":      {origin: "null", form: typed, status: 403, says: "another site"},
		"wrong PIN":               {hands: hands{pin: wrong{left: 3}}, origin: own, form: typed, status: 403, says: "Còn 3 lần", checked: 1},
		"too often":               {hands: hands{pin: wrong{wait: 90 * time.Second}}, origin: own, form: typed, status: 429, says: "1:30", checked: 1},
		"no PIN":                  {hands: hands{pin: radio.ErrForbidden, noPIN: true}, origin: own, form: typed, status: 403, says: "chưa đặt mã PIN", checked: 1},
		"store is broken":         {hands: hands{pin: errors.New("damaged")}, origin: own, form: typed, status: 500, says: "Không kiểm tra", checked: 1},
		"no time costs no try":    {origin: own, form: url.Values{"time": {"8 giờ"}, "pin": {"482913"}}, status: 400, says: "Ngày giờ không đúng"},
		"a time that has passed":  {hands: hands{refuses: fmt.Errorf("%w: has passed", radio.ErrInvalid)}, origin: own, form: typed, status: 400, says: "đã qua rồi", checked: 1},
		"a better source":         {hands: hands{refuses: fmt.Errorf("%w: known", radio.ErrConflict)}, origin: own, form: typed, status: 409, says: "tin cậy hơn", checked: 1},
		"a flood":                 {origin: own, form: url.Values{"time": {strings.Repeat("x", 10_000)}}, status: 400, says: "biểu mẫu"},
		"what was typed is shown": {hands: hands{pin: wrong{left: 1}}, origin: own, form: url.Values{"time": {"2026-11-23T08:00:30"}, "pin": {"999111"}}, status: 403, says: `value="2026-11-23T08:00:30"`, checked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := c.hands
			p, r := clockPage(t, &h)
			w := postClock(p, c.origin, c.form)
			body := w.Body.String()
			if w.Code != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d, want %d with %q:\n%s", w.Code, c.status, c.says, body)
			}
			if strings.Contains(body, "482913") || strings.Contains(body, "999111") {
				t.Error("the PIN comes back")
			}
			if got := slices.Equal(h.set, []time.Time{at}); got != c.set || len(h.checked) != c.checked {
				t.Errorf("set %v, checked %v", h.set, h.checked)
			}
			if c.set && (len(r.records) != 1 || !strings.Contains(r.records[0].Security.Text, "2026-11-23T01:00:30Z from 192.168.1.7")) {
				t.Errorf("audit %+v", r.records)
			}
			if c.status == 409 && (len(r.records) != 1 || !strings.Contains(r.records[0].Security.Text, "refused")) {
				t.Errorf("audit %+v", r.records)
			}
			if (w.Code == 429) != (w.Header().Get("Retry-After") == "90") {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestClockFormIsOfferedWhereItHelps(t *testing.T) {
	h := &hands{}
	p, _ := clockPage(t, h)
	if body := get(p, "GET", "10.0.0.7", "/").Body.String(); strings.Count(body, `href="/clock"`) != 2 {
		t.Errorf("no way to the form:\n%s", body)
	}
	w := get(p, "GET", "10.0.0.7", "/clock")
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, `action="/clock"`) || strings.Contains(body, "refresh") || strings.Contains(body, "<b>Hà") {
		t.Errorf("%d\n%s", w.Code, body)
	}
	// A browser tells the origin of a form only where the page lets it.
	if got := w.Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy %q", got)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	h.noPIN = true
	if body := get(p, "GET", "10.0.0.7", "/clock").Body.String(); strings.Contains(body, "<form") || !strings.Contains(body, "loaxa-agent pin set") {
		t.Errorf("without a PIN:\n%s", body)
	}
	for _, c := range []struct {
		method, host, path string
		want               int
	}{{"PUT", "10.0.0.7", "/clock", 405}, {"POST", "10.0.0.7", "/", 405}, {"POST", "evil.example.com", "/clock", 421}, {"GET", "evil.example.com", "/clock", 421}} {
		if w := get(p, c.method, c.host, c.path); w.Code != c.want {
			t.Errorf("%s %s%s: %d, want %d", c.method, c.host, c.path, w.Code, c.want)
		}
	}
	trusted, _ := page(t, clock.NewFake(start))
	if err := trusted.OfferClock(h, h, journal{&rooms{}}); err != nil {
		t.Fatal(err)
	}
	if body := get(trusted, "GET", "10.0.0.7", "/").Body.String(); strings.Contains(body, "/clock") {
		t.Error("offered while the time is trusted")
	}
	if body := get(trusted, "GET", "10.0.0.7", "/clock").Body.String(); strings.Contains(body, "<form") {
		t.Error("a form that could only be refused")
	}
}

func TestAmplifierIsShown(t *testing.T) {
	for state, want := range map[radio.AmplifierState]string{"": "oto default", radio.AmplifierOn: "oto default; tăng âm bật",
		radio.AmplifierOff: "tăng âm tắt", radio.AmplifierSwitching: "đang chuyển", radio.AmplifierFailed: "tăng âm LỖI"} {
		if got := outputLine(radio.OutputStatus{Driver: "oto", Device: "default", State: "open", Amplifier: state}); !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
