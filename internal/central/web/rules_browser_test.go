package web

import (
	"testing"

	"loaxa/internal/radio"
)

// TestRulesInBrowser looks at the operating rules on a phone's screen and on a desk's.
func TestRulesInBrowser(t *testing.T) {
	h := newHouse(t)
	rulesIn(radio.DraftSubmitted)(h, own)
	target := radio.Target{Area: h.area(own)}
	x := h.rules.drafts[target]
	x.Rule.Issued, x.Rule.Issuer, x.Rule.MaxMinutes, x.Rule.Note = "2020-11-02", "Ủy ban nhân dân phường", 45, "theo đề nghị của các tổ dân phố"
	x.Rule.Windows = []radio.Window{{Days: []int{1, 2, 3, 4, 5, 6}, From: 300, To: 390}, {From: 1020, To: 1110}}
	x.Rule.Volume = []radio.VolumeSpan{{From: 300, To: 330, GainDB: -6}}
	x.Rule.Exceptions = []radio.PolicyException{{Label: "Tết Đinh Mùi", From: "2026-02-05", Until: "2026-02-09", Windows: []radio.Window{{From: 420, To: 450}}}}
	x.Rule.Mourning = []radio.Date{"2026-03-01"}
	h.rules.drafts[target] = x
	before := x.Rule
	before.Number, before.From, before.Author, before.Approver = "1/QĐ-UBND", "", lan.ID, lan.ID
	h.rules.approved = []radio.PolicyRule{before}
	h.rules.effects = radio.RulesEffects{From: "2026-01-01", Days: 14, DeviceCount: 4, Silent: 4, Quieter: 4, Effects: []radio.RulesEffect{
		{Start: radio.At(now), Samples: 44100 * 90, Title: "Bản tin nông nghiệp buổi chiều của phường", Silent: true, Veto: radio.VetoHours, DeviceCount: 4, Devices: []radio.DeviceID{}},
		{Start: radio.At(now), Samples: 44100 * 90, Title: "Nghị quyết 57 và đời sống", IsDB: -6, DeviceCount: 4, Devices: []radio.DeviceID{}}}}
	b := beginWalk(t, h)
	at := "/rules/" + string(target.Area)
	b.visit("/rules")
	b.look("rules", "Quy chế hoạt động", "1/QĐ-UBND")
	b.visit(at)
	b.look("rule", "Nếu áp dụng bản nháp này", "Bản tin nông nghiệp", "Tết Đinh Mùi")
	b.visit(at + "/edit")
	b.Type("[name=max_minutes]", "99999")
	b.look("rule-form", "Khung giờ được phát")
	b.Eval(`document.querySelector('[name=max_minutes]').removeAttribute('maxlength'); document.querySelector('[name=max_minutes]').value = 'nhiều'`, nil)
	b.Click(`form.campaign button`)
	b.Complaints() // the console tells of a status 422
	b.look("rule-refused", "Số phút tối đa một ngày: phải là số nguyên", "nhiều")
	b.visit("/rules/" + string(h.plan.places[0].Hamlet().ID) + "/edit")
	b.look("rule-place", "Giờ yên tĩnh")
}
