package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

var update = flag.Bool("update", false, "write the golden files")

var start = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC) // 08:00 in Hà Tĩnh

// rooms is every neighbour at once.
type rooms struct {
	policy  *radio.Policy // nil: that of the golden files
	audio   []radio.AudioStatus
	broken  error
	records []radio.Record
	full    bool
}

func (r *rooms) Policy() radio.Policy {
	if r.policy != nil {
		return *r.policy
	}
	return radio.Policy{Label: "Quyết định 12/QĐ-UBND", Zone: "Asia/Ho_Chi_Minh", Revision: 3, Windows: []radio.Window{{From: 300, To: 420}}, MaxSessions: 2, MaxMinutes: 45,
		Exceptions: []radio.PolicyException{{From: "2026-09-02", Until: "2026-09-02", Label: "đã qua"}, {From: "2027-01-01", Until: "2027-01-02", Label: "Tết Dương lịch", Windows: []radio.Window{{From: 480, To: 540}}},
			{From: "2027-04-30", Until: "2027-04-30", Label: "30/4"}}}
}
func (r *rooms) Settings() radio.Settings {
	return radio.Settings{Name: "Cụm loa thôn Đông <b>Hà</b>", Rendition: 64}
}
func (r *rooms) Revisions() radio.RevisionStatus {
	return radio.RevisionStatus{Programme: 7, Policy: 3, NotAfter: radio.At(start.AddDate(0, 0, 30))}
}

type journal struct{ *rooms }

func (j journal) Recent(context.Context, int) ([]radio.Confirmation, error) {
	return []radio.Confirmation{
		{ID: "x", Start: radio.At(start.Add(-time.Hour)), Outcome: radio.Partial, Reason: radio.ReasonOff, AtLeast: true,
			Consumed: 30 * radio.SampleRate, Expected: 60 * radio.SampleRate, SHA256: sha("a"), Bulletin: "B", Version: 2},
		{ID: "y", Start: radio.At(start.Add(-2 * time.Hour)), Outcome: radio.Aired, Bulletin: "B", Version: 1},
	}, j.broken
}
func (j journal) Status() radio.JournalStatus {
	return radio.JournalStatus{ID: "J", Head: 12, Acked: 9}
}
func (j journal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	if j.full {
		return r, errors.New("no space left on device")
	}
	j.records = append(j.records, r)
	return r, nil
}

type cache struct{ *rooms }

func (c cache) Status() (radio.DiskStatus, error) {
	return radio.DiskStatus{FreeBytes: 3e9, TotalBytes: 8e9, CacheBytes: 480_000}, c.broken
}

type desk struct{}

func (desk) Fill(s *radio.Status) {
	s.Output = radio.OutputStatus{Driver: "oto", Device: "default", State: "open"}
	s.Sounding = &radio.SoundingStatus{Title: "Bản tin sáng", Consumed: 75 * radio.SampleRate, Samples: 300 * radio.SampleRate}
	s.Next = []radio.NextAiring{
		{Start: radio.At(start.Add(time.Hour)), Samples: 60 * radio.SampleRate, Title: "Bản tin trưa", Priority: radio.Prior, Ready: true},
		{Start: radio.At(start.Add(2 * time.Hour)), Samples: 60 * radio.SampleRate, Title: "<script>alert(1)</script>", Priority: radio.Normal},
		{Start: radio.At(start.Add(3 * time.Hour)), Samples: 60 * radio.SampleRate, Title: "Trùng", Priority: radio.Normal, Excluded: radio.ReasonOverlap},
	}
}

func sha(s string) radio.SHA256 { return radio.SHA256(strings.Repeat(s, 64)) }

func build(t *testing.T, r *rooms, clk *clock.Fake) (*Builder, *Faults) {
	t.Helper()
	if r.audio == nil {
		r.audio = []radio.AudioStatus{
			{SHA256: sha("a"), Title: "Bản tin sáng", Bytes: 480_000, Have: 480_000, Ready: true},
			{SHA256: sha("b"), Title: "Bản tin trưa", Bytes: 480_000, Have: 120_000}}
	}
	log := slog.New(slog.DiscardHandler)
	faults := NewFaults(journal{r}, func() radio.Millis { return radio.At(clk.Now()) }, log)
	b := New("01J0000000000000000000000A", "BOOT", Rooms{Clock: clk, Documents: r, Journal: journal{r}, Cache: cache{r}, Desk: desk{},
		Faults: faults, Link: func() radio.LinkStatus { return radio.LinkStatus{Error: "no route to host"} },
		Audio: func() []radio.AudioStatus { return r.audio }}, log)
	return b, faults
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (-update writes it):\n%s", name, got)
	}
}

