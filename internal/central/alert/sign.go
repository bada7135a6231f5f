package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Sign adds a person's signature to a draft; version names the one they have read. The
// instants are fixed by the first signature: all sign the same bytes. When enough have
// signed, the alert is out.
func (d *Desk) Sign(ctx context.Context, by radio.Person, id radio.AlertID, version int, with radio.SignWith) (radio.AlertRecord, error) {
	a, p, err := d.toSign(ctx, by, id, version)
	if err != nil {
		return a, err
	}
	if err := d.signed.Take(by.ID, d.now()); err != nil {
		return a, err
	}
	paper, seen, enough, err := d.sign(ctx, by, with, p)
	if err != nil {
		d.signed.GiveBack(by.ID) // wrong passwords and codes have a patience of their own
		return a, err
	}
	a.Paper = paper
	var targets []radio.AlertTarget
	if enough {
		if targets, err = d.targets(ctx, a.Wish.Area); err != nil {
			return a, err
		}
		a.State = radio.AlertIssued
	}
	if err := d.rooms.Papers.SignAlert(ctx, a, seen, targets); err != nil {
		return a, err
	}
	d.log.Info("alert signed", "alert", a.ID, "area", a.Wish.Area, "person", by.ID, "drill", a.Wish.Drill, "sent", enough)
	return d.after(ctx, a.ID)
}

// AskSign prepares the signature of a person's passkey to a draft.
func (d *Desk) AskSign(ctx context.Context, by radio.Person, id radio.AlertID, version int) ([]radio.PasskeyAsk, error) {
	_, p, err := d.toSign(ctx, by, id, version)
	if err != nil {
		return nil, err
	}
	return d.rooms.Signers.Ask(ctx, by, p.signing())
}

// toSign finds what by signs to send a draft.
func (d *Desk) toSign(ctx context.Context, by radio.Person, id radio.AlertID, version int) (radio.AlertRecord, paper, error) {
	a, err := d.Find(ctx, id)
	if err != nil {
		return a, paper{}, err
	}
	chain, err := d.signable(ctx, by, a)
	if err != nil {
		return a, paper{}, err
	}
	if err := isDraft(a, version); err != nil {
		return a, paper{}, err
	}
	if v := a.Wish.Voice; v != nil {
		if _, err := d.rooms.Voices.Bytes(v.SHA256); err != nil {
			return a, paper{}, fmt.Errorf("voice of alert %s: %w", id, err)
		}
	}
	p, err := d.paper(by, a.Paper, chain, func(now radio.Millis) radio.Alert { return a.Wish.Alert(a.ID, now) })
	return a, p, err
}

// Cancel adds a person's signature to the tombstone of an alert that is out.
func (d *Desk) Cancel(ctx context.Context, by radio.Person, id radio.AlertID, why string, with radio.SignWith) (radio.AlertRecord, error) {
	a, p, err := d.toCancel(ctx, by, id)
	if err != nil {
		return a, err
	}
	if len(why) > radio.MaxAlertWhy {
		var e radio.Invalid
		e.Add("why", fmt.Sprintf("dài quá, tối đa %d byte", radio.MaxAlertWhy), fmt.Sprintf("too long, at most %d bytes", radio.MaxAlertWhy))
		return a, e.Err()
	}
	paper, seen, enough, err := d.sign(ctx, by, with, p)
	if err != nil {
		return a, err
	}
	a.Tomb = paper
	if why != "" {
		a.Why = why
	}
	if enough {
		a.State = radio.AlertCancelled
	}
	if err := d.rooms.Papers.SignTomb(ctx, a, seen); err != nil {
		return a, err
	}
	d.log.Info("cancel of an alert signed", "alert", a.ID, "area", a.Wish.Area, "person", by.ID, "sent", enough)
	return d.after(ctx, a.ID)
}

