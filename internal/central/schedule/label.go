package schedule

import (
	"slices"
	"time"

	"loaxa/internal/radio"
)

// sourceForm is where values come from: people know them by other names there.
type sourceForm int

const (
	yamlFile  sourceForm = iota // by their keys
	tableFile                   // by the headings of their columns
	pageForm                    // by the labels of the page
)

// labels are the names of values on the page, by their keys in files.
var labels = map[string]column{
	"code": {"", "Mã", "Code"}, "title": {"", "Tên lịch", "Title"}, "area": {"", "Địa bàn", "Area"}, "device": {"", "Cụm loa", "Device"},
	"campaign": {"", "Đợt tuyên truyền", "Campaign"}, "priority": {"", "Mức ưu tiên", "Priority"}, "targets": {"", "Nơi phát", "Where"},
	"from": {"", "Từ ngày", "First day"}, "until": {"", "Đến hết ngày", "Last day"}, "except": {"", "Trừ các ngày", "Exception dates"},
	"grace": {"", "Được phát trễ", "May begin late"}, "slots": {"", "Các khung giờ", "Slots"}, "slot": {"", "Khung giờ", "Slot"}, "cron": {"", "Quy tắc cron", "Cron rule"},
	"times": {"", "Giờ phát", "Times"}, "weekdays": {"", "Thứ trong tuần", "Days of the week"}, "month_days": {"", "Ngày trong tháng", "Days of the month"},
	"dates": {"", "Các ngày", "Dates"}, "again": {"", "Phát lại (lần)", "Again"}, "every_minutes": {"", "Cách nhau (phút)", "Minutes between"}, "variants": {"", "Bản riêng", "Variants"},
	"items": {"", "Các mục", "Items"}, "bulletin": {"", "Bản tin", "Bulletin"}, "repeat": {"", "Số lần", "Times played"}, "gap": {"", "Nghỉ giữa", "Pause between"},
}

// name finds what people call a value where it comes from.
func (r *reader) name(key string) (vi, en string) {
	l, known := labels[key]
	if !known {
		l = column{"", key, key}
	}
	switch r.form {
	case yamlFile:
		if known {
			return l.vi + " (" + key + ")", key
		}
		return key, key
	case tableFile:
		heading := key
		if key == "weekdays" || key == "month_days" || key == "dates" {
			heading = "days"
		}
		if i := slices.IndexFunc(columns, func(c column) bool { return c.key == heading }); i >= 0 {
			return columns[i].vi, columns[i].en
		}
	}
	return l.vi, l.en
}

func (r *reader) vi(key string) string { vi, _ := r.name(key); return vi }
func (r *reader) en(key string) string { _, en := r.name(key); return en }

// day writes a date as people do.
func day(d radio.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}
