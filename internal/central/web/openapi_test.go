package web

import (
	"context"
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

// contract holds answers against the description that the running server gives out.
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

// hold fails the test when an answer of the API is not as described.
func (c contract) hold(t testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
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
		c.hold(fake, httptest.NewRequest(http.MethodGet, "/api/v1/bulletins", nil), w)
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
