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

// noReceipts stands for a room that is not there.
type noReceipts struct{}

func (noReceipts) Receipts() []radio.ReceiptRecord { return nil }
func (noReceipts) Changed() <-chan struct{}        { return nil }

func orNone(r Receipts) Receipts {
	if r == nil {
		return noReceipts{}
	}
	return r
}

// tellReceipts says every receipt as soon as it is there, and all of them again with
// every connection: nothing acknowledges them, and people wait for them (design §7).
func (l *Link) tellReceipts(ctx context.Context, client Client) error {
	alerts, commands := orNone(l.opts.Receipts), orNone(l.opts.Commands)
	var connection uint64
	said := map[string]radio.ReceiptRecord{}
	for ctx.Err() == nil {
		changed, ordered := alerts.Changed(), commands.Changed()
		status := l.Status()
		if status.Connected && status.Connection != connection {
			connection = status.Connection
			clear(said)
		}
		failed := false
		for _, r := range append(alerts.Receipts(), commands.Receipts()...) {
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
		case <-ordered:
		case <-l.receipts:
		}
	}
	return nil
}
