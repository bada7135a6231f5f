package link

import (
	"sync"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// fakeReceipts is a room with something to say.
type fakeReceipts struct {
	mu      sync.Mutex
	list    []radio.ReceiptRecord
	changed chan struct{}
}

func (f *fakeReceipts) Receipts() []radio.ReceiptRecord {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]radio.ReceiptRecord(nil), f.list...)
}

func (f *fakeReceipts) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeReceipts) set(list ...radio.ReceiptRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = list
	close(f.changed)
	f.changed = make(chan struct{})
}

// Receipts go at once, each once a connection, and all again with the next one; the
// jitter of the journal is not theirs.
func TestReceiptsAreSaidAtOnceAndWithEveryConnection(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := &fakeReceipts{changed: make(chan struct{})}
		l.opts.Receipts = r
		l.inbox.jitter = 60_000
		stop := l.run()
		accepted := radio.ReceiptRecord{ID: "A", State: radio.ReceiptAccepted, At: 1}
		done := radio.ReceiptRecord{ID: "A", State: radio.ReceiptDone, Reason: radio.ReasonCancelled, At: 2}
		other := radio.ReceiptRecord{ID: "B", State: radio.ReceiptRunning, At: 3}
		r.set(accepted) // while there is no connection
		l.after(10 * time.Second)
		l.want("receipt")
		l.client().connect()
		l.after(time.Second)
		l.want("receipt", "receipt A accepted @10")
		r.set(done, other)
		l.after(time.Second)
		r.set(done, other) // nothing new
		l.after(time.Hour)
		l.want("receipt", "receipt A accepted @10", "receipt A done cancelled @11", "receipt B running @11")
		l.client().breakOff()
		l.after(time.Minute)
		l.client().connect()
		l.after(time.Second)
		if got := len(l.lines("receipt")); got != 5 {
			t.Errorf("%d receipts, want both again with the next connection: %q", got, l.lines("receipt"))
		}
		stop()
	})
}
