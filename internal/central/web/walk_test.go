package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/e2e/browser"
)

// walk is a reader's way through the pages in a real browser.
type walk struct {
	*browser.Browser
	t    *testing.T
	site string
}

// beginWalk opens a browser on a phone's screen and signs in. Something may stand before
// the pages.
func beginWalk(t *testing.T, h *house, before ...func(next http.Handler) http.Handler) *walk {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	pages := http.Handler(h)
	for _, f := range before {
		pages = f(pages)
	}
	site := httptest.NewServer(pages)
	t.Cleanup(site.Close)
	t.Cleanup(h.Live.Close) // pages listen as long as they are open
	w := &walk{browser.Open(t), t, site.URL}
	w.Resize(360, 800)
	w.visit("/login")
	w.Type("[name=login]", "Lan")
	w.Type("[name=password]", password)
	w.Click("main button")
	return w
}

func (w *walk) visit(path string) { w.Visit(w.site + path) }

// unfold opens what is folded away.
func (w *walk) unfold() {
	w.Eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil)
}

// look holds the page against the rules on a phone's screen and on a desk's, keeps a
// picture when asked to, and looks for words on it and in its fields.
func (w *walk) look(name string, says ...string) {
	w.t.Helper()
	for _, width := range []int{360, 1280} {
		for _, text := range w.Faults(width) {
			w.t.Errorf("%s at %d: %s", name, width, text)
		}
		if *pictures != "" {
			w.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
		}
	}
	var text string
	w.Eval(`return document.body.innerText + [...document.querySelectorAll('input')].map(i => i.value).join(' ')`, &text)
	for _, s := range says {
		if !strings.Contains(text, s) {
			w.t.Errorf("%s: the page lacks %q:\n%s", name, s, text)
		}
	}
	for _, line := range w.Complaints() {
		w.t.Errorf("%s: the console says: %s", name, line)
	}
}
