package preview

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Whats of a device that would not have a schedule in time.
const (
	whatUnheard    = "unheard"
	whatOffline    = "offline"
	whatBehind     = "behind"
	whatNotFetched = "audio"
	whatSlowLink   = "link" // its link does not carry the audio in time
	whatOverCap    = "cap"  // nor may a metered one carry so much
)

// fetchLead is what a device needs to hear of an audio and begin to fetch it.
const fetchLead = 10 * time.Minute

// settleIn is how long a connected device may take to report a new programme before it
// is said to be behind.
const settleIn = 10 * time.Minute

// hear reads what devices said of themselves.
func (p *Preview) hear(ctx context.Context, s *survey) error {
	views, err := p.fleet.Views(ctx)
	if err != nil {
		return fmt.Errorf("read what devices said: %w", err)
	}
	s.views = make(map[radio.DeviceID]radio.DeviceView, len(views))
	for _, v := range views {
		s.views[v.Place.Device.ID] = v
	}
	return nil
}

// sync looks which devices of the group would not have their next airings in time.
func (p *Preview) sync(s *survey, l *ledger, g *group, mine []radio.PreviewAiring) {
	first := map[radio.ScheduleID]radio.Millis{}
	var soon []radio.PreviewAiring // the first of each entry that comes too soon for a fetch
	near := map[radio.EntryID]bool{}
	for _, a := range mine {
		if a.Outcome != "" {
			continue
		}
		if _, ok := first[a.Schedule]; !ok {
			first[a.Schedule] = a.Start
		}
		if !near[a.Entry] && a.Start < s.fetchedBy(a) {
			near[a.Entry] = true
			soon = append(soon, a)
		}
	}
	if len(first) == 0 {
		return
	}
	why := map[string][]radio.Place{}
	since := map[string]radio.Millis{}
	lacking := map[radio.EntryID][]radio.Place{}
	slow := newLinks(mine, near)
	list := s.wants(g)
	for _, pl := range g.places {
		what, from, said := s.reach(pl.Device)
		if what != "" {
			why[what] = append(why[what], pl)
			if from != 0 && (since[what] == 0 || from < since[what]) {
				since[what] = from
			}
			continue
		}
		for _, a := range soon {
			if !s.has(said, a) {
				lacking[a.Entry] = append(lacking[a.Entry], pl)
			}
		}
		if slow.concerns(list, said) {
			slow.look(pl, said, s.missing(p.resolver.Settings(pl), said, list))
		}
	}
	slow.tell(l)
	for _, o := range g.schedules {
		at, ok := first[o.ID]
		if !ok {
			continue
		}
		for _, what := range []string{whatUnheard, whatOffline, whatBehind} {
			if len(why[what]) > 0 {
				l.add(finding{key: key{kind: radio.ConflictNotInTime, what: what, schedule: o.ID}, at: at, since: since[what], places: why[what]})
			}
		}
	}
	for _, a := range soon {
		if len(lacking[a.Entry]) > 0 {
			l.add(finding{key: key{kind: radio.ConflictNotInTime, what: whatNotFetched, schedule: a.Schedule, slot: a.Slot, entry: a.Entry, bulletin: a.Bulletin},
				at: a.Start, times: 1, places: lacking[a.Entry]})
		}
	}
}

// reach says what keeps a new programme from a device, if anything does, and since when.
func (s *survey) reach(d radio.Device) (what string, since radio.Millis, said radio.Status) {
	v := s.views[d.ID]
	if v.Status != nil {
		said = *v.Status
	}
	switch {
	case v.State.Device == "":
		return whatUnheard, d.Enrolled, said
	case !v.State.Alive:
		return whatOffline, max(v.State.At, v.State.LastSeen), said
	}
	// A revision is at least the second in which it was issued (design §8).
	issued := v.Issued["programme"].Revision
	if at := time.Unix(issued, 0); said.Revisions.Programme < issued && s.now.Sub(at) > settleIn {
		return whatBehind, radio.At(at), said
	}
	return "", 0, said
}

// has says whether the device reported the audio of an airing as ready; either rendition
// will do, as it does for the device.
func (s *survey) has(said radio.Status, a radio.PreviewAiring) bool {
	for _, r := range s.bulletins[a.Bulletin].Renditions {
		for _, have := range said.Audio {
			if have.SHA256 == r.SHA256 && have.Ready {
				return true
			}
		}
	}
	return false
}

// fetchedBy is the instant by which a device can have fetched the audio of an airing.
// The agent fetches what airs within the hour at any time of day, so only the last
// minutes are too short: fetchLead, and as long as the audio sounds, for a link that
// carries no more than that.
func (s *survey) fetchedBy(a radio.PreviewAiring) radio.Millis {
	return radio.At(s.now.Add(fetchLead)).Add(radio.SamplesDuration(a.Samples))
}
