package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	maxNonce = 64
	// maxReason and maxRejected keep an ack within its size.
	maxReason   = 100 // bytes
	maxRejected = wire.MaxBatch
)

// Hello answers a device's hello, which ingest has proven to be its own: a welcome
// with the nonce, the centre's time, the journal records wanted and the current
// revisions, then every document of which the device holds another revision. What
// has to be issued first, Run issues soon after. On an error there was no welcome: Run
// goes on trying for a while, and the device says hello again after a minute, and when it
// next connects.
func (d *Dispatcher) Hello(ctx context.Context, device radio.DeviceID, h wire.HelloPayload) error {
	if h.Device != device || !radio.ValidID(device) {
		return fmt.Errorf("%w: hello of device %.64q under the topic of %s", radio.ErrForbidden, h.Device, device)
	}
	if !radio.ValidID(h.Journal) || len(h.Nonce) > maxNonce {
		return fmt.Errorf("%w: hello of device %s: journal id %.64q, nonce of %d characters", radio.ErrInvalid, device, h.Journal, len(h.Nonce))
	}
	current, err := d.welcome(ctx, device, h)
	d.unanswered(device, h, err)
	if current == nil {
		return fmt.Errorf("hello of device %s: %w", device, err)
	}
	if d.rooms.Alerts != nil {
		// Behind welcome and keyring, which prove it; before any other document. Without a
		// welcome too: the room goes on trying, and the next hello is a minute away.
		if err := d.rooms.Alerts.Hello(ctx, device, h.Lacks); err != nil {
			d.log.Error("alerts not sent to a device that said hello", "device", device, "error", err)
		}
	}
	if err != nil {
		return fmt.Errorf("hello of device %s: %w", device, err)
	}
	d.catchUp(ctx, device, current, h.Revisions)
	return nil
}

// welcome answers a hello, with the keyring behind it when the device holds another. It
// gives the documents issued to the device, nil when they could not be read.
func (d *Dispatcher) welcome(ctx context.Context, device radio.DeviceID, h wire.HelloPayload) (map[string]radio.Issued, error) {
	held, err := d.rooms.Journals.JournalHead(ctx, radio.JournalRef{Device: device, Journal: h.Journal})
	if err != nil {
		return nil, err
	}
	current, err := d.current(ctx, device)
	if err != nil {
		return nil, err
	}
	_, content := d.rooms.Keys.Keyring()
	root := d.rooms.Keys.Root().Number
	playing := current[string(wire.Programme)]
	welcome := wire.WelcomePayload{
		Device: device, Nonce: h.Nonce, Journal: h.Journal, Upto: held.Upto,
		Revisions: radio.RevisionStatus{
			Programme: playing.Revision, Policy: current[string(wire.Policy)].Revision,
			Settings: current[string(wire.Settings)].Revision, Keys: content.Version, Root: root, NotAfter: playing.NotAfter,
		},
		Time: radio.At(d.now()),
	}
	if held.Linked {
		welcome.Hash = held.Link
	}
	if err := d.answer(ctx, wire.Welcome, device, welcome); err != nil {
		return current, err
	}
	d.compareKeyring(device, h.Revisions.Keys, content.Version)
	if h.Revisions.Keys != content.Version || h.Revisions.Root != root && root > 1 {
		if err := d.sendKeys(ctx, device); err != nil {
			d.later(device, err)
		}
	}
	return current, nil
}

// catchUp sends what the device does not hold, and has issued what is missing or
// was overtaken by what the device holds.
func (d *Dispatcher) catchUp(ctx context.Context, device radio.DeviceID, current map[string]radio.Issued, r radio.RevisionStatus) {
	now := d.now()
	has := held{string(wire.Programme): r.Programme, string(wire.Policy): r.Policy, string(wire.Settings): r.Settings}
	issue := false
	for _, document := range slices.Sorted(maps.Keys(has)) {
		last := current[document]
		// Whatever is below, is overtaken; what is not, only a stolen key can have signed, and
		// once that is revoked the device takes the current one, whatever its revision.
		if has[document] > now.Add(radio.MaxRevisionAhead).Unix() {
			d.log.Warn("a device claims a revision that was never issued", "device", device, "document", document, "revision", has[document])
			has[document] = 0
		}
		switch {
		case d.stale(last, has[document], now):
			issue = true
		case has[document] != last.Revision:
			if err := d.publish(ctx, last); err != nil {
				d.later(device, err)
			}
		}
	}
	if issue {
		d.note(func(w *due) { w.want(device, has) })
	}
}

