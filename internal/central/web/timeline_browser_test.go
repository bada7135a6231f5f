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
	h.plan.schedules[len(h.plan.schedules)-1].Slots[0].Cron = "30 6,17 * * *"
	h.offers.words = append(h.offers.words, radio.Decision{N: 1, Area: h.area(own), Schedule: offeredSchedule, Slot: offeredSlot, Date: radio.DateOf(now.AddDate(0, 0, 1)), Time: "17:30", Do: radio.DecideMove, To: 23*60 + 30,
		Reason: "Bà con đi làm về muộn", By: lan.ID, At: radio.At(now)})
	b.visit("/offers/" + string(h.area(own)))
	b.Eval(`document.querySelectorAll('details').forEach(d => d.open = true); return 1`, new(int))
	b.look("offers", "Cấp trên gửi", "riêng lượt này", "sẽ không phát được", "Bà con đi làm về muộn")
	b.visit("/submissions")
	b.look("submissions", "Bài địa phương gửi lên", "chờ tỉnh xem")
	h.people.is(&radio.Person{ID: lan.ID, Login: lan.Login, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(common)}}})
	b.visit("/submissions/" + parts[1])
	b.look("submission", "Phải nghe hết trước khi nhận", "Trả lại", "Các bước")
}
