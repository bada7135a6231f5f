package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func loginForm(login, pass string) string {
	return url.Values{"login": {login}, "password": {pass}}.Encode()
}

// lockedOut is how identity says that a login waits.
type lockedOut time.Duration

func (lockedOut) Error() string               { return "too many wrong passwords" }
func (lockedOut) Unwrap() error               { return radio.ErrUnavailable }
func (l lockedOut) RetryAfter() time.Duration { return time.Duration(l) }

// retryAfter: a locked login says when to come back, and nothing else does.
func retryAfter(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if told := err == nil && seconds > 0; told != (status == http.StatusTooManyRequests || strings.Contains(w.Body.String(), "cùng đăng nhập")) {
		t.Errorf("status %d, Retry-After %q", status, w.Header().Get("Retry-After"))
	}
}

func TestLogin(t *testing.T) {
	busy := fmt.Errorf("%w: database is locked", radio.ErrUnavailable)
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
		{"locked out", "lan", password, lockedOut(15100 * time.Millisecond), http.StatusTooManyRequests, "Hãy chờ 16 giây", 1},
		{"almost let in", "lan", password, lockedOut(0), http.StatusTooManyRequests, "Hãy chờ 1 giây", 1},
		{"too many at once", "lan", password, &radio.Busy{What: "hashing", Wait: 4100 * time.Millisecond}, http.StatusServiceUnavailable, "quá nhiều người cùng đăng nhập. Hãy chờ 5 giây", 1},
		{"busy store", "lan", password, busy, http.StatusServiceUnavailable, "hãy thử lại sau", 1},
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
			if got := len(w.Result().Cookies()); (got == 2) != (c.status == http.StatusSeeOther) {
				t.Errorf("%d cookies", got)
			}
			if strings.Contains(w.Body.String(), "<script") || w.Body.Len() > 10_000 {
				t.Errorf("the page shows what it must not: %s", w.Body)
			}
			if again := c.status >= 400 && c.status != http.StatusInternalServerError; again && !strings.Contains(w.Body.String(), "<form") {
				t.Error("no form to try again")
			}
			retryAfter(t, w, c.status)
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

// TestDeviceIsKnownAgain: the cookie of the login that is asked for goes to the guard, with
// the address; a second person at the same computer has their own.
func TestDeviceIsKnownAgain(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} })
	w := h.ask(t, http.MethodPost, "/login", loginForm("lan", password), stranger)
	c := w.Result().Cookies()[1]
	if c.Value != "known" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != deviceDays*24*3600 {
		t.Fatalf("cookie %+v", c)
	}
	again := func(r *http.Request) {
		stranger(r)
		r.AddCookie(c)
		r.Header.Set("X-Forwarded-For", "203.0.113.7")
	}
	h.ask(t, http.MethodPost, "/login", loginForm("lan", "sai"), again)
	h.ask(t, http.MethodPost, "/login", loginForm("hoa", "sai"), again)
	if want := []string{"192.0.2.1 ", "203.0.113.7 known", "203.0.113.7 "}; !slices.Equal(h.people.from, want) {
		t.Errorf("came from %q, want %q", h.people.from, want)
	}
	// A password that was just set, or changed, makes the device known too.
	for path, body := range map[string]string{"/invite/" + goodCode: "password=một+câu+dài&again=một+câu+dài", "/account/password": "old=x&password=một+câu+dài&again=một+câu+dài"} {
		if c := h.ask(t, http.MethodPost, path, body).Result().Cookies(); len(c) != 1 || !strings.HasPrefix(c[0].Name, "loaxa-") || c[0].Value == "" {
			t.Errorf("%s: cookies %v", path, c)
		}
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
		err        error
		status     int
		says       string
	}{
		{"right", `{"login":"lan","password":"` + password + `"}`, nil, http.StatusOK, `"name":"Nguyễn Thị Lan"`},
		{"wrong", `{"login":"lan","password":"sai"}`, nil, http.StatusForbidden, "Sai tên đăng nhập hoặc mật khẩu."},
		{"no JSON", `login=lan`, nil, http.StatusBadRequest, `"reason_vi":"Nội dung gửi lên không phải JSON đúng mẫu.","reason_en":"the body is not the expected JSON"`},
		{"empty", ``, nil, http.StatusBadRequest, `"reason_en":"the body is not the expected JSON"`},
		{"cut off", `{"login":"la`, nil, http.StatusBadRequest, `"reason_en":"the body is not the expected JSON"`},
		{"a list", `[]`, nil, http.StatusBadRequest, `"reason_en":"the body is not the expected JSON"`},
		{"wrong type", `{"login":7,"password":"x"}`, nil, http.StatusBadRequest,
			`đúng mẫu: trường \"login\" có kiểu không đúng.","reason_en":"the body is not the expected JSON: field \"login\" cannot be a number"`},
		{"unknown field", `{"login":"lan","pass":"x"}`, nil, http.StatusBadRequest, `unknown field \"pass\"`},
		{"locked out", `{"login":"lan","password":"x"}`, lockedOut(16 * time.Second), http.StatusTooManyRequests, `"code":"too_many"`},
		{"busy store", `{"login":"lan","password":"x"}`, fmt.Errorf("%w: database is locked", radio.ErrUnavailable), http.StatusServiceUnavailable, `"code":"unavailable"`},
		{"two values", `{"login":"lan","password":"x"}{}`, nil, http.StatusBadRequest, `more than one JSON value`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.people.err = c.err
			w := h.ask(t, http.MethodPost, "/api/v1/login", c.body, stranger)
			want(t, w, c.status, c.says)
			retryAfter(t, w, c.status)
			if (len(w.Result().Cookies()) == 2) != (c.status == http.StatusOK) {
				t.Error("cookie")
			}
			if strings.Contains(w.Body.String(), sessionToken) {
				t.Error("the token stands in the body")
			}
		})
	}
}
