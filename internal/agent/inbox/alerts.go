package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Alerts is the room that keeps the emergencies.
type Alerts interface {
	// Take takes a proven alert or tombstone; one that is known changes nothing.
	Take(ctx context.Context, a radio.Alert, envelope []byte) error
	// Prove asks of every alert that is not over whether it still counts, and ends those that
	// do not.
	Prove(ctx context.Context, holds func(a radio.Alert, envelope []byte) error)
	// TurnAway tells why a proven message is not carried out.
	TurnAway(ctx context.Context, id radio.AlertID, why radio.Reason)
	// TakeVoice takes bytes that have the hash they are named by.
	TakeVoice(ctx context.Context, sha radio.SHA256, data []byte) error
}

// maxUnproven bounds the alerts that wait for the keyring that names their signers, or for
// the settings.
const maxUnproven = 8

// wrong is an alert whose signatures hold, but which is not for this device to carry
// out: the centre is told why.
type wrong struct {
	id  radio.AlertID
	why radio.Reason
	err error
}

func (w *wrong) Error() string { return w.err.Error() }
func (w *wrong) Unwrap() error { return w.err }

// takeAlert proves an alert by the persons of the keyring and hands it on. It depends
// on nothing else: no programme, no clock and no online key.
func (in *Inbox) takeAlert(ctx context.Context, t wire.Topic, data []byte) error {
	if in.opts.Alerts == nil {
		return in.refuse(ctx, string(t.Kind), fmt.Errorf("%w: this device takes no alerts", radio.ErrInvalid))
	}
	in.mu.Lock()
	ring := in.ring
	in.mu.Unlock()
	a, err := in.prove(ring, t, data)
	if err == nil {
		err = in.opts.Alerts.Take(ctx, a, data)
	}
	if err == nil {
		in.refusals.proven(string(wire.Alert))
		return nil
	}
	var w *wrong
	if errors.As(err, &w) && w.why == radio.ReasonDrill && in.held(wire.Settings) == 0 {
		// The set with its announcement has not been named yet: nothing is wrong with it, and
		// nothing is told to the centre, which goes on sending it.
		in.keepLate(t, data)
		in.log.Info("a drill waits for the settings of this device", "alert", string(w.id))
		return nil
	}
	g := unproven
	switch {
	case in.personUnknown(ring, data), errors.Is(err, errBehind):
		g = early
		in.keepLate(t, data)
	case w == nil && errors.Is(err, radio.ErrConflict): // no room for one more
		g = stale
	}
	err, noted := in.note(ctx, string(wire.Alert), g, err)
	if noted && w != nil {
		// As rarely as the record: whoever holds one person's key must not fill the
		// journal either.
		in.opts.Alerts.TurnAway(ctx, w.id, w.why)
	}
	return err
}

// prove gives the alert in an envelope, when design §8 lets its signers speak to this
// device.
func (in *Inbox) prove(ring trust.Keyring, t wire.Topic, data []byte) (radio.Alert, error) {
	var a radio.Alert
	aud, err := trust.Audience(data, wire.Alert.MaxPayload())
	if err != nil {
		return a, err
	}
	if t.Area != "" && string(t.Area) != aud {
		return a, fmt.Errorf("%w: alert for area %.32q on the topic of %s", radio.ErrForbidden, aud, t.Area)
	}
	payload, kids, err := trust.Open(data, wire.Alert.Type(), aud, wire.Alert.MaxPayload(), ring.PersonLookup(trust.MayAlert, radio.At(in.opts.Clock.Latest())))
	if err != nil {
		return a, fmt.Errorf("open %s: %w", wire.Alert, err)
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		return a, fmt.Errorf("%w: alert: %v", radio.ErrInvalid, err)
	}
	if err := a.Check(); err != nil {
		return a, err
	}
	turn := func(why radio.Reason, err error) (radio.Alert, error) { return a, &wrong{a.ID, why, err} }
	switch {
	case string(a.Area) != aud:
		return a, fmt.Errorf("%w: alert for area %s, signed for %.32q", radio.ErrForbidden, a.Area, aud)
	case !slices.Contains(in.Areas(), a.Area):
		return turn(radio.ReasonArea, fmt.Errorf("%w: this device is not in area %s", radio.ErrForbidden, a.Area))
	}
	if err := in.enough(ring, kids, a.Area); err != nil {
		return turn(radio.ReasonSigners, err)
	}
	if err := in.aloneIsEnough(ring, kids); err != nil {
		return turn(radio.ReasonSigners, err)
	}
	if a.Drill && !a.Cancel {
		if r, ok := in.Settings().EmergencyRole(radio.RoleDrill); !ok || !slices.Contains(ring.Drill, r.SHA256) {
			return turn(radio.ReasonDrill, fmt.Errorf("%w: drill %s: its announcement is not in the keyring", radio.ErrForbidden, a.ID))
		}
	}
	return a, nil
}

