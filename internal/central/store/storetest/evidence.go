package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func evidenceSuites() []Suite {
	return []Suite{
		{"evidence/journals", evidenceJournals},
		{"evidence/checkpoints", evidenceCheckpoints},
		{"evidence/closed months", evidenceMonths},
		{"evidence/as known", evidenceKnown},
		{"evidence/settled days", evidenceSettled},
	}
}

// evidenceJournals: what is kept is given back byte for byte, page by page.
func evidenceJournals(t *testing.T, s *store.Store) {
	ref := journalRef()
	w := radio.JournalWrite{At: logStart}
	for seq := uint64(1); seq <= 7; seq++ {
		w.Entries = append(w.Entries, entry(ref, seq))
	}
	w.Entries[3].Poison, w.Entries[3].Kind, w.Entries[3].At = "bad", "", 0
	w.Heads = []radio.JournalHead{{JournalRef: ref, Upto: 7, Link: w.Entries[6].Link, Linked: true}}
	w.Proofs = []radio.JournalProof{{JournalRef: ref, New: 1, First: 1, Last: 3, Prev: [32]byte{1}, Signatures: []byte(`[1]`)},
		{JournalRef: ref, New: 4, First: 2, Last: 7, Prev: [32]byte{2}, Signatures: []byte(`[2]`), Payload: []byte(`p`)}}
	w.Disputes = []radio.JournalDispute{{JournalRef: ref, Kind: radio.DisputeGap, Seq: 5, Last: 6, Held: [32]byte{5}},
		{JournalRef: ref, Kind: radio.DisputeFork, Seq: 2, Last: 2, Held: [32]byte{2}, Claimed: [32]byte{3}, Bytes: []byte("x"), Envelope: []byte("e")}}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.WriteJournal(ctx, w) })
	if got := need[[]radio.DeviceID](t)(s.JournalDevices(t.Context())); !slices.Equal(got, []radio.DeviceID{ref.Device}) {
		t.Errorf("devices %v", got)
	}
	want := []radio.KeptJournal{{JournalHead: w.Heads[0], From: 1}}
	if got := need[[]radio.KeptJournal](t)(s.Journals(t.Context(), ref.Device)); !reflect.DeepEqual(got, want) {
		t.Errorf("journals %+v", got)
	}
	var records []radio.KeptRecord
	for after := uint64(0); ; {
		page := need[[]radio.KeptRecord](t)(s.JournalRecords(t.Context(), ref, after, 3))
		records = append(records, page...)
		if len(page) < 3 {
			break
		}
		after = page[len(page)-1].Seq
	}
	if len(records) != 7 {
		t.Fatalf("%d records", len(records))
	}
	for i, r := range records {
		e := w.Entries[i]
		if r.Seq != e.Seq || r.Link != e.Link || r.Kind != e.Kind || r.At != e.At || r.Received != logStart || !bytes.Equal(r.Bytes, e.Bytes) || r.Poison != e.Poison {
			t.Errorf("record %+v, want %+v", r, e)
		}
	}
	batches := need[[]radio.KeptBatch](t)(s.JournalBatches(t.Context(), ref, 2, 10))
	if len(batches) != 1 || !reflect.DeepEqual(batches[0], radio.KeptBatch{JournalProof: w.Proofs[1], Received: logStart}) {
		t.Errorf("batches %+v", batches)
	}
	events := need[[]radio.JournalDispute](t)(s.JournalEvents(t.Context(), ref, 10))
	if len(events) != 2 || events[0].Kind != radio.DisputeFork || events[1].Last != 6 || events[0].Claimed != [32]byte{3} || !bytes.Equal(events[0].Envelope, []byte("e")) {
		t.Errorf("events %+v", events)
	}
	if got := need[[]radio.Certificate](t)(s.DeviceCertificates(t.Context(), ref.Device)); len(got) != 0 {
		t.Errorf("certificates %+v", got)
	}
}

