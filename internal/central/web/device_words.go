package web

import (
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// What the screen says of troubles.

// trouble names a kind of fault; the code tells more where a kind has several.
func (sp speech) trouble(k radio.FaultKind, code string) string {
	switch k {
	case radio.FaultReported:
		return sp.say("thiết bị báo lỗi: %s", sp.say(faultText(code)))
	case radio.FaultRefused:
		return sp.say("máy chủ không tạo được: %s", sp.say(documentText(code)))
	case radio.FaultCentre:
		if code == radio.CentreStopped {
			return sp.say("máy chủ đã ngừng")
		}
		return sp.say("máy chủ mất kết nối MQTT")
	}
	return sp.say(kindText(k))
}

func kindText(k radio.FaultKind) string {
	return word(map[radio.FaultKind]string{
		radio.FaultOffline: "mất kết nối", radio.FaultNotReady: "chưa sẵn sàng cho lượt phát tới", radio.FaultSilent: "hai lượt phát liền nhau không có xác nhận",
		radio.FaultClock: "đồng hồ không tin cậy", radio.FaultOutput: "đầu ra âm thanh bị lỗi", radio.FaultDisk: "sắp hết bộ nhớ", radio.FaultEmergency: "thiếu âm thanh khẩn cấp",
		radio.FaultReported: "thiết bị báo lỗi", radio.FaultCloned: "nghi nhân bản danh tính", radio.FaultRefused: "máy chủ không tạo được tài liệu",
		radio.FaultCertificate: "chứng thư sắp hết hạn", radio.FaultCentre: "máy chủ",
	}, k)
}

func documentText(name string) string {
	return word(map[string]string{"programme": "lịch phát", "policy": "khung giờ được phép", "settings": "cài đặt"}, name)
}

func journalText(kind string) string {
	return word(map[string]string{
		"fork": "cùng một bản ghi có hai nội dung", "break": "bản ghi không nối tiếp bản ghi trước", "gap": "thiết bị đã mất một đoạn nhật ký", "poison": "bản ghi không đọc được, để riêng",
	}, kind)
}

// cause tells what is known of why, without the name of the trouble.
func (sp speech) cause(f radio.Fault, zone *time.Location) string {
	c := f.Cause
	at := formatAt(c.At, zone, "15:04 02/01/2006")
	switch f.Kind {
	case radio.FaultOffline:
		return sp.say("liên lạc cuối lúc %s", at)
	case radio.FaultNotReady:
		why := word(map[string]string{radio.CauseRevision: "thiết bị chưa nhận lịch mới", radio.CauseAudio: "thiếu âm thanh", radio.CauseNoWord: "không liên lạc được"}, c.Why)
		return sp.say("lượt phát lúc %s “%s”: %s", at, c.Title, sp.say(why))
	case radio.FaultSilent:
		return sp.say("từ lượt phát lúc %s “%s”", at, c.Title)
	case radio.FaultClock:
		return sp.clock(radio.ClockStamp{State: "untrusted", Source: c.Why})
	case radio.FaultEmergency:
		var roles []radio.EmergencyRole
		for role := range strings.FieldsSeq(c.Why) {
			roles = append(roles, radio.EmergencyRole(role))
		}
		return sp.sounds(roles)
	case radio.FaultDisk:
		if c.Wanted > 0 {
			return sp.say("còn trống %s trong %s", megabytes(c.Has), megabytes(c.Wanted))
		}
	case radio.FaultCloned:
		switch c.Why {
		case "machine":
			return sp.say("hai bộ điều khiển thay nhau dùng một danh tính, đã đổi qua lại %d lần", c.Count)
		case "journal":
			return sp.say("nhật ký của thiết bị có hai nhánh")
		}
		return sp.say("số lần kết nối lùi lại %d lần trong một giờ", c.Count)
	case radio.FaultCertificate:
		return sp.say("hết hạn lúc %s", at)
	}
	return c.Text
}

// sounds names sounds of the emergency set.
func (sp speech) sounds(roles []radio.EmergencyRole) string {
	words := make([]string, len(roles))
	for i, role := range roles {
		words[i] = sp.say(soundText(role))
	}
	return strings.Join(words, ", ")
}

// size writes a number of bytes of one audio file.
func size(n int64) string {
	if n < 1e6 {
		return strconv.FormatInt((n+999)/1000, 10) + " kB"
	}
	return megabytes(n)
}

func megabytes(n int64) string { return strconv.FormatInt(n/1e6, 10) + " MB" }

// waiting is work for a person, in words.
func (sp speech) waiting(l waitingLine) string {
	switch l.What {
	case "pending":
		return sp.say("%d bản tin chờ bạn duyệt", l.Count)
	case "again":
		return sp.say("%d bản tin cần duyệt lại", l.Count)
	case "schedules":
		return sp.say("%d lịch phát chờ bạn duyệt và phát hành", l.Count)
	case "areas":
		return sp.say("%d quyết định về địa bàn chưa thực hiện được", l.Count)
	case "rules":
		return sp.say("%d quy chế hoạt động chờ bạn duyệt", l.Count)
	case "submissions":
		return sp.say("%d bài địa phương gửi lên chờ bạn nghe", l.Count)
	}
	return sp.say("%d bản tin nháp của bạn", l.Count)
}

// Link leads to the work.
func (l waitingLine) Link() string {
	switch l.What {
	case "schedules":
		return "/schedules"
	case "rules":
		return "/rules"
	case "again":
		return "/bulletins?again=1"
	case "submissions":
		return "/submissions"
	case "areas":
		return "/areas#changes"
	}
	return "/bulletins"
}
