package web

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// What the screen says for the words of the vocabulary (domain §4). A word that a
// newer device uses is shown as it came: better raw than hidden.

func word[T ~string](words map[T]string, w T) string {
	if t, ok := words[w]; ok {
		return t
	}
	return string(w)
}

// outcomeText fails for what is no outcome: the log must never show a blank one.
func outcomeText(o radio.Outcome) (string, error) {
	t, ok := map[radio.Outcome]string{
		radio.PendingOutcome: "Chờ xác nhận", radio.Aired: "Đã phát", radio.Partial: "Phát thiếu", radio.Preempted: "Bị chèn",
		radio.Declined: "Địa phương không nhận", radio.Refused: "Bị từ chối", radio.Missed: "Không phát", radio.Failed: "Lỗi thiết bị",
		radio.Cancelled: "Đã hủy", radio.Silent: "Không phản hồi",
	}[o]
	if !ok {
		return "", errors.New("an outcome without words: " + string(o))
	}
	return t, nil
}

func reasonText(r radio.Reason) string {
	return word(map[radio.Reason]string{
		radio.ReasonLate: "trễ giờ", radio.ReasonClock: "đồng hồ không tin cậy", radio.ReasonNoAudio: "thiếu âm thanh",
		radio.ReasonNotSynced: "thiết bị chưa nhận lịch mới", radio.ReasonOverlap: "trùng giờ với nội dung khác",
		radio.ReasonOff: "mất điện hoặc thiết bị tắt", radio.ReasonSignature: "không có chữ ký duyệt hợp lệ",
		radio.ReasonPolicy: "quy định khung giờ không cho phép", radio.ReasonExpired: "hết hiệu lực", radio.ReasonNotYet: "chưa đến ngày hiệu lực",
		radio.ReasonUnsupported: "thiết bị chưa hỗ trợ loại nội dung này", radio.ReasonOutput: "lỗi đầu ra âm thanh",
		radio.ReasonDecoder: "lỗi giải mã âm thanh", radio.ReasonStopped: "bị dừng phát", radio.ReasonWithdrawn: "đã thu hồi",
		radio.ReasonPriority: "nhường nội dung ưu tiên hơn", radio.ReasonCancelled: "theo lệnh hủy", radio.ReasonLocalStop: "dừng tại cụm loa",
		radio.ReasonCommune: "địa phương đã trả lời không nhận", radio.ReasonHeld: "địa phương chưa nhận", radio.ReasonMoved: "địa phương đã đổi sang giờ khác",
	}, r)
}

func stateText(s radio.BulletinState) string {
	return word(map[radio.BulletinState]string{
		radio.Draft: "Bản nháp", radio.Pending: "Chờ duyệt", radio.Approved: "Đã duyệt", radio.Rejected: "Từ chối", radio.Withdrawn: "Thu hồi",
	}, s)
}

// priorityText gives the three legal words.
func priorityText(p radio.Priority) string {
	return word(map[radio.Priority]string{radio.Emergency: "Khẩn cấp", radio.Prior: "Ưu tiên", radio.Normal: "Thông thường"}, p)
}

func originText(o radio.Origin) string {
	return word(map[radio.Origin]string{
		radio.FromSchedule: "phát theo lịch", radio.FromCommand: "phát theo lệnh", radio.FromAlert: "phát khẩn cấp", radio.FromLocal: "phát tại chỗ",
	}, o)
}

func speakerText(from string) string {
	return word(map[string]string{radio.WordDevice: "Thiết bị", radio.WordCentre: "Máy chủ"}, from)
}

// proofText says what the device can vouch for, and never that anybody heard it.
func proofText(p string) string {
	return word(map[string]string{
		"consumed": "thiết bị âm thanh đã nhận hết", "written": "đã ghi ra đầu ra", "paced": "phát thử, không có thiết bị âm thanh",
	}, p)
}

func faultText(code string) string {
	return word(map[string]string{
		"output": "đầu ra âm thanh", "journal": "nhật ký thiết bị", "cache": "bộ nhớ âm thanh", "disk": "bộ nhớ đầy", "clock": "đồng hồ",
		"programme": "lịch phát", "link": "kết nối", "status": "trang trạng thái", "audio": "âm thanh", "fetch": "tải âm thanh", "amplifier": "công tắc tăng âm", "identity": "định danh thiết bị",
		"keys": "bộ khóa chưa ghi được", "security": "có thông điệp giả mạo hoặc không được phép", "keyring": "bộ khóa mới chưa tới máy", "approval": "có bản tin không có chữ ký duyệt hợp lệ",
		"certificate": "chứng thư hết hạn hoặc bị thu hồi", "renewal": "gia hạn chứng thư",
	}, code)
}

