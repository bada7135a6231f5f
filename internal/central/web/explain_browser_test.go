package web

import "testing"

// TestExplainInBrowser asks for an explanation from the log, in a real browser on a
// phone's screen and on a desk's.
func TestExplainInBrowser(t *testing.T) {
	h := newHouse(t)
	b := beginWalk(t, h)
	b.visit("/log/" + string(h.log.rows[62].Key.Device) + "/" + string(h.log.rows[62].Airing))
	b.Click(`main a[href^="/explain"]`)
	b.look("explain", "Vì sao phát, vì sao không", "Ngoài giờ.", "chặn lại", "bản ghi 17", "Cần làm: Kiểm tra dây loa.")
	b.visit("/explain")
	b.look("explain-empty", "Chọn một cụm loa và một thời điểm")
	b.visit("/devices/" + string(h.plan.places[0].Device.ID))
	b.look("device-diagnosis", "Tự chẩn đoán", "Hai lượt liền không ra tiếng.")
}
