package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

func good() Options {
	return Options{Agents: 1, Centre: "https://127.0.0.1:8443", Data: "x", ConnectPerSecond: 1, Jitter: -1, Every: time.Second, Out: io.Discard}
}

func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		say    string
	}{
		"as they should be":      {func(*Options) {}, ""},
		"no agents":              {func(o *Options) { o.Agents = 0 }, "agents"},
		"too many agents":        {func(o *Options) { o.Agents = MaxAgents + 1 }, "agents"},
		"a centre without TLS":   {func(o *Options) { o.Centre = "http://127.0.0.1:8443" }, "centre"},
		"a centre without port":  {func(o *Options) { o.Centre = "https://127.0.0.1" }, "centre"},
		"codes without a centre": {func(o *Options) { o.Centre, o.Codes = "", []Code{{}} }, "centre"},
		"no folder":              {func(o *Options) { o.Data = "" }, "folder"},
		"no pace":                {func(o *Options) { o.ConnectPerSecond = 0 }, "connections"},
		"too much loss":          {func(o *Options) { o.Loss = 0.6 }, "loss"},
		"no number for a loss":   {func(o *Options) { o.Loss = math.NaN() }, "loss"},
		"a storm without end":    {func(o *Options) { o.Storm = time.Millisecond }, "storm"},
		"too much jitter":        {func(o *Options) { o.Jitter = 2 * time.Hour }, "jitter"},
		"too many statistics":    {func(o *Options) { o.Every = time.Millisecond }, "statistics"},
		"nowhere to tell":        {func(o *Options) { o.Out = nil }, "statistics"},
		"a run too long":         {func(o *Options) { o.For = 800 * time.Hour }, "run"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good()
			c.change(&o)
			_, err := New(o)
			if (err == nil) != (c.say == "") || err != nil && (!errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.say)) {
				t.Errorf("%v, want %q", err, c.say)
			}
		})
	}
}

const someCode = "ABCDE-FGHJK-0123-4567-89ab-cdef"

