package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) // 12:00 in Hà Tĩnh

// outbox keeps notices as store does.
type outbox struct {
	mu   sync.Mutex
	rows map[string]radio.Notice
}

func (o *outbox) DueNotices(_ context.Context, now radio.Millis, limit int) ([]radio.Notice, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []radio.Notice
	for _, n := range o.rows {
		if n.SentAt == 0 && n.FailedAt == 0 && n.NextAt <= now {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b radio.Notice) int { return strings.Compare(a.ID, b.ID) })
	count := map[string]int{}
	return slices.DeleteFunc(out, func(n radio.Notice) bool {
		count[n.Recipient]++
		return count[n.Recipient] > limit
	}), nil
}

func (o *outbox) EndNotices(_ context.Context, notices []radio.Notice, _ radio.Millis) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range notices {
		o.rows[n.ID] = n
	}
	return nil
}

func (o *outbox) all() []radio.Notice {
	due, _ := (&outbox{rows: o.rows}).DueNotices(context.Background(), 1<<60, 1<<20)
	for _, n := range o.rows {
		if n.SentAt != 0 || n.FailedAt != 0 {
			due = append(due, n)
		}
	}
	return due
}

type house struct {
	*Notify
	t      *testing.T
	outbox *outbox
	clock  time.Time
}

func newHouse(t *testing.T, smtp SMTP, recipients ...Recipient) *house {
	t.Helper()
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, outbox: &outbox{rows: map[string]radio.Notice{}}, clock: noon}
	h.Notify, err = New(h.outbox, Options{Recipients: recipients, SMTP: smtp, BaseURL: "https://loaxa.example", Zone: zone}, func() time.Time { return h.clock }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// tell puts news into the outbox and delivers.
func (h *house) tell(news ...radio.FaultNews) {
	h.t.Helper()
	for _, n := range h.Notices(news, radio.At(h.clock)) {
		h.outbox.rows[n.ID] = n
	}
	h.deliver()
}

func (h *house) deliver() {
	h.t.Helper()
	if err := h.Deliver(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func lost(key string, devices int) radio.FaultNews {
	n := radio.FaultNews{Key: key, Event: radio.FaultOpened, Kind: radio.FaultOffline, Area: "c", AreaName: "Xã Cẩm Xuyên", Within: []string{"ha-tinh", "cam-xuyen"},
		Outage: "o", From: radio.At(noon.Add(-12 * time.Minute)), Count: devices}
	for i := range min(devices, radio.MaxNamed) {
		n.Devices = append(n.Devices, radio.NamedDevice{ID: radio.DeviceID(strings.Repeat("0", 25) + string(rune('A'+i%26))), Code: "cx-01", Name: "Cụm nhà văn hóa", Hamlet: "Thôn 1"})
	}
	return n
}

const secret = "một bí mật đủ dài để ký"

// TestWebhook: what arrives is what was said, once, and is signed.
func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []Payload
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if sig := r.Header.Get(SignatureHeader); sig != sign(secret, noon, body) || !strings.HasPrefix(sig, "t=1795410000,v1=") {
			t.Errorf("signature %q", sig)
		}
		var p Payload
		if err := json.Unmarshal(body, &p); err != nil {
			t.Error(err)
		}
		if p.Message == "" || r.Header.Get(MessageHeader) != p.Message {
			t.Errorf("message id %q", p.Message)
		}
		mu.Lock()
		got = append(got, p)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	h := newHouse(t, SMTP{}, Recipient{Webhook: srv.URL + "/hook?token=abc", Secret: secret})
	h.tell(lost("a", 200), lost("b", 1))
	h.deliver()
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || len(got[0].News) != 2 || got[0].Zone != "Asia/Ho_Chi_Minh" {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []string{
		"200 cụm loa mất kết nối tại Xã Cẩm Xuyên từ 11:48 23/11/2026",
		"Cụm loa “Cụm nhà văn hóa” (Thôn 1) mất kết nối tại Xã Cẩm Xuyên từ 11:48 23/11/2026",
	} {
		if n := got[0].News[slices.IndexFunc(got[0].News, func(n PayloadNews) bool { return n.Key == string(rune('a'+i)) })]; n.VI != want || n.EN == "" || !strings.HasPrefix(n.Link, "https://loaxa.example/") {
			t.Errorf("news %+v, want %q", n, want)
		}
	}
	for _, n := range h.outbox.all() {
		if n.SentAt == 0 || strings.Contains(n.Recipient, "token") {
			t.Errorf("%+v", n)
		}
	}
}

// A receiver that fails, stalls or sends us elsewhere is tried again, waiting longer each
// time, for a day; then the notice is given up, and says why.
func TestWebhookTriedForADay(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"fails": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "full\x1b[31m", http.StatusServiceUnavailable)
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"stalls": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tries.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w, r)
			}))
			defer srv.Close()
			h := newHouse(t, SMTP{}, Recipient{Webhook: srv.URL, Secret: secret})
			if name == "stalls" {
				h.hook.client.Timeout = 20 * time.Millisecond
			}
			h.tell(lost("a", 3))
			n := h.outbox.all()[0]
			if n.Tries != 1 || n.NextAt != radio.At(noon.Add(time.Minute)) || n.Error == "" || strings.ContainsRune(n.Error, '\x1b') {
				t.Fatalf("after the first try: %+v", n)
			}
			h.deliver()
			if tries.Load() != 1 {
				t.Fatal("tried again too soon")
			}
			for range 40 {
				h.clock = h.outbox.all()[0].NextAt.Time()
				h.deliver()
			}
			n = h.outbox.all()[0]
			if n.FailedAt == 0 || n.SentAt != 0 || tries.Load() < 20 || tries.Load() > 40 || n.FailedAt < radio.At(noon.Add(24*time.Hour)) {
				t.Fatalf("after %d tries: %+v", tries.Load(), n)
			}
		})
	}
}

