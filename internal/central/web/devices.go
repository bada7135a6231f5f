package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Fleet gives the newest view of every device, by commune, hamlet and code (fault).
type Fleet interface {
	Views(ctx context.Context) ([]radio.DeviceView, error)
}

// Clusters adds clusters and looks into one of them (store, identity).
type Clusters interface {
	AddDevice(ctx context.Context, d radio.Device, actor string, at radio.Millis) error
	// NewCode makes a one-time enrolment code; an earlier unused one ends.
	NewCode(ctx context.Context, d radio.DeviceID, actor string) (wire.EnrolTicket, radio.Millis, error)
	// EndDevice takes an identity; ErrConflict when there is none. EndedDevice tells who did
	// it and why; ErrNotFound when nobody did.
	EndDevice(ctx context.Context, e radio.DeviceEnd) error
	EndedDevice(ctx context.Context, d radio.DeviceID) (radio.AuditEntry, error)
	// DeviceMachines lists the boards that spoke under an identity, the latest first.
	DeviceMachines(ctx context.Context, d radio.DeviceID) ([]radio.DeviceMachine, error)
	JournalDisputes(ctx context.Context, d radio.DeviceID, limit int) ([]radio.JournalDispute, error)
	JournalPoison(ctx context.Context, d radio.DeviceID, limit int) ([]radio.JournalEntry, error)
}

const (
	devicesAPage = 40
	// apiDevicesAPage is what a program gets when it does not say how many.
	apiDevicesAPage = 200
)

// deviceRow is one cluster of loudspeakers as lists show it: only what the device said
// itself, never what we sent.
type deviceRow struct {
	Device    radio.DeviceID `json:"device"`
	Code      string         `json:"code"`
	Name      string         `json:"name"`
	Commune   radio.AreaID   `json:"commune"`
	InCommune string         `json:"commune_name"`
	InHamlet  string         `json:"hamlet_name"`
	Enrolled  bool           `json:"enrolled"`
	// Revoked and Retired are when its identity was taken, and the place taken out of use.
	Revoked    radio.Millis `json:"revoked_at,omitempty"`
	Retired    radio.Millis `json:"retired_at,omitempty"`
	Online     bool         `json:"online"`
	LastSeen   radio.Millis `json:"last_seen,omitempty"`
	ReportedAt radio.Millis `json:"reported_at,omitempty"`
	Ready      int          `json:"audio_ready"`
	Audio      int          `json:"audio_needed"`
	// Trouble is the kinds of its open faults.
	Trouble []radio.FaultKind `json:"trouble,omitempty"`
	// Status is the device's own report; nil before the first one.
	Status *radio.Status `json:"status,omitempty"`

	hamlet radio.AreaID
	merged []radio.AreaID // areas around it that were merged
	former string         // what these were called, and other names of before
	pick   bool           // the reader may order it
}

// Sounding says whether sound leaves now: the last report of a device that is gone
// says nothing about now.
func (d deviceRow) Sounding() bool { return d.Online && d.Status != nil && d.Status.Sounding != nil }

// Faulty says whether the device is in trouble; that it is gone is counted apart.
func (d deviceRow) Faulty() bool {
	return slices.ContainsFunc(d.Trouble, func(k radio.FaultKind) bool { return k != radio.FaultOffline }) ||
		d.Status != nil && (len(d.Status.Faults) > 0 || d.Status.Output.State == "failed" || d.Status.Clock.State == "untrusted")
}

// Unready says whether sounds of its emergency set are missing, by its last report.
func (d deviceRow) Unready() bool { return d.Status != nil && len(d.Status.Unready()) > 0 }

// Cut says whether the place waits for a new controller.
func (d deviceRow) Cut() bool { return d.Revoked != 0 && d.Retired == 0 }

// Lost says whether a device that should be there is not.
func (d deviceRow) Lost() bool { return d.Enrolled && !d.Online }

// Coming is the first airing that the report names and whose time has not passed: a
// device that is gone goes on playing, but its report grows old.
func (d deviceRow) Coming(now radio.Millis) *nextLine {
	if next := nextLines(d.Status, now); len(next) > 0 {
		return &next[0]
	}
	return nil
}

// nextLine is a coming airing by its device's last report.
type nextLine struct {
	radio.NextAiring
	Lacks bool // its audio is not there, and should be
	Waits bool // its audio is fetched before it
}

