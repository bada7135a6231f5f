package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Faults opens and closes the troubles of the device; both may be repeated.
type Faults interface {
	Raise(ctx context.Context, code, text string)
	Clear(ctx context.Context, code string)
}

// FaultKeys: the keyring in use is not on the disk.
const FaultKeys = "keys"

// writeAgain is how soon a keyring that could not be written is tried again.
const writeAgain = time.Minute

// takeKeys makes a newer keyring the one that counts. Unlike the other documents it does
// so even when the disk takes nothing: persons who are new in it must be able to warn,
// and a key that is revoked in it must not, in this run at least. Until it is written a
// power cut brings the one before back, and the centre sends it again.
func (in *Inbox) takeKeys(ctx context.Context, data []byte) error {
	held := in.held(wire.Keys)
	ring, err := trust.OpenKeyring(data, in.opts.Province, in.opts.Root, held)
	if err != nil {
		return in.refuse(ctx, string(wire.Keys), err)
	}
	if ring.Version == held {
		in.writeKeys(ctx)
		return nil
	}
	payload, err := json.Marshal(ring)
	if err != nil {
		return fmt.Errorf("take keyring version %d: %w", ring.Version, err)
	}
	in.disk.Lock()
	in.owed = &radio.Issued{Device: in.opts.Device, Document: string(wire.Keys), Revision: ring.Version, Payload: payload, Envelope: data}
	in.disk.Unlock()
	in.writeKeys(ctx)
	in.mu.Lock()
	in.ring = ring
	in.tell()
	in.mu.Unlock()
	in.log.Info("document active", "document", string(wire.Keys), "revision", ring.Version)
	in.retryAlerts(ctx)
	return in.retryUnproven(ctx)
}

// writeKeys writes the keyring that is not on the disk yet, if there is one.
func (in *Inbox) writeKeys(ctx context.Context) {
	in.disk.Lock()
	defer in.disk.Unlock()
	if in.owed == nil {
		return
	}
	if err := in.opts.Journal.SetDocument(ctx, *in.owed); err != nil {
		in.log.Error("the keyring is not written, trying again", "revision", in.owed.Revision, "error", err)
		if in.opts.Faults != nil {
			in.opts.Faults.Raise(ctx, FaultKeys, fmt.Sprintf("keyring version %d is in use and not written: %v", in.owed.Revision, err))
		}
		return
	}
	in.owed = nil
	if in.opts.Faults != nil {
		in.opts.Faults.Clear(ctx, FaultKeys)
	}
}

// Run writes what could not be written when it came, until ctx ends.
func (in *Inbox) Run(ctx context.Context) error {
	again := time.NewTicker(writeAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			in.writeKeys(ctx)
		}
	}
}
