package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// laid is what people have laid down, read once for many devices.
type laid struct {
	schedules []radio.Schedule
	bulletins map[radio.BulletinID]radio.Bulletin
	withdrawn []radio.SHA256
	policies  []radio.PolicyRule
	decided   radio.Decided
}

// draft is a document that is resolved and waits for a revision.
type draft struct {
	kind   wire.Kind
	digest radio.SHA256
	life   time.Duration // 0 = does not expire
	// write completes the document and checks it as its receiver will.
	write func(revision int64, at, notAfter radio.Millis) (any, error)
}

// refresh brings the documents of all devices, or of the wanted ones, up to date and
// publishes what is new, with the plan read once. Errors name the devices; the others
// are not held up.
// Devices without a certificate get nothing: nobody could hear it, and their
// airings would all end silent.
func (d *Dispatcher) refresh(ctx context.Context, all bool, wanted map[radio.DeviceID]held) error {
	d.issuing.Lock()
	defer d.issuing.Unlock()
	now := d.now()
	l, places, err := d.read(ctx, now)
	if err != nil {
		d.mu.Lock() // without waking Run: the same would fail again at once
		d.due.all = d.due.all || all
		for id, h := range wanted {
			d.due.want(id, h)
		}
		d.mu.Unlock()
		return err
	}
	var errs []error
	for _, place := range places {
		h, named := wanted[place.Device.ID]
		if (!all && !named) || place.Device.Enrolled == 0 {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := d.device(ctx, place, l, h, now); err != nil {
			errs = append(errs, fmt.Errorf("device %s: %w", place.Device.Code, err))
		}
	}
	return errors.Join(errs...)
}

func (w *due) want(id radio.DeviceID, h held) {
	if w.wanted[id] == nil {
		w.wanted[id] = held{}
	}
	for document, revision := range h {
		w.wanted[id][document] = max(w.wanted[id][document], revision)
	}
}

func (d *Dispatcher) read(ctx context.Context, now time.Time) (l laid, places []radio.Place, err error) {
	plan, err := d.rooms.Plans.Plan(ctx)
	if err != nil {
		return l, nil, fmt.Errorf("read the plan: %w", err)
	}
	l.decided = plan.Decided
	l.withdrawn, err = d.rooms.Plans.WithdrawnHashes(ctx, radio.At(now.AddDate(0, 0, -withdrawnDays)))
	if err != nil {
		return l, nil, fmt.Errorf("read withdrawn audio: %w", err)
	}
	places, err = d.rooms.Plans.Places(ctx)
	if err != nil {
		return l, nil, fmt.Errorf("read the places: %w", err)
	}
	l.schedules, l.bulletins, l.policies = plan.Schedules, d.rooms.Resolver.Current(plan.Bulletins), plan.Policies
	return l, places, nil
}

// device issues what is due of one device. A document that cannot be made does not
// hold up the others: the device keeps the one it has.
func (d *Dispatcher) device(ctx context.Context, place radio.Place, l laid, h held, now time.Time) error {
	id := place.Device.ID
	var errs []error
	failed := func(kind wire.Kind, err error) {
		errs = append(errs, err)
		// What is invalid waits for a person, who will change something.
		if errors.Is(err, radio.ErrInvalid) {
			d.made(id, kind, err)
			return
		}
		d.mu.Lock()
		d.due.want(id, h)
		d.mu.Unlock()
	}
	current, err := d.current(ctx, id)
	if err != nil {
		failed("", err)
		return err
	}
	// The policy before the programme: a new device shall know its hours first.
	for _, document := range []struct {
		kind    wire.Kind
		resolve func() (draft, error)
	}{
		{wire.Settings, func() (draft, error) { return d.settings(place) }},
		{wire.Policy, func() (draft, error) { return d.policy(place, l, now) }},
		{wire.Programme, func() (draft, error) { return d.programme(place, l, now) }},
	} {
		dr, err := document.resolve()
		if err != nil {
			failed(document.kind, err)
			continue
		}
		last := current[string(dr.kind)]
		if last.Digest == dr.digest && !d.stale(last, h[string(dr.kind)], now) {
			d.made(id, dr.kind, nil)
			continue
		}
		i, doc, err := d.issue(ctx, id, dr, max(last.Revision, h[string(dr.kind)]), now)
		if err != nil {
			failed(dr.kind, err)
			continue
		}
		d.made(id, dr.kind, nil)
		if p, ok := doc.(radio.Programme); ok {
			d.freeze(ctx, published{place, p, i.IssuedAt})
		}
		if err := d.publish(ctx, i); err != nil {
			d.later(id, err)
		}
	}
	return errors.Join(errs...)
}

// made tells whether a document could be made.
func (d *Dispatcher) made(id radio.DeviceID, kind wire.Kind, err error) {
	if d.rooms.Refused != nil && kind != "" {
		d.rooms.Refused(id, string(kind), err)
	}
}

// stale says whether a document needs a new revision though its content is the
// same: there is none yet, the device holds a higher one (this centre was restored
// from an older copy), too little of its life remains, or the key that signed it is
// not the centre's any more.
func (d *Dispatcher) stale(last radio.Issued, held int64, now time.Time) bool {
	if last.Revision == 0 || held > last.Revision || (last.NotAfter != 0 && last.NotAfter.Sub(radio.At(now)) < Renew) {
		return true
	}
	kids, err := trust.KIDs(last.Envelope, wire.Kind(last.Document).MaxPayload())
	return err != nil || !slices.Equal(kids, []string{d.rooms.Keys.Online().KID()})
}

// issue makes, signs and stores the next revision.
func (d *Dispatcher) issue(ctx context.Context, id radio.DeviceID, dr draft, last int64, now time.Time) (radio.Issued, any, error) {
	i := radio.Issued{Device: id, Document: string(dr.kind), Revision: trust.NextRevision(last, now), IssuedAt: radio.At(now), Digest: dr.digest}
	if dr.life != 0 {
		i.NotAfter = i.IssuedAt.Add(dr.life)
	}
	fail := func(err error) (radio.Issued, any, error) {
		return i, nil, fmt.Errorf("issue %s revision %d: %w", dr.kind, i.Revision, err)
	}
	doc, err := dr.write(i.Revision, i.IssuedAt, i.NotAfter)
	if err != nil {
		return fail(err)
	}
	if i.Payload, err = json.Marshal(doc); err != nil {
		return fail(err)
	}
	if p, ok := doc.(radio.Programme); ok && p.Declined != nil {
		if i.Declined, err = json.Marshal(p.Declined); err != nil {
			return fail(err)
		}
	}
	// Seal refuses what is larger than its kind may be (64 KB) and names the device.
	if i.Envelope, err = wire.Seal(dr.kind, string(id), json.RawMessage(i.Payload), d.rooms.Keys.Online()); err != nil {
		return fail(err)
	}
	if err := d.rooms.Issued.AddIssued(ctx, i); err != nil {
		return fail(err)
	}
	d.log.Info("document issued", "device", id, "document", i.Document, "revision", i.Revision, "bytes", len(i.Payload))
	return i, doc, nil
}

// freeze hands a stored programme to the Freezer; what it does not take now it is
// offered again.
func (d *Dispatcher) freeze(ctx context.Context, p published) {
	err := d.rooms.Freezer.Published(ctx, p.place, p.programme, p.at)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(d.due.unfrozen, p.programme.Device)
		return
	}
	d.due.unfrozen[p.programme.Device] = p
	d.log.Error("airings are not frozen yet", "device", p.programme.Device, "revision", p.programme.Revision, "error", err)
}