// One recipient's trouble is not another's, and what comes back later arrives then.
func TestRecipientsAreApart(t *testing.T) {
	var mu sync.Mutex
	down, got := true, map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/down" && down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		got[r.URL.Path]++
	}))
	defer srv.Close()
	h := newHouse(t, SMTP{}, Recipient{Webhook: srv.URL + "/down", Secret: secret}, Recipient{Webhook: srv.URL + "/up", Secret: secret})
	h.tell(lost("a", 3))
	mu.Lock()
	down = false
	mu.Unlock()
	h.clock = noon.Add(time.Minute)
	h.deliver()
	mu.Lock()
	defer mu.Unlock()
	if got["/down"] != 1 || got["/up"] != 1 {
		t.Fatalf("got %v", got)
	}
}

func TestWhoWantsWhat(t *testing.T) {
	centre := radio.FaultNews{Kind: radio.FaultCentre}
	province := radio.FaultNews{Kind: radio.FaultOffline, Within: []string{"ha-tinh"}}
	commune := radio.FaultNews{Kind: radio.FaultClock, Within: []string{"ha-tinh", "cam-xuyen"}}
	for name, c := range map[string]struct {
		r    Recipient
		want []bool // centre, province, commune
	}{
		"all":            {Recipient{}, []bool{true, true, true}},
		"the province":   {Recipient{Areas: []string{"ha-tinh"}}, []bool{true, true, true}},
		"the commune":    {Recipient{Areas: []string{"cam-xuyen"}}, []bool{true, true, true}},
		"another":        {Recipient{Areas: []string{"ky-anh"}}, []bool{true, true, false}},
		"one kind":       {Recipient{Kinds: []radio.FaultKind{radio.FaultClock}}, []bool{false, false, true}},
		"kind elsewhere": {Recipient{Areas: []string{"ky-anh"}, Kinds: []radio.FaultKind{radio.FaultClock}}, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := []bool{c.r.wants(centre), c.r.wants(province), c.r.wants(commune)}; !slices.Equal(got, c.want) {
				t.Errorf("wants %v, want %v", got, c.want)
			}
		})
	}
}

