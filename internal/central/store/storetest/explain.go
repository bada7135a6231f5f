package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func explainSuites() []Suite {
	return []Suite{
		{"explain/events of a device", explainEvents},
		{"explain/a long journal", explainLong},
		{"explain/documents as of an instant", explainIssued},
	}
}

// noted writes records into a journal; record n has the number n+1 and is received at the
// instant given with it.
type noted struct {
	record   radio.Record
	received radio.Millis
}

func note(t *testing.T, s *store.Store, ref radio.JournalRef, all ...noted) {
	t.Helper()
	for i, n := range all {
		n.record.Seq = uint64(i + 1)
		b, err := json.Marshal(n.record)
		must(t, err)
		link := [32]byte{byte(i), byte(i >> 8), 7}
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			return tx.WriteJournal(ctx, radio.JournalWrite{At: n.received, Heads: []radio.JournalHead{{JournalRef: ref, Upto: n.record.Seq, Link: link}},
				Entries: []radio.JournalEntry{{JournalRef: ref, Seq: n.record.Seq, Link: link, Kind: n.record.Kind, At: n.record.At, Bytes: b}}})
		})
	}
}

func boot(at radio.Millis) radio.Record {
	return radio.Record{At: at, Kind: radio.RecordBoot, Booted: &radio.BootRecord{Why: "start"}}
}

func active(at radio.Millis, document string, revision int64) radio.Record {
	return radio.Record{At: at, Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: document, Revision: revision}}
}

// heardText writes events short: kind, revision, minutes after logStart.
func heardText(all []radio.Heard) string {
	var out []string
	for _, h := range all {
		text := string(h.Record.Kind)
		if r := h.Record.Revision; r != nil {
			text = fmt.Sprint(r.Document, r.Revision)
		}
		out = append(out, fmt.Sprintf("%s@%d", text, h.Record.At.Sub(logStart)/time.Minute))
	}
	return strings.Join(out, " ")
}

