package web

import (
	"testing"

	"loaxa/internal/radio"
)

// TestDevicesInBrowser walks from what is wrong to the cluster that has it, then adds a
// cluster and makes its code, in a real browser; and a trouble that opens shows on the
// first page by itself.
func TestDevicesInBrowser(t *testing.T) {
	h := newHouse(t)
	b := beginWalk(t, h)
	b.look("dashboard", "Cần xử lý", "kéo theo 1 lỗi khác", "Chờ bạn", "Sắp phát")
	b.Click(`#troubles .button`)
	b.look("faults", "Thông báo không gửi được")
	b.visit("/faults?state=closed")
	b.look("faults-closed", "máy chủ đã ngừng")
	b.Click(`nav a[href="/devices"]`)
	b.look("devices", "Cụm loa ngã ba chợ")
	b.Type("[name=q]", "nha van hoa to dan pho 2")
	b.Click("main form button")
	b.look("devices-found", "Cụm loa nhà văn hóa tổ dân phố 2")
	b.Click(`td a[href^="/devices/"]`)
	b.unfold()
	b.look("device", "đã gửi bản 1763700001", "no sound card", "Chứng thư")
	b.visit("/devices/tree?commune=" + string(h.area(own)))
	b.unfold()
	b.look("device-tree", "Tổ dân phố 2")
	b.visit("/devices/new")
	b.Type("[name=name]", "Cụm loa bến đò")
	b.Type("[name=code]", "ben-do")
	b.Eval(`document.querySelector('[name=hamlet]').value = '`+string(h.plan.places[1].Hamlet().ID)+`'`, nil)
	b.look("device-new", "Tốc độ âm thanh")
	b.visit("/devices/" + string(h.plan.places[4].Device.ID))
	b.Click(`form[action$="/code"] button`)
	b.look("device-code", "01234-56789-0123-4567-89ab-cdef")

	b.visit("/")
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
