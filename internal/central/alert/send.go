package alert

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	// retry is how long what the broker did not take waits, longest when it goes on not to.
	retry, longestRetry = time.Second, 10 * time.Second
	// every is how often what stands is read again without being asked.
	every = time.Minute
	// giveUpAfter is how many devices on end may fail before a round pauses: then the
	// broker itself is away.
	giveUpAfter = 8
	// atOnce is how many devices of one alert are told before the others have their turn.
	atOnce = 100
)

// rounds are when, after it went to the area, an alert goes once more to each device that
// has said nothing (design §7).
func rounds() []time.Duration {
	return []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}
}

// voiceKey names a voice that went to a hamlet again, voiceEvery how often it may;
// maxVoiced bounds what is remembered of that.
type voiceKey struct {
	hamlet radio.AreaID
	sha    radio.SHA256
}

const (
	voiceEvery = 5 * time.Second
	maxVoiced  = 5000
)

// flightKey names what is being sent: an alert or its tombstone.
type flightKey struct {
	id   radio.AlertID
	tomb bool
}

func keyOf(a radio.AlertRecord) flightKey { return flightKey{a.ID, a.State == radio.AlertCancelled} }

// flight is how far the sending of one of them has come.
type flight struct {
	begun time.Time // when the area was told
	round int       // 0: the area is not told yet
	due   time.Time // of the next round; zero: there is none
	// left are the devices still to be told: the round has not come to them yet, or the
	// broker did not take it for them, now or at their hello. They are next tried again at
	// again; vain counts the tries of which nothing went out.
	left  []waiting
	again time.Time
	vain  int
}

// waiting is one device that is still to be told.
type waiting struct {
	device radio.DeviceID
	// hello: it has connected, and is owed what it has not done with; enrolled is since
	// when it is this board.
	hello    bool
	enrolled radio.Millis
	// known is when its receipts were read.
	known time.Time
}

// add has a device that was missed at its hello told.
func (f *flight) add(w waiting) {
	if i := slices.IndexFunc(f.left, func(x waiting) bool { return x.device == w.device }); i >= 0 {
		f.left[i].hello, f.left[i].enrolled = true, w.enrolled
		return
	}
	f.left = append(f.left, w)
}

// next is how long nothing is to be done.
func (f *flight) next(now time.Time) time.Duration {
	wait := every
	if !f.due.IsZero() {
		wait = min(wait, max(f.due.Sub(now), 0))
	}
	if len(f.left) > 0 {
		wait = min(wait, max(f.again.Sub(now), 0))
	}
	return wait
}

// Look tells Run that something changed, here or by another process; it never blocks.
func (d *Desk) Look() {
	select {
	case d.wake <- struct{}{}:
	default: // Run has been woken already and will see it
	}
}

// Run sends what stands until ctx ends: after a restart it goes on from the store.
func (d *Desk) Run(ctx context.Context) error {
	flights := map[flightKey]*flight{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		wait, err := d.work(ctx, flights)
		if err != nil && ctx.Err() == nil {
			d.log.Error("alerts are not all sent", "error", err)
			wait = min(wait, retry)
		}
		timer.Reset(wait)
	}
}

// work sends what is due and says how long nothing will be. Areas go first: a new alert
// waits behind no older one's rounds.
func (d *Desk) work(ctx context.Context, flights map[flightKey]*flight) (time.Duration, error) {
	standing, err := d.rooms.Papers.StandingAlerts(ctx, radio.At(d.now()))
	if err != nil {
		return retry, err
	}
	d.mu.Lock()
	d.standing, d.loaded = standing, true
	missed := d.missed
	d.missed = map[flightKey][]waiting{}
	d.mu.Unlock()
	var errs []error
	seen := map[flightKey]bool{}
	for _, a := range standing {
		key := keyOf(a)
		seen[key] = true
		f := flights[key]
		if f == nil {
			f = &flight{due: d.now()}
			flights[key] = f
		}
		for _, w := range missed[key] {
			f.add(w)
		}
		if f.round == 0 {
			errs = append(errs, d.begin(ctx, a, f))
		}
	}
	for _, a := range standing {
		errs = append(errs, d.goOn(ctx, a, flights[keyOf(a)]))
	}
	wait := every
	for key, f := range flights {
		if !seen[key] {
			delete(flights, key)
			continue
		}
		wait = min(wait, f.next(d.now()))
	}
	return wait, errors.Join(errs...)
}

