package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

const apiToken = "loaxa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// TokenPerson knows one token: it reads for who, or for lan.
func (p *fakePeople) TokenPerson(_ context.Context, token string) (radio.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return radio.Person{}, p.err
	}
	if token != apiToken {
		return radio.Person{}, fmt.Errorf("token: %w", radio.ErrNotFound)
	}
	who := lan
	if p.who != nil {
		who = *p.who
	}
	if who.Token = p.token; who.Token == "" {
		who.Token = radio.TokenReads
	}
	return who, nil
}

func authorized(scheme string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("Cookie")
		r.Header.Set("Authorization", scheme)
	}
}

// TestBearer: a token opens the API and nothing else, as far as it reaches.
func TestBearer(t *testing.T) {
	decision := "/bulletins/" + id[string]('b', 2) + "/1/decision"
	other := func(r *http.Request) {
		authorized("Bearer " + apiToken)(r)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	for _, c := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		token                    radio.TokenUse
		status                   int
	}{
		{"reads", "GET", "/api/v1/log", "", authorized("Bearer " + apiToken), radio.TokenReads, 200},
		{"the scheme in small letters", "GET", "/api/v1/log", "", authorized("bearer  " + apiToken), radio.TokenReads, 200},
		{"a reading one writes", "POST", "/api/v1" + decision, decideJSON, authorized("Bearer " + apiToken), radio.TokenReads, 403},
		{"a writing one writes", "POST", "/api/v1" + decision, decideJSON, authorized("Bearer " + apiToken), radio.TokenWrites, 200},
		{"no browser sends a token by itself", "POST", "/api/v1" + decision, decideJSON, other, radio.TokenWrites, 200},
		{"unknown", "GET", "/api/v1/log", "", authorized("Bearer " + apiToken[:50]), "", 401},
		{"unknown, beside a session", "GET", "/api/v1/log", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "", 401},
		{"no token", "GET", "/api/v1/log", "", authorized("Bearer"), "", 401},
		{"another scheme", "GET", "/api/v1/log", "", authorized("Basic " + apiToken), "", 401},
		{"a page", "GET", "/log", "", authorized("Bearer " + apiToken), radio.TokenReads, 303},
		{"a page that changes", "POST", decision, decideForm, authorized("Bearer " + apiToken), radio.TokenWrites, 401},
		{"the own account", "POST", "/api/v1/logout", "", authorized("Bearer " + apiToken), radio.TokenWrites, 403},
		{"the monitor's page", "GET", "/metrics", "", authorized("Bearer " + apiToken), radio.TokenReads, 404}, // the fake has no figures
		{"the monitor's page, unknown", "GET", "/metrics", "", authorized("Bearer x"), "", 401},
		{"nowhere", "GET", "/api/v1/nowhere", "", authorized("Bearer " + apiToken), radio.TokenReads, 404},
		{"nowhere at all", "GET", "/api/nowhere", "", authorized("Bearer " + apiToken), radio.TokenReads, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.people.token = c.token
			w := h.ask(t, c.method, c.path, c.body, c.change)
			want(t, w, c.status)
			if c.name == "a reading one writes" {
				want(t, w, 403, "only reads", "Mã API này chỉ được đọc")
			}
			if c.status >= 300 && h.writes() != 0 {
				t.Error("something was changed")
			}
			if told := w.Header().Get("WWW-Authenticate") != ""; told != (c.status == 401 && strings.Contains(c.name, "unknown")) {
				t.Errorf("WWW-Authenticate %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

// TestNoRole: who has no role yet is told so, and can leave.
func TestNoRole(t *testing.T) {
	h := newHouse(t)
	h.people.is(&radio.Person{ID: id[radio.UserID]('u', 77), Login: "thu", Name: "Lê Văn Thử"})
	for _, path := range []string{"/log", "/bulletins"} {
		want(t, h.ask(t, http.MethodGet, path, ""), http.StatusForbidden, "Tài khoản chưa được giao vai trò nào", "Đăng xuất")
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/log", ""), http.StatusForbidden, "has no role yet")
	want(t, h.ask(t, http.MethodPost, "/logout", ""), http.StatusSeeOther)
}
