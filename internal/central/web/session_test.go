package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func loginForm(login, pass string) string {
	return url.Values{"login": {login}, "password": {pass}}.Encode()
}

func TestLogin(t *testing.T) {
	locked := fmt.Errorf("%w: too many wrong passwords, wait 16s", radio.ErrUnavailable)
	for _, c := range []struct {
		name, login, pass string
		err               error
		status            int
		says              string
		asked             int
	}{
		{"right", "lan", password, nil, http.StatusSeeOther, "", 1},
		{"typed on a phone", "Lan ", password, nil, http.StatusSeeOther, "", 1},
		{"wrong password", "lan", "sai", nil, http.StatusForbidden, "Sai tên đăng nhập hoặc mật khẩu.", 1},
		{"unknown login", "hung", password, nil, http.StatusForbidden, "Sai tên đăng nhập hoặc mật khẩu.", 1},
		{"empty", "", "", nil, http.StatusForbidden, "Sai tên đăng nhập hoặc mật khẩu.", 0},
		{"no login at all", strings.Repeat("a", 5000), "x", nil, http.StatusForbidden, "Sai tên đăng nhập", 0},
		{"hostile login", `"><script>alert(1)</script>`, "x", nil, http.StatusForbidden, "Sai tên đăng nhập", 0},
		{"endless password", "lan", strings.Repeat("x", 500), nil, http.StatusForbidden, "Sai tên đăng nhập", 0},
		{"locked out", "lan", password, locked, http.StatusServiceUnavailable, "Đã sai quá nhiều lần", 1},
		{"our failure", "lan", password, errBroken, http.StatusInternalServerError, "Máy chủ gặp lỗi", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.people.err = c.err
			w := h.ask(t, http.MethodPost, "/login", loginForm(c.login, c.pass), stranger)
			want(t, w, c.status, c.says)
			if len(h.people.logins) != c.asked {
				t.Errorf("asked for %q", h.people.logins)
			}
			if got := len(w.Result().Cookies()); (got == 1) != (c.status == http.StatusSeeOther) {
				t.Errorf("%d cookies", got)
			}
			if strings.Contains(w.Body.String(), "<script") || w.Body.Len() > 10_000 {
				t.Errorf("the page shows what it must not: %s", w.Body)
			}
			if c.status == http.StatusForbidden && !strings.Contains(w.Body.String(), "<form") {
				t.Error("no form to try again")
			}
		})
	}
}

func TestCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, func(d *Deps) { d.Secure = secure })
		w := h.ask(t, http.MethodPost, "/login", loginForm("lan", password), stranger)
		want(t, w, http.StatusSeeOther)
		c := w.Result().Cookies()[0]
		if c.Value != sessionToken || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != sessionSeconds {
			t.Errorf("cookie %+v", c)
		}
		if c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("secure %v: cookie %+v", secure, c)
		}
		// The session of the other kind of cookie is none.
		other := map[bool]string{true: "loaxa", false: "__Host-loaxa"}[secure]
		want(t, h.ask(t, http.MethodGet, "/", "", func(r *http.Request) { r.Header.Set("Cookie", other+"="+sessionToken) }), http.StatusSeeOther)
	}
}

func TestLogout(t *testing.T) {
	for path, status := range map[string]int{"/logout": http.StatusSeeOther, "/api/v1/logout": http.StatusNoContent} {
		h := newHouse(t)
		w := h.ask(t, http.MethodPost, path, "")
		want(t, w, status)
		if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
			t.Errorf("%s: cookies %v", path, c)
		}
		if len(h.people.ended) != 1 || h.people.ended[0] != sessionToken {
			t.Errorf("%s: ended %v", path, h.people.ended)
		}
		want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusSeeOther) // to the form: the session is over
	}
}

func TestAPILogin(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"right", `{"login":"lan","password":"` + password + `"}`, http.StatusOK, `"name":"Nguyễn Thị Lan"`},
		{"wrong", `{"login":"lan","password":"sai"}`, http.StatusForbidden, "Sai tên đăng nhập hoặc mật khẩu."},
		{"no JSON", `login=lan`, http.StatusBadRequest, `"code":"invalid"`},
		{"empty", ``, http.StatusBadRequest, `"code":"invalid"`},
		{"unknown field", `{"login":"lan","pass":"x"}`, http.StatusBadRequest, `unknown field`},
		{"two values", `{"login":"lan","password":"x"}{}`, http.StatusBadRequest, `more than one JSON value`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newHouse(t).ask(t, http.MethodPost, "/api/v1/login", c.body, stranger)
			want(t, w, c.status, c.says)
			if (len(w.Result().Cookies()) == 1) != (c.status == http.StatusOK) {
				t.Error("cookie")
			}
			if strings.Contains(w.Body.String(), sessionToken) {
				t.Error("the token stands in the body")
			}
		})
	}
}
