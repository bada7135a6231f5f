package status

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakePIN knows one number, and how it feels today.
type fakePIN struct {
	err   error
	tries int
	unset bool
	from  []string
}

func (f *fakePIN) IsSet() bool { return !f.unset }

func (f *fakePIN) Check(_ context.Context, pin, from string) error {
	f.tries++
	f.from = append(f.from, from)
	if f.err != nil {
		return f.err
	}
	if pin != "246810" {
		return fmt.Errorf("%w: wrong", radio.ErrForbidden)
	}
	return nil
}

type fakeEmergency struct {
	log []string
	err error
}

func (f *fakeEmergency) StartAlert(_ context.Context, id radio.AlertID) error {
	f.log = append(f.log, "start "+string(id))
	return f.err
}

func (f *fakeEmergency) StopSound(context.Context) error {
	f.log = append(f.log, "stop")
	return f.err
}

func controlPage(t *testing.T, pin PIN) (*Page, *fakeEmergency) {
	t.Helper()
	clk := clock.NewFake(start)
	return controlPageAt(t, pin, clk)
}

func controlPageAt(t *testing.T, pin PIN, clk *clock.Fake) (*Page, *fakeEmergency) {
	t.Helper()
	b, _ := build(t, &rooms{}, clk)
	withAlerts := func(ctx context.Context) radio.Status {
		s := b.Build(ctx)
		s.Emergency = []radio.EmergencyStatus{{Role: radio.RoleSiren, Ready: true}, {Role: radio.RoleLeadIn}}
		s.Alerts = []radio.AlertStatus{
			{ID: "01JD0000000000000000000AT1", Headline: "Vỡ đập <b>", Standing: true, State: radio.ReceiptAccepted, Repeats: 3, Expires: s.At + 1},
			{ID: "01JD0000000000000000000AT2", Headline: "Hết hạn", Standing: true, Expires: s.At},
			{ID: "01JD0000000000000000000AT3", Headline: "Bão số 10", Running: true, Cycle: 1, Repeats: 3, Next: s.At + 60_000, Expires: s.At + 1}}
		return s
	}
	p, err := NewPage("127.0.0.1:0", withAlerts, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEmergency{}
	if err := p.Control(pin, e); err != nil {
		t.Fatal(err)
	}
	return p, e
}

func post(p *Page, path string, form url.Values, change func(h map[string][]string)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://10.0.0.7:8080"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r.Header)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func TestControl(t *testing.T) {
	good := url.Values{"pin": {"246810"}, "alert": {"01JD0000000000000000000AT1"}}
	for name, c := range map[string]struct {
		path  string
		form  url.Values
		pin   *fakePIN
		err   error
		head  func(h map[string][]string)
		want  int
		did   string
		tries int
	}{
		"stop":  {path: stopPath, form: good, want: 303, did: "stop", tries: 1},
		"start": {path: startPath, form: good, want: 303, did: "start 01JD0000000000000000000AT1", tries: 1},
		"a browser on this page": {path: stopPath, form: good, head: func(h map[string][]string) {
			h["Origin"] = []string{"http://10.0.0.7:8080"}
			h["Sec-Fetch-Site"] = []string{"same-origin"}
		}, want: 303, did: "stop", tries: 1},
		"wrong PIN":                  {path: stopPath, form: url.Values{"pin": {"1"}}, want: 403, tries: 1},
		"no PIN":                     {path: startPath, form: url.Values{"alert": {"x"}}, want: 403, tries: 1},
		"too many tries":             {path: stopPath, form: good, pin: &fakePIN{err: wrong{wait: time.Minute}}, want: 429, tries: 1},
		"another site's form":        {path: stopPath, form: good, head: func(h map[string][]string) { h["Sec-Fetch-Site"] = []string{"cross-site"} }, want: 403},
		"another site, old browser":  {path: stopPath, form: good, head: func(h map[string][]string) { h["Origin"] = []string{"http://evil.example"} }, want: 403},
		"an alert that has ended":    {path: startPath, form: good, err: radio.ErrConflict, want: 409, did: "start 01JD0000000000000000000AT1", tries: 1},
		"the device cannot":          {path: stopPath, form: good, err: context.DeadlineExceeded, want: 500, did: "stop", tries: 1},
		"a form as large as a novel": {path: stopPath, form: url.Values{"pin": {strings.Repeat("1", 1<<20)}}, want: 400},
		"another path":               {path: "/control/reboot", form: good, want: 404},
		"the page itself":            {path: controlPath, form: good, want: 405},
	} {
		t.Run(name, func(t *testing.T) {
			if c.pin == nil {
				c.pin = &fakePIN{}
			}
			p, e := controlPage(t, c.pin)
			e.err = c.err
			w := post(p, c.path, c.form, c.head)
			if w.Code != c.want || strings.Join(e.log, ",") != c.did || c.pin.tries != c.tries {
				t.Errorf("%d, did %q, %d tries; want %d, %q, %d", w.Code, e.log, c.pin.tries, c.want, c.did, c.tries)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("the guards of the page are missing")
			}
		})
	}
}

func TestControlPage(t *testing.T) {
	p, _ := controlPage(t, &fakePIN{})
	w := get(p, "GET", "10.0.0.7", controlPath)
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "Vỡ đập &lt;b&gt;") || strings.Contains(body, "Hết hạn") || strings.Contains(body, "Bão số 10") ||
		!strings.Contains(body, "DỪNG PHÁT") || !strings.Contains(body, "STOP") || strings.Contains(body, "http-equiv") {
		t.Errorf("%d %s", w.Code, body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self'") || strings.Contains(csp, "script") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if w := get(p, "GET", "evil.example.com", controlPath); w.Code != 421 {
		t.Errorf("another host: %d", w.Code)
	}
	// The status names what sounds and what lacks, and leads to the controls.
	body = get(p, "GET", "10.0.0.7", "/").Body.String()
	for _, want := range []string{"PHÁT KHẨN CẤP: Bão số 10, đã phát 1 / 3 lượt", "Thiếu âm thanh khẩn cấp: câu dẫn", `href="/control"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
}

// What a clock shows that runs ahead hides no standing alert from who has the PIN.
func TestControlPageWithoutATime(t *testing.T) {
	clk := clock.NewFake(start)
	clk.SetState(clock.Untrusted, clock.SourceNone, 0)
	p, _ := controlPageAt(t, &fakePIN{}, clk)
	if body := get(p, "GET", "10.0.0.7", controlPath).Body.String(); !strings.Contains(body, "Hết hạn") {
		t.Error(body)
	}
}

func TestControlWithoutAPIN(t *testing.T) {
	p, e := controlPage(t, &fakePIN{unset: true, err: radio.ErrForbidden})
	if body := get(p, "GET", "10.0.0.7", controlPath).Body.String(); strings.Contains(body, "<form") || !strings.Contains(body, "chưa đặt mã PIN") {
		t.Error(body)
	}
	if w := post(p, stopPath, url.Values{"pin": {""}}, nil); w.Code != 403 || len(e.log) != 0 {
		t.Errorf("%d, did %q", w.Code, e.log)
	}
	// Without Control there is nothing there at all.
	q, _ := page(t, clock.NewFake(start))
	if w := get(q, "GET", "10.0.0.7", controlPath); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// Tries are counted by the address they come from, whatever port and zone it has.
func TestWhereATryComesFrom(t *testing.T) {
	for remote, want := range map[string]string{"192.168.1.20:4711": "192.168.1.20", "[fe80::1%eth0]:4711": "fe80::1", "odd": "odd"} {
		pin := &fakePIN{}
		p, _ := controlPage(t, pin)
		r := httptest.NewRequest(http.MethodPost, stopPath, strings.NewReader("pin=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = remote
		p.serveControl(httptest.NewRecorder(), r)
		if len(pin.from) != 1 || pin.from[0] != want {
			t.Errorf("%s counts as %q, want %q", remote, pin.from, want)
		}
	}
}
