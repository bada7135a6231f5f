package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// Preview tells what would sound, from the agent's own code, and what stands between a
// schedule and the air (preview).
type Preview interface {
	// Week previews days from a local date on, of one device or of an area's devices.
	Week(ctx context.Context, of radio.Target, from radio.Date, days int) (radio.Preview, error)
	Conflicts(ctx context.Context, candidates []radio.Schedule) ([]radio.Conflict, error)
}

// weekData is the page of one week.
type weekData struct {
	Communes []radio.Area
	Devices  []radio.Place // of the commune
	Commune  radio.AreaID
	Device   radio.DeviceID
	Where    string // what is previewed; "" before anything is chosen
	Total    int    // devices there that are enrolled
	Idle     int    // and those that are not
	From, To radio.Date
	Days     []weekDay
	// Conflicts tells what of the plan does not enter these devices' programmes.
	Conflicts      []radio.Conflict
	Previous, Next string // addresses
}

// Single says whether one device is shown.
func (d weekData) Single() bool { return d.Device != "" }

// weekDay is one day: what is to come, and where to read what has been.
type weekDay struct {
	Day     radio.Date
	Short   string // T2 … CN
	Today   bool
	Log     string // address of the log of what lies before now; "" when nothing does
	Future  bool   // something of the day is still to come
	Samples int64
	Slots   []weekSlot
}

// Coming says whether anything of the day is still to come.
func (d weekDay) Coming() bool {
	return slices.ContainsFunc(d.Slots, func(w weekSlot) bool { return !w.Past })
}

// weekSlot is one instant of one slot on the devices that do the same with it.
type weekSlot struct {
	Time       string // as people say it: 05:00–05:20
	start, end radio.Millis
	Schedule   string
	Slot       string
	Priority   radio.Priority
	Items      []string
	Odd        bool
	LateMS     int64
	With       string // the schedule it gives way to
	Outcome    radio.Outcome
	Reason     radio.Reason
	Veto       radio.Veto // the part of the policy that is the reason
	Devices    int
	Names      []string // of the devices, when not all do the same
	More       int      // devices that are not named
	// Past: it has been, and Outcome is the log's.
	Past bool
}

// Start is when it begins.
func (w weekSlot) Start() radio.Millis { return w.start }

// Late is how long after its time it begins, in samples, as lengths are shown.
func (w weekSlot) Late() int64 { return w.LateMS * radio.SampleRate / 1000 }

// maxDeviceNames bounds the devices one line names.
const maxDeviceNames = 5

var (
	weekKeys    = []string{"device", "commune", "from"}
	previewKeys = []string{"device", "commune", "from", "days"}
	shortDays   = []string{"CN", "T2", "T3", "T4", "T5", "T6", "T7"}
)

// targetOf reads which device or commune an address asks for; both are empty when it
// does not say.
func targetOf(q url.Values) (commune radio.AreaID, device radio.DeviceID, err error) {
	commune, device = radio.AreaID(q.Get("commune")), radio.DeviceID(q.Get("device"))
	var e radio.Invalid
	if commune != "" && !radio.ValidID(commune) {
		e.Add("commune", "giá trị lọc không đúng", "not a value of this filter")
	}
	if device != "" && !radio.ValidID(device) {
		e.Add("device", "giá trị lọc không đúng", "not a value of this filter")
	}
	return commune, device, e.Err()
}

// ofPreview is the place of the commune or the device in the address's query.
func (s *Server) ofPreview(r *http.Request) ([]radio.AreaID, error) {
	commune, device, err := targetOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	if commune == "" && device == "" {
		return s.provinceChain(r) // only the choice is shown
	}
	if commune != "" {
		a, ok := tree.Area(commune)
		if !ok || a.Kind != radio.Commune {
			return nil, notFound("commune")
		}
		if chain := tree.Chain(commune); device == "" || !who(r).MayRead(radio.ReadSchedules, chain...) {
			return chain, nil
		}
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if p.Device.ID == device {
			return chainIDs(p.Chain), nil
		}
	}
	return nil, notFound("device")
}

