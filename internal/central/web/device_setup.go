package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// Setups keeps how clusters are set up (store).
type Setups interface {
	// SetUp changes all or none: radio.ErrConflict when a cluster is not any more what it
	// was thought to be.
	SetUp(ctx context.Context, changes []radio.SetupChange, actor string, at radio.Millis) error
	// SetupHistory lists who set a device up, the newest first.
	SetupHistory(ctx context.Context, device radio.DeviceID, limit int) ([]radio.AuditEntry, error)
}

// shownSetups bounds the history on a device's page.
const shownSetups = 6

func (s *Server) setupRoutes() []route {
	page, api := s.page, s.api
	staggers := []string{"earshot_m", "width_ms"}
	return []route{
		{pattern: "POST /devices/{device}/setup", as: page, do: s.setupSave, may: radio.WriteDevices, of: s.ofDevice},
		{pattern: "GET /stagger", as: page, do: s.staggerList, may: radio.ReadDevices},
		{pattern: "GET /stagger/{area}", as: page, do: s.staggerPage, may: radio.ReadDevices, of: s.ofCommune},
		{pattern: "POST /stagger/{area}", as: page, do: s.staggerApply, may: radio.WriteDevices, of: s.ofCommune},

		{pattern: "PUT /api/v1/devices/{device}/setup", as: api, do: s.apiSetupSave, may: radio.WriteDevices, of: s.ofDevice,
			doc: doc{Summary: "Set up a cluster: offset, stagger and position, all of them", In: setupBody{}, Out: radio.Setup{}}},
		{pattern: "GET /api/v1/stagger/{area}", as: api, do: s.apiStagger, may: radio.ReadDevices, of: s.ofCommune,
			doc: doc{Summary: "The proposal for a commune: who speaks how much later than the neighbours", Out: staggerAnswer{}, Query: staggers}},
		{pattern: "POST /api/v1/stagger/{area}", as: api, do: s.apiStaggerApply, may: radio.WriteDevices, of: s.ofCommune,
			doc: doc{Summary: "Apply the proposal that stands under print, all of it or nothing", In: staggerBody{}, Out: staggerAnswer{}}},
	}
}

// setupBody is how a cluster is to be set up; without a position none is known.
type setupBody struct {
	OffsetMS  int             `json:"offset_ms"`
	StaggerMS int             `json:"stagger_ms"`
	Position  *radio.Position `json:"position,omitempty"`
}

// setupDetail is what the page of a device tells of its setup.
func (s *Server) setupDetail(r *http.Request, d *deviceDetail) error {
	place, err := s.placeOf(r)
	if err != nil {
		return err
	}
	d.Setup = place.Device.Setup
	entries, err := s.Setups.SetupHistory(r.Context(), place.Device.ID, shownSetups)
	if err != nil {
		return err
	}
	d.Setups, err = s.auditRows(r, entries)
	return err
}

// placeOf is the device in the address, as it is laid down at this moment.
func (s *Server) placeOf(r *http.Request) (radio.Place, error) {
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return radio.Place{}, err
	}
	i := slices.IndexFunc(places, func(p radio.Place) bool { return p.Device.ID == radio.DeviceID(r.PathValue("device")) })
	if i < 0 {
		return radio.Place{}, notFound("device")
	}
	return places[i], nil
}

// setUp sets up the device in the address; was is what the person saw, nil for what it is.
func (s *Server) setUp(r *http.Request, now radio.Setup, was *string) (radio.Setup, error) {
	now, err := now.Normal()
	if err != nil {
		return now, err
	}
	p, err := s.placeOf(r)
	if err != nil {
		return now, err
	}
	c := radio.SetupChange{Device: p.Device.ID, Code: p.Device.Code, Name: p.Device.Name, Was: p.Device.Setup, Now: now}
	switch {
	case was != nil && *was != seen(c.Was):
		return now, radio.Refuse(radio.ErrConflict, "Thiết lập này vừa được người khác sửa. Hãy xem lại giá trị mới rồi lưu lại.",
			"somebody else has changed this meanwhile; look at it anew, then save")
	case c.Was == c.Now:
		return now, nil // nothing to write, nobody to name
	}
	return now, s.Setups.SetUp(r.Context(), []radio.SetupChange{c}, string(who(r).ID), radio.At(s.Now()))
}

// seen is what a form remembers of the setup it was filled with.
func seen(s radio.Setup) string {
	return strconv.Itoa(s.OffsetMS) + "/" + strconv.Itoa(s.StaggerMS) + "/" + s.Position.String()
}

// Seen is the same for the page.
func (d deviceDetail) Seen() string { return seen(d.Setup) }

func (s *Server) setupSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	now, err := readSetup(r)
	if err == nil {
		was := r.PostFormValue("seen")
		_, err = s.setUp(r, now, &was)
	}
	if again, ok := s.again(w, r, "setup", "", err); ok {
		d, err := s.deviceDetail(r)
		if err != nil {
			return err
		}
		d.Again = again
		return s.show(w, r, again.Status(), "device.html", d.Row.Name, d)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/devices/"+r.PathValue("device")+"#setup", http.StatusSeeOther)
	return nil
}

// readSetup reads the form of a device's page.
func readSetup(r *http.Request) (radio.Setup, error) {
	var out radio.Setup
	var e radio.Invalid
	number := func(key string) int {
		text := strings.Replace(radio.TidyLine(r.PostFormValue(key)), "−", "-", 1)
		if text == "" {
			return 0
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			e.Add(key, "phải là số nguyên mili giây", "must be a whole number of milliseconds")
		}
		return n
	}
	out.OffsetMS, out.StaggerMS = number("offset_ms"), number("stagger_ms")
	var err error
	var bad *radio.Invalid
	if out.Position, err = radio.ParsePosition(radio.TidyLine(r.PostFormValue("position"))); errors.As(err, &bad) {
		e.Problems = append(e.Problems, bad.Problems...)
	} else if err != nil {
		return out, err
	}
	return out, e.Err()
}

func (s *Server) apiSetupSave(w http.ResponseWriter, r *http.Request) error {
	var in setupBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	now := radio.Setup{OffsetMS: in.OffsetMS, StaggerMS: in.StaggerMS}
	if in.Position != nil {
		now.Position = *in.Position
	}
	now, err := s.setUp(r, now, nil)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, now)
}