func (d *Dispatcher) settings(place radio.Place) (draft, error) {
	s := d.rooms.Resolver.Settings(place)
	digest, err := digest(s)
	return draft{kind: wire.Settings, digest: digest, write: func(revision int64, at, _ radio.Millis) (any, error) {
		s.Revision, s.IssuedAt = revision, at
		return s, s.Check()
	}}, err
}

func (d *Dispatcher) policy(place radio.Place, l laid, now time.Time) (draft, error) {
	p, err := d.rooms.Resolver.Policy(l.policies, place, now)
	if err != nil {
		return draft{}, err
	}
	digest, err := digest(p)
	return draft{kind: wire.Policy, digest: digest, write: func(revision int64, at, _ radio.Millis) (any, error) {
		p.Revision, p.IssuedAt = revision, at
		_, err := timetable.NewHours(p)
		return p, err
	}}, err
}

func (d *Dispatcher) programme(place radio.Place, l laid, now time.Time) (draft, error) {
	p, left, err := d.rooms.Resolver.Programme(place, l.schedules, l.decided, l.bulletins, l.withdrawn, now)
	if err != nil {
		return draft{}, err
	}
	digest, err := programmeDigest(p)
	return draft{kind: wire.Programme, digest: digest, life: Life, write: func(revision int64, at, notAfter radio.Millis) (any, error) {
		p.Revision, p.IssuedAt, p.NotAfter = revision, at, notAfter
		if p.Declined != nil {
			p.Declined.Revision, p.Declined.IssuedAt, p.Declined.NotAfter = revision, at, notAfter
		}
		for _, x := range left {
			d.log.Warn("left out of the programme", "device", p.Device, "schedule", x.Schedule, "slot", x.Slot, "entry", x.Entry, "reason", x.Reason, "why", x.EN)
		}
		return p, playable(&p)
	}}, err
}

// programmeDigest counts what the commune keeps off too: of it the device is not told, but
// the log is, by revision.
func programmeDigest(p radio.Programme) (radio.SHA256, error) {
	if p.Declined == nil {
		return digest(p)
	}
	return digest([]radio.Programme{p, *p.Declined})
}

// digest is the SHA-256 of a document that has no revision and no times yet: equal
// digests need no new revision. Structs are written in the order of their fields,
// so equal content gives equal bytes.
func digest(doc any) (radio.SHA256, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	sum := sha256.Sum256(b)
	return radio.SHA256(hex.EncodeToString(sum[:])), nil
}

// playable proves that the device can read and expand the programme: one that it
// refused would leave it with the old one, and nobody would notice.
func playable(p *radio.Programme) error {
	if err := p.Check(); err != nil {
		return err
	}
	tt, err := timetable.New(p)
	if err != nil {
		return err
	}
	from := p.IssuedAt.Time()
	if _, err = tt.Airings(from, from.AddDate(0, 0, 7)); err != nil || p.Declined == nil {
		return err
	}
	if tt, err = timetable.New(p.Declined); err != nil {
		return err
	}
	_, err = tt.Airings(from, from.AddDate(0, 0, 7))
	return err
}
