package emergency

import (
	"slices"

	"loaxa/internal/radio"
)

// maxTold bounds what is told of alerts that are over, the newest of them.
const maxTold = 64

// told lists the entries there is something to say of, the oldest first; it needs mu.
func (r *Room) told(over int) []*entry {
	var list []*entry
	for _, e := range slices.Backward(r.ordered()) {
		if e.over {
			if over--; over < 0 {
				continue
			}
		}
		list = append(list, e)
	}
	slices.Reverse(list)
	return list
}

// Receipts gives the latest receipt of the alerts, and of those turned away; link says
// them at once and again with every connection.
func (r *Room) Receipts() []radio.ReceiptRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.turned)
	for _, e := range r.told(maxTold) {
		if e.Receipt.State != "" {
			list = append(list, e.Receipt)
		}
	}
	return list
}

// maxShown bounds the alerts in a status that are over; it has to fit the wire.
const maxShown = 16

// Fill puts into a status what there is of alerts, and whether the emergency set is here.
func (r *Room) Fill(s *radio.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	settings := r.opts.Plan.Settings()
	line := func(role radio.EmergencyRole, ready bool) radio.EmergencyStatus {
		return radio.EmergencyStatus{Role: role, Ready: ready, StandIn: !ready && role == radio.RoleSiren && r.opts.StandIn != nil}
	}
	for _, role := range []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn} {
		// Without any set nothing would look missing.
		if _, named := settings.EmergencyRole(role); !named {
			s.Emergency = append(s.Emergency, line(role, false))
		}
	}
	for _, e := range settings.Emergency {
		s.Emergency = append(s.Emergency, line(e.Role, r.opts.Audio.Ready(e.Rendition.SHA256) && r.opts.Plan.Vouched(e.Rendition.SHA256)))
	}
	mono, now := r.opts.Clock.Mono(), r.opts.Clock.Now()
	for _, e := range slices.Backward(r.told(maxShown)) {
		a := e.Alert
		line := radio.AlertStatus{ID: a.ID, Headline: a.Headline, Area: a.Area, Drill: a.Drill, Standing: a.Standing && !e.over,
			State: e.Receipt.State, Reason: e.Receipt.Reason, Cycle: min(e.Done, a.Repeats), Repeats: a.Repeats, Running: e.Active && e.Begun > 0, Expires: a.ExpiresAt}
		if e.Active && e.due > mono {
			line.Next = radio.At(now.Add(e.due - mono))
		}
		s.Alerts = append(s.Alerts, line)
	}
}
