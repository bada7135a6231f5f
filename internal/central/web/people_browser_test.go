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

// TestPeopleInBrowser walks an administrator's way through accounts in a real browser:
// invite, give roles, lock; then the invited person's, and a token of the own account.
func TestPeopleInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	h := newHouse(t)
	site := httptest.NewServer(h)
	defer site.Close()
	defer h.Live.Close() // pages listen as long as they are open
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
		b.Eval(`return document.body.innerText + [...document.querySelectorAll('input')].map(i => i.value).join(' ')`, &text)
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
	b.Visit(site.URL + "/people")
	look("people", "Biên tập viên · Phường Thành Sen", "đã khóa")
	b.Eval(`document.querySelector('main details').open = true`, nil)
	look("people-invite", "Tên đăng nhập")
	b.Type("main details [name=name]", "Vũ Thị Hạnh")
	b.Type("main details [name=login]", "Hanh.Vu")
	b.Eval(`document.querySelector('main details [name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.Click("main details button")
	look("person-invited", "/invite/"+goodCode, "Vũ Thị Hạnh", "hanh.vu")

	b.Visit(site.URL + "/people/" + id[string]('u', 14))
	unfold()
	look("person-disabled", "Mở lại tài khoản")
	b.Visit(site.URL + "/people/" + id[string]('u', 11))
	unfold()
	look("person", "Khóa tài khoản", "Thay đổi của tài khoản này")
	b.Eval(`document.querySelector('[name=grant]').checked = false; document.querySelector('[name=role]').value = 'operator'; document.querySelector('[name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.Click(`form[action$="/grants"] button`)
	look("person-granted", "Cán bộ vận hành · Phường Thành Sen")
	if got := strings.Join(h.staff.changes[1:], ","); got != fmt.Sprintf("grants [{operator %s}] thanh-sen.bt", id[string]('c', 16)) {
		t.Errorf("%q", got)
	}

	b.Visit(site.URL + "/audit")
	look("audit", "Đã giao vai trò", "Trang sau")
	b.Visit(site.URL + "/account")
	unfold()
	look("account", "phiên này", "Báo cáo tháng")
	b.Type(`form[action="/account/tokens"] [name=name]`, "Báo cáo quý")
	b.Click(`form[action="/account/tokens"] button`)
	look("account-token", newSecret)

	b.Visit(site.URL + "/invite/" + goodCode)
	look("invite", "Chào Lê Văn Giáp")
	b.Type("[name=password]", "chiều nay trời mưa")
	b.Type("[name=again]", "chiều nay trời mưa to")
	b.Click("main button")
	b.Eval(`return document.querySelector('[role=alert]').textContent`, new(string))
	b.Complaints() // the console notes the status 422
	b.Type("[name=password]", "chiều nay trời mưa")
	b.Type("[name=again]", "chiều nay trời mưa")
	b.Click("main button")
	if got := h.staff.changes[len(h.staff.changes)-1]; got != "accept chiều nay trời mưa" {
		t.Errorf("%q", got)
	}

	h.people.who = &radio.Person{ID: id[radio.UserID]('u', 15), Login: "moi", Name: "Lê Văn Giáp"}
	b.Visit(site.URL + "/account")
	look("account-no-role", "chưa được giao vai trò nào")
}
