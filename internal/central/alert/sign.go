package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Sign adds a person's signature to a draft; version names the one they have read. The
// instants are fixed by the first signature: all sign the same bytes. When enough have
// signed, the alert is out.
func (d *Desk) Sign(ctx context.Context, by radio.Person, id radio.AlertID, version int, password string) (radio.AlertRecord, error) {
	a, err := d.Find(ctx, id)
	if err != nil {
		return a, err
	}
	chain, err := d.signable(ctx, by, a)
	if err != nil {
		return a, err
	}
	if err := isDraft(a, version); err != nil {
		return a, err
	}
	if v := a.Wish.Voice; v != nil {
		if _, err := d.rooms.Voices.Bytes(v.SHA256); err != nil {
			return a, fmt.Errorf("voice of alert %s: %w", id, err)
		}
	}
	paper, seen, enough, err := d.sign(ctx, by, password, a.Paper, chain, func(now radio.Millis) radio.Alert { return a.Wish.Alert(a.ID, now) })
	if err != nil {
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

// Cancel adds a person's signature to the tombstone of an alert that is out.
func (d *Desk) Cancel(ctx context.Context, by radio.Person, id radio.AlertID, why, password string) (radio.AlertRecord, error) {
	a, err := d.Find(ctx, id)
	if err != nil {
		return a, err
	}
	chain, err := d.signable(ctx, by, a)
	if err != nil {
		return a, err
	}
	now := radio.At(d.now())
	switch {
	case a.State == radio.AlertCancelled:
		return a, refusal{radio.ErrConflict, "the alert is cancelled already", "Thông báo này đã được hủy rồi."}
	case a.State != radio.AlertIssued:
		return a, refusal{radio.ErrConflict, "the alert was never sent", "Thông báo này chưa được phát đi."}
	case now >= a.Paper.ExpiresAt:
		return a, refusal{radio.ErrConflict, "the alert has ended", "Thông báo này đã hết hiệu lực."}
	case len(why) > radio.MaxAlertWhy:
		var e radio.Invalid
		e.Add("why", fmt.Sprintf("dài quá, tối đa %d byte", radio.MaxAlertWhy), fmt.Sprintf("too long, at most %d bytes", radio.MaxAlertWhy))
		return a, e.Err()
	}
	paper, seen, enough, err := d.sign(ctx, by, password, a.Tomb, chain, func(now radio.Millis) radio.Alert {
		return radio.Alert{ID: a.ID, Area: a.Wish.Area, IssuedAt: now, ExpiresAt: a.Paper.ExpiresAt, Cancel: true, Standing: a.Wish.Standing}
	})
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

// sign adds a signature to a paper, or begins it anew when nobody has signed or the
// first signature is too old. seen counts the signatures before.
func (d *Desk) sign(ctx context.Context, by radio.Person, password string, p radio.AlertPaper, chain []radio.AreaID,
	fresh func(now radio.Millis) radio.Alert) (_ radio.AlertPaper, seen int, enough bool, err error) {
	if p.Stale(radio.At(d.now())) {
		p = radio.AlertPaper{}
	}
	if slices.ContainsFunc(p.Signatures, func(s radio.AlertSignature) bool { return s.Person == by.ID }) {
		return p, 0, false, refusal{radio.ErrConflict, "you have signed already: another person must", "Bạn đã ký rồi; cần một người khác ký tiếp."}
	}
	key, err := d.open(ctx, by, password, chain)
	if err != nil {
		return p, 0, false, err
	}
	seen = len(p.Signatures)
	now := radio.At(d.now())
	area := string(chain[len(chain)-1])
	if seen == 0 {
		a := fresh(now)
		if err := a.Check(); err != nil {
			return p, 0, false, err
		}
		p.ExpiresAt = a.ExpiresAt
		p.Envelope, err = wire.Seal(wire.Alert, area, a, key)
	} else {
		p.Envelope, err = trust.CoSign(p.Envelope, wire.Alert.Type(), area, wire.Alert.MaxPayload(), key)
	}
	if err != nil {
		return p, 0, false, err
	}
	signed, enough, err := d.enough(p.Envelope, chain)
	if err != nil {
		return p, 0, false, err
	}
	if err := says(signed, fresh(signed.IssuedAt)); err != nil {
		return p, 0, false, err
	}
	p.Signatures = append(slices.Clone(p.Signatures), radio.AlertSignature{Person: by.ID, Name: by.Name, KID: key.KID(), At: now})
	if enough {
		p.SentAt = now
	}
	return p, seen, enough, nil
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
func (d *Desk) enough(envelope []byte, chain []radio.AreaID) (a radio.Alert, enough bool, err error) {
	_, ring := d.rooms.Keys.Keyring()
	payload, kids, err := trust.Open(envelope, wire.Alert.Type(), string(chain[len(chain)-1]), wire.Alert.MaxPayload(), ring.PersonLookup(trust.MayAlert))
	if err != nil {
		return a, false, refusal{radio.ErrConflict, "a key that signed before counts no more (" + err.Error() + "): change the draft and sign it anew",
			"Khóa của người ký trước không còn hiệu lực. Hãy sửa bản nháp rồi ký lại từ đầu."}
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		return a, false, fmt.Errorf("read back an alert: %w", err)
	}
	if err := a.Check(); err != nil {
		return a, false, err
	}
	if a.Drill && !d.drills(ring) {
		return a, false, refusal{radio.ErrConflict, "devices would refuse the drill: its announcement does not stand in the keyring; sign it anew with `loaxa key sign`",
			"Các cụm loa sẽ từ chối diễn tập: câu “Đây là diễn tập” chưa có trong danh sách khóa. Hãy nhờ quản trị viên ký lại danh sách khóa (loaxa key sign)."}
	}
	return a, ring.EnoughForAlert(kids, chain) == nil, nil
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
	_, ring := d.rooms.Keys.Keyring()
	for _, p := range ring.Persons {
		if p.ID == by && ring.EnoughForAlert([]string{p.JWK.KID}, chain) == nil {
			return 1, nil
		}
	}
	return 2, nil
}

// HasKey says whether a person holds a key with which to sign in the area.
func (d *Desk) HasKey(ctx context.Context, by radio.UserID, area radio.AreaID) (bool, error) {
	chain, err := d.chain(ctx, area)
	if err != nil {
		return false, err
	}
	_, err = d.pick(ctx, by, chain)
	if errors.Is(err, radio.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// InKeyring says whether any key of a person stands in the keyring, wherever it counts.
func (d *Desk) InKeyring(person radio.UserID) bool {
	_, ring := d.rooms.Keys.Keyring()
	return slices.ContainsFunc(ring.Persons, func(p trust.PersonKey) bool { return p.ID == person })
}

// pick finds the key a person signs with in an area: of several, one that speaks alone.
func (d *Desk) pick(ctx context.Context, by radio.UserID, chain []radio.AreaID) (radio.PersonKeyRow, error) {
	rows, err := d.rooms.Papers.PersonKeys(ctx, by)
	if err != nil {
		return radio.PersonKeyRow{}, err
	}
	_, ring := d.rooms.Keys.Keyring()
	lookup := ring.PersonLookup(trust.MayAlert)
	var found radio.PersonKeyRow
	for _, row := range rows {
		if _, err := lookup(row.KID); err != nil || row.RevokedAt != 0 || !slices.Contains(chain, row.Scope) {
			continue
		}
		if alone := ring.EnoughForAlert([]string{row.KID}, chain) == nil; found.KID == "" || alone {
			found = row
		}
	}
	if found.KID == "" {
		return found, refusal{radio.ErrForbidden, "you hold no key of the keyring for this area: an administrator makes one with `loaxa key person add`",
			"Bạn chưa có khóa ký cho địa bàn này. Hãy nhờ quản trị viên cấp khóa (loaxa key person add)."}
	}
	return found, nil
}

// open decrypts the key of a person with the password they gave just now; it is kept
// nowhere.
func (d *Desk) open(ctx context.Context, by radio.Person, password string, chain []radio.AreaID) (trust.Key, error) {
	row, err := d.pick(ctx, by.ID, chain)
	if err != nil {
		return trust.Key{}, err
	}
	select {
	case d.opening <- struct{}{}:
		defer func() { <-d.opening }()
	case <-ctx.Done():
		return trust.Key{}, ctx.Err()
	}
	if wait := d.waiting(by); wait > 0 {
		return trust.Key{}, locked{wait}
	}
	key, err := d.unseal(row.Sealed, password)
	if errors.Is(err, trust.ErrPassword) {
		d.failed(by)
		var e radio.Invalid
		e.Add("password", "mật khẩu của khóa ký không đúng", "the password does not open the key")
		return trust.Key{}, e.Err()
	}
	if err == nil && key.KID() != row.KID {
		err = fmt.Errorf("%w: the key kept under %s is another one", radio.ErrInvalid, row.KID)
	}
	if err != nil {
		return trust.Key{}, err
	}
	d.forgive(by)
	return key, nil
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
