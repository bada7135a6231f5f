package web

import (
	"testing"

	"loaxa/internal/radio"
)

// TestCommuneInBrowser: a commune's first page, and what it hands up, in a real browser on a
// phone's screen and on a desk's.
func TestCommuneInBrowser(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	parts := submissionThing(h, own)
	b := beginWalk(t, h)
	h.people.is(&radio.Person{ID: lan.ID, Login: lan.Login, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}})
	b.visit("/")
	b.look("timeline", "Tuần của xã", "hôm nay", "cấp trên gửi", "sẽ phát")
	b.visit("/submissions")
	b.look("submissions", "Bài địa phương gửi lên", "chờ tỉnh xem")
	h.people.is(&radio.Person{ID: lan.ID, Login: lan.Login, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(common)}}})
	b.visit("/submissions/" + parts[1])
	b.look("submission", "Phải nghe hết trước khi nhận", "Trả lại", "Các bước")
}
