package web

import (
	"cmp"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestNoRouteObeysAnotherSite: whatever changes something, by a page or by the API with
// the session's cookie, is refused when another site's page sends it. From the table: a
// new route cannot be forgotten.
func TestNoRouteObeysAnotherSite(t *testing.T) {
	h := newHouse(t)
	h.Live.Close()
	before, found := h.writes(), 0
	for _, r := range h.table() {
		method, path := request(r.pattern)
		if method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions { // RFC 9110 §9.2.1: these change nothing
			continue
		}
		found++
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			w := h.ask(t, method, path, "to=approved", func(r *http.Request) { r.Header.Set(name, value) })
			if w.Code != http.StatusForbidden {
				t.Errorf("%s with %s: %s: %d", r.pattern, name, value, w.Code)
			}
		}
	}
	if h.writes() != before {
		t.Error("something was changed")
	}
	if found < 40 {
		t.Errorf("only %d routes that change something", found)
	}
}

// flood is a body without an end; it counts what was taken.
type flood struct{ taken int64 }

func (f *flood) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	f.taken += int64(len(p))
	return len(p), nil
}

// TestNoRouteTakesAnEndlessBody: every route ends reading at its limit, pages and API,
// open ones too, and also where nobody is at that address.
func TestNoRouteTakesAnEndlessBody(t *testing.T) {
	h := newHouse(t)
	h.Live.Close()
	const slack = 64 << 10 // what a reader takes ahead
	for _, r := range h.table() {
		method, path := request(r.pattern)
		if method == http.MethodGet {
			method = http.MethodPost
		}
		kinds := []string{"application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"}
		if limit := cmp.Or(r.body, maxBody); limit > 8<<20 {
			kinds = []string{"application/offset+octet-stream"} // a piece of an upload: once is enough
		}
		for _, kind := range kinds {
			body := &flood{}
			q := httptest.NewRequest(method, path, io.NopCloser(body))
			q.Header.Set("Content-Type", kind)
			q.AddCookie(&http.Cookie{Name: h.cookieName(), Value: sessionToken})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, q)
			if limit := cmp.Or(r.body, maxBody); body.taken > limit+slack {
				t.Errorf("%s %s (%s): %d bytes taken, the limit is %d", method, path, kind, body.taken, limit)
			}
		}
	}
}

// TestSecureConsole: behind HTTPS every answer says so for the next time, and no cookie
// goes in clear; every cookie is out of reach of scripts and of other sites' forms.
func TestSecureConsole(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, func(d *Deps) { d.Secure = secure })
		for _, path := range []string{"/log", "/nowhere", "/api/v1/nowhere", "/static/none.css", "/healthz", "/login"} {
			w := h.ask(t, http.MethodGet, path, "")
			if got := w.Header().Get("Strict-Transport-Security") != ""; got != secure {
				t.Errorf("secure %v, %s: HSTS %v", secure, path, got)
			}
		}
		answers := []*httptest.ResponseRecorder{
			h.ask(t, http.MethodPost, "/login", url.Values{"login": {lan.Login}, "password": {password}}.Encode(), stranger),
			h.ask(t, http.MethodPost, "/language", "lang=en&back=/"), h.ask(t, http.MethodPost, "/logout", ""),
		}
		found := 0
		for _, w := range answers {
			for _, c := range w.Result().Cookies() {
				found++
				if c.Secure != secure || c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
					t.Errorf("secure %v: %s", secure, c)
				}
				if !c.HttpOnly && c.Name != "lang" {
					t.Errorf("a script can read %s", c)
				}
				if secure && strings.HasPrefix(c.Name, "loaxa") {
					t.Errorf("%s is not bound to this host", c.Name)
				}
			}
		}
		if found < 3 {
			t.Errorf("only %d cookies", found)
		}
	}
}

// inline is what a content policy would have to allow for: script and style inside a page.
var inline = regexp.MustCompile(`(?i)<script(?:[^>]*[^/])?>[^<]|<style|\sstyle\s*=|\son[a-z]+\s*=\s*["{]|javascript:|<iframe|<object|<embed|<base|https?://[^.]*\.[a-z]`)

// TestTemplatesHoldNothingInline: no page needs an exception from the content policy, and
// none loads anything from elsewhere.
func TestTemplatesHoldNothingInline(t *testing.T) {
	for _, bad := range []string{`<script>x`, `<p style="x">`, `<b onclick="x">`, `<a href="javascript:x">`, `<img src="https://cdn.example/x.png">`, `<STYLE>`} {
		if !inline.MatchString(bad) {
			t.Errorf("the search does not find %s", bad)
		}
	}
	found := 0
	err := fs.WalkDir(assets, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".html") && !strings.HasSuffix(path, ".css") {
			return err
		}
		b, err := fs.ReadFile(assets, path)
		if err != nil {
			return err
		}
		found++
		if m := inline.Find(b); m != nil {
			t.Errorf("%s: %q", path, m)
		}
		return nil
	})
	if err != nil || found < 30 {
		t.Errorf("%d templates: %v", found, err)
	}
}
