package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"loaxa/internal/radio"
)

// Faults are what fault found, and what notify could not deliver (store).
type Faults interface {
	OpenFaults(ctx context.Context) ([]radio.Fault, error)
	OpenOutages(ctx context.Context) ([]radio.Outage, error)
	// Faults reads a page, the newest first, behind the one named.
	Faults(ctx context.Context, f radio.FaultFilter, after radio.FaultID, limit int) (radio.FaultPage, error)
	FailedNotices(ctx context.Context, limit int) ([]radio.Notice, error)
}

const (
	faultsAPage = 50
	// namedAtOnce bounds the clusters one line of troubles names.
	namedAtOnce = 40
	// shownFailed bounds the notices that could not be delivered.
	shownFailed = 20
)

// faultLine is one trouble of one kind in one commune, or one outage, however many
// clusters have it.
type faultLine struct {
	Kind    radio.FaultKind
	Code    string
	Outage  radio.OutageID
	Area    string // its name
	From    radio.Millis
	First   radio.Fault
	Devices []faultDevice // at most namedAtOnce
	Count   int
	// Ever is how many clusters were lost with an outage, 0 when that is not told.
	Ever int
	// More are troubles that come of the outage.
	More int
}

type faultDevice struct {
	ID     radio.DeviceID
	Name   string
	Hamlet string
	Fault  radio.Fault
}

