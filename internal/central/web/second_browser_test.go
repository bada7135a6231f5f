package web

import (
	"testing"

	"loaxa/internal/radio"
)

// TestSecondInBrowser walks the setting up of a second factor on a phone's screen: the QR
// code is there and is square, the first code confirms, the recovery codes fit.
func TestSecondInBrowser(t *testing.T) {
	h := newHouse(t)
	b := beginWalk(t, h)
	b.visit("/account")
	b.look("account-second", "Cài xác thực hai lớp")
	b.Click(`a[href="/account/second"]`)
	b.look("second", "Hiện mã QR")
	b.Type("[name=password]", "chiều nay trời mưa")
	b.Click("main button")
	var side [2]float64
	b.Eval(`const r = document.querySelector('svg.qr').getBoundingClientRect(); return [r.width, r.height]`, &side)
	if side[0] < 200 || side[0] != side[1] {
		t.Errorf("the QR code is %v", side)
	}
	b.unfold()
	b.look("second-qr", "Nhập mã đầu tiên", newTOTP.Secret)
	b.Type("[name=code]", "000000")
	b.Click("main form button")
	b.Complaints() // the console notes the status 422
	b.look("second-wrong", "mã không đúng")
	b.Type(`form[action$="/confirm"] [name=code]`, rightCode)
	b.Click(`form[action$="/confirm"] button`)
	b.look("second-codes", freshRecovery[0], freshRecovery[1])
	b.visit("/account/second")
	b.unfold()
	b.look("second-set", "Đang bật", "Đổi điện thoại", "Tạo mã khôi phục mới")

	h.staff.theirs = radio.SecondState{Set: true, Since: radio.At(now)}
	h.staff.wish = radio.SecondReset{Person: id[radio.UserID]('u', 11), AskedBy: id[radio.UserID]('u', 13), AskedAt: radio.At(now), ExpiresAt: radio.At(now.AddDate(0, 0, 1))}
	b.visit("/people/" + id[string]('u', 11))
	b.look("person-second", "đã đề nghị gỡ", "Xác nhận gỡ xác thực hai lớp")
}
