package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func logSuites() []Suite {
	return []Suite{
		{"log/journal", logJournal},
		{"log/disputes and quarantine", logDisputes},
		{"log/all or nothing", logAtomic},
		{"log/writers come one after the other", logSerial},
		{"log/presence", logPresence},
		{"log/hello and report", logNews},
		{"log/receipts", logReceipts},
		{"log/rows and words", logRows},
		{"log/paging and filters", logPaging},
		{"log/counts", logCounts},
		{"log/rollups equal the rows", logRollups},
		{"log/snapshot", logSnapshot},
		{"log/deadline", logDue},
		{"log/what devices leave unsaid", logUnjudged},
		{"log/freeze mark", logFreeze},
	}
}

// logTx runs f in a transaction and fails the test on an error.
func logTx(t *testing.T, s *store.Store, f func(ctx context.Context, tx *store.LogTx) error) {
	t.Helper()
	if err := s.Log(t.Context(), func(tx *store.LogTx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func need[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var logStart = radio.At(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC))

func journalRef() radio.JournalRef {
	return radio.JournalRef{Device: radio.NewID[radio.DeviceID](), Journal: radio.NewID[radio.JournalID]()}
}

func entry(ref radio.JournalRef, seq uint64) radio.JournalEntry {
	return radio.JournalEntry{JournalRef: ref, Seq: seq, Link: [32]byte{byte(seq), 1}, Kind: radio.RecordBoot, At: logStart, Bytes: fmt.Appendf(nil, `{"seq":%d}`, seq)}
}

func logJournal(t *testing.T, s *store.Store) {
	ref, other := journalRef(), journalRef()
	w := radio.JournalWrite{At: logStart}
	for seq := uint64(1); seq <= 5; seq++ {
		w.Entries = append(w.Entries, entry(ref, seq))
	}
	w.Entries[3].Poison, w.Entries[3].Kind = "bad", ""
	w.Heads = []radio.JournalHead{{JournalRef: ref, Upto: 5, Link: w.Entries[4].Link, Linked: true}}
	w.Proofs = []radio.JournalProof{
		{JournalRef: ref, New: 1, First: 1, Last: 2, Signatures: []byte(`[1]`)},
		{JournalRef: ref, New: 3, First: 2, Last: 5, Prev: [32]byte{9}, Signatures: []byte(`[2]`), Payload: []byte(`p`)},
	}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		if heads, err := tx.JournalHeads(ctx, []radio.JournalRef{ref, other}); err != nil || len(heads) != 0 {
			t.Errorf("heads of a new journal: %v, %v", heads, err)
		}
		return tx.WriteJournal(ctx, w)
	})
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		heads := need[map[radio.JournalRef]radio.JournalHead](t)(tx.JournalHeads(ctx, []radio.JournalRef{ref, other}))
		if len(heads) != 1 || heads[ref] != w.Heads[0] {
			t.Errorf("heads: %v", heads)
		}
		links := need[map[uint64][32]byte](t)(tx.JournalLinks(ctx, ref, 2, 4))
		if len(links) != 3 || links[4] != w.Entries[3].Link {
			t.Errorf("links: %v", links)
		}
		w.Heads[0].Upto, w.Heads[0].Linked = 9, false
		return tx.WriteJournal(ctx, radio.JournalWrite{At: logStart, Heads: w.Heads})
	})
	if upto := need[radio.JournalHead](t)(s.JournalHead(t.Context(), ref)).Upto; upto != 9 {
		t.Errorf("watermark %d", upto)
	}
	if upto := need[radio.JournalHead](t)(s.JournalHead(t.Context(), radio.JournalRef{Device: other.Device, Journal: ref.Journal})).Upto; upto != 0 {
		t.Errorf("watermark of a stranger %d", upto)
	}
	proof, records, err := s.JournalProof(t.Context(), ref, 4)
	if err != nil || proof.New != 3 || proof.First != 2 || proof.Last != 5 || proof.Prev != [32]byte{9} || string(proof.Payload) != "p" ||
		len(records) != 4 || string(records[2]) != `{"seq":4}` {
		t.Errorf("proof %+v, records %q, error %v", proof, records, err)
	}
	if _, _, err := s.JournalProof(t.Context(), ref, 6); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("proof of a record not held: %v", err)
	}
	err = s.Log(t.Context(), func(tx *store.LogTx) error {
		return tx.WriteJournal(t.Context(), radio.JournalWrite{At: logStart, Entries: []radio.JournalEntry{entry(ref, 5)}})
	})
	if !errors.Is(err, radio.ErrConflict) {
		t.Errorf("the same key twice: %v", err)
	}
}