// nextLines lists the airings that a report names and whose time has not passed.
func nextLines(s *radio.Status, now radio.Millis) (out []nextLine) {
	if s == nil {
		return nil
	}
	for _, n := range s.Next {
		if n.Start >= now {
			waits := !n.Ready && s.AudioWaits(n.Start)
			out = append(out, nextLine{n, !n.Ready && !waits, waits})
		}
	}
	return out
}

// Lacking says whether audio that should be on the device is not, by its last report.
func (d deviceRow) Lacking() bool {
	return d.Status != nil && slices.ContainsFunc(d.Status.Audio, func(a radio.AudioStatus) bool { return !a.Ready && (a.Refused || !d.Status.AudioWaits(a.Due)) })
}

// deviceState is a way to narrow the list.
type deviceState struct {
	Name  string // in addresses
	Words string
	holds func(deviceRow) bool
}

// Alarm says whether any device in this state needs a person.
func (d deviceState) Alarm() bool {
	return d.Name == "offline" || d.Name == "faulty" || d.Name == "unready" || d.Name == "revoked"
}

// deviceStates are the counters of the province's own apps (domain §5.15), and two more.
var deviceStates = []deviceState{
	{"", "cụm loa", func(deviceRow) bool { return true }},
	{"sounding", "đang phát", deviceRow.Sounding},
	{"online", "đang kết nối", func(d deviceRow) bool { return d.Online }},
	{"offline", "mất kết nối", deviceRow.Lost},
	{"faulty", "có lỗi", deviceRow.Faulty},
	{"unready", "thiếu âm thanh khẩn cấp", deviceRow.Unready},
	{"new", "chưa đăng ký", func(d deviceRow) bool { return !d.Enrolled && d.Revoked == 0 && d.Retired == 0 }},
	{"revoked", "đã thu hồi danh tính", deviceRow.Cut},
	{"retired", "ngừng sử dụng", func(d deviceRow) bool { return d.Retired != 0 }},
}

type deviceTotal struct {
	deviceState
	Rows int
}

func countStates(rows []deviceRow) []deviceTotal {
	out := make([]deviceTotal, len(deviceStates))
	for i, st := range deviceStates {
		out[i].deviceState = st
		for _, row := range rows {
			if st.holds(row) {
				out[i].Rows++
			}
		}
	}
	return out
}

func (s *Server) deviceRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /devices", as: page, do: s.deviceList, may: radio.ReadDevices},
		{pattern: "POST /devices", as: page, do: s.deviceAdd, may: radio.WriteDevices},
		{pattern: "GET /devices/tree", as: page, do: s.deviceTree, may: radio.ReadDevices},
		{pattern: "GET /devices/new", as: page, do: s.deviceForm, may: radio.WriteDevices},
		{pattern: "GET /devices/{device}", as: page, do: s.devicePage, may: radio.ReadDevices, of: s.ofDevice},
		{pattern: "GET /faults", as: page, do: s.faultList, may: radio.ReadDevices},

		{pattern: "GET /api/v1/devices", as: api, do: s.apiDevices, may: radio.ReadDevices,
			doc: doc{Summary: "Loudspeaker clusters with their latest report", Out: devicesAnswer{}, Query: append([]string{"after", "limit"}, deviceKeys...)}},
		{pattern: "POST /api/v1/devices", as: api, do: s.apiDeviceAdd, may: radio.WriteDevices,
			doc: doc{Summary: "Add a loudspeaker cluster", In: deviceBody{}, Out: deviceAdded{}, Status: http.StatusCreated}},
		{pattern: "GET /api/v1/devices/{device}", as: api, do: s.apiDevice, may: radio.ReadDevices, of: s.ofDevice,
			doc: doc{Summary: "All that is known of one cluster", Out: deviceAnswer{}}},
		{pattern: "GET /api/v1/faults", as: api, do: s.apiFaults, may: radio.ReadDevices,
			doc: doc{Summary: "Faults of clusters, and of the centre itself", Out: faultsAnswer{}, Query: faultKeys}},
	}
}

