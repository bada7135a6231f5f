package inbox

import (
	"context"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// ProveAlerts proves what emergency has read from the journal by the keyring that was
// read there. Alerts and keyring are written apart, so the power may have gone before a
// keyring was written by which an alert was taken: whoever is not in this one at all, nor
// revoked, is left to the next, which the centre sends again.
func (in *Inbox) ProveAlerts(ctx context.Context) { in.proveAlerts(ctx, true) }

// proveAlerts ends alerts that the keyring proves no more: a signer is revoked, or those
// who have signed are not enough for the area now. A key that has ended (NotAfter) still
// counts for what it has signed before.
func (in *Inbox) proveAlerts(ctx context.Context, loaded bool) {
	in.mu.Lock()
	ring := in.ring
	in.mu.Unlock()
	if in.opts.Alerts == nil || ring.Version == 0 {
		return // no keyring could be read: nothing is proven by none
	}
	in.opts.Alerts.Prove(ctx, func(a radio.Alert, envelope []byte) error {
		err := in.stillSigned(ring, a, envelope, loaded)
		if err != nil {
			in.note(ctx, string(wire.Alert), harmless, fmt.Errorf("alert %s is ended: %w", a.ID, err))
		}
		return err
	})
}

func (in *Inbox) stillSigned(ring trust.Keyring, a radio.Alert, envelope []byte, loaded bool) error {
	kids, err := trust.KIDs(envelope, wire.Alert.MaxPayload())
	switch {
	case err != nil:
		return err
	case anyOf(kids, ring.Revoked):
		return fmt.Errorf("%w: a key that has signed it is revoked", radio.ErrForbidden)
	case loaded && in.personUnknown(ring, envelope):
		return nil
	}
	payload, kids, err := trust.Open(envelope, wire.Alert.Type(), string(a.Area), wire.Alert.MaxPayload(), ring.PersonLookup(trust.MayAlert, 0))
	if err != nil {
		return err
	}
	var signed radio.Alert
	if err := json.Unmarshal(payload, &signed); err != nil || signed.ID != a.ID {
		return fmt.Errorf("%w: the signatures are of alert %.26q: %v", radio.ErrForbidden, string(signed.ID), err)
	}
	return in.enough(ring, kids, a.Area)
}
