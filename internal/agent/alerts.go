package agent

import (
	"context"

	"loaxa/internal/agent/emergency"
	"loaxa/internal/radio"
)

// openAlerts makes the room of emergencies. What it asks of the documents it asks
// later, for the room that takes them needs this one first.
func (a *Agent) openAlerts(r *rooms) error {
	var err error
	siren := standIn()
	r.alerts, err = emergency.New(emergency.Options{Device: r.device, Areas: func() []radio.AreaID { return r.inbox.Areas() }, Journal: r.journal, Clock: r.clock, Audio: r.cache,
		StandIn: &siren, Plan: emergencyPlan{r}, Proven: r.clock.ProvenThisBoot, Wake: func() { r.fetch.Wake() }, Ask: func() { r.link.Ask() }, Log: a.log})
	return err
}

// emergencyPlan is inbox in the terms of emergency.
type emergencyPlan struct{ r *rooms }

// Settings gives the active ones.
func (p emergencyPlan) Settings() radio.Settings { return p.r.inbox.Settings() }

// Vouched says whether a sound of the emergency set is in the keyring.
func (p emergencyPlan) Vouched(sha radio.SHA256) bool { return p.r.inbox.Vouched(sha) }

// Drills says whether an announcement is in the keyring.
func (p emergencyPlan) Drills(sha radio.SHA256) bool { return p.r.inbox.Drills(sha) }

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
