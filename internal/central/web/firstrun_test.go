package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// fakeFirst knows one code, until it has been used.
type fakeFirst struct {
	made []string
	err  error
}

func (f *fakeFirst) FirstCode(_ context.Context, code string) error {
	if code != goodCode || len(f.made) > 0 {
		return fmt.Errorf("code: %w", radio.ErrNotFound)
	}
	return f.err
}

func (f *fakeFirst) MakeFirst(ctx context.Context, code, login, name, password, _ string) (radio.Person, error) {
	if err := f.FirstCode(ctx, code); err != nil {
		return radio.Person{}, err
	}
	if len(password) < 10 {
		var e radio.Invalid
		e.Add("password", "mật khẩu quá ngắn", "too short")
		return radio.Person{}, e.Err()
	}
	f.made = append(f.made, login+" "+name+" "+password)
	return radio.Person{Login: login, Name: name}, nil
}

func TestFirstRunPage(t *testing.T) {
	var log bytes.Buffer
	f := &fakeFirst{}
	site, err := NewFirstRun(FirstDeps{First: f, Zone: "Asia/Ho_Chi_Minh", Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}
	page := "/setup/" + goodCode
	for _, path := range []string{"/", "/login", "/setup/", "/setup/x", "/people", "/api/v1/people", "/api/v1/openapi.json"} {
		w := ask(http.MethodGet, path, "")
		want(t, w, http.StatusNotFound)
		if strings.Contains(w.Body.String(), goodCode) {
			t.Errorf("%s tells the code", path)
		}
	}
	want(t, ask(http.MethodGet, "/healthz", ""), http.StatusNoContent)
	form := ask(http.MethodGet, page, "")
	want(t, form, http.StatusOK, "quản trị đầu tiên", `name="login"`)
	if form.Header().Get("Content-Security-Policy") == "" || form.Header().Get("Referrer-Policy") != "same-origin" {
		t.Errorf("headers %v", form.Header())
	}
	want(t, ask(http.MethodPost, page, "login=lan&name=Lan&password=một+câu+dài&again=khác"), http.StatusUnprocessableEntity, "không giống nhau", `value="lan"`)
	short := ask(http.MethodPost, page, "login=lan&name=Lan&password=x&again=x")
	want(t, short, http.StatusUnprocessableEntity, "mật khẩu quá ngắn")
	want(t, ask(http.MethodPost, "/setup/x", "login=lan&name=Lan&password=một+câu+dài&again=một+câu+dài"), http.StatusNotFound)
	from := httptest.NewRequest(http.MethodPost, page, strings.NewReader("login=lan"))
	from.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	site.ServeHTTP(w, from)
	want(t, w, http.StatusForbidden)
	want(t, ask(http.MethodPost, page, "login=+Lan+&name=Nguyễn+Lan&password=một+câu+dài&again=một+câu+dài"), http.StatusOK, "Đã tạo tài khoản quản trị lan", `href="/login"`)
	if len(f.made) != 1 || f.made[0] != "lan Nguyễn Lan một câu dài" {
		t.Errorf("made %q", f.made)
	}
	want(t, ask(http.MethodGet, page, ""), http.StatusNotFound, "đã được dùng")
	if strings.Contains(log.String(), goodCode) || strings.Contains(log.String(), "một") {
		t.Errorf("the log holds a secret:\n%s", log.String())
	}
	// The console itself knows no such page.
	want(t, newHouse(t).ask(t, http.MethodGet, page, ""), http.StatusNotFound)
}