// begin tells the area.
func (d *Desk) begin(ctx context.Context, a radio.AlertRecord, f *flight) error {
	if f.due.After(d.now()) {
		return nil
	}
	if err := d.tellArea(ctx, a); err != nil {
		f.due = d.now().Add(retry)
		return err
	}
	f.begun, f.round = d.now(), 1
	f.due = f.begun.Add(rounds()[0])
	return nil
}

// goOn begins the round that is due, and tells the devices that are left.
func (d *Desk) goOn(ctx context.Context, a radio.AlertRecord, f *flight) error {
	now := d.now()
	if f.round > 0 && !f.due.IsZero() && !f.due.After(now) {
		if err := d.gather(ctx, a, f); err != nil {
			f.due = now.Add(retry)
			return err
		}
		f.due = time.Time{}
		if f.round < len(rounds()) {
			f.due = f.begun.Add(rounds()[f.round])
			f.round++
		}
	}
	if len(f.left) == 0 || f.again.After(now) {
		return nil
	}
	return d.tellLeft(ctx, a, f)
}

// tellArea publishes to everybody in the area, the voice right behind.
func (d *Desk) tellArea(ctx context.Context, a radio.AlertRecord) error {
	if err := d.rooms.Publisher.Publish(ctx, wire.AlertTopic(a.Wish.Area), envelopeOf(a), false); err != nil {
		return fmt.Errorf("send alert %s: %w", a.ID, err)
	}
	d.log.Info("alert sent to its area", "alert", a.ID, "area", a.Wish.Area, "cancel", a.State == radio.AlertCancelled)
	v := a.Wish.Voice
	if v == nil || a.State == radio.AlertCancelled {
		return nil
	}
	if err := d.tellVoice(ctx, a.Wish.Area, v.SHA256); err != nil {
		// The siren is out; devices ask for the voice by HTTPS, and with their next hello.
		d.log.Error("voice not sent", "alert", a.ID, "sha256", v.SHA256, "error", err)
	}
	return nil
}

// gather finds the devices of a round: behind those that are still left, the others that
// owe an answer, in no order, so that stalled ones do not come one behind the other.
func (d *Desk) gather(ctx context.Context, a radio.AlertRecord, f *flight) error {
	targets, err := d.rooms.Heard.AlertTargets(ctx, a.ID)
	if err != nil {
		return err
	}
	steps, err := d.rooms.Heard.ReceiptSteps(ctx, string(a.ID), "")
	if err != nil {
		return err
	}
	said := map[radio.DeviceID][]radio.Receipt{}
	for _, s := range steps {
		said[s.Device] = append(said[s.Device], s)
	}
	left := map[radio.DeviceID]bool{}
	for _, w := range f.left {
		left[w.device] = true
	}
	now, old := d.now(), len(f.left)
	for _, t := range targets {
		if !left[t.Device] && silent(a, said[t.Device]) && !d.away(t.Device) {
			f.left = append(f.left, waiting{device: t.Device, known: now})
		}
	}
	added := f.left[old:]
	rand.Shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
	f.again, f.vain = now, 0
	return nil
}

// away says that a device has no connection, and so will say hello when it has one: what
// were sent to it now would only wait there in the way of its welcome.
func (d *Desk) away(device radio.DeviceID) bool {
	return d.rooms.Away != nil && d.rooms.Away(device)
}

// tellLeft publishes to devices that are left, each once. One for which the broker did
// not take it goes behind the others, so that a few stalled ones stand in nobody's way.
func (d *Desk) tellLeft(ctx context.Context, a radio.AlertRecord, f *flight) error {
	sent, failed := 0, 0
	var last error
	f.again = d.now()
	for tries := len(f.left); tries > 0 && sent < atOnce && failed < giveUpAfter && ctx.Err() == nil; tries-- {
		w := f.left[0]
		f.left = f.left[1:]
		told, err := d.tellOne(ctx, a, &w)
		switch {
		case err != nil:
			f.left = append(f.left, w)
			last, failed = err, failed+1
		case told:
			sent, failed = sent+1, 0
		}
	}
	if sent > 0 {
		d.log.Info("alert sent again to devices without an answer", "alert", a.ID, "devices", sent, "left", len(f.left))
	}
	if last == nil {
		f.vain = 0
		return nil
	}
	if sent > 0 {
		f.vain = 0
	}
	f.again = d.now().Add(min(retry<<min(f.vain, 10), longestRetry))
	f.vain++
	d.log.Warn("an alert waits for devices that do not take it yet", "alert", a.ID, "devices", len(f.left), "error", last)
	return nil
}

