package status

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

//go:embed control.html
var controlText string

// Emergency is what a person with the PIN may do at the device.
type Emergency interface {
	// StartAlert makes a standing alert sound.
	StartAlert(ctx context.Context, id radio.AlertID) error
	// StopSound ends every alert and whatever else sounds.
	StopSound(ctx context.Context) error
}

// controls of the page; without them it is read-only.
type controls struct {
	pin       PIN
	emergency Emergency
	page      *template.Template
	origin    *http.CrossOriginProtection
}

// Control lets people with the PIN start standing alerts and stop what sounds, on a
// page of its own that does not refresh while they type. Call it before Run.
func (p *Page) Control(pin PIN, emergency Emergency) error {
	t, err := template.New("control").Parse(controlText)
	if err != nil {
		return err
	}
	p.controls = &controls{pin: pin, emergency: emergency, page: t, origin: http.NewCrossOriginProtection()}
	return nil
}

const (
	controlPath = "/control"
	stopPath    = "/control/stop"
	startPath   = "/control/start"
)

// controlView is what the template is fed with.
type controlView struct {
	radio.Status
	Style    template.CSS
	Standing []radio.AlertStatus
	HasPIN   bool
	VI, EN   string // what came of the last try
}

// serveControl answers everything below /control.
func (p *Page) serveControl(w http.ResponseWriter, r *http.Request) {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case get && r.URL.Path == controlPath:
		p.showControl(w, r, http.StatusOK, "", "")
	case r.Method == http.MethodPost && (r.URL.Path == stopPath || r.URL.Path == startPath):
		p.obey(w, r)
	case r.URL.Path == controlPath || r.URL.Path == stopPath || r.URL.Path == startPath:
		w.Header().Set("Allow", map[bool]string{true: "GET, HEAD", false: "POST"}[r.URL.Path == controlPath])
		http.Error(w, "không được / not allowed", http.StatusMethodNotAllowed)
	default:
		http.NotFound(w, r)
	}
}

// obey does what a person asks, after the PIN.
func (p *Page) obey(w http.ResponseWriter, r *http.Request) {
	c := p.controls
	if err := c.origin.Check(r); err != nil {
		http.Error(w, "chỉ từ trang này / only from this page", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "yêu cầu không đúng / bad request", http.StatusBadRequest)
		return
	}
	if err := c.pin.Check(r.Context(), r.PostForm.Get("pin"), client(r)); err != nil {
		status, vi := refusal(w.Header(), err)
		if status == http.StatusInternalServerError {
			p.log.Error("PIN not checked", "error", err)
		}
		en := "The PIN was not accepted."
		if wait := w.Header().Get("Retry-After"); wait != "" {
			en = "Too many wrong PINs: wait " + wait + " s."
		}
		p.showControl(w, r, status, vi, en)
		return
	}
	var err error
	if r.URL.Path == stopPath {
		err = c.emergency.StopSound(r.Context())
	} else {
		err = c.emergency.StartAlert(r.Context(), radio.AlertID(r.PostForm.Get("alert")))
	}
	switch {
	case err == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case errors.Is(err, radio.ErrUnavailable):
		p.showControl(w, r, http.StatusTooManyRequests, "Chưa làm được, hãy thử lại sau ít phút.", "Not now; try again in some minutes.")
	case errors.Is(err, radio.ErrNotFound), errors.Is(err, radio.ErrConflict), errors.Is(err, radio.ErrInvalid):
		p.showControl(w, r, http.StatusConflict, "Cảnh báo này không phát được: đã hết hạn, đang phát, hoặc không có.", "This alert cannot start: it has ended, sounds already, or is not here.")
	default:
		p.log.Error("local control", "error", err)
		p.showControl(w, r, http.StatusInternalServerError, "Lỗi thiết bị.", "The device failed.")
	}
}

func (p *Page) showControl(w http.ResponseWriter, r *http.Request, code int, vi, en string) {
	s := p.build(r.Context())
	v := controlView{Status: s, Style: template.CSS(pageStyle), HasPIN: p.controls.pin.IsSet(), VI: vi, EN: en}
	for _, a := range s.Alerts {
		// By a clock that cannot be believed nothing has ended; who starts it is told.
		if a.Standing && !a.Running && (a.Expires > s.At || s.Clock.State == string(clock.Untrusted)) {
			v.Standing = append(v.Standing, a)
		}
	}
	var page bytes.Buffer
	if err := p.controls.page.Execute(&page, v); err != nil {
		p.log.Error("local control page", "error", err)
		http.Error(w, "lỗi / error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	if _, err := w.Write(page.Bytes()); err != nil {
		p.log.Debug("local control page not taken", "error", err)
	}
}
