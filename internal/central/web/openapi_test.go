package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contract holds requests and answers against the description that the running server gives
// out.
type contract struct{ routes routers.Router }

func newContract(t testing.TB, h http.Handler) contract {
	t.Helper()
	// Every house has the same routes: the description is read once.
	theContract.Do(func() { theContract.contract = readContract(t, h) })
	return theContract.contract
}

var theContract struct {
	sync.Once
	contract
}

func readContract(t testing.TB, h http.Handler) contract {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	d, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	if err := d.Validate(context.Background()); err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	routes, err := gorillamux.NewRouter(d)
	if err != nil {
		t.Fatal(err)
	}
	return contract{routes}
}

// hold fails the test when an answer of the API is not as described, or when it has accepted
// a request that is not: body is what was sent.
func (c contract) hold(t testing.TB, r *http.Request, body []byte, w *httptest.ResponseRecorder) {
	t.Helper()
	if !strings.HasPrefix(r.URL.Path, apiPrefix) {
		return
	}
	route, params, err := c.routes.FindRoute(r)
	if err != nil {
		if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
			t.Errorf("%s %s answers %d and is not described", r.Method, r.URL.Path, w.Code)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.Code, Header: w.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	out.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s answers otherwise than described: %v", r.Method, r.URL.Path, err)
	}
	if w.Code >= http.StatusBadRequest {
		return
	}
	if err := c.request(r, body, route, params); err != nil {
		t.Errorf("%s %s takes what is not described: %v", r.Method, r.URL.Path, err)
	}
}

// request says what of an accepted request is not as described. What proves who asks is
// looked at by the tests of rights.
func (c contract) request(r *http.Request, body []byte, route *routers.Route, params map[string]string) error {
	if len(body) > 0 && route.Operation.RequestBody == nil {
		return errors.New("it has a body, none is described")
	}
	for key := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", key) == nil {
			return fmt.Errorf("no query parameter %q is described", key)
		}
	}
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = http.NoBody
	if len(body) > 0 {
		again.Body = io.NopCloser(bytes.NewReader(body))
	}
	return openapi3filter.ValidateRequest(again.Context(), &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}})
}

// TestDescriptionHoldsEveryRoute both ways: a route without a description, or one that
// is described and not there, fails.
func TestDescriptionHoldsEveryRoute(t *testing.T) {
	h := newHouse(t)
	d, err := h.describe()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range h.table() {
		if !strings.Contains(r.pattern, " "+apiPrefix) {
			continue
		}
		if !described[r.pattern] {
			t.Errorf("%s is not described", r.pattern)
		}
		delete(described, r.pattern)
	}
	for p := range described {
		t.Errorf("%s is described and not there", p)
	}
}

// TestContractCanFail: an answer with a field too many, or one too few, is noticed.
func TestContractCanFail(t *testing.T) {
	c := readContract(t, newHouse(t))
	for name, body := range map[string]string{"a field too many": `{"bulletins":[],"extra":1}`, "a field missing": `{}`, "another type": `{"bulletins":{}}`} {
		fake := &recordingTB{TB: t}
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		if _, err := w.WriteString(body); err != nil {
			t.Fatal(err)
		}
		c.hold(fake, httptest.NewRequest(http.MethodGet, "/api/v1/bulletins", nil), nil, w)
		if fake.errors == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
}

// recordingTB counts errors instead of failing.
type recordingTB struct {
	testing.TB
	errors int
}

func (r *recordingTB) Errorf(string, ...any) { r.errors++ }

// TestRequestsAreHeld: what a route takes and its description does not name, or names
// otherwise, is noticed; what is refused is not asked.
func TestRequestsAreHeld(t *testing.T) {
	c := readContract(t, newHouse(t))
	const json = "application/json"
	for _, x := range []struct {
		name, method, path, kind, body string
		noticed                        bool
	}{
		{"as described", "POST", "/api/v1/account/second/confirm", json, `{"code":"123456"}`, false},
		{"a field too many", "POST", "/api/v1/account/second/confirm", json, `{"code":"123456","extra":1}`, true},
		{"a field missing", "POST", "/api/v1/account/second/confirm", json, `{}`, true},
		{"another type", "POST", "/api/v1/account/second/confirm", json, `{"code":123456}`, true},
		{"no body", "POST", "/api/v1/account/second/confirm", "", ``, true},
		{"another content type", "POST", "/api/v1/account/second/confirm", "text/plain", `{"code":"123456"}`, true},
		{"a body that is not described", "POST", "/api/v1/devices/x/enrolment-code", json, `{}`, true},
		{"a query that is described", "GET", "/api/v1/bulletins?limit=3", "", ``, false},
		{"a query that is not", "GET", "/api/v1/bulletins?colour=red", "", ``, true},
		{"a thing told in part", "POST", "/api/v1/conflicts", json, `{"schedules":[{"targets":[{"area":"x"}]}]}`, false},
		{"a thing told wrongly", "POST", "/api/v1/conflicts", json, `{"schedules":[{"target":[{"area":"x"}]}]}`, true},
	} {
		r := httptest.NewRequest(x.method, x.path, strings.NewReader(x.body))
		if x.kind != "" {
			r.Header.Set("Content-Type", x.kind)
		}
		route, params, err := c.routes.FindRoute(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.request(r, []byte(x.body), route, params); (err != nil) != x.noticed {
			t.Errorf("%s: %v, want it noticed: %v", x.name, err, x.noticed)
		}
	}
	// Only what was taken counts.
	for status, want := range map[int]int{http.StatusUnprocessableEntity: 0, http.StatusNoContent: 1} {
		fake, w := &recordingTB{TB: t}, httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/api/v1/people/x/second/ask", strings.NewReader("{}"))
		r.Header.Set("Content-Type", json)
		w.WriteHeader(status)
		if status == http.StatusUnprocessableEntity {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Body.WriteString(`{"error":{"code":"invalid","reason_vi":"x","reason_en":"x"}}`)
		}
		if c.hold(fake, r, []byte("{}"), w); fake.errors != want {
			t.Errorf("answered %d: %d errors, want %d", status, fake.errors, want)
		}
	}
}
