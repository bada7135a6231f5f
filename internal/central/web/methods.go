package web

import (
	"fmt"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// methods are those that any route may name.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// otherMethods stands before the catch-all rows of the table, which keep the mux from
// seeing it itself: where another method would find a route, the answer is a 405 with
// those that would (RFC 9110 §15.5.6), before anybody is asked to sign in.
func otherMethods(mux *http.ServeMux, as func(handler) http.Handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range methods {
			other := r.Clone(r.Context())
			other.Method = m
			if _, pattern := mux.Handler(other); strings.Contains(pattern, " ") {
				allowed = append(allowed, m)
			}
		}
		if allowed == nil {
			next.ServeHTTP(w, r)
			return
		}
		list := strings.Join(allowed, ", ")
		w.Header().Set("Allow", list)
		as(failing(statusError{http.StatusMethodNotAllowed, "method", fmt.Errorf("%w: this address takes %s only", radio.ErrInvalid, list),
			"Địa chỉ này chỉ nhận: " + list + "."})).ServeHTTP(w, r)
	})
}
