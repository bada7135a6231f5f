package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"loaxa/internal/radio"
)

// handler does its work or says why not; page and api turn the error into an answer.
type handler func(w http.ResponseWriter, r *http.Request) error

// errSignIn sends a page's reader to the sign-in form, and a program a 401.
var errSignIn = fmt.Errorf("%w: sign in first", radio.ErrForbidden)

func notFound(what string) error { return fmt.Errorf("%s: %w", what, radio.ErrNotFound) }

// answer is what an error means to a person.
type answer struct {
	Status   int             `json:"-"`
	Code     string          `json:"code"`
	VI       string          `json:"reason_vi"`
	EN       string          `json:"reason_en"`
	Problems []radio.Problem `json:"problems,omitempty"`
}

// explain maps a kind of error to a status and words. Only reasons meant for people
// go out; the rest stays in the log.
func explain(err error) answer {
	var invalid *radio.Invalid
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errSignIn):
		return answer{Status: http.StatusUnauthorized, Code: "sign_in", VI: "Cần đăng nhập.", EN: "Sign in first."}
	case errors.As(err, &invalid):
		return answer{Status: http.StatusUnprocessableEntity, Code: "invalid", VI: "Có chỗ chưa đúng.", EN: "Something is not right.", Problems: invalid.Problems}
	case errors.As(err, &tooLarge):
		return answer{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			VI: fmt.Sprintf("Tệp quá lớn, tối đa %d MB.", tooLarge.Limit>>20), EN: fmt.Sprintf("Too large, at most %d MB.", tooLarge.Limit>>20)}
	case errors.Is(err, radio.ErrInvalid):
		return answer{Status: http.StatusBadRequest, Code: "invalid", VI: "Yêu cầu chưa đúng: " + err.Error(), EN: err.Error()}
	case errors.Is(err, radio.ErrNotFound):
		return answer{Status: http.StatusNotFound, Code: "not_found", VI: "Không tìm thấy.", EN: "Not found."}
	case errors.Is(err, radio.ErrConflict):
		return answer{Status: http.StatusConflict, Code: "conflict", VI: "Trạng thái hiện tại không cho phép: " + err.Error(), EN: err.Error()}
	case errors.Is(err, radio.ErrForbidden):
		return answer{Status: http.StatusForbidden, Code: "forbidden", VI: "Không được phép: " + err.Error(), EN: err.Error()}
	case errors.Is(err, radio.ErrUnavailable):
		return answer{Status: http.StatusServiceUnavailable, Code: "unavailable", VI: "Chưa làm được lúc này, hãy thử lại: " + err.Error(), EN: err.Error()}
	}
	return answer{Status: http.StatusInternalServerError, Code: "centre", VI: "Máy chủ gặp lỗi; đã ghi vào nhật ký hệ thống.", EN: "The centre failed; it is in the system log."}
}

func (s *Server) logError(r *http.Request, a answer, err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case a.Status >= 500:
		s.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	case !errors.Is(err, errSignIn):
		s.Logger.Info("request refused", "method", r.Method, "path", r.URL.Path, "status", a.Status, "error", err)
	}
}

// page turns a handler's error into a page.
func (s *Server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		a := explain(err)
		s.logError(r, a, err)
		if errors.Is(err, errSignIn) && r.Method == http.MethodGet {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		w.WriteHeader(a.Status)
		if err := s.pages.render(w, "error.html", view[answer]{Title: "Chưa thực hiện được", Person: who(r), Data: a}); err != nil {
			s.Logger.Info("error page not delivered", "error", err)
		}
	})
}

// api turns a handler's error into JSON.
func (s *Server) api(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		a := explain(err)
		s.logError(r, a, err)
		if err := writeJSON(w, a.Status, struct {
			Error answer `json:"error"`
		}{a}); err != nil {
			s.Logger.Info("answer not delivered", "error", err)
		}
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	return nil
}
