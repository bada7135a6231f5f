package preview

import (
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// wanted is one audio that the devices of a group must have.
type wanted struct {
	radio.Rendition
	// other is the other rendition, which will do where it is there already.
	other    radio.SHA256
	bulletin radio.BulletinID
	number   int // of its version
	title    string
	first    *radio.PreviewAiring // of its airings that would sound in the span; nil for none
}

func (w wanted) due() radio.Millis {
	if w.first == nil {
		return 0
	}
	return w.first.Start
}

// wants lists the audio of the group's programme as its devices fetch it: in their own
// rendition, what airs first first (agent/fetch), each once; not what has run out.
func (s *survey) wants(g *group) []wanted {
	first := map[version]*radio.PreviewAiring{}
	for i := range g.airings {
		a := &g.airings[i]
		if v := (version{a.Bulletin, a.Version}); a.Outcome == "" && a.Kind == radio.KindAudio && first[v] == nil {
			first[v] = a
		}
	}
	var out []wanted
	at := map[radio.SHA256]int{}
	for _, a := range g.programme.Audio {
		r, ok := a.Rendition(g.first().Device.Rendition)
		if !ok || a.ValidUntil != 0 && a.ValidUntil <= radio.At(s.now) {
			continue
		}
		w := wanted{Rendition: r, bulletin: a.Bulletin, number: a.Version, title: a.Title, first: first[version{a.Bulletin, a.Version}]}
		for _, x := range a.Renditions {
			if x.SHA256 != r.SHA256 {
				w.other = x.SHA256
			}
		}
		if i, twice := at[r.SHA256]; twice {
			if was := out[i].due(); w.due() != 0 && (was == 0 || w.due() < was) {
				out[i] = w
			}
			continue
		}
		at[r.SHA256] = len(out)
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b wanted) int {
		switch x, y := a.due(), b.due(); {
		case x == y:
			return 0
		case x == 0:
			return 1
		case y == 0 || x < y:
			return -1
		}
		return 1
	})
	return out
}

// load tells what one device would have to download, and whether in time on its link.
func (s *survey) load(settings radio.Settings, pl radio.Place, list []wanted) radio.RehearsalLoad {
	d := pl.Device
	l := radio.RehearsalLoad{Device: d.ID, Code: d.Code, Name: d.Name, Hamlet: d.Hamlet, Commune: pl.Commune().ID, BPS: radio.UnknownLinkBPS}
	var said radio.Status
	l.State, _, said = s.reach(d)
	if said.Link.DownBPS > 0 {
		l.BPS, l.Measured = said.Link.DownBPS, true
	}
	l.CapBytes, l.UsedBytes = said.Link.CapBytes, said.Link.UsedBytes
	for _, m := range s.missing(settings, said, list) {
		l.Bytes += m.bytes
		l.Done = radio.At(m.ready)
		if m.late() && l.Late == nil {
			l.Late = &radio.LateAudio{Bulletin: m.bulletin, Title: m.title, At: m.due(), Ready: radio.At(m.ready)}
		}
	}
	l.OverCap = l.CapBytes > 0 && l.Bytes > 0 && l.UsedBytes+l.Bytes > l.CapBytes
	return l
}

// missing is one audio a device lacks, and when it would be there.
type missing struct {
	wanted
	bytes int64 // of it, that are not there
	ready time.Time
	// stood: the other rendition is there and sounds in its place.
	stood bool
}

func (m missing) late() bool { return m.first != nil && !m.stood && radio.At(m.ready) > m.due() }

// missing fetches in thought what a device lacks, one after the other as it would.
func (s *survey) missing(settings radio.Settings, said radio.Status, list []wanted) []missing {
	have := make(map[radio.SHA256]radio.AudioStatus, len(said.Audio))
	for _, a := range said.Audio {
		have[a.SHA256] = a
	}
	bps := said.Link.DownBPS
	if bps <= 0 {
		bps = radio.UnknownLinkBPS
	}
	h := hoursOf(s.zone, settings)
	at := s.now.Add(time.Duration(settings.JitterMS) * time.Millisecond)
	var out []missing
	for _, e := range settings.Emergency { // before all else, at any hour
		if !slices.ContainsFunc(said.Emergency, func(x radio.EmergencyStatus) bool { return x.Role == e.Role && x.Ready }) {
			at = at.Add(transfer(e.Rendition.Bytes, bps))
			out = append(out, missing{wanted: wanted{Rendition: e.Rendition, title: string(e.Role)}, bytes: e.Rendition.Bytes, ready: at})
		}
	}
	for _, w := range list {
		was := have[w.SHA256]
		if was.Ready || was.Refused {
			continue
		}
		m := missing{wanted: w, bytes: max(w.Bytes-was.Have, 0), stood: have[w.other].Ready}
		var urgent time.Time
		if w.first != nil {
			urgent = w.due().Time().Add(-radio.FetchUrgent)
		}
		at = h.after(at, transfer(m.bytes, bps), urgent)
		m.ready = at
		out = append(out, m)
	}
	return out
}

// transfer is how long bytes take on a link.
func transfer(bytes, bps int64) time.Duration {
	return time.Duration(float64(bytes) * 8 / float64(bps) * float64(time.Second))
}

// fetchHours are when one device fetches what is not urgent.
type fetchHours struct {
	zone    timetable.Zone
	opens   time.Duration // after local midnight
	length  time.Duration
	anyHour bool
}

func hoursOf(z timetable.Zone, s radio.Settings) fetchHours {
	opens, minutes, always := s.FetchWindow(s.Device)
	return fetchHours{z, time.Duration(opens) * time.Minute, time.Duration(minutes) * time.Minute, always}
}

// farDays bounds how many days a download is followed.
const farDays = 60

// after gives the instant at which a download that takes so long is over, begun at t at
// the earliest: within the hours, or at any hour from urgent on (zero: never urgent). A
// download that takes months ends somewhere after farDays.
func (h fetchHours) after(t time.Time, work time.Duration, urgent time.Time) time.Time {
	for range farDays {
		if h.anyHour || !urgent.IsZero() && !t.Before(urgent) {
			break
		}
		begin, end := h.next(t)
		if !urgent.IsZero() && !begin.Before(urgent) {
			t = urgent
			continue
		}
		if t.Before(begin) {
			t = begin
		}
		if !urgent.IsZero() && end.After(urgent) {
			end = urgent
		}
		if left := end.Sub(t); left < work {
			work, t = work-left, end
			continue
		}
		break
	}
	return t.Add(work)
}

// next is the stretch of the hours in which t lies, or the one after it.
func (h fetchHours) next(t time.Time) (begin, end time.Time) {
	midnight, _, err := h.zone.Day(h.zone.Date(t.Add(-24 * time.Hour)))
	if err != nil {
		return t, t.Add(24 * time.Hour) // a date of a time.Time is always one
	}
	for begin = midnight.Add(h.opens); ; begin = begin.Add(24 * time.Hour) {
		if end = begin.Add(h.length); end.After(t) || h.length <= 0 && begin.After(t) {
			return begin, end
		}
	}
}
