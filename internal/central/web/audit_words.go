package web

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// facts tells what an audit entry keeps of a change. area names an area; entries that hold
// none of them need none.
func (sp speech) facts(e radio.AuditEntry, zone *time.Location, area func(radio.AreaID) string) string {
	if e.Facts == nil {
		return sp.oldDetail(e.Detail)
	}
	f := *e.Facts
	var out []string
	add := func(when bool, key string, args ...any) {
		if when {
			out = append(out, sp.say(key, args...))
		}
	}
	add(f.Drill, "DIỄN TẬP")
	add(f.Version > 0, "bản %d", f.Version)
	add(f.File != "", "tệp %s", f.File)
	for _, c := range []struct{ name, key string }{
		{"created", "%d mới"}, {"changed", "%d thay đổi"}, {"approved", "%d được duyệt"}, {"withdrawn", "%d thu hồi"},
		{"left alone", "%d giữ nguyên, không có trong tệp"}, {"unchanged", "%d không đổi"},
		{"rows", "%d lượt phát"}, {"swept", "%d tệp đã dọn"}, {"swept_bytes", "%d byte"},
	} {
		add(f.Counts[c.name] > 0, c.key, f.Counts[c.name])
	}
	add(f.Conflicts > 0, "chấp nhận %d xung đột", f.Conflicts)
	if len(f.Fields) > 0 {
		words := make([]string, len(f.Fields))
		for i, name := range f.Fields {
			words[i] = sp.say(fieldText(name))
		}
		out = append(out, strings.Join(words, ", "))
	}
	for _, v := range f.Values {
		out = append(out, sp.say(auditFieldText(v.Field))+": "+cmp.Or(sp.factValue(v.Field, v.Was), "–")+" → "+cmp.Or(sp.factValue(v.Field, v.Now), "–"))
	}
	if len(f.Was)+len(f.Now) > 0 && area != nil {
		roles := func(grants []radio.Grant) string { return strings.Join(sp.grants(grants, area), ", ") }
		if len(f.Was) > 0 || e.Action == "person.grant" {
			out = append(out, cmp.Or(roles(f.Was), sp.say("chưa có vai trò"))+" → "+cmp.Or(roles(f.Now), sp.say("chưa có vai trò")))
		} else {
			out = append(out, roles(f.Now))
		}
	}
	add(f.Left > 0, "và %d giá trị khác", f.Left)
	add(f.Token != "", "mã “%s”", f.Token)
	add(f.Key != "", "khóa %s", clip(f.Key, 10))
	add(f.Counts["devices"] > 0, "%d cụm loa", f.Counts["devices"])
	add(f.Counts["earshot_m"] > 0, "tầm nghe %d m", f.Counts["earshot_m"])
	add(f.Counts["width_ms"] > 0, "mỗi nấc %d ms", f.Counts["width_ms"])
	add(f.Serial != "", "chứng thư số %s", f.Serial)
	add(f.MadeAt != 0, "bản sao lưu lúc %s", formatAt(f.MadeAt, zone, "15:04 02/01/2006"))
	add(f.Program != "", "chương trình %s", f.Program)
	if f.Why != "" {
		out = append(out, f.Why)
	}
	return strings.Join(out, " · ")
}

// factValue writes what an entry keeps in a code's words as people call it.
func (sp speech) factValue(field, value string) string {
	code, rest, _ := strings.Cut(value, " ")
	switch {
	case value == "":
	case field == "decision":
		return strings.TrimSpace(sp.say(decisionWord(radio.DecisionKind(code))) + " " + rest)
	case field == "offer_default" && value == string(radio.OfferHold):
		return sp.say("giữ lại cho đến khi nhận")
	case field == "offer_default" && value == string(radio.OfferAccept):
		return sp.say("tự động nhận")
	}
	return value
}

// auditFieldText names a setting whose values an entry keeps.
func auditFieldText(name string) string {
	if own := word(map[string]string{
		"contact_name": "Người liên hệ", "contact_phone": "Điện thoại liên hệ", "brokers": "Địa chỉ máy chủ MQTT", "media": "Địa chỉ máy chủ âm thanh",
		"key": "Khóa", "windows": "Khung giờ", "mourning": "Ngày quốc tang", "volume": "Âm lượng theo giờ", "exceptions": "Ngày đặc biệt",
		"max_sessions": "Số phiên tối đa mỗi ngày", "max_minutes": "Số phút tối đa mỗi ngày", "zone": "Múi giờ", "label": "Văn bản quy định",
		"decision": "Quyết định", "became": "Thành bản tin", "goes_first_over": "Phát trước lịch", "offer_default": "Khi không trả lời", "deadline_hours": "Hạn trả lời (giờ)",
		"number": "Số văn bản", "valid_from": "Có hiệu lực từ", "closed_at": "Kết thúc lúc", "counts_at": "Dùng được từ",
	}, name); own != name {
		return own
	}
	return fieldText(name)
}

