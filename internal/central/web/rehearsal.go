package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"loaxa/internal/radio"
)

// Rehearsals tells what would sound in the coming days, and what devices must download
// for it (preview).
type Rehearsals interface {
	// Rehearse takes local dates; empty ones are today and six days later. An empty target
	// is the whole province.
	Rehearse(ctx context.Context, of radio.Target, from, to radio.Date) (radio.Rehearsal, error)
}

// Bounds of one page; the API lists more.
const (
	rehearsalSlots     = 60
	rehearsalNight     = 30
	rehearsalLoads     = 25
	rehearsalConflicts = 30
)

var rehearsalKeys = []string{"device", "commune", "from", "to"}

// rehearsalData is the page of one rehearsal.
type rehearsalData struct {
	weekChoice
	// Whole: the whole province is rehearsed; MayWhole: the reader may ask for that.
	Whole, MayWhole bool
	Plan            radio.Rehearsal
	// Past: all of its days are over; Since is from when on it tells, where a part of them is.
	Past        bool
	Since       radio.Millis
	Most        int64 // samples of the device that sounds the longest
	Areas       []rehearsalRow
	Days        []rehearsalDayRow
	Night       []weekSlot
	MoreNight   int
	Slots       []weekSlot
	MoreSlots   bool
	Loads       []loadRow
	MoreLoads   int
	Clashes     []clashRow
	MoreClashes int
}

// weekChoice is what is shown of where, as on the page of a week.
type weekChoice struct {
	Communes []radio.Area
	Devices  []radio.Place
	Commune  radio.AreaID
	Device   radio.DeviceID
	Where    string
}

// Single says whether one device is shown.
func (c weekChoice) Single() bool { return c.Device != "" }

type rehearsalRow struct {
	Name, Link string // Link leads to its own rehearsal; "" for none
	radio.RehearsalArea
}

type rehearsalDayRow struct {
	Short string
	radio.RehearsalDay
}

type loadRow struct {
	radio.RehearsalLoad
	Where string
	State string // in words; "" when it is connected and up to date
}

// KBPS is the rate of the link as people read it.
func (l loadRow) KBPS() int64 { return l.BPS / 1000 }

// rehearsal shows what would sound in the coming days, at most radio.MaxPreviewDays.
func (s *Server) rehearsal(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, rehearsalKeys...)
	if err != nil {
		return err
	}
	week := weekData{}
	if week.Commune, week.Device, err = targetOf(q); err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	communes, err := s.communesOf(r, radio.ReadSchedules)
	if err != nil {
		return err
	}
	d := rehearsalData{MayWhole: communes == nil}
	asked := week.Commune != "" || week.Device != ""
	week.choose(who(r), places)
	of := radio.Target{}
	switch {
	case week.Device != "":
		of.Device = week.Device
	case week.Where != "" && (asked || !d.MayWhole):
		of.Area = week.Commune
	default:
		d.Whole, week.Commune, week.Devices, week.Where = d.MayWhole, "", nil, ""
		if len(places) > 0 && d.MayWhole {
			week.Where = places[0].Province().Name
		}
	}
	d.weekChoice = weekChoice{week.Communes, week.Devices, week.Commune, week.Device, week.Where}
	if d.Where != "" {
		if d.Plan, err = s.Rehearsals.Rehearse(r.Context(), of, radio.Date(q.Get("from")), radio.Date(q.Get("to"))); err != nil {
			return err
		}
		if err := s.fillRehearsal(r, &d, places); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, "rehearsal.html", "Chạy thử bảy ngày", d)
}

func (s *Server) fillRehearsal(r *http.Request, d *rehearsalData, places []radio.Place) error {
	names, where := map[radio.DeviceID]string{}, map[radio.DeviceID]string{}
	for _, p := range places {
		names[p.Device.ID], where[p.Device.ID] = p.Device.Name, p.Hamlet().Name+", "+p.Commune().Name
	}
	schedules, err := s.Plan.CurrentSchedules(r.Context())
	if err != nil {
		return err
	}
	titles, codes := map[radio.ScheduleID]string{}, map[radio.SlotID]string{}
	for _, o := range schedules {
		titles[o.ID] = o.Title
		for _, sl := range o.Slots {
			codes[sl.ID] = sl.Code
		}
	}
	for _, day := range d.Plan.Days {
		short, err := shortDay(day.Day)
		if err != nil {
			return err
		}
		d.Days = append(d.Days, rehearsalDayRow{short, day})
	}
	all, some := d.Plan.Behind(s.zone)
	if d.Past = all; some && !all {
		d.Since = d.Plan.Begin
	}
	d.areas()
	d.Night = inOrder(s.weekSlots(d.Plan.Night, titles, codes, names))
	d.Night, d.MoreNight = first(d.Night, rehearsalNight)
	if !d.Whole {
		all := inOrder(s.weekSlots(d.Plan.Rows, titles, codes, names))
		var more int
		d.Slots, more = first(all, rehearsalSlots)
		d.MoreSlots = more > 0 || d.Plan.More > 0
	}
	for _, l := range d.Plan.Loads {
		d.Most = max(d.Most, l.Samples)
		if l.Late != nil || l.OverCap || l.Bytes > 0 || l.State != "" {
			d.Loads = append(d.Loads, loadRow{l, where[l.Device], stateOfLoad(l.State)})
		}
	}
	slices.SortStableFunc(d.Loads, func(a, b loadRow) int { return cmp.Compare(trouble(b), trouble(a)) })
	d.Loads, d.MoreLoads = first(d.Loads, rehearsalLoads)
	d.Clashes = clashRows(r, d.Plan.Conflicts, names)
	d.Clashes, d.MoreClashes = first(d.Clashes, rehearsalConflicts)
	return nil
}