// faultLines gathers the open faults in the reader's communes, the newest first.
func (s *Server) faultLines(r *http.Request) ([]faultLine, error) {
	ctx := r.Context()
	open, err := s.Faults.OpenFaults(ctx)
	if err != nil {
		return nil, err
	}
	outages, err := s.Faults.OpenOutages(ctx)
	if err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ReadDevices)
	if err != nil {
		return nil, err
	}
	views, err := s.Fleet.Views(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	known := make(map[radio.DeviceID]*radio.DeviceView, len(views))
	for i := range views {
		known[views[i].Place.Device.ID] = &views[i]
	}
	byID := make(map[radio.OutageID]radio.Outage, len(outages))
	for _, o := range outages {
		byID[o.ID] = o
	}
	slices.SortFunc(open, func(a, b radio.Fault) int {
		return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	type key struct {
		kind   radio.FaultKind
		code   string
		area   radio.AreaID
		outage radio.OutageID
	}
	at, out := map[key]int{}, []faultLine{}
	for _, f := range open {
		v := known[f.Device]
		if f.Device != "" && (v == nil || communes != nil && !slices.Contains(communes, f.Commune)) {
			continue
		}
		k := key{f.Kind, f.Code, f.Commune, ""}
		o, together := byID[f.Outage]
		if together {
			k = key{kind: radio.FaultOffline, area: o.Area, outage: o.ID}
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, faultLine{Kind: k.kind, Code: k.code, Outage: k.outage, From: f.OpenedAt, First: f})
			if area, ok := tree.Area(k.area); ok {
				out[i].Area = area.Name
			}
			if together {
				out[i].From = o.OpenedAt
				if communes == nil {
					out[i].Ever = o.Devices
				}
			}
		}
		if together && f.Kind != radio.FaultOffline {
			out[i].More++
			continue
		}
		out[i].Count++
		if v != nil && len(out[i].Devices) < namedAtOnce {
			out[i].Devices = append(out[i].Devices, faultDevice{f.Device, v.Place.Device.Name, v.Place.Hamlet().Name, f})
		}
	}
	// What a line is about comes first: a consequence never stands alone.
	out = slices.DeleteFunc(out, func(l faultLine) bool { return l.Count == 0 })
	slices.SortStableFunc(out, func(a, b faultLine) int {
		return cmp.Or(cmp.Compare(urgency(a.Kind), urgency(b.Kind)), cmp.Compare(b.From, a.From))
	})
	return out, nil
}

// urgency puts first what keeps the next airing from sounding.
func urgency(k radio.FaultKind) int {
	return slices.Index([]radio.FaultKind{radio.FaultCentre, radio.FaultNotReady, radio.FaultOffline, radio.FaultCloned, radio.FaultRefused,
		radio.FaultOutput, radio.FaultSilent, radio.FaultClock, radio.FaultEmergency, radio.FaultDisk, radio.FaultReported, radio.FaultCertificate}, k)
}

type faultsData struct {
	Closed bool
	// Single: one by one, not gathered: what is over, or what a filter lets through.
	Single bool
	Lines  []faultLine
	Past   []faultRow
	Next   string
	First  string // address of the first page, "" when this is it
	Failed []radio.Notice
}

// faultRow is a fault with the names of its place.
type faultRow struct {
	radio.Fault
	DeviceCode  string `json:"device_code,omitempty"`
	DeviceName  string `json:"device_name,omitempty"`
	CommuneName string `json:"commune_name,omitempty"`
}

func (s *Server) faultRows(r *http.Request, faults []radio.Fault) ([]faultRow, error) {
	views, err := s.Fleet.Views(r.Context())
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	devices := make(map[radio.DeviceID]radio.Device, len(views))
	for _, v := range views {
		devices[v.Place.Device.ID] = v.Place.Device
	}
	out := make([]faultRow, len(faults))
	for i, f := range faults {
		commune, _ := tree.Area(f.Commune)
		out[i] = faultRow{f, devices[f.Device].Code, devices[f.Device].Name, commune.Name}
	}
	return out, nil
}

var faultKeys = []string{"state", "device", "commune", "kind", "outage", "after", "limit"}

// readFaults reads the page of faults that the address asks for.
func (s *Server) readFaults(r *http.Request) (rows []faultRow, next string, err error) {
	q, err := strictQuery(r, faultKeys...)
	if err != nil {
		return nil, "", err
	}
	limit, err := readLimit(q, faultsAPage)
	if err != nil {
		return nil, "", err
	}
	f := radio.FaultFilter{Device: radio.DeviceID(q.Get("device")), Kind: radio.FaultKind(q.Get("kind")), Outage: radio.OutageID(q.Get("outage")), Closed: q.Get("state") == "closed"}
	after, commune := radio.FaultID(q.Get("after")), radio.AreaID(q.Get("commune"))
	if err := checkFaultFilter(q, f, after, commune); err != nil {
		return nil, "", err
	}
	if f.Communes, err = s.communesOf(r, radio.ReadDevices); err != nil {
		return nil, "", err
	}
	if commune != "" {
		if f.Communes != nil && !slices.Contains(f.Communes, commune) {
			return []faultRow{}, "", nil
		}
		f.Communes = []radio.AreaID{commune}
	}
	page, err := s.Faults.Faults(r.Context(), f, after, limit)
	if err != nil {
		return nil, "", err
	}
	if page.Next != "" {
		q.Set("after", string(page.Next))
		next = r.URL.Path + "?" + q.Encode()
	}
	rows, err = s.faultRows(r, page.Faults)
	return rows, next, err
}

func checkFaultFilter(q url.Values, f radio.FaultFilter, after radio.FaultID, commune radio.AreaID) error {
	var e radio.Invalid
	for _, id := range []struct{ field, value string }{{"device", string(f.Device)}, {"outage", string(f.Outage)}, {"after", string(after)}, {"commune", string(commune)}} {
		if id.value != "" && !radio.ValidID(id.value) {
			e.Add(id.field, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	if f.Kind != "" && !f.Kind.Valid() {
		e.Add("kind", "không có loại lỗi này", "no such kind of fault")
	}
	if st := q.Get("state"); st != "" && st != "open" && st != "closed" {
		e.Add("state", "phải là open hoặc closed", "must be open or closed")
	}
	return e.Err()
}

type faultsAnswer struct {
	Faults []faultRow `json:"faults"`
	Next   string     `json:"next,omitempty"`
}

func (s *Server) apiFaults(w http.ResponseWriter, r *http.Request) error {
	rows, next, err := s.readFaults(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, faultsAnswer{list(rows), next})
}

// faultList shows what is open, gathered in lines, or one by one what was.
func (s *Server) faultList(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, faultKeys...)
	if err != nil {
		return err
	}
	d := faultsData{Closed: q.Get("state") == "closed"}
	if err := checkFaultFilter(q, radio.FaultFilter{}, "", ""); err != nil {
		return err
	}
	d.Single = d.Closed || q.Get("outage")+q.Get("device")+q.Get("commune")+q.Get("kind") != ""
	if d.Single {
		d.Past, d.Next, err = s.readFaults(r)
		if q.Get("after") != "" {
			q.Del("after")
			d.First = r.URL.Path + "?" + q.Encode()
		}
	} else {
		d.Lines, err = s.faultLines(r)
	}
	if err != nil {
		return err
	}
	// Addresses of people are for those who look after the whole centre.
	if where := who(r).Where(radio.WriteDevices); slices.Contains(where, radio.Everywhere) {
		if d.Failed, err = s.Faults.FailedNotices(r.Context(), shownFailed); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, "faults.html", "Lỗi và cảnh báo", d)
}

// Others are the clusters that the line does not name.
func (l faultLine) Others() int { return l.Count - len(l.Devices) }

// Back are the clusters of an outage that are there again.
func (l faultLine) Back() int { return l.Ever - l.Count }