func logDisputes(t *testing.T, s *store.Store) {
	ref := journalRef()
	poison := entry(ref, 1)
	poison.Poison = "not JSON"
	d := radio.JournalDispute{JournalRef: ref, Kind: radio.DisputeFork, Seq: 1, Last: 1, Held: [32]byte{1}, Claimed: [32]byte{2}, Bytes: []byte("b"), Envelope: []byte("e")}
	again := d
	again.Claimed = [32]byte{3}
	again.Bytes, again.Envelope = nil, nil
	for _, w := range []radio.JournalWrite{
		{At: logStart, Entries: []radio.JournalEntry{poison}, Disputes: []radio.JournalDispute{d}},
		{At: logStart + 1, Disputes: []radio.JournalDispute{d}}, // told once
		{At: logStart + 2, Disputes: []radio.JournalDispute{again}},
	} {
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.WriteJournal(ctx, w) })
	}
	got := need[[]radio.JournalDispute](t)(s.JournalDisputes(t.Context(), ref.Device, 10))
	if len(got) != 2 || got[0].Claimed != again.Claimed || got[0].Envelope != nil || string(got[1].Bytes) != "b" || string(got[1].Envelope) != "e" || got[1].Held != d.Held {
		t.Errorf("disputes: %+v", got)
	}
	kept := need[[]radio.JournalEntry](t)(s.JournalPoison(t.Context(), ref.Device, 10))
	if len(kept) != 1 || kept[0].Poison != "not JSON" || string(kept[0].Bytes) != `{"seq":1}` {
		t.Errorf("quarantine: %+v", kept)
	}
}