// AskCancel prepares the signature of a person's passkey to a tombstone.
func (d *Desk) AskCancel(ctx context.Context, by radio.Person, id radio.AlertID) ([]radio.PasskeyAsk, error) {
	_, p, err := d.toCancel(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return d.rooms.Signers.Ask(ctx, by, p.signing())
}

// toCancel finds what by signs to cancel an alert.
func (d *Desk) toCancel(ctx context.Context, by radio.Person, id radio.AlertID) (radio.AlertRecord, paper, error) {
	a, err := d.Find(ctx, id)
	if err != nil {
		return a, paper{}, err
	}
	chain, err := d.signable(ctx, by, a)
	if err != nil {
		return a, paper{}, err
	}
	switch now := radio.At(d.now()); {
	case a.State == radio.AlertCancelled:
		return a, paper{}, refusal{radio.ErrConflict, "the alert is cancelled already", "Thông báo này đã được hủy rồi."}
	case a.State != radio.AlertIssued:
		return a, paper{}, refusal{radio.ErrConflict, "the alert was never sent", "Thông báo này chưa được phát đi."}
	case now >= a.Paper.ExpiresAt:
		return a, paper{}, refusal{radio.ErrConflict, "the alert has ended", "Thông báo này đã hết hiệu lực."}
	}
	p, err := d.paper(by, a.Tomb, chain, func(now radio.Millis) radio.Alert {
		return radio.Alert{ID: a.ID, Area: a.Wish.Area, IssuedAt: now, ExpiresAt: a.Paper.ExpiresAt, Cancel: true, Standing: a.Wish.Standing}
	})
	return a, p, err
}

// after wakes Run and gives the alert as it stands now.
func (d *Desk) after(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	d.Look()
	d.changed()
	return d.Find(ctx, id)
}

// signable finds the chain of an alert that by has the right to sign.
func (d *Desk) signable(ctx context.Context, by radio.Person, a radio.AlertRecord) ([]radio.AreaID, error) {
	chain, err := d.chain(ctx, a.Wish.Area)
	if err != nil {
		return nil, err
	}
	return chain, may(by, radio.SignAlerts, chain)
}

// paper is what a person signs next: one that others have begun, or a new one.
type paper struct {
	radio.AlertPaper
	chain []radio.AreaID
	fresh func(now radio.Millis) radio.Alert
}

// paper begins p anew when the first signature is too old, and refuses who has signed.
func (d *Desk) paper(by radio.Person, p radio.AlertPaper, chain []radio.AreaID, fresh func(now radio.Millis) radio.Alert) (paper, error) {
	if p.Stale(radio.At(d.now())) {
		p = radio.AlertPaper{}
	}
	if slices.ContainsFunc(p.Signatures, func(s radio.AlertSignature) bool { return s.Person == by.ID }) {
		return paper{}, refusal{radio.ErrConflict, "you have signed already: another person must", "Bạn đã ký rồi; cần một người khác ký tiếp."}
	}
	return paper{p, chain, fresh}, nil
}

func (p paper) area() string { return string(p.chain[len(p.chain)-1]) }

func (p paper) signing() radio.Signing {
	return radio.Signing{Type: wire.Alert.Type(), Audience: p.area(), May: trust.MayAlert, Chain: p.chain,
		Payload: func(_ radio.UserID, at radio.Millis) ([]byte, error) { return p.payload(at) }}
}

// payload is what the others have signed, when it says what the person has read; of a new
// paper, what begins at that instant.
func (p paper) payload(at radio.Millis) ([]byte, error) {
	if len(p.Signatures) == 0 {
		a := p.fresh(at)
		if err := a.Check(); err != nil {
			return nil, err
		}
		b, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("write an alert: %w", err)
		}
		return b, nil
	}
	payload, err := trust.Payload(p.Envelope, wire.Alert.MaxPayload())
	if err != nil {
		return nil, err
	}
	var signed radio.Alert
	if err := json.Unmarshal(payload, &signed); err != nil {
		return nil, fmt.Errorf("read back an alert: %w", err)
	}
	return payload, says(signed, p.fresh(signed.IssuedAt))
}

// sign adds a signature to a paper. seen counts the signatures before.
func (d *Desk) sign(ctx context.Context, by radio.Person, with radio.SignWith, p paper) (_ radio.AlertPaper, seen int, enough bool, err error) {
	none := radio.AlertPaper{}
	sig, at, err := d.rooms.Signers.Sign(ctx, by, p.signing(), with)
	if err != nil {
		return none, 0, false, err
	}
	if seen = len(p.Signatures); seen == 0 {
		var payload []byte
		if payload, err = p.payload(at); err == nil {
			p.Envelope, err = trust.Wrap(payload, sig)
		}
	} else {
		p.Envelope, err = trust.CoSign(p.Envelope, wire.Alert.MaxPayload(), sig)
	}
	if err != nil {
		return none, 0, false, err
	}
	signed, kids, enough, err := d.enough(ctx, p.Envelope, p.chain)
	if err != nil {
		return none, 0, false, err
	}
	p.ExpiresAt = signed.ExpiresAt
	p.Signatures = append(slices.Clone(p.Signatures), radio.AlertSignature{Person: by.ID, Name: by.Name, KID: kids[len(kids)-1], At: at})
	if enough {
		p.SentAt = radio.At(d.now())
	}
	return p.AlertPaper, seen, enough, nil
}

