package web

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/radio"

	"loaxa/internal/e2e/browser"
)

// TestDevicesInBrowser walks from what is wrong to the cluster that has it, then adds a
// cluster and makes its code, in a real browser; and a trouble that opens shows on the
// first page by itself.
func TestDevicesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	h := newHouse(t)
	site := httptest.NewServer(h)
	defer site.Close()
	defer h.Live.Close()
	b := browser.Open(t)
	look := func(name string, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			for _, text := range b.Faults(width) {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		var text string
		b.Eval(`return document.body.innerText`, &text)
		for _, s := range says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the page lacks %q:\n%s", name, s, text)
			}
		}
		for _, line := range b.Complaints() {
			t.Errorf("%s: the console says: %s", name, line)
		}
	}
	unfold := func() { b.Eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil) }

	b.Resize(360, 800)
	b.Visit(site.URL + "/login")
	b.Type("[name=login]", "Lan")
	b.Type("[name=password]", password)
	b.Click("main button")
	look("dashboard", "Cần xử lý", "kéo theo 1 lỗi khác", "Chờ bạn", "Sắp phát")
	b.Click(`#troubles .button`)
	look("faults", "Thông báo không gửi được")
	b.Visit(site.URL + "/faults?state=closed")
	look("faults-closed", "máy chủ trung tâm đã ngừng")
	b.Click(`nav a[href="/devices"]`)
	look("devices", "Cụm loa ngã ba chợ")
	b.Type("[name=q]", "nha van hoa to dan pho 2")
	b.Click("main form button")
	look("devices-found", "Cụm loa nhà văn hóa tổ dân phố 2")
	b.Click(`td a[href^="/devices/"]`)
	unfold()
	look("device", "đã gửi bản 1763700001", "no sound card", "Chứng thư")
	b.Visit(site.URL + "/devices/tree?commune=" + string(h.area(own)))
	unfold()
	look("device-tree", "Tổ dân phố 2")
	b.Visit(site.URL + "/devices/new")
	b.Type("[name=name]", "Cụm loa bến đò")
	b.Type("[name=code]", "ben-do")
	b.Eval(`document.querySelector('[name=hamlet]').value = '`+string(h.plan.places[1].Hamlet().ID)+`'`, nil)
	look("device-new", "Tốc độ âm thanh")
	b.Visit(site.URL + "/devices/" + string(h.plan.places[4].Device.ID))
	b.Click(`form[action$="/code"] button`)
	look("device-code", "01234-56789-0123-4567-89ab-cdef")

	b.Visit(site.URL + "/")
	h.watch.set(radio.Fault{ID: id[radio.FaultID]('t', 77), Device: h.plan.places[0].Device.ID, Commune: h.area(own), Kind: radio.FaultCloned, OpenedAt: radio.At(now)})
	shown := false
	for range 40 {
		// The page may not be listening yet.
		h.Live.Changed(TopicFaults)
		b.Eval(`return new Promise(done => setTimeout(() => done(document.querySelector('#troubles').innerText.includes('hai thiết bị dùng chung một định danh')), 250))`, &shown)
		if shown {
			break
		}
	}
	if !shown {
		t.Error("the first page does not show what has changed")
	}
}
