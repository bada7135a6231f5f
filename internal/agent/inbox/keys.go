package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// FaultKeys: the keyring or the steps of the root key in use are not on the disk.
const FaultKeys = "keys"

// writeAgain is how soon what could not be written is tried again.
const writeAgain = time.Minute

// takeKeys makes a newer keyring the one that counts. Unlike the other documents it does
// so even when the disk takes nothing: persons who are new in it must be able to warn,
// and a key that is revoked in it must not, in this run at least. Until it is written a
// power cut brings the one before back, and the centre sends it again.
func (in *Inbox) takeKeys(ctx context.Context, data []byte) error {
	held := in.held(wire.Keys)
	ring, err := trust.OpenKeyring(data, in.opts.Province, in.root().Key, held)
	if err != nil {
		if in.anotherRoot(data) {
			in.ahead = data
			err, _ = in.note(ctx, string(wire.Keys), early, err)
			return err
		}
		return in.refuse(ctx, string(wire.Keys), err)
	}
	in.ahead = nil
	if ring.Version == held {
		in.righted(ctx, string(wire.Keys))
		in.writeOwed(ctx)
		return nil
	}
	payload, err := json.Marshal(ring)
	if err != nil {
		return fmt.Errorf("take keyring version %d: %w", ring.Version, err)
	}
	in.write(ctx, radio.Issued{Device: in.opts.Device, Document: string(wire.Keys), Revision: ring.Version, Payload: payload, Envelope: data})
	in.keepEndpoints(ctx, ring.Endpoints)
	in.mu.Lock()
	before := in.ring
	revived := in.stick(&ring)
	in.ring = ring
	in.tell()
	in.mu.Unlock()
	in.writeRevoked(ctx)
	in.tellRevived(ctx, ring.Version, revived)
	in.log.Info("document active", "document", string(wire.Keys), "revision", ring.Version)
	in.refusals.proven(string(wire.Keys))
	in.righted(ctx, string(wire.Keys))
	in.caughtUp(ctx)
	in.opts.Clock.Distrust(ctx, ring.Revoked) // by it the others are judged
	in.proveAlerts(ctx, false)                // nothing is more urgent
	in.retryAlerts(ctx)
	in.disown(ctx, before)
	in.judgeAnew(ctx)
	return in.retryUnproven(ctx)
}

// write writes a document that counts already, now or as soon as the disk takes it.
func (in *Inbox) write(ctx context.Context, d radio.Issued) {
	in.disk.Lock()
	in.owed = append(slices.DeleteFunc(in.owed, func(o radio.Issued) bool { return o.Document == d.Document }), d)
	in.disk.Unlock()
	in.writeOwed(ctx)
}

// writeOwed writes what is in use and not on the disk yet.
func (in *Inbox) writeOwed(ctx context.Context) {
	in.disk.Lock()
	defer in.disk.Unlock()
	for len(in.owed) > 0 {
		d := in.owed[0]
		if err := in.opts.Journal.SetDocument(ctx, d); err != nil {
			in.log.Error("a document in use is not written, trying again", "document", d.Document, "revision", d.Revision, "error", err)
			if in.opts.Faults != nil {
				in.opts.Faults.Raise(ctx, FaultKeys, fmt.Sprintf("%s %d is in use and not written: %v", d.Document, d.Revision, err))
			}
			return
		}
		in.owed = in.owed[1:]
		if len(in.owed) == 0 && in.opts.Faults != nil {
			in.opts.Faults.Clear(ctx, FaultKeys)
		}
	}
}

// Run writes what could not be written when it came, and what was not told of refusals,
// until ctx ends.
func (in *Inbox) Run(ctx context.Context) error {
	again := time.NewTicker(writeAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			in.writeOwed(ctx)
			in.writeRevoked(ctx)
			in.lookAtKeyring(ctx)
			in.lookAtRefusals(ctx, time.Now())
		}
	}
}
