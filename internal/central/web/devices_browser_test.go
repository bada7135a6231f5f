package web

import "testing"

// TestDevicesInBrowser walks from what is wrong to the cluster that has it, then adds a
// cluster and makes its code, in a real browser.
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
}
