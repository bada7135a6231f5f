package web

import (
	"cmp"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// What the screen says of schedules.

func scheduleStateText(s radio.ScheduleState) string {
	return word(map[radio.ScheduleState]string{
		radio.ScheduleNew: "Mới", radio.ScheduleOnAir: "Đang áp dụng", radio.ScheduleEnded: "Đã hết hạn", radio.ScheduleWithdrawn: "Thu hồi",
	}, s)
}

func draftStateText(s radio.DraftState) string {
	return word(map[radio.DraftState]string{
		radio.DraftOpen: "Bản nháp", radio.DraftSubmitted: "Chờ duyệt", radio.DraftReturned: "Trả lại",
	}, s)
}

func holdText(s radio.HoldState) string {
	return word(map[radio.HoldState]string{
		radio.HoldSynced: "đã đồng bộ", radio.HoldAudio: "đang tải âm thanh", radio.HoldWaiting: "chưa nhận lịch",
		radio.HoldCentre: "máy chủ chưa phát hành", radio.HoldNever: "chưa từng kết nối",
	}, s)
}

// deskActText says what was done, for the history of a schedule.
func deskActText(action string) string {
	return word(map[string]string{
		"schedule.draft": "lưu bản nháp", "schedule.upload": "tải tệp lên", "schedule.submit": "trình duyệt", "schedule.return": "trả lại",
		"schedule.drop": "bỏ bản nháp", "schedule.publish": "duyệt và phát hành", "schedule.withdraw": "thu hồi",
	}, action)
}

// partText names a part of a schedule.
func partText(name string) string {
	return word(map[string]string{
		"code": "Mã", "title": "Tên lịch", "area": "Địa bàn quản lý", "campaign": "Đợt tuyên truyền", "priority": "Mức ưu tiên", "targets": "Nơi phát",
		"zone": "Múi giờ", "from": "Từ ngày", "until": "Đến hết ngày", "except": "Trừ các ngày", "grace": "Được phát trễ", "grace_seconds": "Được phát trễ",
		"withdrawn": "Thu hồi", "slots": "Các khung giờ", "cron": "Thời điểm", "order": "Thứ tự các mục", "item": "Mục", "times": "Giờ phát", "weekdays": "Thứ trong tuần",
		"month_days": "Ngày trong tháng", "day": "Ngày", "dates": "Các ngày", "now": "Phát ngay", "again": "Phát lại", "every_minutes": "Cách nhau (phút)", "variants": "Bản riêng", "bulletin": "Bản tin", "repeat": "Số lần", "gap_ms": "Nghỉ giữa", "note": "Ghi chú", "why": "Lý do", "items": "Các mục",
	}, name)
}

// changePlace names what of a schedule moved.
func (s *Server) changePlace(r *http.Request, c radio.FieldChange) string {
	name := s.say(r, partText(c.Field))
	switch {
	case c.Item != "":
		return s.say(r, "Khung %s, mục %s", c.Slot, c.Item)
	case c.Slot != "":
		return s.say(r, "Khung %s: %s", c.Slot, name)
	}
	return name
}

// changeRows tells a difference in people's words: names in place of codes, times in
// place of rules.
func (s *Server) changeRows(r *http.Request, l labels, changes []radio.FieldChange) []changeRow {
	out := make([]changeRow, 0, len(changes))
	for _, c := range changes {
		out = append(out, changeRow{Place: s.changePlace(r, c), Was: s.changeValue(r, l, c, c.Was), Is: s.changeValue(r, l, c, c.Is)})
	}
	return out
}

var itemValue = regexp.MustCompile(`^(\S+) ×(\d+), gap (\d+)ms((?:; \S+ = \S+)*)$`)

func (s *Server) changeValue(r *http.Request, l labels, c radio.FieldChange, v string) string {
	sp := s.pages.speech[languageOf(r)]
	switch {
	case v == "":
	case c.Item != "":
		m := itemValue.FindStringSubmatch(v)
		if m == nil {
			return v
		}
		text := l.of("bulletin", m[1])
		if m[2] != "1" {
			text += " ×" + m[2]
		}
		if ms, err := strconv.Atoi(m[3]); err == nil && ms > 0 {
			text += sp.say(", nghỉ %s", sp.length(float64(ms)/1000))
		}
		for part := range strings.SplitSeq(strings.TrimPrefix(m[4], "; "), "; ") {
			if place, bulletin, ok := strings.Cut(part, " = "); ok {
				text += "; " + l.place(place) + ": " + l.of("bulletin", bulletin)
			}
		}
		return text
	case c.Field == "cron":
		return cmp.Or(sp.cron(v), v)
	case c.Field == "now":
		return sp.say("phát ngay khi được phát hành")
	case c.Field == "again":
		again, every, _ := strings.Cut(v, " × ")
		return sp.say("thêm %s lần, cách nhau %s phút", again, every)
	case c.Field == "dates":
		parts := strings.Split(v, ", ")
		for i, p := range parts {
			parts[i] = formatDay(radio.Date(p))
		}
		return strings.Join(parts, ", ")
	case c.Field == "priority":
		return sp.say(priorityText(radio.Priority(v)))
	case c.Field == "area":
		return l.of("area", v)
	case c.Field == "campaign":
		return l.of("campaign", v)
	case c.Field == "from" || c.Field == "until":
		return formatDay(radio.Date(v))
	case c.Field == "targets":
		parts := strings.Split(v, ", ")
		for i, p := range parts {
			parts[i] = cmp.Or(l.names[p], p)
		}
		return strings.Join(parts, ", ")
	}
	return v
}

var formPlace = regexp.MustCompile(`^(?:slots\[(\d+)\](?:\.items\[(\d+)\](?:\.variants\[\d+\])?)?\.?)?(?:targets\[\d+\]|except\[\d+\]|([a-z_]*))$`)

// problemPlace names the place of a problem: a field of the form, or a line of a file.
func (s *Server) problemPlace(r *http.Request, field string) string {
	m := formPlace.FindStringSubmatch(field)
	if m == nil {
		return field
	}
	name := m[3]
	switch {
	case strings.HasPrefix(field, "targets"):
		name = "targets"
	case strings.HasPrefix(field, "except"):
		name = "except"
	case strings.Contains(field, ".variants["):
		name = "variants"
	}
	name = s.say(r, partText(name))
	if m[1] == "" {
		return name
	}
	slot, err := strconv.Atoi(m[1])
	if err != nil {
		return field
	}
	place := s.say(r, "Khung %d", slot+1)
	if item, err := strconv.Atoi(m[2]); err == nil {
		place = s.say(r, "Khung %d, mục %d", slot+1, item+1)
	}
	return strings.TrimSuffix(place+": "+name, ": ")
}

type problemRow struct{ Place, Reason string }

// problemRows are the problems of a form or a file in the reader's language.
func (s *Server) problemRows(r *http.Request, problems []radio.Problem) []problemRow {
	out := make([]problemRow, 0, len(problems))
	for _, p := range problems {
		row := problemRow{Place: s.problemPlace(r, p.Field), Reason: p.VI}
		if languageOf(r) == english {
			row.Reason = p.EN
		}
		out = append(out, row)
	}
	return out
}

// when says in words when a slot comes; a rule that no form shows is told field by field.
func (sp speech) when(f radio.FormSlot) string {
	if f.Now {
		return sp.say("phát ngay khi được phát hành")
	}
	if len(f.Times) == 0 {
		p := strings.Fields(f.Cron)
		if len(p) != 5 {
			return f.Cron
		}
		every := func(s string) string {
			if s == "*" {
				return sp.say("mọi")
			}
			return s
		}
		return sp.say("phút %s, giờ %s, ngày %s, tháng %s, thứ %s (Chủ nhật là 0)", every(p[0]), every(p[1]), every(p[2]), every(p[3]), every(p[4]))
	}
	days := sp.say("hằng ngày")
	switch {
	case f.Day != "":
		days = formatDay(f.Day)
	case len(f.Dates) > 0:
		parts := make([]string, len(f.Dates))
		for i, d := range f.Dates {
			parts[i] = formatDay(d)
		}
		days = strings.Join(parts, ", ")
	case len(f.MonthDays) > 0:
		days = sp.monthly(joinInts(f.MonthDays))
	case len(f.Weekdays) > 0:
		days = sp.weekdayList(f.Weekdays)
	}
	times := strings.Join(f.Times, ", ")
	if f.Again > 0 {
		times += sp.say(" (thêm %d lần, cách nhau %d phút)", f.Again, f.EveryMinutes)
	}
	return times + " · " + days
}

var notEveryMonth = regexp.MustCompile(`29|3[01]`)

// monthly says days of a month, and that some months lack them.
func (sp speech) monthly(days string) string {
	text := sp.say("ngày %s hằng tháng", days)
	if notEveryMonth.MatchString(days) {
		text += sp.say(" (tháng không có ngày đó thì không phát)")
	}
	return text
}

// weekdayList says Monday to Saturday, or the days one by one. 1 is Monday.
func (sp speech) weekdayList(days []int) string {
	names := []string{"thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật"}
	if n := len(days); n > 2 && days[n-1]-days[0] == n-1 && days[0] >= 1 && days[n-1] <= 7 {
		return sp.say("%s đến %s", sp.say(names[days[0]-1]), sp.say(names[days[n-1]-1]))
	}
	var out []string
	for _, d := range days {
		if d >= 1 && d <= 7 {
			out = append(out, sp.say(names[d-1]))
		}
	}
	return strings.Join(out, ", ")
}

func joinInts(ns []int) string {
	parts := make([]string, len(ns))
	for i, n := range ns {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ", ")
}

// seconds of milliseconds as a form shows them.
func gapText(ms int) string {
	if ms == 0 {
		return ""
	}
	return cmp.Or(strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64), "0")
}

// weekdayChoice is one box of the form.
type weekdayChoice struct {
	N    int
	Name string
}

// weekdayChoices are T2 to CN, as people write them.
func (sp speech) weekdayChoices() []weekdayChoice {
	var out []weekdayChoice
	for i, name := range []string{"T2", "T3", "T4", "T5", "T6", "T7", "CN"} {
		out = append(out, weekdayChoice{i + 1, sp.say(name)})
	}
	return out
}
