package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"loaxa/internal/radio"
)

const devicesAPage = 40

// deviceRow is one cluster of loudspeakers as the overview shows it: only what the
// device said itself, never what we sent.
type deviceRow struct {
	Device     radio.DeviceID `json:"device"`
	Code       string         `json:"code"`
	Name       string         `json:"name"`
	Commune    radio.AreaID   `json:"commune"`
	InCommune  string         `json:"commune_name"`
	InHamlet   string         `json:"hamlet_name"`
	Enrolled   bool           `json:"enrolled"`
	Online     bool           `json:"online"`
	LastSeen   radio.Millis   `json:"last_seen,omitempty"`
	ReportedAt radio.Millis   `json:"reported_at,omitempty"`
	Ready      int            `json:"audio_ready"`
	Audio      int            `json:"audio_needed"`
	// Status is the device's own report; nil before the first one.
	Status *radio.Status `json:"status,omitempty"`
}

// Sounding says whether sound leaves now: the last report of a device that is gone
// says nothing about now.
func (d deviceRow) Sounding() bool { return d.Online && d.Status != nil && d.Status.Sounding != nil }

// Faulty says whether the device reports trouble.
func (d deviceRow) Faulty() bool {
	return d.Status != nil && (len(d.Status.Faults) > 0 || d.Status.Output.State == "failed" || d.Status.Clock.State == "untrusted")
}

// deviceState is a way to narrow the overview.
type deviceState struct {
	Name  string // in addresses
	Words string
	holds func(deviceRow) bool
}

// Alarm says whether any device in this state needs a person.
func (d deviceState) Alarm() bool { return d.Name == "offline" || d.Name == "faulty" }

var deviceStates = []deviceState{
	{"", "cụm loa", func(deviceRow) bool { return true }},
	{"sounding", "đang phát", deviceRow.Sounding},
	{"online", "đang kết nối", func(d deviceRow) bool { return d.Online }},
	{"offline", "mất kết nối", func(d deviceRow) bool { return d.Enrolled && !d.Online }},
	{"faulty", "có lỗi", deviceRow.Faulty},
	{"new", "chưa đăng ký", func(d deviceRow) bool { return !d.Enrolled }},
}

type deviceTotal struct {
	deviceState
	Rows int
}

type overviewData struct {
	Devices  []deviceRow
	Pager    pager
	Totals   []deviceTotal
	Communes []radio.Area
	Commune  radio.AreaID
	State    string
	Now      radio.Millis
	Day      radio.Date
	Today    radio.LogTotals
}

// Coming is the first airing that a report names and whose time has not passed: a
// device that is gone goes on playing, but its report grows old.
func (d overviewData) Coming(st *radio.Status) *radio.NextAiring {
	for i := range st.Next {
		if st.Next[i].Start >= d.Now {
			return &st.Next[i]
		}
	}
	return nil
}

// devices reads every device with its latest report, by commune and code.
func (s *Server) devices(r *http.Request) ([]deviceRow, []radio.Place, error) {
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, nil, err
	}
	states, err := s.Plan.DeviceStates(r.Context())
	if err != nil {
		return nil, nil, err
	}
	known := make(map[radio.DeviceID]radio.DeviceState, len(states))
	for _, st := range states {
		known[st.Device] = st
	}
	rows := make([]deviceRow, 0, len(places))
	for _, p := range places {
		rows = append(rows, s.deviceRow(p, known[p.Device.ID]))
	}
	slices.SortStableFunc(rows, func(a, b deviceRow) int {
		return cmp.Or(cmp.Compare(a.InCommune, b.InCommune), cmp.Compare(a.Code, b.Code))
	})
	return rows, places, nil
}

func (s *Server) deviceRow(p radio.Place, st radio.DeviceState) deviceRow {
	row := deviceRow{
		Device: p.Device.ID, Code: p.Device.Code, Name: p.Device.Name,
		Commune: p.Commune().ID, InCommune: p.Commune().Name, InHamlet: p.Hamlet().Name,
		Enrolled: p.Device.Enrolled != 0, Online: st.Alive, LastSeen: st.LastSeen, ReportedAt: st.ReportedAt,
	}
	if len(st.Reported) == 0 {
		return row
	}
	var status radio.Status
	if err := json.Unmarshal(st.Reported, &status); err != nil {
		s.Logger.Warn("a stored report cannot be read", "device", p.Device.ID, "error", err)
		return row
	}
	status.Fill()
	row.Status, row.Audio = &status, len(status.Audio)
	for _, a := range status.Audio {
		if a.Ready {
			row.Ready++
		}
	}
	return row
}

// deviceFilter keeps the rows of the commune and state in the address.
func deviceFilter(r *http.Request, all []deviceRow) (rows []deviceRow, commune radio.AreaID, state string, err error) {
	commune, state = radio.AreaID(r.FormValue("commune")), r.FormValue("state")
	var e radio.Invalid
	if commune != "" && !radio.ValidID(commune) {
		e.Add("commune", "giá trị lọc không đúng", "not a value of this filter")
	}
	i := slices.IndexFunc(deviceStates, func(d deviceState) bool { return d.Name == state })
	if i < 0 {
		e.Add("state", "giá trị lọc không đúng", "not a value of this filter")
	}
	if err := e.Err(); err != nil {
		return nil, "", "", err
	}
	rows = make([]deviceRow, 0, len(all))
	for _, row := range all {
		if (commune == "" || row.Commune == commune) && deviceStates[i].holds(row) {
			rows = append(rows, row)
		}
	}
	return rows, commune, state, nil
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) error {
	all, places, err := s.devices(r)
	if err != nil {
		return err
	}
	now := s.Now()
	d := overviewData{Communes: communes(places), Now: radio.At(now), Day: radio.DateOf(now.In(s.zone))}
	var rows []deviceRow
	if rows, d.Commune, d.State, err = deviceFilter(r, all); err != nil {
		return err
	}
	d.Devices, d.Pager = part(r, rows, devicesAPage)
	for _, st := range deviceStates {
		t := deviceTotal{deviceState: st}
		for _, row := range all {
			if st.holds(row) {
				t.Rows++
			}
		}
		d.Totals = append(d.Totals, t)
	}
	if d.Today, err = s.Log.Totals(r.Context(), radio.LogFilter{From: d.Day, To: d.Day}); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "overview.html", "Cụm loa", d)
}

// communes lists the communes of the places, by name.
func communes(places []radio.Place) []radio.Area {
	seen := map[radio.AreaID]bool{}
	var out []radio.Area
	for _, p := range places {
		if c := p.Commune(); c.ID != "" && !seen[c.ID] {
			seen[c.ID] = true
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b radio.Area) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// overviewRoutes are the first page and the devices behind it.
func (s *Server) overviewRoutes() []route {
	return []route{
		{pattern: "GET /{$}", as: s.page, do: s.home, may: radio.Self},
		{pattern: "GET /api/v1/devices", as: s.api, do: s.apiDevices, may: radio.ReadDevices, doc: doc{Summary: "Loudspeaker clusters with their latest report", Out: devicesAnswer{}, Query: []string{"commune", "state"}}},
	}
}