// clusters gives the devices the reader may see, by commune, hamlet and code.
func (s *Server) clusters(r *http.Request) ([]deviceRow, error) {
	views, err := s.Fleet.Views(r.Context())
	if err != nil {
		return nil, err
	}
	open, err := s.Faults.OpenFaults(r.Context())
	if err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ReadDevices)
	if err != nil {
		return nil, err
	}
	names, err := s.AreaDesk.AreaNames(r.Context())
	if err != nil {
		return nil, err
	}
	trouble := map[radio.DeviceID][]radio.FaultKind{}
	for _, f := range open {
		if !slices.Contains(trouble[f.Device], f.Kind) {
			trouble[f.Device] = append(trouble[f.Device], f.Kind)
		}
	}
	rows := make([]deviceRow, 0, len(views))
	for _, v := range views {
		// Whoever reads a commune that was merged goes on to read its part.
		if communes == nil || slices.ContainsFunc(v.Place.Chain, func(a radio.Area) bool { return slices.Contains(communes, a.ID) }) {
			row := clusterRow(v)
			row.stoodIn(v.Place, names)
			row.Trouble = trouble[row.Device]
			slices.Sort(row.Trouble)
			rows = append(rows, row)
		}
	}
	alphabet.SortBy(rows, func(d deviceRow) []string {
		return []string{d.InCommune, string(d.Commune), d.InHamlet, string(d.hamlet), d.Name, d.Code}
	})
	return rows, nil
}

// stoodIn notes the areas that were merged and the names that areas had: by them people go
// on to look for a cluster.
func (d *deviceRow) stoodIn(p radio.Place, names []radio.AreaName) {
	for _, a := range p.Chain {
		if a.Ended() {
			d.merged = append(d.merged, a.ID)
			d.former += " " + a.Name + " " + a.Code
		}
		for _, n := range names {
			if n.Area == a.ID && a.Kind != radio.Province {
				d.former += " " + n.Name + " " + n.Code
			}
		}
	}
}

func clusterRow(v radio.DeviceView) deviceRow {
	d := v.Place.Device
	row := deviceRow{
		Device: d.ID, Code: d.Code, Name: d.Name, Commune: v.Place.Commune().ID, InCommune: v.Place.Commune().Name, InHamlet: v.Place.Hamlet().Name,
		Enrolled: d.Enrolled != 0, Revoked: d.Revoked, Retired: d.Retired, Online: v.Online, LastSeen: v.State.LastSeen, ReportedAt: v.State.ReportedAt, Status: v.Status,
		hamlet: v.Place.Hamlet().ID,
	}
	if v.Status != nil {
		row.Audio = len(v.Status.Audio)
		for _, a := range v.Status.Audio {
			if a.Ready {
				row.Ready++
			}
		}
	}
	return row
}

// deviceFilter is what the address asks for.
type deviceFilter struct {
	Commune, Hamlet radio.AreaID
	State           string
	Text            string
	Version         string
}

var deviceKeys = []string{"commune", "hamlet", "state", "q", "version"}

