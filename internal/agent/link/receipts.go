package link

import (
	"context"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Receipts are what there is to say of alerts and commands: the latest of each.
type Receipts interface {
	Receipts() []radio.ReceiptRecord
	// Changed is closed when there may be a newer one.
	Changed() <-chan struct{}
}

// tellReceipts says every receipt as soon as it is there, and all of them again with
// every connection: nothing acknowledges them, and people wait for them (design §7).
func (l *Link) tellReceipts(ctx context.Context, client Client) error {
	if l.opts.Receipts == nil {
		<-ctx.Done()
		return nil
	}
	var connection uint64
	said := map[string]radio.ReceiptRecord{}
	for ctx.Err() == nil {
		changed := l.opts.Receipts.Changed()
		status := l.Status()
		if status.Connected && status.Connection != connection {
			connection = status.Connection
			clear(said)
		}
		failed := false
		for _, r := range l.opts.Receipts.Receipts() {
			if !status.Connected || said[r.ID] == r {
				continue
			}
			err := l.say(ctx, client, wire.Receipt, wire.ReceiptPayload{Device: l.opts.Device, ID: r.ID, State: r.State, Reason: string(r.Reason), At: r.At})
			if err != nil {
				l.log.Info("receipt not said", "id", r.ID, "state", string(r.State), "error", err)
				failed = true
				break // the connection is gone, or says so next time
			}
			said[r.ID] = r
		}
		if failed {
			wait(ctx, changed, receiptAgain)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-l.receipts:
		}
	}
	return nil
}
