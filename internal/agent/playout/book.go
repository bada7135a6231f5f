package playout

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"loaxa/internal/radio"
)

const (
	// maxOwed bounds the records kept in memory while the journal cannot be written.
	maxOwed = 2000
	// owedEvery is how often writing them is tried again.
	owedEvery = 5 * time.Second
	// resultsAtOnce bounds how long writing a backlog of results keeps the desk
	// from the sound that is due.
	resultsAtOnce = 10
)

// book writes records in order. A journal that cannot be written (a full disk) is
// a fault, but no reason for silence: what it owes is kept in memory, in order,
// and written as soon as that goes again.
type book struct {
	journal Journal
	faults  Faults
	log     *slog.Logger

	broken  bool // the last writing failed
	owed    []radio.Record
	results []radio.Record // waiting for their turn; see resultsAtOnce
}

// write puts one record on disk, or among those owed.
func (b *book) write(ctx context.Context, r radio.Record) {
	if b.pay(ctx) && b.append(ctx, r) {
		return
	}
	if len(b.owed) == maxOwed {
		b.log.Error("journal cannot be written and memory for records is full: one is lost", "kind", string(r.Kind))
		return
	}
	b.owed = append(b.owed, r)
}

// checkpoint is dropped when it cannot be written: the next one tells more.
func (b *book) checkpoint(ctx context.Context, id radio.AiringID, consumed int64) {
	if len(b.owed) == 0 {
		b.append(ctx, radio.Record{Kind: radio.RecordProgress, Progress: &radio.ProgressRecord{ID: id, Consumed: consumed}})
	}
}

// later queues a result that need not be written before the next sound.
func (b *book) later(r radio.Record) { b.results = append(b.results, r) }

// turn writes some of the queued results and says whether more wait.
func (b *book) turn(ctx context.Context) bool {
	n := min(len(b.results), resultsAtOnce)
	for _, r := range b.results[:n] {
		b.write(ctx, r)
	}
	b.results = b.results[n:]
	return len(b.results) > 0
}

// pay writes what is owed, oldest first, and says whether nothing is owed any more.
func (b *book) pay(ctx context.Context) bool {
	if len(b.owed) == 0 {
		return true
	}
	for len(b.owed) > 0 {
		if !b.append(ctx, b.owed[0]) {
			return false
		}
		b.owed = b.owed[1:]
	}
	b.owed = nil
	return true
}

func (b *book) append(ctx context.Context, r radio.Record) bool {
	// A stop of the agent must not lose the record of what has sounded.
	_, err := b.journal.Append(context.WithoutCancel(ctx), r)
	if errors.Is(err, radio.ErrInvalid) {
		// No later try can help, and those behind it must not wait for it.
		b.log.Error("journal refuses a record", "kind", string(r.Kind), "error", err)
		return true
	}
	if err != nil {
		b.log.Error("journal record not written, trying again", "kind", string(r.Kind), "error", err)
		b.broken = true
		b.faults.Raise(ctx, FaultJournal, err.Error())
		return false
	}
	if b.broken {
		b.broken = false
		b.faults.Clear(ctx, FaultJournal)
	}
	return true
}