func readDeviceFilter(q url.Values) (deviceFilter, error) {
	f := deviceFilter{Commune: radio.AreaID(q.Get("commune")), Hamlet: radio.AreaID(q.Get("hamlet")), State: q.Get("state"),
		Text: radio.TidyLine(q.Get("q")), Version: q.Get("version")}
	var e radio.Invalid
	radio.CheckLine(&e, "q", f.Text, 0, mostSearch)
	radio.CheckLine(&e, "version", f.Version, 0, 64)
	for field, id := range map[string]radio.AreaID{"commune": f.Commune, "hamlet": f.Hamlet} {
		if id != "" && !radio.ValidID(id) {
			e.Add(field, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	if !slices.ContainsFunc(deviceStates, func(d deviceState) bool { return d.Name == f.State }) {
		e.Add("state", "giá trị lọc không đúng", "not a value of this filter")
	}
	return f, e.Err()
}

// matcher says which rows the filter lets through. Words are searched without regard to
// case and diacritics; all of them must be found.
func (f deviceFilter) matcher() func(deviceRow) bool {
	words := strings.Fields(radio.Fold(f.Text))
	i := slices.IndexFunc(deviceStates, func(d deviceState) bool { return d.Name == f.State })
	return func(d deviceRow) bool {
		if f.Commune != "" && !d.in(d.Commune, f.Commune) || f.Hamlet != "" && !d.in(d.hamlet, f.Hamlet) || !deviceStates[i].holds(d) ||
			f.Version != "" && (d.Status == nil || d.Status.Version != f.Version) {
			return false
		}
		if len(words) == 0 {
			return true
		}
		text := radio.Fold(d.Name + " " + d.Code + " " + d.InHamlet + " " + d.InCommune + d.former)
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	}
}

// in says whether the cluster stands in an area: in now, or one that was merged into it.
func (d deviceRow) in(now, area radio.AreaID) bool {
	return now == area || slices.Contains(d.merged, area)
}

func (f deviceFilter) of(rows []deviceRow) []deviceRow {
	holds, out := f.matcher(), make([]deviceRow, 0, len(rows))
	for _, row := range rows {
		if holds(row) {
			out = append(out, row)
		}
	}
	return out
}

type devicesData struct {
	Filter   deviceFilter
	Devices  []deviceRow
	Pager    pager
	Totals   []deviceTotal
	Communes []communeChoice
	Versions []string
	Now      radio.Millis
	Add      bool // the reader may add clusters
	Order    bool // the reader may order some
	whole    map[radio.AreaID]int
}

// communeChoice is one entry of the list of communes.
type communeChoice struct{ ID, Name string }

// communesIn lists the communes of the rows, which stand in their order.
func communesIn(rows []deviceRow) []communeChoice {
	var out []communeChoice
	for _, row := range rows {
		c := communeChoice{string(row.Commune), row.InCommune}
		if c.ID != "" && (len(out) == 0 || out[len(out)-1] != c) {
			out = append(out, c)
		}
	}
	return out
}

func (s *Server) deviceList(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, append([]string{"page"}, deviceKeys...)...)
	if err != nil {
		return err
	}
	d := devicesData{Now: radio.At(s.Now()), Add: who(r).MaySomewhere(radio.WriteDevices), Order: who(r).MaySomewhere(radio.ControlDevices)}
	if d.Filter, err = readDeviceFilter(q); err != nil {
		return err
	}
	all, err := s.clusters(r)
	if err != nil {
		return err
	}
	if d.whole, err = s.mayPick(r, all); err != nil {
		return err
	}
	d.Totals, d.Communes = countStates(all), communesIn(all)
	for _, row := range all {
		if row.Status != nil && !slices.Contains(d.Versions, row.Status.Version) {
			d.Versions = append(d.Versions, row.Status.Version)
		}
	}
	slices.Sort(d.Versions)
	d.Devices, d.Pager = part(r, d.Filter.of(all), devicesAPage)
	return s.show(w, r, http.StatusOK, "devices.html", "Cụm loa", d)
}

type devicesAnswer struct {
	Devices []deviceRow `json:"devices"`
	// Next is the address of the following page; missing on the last.
	Next string `json:"next,omitempty"`
}

// apiDevices gives the clusters behind the one named by after.
func (s *Server) apiDevices(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, append([]string{"after", "limit"}, deviceKeys...)...)
	if err != nil {
		return err
	}
	f, err := readDeviceFilter(q)
	if err != nil {
		return err
	}
	limit, err := readLimit(q, apiDevicesAPage)
	if err != nil {
		return err
	}
	rows, err := s.clusters(r)
	if err != nil {
		return err
	}
	if after := radio.DeviceID(q.Get("after")); after != "" {
		i := slices.IndexFunc(rows, func(d deviceRow) bool { return d.Device == after })
		if i < 0 {
			e := new(radio.Invalid)
			e.Add("after", "không có cụm loa này", "no such cluster")
			return e
		}
		rows = rows[i+1:]
	}
	answer := devicesAnswer{Devices: f.of(rows)}
	if len(answer.Devices) > limit {
		answer.Devices = answer.Devices[:limit]
		q.Set("after", string(answer.Devices[limit-1].Device))
		answer.Next = r.URL.Path + "?" + q.Encode()
	}
	return writeJSON(w, http.StatusOK, answer)
}

// readLimit reads how many rows a program asks for.
func readLimit(q url.Values, usual int) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostRows {
		e := new(radio.Invalid)
		e.Add("limit", "phải từ 1 đến "+strconv.Itoa(mostRows), "must be 1 to "+strconv.Itoa(mostRows))
		return 0, e
	}
	return n, nil
}
