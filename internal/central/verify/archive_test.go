package verify

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// breaking is a Shelf whose power fails after some steps.
type breaking struct {
	Shelf
	left int
}

var errPower = errors.New("the power went")

func (b *breaking) step() error {
	if b.left--; b.left < 0 {
		return errPower
	}
	return nil
}

// BeginArchive is Shelf.
func (b *breaking) BeginArchive(ctx context.Context, a radio.ArchivedMonth) error {
	return errors.Join(b.step(), b.Shelf.BeginArchive(ctx, a), b.step())
}

// ForgetJournal is Shelf.
func (b *breaking) ForgetJournal(ctx context.Context, ref radio.JournalRef, upto uint64, link [32]byte, payloads map[uint64][]byte) error {
	if err := b.step(); err != nil {
		return err
	}
	return errors.Join(b.Shelf.ForgetJournal(ctx, ref, upto, link, payloads), b.step())
}

// ForgetRows is Shelf.
func (b *breaking) ForgetRows(ctx context.Context, month string, d radio.DeviceID) error {
	if err := b.step(); err != nil {
		return err
	}
	return errors.Join(b.Shelf.ForgetRows(ctx, month, d), b.step())
}

func (h *house) archiver(shelf Shelf) *Archiver {
	return h.keeper.ArchiveMonths(shelf, filepath.Join(h.dir, "archive"), 24, func(context.Context) (Source, Options, error) {
		opts := h.opts()
		opts.CA = trust.Fingerprint(h.ca.Certificate())
		return h.source(), opts, nil
	})
}

// lives lets devices report for some months, with a checkpoint a day while there is
// something to see; batches reach back over the ends of months.
func (h *house) lives(months int) []*device {
	h.t.Helper()
	all := []*device{h.lively("a"), h.lively("b")}
	for range months * 5 {
		h.pass(6 * 24 * time.Hour)
		if err := errors.Join(h.keeper.Look(h.t.Context())); err != nil {
			h.t.Fatal(err)
		}
		for _, d := range all {
			n := len(d.records)
			d.airs(radio.Aired, 100)
			d.boots(1)
			d.sends(max(1, n-1), n+2)
		}
	}
	return all
}

// TestArchive: months that are old enough move to files that hold by themselves; the
// database holds without them; wherever the power goes, nothing is lost.
func TestArchive(t *testing.T) {
	for _, steps := range []int{0, 2, 5, 1000} {
		if raced.On && steps < 5 {
			continue
		}
		h := newHouse(t)
		h.lives(3)
		whole := h.items()
		h.pass(730 * 24 * time.Hour)
		shelf := &breaking{h.db, steps}
		a := h.archiver(shelf)
		a.months = 24
		for run := 0; ; run++ {
			err := h.keeper.Look(t.Context())
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			shelf.left = 1000
			rep := h.verify(h.opts())
			wantOK(t, rep)
			done := must(h.db.ArchivedMonths(t.Context()))(t)
			if n := len(done); n == 3 && done[2].DoneAt != 0 || run > 12 {
				break
			}
		}
		var got []Item
		names := must(filepath.Glob(filepath.Join(h.dir, "archive", "*")))(t)
		if len(names) < 3 {
			t.Fatalf("files %v", names)
		}
		for _, name := range names {
			b := must(os.ReadFile(name))(t)
			wantOK(t, must(readBundle(b, h.opts()))(t))
			if err := Read(bytes.NewReader(b), func(it Item) error {
				got = append(got, it)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, h.items()...)
		for what, of := range map[string]func(Item) string{
			"records": func(it Item) string {
				if it.Record == nil {
					return ""
				}
				return string(it.Record.Bytes)
			},
			"rows": func(it Item) string {
				if it.Row == nil {
					return ""
				}
				return string(it.Row.Row.Airing)
			},
		} {
			count := func(items []Item) (out []string) {
				for _, it := range items {
					if s := of(it); s != "" {
						out = append(out, s)
					}
				}
				slices.Sort(out)
				return out
			}
			if a, b := count(whole), count(got); !slices.Equal(a, b) {
				t.Errorf("%d steps: %d %s before, %d after", steps, len(a), what, len(b))
			}
		}
		if drift := must(h.db.RollupDrift(t.Context()))(t); drift != 0 {
			t.Errorf("%d sums drift", drift)
		}
	}
}

// TestArchiveThatDoesNotHold: nothing goes from the database.
func TestArchiveThatDoesNotHold(t *testing.T) {
	h := newHouse(t)
	d := h.lives(1)[0]
	h.pass(800 * 24 * time.Hour)
	h.sql(`UPDATE journal_record SET bytes = CAST('x' AS BLOB) WHERE device = $1 AND seq = 1`, string(d.id))
	h.archiver(h.db)
	if err := h.keeper.Look(t.Context()); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("archived: %v", err)
	}
	if done := must(h.db.ArchivedMonths(t.Context()))(t); len(done) != 0 {
		t.Errorf("archived %+v", done)
	}
	if n := len(must(h.db.JournalRecords(t.Context(), radio.JournalRef{Device: d.id, Journal: d.journal}, 0, 100))(t)); n < 6 {
		t.Errorf("%d records are left", n)
	}
}
