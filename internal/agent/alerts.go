package agent

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/agent/emergency"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// openAlerts makes the room of emergencies. What it asks of the documents it asks
// later, for the room that takes them needs this one first.
func (a *Agent) openAlerts(r *rooms) error {
	r.proof = &proof{System: r.clock}
	var err error
	r.alerts, err = emergency.New(emergency.Options{Device: r.device, Journal: r.journal, Clock: r.clock, Audio: r.cache,
		Plan: emergencyPlan{r}, Proven: r.proof.now, Wake: func() { r.fetch.Wake() }, Log: a.log})
	return err
}

// emergencyPlan is inbox in the terms of emergency.
type emergencyPlan struct{ r *rooms }

// Settings gives the active ones.
func (p emergencyPlan) Settings() radio.Settings { return p.r.inbox.Settings() }

// Drills says whether an announcement is in the keyring.
func (p emergencyPlan) Drills(sha radio.SHA256) bool { return p.r.inbox.Drills(sha) }

// proof notes what time it is by the centre's answer to a hello of this run, on its way
// to the clock: that judges the end of alerts while the clock itself cannot be trusted.
type proof struct {
	*clock.System

	mu   sync.Mutex
	at   time.Time
	mono time.Duration
}

// FromCentre is called by link with the time of a welcome that repeats the nonce.
func (p *proof) FromCentre(centre time.Time, sent, got time.Duration) error {
	p.mu.Lock()
	// The centre said so at some moment of the round trip. The latest it can be counts:
	// an alert that may have expired does not sound.
	p.at, p.mono = centre.Add(got-sent), got
	p.mu.Unlock()
	return p.System.FromCentre(centre, sent, got)
}

// now is the time so proven; false before the first welcome.
func (p *proof) now() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		return time.Time{}, false
	}
	return p.at.Add(p.System.Mono() - p.mono), true
}

// controls is what people with the PIN may do on the local page.
type controls struct{ r *rooms }

// StartAlert makes a standing alert sound.
func (c controls) StartAlert(ctx context.Context, id radio.AlertID) error {
	return c.r.alerts.Start(ctx, id)
}

// StopSound ends alerts, and the session with what an alert has cut of it.
func (c controls) StopSound(ctx context.Context) error {
	// The session first: it would go on as soon as the alert is over.
	_, err := c.r.playout.Stop(ctx, radio.WhoLocal)
	c.r.alerts.Stop(ctx)
	return err
}