// week shows seven days from Monday on: of a commune, or of one of its devices.
func (s *Server) week(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, weekKeys...)
	if err != nil {
		return err
	}
	d := weekData{}
	if d.Commune, d.Device, err = targetOf(q); err != nil {
		return err
	}
	if d.From, err = s.monday(q.Get("from")); err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	d.choose(who(r), places)
	if d.Where != "" {
		if err := s.fillWeek(r, &d, places); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, "week.html", "Lịch phát theo tuần", d)
}

// choose lists what the person can choose from, and what they chose. The only commune of
// a person is theirs without asking. A device of another commune than the one named is
// left over from a form that was changed.
func (d *weekData) choose(p radio.Person, all []radio.Place) {
	mine := slices.DeleteFunc(placesByName(all), func(pl radio.Place) bool { return !p.May(radio.ReadSchedules, chainIDs(pl.Chain)...) })
	d.Communes = communes(mine)
	i := slices.IndexFunc(mine, func(pl radio.Place) bool {
		return pl.Device.ID == d.Device && (d.Commune == "" || pl.Commune().ID == d.Commune)
	})
	switch {
	case i >= 0:
		d.Commune, d.Where = mine[i].Commune().ID, mine[i].Device.Name
	case d.Commune == "" && len(d.Communes) == 1:
		d.Commune = d.Communes[0].ID
	}
	if i < 0 {
		d.Device = ""
	}
	for _, pl := range mine {
		c := pl.Commune()
		if d.Commune == "" || c.ID != d.Commune {
			continue
		}
		d.Devices = append(d.Devices, pl)
		// Who has rights in one hamlet sees its devices, not the whole commune.
		if d.Where == "" && p.May(radio.ReadSchedules, pl.Province().ID, c.ID) {
			d.Where = c.Name
		}
	}
}

