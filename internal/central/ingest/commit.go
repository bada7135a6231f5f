package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// job is one message on its way into the database. Exactly one of news, receipt and
// batch is set; hello goes with news.
type job struct {
	device   radio.DeviceID
	received radio.Millis
	news     *radio.DeviceNews
	hello    *wire.HelloPayload
	said     []byte // the hello as it was signed
	receipt  *radio.Receipt
	batch    *batch
	queued   time.Time
	done     chan error

	// The answer to a batch, set before done.
	upto     uint64
	link     trust.Hash // at upto; zero where the chain is not held
	rejected []wire.Rejected
	forked   *wire.Forked
}

func (j *job) records() int {
	if j.batch != nil {
		return len(j.batch.records)
	}
	return 1
}

// store waits until the job is committed. When ctx ends first the job may still be
// committed; the repetition that follows then changes nothing.
func (in *Ingest) store(ctx context.Context, j *job) error {
	j.queued = time.Now()
	select {
	case in.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run commits what Message takes: one transaction for all that came within 5 ms, so
// that one write to the disk serves many devices (design §7). It ends with ctx; what
// still waits is answered with ErrUnavailable.
func (in *Ingest) Run(ctx context.Context) error {
	// A commit that has begun is finished when ctx ends.
	work := context.WithoutCancel(ctx)
	for {
		select {
		case <-ctx.Done():
			in.turnAway()
			return nil
		case first := <-in.queue:
			in.commitGroup(work, in.collect(first))
		}
	}
}

func (in *Ingest) turnAway() {
	for {
		select {
		case j := <-in.queue:
			j.done <- fmt.Errorf("%w: the centre is stopping", radio.ErrUnavailable)
		default:
			return
		}
	}
}

// collect takes what waits and what comes within maxWait after the first job came, up
// to maxRecords. A first job that has waited that long, while another group was being
// written, goes with what came meanwhile.
func (in *Ingest) collect(first *job) []*job {
	group, records := []*job{first}, first.records()
	timer := time.NewTimer(maxWait - time.Since(first.queued))
	defer timer.Stop()
	for late := false; records < maxRecords; {
		var j *job
		select {
		case j = <-in.queue:
		default:
			if late {
				return group
			}
			select {
			case j = <-in.queue:
			case <-timer.C:
				late = true
				continue
			}
		}
		group = append(group, j)
		records += j.records()
	}
	return group
}

// commitGroup commits all together, or, when that fails, each alone: a message that
// the database cannot take must not keep the others out.
func (in *Ingest) commitGroup(ctx context.Context, group []*job) {
	err := in.write(ctx, group)
	// A database that is away or hangs is away for every message alike: trying each
	// alone would keep all devices waiting for as many timeouts.
	away := errors.Is(err, radio.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	if err == nil || len(group) == 1 || away {
		if err != nil {
			in.log.Error("commit failed", "error", err)
		}
		for _, j := range group {
			j.done <- err
		}
		return
	}
	in.log.Error("commit failed, trying each message alone", "messages", len(group), "error", err)
	for _, j := range group {
		in.commitGroup(ctx, []*job{j})
	}
}

// write is one transaction.
func (in *Ingest) write(ctx context.Context, group []*job) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stored int
	var strange map[radio.DeviceID]int
	in.strange.on(radio.At(in.now()))
	err := in.commit(ctx, func(tx Tx) error {
		w := writer{tx: tx, now: radio.At(in.now()), heads: map[radio.JournalRef]radio.JournalHead{}, links: map[radio.JournalRef]map[uint64][32]byte{},
			strange: map[radio.DeviceID]int{}, before: &in.strange}
		if err := w.load(ctx, group); err != nil {
			return err
		}
		for _, j := range group {
			if err := w.add(ctx, j); err != nil {
				return err
			}
		}
		stored, strange = len(w.out.Entries), w.strange
		return w.flush(ctx)
	})
	if err != nil {
		return err
	}
	in.stats.commits.Add(1)
	in.stats.records.Add(int64(stored))
	in.report(group)
	for _, device := range in.strange.add(strange) {
		in.log.Warn("receipts for what nobody has issued are not kept any more today", "security", true, "device", string(device), "kept", maxStrange)
	}
	return nil
}

// report writes the security events of a committed group to the log.
func (in *Ingest) report(group []*job) {
	for _, j := range group {
		for _, r := range j.rejected {
			if in.refused.Allow() {
				in.log.Warn("journal record kept apart", "security", true, "device", string(j.device),
					"journal", string(j.batch.Journal), "seq", r.Seq, "reason", r.Reason)
			}
		}
	}
}

// writer gathers what one transaction writes.
type writer struct {
	tx       Tx
	now      radio.Millis
	heads    map[radio.JournalRef]radio.JournalHead
	links    map[radio.JournalRef]map[uint64][32]byte // taken in this transaction
	changed  map[radio.JournalRef]bool
	out      radio.JournalWrite
	heard    []radio.Heard
	news     []radio.DeviceNews
	receipts []radio.Receipt
	boards   []board
	// strange counts the receipts of this transaction for ids that nobody has issued,
	// before those of earlier ones of the day.
	strange map[radio.DeviceID]int
	before  *strangers
}

func (w *writer) load(ctx context.Context, group []*job) error {
	w.changed = map[radio.JournalRef]bool{}
	seen := map[radio.JournalRef]bool{}
	var refs []radio.JournalRef
	for _, j := range group {
		if ref, ok := j.journal(); ok && !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	heads, err := w.tx.JournalHeads(ctx, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		h, ok := heads[ref]
		if !ok {
			h.JournalRef = ref
		}
		w.heads[ref], w.links[ref] = h, map[uint64][32]byte{}
	}
	return nil
}

func (j *job) journal() (radio.JournalRef, bool) {
	switch {
	case j.batch != nil:
		return j.batch.JournalRef, true
	case j.hello != nil:
		return radio.JournalRef{Device: j.device, Journal: j.hello.Journal}, true
	}
	return radio.JournalRef{}, false
}

func (w *writer) add(ctx context.Context, j *job) error {
	if j.news != nil {
		w.news = append(w.news, *j.news)
	}
	if j.hello != nil {
		w.boards = append(w.boards, board{j.device, j.hello.Machine, j.received},
			board{j.device, radio.JournalMachine(j.hello.Journal), j.received})
	}
	if j.receipt != nil {
		w.receipts = append(w.receipts, *j.receipt)
	}
	ref, _ := j.journal()
	if j.hello != nil {
		head, d := gap(w.heads[ref], *j.hello, j.said)
		if d != nil {
			w.heads[ref], w.changed[ref] = head, true
			w.out.Disputes = append(w.out.Disputes, *d)
		}
	}
	if j.batch == nil {
		return nil
	}
	head, links, err := w.heldLinks(ctx, j.batch)
	if err != nil {
		return err
	}
	m := merge(head, links, j.batch, j.received)
	w.heads[ref] = m.head
	for _, e := range m.entries {
		w.links[ref][e.Seq] = e.Link
		w.changed[ref] = true
	}
	w.out.Entries = append(w.out.Entries, m.entries...)
	w.out.Disputes = append(w.out.Disputes, m.disputes...)
	if m.proof != nil {
		w.out.Proofs = append(w.out.Proofs, *m.proof)
	}
	w.heard = append(w.heard, m.heard...)
	j.upto, j.link, j.rejected, j.forked = m.upto, m.link, m.rejected, m.forked
	return nil
}

// heldLinks gives the head of a batch's journal and the links of its records that are
// held, in the database or by this transaction.
func (w *writer) heldLinks(ctx context.Context, b *batch) (radio.JournalHead, map[uint64][32]byte, error) {
	head, fresh := w.heads[b.JournalRef], w.links[b.JournalRef]
	last := min(b.records[len(b.records)-1].seq, head.Upto)
	missing := false
	for seq := b.first; seq <= last && !missing; seq++ {
		_, ok := fresh[seq]
		missing = !ok
	}
	if !missing {
		return head, fresh, nil
	}
	links, err := w.tx.JournalLinks(ctx, b.JournalRef, b.first, last)
	if err != nil {
		return head, nil, err
	}
	for seq, link := range fresh {
		links[seq] = link
	}
	return head, links, nil
}

func (w *writer) flush(ctx context.Context) error {
	w.out.At = w.now
	for ref := range w.changed {
		w.out.Heads = append(w.out.Heads, w.heads[ref])
	}
	if err := w.tx.WriteJournal(ctx, w.out); err != nil {
		return err
	}
	if err := w.tx.PutNews(ctx, w.news); err != nil {
		return err
	}
	if err := w.putReceipts(ctx); err != nil {
		return err
	}
	if err := w.putMachines(ctx); err != nil {
		return err
	}
	return w.tx.Apply(ctx, w.heard)
}