// personUnknown says whether an alert was refused only because the keyring that names
// its signers may not have come yet.
func (in *Inbox) personUnknown(ring trust.Keyring, data []byte) bool {
	kids, err := trust.KIDs(data, wire.Alert.MaxPayload())
	return err == nil && slices.ContainsFunc(kids, func(kid string) bool {
		return !slices.ContainsFunc(ring.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
	})
}

// lateAlert waits for a keyring, or for the first settings.
type lateAlert struct {
	topic wire.Topic
	data  []byte
}

// keepLate remembers an alert until what it waits for has come. Whether it has expired by
// then is judged by who takes it.
func (in *Inbox) keepLate(t wire.Topic, data []byte) {
	if slices.ContainsFunc(in.late, func(l lateAlert) bool { return string(l.data) == string(data) }) {
		return
	}
	in.late = append(in.late, lateAlert{t, data})
	in.late = in.late[max(len(in.late)-maxUnproven, 0):]
}

// retryAlerts looks again at what was signed by persons who were not known, and at drills
// that came before the settings.
func (in *Inbox) retryAlerts(ctx context.Context) {
	waiting := in.late
	in.late = nil
	for _, l := range waiting {
		if err := in.takeAlert(ctx, l.topic, l.data); err != nil {
			in.log.Info("an alert that waited stays refused", "error", err)
		}
	}
}

// takeVoice takes raw audio: its hash is its proof, and only an alert gives it a use.
func (in *Inbox) takeVoice(ctx context.Context, t wire.Topic, data []byte) error {
	var err error
	switch {
	case in.opts.Alerts == nil:
		err = fmt.Errorf("%w: this device takes no voices", radio.ErrInvalid)
	case !slices.Contains(in.Areas(), t.Area):
		err = fmt.Errorf("%w: voice for area %s", radio.ErrForbidden, t.Area)
	case len(data) == 0 || len(data) > radio.MaxVoiceBytes:
		err = fmt.Errorf("%w: voice of %d bytes, at most %d", radio.ErrInvalid, len(data), radio.MaxVoiceBytes)
	case radio.VoiceHash(data) != t.Voice:
		err = fmt.Errorf("%w: a voice does not have the hash it is named by", radio.ErrInvalid)
	}
	if err != nil {
		return in.refuse(ctx, string(wire.Voice), err)
	}
	return in.opts.Alerts.TakeVoice(ctx, t.Voice, data)
}

// Vouched says whether a sound of the emergency set stands in the root-signed keyring:
// the online key, which signs the settings, must not choose what sounds as a siren.
func (in *Inbox) Vouched(sha radio.SHA256) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Contains(in.ring.Emergency, sha)
}

// Drills says whether the announcement of a drill stands in the root-signed keyring.
func (in *Inbox) Drills(sha radio.SHA256) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Contains(in.ring.Drill, sha)
}
