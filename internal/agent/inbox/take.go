package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Take deals with one message. An error of one of radio's kinds is final: the
// message was refused, and that is noted where it matters. Any other error means
// that the device could not do it now (its disk); the message should come again.
func (in *Inbox) Take(ctx context.Context, topic string, data []byte) error {
	t, err := wire.ParseTopic(topic)
	if err != nil {
		return in.refuse(ctx, "topic", err)
	}
	if t.Up || (t.Device != in.opts.Device && t.Area == "") {
		return in.refuse(ctx, string(t.Kind), fmt.Errorf("%w: topic of another device", radio.ErrForbidden))
	}
	switch t.Kind {
	case wire.Keys:
		return in.takeKeys(ctx, data)
	case wire.Roots:
		return in.takeRoots(ctx, data)
	case wire.Programme, wire.Policy, wire.Settings:
		return in.takeDocument(ctx, t.Kind, data)
	case wire.Ack:
		return in.takeAck(ctx, data)
	case wire.Welcome:
		return in.takeWelcome(ctx, data)
	case wire.Alert:
		return in.takeAlert(ctx, t, data)
	case wire.Voice:
		return in.takeVoice(ctx, t, data)
	case wire.Command:
		return in.takeCommand(ctx, data)
	}
	// A newer centre may send what this version cannot do.
	err, _ = in.note(ctx, string(t.Kind), harmless, fmt.Errorf("%w: this version takes no %s", radio.ErrInvalid, t.Kind))
	return err
}

// open proves an envelope by an online key that may sign this kind now, and gives
// its payload and the keyring it was proven by.
func (in *Inbox) open(kind wire.Kind, data []byte) (payload json.RawMessage, ring trust.Keyring, err error) {
	in.mu.Lock()
	ring = in.ring
	in.mu.Unlock()
	lookup := ring.OnlineLookup(string(kind), radio.At(in.opts.Clock.Latest()), in.Areas())
	err = wire.Unseal(kind, string(in.opts.Device), data, lookup, &payload)
	return payload, ring, err
}

// issuedInTime refuses what claims to be issued after its own signer's end: times
// from the centre raise the clock's floor, which never goes back.
func issuedInTime(ring trust.Keyring, areas []radio.AreaID, kind wire.Kind, data []byte, at radio.Millis) error {
	kids, err := trust.KIDs(data, kind.MaxPayload())
	if err != nil {
		return err
	}
	lookup := ring.OnlineLookup(string(kind), at, areas)
	for _, kid := range kids {
		if _, err := lookup(kid); err != nil {
			return fmt.Errorf("%s issued at %s: %w", kind, at.Time(), err)
		}
	}
	return nil
}

func (in *Inbox) takeDocument(ctx context.Context, kind wire.Kind, data []byte) error {
	payload, ring, err := in.open(kind, data)
	if err != nil {
		if in.signerUnknown(ring, kind, data) {
			in.unproven[kind] = data
			err, _ = in.note(ctx, string(kind), early, err)
			return err
		}
		return in.refuse(ctx, string(kind), err)
	}
	d, err := in.read(kind, payload)
	if err == nil {
		err = issuedInTime(ring, in.Areas(), kind, data, d.issuedAt)
	}
	if err == nil {
		d.kids, err = trust.KIDs(data, kind.MaxPayload())
	}
	if err != nil {
		return in.refuse(ctx, string(kind), err)
	}
	held := in.held(kind)
	if err := plausible(d, held); err != nil {
		return in.refuse(ctx, string(kind), err)
	}
	delete(in.unproven, kind)
	in.refusals.proven(string(kind))
	switch {
	case d.revision == held:
		in.righted(ctx, string(kind))
		return nil // it comes with every connection
	case d.revision < held:
		return in.refuse(ctx, string(kind), fmt.Errorf("%w: %s revision %d, revision %d is held", radio.ErrConflict, kind, d.revision, held))
	}
	set := in.opts.Journal.SetDocument
	if in.disowned(kind) {
		set = in.opts.Journal.ReplaceDocument
	}
	err = set(ctx, radio.Issued{Device: in.opts.Device, Document: string(kind), Revision: d.revision,
		IssuedAt: d.issuedAt, NotAfter: d.notAfter, Payload: payload, Envelope: data})
	if err != nil {
		return fmt.Errorf("take %s revision %d: %w", kind, d.revision, err)
	}
	was := in.Areas()
	in.activate(d)
	in.heard(d.issuedAt, d.kids[0])
	in.righted(ctx, string(kind))
	in.log.Info("document active", "document", string(kind), "revision", d.revision)
	if d.programme != nil {
		in.forgetWithdrawn(d.programme)
		in.judgeAnew(ctx)
	}
	if d.settings != nil && held == 0 {
		in.retryAlerts(ctx)
	}
	if d.settings != nil {
		in.moved(ctx, was)
	}
	return nil
}