func logAtomic(t *testing.T, s *store.Store) {
	ref := journalRef()
	stop := errors.New("stop")
	err := s.Log(t.Context(), func(tx *store.LogTx) error {
		w := radio.JournalWrite{At: logStart, Entries: []radio.JournalEntry{entry(ref, 1)}, Heads: []radio.JournalHead{{JournalRef: ref, Upto: 1}}}
		return errors.Join(tx.WriteJournal(t.Context(), w), stop)
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if upto := need[radio.JournalHead](t)(s.JournalHead(t.Context(), ref)).Upto; upto != 0 {
		t.Errorf("watermark %d after a transaction that failed", upto)
	}
}

// logSerial: read, decide and write in one transaction loses no update.
func logSerial(t *testing.T, s *store.Store) {
	ref := journalRef()
	const writers, rounds = 4, 10
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for range rounds {
				err := s.Log(t.Context(), func(tx *store.LogTx) error {
					heads, err := tx.JournalHeads(t.Context(), []radio.JournalRef{ref})
					if err != nil {
						return err
					}
					h := heads[ref]
					h.JournalRef = ref
					h.Upto++
					return tx.WriteJournal(t.Context(), radio.JournalWrite{At: logStart, Heads: []radio.JournalHead{h}})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if upto := need[radio.JournalHead](t)(s.JournalHead(t.Context(), ref)).Upto; upto != writers*rounds {
		t.Errorf("watermark %d, want %d", upto, writers*rounds)
	}
}

func logPresence(t *testing.T, s *store.Store) {
	type step struct {
		alive      bool
		connection uint64
	}
	hello := step{connection: 1 << 40} // stands for a hello of connection 2
	for name, c := range map[string]struct {
		steps []step
		want  radio.Presence
	}{
		"birth":                                  {[]step{{true, 3}}, radio.Presence{Alive: true, Connection: 3}},
		"birth, then its death":                  {[]step{{true, 3}, {false, 3}}, radio.Presence{Connection: 3}},
		"an older death is ignored":              {[]step{{true, 3}, {false, 2}}, radio.Presence{Alive: true, Connection: 3}},
		"an older birth is ignored":              {[]step{{true, 3}, {true, 2}}, radio.Presence{Alive: true, Connection: 3}},
		"a birth repeated after its death":       {[]step{{true, 3}, {false, 3}, {true, 3}}, radio.Presence{Connection: 3}},
		"a newer birth before the older death":   {[]step{{true, 3}, {true, 4}, {false, 3}}, radio.Presence{Alive: true, Connection: 4}},
		"a death without its birth":              {[]step{{true, 3}, {false, 5}}, radio.Presence{Connection: 5}},
		"a hello counts below the number held":   {[]step{{true, 9}, {false, 9}, hello}, radio.Presence{Alive: true, Connection: 2}},
		"after such a hello the old birth waits": {[]step{{true, 9}, hello, {false, 2}}, radio.Presence{Connection: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			device := radio.NewID[radio.DeviceID]()
			for i, st := range c.steps {
				n := radio.DeviceNews{Device: device, Received: logStart + radio.Millis(i), Presence: &radio.Presence{Alive: st.alive, Connection: st.connection}}
				if st == hello {
					n.Presence, n.Hello, n.Connection = nil, []byte(`{}`), 2
				}
				logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.PutNews(ctx, []radio.DeviceNews{n}) })
			}
			got := need[radio.DeviceState](t)(s.DeviceState(t.Context(), device)).Presence
			got.At = 0
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if err := s.ForgetPresence(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range need[[]radio.DeviceState](t)(s.DeviceStates(t.Context())) {
		if d.Alive {
			t.Errorf("device %s is connected to a centre that has only just begun", d.Device)
		}
	}
}

func logNews(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	if _, err := s.DeviceState(t.Context(), device); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("a device that said nothing: %v", err)
	}
	at := func(n radio.Millis) radio.Millis { return logStart + n }
	for _, n := range []radio.DeviceNews{
		{Received: at(1), Presence: &radio.Presence{Alive: true, Connection: 1}},
		{Received: at(2), Hello: []byte(`{"a":1}`), Connection: 1},
		{Received: at(3), Reported: []byte(`{"b":1}`)},
		{Received: at(4), Reported: []byte(`{"b":1}`)}, // a broker repeats what it retained
		{Received: at(5), Presence: &radio.Presence{Alive: false, Connection: 1}},
	} {
		n.Device = device
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.PutNews(ctx, []radio.DeviceNews{n}) })
	}
	got := need[radio.DeviceState](t)(s.DeviceState(t.Context(), device))
	if got.LastSeen != at(3) || got.HelloAt != at(2) || got.ReportedAt != at(3) || got.Alive || got.At != at(5) ||
		string(got.Hello) != `{"a":1}` || string(got.Reported) != `{"b":1}` {
		t.Errorf("state: %+v", got)
	}
	// Records are a sign of life, too; what they tell never goes back.
	for _, told := range []radio.Millis{at(50), at(20)} {
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			return tx.PutHeard(ctx, at(60), nil, map[radio.DeviceID]radio.Millis{device: told})
		})
	}
	all := need[[]radio.DeviceState](t)(s.DeviceStates(t.Context()))
	if len(all) != 1 || all[0].LastSeen != at(60) || all[0].JournalAt != at(50) {
		t.Errorf("states: %+v", all)
	}
}

func logReceipts(t *testing.T, s *store.Store) {
	device := radio.NewID[radio.DeviceID]()
	for i, state := range []string{"received", "running", "accepted", "running", "done", "received", "failed"} {
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			return tx.PutReceipts(ctx, []radio.Receipt{{Device: device, ID: "X", State: radio.ReceiptState(state), At: logStart, Received: logStart + radio.Millis(i)}})
		})
	}
	got := need[[]radio.Receipt](t)(s.Receipts(t.Context(), device, 10))
	if len(got) != 1 || got[0].State != "done" || got[0].Received != logStart+4 {
		t.Errorf("receipts: %+v", got)
	}
	// Of each state its first word, whatever the order.
	steps := map[radio.ReceiptState]radio.Millis{}
	for _, r := range need[[]radio.Receipt](t)(s.ReceiptSteps(t.Context(), "X", device)) {
		steps[r.State] = r.Received - logStart
	}
	same(t, "steps", steps, map[radio.ReceiptState]radio.Millis{"received": 0, "running": 1, "accepted": 2, "done": 4, "failed": 6})
	if other := need[[]radio.Receipt](t)(s.ReceiptSteps(t.Context(), "Y", "")); len(other) != 0 {
		t.Errorf("steps of another id: %+v", other)
	}
}