// fieldText names the field of a form or a filter that a problem is about.
func fieldText(name string) string {
	return word(map[string]string{
		"code": "Mã", "title": "Tiêu đề", "author": "Tác giả", "unit": "Đơn vị sản xuất", "field": "Loại lĩnh vực", "language": "Ngôn ngữ",
		"valid_until": "Phát đến hết ngày", "audio": "Tệp âm thanh", "why": "Lý do", "from": "Từ", "to": "Đến", "after": "Trang", "limit": "Số dòng",
		"commune": "Xã/phường", "device": "Cụm loa", "outcome": "Kết quả", "campaign": "Đợt tuyên truyền", "bulletin": "Bản tin",
		"state": "Tình trạng",
		"login": "Tên đăng nhập", "name": "Tên", "email": "E-mail", "phone": "Điện thoại", "password": "Mật khẩu", "key_password": "Mật khẩu của khóa ký", "old": "Mật khẩu hiện tại",
		"again": "Nhập lại mật khẩu mới", "grants": "Vai trò", "days": "Số ngày hiệu lực", "use": "Quyền của mã",
		"document": "Văn bản chỉ đạo", "issued": "Ngày ban hành", "issuer": "Cơ quan ban hành", "until": "Đến hết ngày",
		"summary": "Tóm tắt", "units": "Đơn vị tham gia", "themes": "Chuyên đề", "target": "Chỉ tiêu cả đợt", "commune_target": "Chỉ tiêu mỗi xã/phường",
		"hamlet": "Thôn/tổ dân phố", "rendition": "Tốc độ âm thanh", "q": "Tìm", "version": "Phiên bản", "kind": "Loại lỗi", "outage": "Sự cố",
		"priority": "Mức độ ưu tiên", "pen_name": "Bút danh", "area": "Địa bàn", "valid_from": "Phát từ ngày", "transcript": "Lời bản tin",
		"known_at": "Số liệu đã biết đến", "month": "Tháng", "at": "Lúc",
		"slot": "Khung giờ", "origin": "Nguồn phát", "day": "Ngày", "page": "Trang", "role": "Vai trò", "action": "Việc", "actor": "Ai",
		"subject": "Với ai, với gì", "before": "Trang", "format": "Kiểu tệp", "draft": "Bản nháp", "revision": "Bản", "save": "Lưu",
		"offset_ms": "Bù giờ (ms)", "stagger_ms": "Lệch giờ (ms)", "position": "Tọa độ", "earshot_m": "Tầm nghe (mét)", "width_ms": "Mỗi nấc lệch (ms)",
		"default": "Khi chưa trả lời", "deadline_hours": "Hạn trả lời (giờ)", "date": "Ngày", "to_date": "Ngày mới", "time": "Lượt", "do": "Quyết định", "other": "Lịch kia", "reason": "Lý do",
		"schedule": "Lịch phát", "decisions": "Các câu trả lời",
		"devices": "Các cụm loa", "cut_off": "Tệp bị cụt", "upload": "Tệp đã tải lên", "mine": "Của tôi",
		"headline": "Tiêu đề", "text": "Nội dung để đọc", "sounds": "Mỗi lượt phát gồm", "voice": "Giọng đọc", "repeats": "Số lượt phát",
		"via": "Từ đâu", "address": "Địa chỉ", "interval_s": "Nghỉ giữa hai lượt (giây)", "life_minutes": "Hiệu lực (phút)", "standing": "Lưu sẵn trên cụm loa", "alert_kind": "Loại",
	}, name)
}

func outputText(state string) string {
	return word(map[string]string{"idle": "chờ", "open": "đang mở", "failed": "lỗi"}, state)
}

