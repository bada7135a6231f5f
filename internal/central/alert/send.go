package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	// retry is how long what the broker did not take waits.
	retry = time.Second
	// every is how often what stands is read again without being asked.
	every = time.Minute
	// giveUpAfter is how many devices on end may fail before a round is given up.
	giveUpAfter = 8
)

// rounds are when, after it went to the area, an alert goes once more to each device that
// has said nothing (design §7).
func rounds() []time.Duration {
	return []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}
}

// flightKey names what is being sent: an alert or its tombstone.
type flightKey struct {
	id   radio.AlertID
	tomb bool
}

// flight is how far the sending of one of them has come.
type flight struct {
	begun time.Time // when the area was told
	round int       // 0: the area is not told yet
	due   time.Time // zero: only hellos are answered
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

// work sends what is due and says how long nothing will be.
func (d *Desk) work(ctx context.Context, flights map[flightKey]*flight) (time.Duration, error) {
	now := d.now()
	standing, err := d.rooms.Papers.StandingAlerts(ctx, radio.At(now))
	if err != nil {
		return retry, err
	}
	d.mu.Lock()
	d.standing, d.loaded = standing, true
	d.mu.Unlock()
	wait := every
	var errs []error
	seen := map[flightKey]bool{}
	for _, a := range standing {
		key := flightKey{a.ID, a.State == radio.AlertCancelled}
		seen[key] = true
		f := flights[key]
		if f == nil {
			f = &flight{due: now}
			flights[key] = f
		}
		if !f.due.IsZero() && !f.due.After(now) {
			if err := d.step(ctx, a, f); err != nil {
				errs = append(errs, err)
				f.due = d.now().Add(retry)
			}
		}
		if !f.due.IsZero() {
			wait = min(wait, max(f.due.Sub(d.now()), 0))
		}
	}
	for key := range flights {
		if !seen[key] {
			delete(flights, key)
		}
	}
	return wait, errors.Join(errs...)
}

// step tells the area, or in later rounds the devices that have said nothing.
func (d *Desk) step(ctx context.Context, a radio.AlertRecord, f *flight) error {
	if f.round == 0 {
		if err := d.tellArea(ctx, a); err != nil {
			return err
		}
		f.begun = d.now()
	} else if err := d.tellSilent(ctx, a, f.round); err != nil {
		return err
	}
	f.due = time.Time{}
	if f.round < len(rounds()) {
		f.due = f.begun.Add(rounds()[f.round])
		f.round++
	}
	return nil
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

// tellSilent publishes to each device that owes an answer.
func (d *Desk) tellSilent(ctx context.Context, a radio.AlertRecord, round int) error {
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
	sent, failed := 0, 0
	for _, t := range targets {
		if !silent(a, said[t.Device]) {
			continue
		}
		if err := d.rooms.Publisher.Publish(ctx, wire.DownTopic(t.Device, wire.Alert), envelopeOf(a), false); err != nil {
			if failed++; failed == giveUpAfter {
				return fmt.Errorf("send alert %s again: %w", a.ID, err)
			}
			continue
		}
		sent, failed = sent+1, 0
	}
	d.log.Info("alert sent again to devices without an answer", "alert", a.ID, "round", round, "devices", sent, "of", len(targets))
	return nil
}

// Hello sends a device that has just connected every alert and tombstone of its areas
// that it has not done with. It comes behind the welcome, which proves the time. lacks
// are voices that have not reached it, by MQTT or by HTTPS.
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
	for _, a := range standing {
		if !a.Active(now) && !a.Mourned(now) || !place.Within(radio.Target{Area: a.Wish.Area}) {
			continue
		}
		said, err := d.rooms.Heard.ReceiptSteps(ctx, string(a.ID), device)
		if err != nil {
			return err
		}
		if owed(a, said, place.Device.Enrolled) {
			if err := d.rooms.Publisher.Publish(ctx, wire.DownTopic(device, wire.Alert), envelopeOf(a), false); err != nil {
				return fmt.Errorf("send alert %s to device %s: %w", a.ID, device, err)
			}
		}
		if v := a.Wish.Voice; v != nil && a.Active(now) && slices.Contains(lacks, v.SHA256) {
			// To the device's hamlet: it listens there, and few others do.
			if err := d.tellVoice(ctx, place.Hamlet().ID, v.SHA256); err != nil {
				return fmt.Errorf("send the voice of alert %s to device %s: %w", a.ID, device, err)
			}
			d.log.Info("voice sent again to a device that lacks it", "alert", a.ID, "device", device)
		}
	}
	return nil
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

// silent says whether a device must be told again in a round: an alert when it has said
// nothing of it, a tombstone when it has not ended it.
func silent(a radio.AlertRecord, said []radio.Receipt) bool {
	if a.State == radio.AlertCancelled {
		return owed(a, said, 0)
	}
	return len(said) == 0 || mendable(said)
}

// owed says whether a device that connects must be told. enrolled is when it got its
// certificate: what it said before was another board.
func owed(a radio.AlertRecord, said []radio.Receipt, enrolled radio.Millis) bool {
	said = slices.DeleteFunc(slices.Clone(said), func(r radio.Receipt) bool { return r.Received < enrolled })
	rank := 0
	for _, r := range said {
		rank = max(rank, r.State.Rank())
	}
	switch {
	case mendable(said):
		return true
	case a.Wish.Standing && a.State == radio.AlertCancelled:
		// "done" may be the word of an earlier start with the PIN: only the device knows
		// whether it still keeps the alert.
		return true
	case a.Wish.Standing:
		return rank < radio.ReceiptAccepted.Rank()
	}
	return rank < radio.ReceiptDone.Rank()
}

// mendable says that a device refused for what a newer keyring or newer settings mend:
// they may have reached it after the alert.
func mendable(said []radio.Receipt) bool {
	refused := false
	for _, r := range said {
		switch {
		case r.State == radio.ReceiptRejected:
			refused = slices.Contains([]radio.Reason{radio.ReasonSigners, radio.ReasonDrill, radio.ReasonArea}, radio.Reason(r.Reason))
		case r.State.Rank() > radio.ReceiptReceived.Rank():
			return false
		}
	}
	return refused
}