func TestReadCodes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want int
		ok   bool
	}{
		"two":             {"a1," + someCode + "\n# c\na2," + someCode + "\n", 2, true},
		"none":            {"", 0, true},
		"three fields":    {"a1," + someCode + ",x\n", 0, false},
		"no device":       {"A 1," + someCode + "\n", 0, false},
		"a path":          {"../a1," + someCode + "\n", 0, false},
		"no code":         {"a1,ABC\n", 0, false},
		"an open quote":   {"a1,\"ABC\n", 0, false},
		"not text at all": {"\x00\xff", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadCodes(strings.NewReader(c.text))
			if (err == nil) != c.ok || len(got) != c.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func FuzzReadCodes(f *testing.F) {
	f.Add("a1," + someCode + "\n")
	f.Add("a1;x\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		codes, err := ReadCodes(strings.NewReader(text))
		for _, c := range codes {
			if err == nil && (!radio.ValidCode(c.Device) || strings.ContainsAny(c.Device, `/\`)) {
				t.Errorf("device %q would be a file's name", c.Device)
			}
		}
	})
}

// A journal is what the centre can join on: numbered without gaps, chained, and only the
// centre's word removes a record.
func TestJournal(t *testing.T) {
	ctx := t.Context()
	j := newJournal(watch{}, radio.Issued{})
	for range 60 {
		if _, err := j.Append(ctx, radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "t", Why: "start"}}); err != nil {
			t.Fatal(err)
		}
	}
	prev, seq := trust.FirstHash(j.Status().ID), uint64(0)
	for {
		b, ok, err := j.Batch(wire.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if b.First != seq+1 || b.Prev != prev {
			t.Fatalf("batch from %d with %s, want %d with %s", b.First, b.Prev, seq+1, prev)
		}
		for _, raw := range b.Records {
			r, err := radio.ParseRecord(raw)
			if seq++; err != nil || r.Seq != seq {
				t.Fatalf("record %d: %+v, %v", seq, r, err)
			}
			prev = trust.NextHash(prev, raw)
		}
		if err := j.Ack(ctx, b.Journal, seq+1000, nil); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("acknowledged beyond the head: %v", err)
		}
		if err := errors.Join(j.Ack(ctx, "another", seq, nil), j.Ack(ctx, b.Journal, seq, nil), j.Ack(ctx, b.Journal, 1, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if s := j.Status(); seq != 60 || s.Head != 60 || s.Acked != 60 {
		t.Errorf("%d records sent, %+v", seq, s)
	}
	old := j.Status().ID
	if _, err := j.Append(ctx, radio.Record{Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: "keys", Revision: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := j.Renew(ctx, "the centre holds more"); err != nil {
		t.Fatal(err)
	}
	if b, ok, err := j.Batch(50); err != nil || !ok || b.Journal == old || b.First != 1 || b.Prev != trust.FirstHash(b.Journal) || len(b.Records) != 1 {
		t.Errorf("after a renewal: %+v, %v", b, err)
	}
	a, _ := j.NextConnection(ctx)
	if b, _ := j.NextConnection(ctx); b <= a {
		t.Errorf("connection %d after %d", b, a)
	}
}

func TestJournalIsBounded(t *testing.T) {
	j := newJournal(watch{}, radio.Issued{})
	r := radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "t", Why: "start"}}
	for i := 0; ; i++ {
		_, err := j.Append(t.Context(), r)
		if err == nil {
			continue
		}
		if i != maxUnacked || !errors.Is(err, radio.ErrUnavailable) {
			t.Errorf("record %d: %v", i, err)
		}
		return
	}
}

// Commands go through every state of their receipts, in their time, once.
func TestOrders(t *testing.T) {
	var stopped []radio.AiringID
	woken := 0
	j := newJournal(watch{}, radio.Issued{})
	o := &orders{journal: j, wake: func() { woken++ }, stop: func(id radio.AiringID) { stopped = append(stopped, id) }, changed: make(chan struct{})}
	now := time.Now()
	stop := radio.Command{ID: radio.NewID[radio.CommandID](), Do: radio.CommandStop, ExpiresAt: radio.At(now.Add(time.Minute))}
	late := radio.Command{ID: radio.NewID[radio.CommandID](), Do: radio.CommandVolume, ExpiresAt: radio.At(now.Add(-time.Minute))}
	ctx := t.Context()
	if err := errors.Join(o.Take(ctx, stop), o.Take(ctx, stop), o.Take(ctx, late)); err != nil {
		t.Fatal(err)
	}
	o.TurnAway(ctx, radio.NewID[radio.CommandID](), radio.ReasonRange)
	var states []radio.ReceiptState
	for at := now; len(states) < 20; at = at.Add(orderStep + time.Millisecond) {
		states = append(states, o.Receipts()[0].State)
		if next := o.step(at.Add(orderStep)); next.IsZero() {
			break
		}
	}
	got := o.Receipts()
	if len(got) != 3 || got[0].State != radio.ReceiptDone || got[1].State != radio.ReceiptExpired || got[2].State != radio.ReceiptRejected || woken != 3 {
		t.Errorf("%+v, woken %d times", got, woken)
	}
	for i := 1; i < len(states); i++ {
		if states[i].Rank() < states[i-1].Rank() {
			t.Errorf("states %v", states)
		}
	}
	if len(stopped) != 1 {
		t.Errorf("stopped %v", stopped)
	}
	if head := j.Status().Head; head != 6 { // four states of the first, one of each other
		t.Errorf("%d receipts written down", head)
	}
}

// Agents step in the order of their instants, and each stands once in the heap.
func TestStage(t *testing.T) {
	s := stage{kick: make(chan struct{}, 1)}
	now := time.Now()
	agents := make([]*agent, 5)
	for i := range agents {
		agents[i] = &agent{name: string(rune('a' + i))}
		agents[i].cue = cue{index: -1, agent: agents[i]}
		s.call(agents[i], now.Add(time.Duration(10-i)*time.Second))
	}
	s.call(agents[0], now.Add(time.Second))  // earlier: moves
	s.call(agents[4], now.Add(time.Hour))    // later: stays
	s.call(agents[1], now.Add(-time.Second)) // past
	if a, _ := s.next(now); a != agents[1] {
		t.Fatalf("first %+v", a)
	}
	if a, wait := s.next(now); a != nil || wait != time.Second {
		t.Fatalf("then %+v in %s", a, wait)
	}
	var order strings.Builder
	for {
		a, _ := s.next(now.Add(time.Minute))
		if a == nil {
			break
		}
		order.WriteString(a.name)
	}
	if order.String() != "aedc" {
		t.Errorf("order %s", &order)
	}
}

func TestMembersAreKept(t *testing.T) {
	dir := t.TempDir()
	for _, code := range []string{"b", "a"} {
		if err := (member{Code: code, Identity: json.RawMessage(`{"x":1}`), Version: 3, Envelope: json.RawMessage(`{}`)}).write(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readMembers(dir)
	if err != nil || len(got) != 2 || got[0].Code != "a" || got[1].Version != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if none, err := readMembers(filepath.Join(dir, "none")); err != nil || len(none) != 0 {
		t.Errorf("no folder: %v, %v", none, err)
	}
	if err := os.Chmod(filepath.Join(dir, "a.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readMembers(dir); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a key that others may read: %v", err)
	}
	o := good()
	o.Data = t.TempDir()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Run(t.Context()); !errors.Is(err, radio.ErrNotFound) || !strings.Contains(err.Error(), "loaxa device codes") {
		t.Errorf("without identities: %v", err)
	}
}

// The times of an alert are those of first arrivals.
func TestAlertLines(t *testing.T) {
	var s stats
	a := radio.Alert{ID: radio.NewID[radio.AlertID](), IssuedAt: 5}
	at := time.UnixMicro(1_000_000)
	for i := range 100 {
		s.heard(a, radio.DeviceID(rune(i+1)), at.Add(time.Duration(i)*time.Millisecond))
	}
	s.heard(a, radio.DeviceID(rune(1)), at.Add(time.Hour))
	lines := s.lines()
	if len(lines) != 1 || lines[0].Devices != 100 || lines[0].Repeated != 1 || lines[0].FirstUS != 1_000_000 ||
		lines[0].P50US != 1_049_000 || lines[0].P99US != 1_098_000 || lines[0].MaxUS != 1_099_000 {
		t.Errorf("%+v", lines)
	}
	if again := s.lines(); len(again) != 0 {
		t.Errorf("told twice: %+v", again)
	}
	var out bytes.Buffer
	if err := tell(&out, lines[0]); err != nil || !strings.HasPrefix(out.String(), `{"event":"alert"`) {
		t.Errorf("%s, %v", &out, err)
	}
}

// The centre's own address limits are kept by using more addresses, on this machine only.
func TestSources(t *testing.T) {
	for centre, own := range map[string]bool{"https://127.0.0.1:1": true, "https://example.org:1": false, "https://[::1]:1": false} {
		d, err := sources(centre)
		if err != nil || (d != nil) != own {
			t.Errorf("%s: %v, %v", centre, d != nil, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := sources("https://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d(ctx, "tcp", "127.0.0.1:1"); err == nil {
		t.Error("nobody listens")
	}
}