// longInJSON are the characters that encoding/json writes in six bytes and that a
// device can bring into a reason by the dozen (ingest lets no control characters in).
var longInJSON = strings.NewReplacer("<", "(", ">", ")", "&", "+")

// Ack tells a device up to which record its journal is stored, and which records,
// in the order of their numbers, were set aside. It is the only receipt for a
// journal; a device that does not get it sends the records again.
func (d *Dispatcher) Ack(ctx context.Context, ack wire.AckPayload) error {
	// Acks add up: what does not fit into one is said in several, each up to the last
	// record it names.
	for len(ack.Rejected) > maxRejected {
		// Of a place inside the batch the hash is not at hand; the last one covers it.
		part := wire.AckPayload{Device: ack.Device, Journal: ack.Journal, Upto: ack.Rejected[maxRejected-1].Seq, Rejected: ack.Rejected[:maxRejected]}
		if err := d.ack(ctx, part); err != nil {
			return err
		}
		ack.Rejected = ack.Rejected[maxRejected:]
	}
	return d.ack(ctx, ack)
}

func (d *Dispatcher) ack(ctx context.Context, ack wire.AckPayload) error {
	rejected := ack.Rejected
	ack.Rejected = nil
	for _, r := range rejected {
		if len(r.Reason) > maxReason {
			r.Reason = strings.ToValidUTF8(r.Reason[:maxReason], "")
		}
		r.Reason = longInJSON.Replace(r.Reason)
		ack.Rejected = append(ack.Rejected, r)
	}
	if err := d.answer(ctx, wire.Ack, ack.Device, ack); err != nil {
		return fmt.Errorf("ack to device %s: %w", ack.Device, err)
	}
	return nil
}

func (d *Dispatcher) answer(ctx context.Context, kind wire.Kind, device radio.DeviceID, payload any) error {
	b, err := wire.Seal(kind, string(device), payload, d.rooms.Keys.Online())
	if err != nil {
		return err
	}
	return d.rooms.Publisher.Publish(ctx, wire.DownTopic(device, kind), b, kind.Retained())
}

func (d *Dispatcher) publish(ctx context.Context, i radio.Issued) error {
	kind := wire.Kind(i.Document)
	return d.rooms.Publisher.Publish(ctx, wire.DownTopic(i.Device, kind), i.Envelope, kind.Retained())
}

func (d *Dispatcher) current(ctx context.Context, id radio.DeviceID) (map[string]radio.Issued, error) {
	all, err := d.rooms.Issued.CurrentIssued(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the documents issued: %w", err)
	}
	out := make(map[string]radio.Issued, len(all))
	for _, i := range all {
		out[i.Document] = i
	}
	return out, nil
}

// later leaves a device's documents to Run's next retry.
func (d *Dispatcher) later(device radio.DeviceID, err error) {
	d.log.Warn("documents wait for the broker", "device", device, "error", err)
	d.mu.Lock()
	d.due.unsent[device] = true
	d.mu.Unlock()
}

// resend offers again what the Freezer and the broker have not taken yet. It gives
// up a round when many devices on end fail, because then the broker is away.
func (d *Dispatcher) resend(ctx context.Context) {
	d.mu.Lock()
	unfrozen := slices.Collect(maps.Values(d.due.unfrozen))
	// In the map's random order, so that a few stalled devices cannot stand before all
	// others in every round.
	unsent := slices.Collect(maps.Keys(d.due.unsent))
	d.mu.Unlock()
	for _, p := range unfrozen {
		d.freeze(ctx, p)
	}
	failed := 0
	for n, id := range unsent {
		if ctx.Err() != nil {
			return
		}
		err := d.send(ctx, id)
		if err == nil {
			failed = 0
			d.mu.Lock()
			delete(d.due.unsent, id)
			d.mu.Unlock()
			continue
		}
		if failed++; failed == giveUpAfter || n == len(unsent)-1 {
			d.log.Warn("documents wait for the broker", "device", id, "error", err)
		}
		if failed == giveUpAfter {
			return
		}
	}
}

// send publishes the keyring and every current document of a device.
func (d *Dispatcher) send(ctx context.Context, id radio.DeviceID) error {
	if err := d.sendKeys(ctx, id); err != nil {
		return err
	}
	current, err := d.current(ctx, id)
	if err != nil {
		return err
	}
	for _, kind := range []wire.Kind{wire.Settings, wire.Policy, wire.Programme} {
		i, ok := current[string(kind)]
		if !ok {
			continue
		}
		if err := d.publish(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
