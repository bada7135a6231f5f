package web

import (
	"errors"
	"net/http"

	"loaxa/internal/qr"
	"loaxa/internal/radio"
)

// A device's identity: the code that gives it one, and what takes it away.

func (s *Server) identityRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "POST /devices/{device}/code", as: page, do: s.deviceCode, may: radio.WriteDevices, of: s.ofDevice},
		{pattern: "POST /devices/{device}/revoke", as: page, do: s.deviceEnd(false), may: radio.WriteDevices, of: s.ofDevice},
		{pattern: "POST /devices/{device}/retire", as: page, do: s.deviceEnd(true), may: radio.WriteDevices, of: s.ofDevice},

		{pattern: "POST /api/v1/devices/{device}/enrolment-code", as: api, do: s.apiDeviceCode, may: radio.WriteDevices, of: s.ofDevice,
			doc: doc{Summary: "Make a one-time enrolment code; it is told once", Out: codeAnswer{}, Status: http.StatusCreated}},
		{pattern: "POST /api/v1/devices/{device}/revoke", as: api, do: s.apiDeviceEnd(false), may: radio.WriteDevices, of: s.ofDevice,
			doc: doc{Summary: "Revoke a cluster's identity: it is cut off within a minute, and a new controller needs a new code", In: endBody{}, Out: endAnswer{}}},
		{pattern: "POST /api/v1/devices/{device}/retire", as: api, do: s.apiDeviceEnd(true), may: radio.WriteDevices, of: s.ofDevice,
			doc: doc{Summary: "Take a cluster out of use: nothing is planned for it any more; a connected controller is silent at once, sends what it has recorded and is cut off after about two minutes", In: endBody{}, Out: endAnswer{}}},
	}
}

// endDetail is what the page of a device tells of its identity.
func (s *Server) endDetail(r *http.Request, d *deviceDetail) error {
	machines, err := s.Clusters.DeviceMachines(r.Context(), d.Row.Device)
	if err != nil {
		return err
	}
	if len(machines) > 1 {
		d.Machines = machines
	}
	if d.Row.Revoked == 0 && d.Row.Retired == 0 {
		return nil
	}
	e, err := s.Clusters.EndedDevice(r.Context(), d.Row.Device)
	if errors.Is(err, radio.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := s.auditRows(r, []radio.AuditEntry{e})
	if err == nil {
		d.Ended = &rows[0]
	}
	return err
}

// Cloned says whether somebody must look for a second controller.
func (d deviceDetail) Cloned() bool {
	for _, f := range d.Open {
		if f.Kind == radio.FaultCloned {
			return true
		}
	}
	return false
}

// codeAnswer is a one-time code; it is told once and kept only as a hash.
type codeAnswer struct {
	Code    string       `json:"code"`
	Expires radio.Millis `json:"expires_at"`
	// Ticket is the same with the centre's address: what a QR code holds.
	Ticket string `json:"ticket"`
	Server string `json:"server"`
}

func (s *Server) newCode(r *http.Request) (codeAnswer, error) {
	t, expires, err := s.Clusters.NewCode(r.Context(), radio.DeviceID(r.PathValue("device")), string(who(r).ID))
	if err != nil {
		return codeAnswer{}, err
	}
	return codeAnswer{t.Code.String(), expires, t.String(), t.Server}, nil
}

func (s *Server) apiDeviceCode(w http.ResponseWriter, r *http.Request) error {
	c, err := s.newCode(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, c)
}

type codeData struct {
	codeAnswer
	Row    deviceRow
	Square qr.Code
}

// deviceCode shows the code on the answer itself: it is in no address and no history.
func (s *Server) deviceCode(w http.ResponseWriter, r *http.Request) error {
	d, err := s.deviceDetail(r)
	if err != nil {
		return err
	}
	c, err := s.newCode(r)
	if err != nil {
		return err
	}
	square, err := qr.Encode(c.Ticket)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "devicecode.html", "Mã đăng ký thiết bị", codeData{c, d.Row, square})
}

// endBody says why an identity is taken.
type endBody struct {
	Why string `json:"why"`
}

// endAnswer is the cluster as it is then.
type endAnswer struct {
	Device radio.DeviceID `json:"device"`
	Was    string         `json:"ended"` // revoked or retired
}

func (s *Server) endDevice(r *http.Request, retire bool, why string) error {
	return s.Clusters.EndDevice(r.Context(), radio.DeviceEnd{Device: radio.DeviceID(r.PathValue("device")), Retire: retire, Why: why, Actor: string(who(r).ID)})
}

func (s *Server) deviceEnd(retire bool) func(http.ResponseWriter, *http.Request) error {
	form := endedText(retire)
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readForm(r); err != nil {
			return err
		}
		err := s.endDevice(r, retire, r.PostFormValue("why"))
		if again, ok := s.again(w, r, form, "", err); ok {
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
		http.Redirect(w, r, "/devices/"+r.PathValue("device"), http.StatusSeeOther)
		return nil
	}
}

func (s *Server) apiDeviceEnd(retire bool) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in endBody
		if err := readJSON(r, &in); err != nil {
			return err
		}
		if err := s.endDevice(r, retire, in.Why); err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, endAnswer{radio.DeviceID(r.PathValue("device")), endedText(retire)})
	}
}

func endedText(retire bool) string {
	if retire {
		return "retired"
	}
	return "revoked"
}
