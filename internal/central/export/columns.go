package export

import (
	"time"

	"loaxa/internal/radio"
)

// kind is how a cell is shown.
type kind int

const (
	text   kind = iota
	date        // a local day
	clock       // a local time of day
	moment      // an instant, shown with the local clock
	whole
	fraction
)

// cell is a value of a kind; the zero cell of a kind is empty.
type cell struct {
	kind kind
	text string    // text, and clock as HH:MM
	at   time.Time // date, moment: the digits are local
	num  float64
	set  bool
}

type column struct {
	vi, en string
	kind   kind
	width  float64 // of a sheet's column, in characters
	of     func(r Request, a radio.AsRun) cell
}

// name is the column's heading. That of a time of day names its zone: the file goes from
// hand to hand, and its times carry none.
func (c column) name(r Request) string {
	name := c.vi
	if r.Words.English() {
		name = c.en
	}
	if c.kind == moment || c.kind == clock {
		name += " (" + r.Zone.String() + ")"
	}
	return name
}

func words(s string) cell { return cell{kind: text, text: s, set: s != ""} }

func number(n float64) cell { return cell{kind: fraction, num: n, set: true} }

func integer(n int64) cell { return cell{kind: whole, num: float64(n), set: n != 0} }

func instant(m radio.Millis, z *time.Location) cell {
	return cell{kind: moment, at: m.Time().In(z), set: m != 0}
}

func day(d radio.Date) cell {
	t, err := time.Parse(time.DateOnly, string(d))
	return cell{kind: date, at: t, set: err == nil}
}

func yes(r Request, b bool) cell {
	switch {
	case !b:
		return cell{}
	case r.Words.English():
		return words("yes")
	}
	return words("có")
}

func seconds(samples int64) cell { return number(float64(samples) / radio.SampleRate) }

// columns of a row of the log, in the order people read: when, where, what, outcome, proof.
var columns = []column{
	{"Ngày", "Day", date, 11, func(_ Request, a radio.AsRun) cell { return day(a.Day) }},
	{"Khung giờ", "Slot", clock, 9, func(_ Request, a radio.AsRun) cell {
		return cell{kind: clock, text: a.SlotTime.String(), num: float64(a.SlotTime) / (24 * 60), set: true}
	}},
	{"Giờ phát dự kiến", "Planned start", moment, 19, func(r Request, a radio.AsRun) cell { return instant(a.Start, r.Zone) }},
	{"Xã/phường", "Commune", text, 22, func(_ Request, a radio.AsRun) cell { return words(a.CommuneName) }},
	{"Thôn/TDP", "Hamlet", text, 18, func(_ Request, a radio.AsRun) cell { return words(a.HamletName) }},
	{"Mã cụm loa", "Cluster code", text, 14, func(_ Request, a radio.AsRun) cell { return words(a.DeviceCode) }},
	{"Cụm loa", "Cluster", text, 24, func(_ Request, a radio.AsRun) cell { return words(a.DeviceName) }},
	{"Nội dung", "Title", text, 40, func(_ Request, a radio.AsRun) cell { return words(a.Title) }},
	{"Tác giả", "Author", text, 20, func(_ Request, a radio.AsRun) cell { return words(a.Author) }},
	{"Đơn vị sản xuất", "Unit", text, 24, func(_ Request, a radio.AsRun) cell { return words(a.Unit) }},
	{"Lịch phát", "Schedule", text, 28, func(_ Request, a radio.AsRun) cell { return words(a.ScheduleTitle) }},
	{"Mức ưu tiên", "Priority", text, 12, func(r Request, a radio.AsRun) cell { return words(r.Words.Priority(a.Priority)) }},
	{"Nguồn phát", "Origin", text, 16, func(r Request, a radio.AsRun) cell { return words(r.Words.Origin(a.Origin)) }},
	{"Trong kế hoạch", "Planned", text, 10, func(r Request, a radio.AsRun) cell { return yes(r, a.Planned()) }},
	{"Kết quả", "Outcome", text, 16, func(r Request, a radio.AsRun) cell { return words(r.Words.Outcome(a.Outcome)) }},
	{"Lý do", "Reason", text, 24, func(r Request, a radio.AsRun) cell { return words(r.Words.Reason(a.Reason)) }},
	{"Giờ bắt đầu thực tế", "Started", moment, 19, func(r Request, a radio.AsRun) cell { return instant(a.StartedAt, r.Zone) }},
	{"Lệch giờ (giây)", "Start error (s)", fraction, 10, func(_ Request, a radio.AsRun) cell {
		if a.StartedAt == 0 {
			return cell{kind: fraction}
		}
		return number(float64(a.StartedAt-a.Start) / 1000)
	}},
	{"Thời lượng kế hoạch (giây)", "Planned length (s)", fraction, 12, func(_ Request, a radio.AsRun) cell { return seconds(a.Samples) }},
	{"Đã phát (giây)", "Aired (s)", fraction, 12, func(_ Request, a radio.AsRun) cell { return seconds(a.Consumed) }},
	{"Ít nhất", "At least", text, 8, func(r Request, a radio.AsRun) cell { return yes(r, a.AtLeast) }},
	{"Bằng chứng", "Proof", text, 28, func(r Request, a radio.AsRun) cell {
		if a.Proof == "" {
			return cell{}
		}
		return words(r.Words.Proof(a.Proof))
	}},
	{"Phát dù đã hủy", "Aired though cancelled", text, 10, func(r Request, a radio.AsRun) cell { return yes(r, a.Stale) }},
	{"Ghi nhận lúc", "Known at", moment, 19, func(r Request, a radio.AsRun) cell { return instant(a.KnownAt, r.Zone) }},
	{"Phiên bản bản tin", "Bulletin version", whole, 9, func(_ Request, a radio.AsRun) cell { return integer(int64(a.Version)) }},
	{"Bản lịch", "Programme revision", whole, 12, func(_ Request, a radio.AsRun) cell { return integer(a.Revision) }},
	{"SHA-256", "SHA-256", text, 20, func(_ Request, a radio.AsRun) cell { return words(string(a.SHA256)) }},
	{"Mã lượt phát", "Airing id", text, 28, func(_ Request, a radio.AsRun) cell { return words(string(a.Airing)) }},
	{"Mã thiết bị", "Device id", text, 28, func(_ Request, a radio.AsRun) cell { return words(string(a.Key.Device)) }},
	{"Phát thay cho", "In place of", text, 30, func(_ Request, a radio.AsRun) cell { return words(insteadOf(a)) }},
}

// insteadOf names the bulletin a row's own stands in for; "" when it was meant itself.
func insteadOf(a radio.AsRun) string {
	if a.InsteadTitle == "" {
		return string(a.Instead)
	}
	return a.InsteadTitle
}