// monday is the first day of the week in which a date lies; of this week without one.
func (s *Server) monday(text string) (radio.Date, error) {
	t := s.Now().In(s.zone)
	if text != "" {
		var err error
		if t, err = time.Parse(time.DateOnly, text); err != nil || t.Year() < 2000 || t.Year() > 2100 {
			var e radio.Invalid
			e.Add("from", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
			return "", e.Err()
		}
	}
	return radio.DateOf(t.AddDate(0, 0, -(int(t.Weekday())+6)%7)), nil
}

func (s *Server) fillWeek(r *http.Request, d *weekData, places []radio.Place) error {
	of := radio.Target{Area: d.Commune}
	if d.Device != "" {
		of = radio.Target{Device: d.Device}
	}
	p, err := s.Preview.Week(r.Context(), of, d.From, 7)
	if err != nil {
		return err
	}
	names := map[radio.DeviceID]string{}
	for _, pl := range places {
		names[pl.Device.ID] = pl.Device.Name
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
	been, err := s.been(r, d, titles)
	if err != nil {
		return err
	}
	d.Total, d.Idle, d.Conflicts = p.Devices, p.Idle, p.Conflicts
	slots := s.weekSlots(append(been, p.Rows...), titles, codes, names)
	today := radio.DateOf(s.Now().In(s.zone))
	for _, day := range p.Days {
		short, err := shortDay(day.Day)
		if err != nil {
			return err
		}
		x := weekDay{Day: day.Day, Short: short, Today: day.Day == today, Future: day.Day >= today, Samples: day.Samples, Slots: slots[day.Day]}
		if day.Day <= today {
			x.Log = d.logAddress(day.Day)
		}
		d.Days = append(d.Days, x)
	}
	first, err := time.Parse(time.DateOnly, string(d.From))
	if err != nil {
		return fmt.Errorf("first day of a week: %w", err)
	}
	d.To = radio.DateOf(first.AddDate(0, 0, 6))
	d.Previous, d.Next = d.address(first.AddDate(0, 0, -7)), d.address(first.AddDate(0, 0, 7))
	return nil
}

// been gives, for one device, what the log says of the part of the week that has passed;
// of a commune there is too much of it for this page. Titles of schedules that are no
// more are added to titles.
func (s *Server) been(r *http.Request, d *weekData, titles map[radio.ScheduleID]string) ([]radio.PreviewRow, error) {
	now := radio.At(s.Now())
	if today := radio.DateOf(s.Now().In(s.zone)); !d.Single() || d.From > today || !who(r).MaySomewhere(radio.ReadLog) {
		return nil, nil
	}
	last, err := time.Parse(time.DateOnly, string(d.From))
	if err != nil {
		return nil, fmt.Errorf("first day of a week: %w", err)
	}
	page, err := s.Log.Log(r.Context(), radio.LogFilter{Device: d.Device, From: d.From, To: radio.DateOf(last.AddDate(0, 0, 6))}, radio.LogCursor{}, mostRows)
	if err != nil {
		return nil, err
	}
	var out []radio.PreviewRow
	for _, row := range slices.Backward(page.Rows) { // oldest first
		if row.Start >= now || row.Key.Slot == "" {
			continue
		}
		if _, known := titles[row.Key.Schedule]; !known {
			titles[row.Key.Schedule] = row.ScheduleTitle
		}
		out = append(out, radio.PreviewRow{Day: row.Day, DeviceCount: 1, PreviewAiring: radio.PreviewAiring{
			Device: row.Key.Device, ID: row.Airing, Start: row.Start, SlotAt: row.Key.SlotAt, Samples: row.Samples, Priority: row.Priority,
			Schedule: row.Key.Schedule, Slot: row.Key.Slot, Entry: row.Key.Entry, Repeat: row.Key.Repeat, Title: row.Title, Outcome: row.Outcome, Reason: row.Reason,
		}})
	}
	return out, nil
}

// shortDay names the day of the week, T2 to CN.
func shortDay(day radio.Date) (string, error) {
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return "", fmt.Errorf("day of a preview: %w", err)
	}
	return shortDays[t.Weekday()], nil
}

func (d *weekData) query() url.Values {
	if d.Device != "" {
		return url.Values{"device": {string(d.Device)}}
	}
	return url.Values{"commune": {string(d.Commune)}}
}

func (d *weekData) address(monday time.Time) string {
	q := d.query()
	q.Set("from", string(radio.DateOf(monday)))
	return "/schedules/week?" + q.Encode()
}

func (d *weekData) logAddress(day radio.Date) string {
	q := d.query()
	q.Set("from", string(day))
	q.Set("to", string(day))
	return "/log?" + q.Encode()
}

// weekSlots joins the airings of one slot that have one fate on the same devices.
func (s *Server) weekSlots(rows []radio.PreviewRow, titles map[radio.ScheduleID]string, codes map[radio.SlotID]string, names map[radio.DeviceID]string) map[radio.Date][]weekSlot {
	type key struct {
		day     radio.Date
		slotAt  radio.Millis
		slot    radio.SlotID
		outcome radio.Outcome
		reason  radio.Reason
		veto    radio.Veto
		odd     bool
		count   int
		devices string
	}
	now := radio.At(s.Now())
	out, at := map[radio.Date][]weekSlot{}, map[key]int{}
	for _, r := range rows {
		k := key{r.Day, r.SlotAt, r.Slot, r.Outcome, r.Reason, r.Veto, r.Odd, r.DeviceCount, fmt.Sprint(r.Devices)}
		i, known := at[k]
		if !known {
			x := weekSlot{start: r.Start, Schedule: titles[r.Schedule], Slot: codes[r.Slot], Priority: r.Priority, Odd: r.Odd, Past: r.Start < now,
				Outcome: r.Outcome, Reason: r.Reason, Veto: r.Veto, Devices: r.DeviceCount}
			for _, dev := range r.Devices[:min(len(r.Devices), maxDeviceNames)] {
				x.Names = append(x.Names, names[dev])
			}
			if len(x.Names) > 0 {
				x.More = r.DeviceCount - len(x.Names)
			}
			i = len(out[r.Day])
			at[k] = i
			out[r.Day] = append(out[r.Day], x)
		}
		x := &out[r.Day][i]
		x.end = max(x.end, r.End())
		x.Time = s.hours(x.start, x.end)
		x.LateMS = max(x.LateMS, r.ShiftMS)
		if len(r.With) > 0 && x.With == "" {
			x.With = titles[r.With[0]]
		}
		x.Items = append(x.Items, r.Title)
	}
	return out
}

// hours writes a span of time in whole minutes; only a start between minutes is told to
// the second.
func (s *Server) hours(from, to radio.Millis) string {
	layout := "15:04"
	if from%60_000 != 0 {
		layout = "15:04:05"
	}
	end := (to + 59_999) / 60_000 * 60_000
	return formatAt(from, s.zone, layout) + "–" + formatAt(end, s.zone, "15:04")
}

type conflictsBody struct {
	Schedules []radio.Schedule `json:"schedules"`
}

type conflictsAnswer struct {
	Conflicts []radio.Conflict `json:"conflicts"`
}

// apiPreview gives the coming days of one device or one commune; from is today and days
// is 7 when they are not said.
func (s *Server) apiPreview(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, previewKeys...)
	if err != nil {
		return err
	}
	commune, device, err := targetOf(q)
	if err != nil {
		return err
	}
	var e radio.Invalid
	if (commune == "") == (device == "") {
		e.Add("device", "chọn một cụm loa hoặc một xã/phường", "name a device or a commune, one of them")
	}
	days := 7
	if q.Has("days") {
		if days, err = strconv.Atoi(q.Get("days")); err != nil {
			e.Add("days", fmt.Sprintf("số ngày từ 1 đến %d", radio.MaxPreviewDays), fmt.Sprintf("want 1 to %d days", radio.MaxPreviewDays))
		}
	}
	if err := e.Err(); err != nil {
		return err
	}
	from := radio.Date(q.Get("from"))
	if from == "" {
		from = radio.DateOf(s.Now().In(s.zone))
	}
	p, err := s.Preview.Week(r.Context(), radio.Target{Area: commune, Device: device}, from, days)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// apiConflicts tells what would go wrong if the schedules were published. It is a
// question: nothing is kept.
func (s *Server) apiConflicts(w http.ResponseWriter, r *http.Request) error {
	var in conflictsBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.mayAsk(r, in.Schedules); err != nil {
		return err
	}
	found, err := s.Preview.Conflicts(r.Context(), in.Schedules)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, conflictsAnswer{list(found)})
}