// evidenceCheckpoints: they are numbered, hold the end of every journal whose chain is
// held, in order, and are all or nothing.
func evidenceCheckpoints(t *testing.T, s *store.Store) {
	write := func(h radio.JournalHead) {
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			return tx.WriteJournal(ctx, radio.JournalWrite{At: logStart, Heads: []radio.JournalHead{h}})
		})
	}
	var heads []radio.JournalHead
	for i := range 5 {
		h := radio.JournalHead{JournalRef: journalRef(), Upto: uint64(i + 1), Link: [32]byte{byte(i)}, Linked: true}
		heads = append(heads, h)
		write(h)
	}
	write(radio.JournalHead{JournalRef: journalRef(), Upto: 3})
	write(radio.JournalHead{JournalRef: journalRef(), Linked: true})
	slices.SortFunc(heads, func(a, b radio.JournalHead) int { return bytes.Compare([]byte(a.Device), []byte(b.Device)) })
	gaps := [][2]uint64{{1, 1}, {2, 3}, {6, 9}} // the last behind any head
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
		w := radio.JournalWrite{At: logStart, Disputes: []radio.JournalDispute{{JournalRef: heads[2].JournalRef, Kind: radio.DisputeBreak, Seq: 1, Last: 1}}}
		for _, g := range gaps {
			w.Disputes = append(w.Disputes, radio.JournalDispute{JournalRef: heads[2].JournalRef, Kind: radio.DisputeGap, Seq: g[0], Last: g[1]})
		}
		return tx.WriteJournal(ctx, w)
	})
	var lost [32]byte
	for _, g := range gaps {
		if g[1] <= heads[2].Upto {
			lost = radio.AddGap(lost, g[0], g[1])
		}
	}
	must(t, s.Witness(t.Context(), "key.sign", "x", logStart, func() (radio.AuditFacts, error) { return radio.AuditFacts{}, nil }))
	day := func(n int) radio.Millis { return logStart.Add(time.Duration(n) * 24 * time.Hour) }
	make := func(n int) (radio.KeptCheckpoint, []radio.CheckpointMark, radio.KeptCheckpoint) {
		var before radio.KeptCheckpoint
		var got []radio.CheckpointMark
		c, err := s.Checkpoint(t.Context(), func(over radio.Countersigned) (radio.KeptCheckpoint, error) {
			before, got = over.Last, over.Marks
			if len(over.Audit.Hash) != 64 || over.Audit.Seq < 1 || len(over.Months) != 0 {
				t.Errorf("over %+v, %+v", over.Audit, over.Months)
			}
			return radio.KeptCheckpoint{At: day(n), Digest: [32]byte{byte(n + 1)}, Envelope: fmt.Append(nil, n)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return c, got, before
	}
	first, marks, before := make(0)
	if before.Number != 0 || first.Number != 1 || first.Size != 5 || len(marks) != 5 {
		t.Fatalf("first %+v, %+v, %+v", first, marks, before)
	}
	for i, m := range marks {
		if m.JournalRef != heads[i].JournalRef || m.Place != i || m.Number != 1 || m.Upto != heads[i].Upto || m.Hash != heads[i].Link || (i == 2) != (m.Gaps == lost && lost != [32]byte{}) || i != 2 && m.Gaps != [32]byte{} {
			t.Errorf("mark %+v of %+v", m, heads[i])
		}
	}
	broken := errors.New("broken")
	if _, err := s.Checkpoint(t.Context(), func(radio.Countersigned) (radio.KeptCheckpoint, error) {
		return radio.KeptCheckpoint{}, broken
	}); !errors.Is(err, broken) {
		t.Error(err)
	}
	for n := 1; n < 40; n++ {
		if _, _, before := make(n); before.Number != uint64(n) || before.Digest != [32]byte{byte(n)} {
			t.Errorf("before %+v", before)
		}
	}
	if got := need[[]radio.KeptCheckpoint](t)(s.Checkpoints(t.Context(), 38, 10)); len(got) != 2 || got[1].Number != 40 || !bytes.Equal(got[1].Envelope, []byte("39")) || got[1].At != day(39) {
		t.Errorf("checkpoints %+v", got)
	}
	if got := need[[]radio.CheckpointMark](t)(s.CheckpointMarks(t.Context(), 1)); !slices.Equal(got, marks) {
		t.Errorf("marks %+v", got)
	}
	if got := need[[]radio.CheckpointMark](t)(s.JournalMarks(t.Context(), heads[2].JournalRef)); len(got) != 40 || got[39].Number != 40 || got[39].Place != 2 {
		t.Errorf("%d marks of a journal", len(got))
	}
	// 23 November to 1 January; of November only the last stays.
	if n := need[int64](t)(s.ThinCheckpoints(t.Context(), day(12), time.UTC)); n != 5*(7+3) {
		t.Errorf("%d marks dropped", n)
	}
	if n := need[int64](t)(s.ThinCheckpoints(t.Context(), day(12), time.UTC)); n != 0 {
		t.Errorf("%d marks dropped the second time", n)
	}
	if got := need[[]radio.CheckpointMark](t)(s.JournalMarks(t.Context(), heads[2].JournalRef)); len(got) != 30 {
		t.Errorf("%d marks of a journal are left", len(got))
	}
	for range 2 {
		if err := s.KeepKeyring(t.Context(), 7, []byte("k"), logStart); err != nil {
			t.Fatal(err)
		}
	}
	if got := need[[][]byte](t)(s.Keyrings(t.Context())); len(got) != 1 || !bytes.Equal(got[0], []byte("k")) {
		t.Errorf("keyrings %q", got)
	}
}

// said lets words be said about a row, as reconcile does, and writes it.
func said(t *testing.T, s *store.Store, row radio.AsRun, words ...radio.Word) radio.AsRun {
	t.Helper()
	c := radio.AsRunChange{Row: row, Only: row.Words > 0}
	for _, w := range words {
		kept, _ := c.Row.Take(w)
		c.Words = append(c.Words, kept)
	}
	logTx(t, s, func(ctx context.Context, tx *store.LogTx) error { return tx.PutAsRuns(ctx, []radio.AsRunChange{c}) })
	return c.Row
}

// evidenceMonths: what is said after a month was closed is an amendment of it, of no
// other; rows come in the order in which the snapshot counts them.
func evidenceMonths(t *testing.T, s *store.Store) {
	device, other := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	row, next := asRun(device, "C1", logStart), asRun(device, "C1", logStart.Add(20*24*time.Hour))
	// The last evening of November, UTC+7, is another part of the log than its slot's.
	edge := asRun(other, "C2", radio.At(time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC)))
	putRows(t, s, row, next, edge)
	closed := logStart.Add(40 * 24 * time.Hour)
	if _, err := s.ClosedMonth(t.Context(), "2026-11"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("not closed yet: %v", err)
	}
	for _, at := range []radio.Millis{closed, closed + 5} {
		if got := need[radio.Millis](t)(s.BeginClosing(t.Context(), "2026-11", "an", at)); got != closed {
			t.Errorf("began %d", got)
		}
	}
	row = said(t, s, row, radio.Word{From: radio.WordDevice, KnownAt: closed + 10, Outcome: radio.Aired, Consumed: 9, Journal: "J", Seq: 1})
	said(t, s, next, radio.Word{From: radio.WordDevice, KnownAt: closed + 11, Outcome: radio.Aired, Consumed: 9, Journal: "J", Seq: 2})
	var rows []radio.AiringID
	if err := s.MonthRows(t.Context(), "2026-11", func(r radio.KeptRow) error {
		rows = append(rows, r.Airing)
		if was, ok := r.AsKnown(closed); !ok || was.Outcome != radio.PendingOutcome {
			t.Errorf("as known %+v", was)
		}
		return nil
	}); err != nil || !slices.Equal(rows, []radio.AiringID{row.Airing}) {
		t.Errorf("rows %v, %v", rows, err)
	}
	m := radio.ClosedMonth{Month: "2026-11", ClosedAt: closed, By: "an", Rows: 1, Planned: map[radio.Outcome]int64{radio.PendingOutcome: 1}, Unplanned: 2, Digest: "d", Checkpoint: 3, Envelope: []byte("e")}
	if err := s.FinishClosing(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := s.FinishClosing(t.Context(), m); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("finished twice: %v", err)
	}
	if _, err := s.BeginClosing(t.Context(), "2026-11", "an", closed); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("closed twice: %v", err)
	}
	// The next checkpoint names it, once; a closing that goes on is not named.
	need[radio.Millis](t)(s.BeginClosing(t.Context(), "2026-10", "an", closed))
	for _, want := range []int{1, 0} {
		need[radio.KeptCheckpoint](t)(s.Checkpoint(t.Context(), func(over radio.Countersigned) (radio.KeptCheckpoint, error) {
			if len(over.Months) != want || want == 1 && (over.Months[0].Month != "2026-11" || !bytes.Equal(over.Months[0].Envelope, m.Envelope)) {
				t.Errorf("months since the last %+v", over.Months)
			}
			return radio.KeptCheckpoint{At: closed, Digest: [32]byte{1}, Envelope: []byte("c")}, nil
		}))
	}
	m.Amendments = 1
	if got := need[radio.ClosedMonth](t)(s.ClosedMonth(t.Context(), "2026-11")); !reflect.DeepEqual(got, m) {
		t.Errorf("closed %+v, want %+v", got, m)
	}
	row = said(t, s, row, radio.Word{From: radio.WordDevice, KnownAt: closed + 20, Outcome: radio.Aired, Consumed: 4, Journal: "J", Seq: 3})
	list := need[[]radio.Amendment](t)(s.Amendments(t.Context(), "2026-11", nil, 0, 10))
	if len(list) != 2 || list[0].Word.Seq != 3 || list[0].Was != radio.Aired || list[1].Was != radio.PendingOutcome || list[1].Word.Seq != 1 || list[1].Row != row {
		t.Errorf("amendments %+v", list)
	}
	for what, got := range map[string][]radio.Amendment{
		"other communes": need[[]radio.Amendment](t)(s.Amendments(t.Context(), "2026-11", []radio.AreaID{"C2"}, 0, 10)),
		"nowhere":        need[[]radio.Amendment](t)(s.Amendments(t.Context(), "2026-11", []radio.AreaID{}, 0, 10)),
		"earlier":        need[[]radio.Amendment](t)(s.Amendments(t.Context(), "2026-11", nil, closed+10, 10)),
		"another month":  need[[]radio.Amendment](t)(s.Amendments(t.Context(), "2026-12", nil, 0, 10)),
	} {
		if len(got) != 0 {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := need[[]int64](t)(s.LogParts(t.Context())); !slices.Equal(got, []int64{202611, 202612}) {
		t.Errorf("parts %v", got)
	}
	if got := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), "2026-11", 10)); len(got) != 1 || got[0].Action != "log.close" || got[0].Actor != "an" {
		t.Errorf("audit %+v", got)
	}
}

