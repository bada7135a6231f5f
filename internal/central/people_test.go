package central

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/report"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// TestPeopleThroughTheConsole: an administrator of one commune invites, the person sets a
// password, signs in and gives a program a token; then the account is shut. Pages, people
// and store are the real ones.
func TestPeopleThroughTheConsole(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	plan := storetest.SamplePlan()
	if err := db.ApplyPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	commune := plan.Areas[1].ID
	people := identity.NewPeople(db, t.TempDir(), time.Now)
	const secret = "chiều nay trời mưa to"
	if _, err := people.Add(ctx, "quan-tri", "Quản trị xã", secret, []radio.Grant{{Role: radio.RoleAdmin, Area: commune}}, "test"); err != nil {
		t.Fatal(err)
	}
	site, err := web.New(web.Deps{
		People: people, Staff: people, Office: people, Accounts: people, Tokens: people, Second: people, SecondOffice: people, Plan: db, Log: report.New(db, time.Now),
		Healthy: db.Ping, Live: &web.Live{}, Zone: "Asia/Ho_Chi_Minh", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Metrics: http.NotFoundHandler(), Observe: func(string, int, time.Duration) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t: t, site: site}

	c.as("quan-tri", secret)
	c.call("POST", "/api/v1/people", `{"login":"moi","name":"Mới","grants":[{"role":"viewer","area":"*"}]}`, 403, nil)
	c.call("POST", "/api/v1/people", `{"login":"moi","name":"Mới","grants":[{"role":"editor","area":"nowhere"}]}`, 422, nil)
	var made struct {
		Code   string
		Person struct{ ID string }
	}
	c.call("POST", "/api/v1/people", `{"login":"moi","name":"Mới","grants":[{"role":"editor","area":"`+string(commune)+`"}]}`, 201, &made)
	admin := c.cookie

	c.cookie = nil
	c.call("POST", "/api/v1/invite", `{"code":"`+made.Code+`","password":"1234567890"}`, 422, nil)
	c.call("POST", "/api/v1/invite", `{"code":"`+made.Code+`","password":"`+secret+`"}`, 204, nil)
	c.call("POST", "/api/v1/invite", `{"code":"`+made.Code+`","password":"`+secret+`"}`, 404, nil)
	c.as("moi", secret)
	c.call("GET", "/api/v1/people", "", 403, nil)
	var token struct{ Secret string }
	c.call("POST", "/api/v1/tokens", `{"name":"thử","days":1,"use":"read","password":"`+secret+`"}`, 201, &token)

	c.cookie, c.token = nil, token.Secret
	c.call("GET", "/api/v1/log", "", 200, nil)
	c.call("GET", "/api/v1/tokens", "", 403, nil)
	c.call("POST", "/api/v1/account/password", `{"old":"`+secret+`","password":"trời lại nắng rồi"}`, 403, nil)
	c.call("GET", "/log", "", 303, nil)

	c.cookie, c.token = admin, ""
	c.call("POST", "/api/v1/people/"+made.Person.ID+"/disable", "", 200, nil)
	var audit struct{ Entries []radio.AuditEntry }
	c.call("GET", "/api/v1/audit?actor="+made.Person.ID, "", 200, &audit)
	if len(audit.Entries) != 2 || audit.Entries[0].Action != "token.add" || audit.Entries[0].ActorName != "Mới" {
		t.Errorf("%+v", audit.Entries)
	}
	c.cookie, c.token = nil, token.Secret
	c.call("GET", "/api/v1/log", "", 401, nil)
}

// caller is a program with a session or a token.
type caller struct {
	t      testing.TB
	site   http.Handler
	cookie *http.Cookie
	token  string
}

func (c *caller) as(login, password string) {
	c.t.Helper()
	c.cookie = nil
	w := c.call("POST", "/api/v1/login", `{"login":"`+login+`","password":"`+password+`"}`, 200, nil)
	c.cookie = w.Result().Cookies()[0]
}

func (c *caller) call(method, path, body string, status int, out any) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequestWithContext(context.WithoutCancel(c.t.Context()), method, path, io.NopCloser(strings.NewReader(body)))
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	c.site.ServeHTTP(w, r)
	if w.Code != status {
		c.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			c.t.Fatal(err)
		}
	}
	return w
}