func warningText(code string) string {
	return word(map[string]string{
		"cut_off": "tệp tải lên bị thiếu phần cuối", "damage": "có đoạn không giải mã được", "clipping": "âm thanh gốc bị vỡ tiếng",
		"very_quiet": "âm thanh gốc rất nhỏ, tạp âm có thể rõ hơn", "long_silence": "có đoạn im lặng dài hơn 10 giây",
		"one_channel": "chỉ một kênh có tiếng, đã lấy kênh đó", "out_of_phase": "hai kênh ngược pha, đã lấy một kênh",
		"duplicate": "tệp này đã có ở bản tin khác", "quiet": "âm lượng nhỏ hơn mức chuẩn", "not_normalised": "âm lượng chưa được chuẩn hóa",
	}, code)
}

func (sp speech) clock(c radio.ClockStamp) string {
	if c.State == "" {
		return sp.say("chưa rõ")
	}
	source := word(map[string]string{
		"kernel": "dịch vụ giờ", "rtc": "đồng hồ pin", "modem": "mạng di động", "centre": "máy chủ", "manual": "đặt tay",
		"assumed": "GIẢ ĐỊNH, chỉ để thử", "none": "không có nguồn giờ",
	}, c.Source)
	state := word(map[string]string{"trusted": "tin cậy", "holdover": "tự giữ giờ", "untrusted": "KHÔNG tin cậy"}, c.State)
	return sp.say(state) + " (" + sp.say(source) + ")"
}

// alarming says whether a clock has to be shown in red (design §5).
func alarming(c radio.ClockStamp) bool { return c.State == "untrusted" || c.Source == "assumed" }

func formatAt(m radio.Millis, zone *time.Location, layout string) string {
	if m == 0 {
		return "–"
	}
	// What began a millisecond early began on the second: nearest, never cut off.
	return m.Time().Round(time.Second).In(zone).Format(layout)
}

// formatExact shows an instant with its milliseconds, where they are the point.
func formatExact(m radio.Millis, zone *time.Location) string {
	if m == 0 {
		return "–"
	}
	return m.Time().In(zone).Format("15:04:05.000 02/01/2006")
}

func formatDay(d radio.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}

// decimal writes a number with one digit, in Vietnamese after a comma.
func (sp speech) decimal(x float64) string {
	if sp.language == english {
		return strings.Replace(strconv.FormatFloat(x, 'f', 1, 64), "-", "−", 1)
	}
	return strings.NewReplacer(".", ",", "-", "−").Replace(strconv.FormatFloat(x, 'f', 1, 64))
}

// length writes how long something sounds.
func (sp speech) length(seconds float64) string {
	if seconds < 60 {
		return sp.say("%s giây", sp.decimal(seconds))
	}
	whole := int64(seconds)
	return sp.say("%d phút %02d giây", whole/60, whole%60)
}

// cron tells in words when the common rules fire: times on all days, on some days
// of the week or of the month; "" for others, whose rule is shown alone.
func (sp speech) cron(rule string) string {
	f := strings.Fields(rule)
	if len(f) != 5 || f[3] != "*" || (f[2] != "*" && f[4] != "*") {
		return ""
	}
	minutes, hours := numbers(f[0], 59), numbers(f[1], 23)
	if len(minutes) == 0 || len(hours) == 0 || len(minutes)*len(hours) > 6 {
		return ""
	}
	var times []string
	for _, h := range hours {
		for _, m := range minutes {
			times = append(times, fmt.Sprintf("%02d:%02d", h, m))
		}
	}
	days := sp.say("hằng ngày")
	switch {
	case f[4] != "*":
		if days = sp.weekdays(f[4]); days == "" {
			return ""
		}
	case f[2] != "*":
		n := numbers(f[2], 31)
		if len(n) == 0 {
			return ""
		}
		days = sp.monthly(strings.ReplaceAll(f[2], ",", ", "))
	}
	return strings.Join(times, ", ") + " · " + days
}

// numbers reads a list such as 5,17; nil when it is anything else.
func numbers(list string, most int) []int {
	var out []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > most {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func (sp speech) weekdays(list string) string {
	names := []string{"Chủ nhật", "thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy"}
	if from, to, ok := strings.Cut(list, "-"); ok {
		a, b := numbers(from, 6), numbers(to, 6)
		if len(a) != 1 || len(b) != 1 {
			return ""
		}
		return sp.say("%s đến %s", sp.say(names[a[0]]), sp.say(names[b[0]]))
	}
	var out []string
	for _, n := range numbers(list, 6) {
		out = append(out, sp.say(names[n]))
	}
	return strings.Join(out, ", ")
}

// clip bounds what a sender wrote before it is shown again.
func clip(s string, most int) string {
	r := []rune(s)
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
