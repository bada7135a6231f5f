package web

import (
	"net/http"
	"testing"
)

// TestOtherMethods: an address that takes other methods says which; one that takes none is
// not there. Nobody has to sign in to be told, and nothing is done.
func TestOtherMethods(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PUT", "/bulletins", 405, "GET, HEAD, POST"},
		{"DELETE", "/devices/new", 405, "GET, HEAD"},
		{"GET", "/logout", 405, "POST"},
		{"PATCH", "/healthz", 405, "GET, HEAD"},
		{"OPTIONS", "/api/v1/people", 405, "GET, HEAD, POST"},
		{"POST", "/api/v1/log", 405, "GET, HEAD"},
		{"PUT", "/", 405, "GET, HEAD"},
		{"POST", "/nowhere", 404, ""},
		{"PUT", "/api/v1/nowhere", 404, ""},
		{"GET", "/api/v1/bulletins/x/1/submit", 405, "POST"},
	} {
		for _, in := range []bool{true, false} {
			w := h.ask(t, c.method, c.path, "", func(r *http.Request) {
				if !in {
					r.Header.Del("Cookie")
				}
			})
			if status := c.status; in || status == 405 {
				want(t, w, status)
			}
			if got := w.Header().Get("Allow"); got != c.allow {
				t.Errorf("%s %s, signed in %v: Allow %q, want %q", c.method, c.path, in, got, c.allow)
			}
		}
	}
	want(t, h.ask(t, http.MethodPut, "/bulletins", ""), 405, "Địa chỉ này chỉ nhận: GET, HEAD, POST.")
	want(t, h.ask(t, http.MethodPost, "/api/v1/log", ""), 405, `"code":"method"`, "takes GET, HEAD only")
	if h.writes() != 0 {
		t.Error("something was changed")
	}
}
