package emergency

import (
	"slices"

	"loaxa/internal/radio"
)

// Receipts gives the latest receipt of every alert that is not forgotten, and of those
// turned away; link says them at once and again with every connection.
func (r *Room) Receipts() []radio.ReceiptRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.turned)
	for _, e := range r.ordered() {
		if e.Receipt.State != "" {
			list = append(list, e.Receipt)
		}
	}
	return list
}

// Fill puts into a status what there is of alerts, and whether the emergency set is here.
func (r *Room) Fill(s *radio.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.opts.Plan.Settings().Emergency {
		s.Emergency = append(s.Emergency, radio.EmergencyStatus{Role: e.Role, Ready: r.opts.Audio.Ready(e.Rendition.SHA256)})
	}
	mono, now := r.opts.Clock.Mono(), r.opts.Clock.Now()
	for _, e := range slices.Backward(r.ordered()) {
		a := e.Alert
		line := radio.AlertStatus{ID: a.ID, Headline: a.Headline, Area: a.Area, Drill: a.Drill, Standing: a.Standing && !e.over,
			State: e.Receipt.State, Reason: e.Receipt.Reason, Cycle: min(e.Done, a.Repeats), Repeats: a.Repeats, Running: e.Active && e.Begun > 0, Expires: a.ExpiresAt}
		if e.Active && e.due > mono {
			line.Next = radio.At(now.Add(e.due - mono))
		}
		s.Alerts = append(s.Alerts, line)
	}
}
