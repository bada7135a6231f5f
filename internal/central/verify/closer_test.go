package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// counts are the outcomes of what a filter lets through.
func (h *house) counts(f radio.LogFilter) string {
	h.t.Helper()
	t := must(h.db.LogTotals(h.t.Context(), f))(h.t)
	out := fmt.Sprintf("unplanned %d", t.Unplanned)
	for o, n := range t.Each() {
		out += fmt.Sprintf(", %s %d", o, n)
	}
	return out
}

// TestClosedMonth: a device comes back with its journal of a month that was closed: the
// snapshot stays, the word is an amendment, and the log can still be shown as it was.
func TestClosedMonth(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	late := h.device("b")
	early := late.airs(radio.Aired, 100)
	late.sends(1, 1)
	twice := late.airs(radio.Partial, 40)
	late.sends(2, 2)
	for range 3 {
		late.airs(radio.Aired, 100)
	}
	again := twice
	again.Consumed, again.Outcome = 100, radio.Aired
	late.says(again)

	if _, err := h.closer.Close(t.Context(), "2026-11", "an"); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a month that has not ended: %v", err)
	}
	if _, err := h.closer.Close(t.Context(), "11/2026", "an"); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("no month: %v", err)
	}
	h.pass(9 * 24 * time.Hour) // 2 December
	if err := h.keeper.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := must(h.db.ClosedMonths(t.Context()))(t); len(all) != 0 {
		t.Errorf("closed before its day: %+v", all)
	}
	h.pass(8 * 24 * time.Hour) // 10 December
	for range 2 {
		if err := h.keeper.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all := must(h.db.ClosedMonths(t.Context()))(t)
	if len(all) != 1 || all[0].Month != "2026-11" || all[0].By != ByItself || all[0].Rows != 4 || all[0].Unplanned != 4 || all[0].Amendments != 0 || len(all[0].Envelope) == 0 {
		t.Fatalf("closed %+v", all)
	}
	if _, err := h.closer.Close(t.Context(), "2026-11", "an"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("closed again: %v", err)
	}
	wantOK(t, h.verify(h.opts()))
	before := radio.At(h.now())

	h.pass(time.Hour)
	late.sends(3, 6)
	closed := must(h.db.ClosedMonth(t.Context(), "2026-11"))(t)
	if closed.Amendments != 4 || closed.Digest != all[0].Digest || closed.Rows != 4 {
		t.Errorf("after the device came back %+v", closed)
	}
	list := must(h.db.Amendments(t.Context(), "2026-11", nil, 0, 10))(t)
	var was []string
	for _, a := range list {
		was = append(was, fmt.Sprintf("%s→%s", a.Was, a.Word.Outcome))
		if a.Row.CommuneName != h.commune.Name || a.Word.KnownAt != radio.At(h.now()) {
			t.Errorf("amendment %+v", a)
		}
	}
	slices.Sort(was)
	if got := strings.Join(was, " "); got != "partial→aired →aired →aired →aired" {
		t.Errorf("amendments %s", got)
	}
	if other := must(h.db.Amendments(t.Context(), "2026-11", []radio.AreaID{h.hamlet.ID}, 0, 10))(t); len(other) != 0 {
		t.Errorf("amendments of others' communes %v", other)
	}
	// The snapshot still follows from the log, and a word that was taken away does not go
	// unnoticed.
	rep := h.verify(h.opts())
	wantOK(t, rep)
	if rep.Months != 1 {
		t.Errorf("%+v", rep.Counts)
	}
	f := radio.LogFilter{From: "2026-11-01", To: "2026-11-30"}
	if got := h.counts(f); got != "unplanned 7" {
		t.Errorf("now %s", got)
	}
	f.KnownAt = before
	if got := h.counts(f); got != "unplanned 4" {
		t.Errorf("as known %s", got)
	}
	rows := must(h.db.AsRuns(t.Context(), f, radio.LogCursor{}, 100))(t)
	if len(rows) != 4 {
		t.Errorf("%d rows as known", len(rows))
	}
	for _, r := range rows {
		if r.Airing == twice.ID && (r.Outcome != radio.Partial || r.Consumed != 40 || r.Words != 1) {
			t.Errorf("as known %+v", r)
		}
	}
	f.Outcome = radio.Partial
	if rows := must(h.db.AsRuns(t.Context(), f, radio.LogCursor{}, 100))(t); len(rows) != 2 {
		t.Errorf("%d partial rows as known", len(rows))
	}
	h.sql(`UPDATE airing SET outcome = 'missed', said = 'centre' WHERE airing = $1`, string(early.ID))
	h.sql(`UPDATE airing_word SET outcome = 'missed', said = 'centre', journal = '', seq = 0, consumed = 0, started_at = 0, proof = '', clock = '' WHERE airing = $1`, string(early.ID))
	rep = h.verify(h.opts())
	if !slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Kind == Signed && strings.Contains(f.Text, "month 2026-11") }) {
		t.Errorf("found %v", rep.Findings)
	}
}

// TestClosingGoesOn: a closing that was cut short is finished as of the instant it began.
func TestClosingGoesOn(t *testing.T) {
	h := newHouse(t)
	d := h.lively("a")
	h.pass(30 * 24 * time.Hour)
	began := radio.At(h.now())
	if _, err := h.db.BeginClosing(t.Context(), "2026-11", "an", began); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Hour)
	d.begin()
	h.mu.Lock()
	h.clock = noon // a record of that month
	h.mu.Unlock()
	d.airs(radio.Aired, 100)
	h.pass(31 * 24 * time.Hour)
	d.sends(1, 1)
	wantOK(t, h.verify(Options{Root: h.root.KID(), CA: trust.Fingerprint(h.ca.Certificate())})) // no snapshot yet
	m := must(h.closer.Close(t.Context(), "2026-11", "an"))(t)
	if m.ClosedAt != began || m.Rows != 2 || m.By != "an" {
		t.Errorf("%+v", m)
	}
	if got := must(h.db.ClosedMonth(t.Context(), "2026-11"))(t); got.Amendments != 1 {
		t.Errorf("%+v", got)
	}
	wantOK(t, h.verify(h.opts()))
}

// TestKeeper: one checkpoint a day; none while the keyring lets nobody sign one; single
// journals of old ones are forgotten but for the last of each month.
func TestKeeper(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(1)
	d.sends(1, 1)
	for range 70 {
		for range 3 {
			if err := h.keeper.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.pass(8 * time.Hour)
		}
	}
	n := must(h.db.NewestCheckpoint(t.Context()))(t)
	marks := must(h.db.JournalMarks(t.Context(), radio.JournalRef{Device: d.id, Journal: d.journal}))(t)
	if n.Number < 70 || n.Number > 71 || len(marks) >= 45 || len(marks) < 40 {
		t.Errorf("checkpoint %d, %d marks", n.Number, len(marks))
	}
	wantOK(t, h.verify(h.opts()))

	old := newHouse(t)
	ring := trust.Keyring{Province: old.area.ID}
	old.keeper.keys = oldRing{old.keys, ring}
	for range 2 {
		if err := old.keeper.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := must(old.db.NewestCheckpoint(t.Context()))(t); n.Number != 0 {
		t.Errorf("checkpoint %d under a keyring that lists none", n.Number)
	}
}

// oldRing is a keyring from before there were checkpoints.
type oldRing struct {
	Signer
	ring trust.Keyring
}

// Keyring is Signer.
func (o oldRing) Keyring() ([]byte, trust.Keyring) { return nil, o.ring }
