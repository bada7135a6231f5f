package web

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/radio"
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
	b := openBrowser(t)
	look := func(name string, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			b.resize(width, 800)
			var bad []string
			b.eval(faults, &bad, width)
			for _, text := range bad {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		var text string
		b.eval(`return document.body.innerText + [...document.querySelectorAll('input')].map(i => i.value).join(' ')`, &text)
		for _, s := range says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the page lacks %q:\n%s", name, s, text)
			}
		}
		for _, line := range b.complaints() {
			t.Errorf("%s: the console says: %s", name, line)
		}
	}
	unfold := func() { b.eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil) }

	b.resize(360, 800)
	b.open(site.URL + "/login")
	b.typeIn("[name=login]", "Lan")
	b.typeIn("[name=password]", password)
	b.click("main button")
	b.open(site.URL + "/people")
	look("people", "Biên tập viên · Phường Thành Sen", "đã khóa")
	b.eval(`document.querySelector('main details').open = true`, nil)
	look("people-invite", "Tên đăng nhập")
	b.typeIn("main details [name=name]", "Vũ Thị Hạnh")
	b.typeIn("main details [name=login]", "Hanh.Vu")
	b.eval(`document.querySelector('main details [name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.click("main details button")
	look("person-invited", "/invite/"+goodCode, "Vũ Thị Hạnh", "hanh.vu")

	b.open(site.URL + "/people/" + id[string]('u', 14))
	unfold()
	look("person-disabled", "Mở lại tài khoản")
	b.open(site.URL + "/people/" + id[string]('u', 11))
	unfold()
	look("person", "Khóa tài khoản", "Thay đổi của tài khoản này")
	b.eval(`document.querySelector('[name=grant]').checked = false; document.querySelector('[name=role]').value = 'operator'; document.querySelector('[name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.click(`form[action$="/grants"] button`)
	look("person-granted", "Cán bộ vận hành · Phường Thành Sen")
	if got := strings.Join(h.staff.changes[1:], ","); got != fmt.Sprintf("grants [{operator %s}] thanh-sen.bt", id[string]('c', 16)) {
		t.Errorf("%q", got)
	}

	b.open(site.URL + "/audit")
	look("audit", "Đã giao vai trò", "Trang sau")
	b.open(site.URL + "/account")
	unfold()
	look("account", "phiên này", "Báo cáo tháng")
	b.typeIn(`form[action="/account/tokens"] [name=name]`, "Báo cáo quý")
	b.click(`form[action="/account/tokens"] button`)
	look("account-token", newSecret)

	b.open(site.URL + "/invite/" + goodCode)
	look("invite", "Chào Lê Văn Giáp")
	b.typeIn("[name=password]", "chiều nay trời mưa")
	b.typeIn("[name=again]", "chiều nay trời mưa to")
	b.click("main button")
	b.eval(`return document.querySelector('[role=alert]').textContent`, new(string))
	b.complaints() // the console notes the status 422
	b.typeIn("[name=password]", "chiều nay trời mưa")
	b.typeIn("[name=again]", "chiều nay trời mưa")
	b.click("main button")
	if got := h.staff.changes[len(h.staff.changes)-1]; got != "accept chiều nay trời mưa" {
		t.Errorf("%q", got)
	}

	h.people.who = &radio.Person{ID: id[radio.UserID]('u', 15), Login: "moi", Name: "Lê Văn Giáp"}
	b.open(site.URL + "/account")
	look("account-no-role", "chưa được giao vai trò nào")
}
