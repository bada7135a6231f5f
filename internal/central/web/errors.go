package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// handler does its work or says why not; page and api turn the error into an answer.
type handler func(w http.ResponseWriter, r *http.Request) error

// errSignIn sends a page's reader to the sign-in form, and a program a 401.
var errSignIn = fmt.Errorf("%w: sign in first", radio.ErrForbidden)

// errCut marks an answer of unknown length that broke off in the middle: the connection
// has to break with it, or the reader takes the part for the whole.
var errCut = fmt.Errorf("%w: cut off", errSent)

// errSent marks an error after the answer has begun: nothing may be added to it.
var errSent = errors.New("answer not delivered")

func notFound(what string) error { return fmt.Errorf("%s: %w", what, radio.ErrNotFound) }

// told is an error with the Vietnamese words for it, where the kind alone says too
// little.
type told struct {
	error
	vi string
}

func (t told) Unwrap() error { return t.error }

// patient is an error that knows when the same may be tried again: a login that is
// locked after too many wrong passwords.
type patient interface {
	error
	RetryAfter() time.Duration
}

// crowded is one for which there is no room now: because of others, or of what the
// person does already. It brings its own words.
type crowded interface {
	patient
	Crowded() bool
	Vietnamese() string
}

// answer is what an error means to a person.
type answer struct {
	Status   int             `json:"-"`
	Code     string          `json:"code"`
	VI       string          `json:"reason_vi"`
	EN       string          `json:"reason_en"`
	Problems []radio.Problem `json:"problems,omitempty"`
	// Ref finds the line of the system log that tells more.
	Ref string `json:"ref,omitempty"`
	// Wait is when to try again, in seconds; 0 when that is not known.
	Wait int `json:"-"`
}

// announce sets the headers that go with an answer (RFC 9110 §10.2.3).
func (a answer) announce(h http.Header) {
	if a.Wait > 0 {
		h.Set("Retry-After", strconv.Itoa(a.Wait))
	}
}

// explain turns a kind of error into a status and words. Only reasons meant for people
// go out; the rest stays in the log.
func explain(err error) answer {
	a := explainKind(err)
	var fixed statusError
	if errors.As(err, &fixed) {
		a.Status, a.Code, a.VI = fixed.status, fixed.code, fixed.vi
	}
	var t told
	var v interface{ Vietnamese() string }
	switch {
	case errors.As(err, &t):
		a.VI = t.vi
	case errors.As(err, &v):
		a.VI = v.Vietnamese()
	}
	return a
}

func explainKind(err error) answer {
	var invalid *radio.Invalid
	var tooLarge *http.MaxBytesError
	var later patient
	var busy *radio.Busy
	switch {
	case errors.Is(err, errSignIn):
		return answer{Status: http.StatusUnauthorized, Code: "sign_in", VI: "Hãy đăng nhập trước.", EN: "Sign in first."}
	case errors.As(err, &invalid):
		return answer{Status: http.StatusUnprocessableEntity, Code: "invalid", VI: "Thông tin chưa hợp lệ.", EN: "Something is not right.", Problems: invalid.Problems}
	case errors.As(err, &tooLarge):
		mb := tooLarge.Limit >> 20
		return answer{Status: http.StatusRequestEntityTooLarge, Code: "too_large", VI: fmt.Sprintf("Dữ liệu gửi lên quá lớn, tối đa %d MB.", mb), EN: fmt.Sprintf("Too large, at most %d MB.", mb)}
	case errors.Is(err, radio.ErrInvalid):
		return answer{Status: http.StatusBadRequest, Code: "invalid", VI: "Yêu cầu không hợp lệ.", EN: plain(err, radio.ErrInvalid)}
	case errors.Is(err, radio.ErrNotFound):
		return answer{Status: http.StatusNotFound, Code: "not_found", VI: "Không tìm thấy.", EN: "Not found."}
	case errors.Is(err, radio.ErrConflict):
		return answer{Status: http.StatusConflict, Code: "conflict", VI: "Trạng thái hiện tại không cho phép.", EN: plain(err, radio.ErrConflict)}
	case errors.Is(err, radio.ErrForbidden):
		return answer{Status: http.StatusForbidden, Code: "forbidden", VI: "Không được phép.", EN: plain(err, radio.ErrForbidden)}
	case errors.As(err, &busy):
		// RFC 9110 §15.6.4.
		wait := seconds(busy.Wait)
		return answer{Status: http.StatusServiceUnavailable, Code: "busy", Wait: wait,
			VI: fmt.Sprintf("Máy chủ đang bận vì có quá nhiều người cùng đăng nhập. Hãy chờ %d giây rồi thử lại.", wait), EN: fmt.Sprintf("Too many sign in at once. Wait %d seconds.", wait)}
	case errors.As(err, &later):
		// RFC 6585 §4. Whole seconds, never too few.
		wait := seconds(later.RetryAfter())
		a := answer{Status: http.StatusTooManyRequests, Code: "too_many", Wait: wait,
			VI: fmt.Sprintf("Đã thử quá nhiều lần. Hãy chờ %d giây rồi thử lại.", wait), EN: fmt.Sprintf("Too many tries. Wait %d seconds.", wait)}
		var busy crowded
		if errors.As(err, &busy) {
			a.EN = plain(err, radio.ErrUnavailable)
			if busy.Crowded() {
				a.Status, a.Code = http.StatusServiceUnavailable, "unavailable"
			}
		}
		return a
	case errors.Is(err, radio.ErrUnavailable):
		return answer{Status: http.StatusServiceUnavailable, Code: "unavailable", VI: "Chưa làm được lúc này, hãy thử lại sau.", EN: plain(err, radio.ErrUnavailable)}
	}
	return answer{Status: http.StatusInternalServerError, Code: "centre", VI: "Máy chủ gặp lỗi; lỗi đã được ghi vào nhật ký hệ thống.", EN: "The centre failed; it is in the system log."}
}

