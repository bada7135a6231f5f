package web

import "testing"

// TestSetupsInBrowser sets a cluster up, applies a proposal and orders ticked clusters, in
// a real browser on a phone's screen and on a desk's.
func TestSetupsInBrowser(t *testing.T) {
	h := newHouse(t)
	b := beginWalk(t, h)
	h.placeThem()
	b.visit("/devices/" + string(h.plan.places[0].Device.ID) + "#setup")
	b.Eval(`document.querySelector('[name=offset_ms]').value = ''; document.querySelector('[name=position]').value = 'ở đình'`, nil)
	b.Type("[name=offset_ms]", "-20")
	b.Click(`form[action$="/setup"] button`)
	b.Complaints() // the console tells of a status 422
	b.look("setup-refused", "viết vĩ độ rồi kinh độ", "ở đình")
	b.Eval(`document.querySelector('[name=position]').value = '18.34, 105.9'`, nil)
	b.Click(`form[action$="/setup"] button`)
	b.unfold()
	b.look("setup", "Bù giờ (ms): 0 → -20", "Khử vọng")
	b.visit("/stagger")
	b.look("staggers", "2 đã có tọa độ")
	b.Click(`main h2 a`)
	b.look("stagger", "3 cặp đang nói cùng lúc", "2500 ms", "5000 ms")
	b.Click(`#apply button`)
	b.look("stagger-applied", "Không cần đổi gì.")

	b.visit("/devices")
	tick := func(what string) { b.Eval("document.querySelector('"+what+"').click()", nil) }
	tick(`[name=device][value="` + string(h.plan.places[2].Device.ID) + `"]`)
	tick(`[name=area][value="` + string(h.area(own)) + `"]`)
	b.look("devices-picked", "Điều khiển các cụm loa đã chọn")
	// What is ticked stays so when something changes.
	still := false
	h.Live.Changed(TopicDevices)
	b.Eval(`return new Promise(done => setTimeout(() => done(document.querySelectorAll('input:checked').length === 2), 1500))`, &still)
	if !still {
		t.Error("a page that is kept fresh has lost what was ticked")
	}
	b.Click(`.picked button`)
	b.look("order-picked", "Đã chọn 3 cụm loa.")
	b.Click(`main form button`)
	b.look("order-picked-confirm", "Gửi tới 3 cụm loa.")
	b.Click(`form[action="/commands"] button`)
	b.look("order-picked-result", "3 đã gửi, chưa trả lời")
}