func TestTextAndJSON(t *testing.T) {
	clk := clock.NewFake(start)
	b, faults := build(t, &rooms{}, clk)
	faults.Raise(t.Context(), "output", "no such device\x1b[2J")
	clk.Advance(time.Minute)
	s := b.Build(t.Context())
	var text bytes.Buffer
	if err := WriteText(&text, s); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.txt", text.Bytes())
	j, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", append(j, '\n'))
}

func TestBrokenNeighboursLeaveTheRest(t *testing.T) {
	b, _ := build(t, &rooms{broken: errors.New("damaged")}, clock.NewFake(start))
	s := b.Build(t.Context())
	if s.Output.Driver != "oto" || s.Journal.Head != 12 || s.Disk.FreeBytes != 3e9 {
		t.Errorf("status %+v", s)
	}
}

// bare has nothing to tell.
type bare struct{ *rooms }

func (bare) Recent(context.Context, int) ([]radio.Confirmation, error) { return nil, nil }
func (bare) Status() radio.JournalStatus                               { return radio.JournalStatus{} }
func (bare) Fill(*radio.Status)                                        {}

func TestEmptyListsAreNotNull(t *testing.T) {
	b, _ := build(t, &rooms{}, clock.NewFake(start))
	b.rooms.Desk, b.rooms.Journal, b.rooms.Audio = bare{}, bare{}, func() []radio.AudioStatus { return nil }
	for name, s := range map[string]radio.Status{"build": b.Build(t.Context()), "reported": b.Reported(t.Context())} {
		j, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"next", "last", "faults", "audio"} {
			if !strings.Contains(string(j), `"`+list+`":[]`) {
				t.Errorf("%s: %s is not [] in %s", name, list, j)
			}
		}
	}
}