// evidenceKnown plays random lives of rows and asks for the log as it was known at any
// instant: pages and sums are those that were seen then.
func evidenceKnown(t *testing.T, s *store.Store) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(58, seed))
	communes, devices := []radio.AreaID{radio.NewID[radio.AreaID](), radio.NewID[radio.AreaID]()}, []radio.DeviceID{radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()}
	type seen struct {
		at  radio.Millis
		row radio.AsRun
	}
	lives := map[radio.AiringID][]seen{}
	held := map[radio.AiringID]radio.AsRun{}
	now := logStart
	for range 120 {
		now = now.Add(time.Duration(1+r.IntN(60)) * time.Minute)
		if len(held) == 0 || r.IntN(3) == 0 {
			a := asRun(devices[r.IntN(2)], communes[r.IntN(2)], logStart.Add(time.Duration(r.IntN(5*24))*time.Hour))
			a.FrozenAt, a.KnownAt = now, now
			if r.IntN(4) == 0 { // sound nobody planned: a word makes it
				a.Origin, a.FrozenAt = radio.FromLocal, 0
				a = said(t, s, a, radio.Word{From: radio.WordDevice, KnownAt: now, Outcome: radio.Aired, Consumed: 5, Expected: a.Expected})
			} else {
				putRows(t, s, a)
			}
			held[a.Airing] = a
			lives[a.Airing] = append(lives[a.Airing], seen{now, a})
			continue
		}
		for id, a := range held {
			w := radio.Word{From: radio.WordDevice, KnownAt: now, Outcome: radio.Outcomes()[1+r.IntN(8)], Consumed: int64(r.IntN(100)), Expected: 100}
			if a.From != radio.WordDevice && r.IntN(2) == 0 {
				w = radio.Word{From: radio.WordCentre, KnownAt: now, Outcome: []radio.Outcome{radio.Cancelled, radio.Silent, radio.PendingOutcome}[r.IntN(3)], Expected: a.Expected}
			}
			held[id] = said(t, s, a, w)
			lives[id] = append(lives[id], seen{now, held[id]})
			break
		}
	}
	for range 60 {
		f := radio.LogFilter{From: "2026-11-20", To: "2026-12-05", KnownAt: logStart.Add(time.Duration(r.IntN(int(now-logStart)/60000)) * time.Minute)}
		switch r.IntN(5) {
		case 0:
			f.Commune = communes[0]
		case 1:
			f.Communes = communes
		case 2:
			f.Device = devices[0]
		}
		f.Outcome = slices.Concat(radio.Outcomes(), []radio.Outcome{"", "", radio.NotAired, radio.Lacking, radio.Unplanned})[r.IntN(15)]
		want := map[radio.AiringID]radio.AsRun{}
		var sums radio.LogTotals
		for id, life := range lives {
			for _, l := range life {
				if l.at <= f.KnownAt {
					want[id] = l.row
				}
			}
			a, ok := want[id]
			in := ok && (f.Commune == "" || a.Commune == f.Commune) && (f.Device == "" || a.Key.Device == f.Device) &&
				(slices.Contains(f.Outcomes(), a.Outcome) && f.Outcome != radio.Unplanned || f.Outcome == radio.Unplanned && !a.Planned())
			if !in {
				delete(want, id)
				continue
			}
			sums.Add(radio.LogCount{Planned: a.Planned(), Outcome: a.Outcome, Rows: 1})
		}
		for limit, after := 1+r.IntN(9), (radio.LogCursor{}); ; {
			rows := need[[]radio.AsRun](t)(s.AsRuns(t.Context(), f, after, limit))
			for _, a := range rows {
				w, ok := want[a.Airing]
				a.Words = w.Words // of what did not count it is not looked up when it was said
				if !ok || a != w {
					t.Fatalf("%+v gives %+v\nwant %+v (%v)", f, a, w, ok)
				}
				delete(want, a.Airing)
				after = a.Cursor()
			}
			if len(rows) < limit {
				break
			}
		}
		if len(want) > 0 {
			t.Fatalf("%+v lacks %d rows", f, len(want))
		}
		got := need[radio.LogTotals](t)(s.LogTotals(t.Context(), f))
		if got.Planned != sums.Planned || got.Unplanned != sums.Unplanned {
			t.Fatalf("%+v counts %+v, want %+v", f, got, sums)
		}
		for _, o := range radio.Outcomes() {
			if got.Outcomes[o] != sums.Outcomes[o] {
				t.Fatalf("%+v counts %+v, want %+v", f, got, sums)
			}
		}
	}
}

