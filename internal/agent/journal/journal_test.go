package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// lab is a journal with a fake clock.
type lab struct {
	*Store
	clock *clock.Fake
	path  string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{clock: clock.NewFake(start), path: filepath.Join(t.TempDir(), "journal.db")}
	l.open(t)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) open(t *testing.T) {
	t.Helper()
	s, err := Open(Options{Path: l.path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(l.clock, radio.NewID[radio.BootID]()); err != nil {
		t.Fatal(err)
	}
	l.Store = s
}

func (l *lab) reopen(t *testing.T) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.open(t)
}

func (l *lab) write(t *testing.T, r radio.Record) radio.Record {
	t.Helper()
	out, err := l.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fault(text string) radio.Record {
	return radio.Record{Kind: radio.RecordFault, Fault: &radio.FaultRecord{Code: "output", Open: true, Text: text}}
}

func airing(n int64) (began, progress, result radio.Record) {
	key := radio.AiringKey{Device: radio.IDFromBytes[radio.DeviceID]([16]byte{1}), SlotAt: radio.Millis(n), Repeat: 1}
	began = radio.Record{Kind: radio.RecordAiring, Airing: &radio.AiringRecord{ID: key.ID(), Origin: radio.FromSchedule, Key: key, Samples: 1000}}
	progress = radio.Record{Kind: radio.RecordProgress, Progress: &radio.ProgressRecord{ID: key.ID(), Consumed: 441000}}
	result = radio.Record{Kind: radio.RecordResult, Result: &radio.Confirmation{ID: key.ID(), Origin: radio.FromSchedule, Key: key,
		Outcome: radio.Aired, Expected: 1000, Consumed: 1000}}
	return began, progress, result
}

// drain reads the whole journal in batches, checks its chain and acknowledges it.
func (l *lab) drain(t *testing.T, max int) []radio.Record {
	t.Helper()
	var all []radio.Record
	for {
		b, ok, err := l.Batch(max)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		records, last := parse(t, b)
		all = append(all, records...)
		if err := l.Ack(t.Context(), b.Journal, last, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// parse checks a batch as the centre does.
func parse(t *testing.T, b wire.JournalPayload) (all []radio.Record, last uint64) {
	t.Helper()
	if b.First == 1 && b.Prev != trust.FirstHash(b.Journal) {
		t.Fatalf("the first hash is %s", b.Prev)
	}
	for i, raw := range b.Records {
		r, err := radio.ParseRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != b.First+uint64(i) {
			t.Fatalf("record %d of a batch from %d has seq %d", i, b.First, r.Seq)
		}
		all = append(all, r)
	}
	size, err := json.Marshal(b)
	if err != nil || len(size)+100 > wire.Journal.MaxPayload() {
		t.Fatalf("batch of %d bytes, %v", len(size), err)
	}
	return all, b.First + uint64(len(b.Records)) - 1
}

func TestAppendStampsAndChains(t *testing.T) {
	l := newLab(t)
	first := l.write(t, fault("one"))
	l.clock.Advance(time.Second)
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	second := l.write(t, fault("two"))
	if first.Seq != 1 || second.Seq != 2 || first.At != radio.At(start) || second.At != radio.At(start.Add(time.Second)) {
		t.Fatalf("stamped %+v and %+v", first, second)
	}
	if first.Clock.State != "trusted" || first.Clock.BoundMS != 1 || second.Clock.BoundMS != -1 || first.Up != 3600_000 || !radio.ValidID(first.Boot) {
		t.Fatalf("clock stamps %+v, %+v", first, second)
	}
	b, ok, err := l.Batch(50)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	hash := b.Prev
	for _, raw := range b.Records {
		hash = trust.NextHash(hash, raw)
	}
	if hash != l.state.Hash {
		t.Fatal("the chain does not end at the head's hash")
	}
	l.reopen(t)
	if st := l.Status(); st.Head != 2 || st.Acked != 0 || st.ID != b.Journal {
		t.Fatalf("after reopening: %+v", st)
	}
}

func TestAppendRefuses(t *testing.T) {
	l := newLab(t)
	for name, r := range map[string]radio.Record{
		"no kind":      {},
		"part missing": {Kind: radio.RecordBoot},
		"id not of key": {Kind: radio.RecordResult, Result: &radio.Confirmation{ID: radio.NewID[radio.AiringID](),
			Origin: radio.FromSchedule, Outcome: radio.Aired}},
		"too large": {Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: string(make([]byte, 5000))}},
	} {
		if _, err := l.Append(t.Context(), r); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := l.write(t, fault(string(bytes.Repeat([]byte("ạ"), 4000))))
	if long.Seq != 1 || len(long.Fault.Text) > 610 {
		t.Errorf("long text: seq %d, %d bytes", long.Seq, len(long.Fault.Text))
	}
}

func TestBatchesFitAndAreAcknowledged(t *testing.T) {
	l := newLab(t)
	for i := range 120 {
		r := fault(fmt.Sprint(i))
		if i < 60 { // some near the largest size, so that bytes bound a batch, not records
			r = radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: string(bytes.Repeat([]byte("v"), 3700))}}
		}
		l.write(t, r)
	}
	b, _, err := l.Batch(50)
	if err != nil || len(b.Records) >= 50 || len(b.Records) < 20 {
		t.Fatalf("batch of %d large records, %v", len(b.Records), err)
	}
	if again, _, _ := l.Batch(50); len(again.Records) != len(b.Records) {
		t.Fatal("reading a batch removed something")
	}
	if got := l.drain(t, 7); len(got) != 120 {
		t.Fatalf("%d records sent", len(got))
	}
	if st := l.Status(); st.Acked != 120 {
		t.Fatalf("%+v", st)
	}
}

func TestAckRules(t *testing.T) {
	l := newLab(t)
	for i := range 10 {
		l.write(t, fault(fmt.Sprint(i)))
	}
	id := l.Status().ID
	ack := func(journal radio.JournalID, upto uint64, rejected ...wire.Rejected) error {
		return l.Ack(t.Context(), journal, upto, rejected)
	}
	if err := ack(id, 11); !errors.Is(err, radio.ErrInvalid) || l.Status().Acked != 0 {
		t.Errorf("beyond the head: %v", err)
	}
	if err := ack(radio.NewID[radio.JournalID](), 5); err != nil || l.Status().Acked != 0 {
		t.Errorf("another journal's: %v, %+v", err, l.Status())
	}
	for range 2 {
		if err := ack(id, 6, wire.Rejected{Seq: 3, Reason: "poison"}, wire.Rejected{Seq: 9, Reason: "not yet"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ack(id, 4); err != nil || l.Status().Acked != 6 {
		t.Errorf("a late one: %v, %+v", err, l.Status())
	}
	// Acknowledgements are signed, but whoever holds the broker can repeat them for
	// ever: what says nothing new must not wear the flash out.
	before := l.db.Stats()
	for range 20 {
		if err := errors.Join(ack(id, 6, wire.Rejected{Seq: 3, Reason: "poison"}), ack(id, 4), ack(radio.NewID[radio.JournalID](), 5)); err != nil {
			t.Fatal(err)
		}
	}
	after := l.db.Stats()
	if n := after.TxStats.GetWrite() - before.TxStats.GetWrite(); n != 0 {
		t.Errorf("%d writes for repeated acknowledgements", n)
	}
	q, err := l.Quarantined(t.Context())
	if err != nil || len(q) != 1 || q[0].Seq != 3 || q[0].Reason != "poison" || q[0].Journal != id {
		t.Fatalf("quarantined %+v, %v", q, err)
	}
	if r, err := radio.ParseRecord(q[0].Record); err != nil || r.Fault.Text != "2" {
		t.Errorf("quarantined record %+v, %v", r, err)
	}
	if err := l.Rewind(t.Context(), id, 8); err != nil || l.Status().Acked != 6 {
		t.Errorf("rewind forward: %v %+v", err, l.Status())
	}
	if err := l.Rewind(t.Context(), id, 2); err != nil {
		t.Fatal(err)
	}
	if got := l.drain(t, 50); len(got) != 8 || got[0].Seq != 3 {
		t.Errorf("after a rewind %d records from %d", len(got), got[0].Seq)
	}
}

func TestPrune(t *testing.T) {
	l := newLab(t)
	began, _, result := airing(1)
	l.write(t, began)
	l.write(t, result)
	l.clock.Step(-50 * 365 * 24 * time.Hour)
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	late, _, _ := airing(2)
	l.write(t, late) // at "1976": must not look old
	l.clock.Step(50 * 365 * 24 * time.Hour)
	l.clock.SetState(clock.Trusted, clock.SourceKernel, 0)
	l.drain(t, 50)
	l.write(t, fault("not acknowledged"))
	if n, err := l.Prune(t.Context()); n != 0 || err != nil {
		t.Fatalf("pruned %d at once, %v", n, err)
	}
	l.clock.Advance(91 * 24 * time.Hour)
	l.write(t, fault("new"))
	if n, err := l.Prune(t.Context()); n != 2 || err != nil {
		t.Fatalf("pruned %d, %v", n, err)
	}
	if err := l.Rewind(t.Context(), l.Status().ID, 0); err != nil {
		t.Fatal(err)
	}
	l.reopen(t)
	if got := l.drain(t, 50); len(got) != 3 || got[0].Seq != 3 {
		t.Fatalf("%d records left", len(got))
	}
	if begun, err := l.Begun(began.Airing.ID); begun || err != nil {
		t.Errorf("the old mark is there: %v %v", begun, err)
	}
	if begun, err := l.Begun(late.Airing.ID); !begun || err != nil {
		t.Errorf("an airing without a result must stay marked: %v", err)
	}
	if c, err := l.Recent(t.Context(), 5); err != nil || len(c) != 0 {
		t.Errorf("recent %v, %v", c, err)
	}
}

func TestAirings(t *testing.T) {
	l := newLab(t)
	for n := range int64(5) {
		began, progress, result := airing(n)
		l.write(t, began)
		l.write(t, progress)
		progress.Progress.Consumed = 5
		l.write(t, progress)
		if n < 3 {
			l.write(t, result)
			l.write(t, progress)
		}
	}
	_, _, only := airing(9)
	only.Result.Outcome, only.Result.Reason = radio.Missed, radio.ReasonOff
	l.write(t, only)
	l.drain(t, 50)
	l.reopen(t)
	for n, want := range map[int64]bool{0: true, 4: true, 9: true, 7: false} {
		began, _, _ := airing(n)
		if got, err := l.Begun(began.Airing.ID); got != want || err != nil {
			t.Errorf("airing %d begun %t, %v", n, got, err)
		}
	}
	open, consumed, err := l.Unfinished(t.Context())
	if err != nil || len(open) != 2 || consumed[open[0].ID] != 441000 || open[0].Samples != 1000 {
		t.Errorf("unfinished %+v %v %v", open, consumed, err)
	}
	recent, err := l.Recent(t.Context(), 3)
	if err != nil || len(recent) != 3 || recent[0].Outcome != radio.Missed || recent[1].Key.SlotAt != 2 || recent[2].Key.SlotAt != 1 {
		t.Errorf("recent %+v, %v", recent, err)
	}
}

func TestDocuments(t *testing.T) {
	l := newLab(t)
	set := func(rev int64, payload string) error {
		return l.SetDocument(t.Context(), radio.Issued{Document: "policy", Revision: rev, Payload: []byte(payload), Envelope: []byte("e")})
	}
	if _, err := l.Document("policy"); !errors.Is(err, radio.ErrNotFound) {
		t.Fatal(err)
	}
	if err := set(5, "five"); err != nil {
		t.Fatal(err)
	}
	if err := set(4, "old"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("revision 4: %v", err)
	}
	if err := set(5, "again"); err != nil {
		t.Error(err)
	}
	if err := set(7, "seven"); err != nil {
		t.Fatal(err)
	}
	l.reopen(t)
	d, err := l.Document("policy")
	if err != nil || d.Revision != 7 || string(d.Payload) != "seven" || string(d.Envelope) != "e" {
		t.Fatalf("%+v %v", d, err)
	}
	records := l.drain(t, 50)
	if len(records) != 3 || records[2].Revision.Revision != 7 || records[2].Revision.Document != "policy" {
		t.Fatalf("%+v", records)
	}
	// Whatever is held, when that is what is asked for.
	if err := l.ReplaceDocument(t.Context(), radio.Issued{Document: "policy", Revision: 3, Envelope: []byte("e")}); err != nil {
		t.Error(err)
	}
	if d, err := l.Document("policy"); err != nil || d.Revision != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestIdentity(t *testing.T) {
	l := newLab(t)
	if _, err := l.Identity(); !errors.Is(err, radio.ErrNotFound) {
		t.Fatal(err)
	}
	keys := radio.Issued{Document: "keys", Revision: 3, Payload: []byte("ring")}
	if err := l.Keep(t.Context(), "pending", []byte("p")); err != nil {
		t.Fatal(err)
	}
	if err := l.SetIdentity(t.Context(), []byte("me"), keys, radio.RejoinSame, "pending"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Kept("pending"); !errors.Is(err, radio.ErrNotFound) {
		t.Error("the pending value is still there", err)
	}
	began, _, _ := airing(1)
	l.write(t, began)
	old := l.Status().ID
	// Under another root documents and alerts are not believed; what it did itself stays.
	if err := errors.Join(l.SetDocument(t.Context(), radio.Issued{Document: "policy", Revision: 9}),
		l.SetAlert(t.Context(), radio.KeptAlert{ID: radio.NewID[radio.AlertID](), State: []byte("{}")}),
		l.SetIdentity(t.Context(), []byte("me"), radio.Issued{Document: "keys", Revision: 1}, radio.RejoinRoot)); err != nil {
		t.Fatal(err)
	}
	if d, err := l.Document("policy"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("%+v, %v", d, err)
	}
	if alerts, err := l.Alerts(t.Context()); err != nil || len(alerts) != 0 {
		t.Errorf("%+v, %v", alerts, err)
	}
	if begun, err := l.Begun(began.Airing.ID); err != nil || !begun || l.Status().ID != old {
		t.Errorf("its own journal: %v, %v", begun, err)
	}
	if err := l.SetIdentity(t.Context(), []byte("other"), radio.Issued{Document: "keys", Revision: 1}, radio.RejoinOther); err != nil {
		t.Fatal(err)
	}
	if b, err := l.Identity(); string(b) != "other" || err != nil {
		t.Error(string(b), err)
	}
	if d, err := l.Document("keys"); err != nil || d.Revision != 1 {
		t.Error(d, err)
	}
	begun, err := l.Begun(began.Airing.ID)
	if st := l.Status(); err != nil || begun || st.ID == old || st.Head != 0 {
		t.Errorf("the other device's records are there: %+v", st)
	}
}

func TestRenewKeepsWhatIsNotAcknowledged(t *testing.T) {
	l := newLab(t)
	began, progress, result := airing(1)
	for _, r := range []radio.Record{fault("acked"), began, progress, fault("a"), result} {
		l.write(t, r)
	}
	old := l.Status()
	if err := l.Ack(t.Context(), old.ID, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Renew(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	got := l.drain(t, 50)
	if st := l.Status(); st.ID == old.ID || len(got) != 4 || got[0].Seq != 1 || got[3].Kind != radio.RecordResult {
		t.Fatalf("%+v %+v", st, got)
	}
	if open, _, err := l.Unfinished(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("unfinished %v %v", open, err)
	}
}

func TestNumbersOutliveARestart(t *testing.T) {
	l := newLab(t)
	var last uint64
	for i := range 40 {
		if i%7 == 6 {
			l.reopen(t)
		}
		n, err := l.NextConnection(t.Context())
		if err != nil || n <= last {
			t.Fatalf("connection %d after %d, %v", n, last, err)
		}
		last = n
	}
	floor := l.Floor()
	if at, err := floor.Load(t.Context()); err != nil || !at.IsZero() {
		t.Fatal(at, err)
	}
	for _, at := range []time.Time{start, start.Add(-time.Hour)} {
		if err := floor.Store(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Heartbeat(); err != nil {
		t.Fatal(err)
	}
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	l.clock.Advance(time.Hour)
	if err := l.Heartbeat(); err != nil {
		t.Fatal(err)
	}
	l.reopen(t)
	if at, err := l.Floor().Load(t.Context()); err != nil || !at.Equal(start) {
		t.Error("floor", at, err)
	}
	if at, err := l.LastSeen(t.Context()); err != nil || at != radio.At(start) {
		t.Error("last seen", at, err)
	}
}

func TestSecondProcessIsTold(t *testing.T) {
	l := newLab(t)
	if s, err := Open(Options{Path: l.path}); !errors.Is(err, radio.ErrConflict) {
		t.Fatal(s, err)
	}
	l.write(t, fault("still whole"))
}