// says refuses a paper that says anything but what the person who signs it has read: it
// was begun by another, and lay in the database since.
func says(signed, read radio.Alert) error {
	a, err := json.Marshal(signed)
	if err != nil {
		return fmt.Errorf("read back an alert: %w", err)
	}
	b, err := json.Marshal(read)
	if err != nil {
		return fmt.Errorf("read back an alert: %w", err)
	}
	if !bytes.Equal(a, b) {
		return refusal{radio.ErrConflict, "what was signed before is not what the draft says: change the draft and sign it anew",
			"Nội dung đã ký trước đó khác với bản nháp. Hãy sửa bản nháp rồi ký lại từ đầu."}
	}
	return nil
}

// enough proves the paper as a device will, and says whether its signers are enough.
func (d *Desk) enough(ctx context.Context, envelope []byte, chain []radio.AreaID) (a radio.Alert, kids []string, enough bool, err error) {
	_, ring := d.rooms.Keys.Keyring()
	payload, kids, err := trust.Open(envelope, wire.Alert.Type(), string(chain[len(chain)-1]), wire.Alert.MaxPayload(), ring.PersonLookup(trust.MayAlert, radio.At(d.now())))
	if err != nil {
		return a, nil, false, refusal{radio.ErrConflict, "a key that signed before counts no more (" + err.Error() + "): change the draft and sign it anew",
			"Khóa của người ký trước không còn hiệu lực. Hãy sửa bản nháp rồi ký lại từ đầu."}
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		return a, nil, false, fmt.Errorf("read back an alert: %w", err)
	}
	if err := a.Check(); err != nil {
		return a, nil, false, err
	}
	if a.Drill && !d.drills(ring) {
		return a, nil, false, refusal{radio.ErrConflict, "devices would refuse the drill: its announcement does not stand in the keyring; sign it anew with `loaxa key sign`",
			"Các cụm loa sẽ từ chối diễn tập: câu “Đây là diễn tập” chưa có trong danh sách khóa. Hãy nhờ quản trị viên ký lại danh sách khóa (loaxa key sign)."}
	}
	former, err := d.former(ctx, chain)
	return a, kids, ring.EnoughForAlert(kids, chain, former...) == nil, err
}

// drills says whether the keyring lists the announcement of a drill that devices hold.
func (d *Desk) drills(ring trust.Keyring) bool {
	return slices.ContainsFunc(d.rooms.Set, func(e radio.EmergencyAudio) bool {
		return e.Role == radio.RoleDrill && slices.Contains(ring.Drill, e.Rendition.SHA256)
	})
}

// Need says how many persons must sign in an area, as far as the keys of by go: 1 when
// they may speak alone there.
func (d *Desk) Need(ctx context.Context, by radio.UserID, area radio.AreaID) (int, error) {
	chain, err := d.chain(ctx, area)
	if err != nil {
		return 0, err
	}
	former, err := d.former(ctx, chain)
	if err != nil {
		return 0, err
	}
	_, ring := d.rooms.Keys.Keyring()
	lookup := ring.PersonLookup(trust.MayAlert, radio.At(d.now()))
	for _, p := range ring.Persons {
		if _, err := lookup(p.JWK.KID); err == nil && p.ID == by && ring.EnoughForAlert([]string{p.JWK.KID}, chain, former...) == nil {
			return 1, nil
		}
	}
	return 2, nil
}

// Ways says how a person can sign in an area.
func (d *Desk) Ways(ctx context.Context, by radio.UserID, area radio.AreaID) (radio.SignWays, error) {
	chain, err := d.chain(ctx, area)
	if err != nil {
		return radio.SignWays{}, err
	}
	return d.rooms.Signers.Ways(ctx, by, trust.MayAlert, chain)
}

// InKeyring says whether any key of a person stands in the keyring that has not ended,
// wherever it counts.
func (d *Desk) InKeyring(person radio.UserID) bool {
	_, ring := d.rooms.Keys.Keyring()
	return slices.ContainsFunc(ring.Persons, func(p trust.PersonKey) bool {
		return p.ID == person && (p.NotAfter == 0 || radio.At(d.now()) < p.NotAfter)
	})
}

// targets are the devices of an area that hold a certificate: the others cannot hear.
func (d *Desk) targets(ctx context.Context, area radio.AreaID) ([]radio.AlertTarget, error) {
	places, err := d.rooms.Map.Places(ctx)
	if err != nil {
		return nil, err
	}
	var out []radio.AlertTarget
	for _, p := range places {
		if p.Device.Enrolled != 0 && p.Within(radio.Target{Area: area}) {
			out = append(out, radio.TargetOf(p))
		}
	}
	return out, nil
}
