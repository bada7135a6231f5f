package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

const (
	// shownDisputes bounds the security events and quarantined records of one page.
	shownDisputes = 10
	// shownPast bounds the closed faults of one page.
	shownPast = 10
	// shownAirings bounds the last airings of one page.
	shownAirings = 8
	// shownNext bounds the coming ones.
	shownNext = 6
)

// deviceDetail is all that one page, or one answer, tells of a cluster.
type deviceDetail struct {
	Row     deviceRow
	View    radio.DeviceView
	Open    []radio.Fault
	Past    []radio.Fault
	Airings []radio.LogRow
	// Diagnosis is what is likely wrong with it.
	Diagnosis radio.Diagnosis
	Events    []journalEvent
	Now       radio.Millis
	Write     bool // the reader may hand out codes
	// Order: the reader may order it; Commands are the newest ones.
	Order    bool
	Commands []radio.DeviceCommand
	MayLog   bool
	// Setup is how it is set up now, Setups who set it up, the newest first.
	Setup  radio.Setup
	Setups []auditRow
	// Ended is who took its identity, nil while it has one or never had. Machines are the
	// boards that speak under it, when there are several.
	Ended    *auditRow
	Machines []radio.DeviceMachine
	Again    retry
}

// journalEvent is something that was wrong with the device's journal.
type journalEvent struct {
	// Kind is fork, break or gap (disputes), or poison (a record that could not be taken).
	Kind    string          `json:"kind"`
	Journal radio.JournalID `json:"journal"`
	Seq     uint64          `json:"seq"`
	Last    uint64          `json:"last,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// Documents are what the device should hold beside what it says it holds.
func (d deviceDetail) Documents() []documentLine {
	var out []documentLine
	for _, doc := range []struct {
		name string
		has  func(radio.RevisionStatus) int64
	}{
		{"programme", func(r radio.RevisionStatus) int64 { return r.Programme }},
		{"policy", func(r radio.RevisionStatus) int64 { return r.Policy }},
		{"settings", func(r radio.RevisionStatus) int64 { return r.Settings }},
	} {
		l := documentLine{Name: doc.name, Issued: d.View.Issued[doc.name]}
		if d.View.Status != nil {
			l.Known, l.Has = true, doc.has(d.View.Status.Revisions)
		}
		out = append(out, l)
	}
	return out
}

type documentLine struct {
	Name   string
	Issued radio.DocumentRevision
	Known  bool // the device has said what it holds
	Has    int64
}

// Synced says whether the device holds what was issued last.
func (l documentLine) Synced() bool {
	return l.Known && l.Issued.Revision != 0 && l.Has >= l.Issued.Revision
}

// Missing lists the audio that the device does not have yet.
func (d deviceDetail) Missing() []radio.AudioStatus {
	if d.View.Status == nil {
		return nil
	}
	var out []radio.AudioStatus
	for _, a := range d.View.Status.Audio {
		if !a.Ready {
			out = append(out, a)
		}
	}
	return out
}

// Next are the coming airings, by its last report.
func (d deviceDetail) Next() []nextLine {
	next := nextLines(d.View.Status, d.Now)
	return next[:min(len(next), shownNext)]
}

// Kinds are the commands without a value of their own.
func (d deviceDetail) Kinds() []radio.CommandKind {
	return slices.DeleteFunc(radio.CommandKinds(), func(k radio.CommandKind) bool { return k == radio.CommandVolume })
}

// Gains are the steps of volume.
func (d deviceDetail) Gains() []float64 { return gains() }

// EndsSoon says whether the certificate needs a person.
func (d deviceDetail) EndsSoon() bool {
	return d.View.Certified != 0 && d.View.Certified.Sub(d.Now) < 30*24*time.Hour
}

func (s *Server) deviceDetail(r *http.Request) (deviceDetail, error) {
	ctx, id := r.Context(), radio.DeviceID(r.PathValue("device"))
	d := deviceDetail{Now: radio.At(s.Now())}
	views, err := s.Fleet.Views(ctx)
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(views, func(v radio.DeviceView) bool { return v.Place.Device.ID == id })
	if i < 0 {
		return d, notFound("device")
	}
	d.View, d.Row = views[i], clusterRow(views[i])
	open, err := s.Faults.Faults(ctx, radio.FaultFilter{Device: id}, "", mostRows)
	if err != nil {
		return d, err
	}
	past, err := s.Faults.Faults(ctx, radio.FaultFilter{Device: id, Closed: true}, "", shownPast)
	if err != nil {
		return d, err
	}
	d.Open, d.Past = open.Faults, past.Faults
	for _, f := range d.Open {
		d.Row.Trouble = append(d.Row.Trouble, f.Kind)
	}
	slices.Sort(d.Row.Trouble)
	d.Row.Trouble = slices.Compact(d.Row.Trouble)
	chain := chainIDs(d.View.Place.Chain)
	d.Order = d.View.Place.Device.Enrolled != 0 && who(r).May(radio.ControlDevices, chain...)
	if d.Commands, err = s.OrderBook.DeviceCommands(ctx, id, shownCommands); err != nil {
		return d, err
	}
	for i, c := range d.Commands {
		d.Commands[i].Result.State = c.Result.Came(c.Batch.ExpiresAt, d.Now)
	}
	d.Write, d.MayLog = who(r).May(radio.WriteDevices, chain...), who(r).May(radio.ReadLog, chain...)
	if d.MayLog {
		page, err := s.Log.Log(ctx, radio.LogFilter{Device: id}, radio.LogCursor{Start: d.Now}, shownAirings)
		if err != nil {
			return d, err
		}
		d.Airings = page.Rows
	}
	if d.Events, err = s.journalEvents(ctx, id); err != nil {
		return d, err
	}
	if d.Diagnosis, err = s.Why.Diagnose(ctx, id); err != nil {
		return d, err
	}
	if err := s.endDetail(r, &d); err != nil {
		return d, err
	}
	return d, s.setupDetail(r, &d)
}

func (s *Server) journalEvents(ctx context.Context, id radio.DeviceID) ([]journalEvent, error) {
	disputes, err := s.Clusters.JournalDisputes(ctx, id, shownDisputes)
	if err != nil {
		return nil, err
	}
	poison, err := s.Clusters.JournalPoison(ctx, id, shownDisputes)
	if err != nil {
		return nil, err
	}
	var out []journalEvent
	for _, x := range disputes {
		out = append(out, journalEvent{Kind: string(x.Kind), Journal: x.Journal, Seq: x.Seq, Last: x.Last})
	}
	for _, x := range poison {
		out = append(out, journalEvent{Kind: "poison", Journal: x.Journal, Seq: x.Seq, Why: clip(x.Poison, 200)})
	}
	return out, nil
}

func (s *Server) devicePage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.deviceDetail(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "device.html", d.Row.Name, d)
}

// deviceAnswer is deviceDetail for a program.
type deviceAnswer struct {
	Device    deviceRow                         `json:"device"`
	Area      []radio.Area                      `json:"area"` // province, commune, hamlet
	Rendition int                               `json:"rendition"`
	Setup     radio.Setup                       `json:"setup"`
	Enrolled  radio.Millis                      `json:"enrolled_at,omitempty"`
	Issued    map[string]radio.DocumentRevision `json:"issued"`
	// Certificate is when its certificate ends.
	Certificate radio.Millis   `json:"certificate_until,omitempty"`
	JournalAt   radio.Millis   `json:"journal_at,omitempty"` // it has told everything up to here
	Faults      []radio.Fault  `json:"faults"`
	PastFaults  []radio.Fault  `json:"past_faults"` // the newest ones
	Journal     []journalEvent `json:"journal_events"`
}

func (s *Server) apiDevice(w http.ResponseWriter, r *http.Request) error {
	d, err := s.deviceDetail(r)
	if err != nil {
		return err
	}
	issued := d.View.Issued
	if issued == nil {
		issued = map[string]radio.DocumentRevision{}
	}
	return writeJSON(w, http.StatusOK, deviceAnswer{Device: d.Row, Area: d.View.Place.Chain, Rendition: d.View.Place.Device.Rendition, Setup: d.Setup,
		Enrolled: d.View.Place.Device.Enrolled, Issued: issued, Certificate: d.View.Certified, JournalAt: d.View.State.JournalAt,
		Faults: list(d.Open), PastFaults: list(d.Past), Journal: list(d.Events)})
}

// deviceBody is a new cluster.
type deviceBody struct {
	Code   string       `json:"code"`
	Name   string       `json:"name"`
	Hamlet radio.AreaID `json:"hamlet"`
	// Rendition is 64, or 32 for a metered link; 64 when it is missing.
	Rendition *int `json:"rendition,omitempty"`
}

type deviceAdded struct {
	Device radio.DeviceID `json:"device"`
}

// addDevice checks and keeps a new cluster.
func (s *Server) addDevice(r *http.Request, in deviceBody) (radio.Device, error) {
	d := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: radio.TidyLine(in.Code), Name: radio.TidyLine(in.Name), Hamlet: in.Hamlet, Rendition: radio.MainKbps}
	if in.Rendition != nil {
		d.Rendition = *in.Rendition
	}
	var e radio.Invalid
	tree, err := s.tree(r)
	if err != nil {
		return d, err
	}
	area, known := tree.Area(d.Hamlet)
	if known {
		if err := s.allow(r, radio.WriteDevices, d.Hamlet); err != nil {
			return d, err
		}
	}
	if !known || area.Kind != radio.Hamlet {
		e.Add("hamlet", "hãy chọn một thôn hoặc tổ dân phố", "must be a hamlet")
	}
	radio.CheckDevice(&e, d)
	if err := e.Err(); err != nil {
		return d, err
	}
	if err := s.Clusters.AddDevice(r.Context(), d, string(who(r).ID), radio.At(s.Now())); err != nil {
		if errors.Is(err, radio.ErrConflict) {
			return d, told{fmt.Errorf("%w: the code %s is taken, choose another one", radio.ErrConflict, d.Code), "Mã này đã có. Hãy chọn mã khác."}
		}
		return d, fmt.Errorf("add a cluster: %w", err)
	}
	return d, nil
}

func (s *Server) apiDeviceAdd(w http.ResponseWriter, r *http.Request) error {
	var in deviceBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	d, err := s.addDevice(r, in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, deviceAdded{d.ID})
}

// deviceFormData is where a new cluster can stand.
type deviceFormData struct {
	Communes []hamletsOf
	Again    retry
}

type hamletsOf struct {
	Commune radio.Area
	Hamlets []radio.Area
}

func (s *Server) deviceForm(w http.ResponseWriter, r *http.Request) error {
	return s.showDeviceForm(w, r, retry{})
}

func (s *Server) showDeviceForm(w http.ResponseWriter, r *http.Request, again retry) error {
	communes, err := s.communesOf(r, radio.WriteDevices)
	if err != nil {
		return err
	}
	areas, err := s.Plan.Areas(r.Context())
	if err != nil {
		return err
	}
	areas = areasByName(areas)
	d := deviceFormData{Again: again}
	tree := radio.NewAreaTree(areas)
	at := map[radio.AreaID]int{}
	for _, a := range areas {
		if a.Kind == radio.Commune && !a.Ended() && (communes == nil || slices.Contains(communes, a.ID)) {
			at[a.ID] = len(d.Communes)
			d.Communes = append(d.Communes, hamletsOf{Commune: a})
		}
	}
	for _, a := range areas {
		of, _ := tree.LiveCommune(a.ID)
		if i, ok := at[of.ID]; ok && a.Kind == radio.Hamlet && !a.Ended() {
			d.Communes[i].Hamlets = append(d.Communes[i].Hamlets, a)
		}
	}
	return s.show(w, r, again.Status(), "devicenew.html", "Thêm một cụm loa", d)
}

func (s *Server) deviceAdd(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	in := deviceBody{Code: r.PostFormValue("code"), Name: r.PostFormValue("name"), Hamlet: radio.AreaID(r.PostFormValue("hamlet"))}
	kbps, err := strconv.Atoi(r.PostFormValue("rendition"))
	if err != nil {
		kbps = 0 // no such rendition: the answer names those there are
	}
	in.Rendition = &kbps
	d, err := s.addDevice(r, in)
	if again, ok := s.again(w, r, "device", "code", err); ok {
		return s.showDeviceForm(w, r, again)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/devices/"+string(d.ID), http.StatusSeeOther)
	return nil
}