func explainEvents(t *testing.T, s *store.Store) {
	ref, other := journalRef(), journalRef()
	second := radio.JournalRef{Device: ref.Device, Journal: radio.NewID[radio.JournalID]()}
	at := func(minutes int) radio.Millis { return logStart.Add(time.Duration(minutes) * time.Minute) }
	soon := func(r radio.Record) noted { return noted{r, r.At.Add(time.Second)} }
	progress := radio.Record{At: at(5), Kind: radio.RecordProgress, Progress: &radio.ProgressRecord{ID: radio.NewID[radio.AiringID]()}}
	fault := radio.Record{At: at(6), Kind: radio.RecordFault, Fault: &radio.FaultRecord{Code: "output", Open: true}}
	note(t, s, ref, soon(boot(at(0))), soon(active(at(1), "programme", 7)), soon(active(at(2), "policy", 3)), soon(progress), soon(fault),
		// Written at 8 and 9 without a connection, received an hour later.
		noted{active(at(8), "programme", 8), at(69)}, noted{boot(at(9)), at(69)},
		// The clock was not set after this power cut.
		noted{boot(1000), at(70)}, soon(active(at(75), "programme", 9)))
	note(t, s, second, soon(boot(at(80))))
	note(t, s, other, soon(boot(at(3))))
	for _, c := range []struct {
		from, to int
		want     string
	}{
		{0, 7, "boot@0 programme7@1 policy3@2 fault@6"},
		{1, 2, "programme7@1"},
		{7, 10, "programme8@8 boot@9"},
		{10, 60, ""},
		{70, 71, fmt.Sprintf("boot@%d", radio.Millis(1000).Sub(logStart)/time.Minute)},
		{79, 90, "boot@80"},
	} {
		got := heardText(need[[]radio.Heard](t)(s.DeviceEvents(t.Context(), ref.Device, at(c.from), at(c.to))))
		if got != c.want {
			t.Errorf("from %d to %d: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	for _, c := range []struct {
		at   int
		want string
	}{
		{-1, ""}, {0, "boot@0"}, {7, "boot@0 programme7@1 policy3@2"}, {8, "boot@0 policy3@2 programme8@8"},
		{60, "policy3@2 programme8@8 boot@9"}, {78, "policy3@2 boot@9 programme9@75"}, {1000, "policy3@2 programme9@75 boot@80"},
	} {
		got := need[[]radio.Heard](t)(s.LastEvents(t.Context(), ref.Device, at(c.at)))
		if text := heardText(got); text != c.want {
			t.Errorf("last before %d: %q, want %q", c.at, text, c.want)
		}
		if slices.ContainsFunc(got, func(h radio.Heard) bool {
			return h.Device != ref.Device || h.Journal == other.Journal || h.Received == 0
		}) {
			t.Errorf("last before %d: %+v", c.at, got)
		}
	}
	if got := need[[]radio.Heard](t)(s.DeviceEvents(t.Context(), radio.NewID[radio.DeviceID](), 0, at(1000))); len(got) != 0 {
		t.Errorf("of a device nobody knows: %+v", got)
	}
}

// explainLong: in a journal of many records, with a gap, the place of an instant is found.
func explainLong(t *testing.T, s *store.Store) {
	ref := journalRef()
	var entries []radio.JournalEntry
	const n = 45_000 // more than are looked through around one instant
	minute := func(i int) radio.Millis { return logStart.Add(time.Duration(i) * time.Minute) }
	for i := 1; i <= n; i++ {
		r := radio.Record{Seq: uint64(i), At: minute(i), Kind: radio.RecordProgress, Progress: &radio.ProgressRecord{}}
		if i%100 == 0 {
			r = boot(minute(i))
			r.Seq = uint64(i)
		}
		if i > 500 && i < 700 {
			continue // lost
		}
		b, err := json.Marshal(r)
		must(t, err)
		entries = append(entries, radio.JournalEntry{JournalRef: ref, Seq: r.Seq, Link: [32]byte{byte(i), byte(i >> 8)}, Kind: r.Kind, At: r.At, Bytes: b})
	}
	for part := range slices.Chunk(entries, 5000) {
		last := part[len(part)-1]
		// Received in parts, as devices send; the last of a part at once.
		logTx(t, s, func(ctx context.Context, tx *store.LogTx) error {
			return tx.WriteJournal(ctx, radio.JournalWrite{At: last.At, Entries: part, Heads: []radio.JournalHead{{JournalRef: ref, Upto: last.Seq, Link: last.Link}}})
		})
	}
	for _, i := range []int{100, 500, 700, 1500, 22_000, n} {
		if got := heardText(need[[]radio.Heard](t)(s.DeviceEvents(t.Context(), ref.Device, minute(i-1), minute(i+1)))); got != fmt.Sprintf("boot@%d", i) {
			t.Errorf("around %d: %q", i, got)
		}
		if got := heardText(need[[]radio.Heard](t)(s.LastEvents(t.Context(), ref.Device, minute(i+50)))); got != fmt.Sprintf("boot@%d", i) {
			t.Errorf("last before %d: %q", i+50, got)
		}
	}
}

func explainIssued(t *testing.T, s *store.Store) {
	d := radio.NewID[radio.DeviceID]()
	for n := int64(1); n <= 3; n++ {
		i := issuedSample(d, "policy", n)
		i.IssuedAt = radio.Millis(1000 * n)
		addIssued(t, s, i)
	}
	for at, want := range map[radio.Millis]int64{1000: 1, 2999: 2, 3000: 3, 1 << 40: 3} {
		if got := need[radio.Issued](t)(s.IssuedAt(t.Context(), d, "policy", at)); got.Revision != want {
			t.Errorf("as of %d: revision %d, want %d", at, got.Revision, want)
		}
	}
	for _, c := range []struct {
		device   radio.DeviceID
		document string
		at       radio.Millis
	}{{d, "policy", 999}, {d, "programme", 5000}, {radio.NewID[radio.DeviceID](), "policy", 5000}} {
		if _, err := s.IssuedAt(t.Context(), c.device, c.document, c.at); !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("%s as of %d: %v", c.document, c.at, err)
		}
	}
}
