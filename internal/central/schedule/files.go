package schedule

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// Export writes one schedule as a file: what is on the air, or with pending the draft.
func (d *Desk) Export(ctx context.Context, by radio.Person, id radio.ScheduleID, pending bool, format string) (name string, data []byte, err error) {
	v, err := d.View(ctx, by, id)
	if err != nil {
		return "", nil, err
	}
	form := v.OnAir
	if pending || form == nil {
		form = v.Pending
	}
	if form == nil {
		return "", nil, fmt.Errorf("draft of schedule %.30s: %w", id, radio.ErrNotFound)
	}
	data, err = write([]radio.ScheduleForm{timedForm(*form, v.Schedule.Zone, d.now())}, format, nil)
	return form.Code + "." + format, data, err
}

// Template is an example of the table (or of YAML) to fill in, with what its columns
// mean where the format has room for it.
func (*Desk) Template(format string) (name string, data []byte, err error) { return template(format) }

func template(format string) (name string, data []byte, err error) {
	grace := radio.DefaultGraceSeconds
	items := func(bulletins ...string) []radio.FormItem {
		out := make([]radio.FormItem, len(bulletins))
		for i, b := range bulletins {
			out[i] = radio.FormItem{Code: fmt.Sprintf("muc-%d", i+1), Bulletin: b, Repeat: 1}
		}
		return out
	}
	notice := items("nhac-hieu", "thong-bao")
	notice[1].Repeat, notice[1].GapMS = 2, 3000
	forms := []radio.ScheduleForm{{
		Code: "vi-du", Title: "Chương trình buổi sáng (ví dụ)", Area: "ma-tinh", Priority: radio.Normal, GraceSeconds: &grace,
		Targets: []radio.FormTarget{{Area: "ma-xa"}, {Device: "ma-cum-loa"}}, From: "2027-01-01", Until: "2027-12-31", Except: []radio.Date{"2027-02-06"},
		Slots: []radio.FormSlot{
			{Code: "sang", Times: []string{"05:00", "17:00"}, Weekdays: []int{1, 2, 3, 4, 5, 6}, Items: items("nhac-hieu", "ban-tin-1", "nhac-ket")},
			{Code: "thong-bao", Times: []string{"05:30"}, Items: notice},
		},
	}}
	for i := range forms[0].Slots {
		s := &forms[0].Slots[i]
		s.Cron = exampleRule(*s)
	}
	data, err = write(forms, format, templateNotes())
	return "mau-lich-phat." + format, data, err
}

func exampleRule(s radio.FormSlot) string {
	w := when{weekdays: s.Weekdays}
	for _, t := range s.Times {
		if v, err := radio.ParseTimeOfDay(t); err == nil {
			w.times = append(w.times, v)
		}
	}
	if rules := w.rules(); len(rules) == 1 {
		return rules[0]
	}
	return ""
}

func templateNotes() []string {
	return []string{
		"Mỗi dòng là một mục của một khung. Thông tin của lịch và của khung ghi ở dòng đầu; các dòng sau để trống hoặc ghi giống vậy.",
		"One row is one item of one slot. What belongs to the schedule or the slot stands in its first row; below it stays empty or is repeated.",
		"Mã: chỉ dùng a–z, 0–9, dấu chấm, gạch nối. / Codes: a–z, 0–9, dot, hyphen.",
		"Địa bàn quản lý: mã tỉnh hoặc mã xã, phường; để trống là địa bàn của người tải lên. / Owner: code of the province or a commune.",
		"Nơi phát: mã xã, phường, thôn; cụm loa ghi cụm:mã; cách nhau bằng dấu phẩy. / Targets: area codes; devices as device:code.",
		"Mức ưu tiên: thông thường hoặc ưu tiên. Khẩn cấp không đặt bằng lịch. / Priority: normal or priority; never emergency.",
		"Từ ngày, Đến ngày, Trừ các ngày: ngày/tháng/năm. / Dates: day/month/year.",
		"Giờ phát: 05:00, 17:00. / Times of day.",
		"Phát lại (lần), Cách nhau (phút): mỗi giờ phát được phát lại thêm chừng ấy lần. / Again, every_minutes: each time comes so often more.",
		"Ngày phát: hằng ngày; T2-T7; T2, T4, CN; ngày 1, 15; hoặc các ngày 17/09/2027, 20/09/2027. / Days: daily; Mon-Sat; Mon, Wed, Sun; day 1, 15; or dates.",
		"Bản riêng: mã nơi = mã bản tin, cho nơi phát bản khác ở mục này (tiếng dân tộc chẳng hạn): thon-1 = tin-tieng-mong; cụm:loa-2 = tin-tieng-thai. / Variants: place = bulletin, for places that play another one here.",
		"Quy tắc cron: chỉ cho trường hợp đặc biệt, thay cho Giờ phát và Ngày phát. / Cron rule: for special cases, in place of times and days.",
		"Tải tệp lên chỉ tạo bản nháp; người khác duyệt rồi lịch mới có hiệu lực. / An upload makes drafts; another person publishes them.",
	}
}
