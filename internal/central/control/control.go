// Package control orders devices (điều khiển từ xa): it receives what a person orders
// from web and cmd, keeps one command for each device in store, hands them to broker
// signed by the online key, and sends them again while they have not expired and their
// device has said nothing: in rounds, and when it connects (dispatch tells). What devices
// say comes back as receipts by way of ingest and store.
package control

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Book keeps what was ordered.
type Book interface {
	AddCommands(ctx context.Context, b radio.CommandBatch, targets []radio.CommandTarget, subject string, facts radio.AuditFacts) error
	// LiveCommands lists commands that have not expired and of which their device has
	// said nothing; of one device, or of all ("").
	LiveCommands(ctx context.Context, device radio.DeviceID, now radio.Millis) ([]radio.LiveCommand, error)
	// ForgetCommands drops orders that expired before an instant, with what devices said of
	// them; only some at once, and more says whether there are others.
	ForgetCommands(ctx context.Context, before radio.Millis) (more bool, err error)
}

// Map knows where areas and devices stand.
type Map interface {
	Areas(ctx context.Context) ([]radio.Area, error)
	Places(ctx context.Context) ([]radio.Place, error)
}

// Keys sign.
type Keys interface {
	Online() trust.Key
}

// Publisher hands a message to the broker. An error means that it may not arrive.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
}

// Rooms are the neighbours of a Desk.
type Rooms struct {
	Book      Book
	Map       Map
	Keys      Keys
	Publisher Publisher
	// Away says that a device is known to have no connection; nil: nobody knows.
	Away func(radio.DeviceID) bool
	// Changed tells open pages; it may be nil.
	Changed func()
}

// Limits of one person: a slip, or a stolen session, does not shake a province.
const (
	// orderBurst orders at once, then one each orderEvery.
	orderBurst = 20
	orderEvery = 3 * time.Second
	// mass is how many devices make an order a mass order, massBurst and massEvery its
	// limit.
	mass      = 50
	massBurst = 5
	massEvery = time.Minute
	// mostTones are the test tones of one person in an hour, each to one cluster or to many:
	// they sound when nobody expects it.
	mostTones = 30
	// maxLimits bounds the persons remembered.
	maxLimits = 1000
)

// Desk is safe for concurrent use.
type Desk struct {
	rooms Rooms
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{}

	mu     sync.Mutex
	limits map[radio.UserID]limit
	tones  *radio.Quota
	// missed are commands that their device's hello did not bring.
	missed map[radio.BatchID][]radio.CommandID
}

type limit struct{ orders, mass *rate.Limiter }

// New stores what it is given; nothing is sent before Run.
func New(rooms Rooms, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{rooms: rooms, now: now, log: log.With("component", "control"), wake: make(chan struct{}, 1), limits: map[radio.UserID]limit{},
		tones:  &radio.Quota{Most: mostTones, Per: time.Hour, VI: "phát âm thử", EN: "sounding test tones"},
		missed: map[radio.BatchID][]radio.CommandID{}}
}

// refusal is a no with its reason for people, in both screen languages.
type refusal struct {
	kind   error
	en, vi string
}

func (r refusal) Error() string      { return r.kind.Error() + ": " + r.en }
func (r refusal) Unwrap() error      { return r.kind }
func (r refusal) Vietnamese() string { return r.vi }

// tooMany is a refusal that ends by itself.
type tooMany struct {
	refusal
	wait time.Duration
}

// RetryAfter is when the same may be ordered.
func (t tooMany) RetryAfter() time.Duration { return t.wait }

// Aim finds the devices an order is for, and says whether the person may order all of
// them.
func (d *Desk) Aim(ctx context.Context, by radio.Person, o radio.CommandOrder) ([]radio.Place, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	places, err := d.rooms.Map.Places(ctx)
	if err != nil {
		return nil, err
	}
	if o.Area != "" {
		return d.aimArea(ctx, by, o.Area, places)
	}
	byID := make(map[radio.DeviceID]radio.Place, len(places))
	for _, p := range places {
		byID[p.Device.ID] = p
	}
	var e radio.Invalid
	var out []radio.Place
	seen := map[radio.DeviceID]bool{}
	for _, id := range o.Devices {
		p, ok := byID[id]
		switch {
		case !ok || !by.MayRead(radio.ReadDevices, ids(p)...):
			e.Add("devices", "không có cụm loa "+string(id), "no such device: "+string(id))
		case !by.May(radio.ControlDevices, ids(p)...):
			return nil, forbidden()
		case p.Device.Enrolled == 0:
			e.Add("devices", "cụm loa "+p.Device.Code+" chưa đăng ký", "device "+p.Device.Code+" is not enrolled")
		case !seen[id]:
			seen[id] = true
			out = append(out, p)
		}
		if len(e.Problems) == 20 {
			break
		}
	}
	return out, e.Err()
}

func forbidden() error {
	return refusal{radio.ErrForbidden, "no right to order devices there", "Tài khoản không có quyền này ở địa bàn đó."}
}