// What cannot work is refused at the start, and no error shows a secret.
func TestRefusedAtStart(t *testing.T) {
	good := SMTP{Host: "mail.example", Security: StartTLS, From: "loaxa@example.vn"}
	for name, c := range map[string]struct {
		smtp SMTP
		r    Recipient
		says string // "" for none
	}{
		"mail":                     {good, Recipient{Email: "a@example.vn"}, ""},
		"webhook":                  {SMTP{}, Recipient{Webhook: "https://example.vn/x", Secret: secret}, ""},
		"webhook on this machine":  {SMTP{}, Recipient{Webhook: "http://127.0.0.1:9/x", Secret: secret}, ""},
		"webhook in clear allowed": {SMTP{}, Recipient{Webhook: "http://example.vn/x", Secret: secret, AllowHTTP: true}, ""},
		"webhook in clear":         {SMTP{}, Recipient{Webhook: "http://example.vn/x", Secret: secret}, "only https"},
		"webhook elsewhere":        {SMTP{}, Recipient{Webhook: "file:///etc/passwd", Secret: secret}, "https://host"},
		"webhook with a password":  {SMTP{}, Recipient{Webhook: "https://u:hunter2@example.vn/x", Secret: secret}, "no name and password"},
		"webhook not signed":       {SMTP{}, Recipient{Webhook: "https://example.vn/x", Secret: "hunter2"}, "at least 16"},
		"nobody":                   {good, Recipient{}, "either an email or a webhook"},
		"both":                     {good, Recipient{Email: "a@example.vn", Webhook: "https://example.vn"}, "either"},
		"mail without a server":    {SMTP{}, Recipient{Email: "a@example.vn"}, "no server"},
		"address with a line":      {good, Recipient{Email: "a@example.vn\r\nBcc: b@example.vn"}, "not an e-mail"},
		"address with a name":      {good, Recipient{Email: "A <a@example.vn>"}, "not an e-mail"},
		"password in clear":        {SMTP{Host: "mail.example", Security: Plain, From: "loaxa@example.vn", User: "u", Password: "hunter2"}, Recipient{Email: "a@example.vn"}, "in clear"},
		"unknown kind":             {good, Recipient{Email: "a@example.vn", Kinds: []radio.FaultKind{"x"}}, "no kind"},
		"unknown language":         {good, Recipient{Email: "a@example.vn", Language: "fr"}, "language"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(nil, Options{Recipients: []Recipient{c.r}, SMTP: c.smtp}, time.Now, slog.New(slog.DiscardHandler))
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2")):
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

// Every kind and event has words in both languages, without holes.
func TestWords(t *testing.T) {
	at := func(radio.Millis) string { return "<at>" }
	for _, k := range radio.FaultKinds() {
		for _, e := range []radio.FaultEvent{radio.FaultOpened, radio.FaultClosed, radio.FaultStillOpen} {
			for _, why := range []string{radio.CauseRevision, radio.CauseAudio, radio.CauseNoWord} {
				for _, count := range []int{1, 40} {
					n := lost("k", count)
					n.Event, n.Kind, n.Cause = e, k, radio.FaultCause{Why: why, At: 1, Title: "Bản tin", Text: "lỗi"}
					switch k {
					case radio.FaultCentre:
						n.Code = radio.CentreBroker
					case radio.FaultRefused:
						n.Code = "programme"
					case radio.FaultReported:
						n.Code = "cache"
					}
					if e == radio.FaultClosed {
						n.To = 5
					}
					for _, tx := range []texts{vietnamese, english} {
						line := tx.headline(n, at)
						if strings.Contains(line, "%!") || strings.Contains(line, "()") || strings.Contains(line, "  ") || len(line) < 20 {
							t.Errorf("%s %s: %q", k, e, line)
						}
						if b := tx.body([]radio.FaultNews{n}, "https://x", timetable.Zone{}); strings.Contains(b, "%!") {
							t.Errorf("%s %s: %q", k, e, b)
						}
					}
				}
			}
		}
	}
}

func freePort(t *testing.T) (net.Listener, int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Addr().(*net.TCPAddr).Port
}