// evidenceSettled: a device's rows of some days with their words, its book of days, and the
// leaf of its end in a checkpoint. A device whose newest programme the log has not met waits.
func evidenceSettled(t *testing.T, s *store.Store) {
	device, other := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	row, next := asRun(device, "C1", logStart), asRun(device, "C1", logStart.Add(20*24*time.Hour))
	putRows(t, s, row, next, asRun(other, "C2", logStart))
	row = said(t, s, row, radio.Word{From: radio.WordDevice, KnownAt: logStart + 10, Outcome: radio.Aired, Consumed: 9, Journal: "J", Seq: 1})
	if got := need[[]radio.DeviceID](t)(s.LogDevices(t.Context(), 0)); len(got) != 2 {
		t.Errorf("devices %v", got)
	}
	if err := s.AddIssued(t.Context(), radio.Issued{Device: other, Document: "programme", Revision: 9, IssuedAt: logStart - 5, Digest: "x", Payload: []byte(`{}`), Envelope: []byte("e")}); err != nil {
		t.Fatal(err)
	}
	settle := func(from, to radio.Millis) (asked int) {
		err := s.Settle(t.Context(), []radio.DeviceID{device, other}, from, to, func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error) {
			asked++
			if end.Device != device || len(rows) != 1 || rows[0].Airing == row.Airing && (len(rows[0].Said) != 1 || rows[0].Outcome != radio.Aired) {
				t.Errorf("of %+v: %+v", end, rows)
			}
			n := end.N + 1
			return []radio.SettledDay{{Device: device, N: n, Before: end.Day, Day: rows[0].Day, KnownAt: to, Rows: 1, Digest: "d", Body: []byte{byte(n)}, Link: [32]byte{byte(n)}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return asked
	}
	day := radio.Millis((24 * time.Hour).Milliseconds())
	for _, c := range []struct{ from, want int }{{0, 1}, {5, 0}, {20, 1}} {
		from := logStart + radio.Millis(c.from)*day
		if got := settle(from, from+day); got != c.want {
			t.Errorf("day %d: asked for %d", c.from, got)
		}
	}
	days := need[[]radio.SettledDay](t)(s.SettledDays(t.Context(), device, 0, 10, true))
	if len(days) != 2 || days[0].Before != "" || days[1].Before != days[0].Day || !bytes.Equal(days[1].Body, []byte{2}) || days[1].Rows != 1 || days[1].KnownAt != logStart+21*day {
		t.Errorf("settled %+v", days)
	}
	ends := need[[]radio.BookEnd](t)(s.BookEnds(t.Context()))
	if len(ends) != 1 || ends[0] != (radio.BookEnd{Device: device, N: 2, Day: days[1].Day, Link: [32]byte{2}}) {
		t.Errorf("ends %+v", ends)
	}
	need[radio.KeptCheckpoint](t)(s.Checkpoint(t.Context(), func(over radio.Countersigned) (radio.KeptCheckpoint, error) {
		if len(over.Marks) != 1 || over.Marks[0].Journal != "" || over.Marks[0].Upto != 2 || over.Marks[0].Hash != ([32]byte{2}) {
			t.Errorf("marks %+v", over.Marks)
		}
		return radio.KeptCheckpoint{At: logStart, Envelope: []byte("x")}, nil
	}))
	if got := need[[]radio.KeptJournal](t)(s.Journals(t.Context(), device)); len(got) != 0 {
		t.Errorf("the book is taken for a journal: %+v", got)
	}
	if err := s.ForgetRows(t.Context(), "2026-11", device); err != nil {
		t.Fatal(err)
	}
	days = need[[]radio.SettledDay](t)(s.SettledDays(t.Context(), device, 0, 1, true))
	if len(days) != 1 || days[0].Body != nil || days[0].Digest != "d" {
		t.Errorf("after the archive %+v", days)
	}
	var stray []string
	if err := s.StrayColumns(t.Context(), func(_ radio.DeviceID, _ radio.AiringID, column, is, want string) {
		stray = append(stray, column+" "+is+" "+want)
	}); err != nil || len(stray) > 0 {
		t.Errorf("stray %v, %v", stray, err)
	}
	if n, first, err := s.OrphanWords(t.Context()); n != 0 || first != "" || err != nil {
		t.Errorf("%d words without a row, %s, %v", n, first, err)
	}
}
