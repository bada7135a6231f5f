package verify

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// journal hands out one journal: its marks, its events, then batch by batch the records.
func (s Source) journal(ctx context.Context, c Choice, k radio.KeptJournal, told uint64, trees *forest, take func(Item) error) error {
	cut, err := s.cut(ctx, c, k)
	if err != nil {
		return err
	}
	j := Journal{Journal: k.Journal, After: cut.after, Upto: cut.upto}
	if cut.upto == k.Upto && k.Linked {
		j.Link = k.Link
	}
	if cut.after == k.From-1 && k.From > 1 {
		j.Before = k.Before
	}
	if err := take(Item{Journal: &j}); err != nil {
		return err
	}
	events, err := s.Store.JournalEvents(ctx, k.JournalRef, maxEvents)
	if err != nil {
		return err
	}
	// Of a journal with gaps every checkpoint counts: what one has seen was not lost.
	every := keepEvery
	if slices.ContainsFunc(events, func(d radio.JournalDispute) bool { return d.Kind == radio.DisputeGap }) {
		every = 1
	}
	if err := s.marks(ctx, k.JournalRef, cut, told, every, trees, take); err != nil {
		return err
	}
	if err := handEvents(events, cut, take); err != nil {
		return err
	}
	return s.records(ctx, k.JournalRef, cut, take)
}

// cut is which records of a journal are handed out.
type cut struct{ after, upto uint64 }

// cut finds the batches that came within the choice; without one, all that is held.
func (s Source) cut(ctx context.Context, c Choice, k radio.KeptJournal) (cut, error) {
	all := cut{after: k.From - 1, upto: k.Upto}
	if c.FromAt == 0 && c.ToAt == 0 {
		return all, nil
	}
	out := cut{after: all.after, upto: all.after}
	for from := k.From; ; {
		list, err := s.Store.JournalBatches(ctx, k.JournalRef, from, page)
		if err != nil {
			return out, err
		}
		for _, b := range list {
			from = b.New + 1
			switch {
			case b.Received < c.FromAt && out.upto == out.after:
				out = cut{after: b.Last, upto: b.Last}
			case c.ToAt == 0 || b.Received < c.ToAt:
				out.upto = max(out.upto, b.Last)
			}
		}
		if len(list) < page {
			return out, nil
		}
	}
}

// marks hands out what the last checkpoint of each month, and the newest, say of a journal.
func (s Source) marks(ctx context.Context, ref radio.JournalRef, in cut, told uint64, every int, trees *forest, take func(Item) error) error {
	all, err := s.Store.JournalMarks(ctx, ref)
	if err != nil {
		return err
	}
	for i, m := range all {
		if m.Number > told {
			break
		}
		last := m.Number == told || i+1 == len(all) || all[i+1].Number > told
		if !last && (i%every != 0 || m.Upto <= in.after) {
			continue
		}
		mark, err := trees.mark(ctx, m)
		if err != nil {
			return err
		}
		if err := take(Item{Mark: mark}); err != nil {
			return err
		}
	}
	return nil
}

// keepEvery: of the daily checkpoints every so many is handed out, beside the newest, which
// covers them all.
const keepEvery = 30

// handEvents hands out what is noted of a journal.
func handEvents(list []radio.JournalDispute, in cut, take func(Item) error) error {
	for _, d := range list {
		// Every gap counts, also one before the cut: checkpoints have countersigned them all.
		if d.Last <= in.after && d.Kind != radio.DisputeGap || d.Seq > in.upto+1 {
			continue
		}
		e := Event{Kind: d.Kind, Seq: d.Seq, Last: d.Last, Held: d.Held, Claimed: d.Claimed, Bytes: d.Bytes, Envelope: d.Envelope}
		if err := take(Item{Event: &e}); err != nil {
			return err
		}
	}
	return nil
}

// records hands out the records of a cut, and before those of each batch its signature.
func (s Source) records(ctx context.Context, ref radio.JournalRef, in cut, take func(Item) error) error {
	b := batches{s: s, ref: ref, from: in.after + 1}
	for after := in.after; ; {
		list, err := s.Store.JournalRecords(ctx, ref, after, page)
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Seq > in.upto {
				return b.before(ctx, in, in.upto+1, take)
			}
			if err := b.before(ctx, in, r.Seq+1, take); err != nil {
				return err
			}
			after = r.Seq
			err := take(Item{Record: &Record{Seq: r.Seq, Link: r.Link, Kind: r.Kind, At: r.At, Received: r.Received, Bytes: r.Bytes, Poison: r.Poison}})
			if err != nil {
				return err
			}
		}
		if len(list) < page {
			return b.before(ctx, in, in.upto+1, take)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// batches reads the signatures of a journal along with its records.
type batches struct {
	s    Source
	ref  radio.JournalRef
	from uint64
	list []radio.KeptBatch
	end  bool
}

// before hands out the signatures of batches that began before a seq.
func (b *batches) before(ctx context.Context, in cut, seq uint64, take func(Item) error) error {
	for {
		if len(b.list) == 0 && !b.end {
			list, err := b.s.Store.JournalBatches(ctx, b.ref, b.from, page)
			if err != nil {
				return err
			}
			b.list, b.end = list, len(list) < page
			if len(list) > 0 {
				b.from = list[len(list)-1].New + 1
			}
		}
		if len(b.list) == 0 || b.list[0].New >= seq || b.list[0].New > in.upto {
			return nil
		}
		k := b.list[0]
		b.list = b.list[1:]
		it := Batch{New: k.New, First: k.First, Last: k.Last, Prev: k.Prev, Received: k.Received, Signatures: k.Signatures, Payload: k.Payload}
		if k.Payload == nil && k.First <= in.after && k.Last-k.First < wire.MaxBatch {
			payload, err := b.s.payload(ctx, k)
			if err != nil {
				return err
			}
			it.Payload = payload
		}
		if err := take(Item{Batch: &it}); err != nil {
			return err
		}
	}
}

// payload builds what was signed in a batch that reaches back before the cut.
func (s Source) payload(ctx context.Context, k radio.KeptBatch) ([]byte, error) {
	n := int(k.Last - k.First + 1)
	list, err := s.Store.JournalRecords(ctx, k.JournalRef, k.First-1, n)
	if err != nil || len(list) != n {
		return nil, err
	}
	records := make([][]byte, n)
	for i, r := range list {
		records[i] = r.Bytes
	}
	return wire.BatchPayload(k.JournalProof, records)
}

// Days gives the instants of a choice's days in a zone.
func (c Choice) Days(zone *time.Location) (Choice, error) {
	read := func(d radio.Date, days int) (radio.Millis, error) {
		if d == "" {
			return 0, nil
		}
		if _, err := radio.ParseDate(string(d)); err != nil {
			return 0, err
		}
		t, err := time.ParseInLocation(time.DateOnly, string(d), zone)
		return radio.At(t.AddDate(0, 0, days)), err
	}
	var err1, err2 error
	c.FromAt, err1 = read(c.From, 0)
	c.ToAt, err2 = read(c.To, 1)
	if err1 != nil {
		return c, err1
	}
	return c, err2
}
