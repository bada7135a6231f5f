package status

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

//go:embed clockform.html
var clockFormText string

// maxForm bounds what a form may send.
const maxForm = 4 << 10

// form is a page on which a person can do something. The local page looks after
// methods, hosts, origins and the number of clients.
type form interface {
	serve(w http.ResponseWriter, r *http.Request)
}

// PIN checks that it is theirs to do (agent/pin). A refusal tells by its methods Pause
// and Remaining how long to wait and how many tries are left; from is the address that the
// tries are counted by.
type PIN interface {
	Check(ctx context.Context, pin, from string) error
	IsSet() bool
}

// TimeSetter takes the time from a person; clock.System.
type TimeSetter interface {
	SetByHand(t time.Time) error
}

// clockForm sets the clock by hand.
type clockForm struct {
	page    *Page
	pin     PIN
	clock   TimeSetter
	records Recorder
	html    *template.Template
}

// OfferClock adds the form that sets the clock with the PIN, at /clock; before Run.
func (p *Page) OfferClock(pin PIN, clock TimeSetter, records Recorder) error {
	f := &clockForm{page: p, pin: pin, clock: clock, records: records}
	var err error
	if f.html, err = template.New("clock").Funcs(template.FuncMap{"clockLine": clockLine}).Parse(clockFormText); err != nil {
		return fmt.Errorf("parse the form of the clock: %w", err)
	}
	p.forms["/clock"] = f
	return nil
}

// clockView is what the form is fed with.
type clockView struct {
	radio.Status
	Style   template.CSS
	times   times
	Now     string
	NoPIN   bool
	Trusted bool
	Typed   string
	Problem string
}

func (f *clockForm) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		f.show(w, r, http.StatusOK, "", "")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		f.show(w, r, http.StatusBadRequest, "", "Không đọc được biểu mẫu.")
		return
	}
	typed := r.PostForm.Get("time")
	s := f.page.build(r.Context())
	zone := timesOf(s.Zone).zone
	at, err := zone.Typed(typed)
	if err != nil {
		f.show(w, r, http.StatusBadRequest, typed, "Ngày giờ không đúng.")
		return
	}
	if err := f.pin.Check(r.Context(), r.PostForm.Get("pin"), client(r)); err != nil {
		status, problem := refusal(w.Header(), err)
		if status == http.StatusInternalServerError {
			f.page.log.Error("PIN not checked", "error", err)
		}
		f.show(w, r, status, typed, problem)
		return
	}
	err = f.clock.SetByHand(at)
	f.record(r, at, err)
	switch {
	case errors.Is(err, radio.ErrConflict):
		f.show(w, r, http.StatusConflict, typed, "Thiết bị đang giữ giờ từ nguồn tin cậy hơn ("+vi(f.page.build(r.Context()).Clock.Source)+"), không đặt tay được.")
	case errors.Is(err, radio.ErrInvalid):
		f.show(w, r, http.StatusBadRequest, typed, "Giờ này không thể đúng: đã qua rồi, hoặc sai năm.")
	case err != nil:
		f.page.log.Error("clock not set by hand", "error", err)
		f.show(w, r, http.StatusServiceUnavailable, typed, "Chưa đặt được giờ, hãy thử lại.")
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// record leaves in the journal who has tried to set what; the change itself is a record
// of the clock.
func (f *clockForm) record(r *http.Request, at time.Time, failed error) {
	text := "set by hand to " + at.UTC().Format(time.RFC3339) + " from " + client(r)
	if failed != nil {
		text += ", refused: " + failed.Error()
	}
	// The person may have closed the page; what was done must be written.
	if _, err := f.records.Append(context.WithoutCancel(r.Context()), radio.Record{Kind: radio.RecordSecurity,
		Security: &radio.SecurityRecord{What: "clock", Text: text}}); err != nil {
		f.page.log.Error("clock set by hand is not in the journal", "error", err)
	}
}

// client is the address a request comes from, without its port.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	host, _, _ = strings.Cut(host, "%") // the zone is ours, not theirs
	return host
}

// refusal tells a person why the PIN did not help.
func refusal(h http.Header, err error) (status int, problem string) {
	var waits interface {
		error
		Pause() time.Duration
		Remaining() int
	}
	switch {
	case errors.As(err, &waits) && waits.Pause() > 0:
		seconds := int((waits.Pause() + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.Itoa(seconds))
		return http.StatusTooManyRequests, fmt.Sprintf("Nhập sai mã PIN quá nhiều lần. Hãy chờ %d:%02d rồi thử lại.", seconds/60, seconds%60)
	case errors.As(err, &waits):
		return http.StatusForbidden, fmt.Sprintf("Mã PIN không đúng. Còn %d lần thử.", waits.Remaining())
	case errors.Is(err, radio.ErrForbidden):
		return http.StatusForbidden, "Thiết bị chưa đặt mã PIN."
	}
	return http.StatusInternalServerError, "Không kiểm tra được mã PIN."
}

func (f *clockForm) show(w http.ResponseWriter, r *http.Request, status int, typed, problem string) {
	s := f.page.build(r.Context())
	t := timesOf(s.Zone)
	v := clockView{Status: s, Style: template.CSS(pageStyle), times: t, Now: t.full(s.At) + " (" + t.Name + ")",
		NoPIN: !f.pin.IsSet(), Trusted: s.Clock.State == "trusted", Typed: typed, Problem: problem}
	var page bytes.Buffer
	if err := f.html.Execute(&page, v); err != nil {
		f.page.log.Error("form of the clock", "error", err)
		http.Error(w, "lỗi / error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(page.Bytes()); err != nil {
		f.page.log.Debug("form not taken", "error", err)
	}
}