// tellOne publishes to one device, unless it has answered meanwhile, or gone.
func (d *Desk) tellOne(ctx context.Context, a radio.AlertRecord, w *waiting) (told bool, err error) {
	if d.away(w.device) {
		return false, nil
	}
	if now := d.now(); now.Sub(w.known) >= retry {
		said, err := d.rooms.Heard.ReceiptSteps(ctx, string(a.ID), w.device)
		if err != nil {
			return false, err
		}
		if w.known = now; w.hello && !owed(a, said, w.enrolled) || !w.hello && !silent(a, said) {
			return false, nil
		}
	}
	if err := d.rooms.Publisher.Publish(ctx, wire.DownTopic(w.device, wire.Alert), envelopeOf(a), false); err != nil {
		return false, fmt.Errorf("send alert %s to device %s: %w", a.ID, w.device, err)
	}
	return true, nil
}

// Hello sends a device that has just connected every alert and tombstone of its areas
// that it has not done with. It comes behind the welcome, which proves the time. What
// cannot be sent now, Run sends soon. lacks are voices that have not reached it, by MQTT
// or by HTTPS.
func (d *Desk) Hello(ctx context.Context, device radio.DeviceID, lacks []radio.SHA256) error {
	now := radio.At(d.now())
	d.mu.Lock()
	standing, loaded := d.standing, d.loaded
	d.mu.Unlock()
	if !loaded {
		var err error
		if standing, err = d.rooms.Papers.StandingAlerts(ctx, now); err != nil {
			return err
		}
	}
	if len(standing) == 0 {
		return nil
	}
	place, err := d.rooms.Map.Place(ctx, device)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range standing {
		if !a.Active(now) && !a.Mourned(now) || !place.Within(radio.Target{Area: a.Wish.Area}) {
			continue
		}
		w := waiting{device: device, hello: true, enrolled: place.Device.Enrolled}
		if _, err := d.tellOne(ctx, a, &w); err != nil {
			errs = append(errs, err)
			d.mu.Lock()
			if key := keyOf(a); !slices.ContainsFunc(d.missed[key], func(x waiting) bool { return x.device == device }) {
				d.missed[key] = append(d.missed[key], w)
			}
			d.mu.Unlock()
		}
		if v := a.Wish.Voice; v != nil && a.Active(now) && slices.Contains(lacks, v.SHA256) {
			// To the device's hamlet: it listens there, and few others do.
			if !d.mayVoice(place.Hamlet().ID, v.SHA256) {
				continue
			}
			if err := d.tellVoice(ctx, place.Hamlet().ID, v.SHA256); err != nil {
				errs = append(errs, fmt.Errorf("send the voice of alert %s to device %s: %w", a.ID, device, err))
				continue
			}
			d.log.Info("voice sent again to a device that lacks it", "alert", a.ID, "device", device)
		}
	}
	if len(errs) > 0 {
		d.Look()
	}
	return errors.Join(errs...)
}

// mayVoice says whether a voice may go to a hamlet again: a device that asks without end
// must not fill its neighbours' lines.
func (d *Desk) mayVoice(hamlet radio.AreaID, sha radio.SHA256) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, now := voiceKey{hamlet, sha}, d.now()
	if now.Sub(d.voiced[key]) < voiceEvery {
		return false
	}
	if len(d.voiced) >= maxVoiced {
		clear(d.voiced)
	}
	d.voiced[key] = now
	return true
}

// tellVoice publishes a voice to everybody in an area.
func (d *Desk) tellVoice(ctx context.Context, area radio.AreaID, sha radio.SHA256) error {
	voice, err := d.rooms.Voices.Bytes(sha)
	if err != nil {
		return err
	}
	return d.rooms.Publisher.Publish(ctx, wire.VoiceTopic(area, sha), voice, false)
}

func envelopeOf(a radio.AlertRecord) []byte {
	if a.State == radio.AlertCancelled {
		return a.Tomb.Envelope
	}
	return a.Paper.Envelope
}