func TestReportedFitsTheWire(t *testing.T) {
	long := strings.Repeat("ờ", 200)
	r := &rooms{}
	for range 1000 {
		r.audio = append(r.audio, radio.AudioStatus{SHA256: sha("b"), Title: strings.Repeat("ờ", 60), Due: radio.At(start), Error: long})
	}
	r.policy = &radio.Policy{Zone: "Asia/Ho_Chi_Minh", MaxSessions: 1}
	for i := range 9 {
		d := radio.DateOf(start.AddDate(0, 0, i))
		r.policy.Exceptions = append(r.policy.Exceptions, radio.PolicyException{From: d, Until: d, Label: strings.Repeat("ờ", 66),
			Windows: slices.Repeat([]radio.Window{{From: 300, To: 420}}, radio.MaxExceptionWindows)})
	}
	if err := r.policy.Check(); err != nil {
		t.Fatal(err)
	}
	b, faults := build(t, r, clock.NewFake(start))
	for _, code := range strings.Split("a b c d e f g h", " ") {
		faults.Raise(t.Context(), code, strings.Repeat(long, 5))
	}
	j, err := json.Marshal(b.Reported(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if len(j) > 64<<10 {
		t.Errorf("reported has %d bytes", len(j))
	}
}

func TestFaultsOpenAndCloseOnce(t *testing.T) {
	r := &rooms{}
	clk := clock.NewFake(start)
	_, f := build(t, r, clk)
	ctx := t.Context()
	f.Raise(ctx, "output", "first")
	clk.Advance(time.Second)
	f.Raise(ctx, "output", "second")
	f.Raise(ctx, "clock", "x")
	if open := f.Open(); len(open) != 2 || open[0].Code != "output" || open[0].Text != "second" || open[0].Since != radio.At(start) {
		t.Errorf("open %+v", open)
	}
	r.full = true
	f.Clear(ctx, "output")
	f.Clear(ctx, "output")
	r.full = false
	f.Clear(ctx, "clock")
	var got []string
	for _, rec := range r.records {
		s := "-"
		if rec.Fault.Open {
			s = "+"
		}
		got = append(got, s+rec.Fault.Code)
	}
	if want := []string{"+output", "+clock", "-output", "-clock"}; !slices.Equal(got, want) || len(f.Open()) != 0 {
		t.Errorf("records %v, want %v; open %v", got, want, f.Open())
	}
}

func page(t *testing.T, clk *clock.Fake) (*Page, *Faults) {
	t.Helper()
	b, faults := build(t, &rooms{}, clk)
	p, err := NewPage("127.0.0.1:0", b.Build, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p, faults
}

func get(p http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://"+host+path, nil)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	clk := clock.NewFake(start)
	p, _ := page(t, clk)
	w := get(p, "GET", "192.168.1.20:8080", "/")
	golden(t, "page.html", w.Body.Bytes())
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	body := w.Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, "<b>Hà") || strings.Contains(body, "<style>ZgotmplZ") {
		t.Error("the page lets through what it should escape, or lost its style")
	}
	style := body[strings.Index(body, "<style>")+len("<style>") : strings.Index(body, "</style>")]
	sum := sha256.Sum256([]byte(style))
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Error("the policy forbids the page's own style")
	}
	if strings.Contains(body, `class="red"`) {
		t.Error("a red banner while all is well")
	}
}

func TestPageShowsAlarmsInRed(t *testing.T) {
	for _, c := range []struct {
		state  clock.State
		source clock.Source
		want   string
	}{
		{clock.Untrusted, clock.SourceNone, "không phát cho đến khi có giờ đúng"},
		{clock.Trusted, clock.SourceAssumed, "GIẢ ĐỊNH"},
	} {
		clk := clock.NewFake(start)
		clk.SetState(c.state, c.source, 0)
		p, faults := page(t, clk)
		faults.Raise(t.Context(), "output", "mất <loa>")
		body := get(p, "GET", "localhost", "/").Body.String()
		if !strings.Contains(body, `<p class="red">Đồng hồ`) || !strings.Contains(body, c.want) || !strings.Contains(body, "mất &lt;loa&gt;") {
			t.Errorf("%s: no banner in %s", c.source, body)
		}
	}
}

func TestPageRefuses(t *testing.T) {
	p, _ := page(t, clock.NewFake(start))
	for _, c := range []struct {
		method, host, path string
		want               int
	}{
		{"GET", "10.0.0.7", "/", 200},
		{"HEAD", "loaxa-dong-ha", "/", 200},
		{"GET", "[fe80::1]:8080", "/", 200},
		{"GET", "loa.local:8080", "/", 200},
		{"POST", "10.0.0.7", "/", 405},
		{"DELETE", "10.0.0.7", "/", 405},
		{"GET", "evil.example.com", "/", 421},
		{"GET", "10.0.0.7.evil.com:8080", "/", 421},
		{"GET", "10.0.0.7", "/etc/passwd", 404},
		{"GET", "10.0.0.7", "/../status.sock", 404},
	} {
		if w := get(p, c.method, c.host, c.path); w.Code != c.want || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s%s: %d, want %d", c.method, c.host, c.path, w.Code, c.want)
		}
	}
}

func TestPageServesAndEnds(t *testing.T) {
	p, _ := page(t, clock.NewFake(start))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.serve(ctx, l) }()
	resp, err := http.Get("http://" + l.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != 200 {
		t.Errorf("status %d, %v", resp.StatusCode, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	b, _ := build(t, &rooms{}, clock.NewFake(start))
	path := filepath.Join(t.TempDir(), "status.sock")
	// A killed agent leaves its socket behind.
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), path); !errors.Is(err, ErrNoAgent) {
		t.Errorf("asking a dead socket: %v", err)
	}
	s := NewSocket(path, b.Build, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var got radio.Status
	for deadline := time.Now().Add(10 * time.Second); ; {
		got, err = Ask(t.Context(), path)
		if err == nil || time.Now().After(deadline) {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if err != nil || got.Device != "01J0000000000000000000000A" || len(got.Next) != 3 {
		t.Fatalf("status %+v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket's mode %v, %v", info.Mode(), err)
	}
	if err := NewSocket(path, b.Build, slog.New(slog.DiscardHandler)).Run(ctx); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a second agent on the socket: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket was left behind")
	}
}
