package central

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/report"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestNoSecretIsWrittenDown: passwords, codes, tokens and cookies that go through the
// console, right and wrong ones, stand nowhere afterwards: not in the log at its most
// talkative, not in the audit, not on the pages that refuse.
func TestNoSecretIsWrittenDown(t *testing.T) {
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
	if err := db.ApplyPlan(ctx, storetest.SamplePlan()); err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	log := slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug}))
	people := identity.NewPeople(db, t.TempDir(), time.Now)
	const first, second, wrong = "dấu-mật-khẩu-thứ-nhất", "dấu-mật-khẩu-thứ-hai", "dấu-mật-khẩu-sai-hẳn"
	admin := []radio.Grant{{Role: radio.RoleAdmin, Area: radio.Everywhere}}
	if _, err := people.Add(ctx, "quan-tri", "Quản trị", first, admin, "test"); err != nil {
		t.Fatal(err)
	}
	c := &Central{cfg: DefaultConfig(), store: db, now: time.Now, log: log}
	files := export.New(exportLog(db), time.Now)
	site, err := web.New(web.Deps{
		People: people, Staff: people, Office: people, Accounts: people, Tokens: people, Second: people, SecondOffice: people, Passkeys: c.passkeys(noKeys{}), Plan: db, Log: report.New(db, time.Now), AuditFiles: auditFiles{c.audits(nil, files)},
		Healthy: db.Ping, Live: &web.Live{}, Zone: "Asia/Ho_Chi_Minh", Now: time.Now, Logger: log, Metrics: http.NotFoundHandler(), Observe: func(string, int, time.Duration) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets, answers := map[string]string{"first password": first, "second password": second, "wrong password": wrong}, ""
	p := &caller{t: t, site: site}
	// refused keeps what the console says when it refuses, for the search.
	refused := func(method, path, body string, form bool) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if form {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if p.cookie != nil {
			r.AddCookie(p.cookie)
		}
		if p.token != "" {
			r.Header.Set("Authorization", "Bearer "+p.token)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code < 400 {
			t.Fatalf("%s %s: %d", method, path, w.Code)
		}
		answers += w.Body.String()
	}
	refused("POST", "/login", url.Values{"login": {"quan-tri"}, "password": {wrong}}.Encode(), true)
	refused("POST", "/api/v1/login", `{"login":"quan-tri","password":"`+wrong+`"}`, false)
	refused("POST", "/api/v1/login", `{"login":"quan-tri","password":"`+wrong+`","x":1}`, false)
	p.as("quan-tri", first)
	secrets["session"] = p.cookie.Value
	var made struct{ Code string }
	p.call("POST", "/api/v1/people", `{"login":"moi","name":"Mới","grants":[{"role":"editor","area":"*"}]}`, 201, &made)
	secrets["invitation"] = made.Code
	var token struct{ Secret string }
	p.call("POST", "/api/v1/tokens", `{"name":"thử","days":1,"use":"read","password":"`+first+`"}`, 201, &token)
	secrets["token"] = token.Secret
	refused("POST", "/account/password", url.Values{"old": {wrong}, "password": {second}, "again": {second}}.Encode(), true)
	refused("POST", "/api/v1/account/password", `{"old":"`+wrong+`","password":"`+second+`"}`, false)
	admin1 := p.cookie
	p.cookie = nil
	refused("POST", "/api/v1/invite", `{"code":"`+made.Code+`","password":"1234567890"}`, false)
	refused("POST", "/invite/"+made.Code, url.Values{"password": {second}, "again": {wrong}}.Encode(), true)
	p.call("POST", "/api/v1/invite", `{"code":"`+made.Code+`","password":"`+second+`"}`, 204, nil)
	p.token = token.Secret
	p.call("GET", "/api/v1/log", "", 200, nil)
	refused("POST", "/api/v1/tokens", `{}`, false)
	p.token += "x"
	refused("GET", "/api/v1/log", "", false)
	p.cookie, p.token = admin1, ""
	p.call("POST", "/api/v1/account/password", `{"old":"`+first+`","password":"`+second+`"}`, 204, nil)

	var audit bytes.Buffer
	if err := c.audits(nil, files).Write(ctx, export.AuditRequest{Kind: export.AuditLines}, func(time.Time) (io.Writer, error) { return &audit, nil }); err != nil {
		t.Fatal(err)
	}
	for _, needed := range []struct{ what, in, has string }{{"log", written.String(), "/api/v1/login"}, {"audit", audit.String(), "token.add"}, {"answers", answers, "invalid"}} {
		if !strings.Contains(needed.in, needed.has) {
			t.Fatalf("the %s holds nothing of what happened:\n%s", needed.what, needed.in)
		}
	}
	for name, secret := range secrets {
		for where, text := range map[string]string{"log": written.String(), "audit": audit.String(), "answers": answers} {
			if name == "invitation" && where == "answers" {
				continue // the form goes back to who came by that very link
			}
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
				t.Errorf("the %s stands in the %s", name, where)
			}
		}
	}
}

// noKeys is a keyring that nobody has signed yet.
type noKeys struct{}

func (noKeys) Keyring() ([]byte, trust.Keyring) { return nil, trust.Keyring{} }
