package central

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"loaxa/internal/radio"
)

// leaver is a device whose identity was taken, and when.
type leaver struct {
	place radio.Place
	at    radio.Millis
}

// What dismissals asks of the rooms.
type (
	placesOf interface {
		Places(ctx context.Context) ([]radio.Place, error)
	}
	doorkeeper interface {
		Dismiss(ctx context.Context, id radio.DeviceID, hears time.Duration)
		Retire(ctx context.Context, id radio.DeviceID, at radio.Millis, speaks time.Duration) error
		Forget(id radio.DeviceID)
	}
	forgetful interface{ Forget(id radio.DeviceID) }
	farewell  interface {
		Dismiss(ctx context.Context, place radio.Place) error
		Clear(ctx context.Context, id radio.DeviceID) error
	}
	cutter interface{ Disconnect(device string) error }
)

// dismissals carries out what takes a device's identity, whoever did it: a person at the
// console, or a command of another process, which the audit tells. The store says who is
// dismissed; here the running parts are told. All of it may be done again.
type dismissals struct {
	places  placesOf
	devices doorkeeper
	ear     forgetful
	last    farewell
	broker  cutter
	now     func() time.Time
	log     *slog.Logger
	wake    chan struct{}
	done    map[radio.DeviceID]radio.Millis // when its identity was taken, of those who are through
	// retiring are those whose last records are awaited, by when they were retired.
	retiring map[radio.DeviceID]radio.Millis
}

const (
	// lastWord is how long a dismissed device is listened out for its last word: it falls
	// silent at once when that reaches it.
	lastWord = 3 * time.Second
	// lastRecords is how long a retired device may still say what it recorded: it keeps its
	// journal back for up to a minute, so that a province does not speak in one second. One
	// that is revoked may be in a stranger's hands: what it says from then on counts nothing.
	lastRecords = 75 * time.Second
	// dismissAgain is when what failed is tried again.
	dismissAgain = 30 * time.Second
)

func newDismissals(places placesOf, devices doorkeeper, ear forgetful, last farewell, broker cutter, now func() time.Time, log *slog.Logger) *dismissals {
	return &dismissals{places: places, devices: devices, ear: ear, last: last, broker: broker, now: now, log: log,
		wake: make(chan struct{}, 1), done: map[radio.DeviceID]radio.Millis{}, retiring: map[radio.DeviceID]radio.Millis{}}
}

// Look says that somebody may have been dismissed; it never blocks.
func (d *dismissals) Look() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dismisses until ctx ends, those first whom nobody did while the centre was off.
func (d *dismissals) Run(ctx context.Context) error {
	again := time.NewTicker(dismissAgain)
	defer again.Stop()
	for {
		if err := d.look(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("dismiss devices", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-again.C:
		}
	}
}

// look dismisses those who are not through yet: first all of them are kept from
// speaking, then each is told, then all are cut off. Those just retired are told first,
// and follow with the look that comes when they have been heard out.
func (d *dismissals) look(ctx context.Context) error {
	places, err := d.places.Places(ctx)
	if err != nil {
		return err
	}
	var leaving []leaver
	var errs []error
	for _, p := range places {
		at := max(p.Device.Revoked, p.Device.Retired)
		if p.Device.Enrolled != 0 || at == 0 || d.done[p.Device.ID] == at {
			continue
		}
		if p.Device.Retired == at && radio.At(d.now()).Sub(at) < lastRecords {
			errs = append(errs, d.retire(ctx, leaver{p, at}))
			continue
		}
		leaving = append(leaving, leaver{p, at})
	}
	if len(leaving) == 0 {
		return errors.Join(errs...)
	}
	for _, l := range leaving {
		d.devices.Dismiss(ctx, l.place.Device.ID, 2*lastWord)
		d.ear.Forget(l.place.Device.ID)
	}
	told := map[radio.DeviceID]bool{}
	for _, l := range leaving {
		if err := d.last.Dismiss(ctx, l.place); err != nil {
			errs = append(errs, err)
			continue
		}
		told[l.place.Device.ID] = true
	}
	wait := time.NewTimer(lastWord)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return nil // the broker ends with it
	}
	for _, l := range leaving {
		if err := d.cut(ctx, l.place); err != nil {
			errs = append(errs, err)
		} else if told[l.place.Device.ID] {
			d.done[l.place.Device.ID] = l.at
			delete(d.retiring, l.place.Device.ID)
			d.log.Info("device dismissed", "device", l.place.Device.ID, "code", l.place.Device.Code, "retired", l.place.Device.Retired != 0)
		}
	}
	return errors.Join(errs...)
}

// retire says the last word to a device that may still answer; once.
func (d *dismissals) retire(ctx context.Context, l leaver) error {
	id := l.place.Device.ID
	if d.retiring[id] == l.at {
		return nil
	}
	// Twice the time: it ends with the look that cuts it off.
	if err := d.devices.Retire(ctx, id, l.at, 2*lastRecords); err != nil {
		return err
	}
	if err := d.last.Dismiss(ctx, l.place); err != nil {
		return err
	}
	d.retiring[id] = l.at
	return nil
}

// cut ends the connection and, of one that is out of use, what the broker keeps.
func (d *dismissals) cut(ctx context.Context, p radio.Place) error {
	id := p.Device.ID
	d.devices.Forget(id)
	err := d.broker.Disconnect(string(id))
	if p.Device.Retired != 0 {
		err = errors.Join(err, d.last.Clear(ctx, id))
	}
	return err
}