// trouble orders devices by how bad it is.
func trouble(l loadRow) int {
	switch {
	case l.Late != nil:
		return 3
	case l.OverCap:
		return 2
	case l.State != "":
		return 1
	}
	return 0
}

// stateOfLoad is what keeps the plan from a device, in words.
func stateOfLoad(state string) string {
	switch state {
	case "":
		return ""
	case "unheard":
		return "chưa từng kết nối"
	case "offline":
		return "mất kết nối"
	}
	return "chưa nhận chương trình mới"
}

// areas lists communes for the province, hamlets for a commune.
func (d *rehearsalData) areas() {
	if d.Single() {
		return
	}
	if !d.Whole {
		for _, h := range d.Plan.Hamlets {
			d.Areas = append(d.Areas, rehearsalRow{Name: h.Name, RehearsalArea: h})
		}
		return
	}
	at := map[radio.AreaID]int{}
	for _, h := range d.Plan.Hamlets {
		i, known := at[h.Commune]
		if !known {
			q := url.Values{"commune": {string(h.Commune)}, "from": {string(d.Plan.From)}, "to": {string(d.Plan.To)}}
			i = len(d.Areas)
			at[h.Commune] = i
			d.Areas = append(d.Areas, rehearsalRow{Name: h.CommuneName, Link: "/schedules/rehearsal?" + q.Encode()})
		}
		a := &d.Areas[i]
		a.Devices += h.Devices
		a.RehearsalSum.Add(h.RehearsalSum)
		a.Longest = max(a.Longest, h.Longest)
	}
}

// first cuts a list, and says how many are left out.
func first[T any](all []T, n int) ([]T, int) {
	if len(all) <= n {
		return all, 0
	}
	return all[:n], len(all) - n
}

// inOrder puts the slots of several days one after the other.
func inOrder(days map[radio.Date][]weekSlot) []weekSlot {
	var out []weekSlot
	for _, slots := range days {
		out = append(out, slots...)
	}
	slices.SortStableFunc(out, func(a, b weekSlot) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.Schedule, b.Schedule), cmp.Compare(a.Slot, b.Slot))
	})
	return out
}

// ofRehearsal is the place of the commune or the device in the address's query.
func (s *Server) ofRehearsal(r *http.Request) ([]radio.AreaID, error) { return s.ofPreview(r) }

// apiRehearsal gives a rehearsal of a device, of a commune, or of the whole province.
func (s *Server) apiRehearsal(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, rehearsalKeys...)
	if err != nil {
		return err
	}
	commune, device, err := targetOf(q)
	if err != nil {
		return err
	}
	var e radio.Invalid
	switch {
	case commune != "" && device != "":
		e.Add("device", "chọn một cụm loa hoặc một xã/phường", "name a device or a commune, one of them")
	case commune == "" && device == "":
		if own, err := s.communesOf(r, radio.ReadSchedules); err != nil {
			return err
		} else if own != nil {
			e.Add("commune", "chọn một cụm loa hoặc một xã/phường: tài khoản này không xem được cả tỉnh", "name a device or a commune: this account does not see the whole province")
		}
	}
	if err := e.Err(); err != nil {
		return err
	}
	p, err := s.Rehearsals.Rehearse(r.Context(), radio.Target{Area: commune, Device: device}, radio.Date(q.Get("from")), radio.Date(q.Get("to")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// apiDifference gives what the publication of a draft changes.
func (s *Server) apiDifference(w http.ResponseWriter, r *http.Request) error {
	d, err := s.Schedules.Difference(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, d)
}

// rehearsalRoutes are what would sound, counted.
func (s *Server) rehearsalRoutes() []route {
	return []route{
		{pattern: "GET /schedules/rehearsal", as: s.page, do: s.rehearsal, may: radio.ReadSchedules, of: s.ofRehearsal},
		{pattern: "GET /api/v1/rehearsal", as: s.api, do: s.apiRehearsal, may: radio.ReadSchedules, of: s.ofRehearsal,
			doc: doc{Summary: "What would sound in the coming days on a device, in a commune or in the whole province, and what devices must download for it", Out: radio.Rehearsal{}, Query: rehearsalKeys}},
		{pattern: "GET /api/v1/schedules/{id}/difference", as: s.api, do: s.apiDifference, may: radio.ReadSchedules, of: s.ofSchedule,
			doc: doc{Summary: "What the publication of the draft changes: airings, time and megabytes before and after", Out: radio.RehearsalDifference{}}},
	}
}