func (d *Desk) aimArea(ctx context.Context, by radio.Person, area radio.AreaID, places []radio.Place) ([]radio.Place, error) {
	areas, err := d.rooms.Map.Areas(ctx)
	if err != nil {
		return nil, err
	}
	var e radio.Invalid
	chain := radio.NewAreaTree(areas).Chain(area)
	if len(chain) == 0 {
		e.Add("area", "không có địa bàn này", "no such area")
		return nil, e.Err()
	}
	if !by.May(radio.ControlDevices, chain...) {
		return nil, forbidden()
	}
	out := slices.DeleteFunc(slices.Clone(places), func(p radio.Place) bool {
		return p.Device.Enrolled == 0 || !p.Within(radio.Target{Area: area})
	})
	switch {
	case len(out) == 0:
		e.Add("area", "địa bàn này chưa có cụm loa nào đã đăng ký", "no enrolled device there")
	case len(out) > radio.MaxCommandDevices:
		e.Add("area", fmt.Sprintf("nhiều nhất %d cụm loa một lần; hãy chọn địa bàn nhỏ hơn", radio.MaxCommandDevices), fmt.Sprintf("at most %d devices at once; choose a smaller area", radio.MaxCommandDevices))
	}
	return out, e.Err()
}

func ids(p radio.Place) []radio.AreaID {
	out := make([]radio.AreaID, len(p.Chain))
	for i, a := range p.Chain {
		out[i] = a.ID
	}
	return out
}

// Issue keeps an order and has it sent. The number of devices must be the one the person
// has confirmed.
func (d *Desk) Issue(ctx context.Context, by radio.Person, o radio.CommandOrder) (radio.CommandBatch, error) {
	places, err := d.Aim(ctx, by, o)
	if err != nil {
		return radio.CommandBatch{}, err
	}
	if (o.Area != "" || len(places) > 1) && o.Confirm != len(places) {
		return radio.CommandBatch{}, refusal{radio.ErrConflict, fmt.Sprintf("this order is for %d devices, %d were confirmed", len(places), o.Confirm),
			fmt.Sprintf("Lệnh này gửi tới %d cụm loa, nhưng đã xác nhận %d. Hãy xem lại và xác nhận lại.", len(places), o.Confirm)}
	}
	if err := d.admit(by.ID, len(places)); err != nil {
		return radio.CommandBatch{}, err
	}
	if o.Do == radio.CommandTestTone {
		if err := d.tones.Take(by.ID, d.now()); err != nil {
			return radio.CommandBatch{}, err
		}
	}
	now := radio.At(d.now())
	b := radio.CommandBatch{ID: radio.NewID[radio.BatchID](), Do: o.Do, GainDB: o.GainDB, Airing: o.Airing, Area: o.Area, By: by.ID, ByName: by.Name,
		IssuedAt: now, ExpiresAt: now.Add(o.Do.Life()), Devices: len(places)}
	targets, chains := make([]radio.CommandTarget, len(places)), make([][]radio.AreaID, len(places))
	for i, p := range places {
		targets[i] = radio.CommandTarget{ID: radio.NewID[radio.CommandID](), Device: p.Device.ID}
		chains[i] = ids(p)
	}
	if b.Area == "" {
		b.Area = radio.CommonArea(chains)
	}
	if err := d.rooms.Book.AddCommands(ctx, b, targets, subject(b, places), facts(b, places)); err != nil {
		return radio.CommandBatch{}, err
	}
	d.log.Info("ordered", "batch", string(b.ID), "do", string(b.Do), "devices", len(places), "by", string(by.ID))
	d.Look()
	d.changed()
	return b, nil
}

// subject of the audit: the device, or the area of many.
func subject(b radio.CommandBatch, places []radio.Place) string {
	if len(places) == 1 {
		return string(places[0].Device.ID)
	}
	return string(b.Area)
}

// facts is what the audit says beside who, what and where.
func facts(b radio.CommandBatch, places []radio.Place) radio.AuditFacts {
	f := radio.AuditFacts{Counts: map[string]int{"devices": len(places)}}
	if b.Do == radio.CommandVolume {
		f.Title = fmt.Sprintf("%g dB", b.GainDB)
	}
	if len(places) == 1 {
		f.Code = places[0].Device.Code
	}
	return f
}

func (d *Desk) changed() {
	if d.rooms.Changed != nil {
		d.rooms.Changed()
	}
}

// admit holds a person to the limits.
func (d *Desk) admit(by radio.UserID, devices int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.limits[by]
	if !ok {
		if len(d.limits) >= maxLimits {
			clear(d.limits) // nobody has so many people on duty at once
		}
		l = limit{rate.NewLimiter(rate.Every(orderEvery), orderBurst), rate.NewLimiter(rate.Every(massEvery), massBurst)}
		d.limits[by] = l
	}
	now := d.now()
	for _, r := range []struct {
		limit *rate.Limiter
		on    bool
	}{{l.orders, true}, {l.mass, devices >= mass}} {
		if !r.on {
			continue
		}
		if v := r.limit.ReserveN(now, 1); v.DelayFrom(now) > 0 {
			wait := v.DelayFrom(now)
			v.CancelAt(now)
			secs := int(wait/time.Second) + 1
			return tooMany{refusal{radio.ErrUnavailable, fmt.Sprintf("too many orders; wait %d seconds", secs),
				fmt.Sprintf("Đã gửi quá nhiều lệnh. Hãy chờ %d giây rồi thử lại.", secs)}, wait}
		}
	}
	return nil
}
