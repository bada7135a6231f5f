package web

import (
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestAuditWords: what was done is told in the reader's language, with names and without
// ids; entries from before there were facts can still be read.
func TestAuditWords(t *testing.T) {
	h := newHouse(t)
	device := h.plan.places[0]
	commune := device.Commune()
	for _, c := range []struct {
		name   string
		entry  radio.AuditEntry
		vi, en []string
	}{
		{"published", radio.AuditEntry{Action: "schedule.publish", Actor: string(lan.ID), ActorName: lan.Name, Subject: id[string]('s', 1), Facts: &radio.AuditFacts{Code: "sang", Title: "Buổi sáng", Version: 3, Conflicts: 2}},
			[]string{"Buổi sáng", "bản 3 · chấp nhận 2 xung đột", lan.Name}, []string{"Buổi sáng", "version 3 · 2 conflicts accepted"}},
		{"roles", radio.AuditEntry{Action: "person.grant", Actor: "command:root", Subject: string(lan.ID), SubjectName: lan.Name,
			Facts: &radio.AuditFacts{Code: "lan", Now: []radio.Grant{{Role: radio.RoleEditor, Area: commune.ID}, {Role: radio.RoleViewer, Area: radio.Everywhere}}}},
			[]string{"chưa có vai trò → Biên tập viên · " + commune.Name + ", Lãnh đạo, thanh tra (chỉ xem) · toàn tỉnh", "lệnh trên máy chủ (root)"}, []string{"no role yet → Editor · " + commune.Name, "whole province"}},
		{"edited", radio.AuditEntry{Action: "bulletin.edit", Subject: id[string]('b', 1), Facts: &radio.AuditFacts{Title: "Tin", Version: 1, Fields: []string{"title", "valid_until"}}},
			[]string{"bản 1 · Tiêu đề, Phát đến hết ngày"}, []string{"version 1 · Title, "}},
		{"imported", radio.AuditEntry{Action: "plan.import", Subject: "plan", Facts: &radio.AuditFacts{File: "tinh.yaml", Counts: map[string]int{"created": 3, "left alone": 1}}},
			[]string{"tệp tinh.yaml · 3 mới · 1 giữ nguyên, không có trong tệp"}, []string{"file tinh.yaml · 3 new"}},
		{"a device enrols", radio.AuditEntry{Action: "device.enrol", Actor: string(device.Device.ID), Subject: string(device.Device.ID), Facts: &radio.AuditFacts{Code: "loa-01", Title: "Cụm loa chợ", Serial: "ab12"}},
			[]string{">Cụm loa chợ</a>", "chứng thư số ab12"}, []string{"certificate ab12"}},
		{"restored", radio.AuditEntry{Action: "centre.restore", Subject: "centre", Facts: &radio.AuditFacts{MadeAt: radio.At(now), Program: "1.2"}}, []string{"bản sao lưu lúc", "chương trình 1.2"}, []string{"backup of", "program 1.2"}},
		{"token", radio.AuditEntry{Action: "token.revoke", Subject: string(lan.ID), Facts: &radio.AuditFacts{Token: "Báo cáo"}}, []string{"mã “Báo cáo”"}, []string{"token “Báo cáo”"}},
		{"moved", radio.AuditEntry{Action: "offer.move", Subject: id[string]('s', 1), Facts: &radio.AuditFacts{Code: "sang", Values: []radio.AuditValue{{Field: "time", Now: "17:00"}, {Field: "decision", Was: "decline", Now: "move 2026-12-01 18:30"}}}},
			[]string{"Lượt: – → 17:00", "Quyết định: Không nhận → Đổi giờ 2026-12-01 18:30"}, []string{"Decision: Decline → Move 2026-12-01 18:30"}},
		{"default of a commune", radio.AuditEntry{Action: "offer.rule", Subject: id[string]('s', 1), Facts: &radio.AuditFacts{Values: []radio.AuditValue{{Field: "offer_default", Was: "accept", Now: "hold"}}}},
			[]string{"Khi không trả lời: tự động nhận → giữ lại cho đến khi nhận"}, []string{"accept by itself → hold until accepted"}},
		{"old, published", radio.AuditEntry{Action: "schedule.publish", Subject: id[string]('s', 1), Detail: "sang version 1, 1 conflicts accepted"}, []string{"sang · bản 1 · chấp nhận 1 xung đột"}, []string{"sang · version 1 · 1 conflicts accepted"}},
		{"old, withdrawn", radio.AuditEntry{Action: "bulletin.withdraw", Subject: id[string]('b', 1), Detail: "tin version 2: sai: số liệu"}, []string{"tin · bản 2 · sai: số liệu"}, []string{"tin · version 2 · sai: số liệu"}},
		{"old, of another form", radio.AuditEntry{Action: "person.grant", Subject: string(lan.ID), Detail: "lan: [editor] → [viewer]"}, []string{"lan: [editor] → [viewer]"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.entry.Seq, c.entry.At = 1, radio.At(now)
			h.staff.audit = []radio.AuditEntry{c.entry}
			vi := h.ask(t, http.MethodGet, "/audit", "")
			want(t, vi, http.StatusOK, c.vi...)
			want(t, h.ask(t, http.MethodGet, "/audit", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) }), http.StatusOK, c.en...)
			for _, text := range []string{" version ", "accepted", ">" + c.entry.Subject + "<", ">" + c.entry.Actor + "<"} {
				if text != "><" && strings.Contains(vi.Body.String(), text) {
					t.Errorf("the Vietnamese page says %q", text)
				}
			}
		})
	}
}