// signerUnknown says whether a document was refused only because the keyring that
// names its signer has not come yet.
func (in *Inbox) signerUnknown(ring trust.Keyring, kind wire.Kind, data []byte) bool {
	kids, err := trust.KIDs(data, kind.MaxPayload())
	if err != nil || len(kids) == 0 {
		return false
	}
	for _, kid := range kids {
		for _, o := range ring.Online {
			if o.JWK.KID == kid {
				return false
			}
		}
	}
	return true
}

// held is the revision below which nothing is taken.
func (in *Inbox) held(kind wire.Kind) int64 {
	if in.disowned(kind) {
		return 0
	}
	r := in.Revisions()
	switch kind {
	case wire.Programme:
		return r.Programme
	case wire.Policy:
		return r.Policy
	case wire.Settings:
		return r.Settings
	}
	return r.Keys
}

// retryUnproven looks again at what was signed by keys that were not known. What is
// refused again was noted by takeDocument and is no error of the keyring.
func (in *Inbox) retryUnproven(ctx context.Context) error {
	waiting := in.unproven
	in.unproven = map[wire.Kind][]byte{}
	for kind, data := range waiting {
		if err := in.takeDocument(ctx, kind, data); err != nil && !final(err) {
			return err
		}
	}
	return nil
}

// takeAck takes what the centre has stored of the journal: by its word where the chain there
// is the device's own, else not at all.
func (in *Inbox) takeAck(ctx context.Context, data []byte) error {
	payload, _, err := in.open(wire.Ack, data)
	var a wire.AckPayload
	if err == nil {
		err = json.Unmarshal(payload, &a)
	}
	if err == nil && a.Device != in.opts.Device {
		err = fmt.Errorf("%w: ack of another device", radio.ErrForbidden)
	}
	if err != nil {
		return in.refuse(ctx, string(wire.Ack), err)
	}
	if a.Forked != nil {
		return in.opts.Journal.Fork(ctx, a.Journal, *a.Forked)
	}
	if s := in.opts.Journal.Status(); a.Journal == s.ID && a.Upto <= s.Head && a.Upto > 0 {
		// Another board with a copy of this card may have written what is acknowledged here;
		// and what does not say what it acknowledges may be an answer to that one.
		same, err := in.opts.Journal.Compare(ctx, a.Journal, a.Upto, a.Hash)
		if err != nil || !same {
			return err
		}
	}
	err = in.opts.Journal.Ack(ctx, a.Journal, a.Upto, a.Rejected)
	if errors.Is(err, radio.ErrInvalid) { // beyond what was ever written
		return in.refuse(ctx, string(wire.Ack), err)
	}
	return err
}

func (in *Inbox) takeWelcome(ctx context.Context, data []byte) error {
	payload, ring, err := in.open(wire.Welcome, data)
	var w wire.WelcomePayload
	if err == nil {
		err = json.Unmarshal(payload, &w)
	}
	if err == nil && w.Device != in.opts.Device {
		err = fmt.Errorf("%w: welcome of another device", radio.ErrForbidden)
	}
	if err == nil {
		err = issuedInTime(ring, in.Areas(), wire.Welcome, data, w.Time)
	}
	if err == nil {
		w.Signer, err = signer(wire.Welcome, data)
	}
	if err != nil {
		return in.refuse(ctx, string(wire.Welcome), err)
	}
	in.named(w.Revisions.Keys, w.Signer)
	in.opts.Welcome(ctx, w)
	in.heard(w.Time, w.Signer)
	return nil
}

// heard takes a signed time as a lower bound. A device that can believe its own
// clock has no use for it.
func (in *Inbox) heard(at radio.Millis, kid string) {
	if at > 0 && !in.opts.Clock.State().Usable() {
		in.opts.Clock.AtLeast(at.Time(), kid)
	}
}

// signer is the first key that has signed a proven message.
func signer(kind wire.Kind, data []byte) (string, error) {
	kids, err := trust.KIDs(data, kind.MaxPayload())
	if err != nil {
		return "", err
	}
	return kids[0], nil
}
