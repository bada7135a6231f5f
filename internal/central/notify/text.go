package notify

import (
	"fmt"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// What is said, in Vietnamese and in English. Screens have their own words.

// texts are the words of one language.
type texts struct {
	one, many  string // who has the trouble
	place      string
	opened     string // who, place, trouble
	closed     string
	still      string
	lost, back string // of outages: who, place, from (to)
	stillLost  string
	trouble    func(radio.FaultNews, func(radio.Millis) string) string
	centre     func(radio.FaultNews, func(radio.Millis) string) string
	others     string // count
	several    string // count
	view       string
	zone       string // name of the time zone
	sign       string
}

var vietnamese = texts{
	one: "cụm loa “%s” (%s)", many: "%d cụm loa", place: " tại %s",
	opened: "%s%s: %s", closed: "Đã hết: %s%s: %s", still: "Vẫn còn: %s%s: %s, từ %s",
	lost: "%s mất kết nối%s từ %s", back: "Đã kết nối lại: %s%s (mất kết nối từ %s đến %s)", stillLost: "Vẫn mất kết nối: %s%s, từ %s",
	others: "… và %d cụm loa khác", several: "%d thông báo về cụm loa", view: "Xem: ", zone: "Giờ ghi theo múi giờ %s.",
	sign: "Loa Xã gửi tự động. Người nhận do quản trị hệ thống đặt.",
	trouble: func(n radio.FaultNews, at func(radio.Millis) string) string {
		c := n.Cause
		switch n.Kind {
		case radio.FaultNotReady:
			why := map[string]string{radio.CauseRevision: "thiết bị chưa nhận lịch mới", radio.CauseAudio: "thiếu âm thanh", radio.CauseNoWord: "không liên lạc được"}[c.Why]
			return fmt.Sprintf("chưa sẵn sàng phát lúc %s “%s” (%s)", at(c.At), c.Title, why)
		case radio.FaultSilent:
			return fmt.Sprintf("không có xác nhận của hai lượt phát liền nhau, từ %s", at(c.At))
		case radio.FaultClock:
			return "đồng hồ không tin cậy"
		case radio.FaultOutput:
			return "lỗi đầu ra âm thanh" + inBrackets(c.Text)
		case radio.FaultEmergency:
			return "thiếu âm thanh khẩn cấp"
		case radio.FaultDisk:
			return "sắp hết bộ nhớ" + inBrackets(c.Text)
		case radio.FaultCloned:
			return "nghi nhân bản danh tính (hai thiết bị dùng chung một danh tính)"
		case radio.FaultRefused:
			return "máy chủ không tạo được " + map[string]string{"programme": "lịch phát", "policy": "khung giờ", "settings": "cài đặt"}[n.Code] + inBrackets(c.Text)
		case radio.FaultCertificate:
			return "chứng thư hết hạn lúc " + at(c.At)
		}
		return "thiết bị báo lỗi " + n.Code + inBrackets(c.Text)
	},
	centre: func(n radio.FaultNews, at func(radio.Millis) string) string {
		what := map[string]string{radio.CentreStopped: "Máy chủ đã ngừng", radio.CentreBroker: "Máy chủ mất kết nối với máy chủ MQTT"}[n.Code]
		if n.To != 0 {
			return fmt.Sprintf("%s từ %s đến %s; nay hoạt động lại", what, at(n.From), at(n.To))
		}
		return fmt.Sprintf("%s từ %s; chưa biết tình trạng các cụm loa", what, at(n.From))
	},
}

var english = texts{
	one: "loudspeaker cluster “%s” (%s)", many: "%d loudspeaker clusters", place: " in %s",
	opened: "%s%s: %s", closed: "Over: %s%s: %s", still: "Still: %s%s: %s, since %s",
	lost: "%s offline%s since %s", back: "Back online: %s%s (offline from %s to %s)", stillLost: "Still offline: %s%s, since %s",
	others: "… and %d more", several: "%d notices about loudspeaker clusters", view: "See: ", zone: "Times are those of %s.",
	sign: "Sent by Loa Xã. The administrator decides who receives this.",
	trouble: func(n radio.FaultNews, at func(radio.Millis) string) string {
		c := n.Cause
		switch n.Kind {
		case radio.FaultNotReady:
			why := map[string]string{radio.CauseRevision: "it does not have the new programme", radio.CauseAudio: "audio is missing", radio.CauseNoWord: "no word from it"}[c.Why]
			return fmt.Sprintf("not ready to play “%s” at %s (%s)", c.Title, at(c.At), why)
		case radio.FaultSilent:
			return fmt.Sprintf("no word about two airings on end, from %s", at(c.At))
		case radio.FaultClock:
			return "its clock is not trusted"
		case radio.FaultOutput:
			return "its sound output failed" + inBrackets(c.Text)
		case radio.FaultEmergency:
			return "sounds of its emergency set are missing"
		case radio.FaultDisk:
			return "its disk is almost full" + inBrackets(c.Text)
		case radio.FaultCloned:
			return "two controllers use one identity"
		case radio.FaultRefused:
			return "the centre cannot make its " + n.Code + inBrackets(c.Text)
		case radio.FaultCertificate:
			return "its certificate ends at " + at(c.At)
		}
		return "reports fault " + n.Code + inBrackets(c.Text)
	},
	centre: func(n radio.FaultNews, at func(radio.Millis) string) string {
		what := map[string]string{radio.CentreStopped: "The centre was stopped", radio.CentreBroker: "The centre had no connection to the MQTT broker"}[n.Code]
		if n.To != 0 {
			return fmt.Sprintf("%s from %s to %s; it works again", what, at(n.From), at(n.To))
		}
		return fmt.Sprintf("The centre has no connection to the MQTT broker since %s; nothing is known of the clusters", at(n.From))
	},
}

func inBrackets(s string) string {
	if s = clean(s); s == "" {
		return ""
	}
	return " (" + s + ")"
}

// instants writes local times.
func instants(zone timetable.Zone) func(radio.Millis) string {
	return func(m radio.Millis) string { return zone.In(m.Time()).Format("15:04 02/01/2006") }
}

// headline is one piece of news in one line.
func (t texts) headline(n radio.FaultNews, at func(radio.Millis) string) string {
	if n.Kind == radio.FaultCentre {
		return t.centre(n, at)
	}
	who := fmt.Sprintf(t.many, n.Count)
	if n.Count == 1 && len(n.Devices) == 1 {
		who = fmt.Sprintf(t.one, clean(n.Devices[0].Name), clean(n.Devices[0].Hamlet))
	}
	place := ""
	if n.AreaName != "" {
		place = fmt.Sprintf(t.place, clean(n.AreaName))
	}
	switch {
	case n.Kind == radio.FaultOffline && n.Event == radio.FaultOpened:
		return upper(fmt.Sprintf(t.lost, who, place, at(n.From)))
	case n.Kind == radio.FaultOffline && n.Event == radio.FaultClosed:
		return fmt.Sprintf(t.back, who, place, at(n.From), at(n.To))
	case n.Kind == radio.FaultOffline:
		return fmt.Sprintf(t.stillLost, who, place, at(n.From))
	case n.Event == radio.FaultClosed:
		return fmt.Sprintf(t.closed, who, place, t.trouble(n, at))
	case n.Event == radio.FaultStillOpen:
		return fmt.Sprintf(t.still, who, place, t.trouble(n, at), at(n.From))
	}
	return upper(fmt.Sprintf(t.opened, who, place, t.trouble(n, at)))
}

// upper begins a sentence.
func upper(s string) string {
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// body is a whole mail in one language.
func (t texts) body(news []radio.FaultNews, base string, zone timetable.Zone) string {
	at := instants(zone)
	var b strings.Builder
	for _, n := range news {
		b.WriteString(t.headline(n, at) + "\n")
		if n.Count > 1 {
			for _, d := range n.Devices {
				fmt.Fprintf(&b, "  - %s (%s), %s\n", clean(d.Name), clean(d.Hamlet), clean(d.Code))
			}
			if more := n.Count - len(n.Devices); more > 0 && n.Event != radio.FaultClosed {
				b.WriteString("  " + fmt.Sprintf(t.others, more) + "\n")
			}
		}
		if l := link(base, n); l != "" {
			b.WriteString("  " + t.view + l + "\n")
		}
		b.WriteString("\n")
	}
	return b.String() + fmt.Sprintf(t.zone, zone) + "\n" + t.sign + "\n"
}

// subject is short, and says all when there is one piece of news.
func (t texts) subject(news []radio.FaultNews, at func(radio.Millis) string) string {
	if len(news) == 1 {
		return "[Loa Xã] " + t.headline(news[0], at)
	}
	return "[Loa Xã] " + fmt.Sprintf(t.several, len(news))
}

// link leads to the page of the device, or to the list of faults.
func link(base string, n radio.FaultNews) string {
	switch {
	case base == "":
		return ""
	case n.Count == 1 && len(n.Devices) == 1:
		return base + "/devices/" + string(n.Devices[0].ID)
	case n.Event == radio.FaultClosed:
		return base + "/faults?state=closed"
	}
	return base + "/faults"
}