// viaText names the way by which a change came in.
func viaText(v radio.Via) string {
	return word(map[radio.Via]string{radio.ViaWeb: "trang điều khiển", radio.ViaAPI: "API", radio.ViaCommand: "lệnh trên máy chủ", radio.ViaDevice: "kết nối của cụm loa",
		radio.ViaCentre: "máy chủ tự làm"}, v)
}

// source is from where a change was made: "API, 203.0.113.7, mã 01J…".
func (sp speech) source(from radio.Source) string {
	if from.Via == "" {
		return ""
	}
	out := sp.say(viaText(from.Via))
	if from.Address != "" {
		out += ", " + from.Address
	}
	if from.Token != "" {
		out += ", " + sp.say("mã “%s”", from.Token)
	}
	return out
}

// oldForm is how entries were written before they kept facts: "tin version 2: why".
var oldForm = regexp.MustCompile(`^(\S+?),? version (\d+)(?:, (\d+) conflicts accepted)?(?:: (.*))?$`)

func (sp speech) oldDetail(text string) string {
	m := oldForm.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	out := []string{m[1], sp.say("bản %s", m[2])}
	if m[3] != "" {
		out = append(out, sp.say("chấp nhận %s xung đột", m[3]))
	}
	if m[4] != "" {
		out = append(out, m[4])
	}
	return strings.Join(out, " · ")
}

// grants: "Biên tập viên · Xã Thạch Hà".
func (sp speech) grants(grants []radio.Grant, area func(radio.AreaID) string) []string {
	out := make([]string, len(grants))
	for i, g := range grants {
		out[i] = sp.say(roleText(g.Role)) + " · " + area(g.Area)
	}
	return out
}

// areaNames names areas for the reader; one that is gone by its id.
func (s *Server) areaNames(r *http.Request, tree radio.AreaTree) func(radio.AreaID) string {
	return func(id radio.AreaID) string {
		if id == radio.Everywhere {
			return s.say(r, "toàn tỉnh")
		}
		if a, ok := tree.Area(id); ok {
			return a.Name
		}
		return string(id)
	}
}

// actorName is who did it: a person, a device, or a command on the centre's own machine.
func (s *Server) actorName(r *http.Request, e radio.AuditEntry) string {
	command, ran := strings.CutPrefix(e.Actor, "command:")
	switch {
	case e.ActorName != "":
		return e.ActorName
	case e.Actor == e.Subject && e.Facts != nil:
		return cmp.Or(e.Facts.Title, e.Facts.Code, e.Actor)
	case ran:
		return s.say(r, "lệnh trên máy chủ (%s)", command)
	}
	return e.Actor
}

// subjectName is what it was done to: by its name now, or by that of the time.
func subjectName(e radio.AuditEntry) string {
	if e.SubjectName != "" || e.Facts == nil {
		return e.SubjectName
	}
	return cmp.Or(e.Facts.Title, e.Facts.Code)
}

// auditRows tells entries in the reader's words.
func (s *Server) auditRows(r *http.Request, entries []radio.AuditEntry) ([]auditRow, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	sp, area := s.pages.speech[languageOf(r)], s.areaNames(r, tree)
	out := make([]auditRow, len(entries))
	for i, e := range entries {
		out[i] = auditRow{AuditEntry: e, Action: sp.say(actionText(e.Action)), Who: s.actorName(r, e), What: subjectName(e), More: sp.facts(e, s.zone, area), Whence: sp.source(e.From)}
	}
	return out, nil
}

// nameIn finds the name of a person or thing in the entries that are shown.
func nameIn(entries []radio.AuditEntry, id string) string {
	i := slices.IndexFunc(entries, func(e radio.AuditEntry) bool {
		return e.Actor == id && e.ActorName != "" || e.Subject == id && subjectName(e) != ""
	})
	switch {
	case i < 0:
		return clip(id, 64)
	case entries[i].Actor == id && entries[i].ActorName != "":
		return entries[i].ActorName
	}
	return subjectName(entries[i])
}
