package web

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// spoken finds the keys that templates ({{t "…"}}) and handlers (say) use.
func spoken(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	look := func(pattern string, forms ...*regexp.Regexp) {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range forms {
				for _, m := range form.FindAllStringSubmatch(string(b), -1) {
					key, err := strconv.Unquote(m[1])
					if err != nil {
						t.Errorf("%s: %s", f, m[1])
					}
					keys[key] = f
				}
			}
		}
	}
	look("templates/*.html", regexp.MustCompile("[{( ]t (\"(?:[^\"\\\\]|\\\\.)*\")"))
	look("*.go", regexp.MustCompile("say\\((?:r, )?(\"(?:[^\"\\\\]|\\\\.)*\")"), regexp.MustCompile("s\\.show\\(.*?\"[a-z_]+\\.html\", (\"(?:[^\"\\\\]|\\\\.)*\")"))
	return keys
}

// TestEveryWordHasEnglish: what a Vietnamese reader sees an English one can read, with
// the same values set in.
func TestEveryWordHasEnglish(t *testing.T) {
	en, err := readWords(assets)
	if err != nil {
		t.Fatal(err)
	}
	verbs := regexp.MustCompile(`%[-+ 0]*[0-9]*(?:\.[0-9]+)?[a-zA-Z]`)
	keys := spoken(t)
	if len(keys) < 20 {
		t.Fatalf("only %d words found: the search is broken", len(keys))
	}
	for vi, file := range keys {
		if _, ok := en[vi]; !ok {
			t.Errorf("%s: no English for %q", file, vi)
		}
	}
	for vi, text := range en {
		if got, want := verbs.FindAllString(text, -1), verbs.FindAllString(vi, -1); strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("%q takes %v, its English %v", vi, want, got)
		}
	}
}

// TestEveryEnglishWordIsUsed: a key that stands nowhere is dead, or a slip in one that does.
func TestEveryEnglishWordIsUsed(t *testing.T) {
	en, err := readWords(assets)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	for vi := range en {
		if !strings.Contains(all.String(), strconv.Quote(vi)) {
			t.Errorf("nobody says %q", vi)
		}
	}
}

func TestLanguageSwitch(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodPost, "/language", url.Values{"lang": {"en"}, "back": {"/log?from=2025-11-01"}}.Encode())
	want(t, w, http.StatusSeeOther)
	if to := w.Header().Get("Location"); to != "/log?from=2025-11-01" {
		t.Errorf("back to %q", to)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != "lang" || c[0].Value != "en" {
		t.Fatalf("cookies %v", c)
	}
	english := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) }
	want(t, h.ask(t, http.MethodGet, "/log", "", english), http.StatusOK, `<html lang="en">`, "Sign out", "Loudspeakers")
	want(t, h.ask(t, http.MethodGet, "/log", ""), http.StatusOK, `<html lang="vi">`, "Đăng xuất")
	for back, to := range map[string]string{"": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil`: "/", "/a?b=c": "/a?b=c", "javascript:alert(1)": "/"} {
		if got := localAddress(back); got != to {
			t.Errorf("%q leads to %q, want %q", back, got, to)
		}
	}
}