// seconds are whole ones, never too few.
func seconds(d time.Duration) int { return max(int(math.Ceil(d.Seconds())), 1) }

// plain is an error's text without the name of its kind, which the status tells.
func plain(err, kind error) string { return strings.TrimPrefix(err.Error(), kind.Error()+": ") }

// loggedPath keeps codes with which passwords are set out of the log.
func loggedPath(r *http.Request) string {
	for _, prefix := range []string{"/invite/", "/setup/"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return prefix + "…"
		}
	}
	return r.URL.Path
}

func (s *Server) logError(r *http.Request, a answer, err error) {
	switch {
	case errors.Is(err, errCut) && r.Context().Err() == nil:
		s.Logger.Info("answer cut off", "method", r.Method, "path", loggedPath(r), "error", err)
	case errors.Is(err, errSent), errors.Is(err, context.Canceled):
		s.Logger.Debug("reader gone", "method", r.Method, "path", loggedPath(r), "error", err)
	case a.Status >= 500:
		s.Logger.Error("request failed", "method", r.Method, "path", loggedPath(r), "ref", a.Ref, "error", err)
	case !errors.Is(err, errSignIn):
		s.Logger.Info("request refused", "method", r.Method, "path", loggedPath(r), "status", a.Status, "ref", a.Ref, "error", err)
	}
}

// answering runs a handler; what goes wrong before its answer began goes to tell.
func (s *Server) answering(h handler, tell func(http.ResponseWriter, *http.Request, answer) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		a := explain(err)
		switch {
		case a.Status >= 500, a.Status == http.StatusForbidden, a.Status == http.StatusConflict:
			// The words may tell less than the log: who asks for help can name its line.
			a.Ref = rand.Text()[:8]
		}
		s.logError(r, a, err)
		if errors.Is(err, errCut) {
			panic(http.ErrAbortHandler) // net/http's way to cut a connection
		}
		if errors.Is(err, errSent) {
			return
		}
		a.announce(w.Header())
		if err := tell(w, r, a); err != nil {
			s.logError(r, explain(err), err)
			if !errors.Is(err, errSent) {
				http.Error(w, a.VI, a.Status)
			}
		}
	})
}

// page turns a handler's error into a page.
func (s *Server) page(h handler) http.Handler {
	pages := s.answering(h, func(w http.ResponseWriter, r *http.Request, a answer) error {
		if a.Status == http.StatusUnauthorized && r.Method == http.MethodGet {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return nil
		}
		return s.show(w, r, a.Status, "error.html", "Chưa thực hiện được", a)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages.ServeHTTP(w, tolerant(r)) })
}

// api turns a handler's error into JSON.
func (s *Server) api(h handler) http.Handler {
	return s.answering(h, func(w http.ResponseWriter, _ *http.Request, a answer) error {
		return writeJSON(w, a.Status, struct {
			Error answer `json:"error"`
		}{a})
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("make an answer: %w", err)
	}
	return send(w, status, "application/json; charset=utf-8", append(b, '\n'))
}

// send writes a whole answer. The length goes ahead, so that a reader notices when
// the connection broke in the middle.
func send(w http.ResponseWriter, status int, kind string, body []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	return nil
}

// readForm and readJSON read a small body; what cannot be read is the sender's fault.
func readForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return bodyError(err)
	}
	return nil
}

func readJSON(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return told{fmt.Errorf("%w: the body is not the expected JSON: more than one JSON value", radio.ErrInvalid), notJSON + ": có nhiều hơn một giá trị."}
	}
	return nil
}

const notJSON = "Nội dung gửi lên không phải JSON đúng mẫu"

// jsonError names the field at fault, not the Go types it did not fit.
func jsonError(err error) error {
	var wrongType *json.UnmarshalTypeError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return told{fmt.Errorf("%w: the body is not the expected JSON: field %q cannot be a %s", radio.ErrInvalid, wrongType.Field, wrongType.Value),
			fmt.Sprintf("%s: trường %q có kiểu không đúng.", notJSON, wrongType.Field)}
	}
	// encoding/json has no error type for this one.
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name, err := strconv.Unquote(quoted); err == nil {
			name = clip(name, 64)
			return told{fmt.Errorf("%w: the body is not the expected JSON: unknown field %q", radio.ErrInvalid, name),
				fmt.Sprintf("%s: không có trường %q.", notJSON, name)}
		}
	}
	return told{fmt.Errorf("%w: the body is not the expected JSON", radio.ErrInvalid), notJSON + "."}
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	var invalid *radio.Invalid
	if errors.As(err, &tooLarge) || errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("%w: the body: %v", radio.ErrInvalid, err)
}