// mayAsk: the answer tells of the devices the schedules are for, so that each target
// must be the person's to read about; one that does not exist is refused like a foreign
// one.
func (s *Server) mayAsk(r *http.Request, schedules []radio.Schedule) error {
	communes, err := s.communesOf(r, radio.WriteSchedules)
	if err != nil || communes == nil {
		return err // the whole province is theirs
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	hamlets := map[radio.DeviceID]radio.AreaID{}
	for _, p := range places {
		hamlets[p.Device.ID] = p.Device.Hamlet
	}
	for _, o := range schedules {
		for _, t := range o.Targets {
			area := t.Area
			if t.Device != "" {
				area = hamlets[t.Device]
			}
			if err := s.allow(r, radio.WriteSchedules, area); err != nil {
				return err
			}
		}
	}
	return nil
}

// weekRoutes are what would sound.
func (s *Server) weekRoutes() []route {
	return []route{
		{pattern: "GET /schedules/week", as: s.page, do: s.week, may: radio.ReadSchedules, of: s.ofPreview},
		{pattern: "GET /api/v1/preview", as: s.api, do: s.apiPreview, may: radio.ReadSchedules, of: s.ofPreview,
			doc: doc{Summary: "What one device, or the devices of a commune, would play in the coming days", Out: radio.Preview{}, Query: previewKeys}},
		{pattern: "POST /api/v1/conflicts", as: s.api, do: s.apiConflicts, may: radio.WriteSchedules,
			doc: doc{Summary: "What would go wrong if these schedules were published", In: conflictsBody{}, Out: conflictsAnswer{}}},
	}
}
