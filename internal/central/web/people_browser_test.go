package web

import (
	"fmt"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestPeopleInBrowser walks an administrator's way through accounts in a real browser:
// invite, give roles, lock; then the invited person's, and a token of the own account.
func TestPeopleInBrowser(t *testing.T) {
	h := newHouse(t)
	b := beginWalk(t, h)
	b.visit("/people")
	b.look("people", "Biên tập viên · Phường Thành Sen", "đã khóa")
	b.Eval(`document.querySelector('main details').open = true`, nil)
	b.look("people-invite", "Tên đăng nhập")
	b.Type("main details [name=name]", "Vũ Thị Hạnh")
	b.Type("main details [name=login]", "Hanh.Vu")
	b.Eval(`document.querySelector('main details [name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.Click("main details button")
	b.look("person-invited", "/invite/"+goodCode, "Vũ Thị Hạnh", "hanh.vu")

	b.visit("/people/" + id[string]('u', 14))
	b.unfold()
	b.look("person-disabled", "Mở lại tài khoản")
	b.visit("/people/" + id[string]('u', 11))
	b.unfold()
	b.look("person", "Khóa tài khoản", "Thay đổi của tài khoản này")
	b.Eval(`document.querySelector('[name=grant]').checked = false; document.querySelector('[name=role]').value = 'operator'; document.querySelector('[name=area]').value = '`+id[string]('c', 16)+`'`, nil)
	b.Click(`form[action$="/grants"] button`)
	b.look("person-granted", "Cán bộ vận hành · Phường Thành Sen")
	if got := strings.Join(h.staff.changes[1:], ","); got != fmt.Sprintf("grants [{operator %s}] thanh-sen.bt", id[string]('c', 16)) {
		t.Errorf("%q", got)
	}

	b.visit("/audit")
	b.look("audit", "Đã giao vai trò", "Trang sau")
	b.visit("/account")
	b.unfold()
	b.look("account", "phiên này", "Báo cáo tháng")
	b.Type(`form[action="/account/tokens"] [name=name]`, "Báo cáo quý")
	b.Type(`form[action="/account/tokens"] [name=password]`, "một câu của tôi")
	b.Click(`form[action="/account/tokens"] button`)
	b.look("account-token", newSecret)

	b.visit("/invite/" + goodCode)
	b.look("invite", "Chào Lê Văn Giáp")
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

	h.people.is(&radio.Person{ID: id[radio.UserID]('u', 15), Login: "moi", Name: "Lê Văn Giáp"})
	b.visit("/account")
	b.look("account-no-role", "chưa được giao vai trò nào")
}
