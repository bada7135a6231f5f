package status

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// words are the Vietnamese names of what is shown; an unknown one shows as it is.
var words = map[string]string{
	// outcomes
	"aired": "đã phát", "partial": "phát thiếu", "preempted": "bị chèn", "declined": "địa phương không nhận",
	"refused": "bị từ chối", "missed": "không phát", "failed": "lỗi thiết bị", "cancelled": "đã hủy",
	// reasons
	"late": "trễ giờ", "clock": "đồng hồ không tin cậy", "no_audio": "thiếu âm thanh", "not_synced": "chưa đồng bộ",
	"overlap": "trùng giờ", "off": "mất điện hoặc tắt máy", "signature": "không có chữ ký duyệt hợp lệ", "policy": "quy định khung giờ không cho phép",
	"expired": "hết hiệu lực", "not_yet": "chưa đến ngày hiệu lực", "unsupported": "loại chưa hỗ trợ", "output": "đầu ra âm thanh", "decoder": "lỗi giải mã",
	"stopped": "bị dừng", "withdrawn": "đã thu hồi", "priority": "nhường tin ưu tiên",
	// clock
	"trusted": "tin cậy", "holdover": "tự giữ giờ", "untrusted": "KHÔNG tin cậy",
	"kernel": "dịch vụ giờ", "centre": "máy chủ", "rtc": "đồng hồ pin", "modem": "mạng di động",
	"manual": "đặt tay", "assumed": "GIẢ ĐỊNH (chỉ để thử)", "none": "không có",
	// output
	"idle": "chờ", "open": "đang mở",
	// faults
	"journal": "nhật ký", "cache": "bộ nhớ âm thanh", "disk": "bộ nhớ đầy", "programme": "chương trình",
	"link": "kết nối", "socket": "cổng trạng thái", "page": "trang trạng thái", "audio": "âm thanh", "fetch": "tải âm thanh", "amplifier": "công tắc tăng âm", "identity": "danh tính", "keys": "bộ khóa chưa ghi được",
	"security": "có thông điệp giả mạo hoặc không được phép", "keyring": "bộ khóa mới chưa tới máy", "approval": "có bản tin không có chữ ký duyệt hợp lệ",
	// emergency set
	"siren": "còi báo động", "lead_in": "câu dẫn", "drill": "câu báo diễn tập", "all_ok": "báo yên",
	// receipts
	"local": "dừng tại chỗ", "local_start": "phát tại chỗ", "displaced": "nhường cảnh báo của địa bàn rộng hơn",
	// priorities
	"normal": "thông thường", "emergency": "khẩn cấp",
}

// vi gives the Vietnamese word. "priority" and "output" mean other things by place.
func vi[T ~string](w T) string {
	if s, ok := words[string(w)]; ok {
		return s
	}
	return string(w)
}

func viPriority(p radio.Priority) string {
	if p == radio.Prior {
		return "ưu tiên"
	}
	return vi(p)
}

func viOutputState(s string) string {
	if s == "failed" {
		return "LỖI"
	}
	return vi(s)
}

// alarming says whether the clock has to be shown in red (design §5).
func alarming(c radio.ClockStatus) bool { return c.State == "untrusted" || c.Source == "assumed" }

func ending(c radio.Confirmation) string {
	s := vi(c.Outcome)
	if c.Reason != radio.NoReason {
		s += " (" + vi(c.Reason) + ")"
	}
	if c.Outcome == radio.Partial {
		least := ""
		if c.AtLeast {
			least = "ít nhất "
		}
		s += fmt.Sprintf(": %s%s / %s", least, length(c.Consumed), length(c.Expected))
	}
	return s
}

// length of sound as minutes and seconds.
func length(samples int64) string {
	seconds := samples / radio.SampleRate
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// size in MB, or in kB where that would round to nothing.
func size(n int64) string {
	if n < 100_000 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// times shows instants in one zone and names it.
type times struct {
	zone timetable.Zone
	Name string
}

// timesOf falls back to UTC, named, when the zone is not known.
func timesOf(zone string) times {
	z, err := timetable.LoadZone(zone)
	if err != nil {
		return times{Name: "UTC"}
	}
	return times{zone: z, Name: zone}
}

func (t times) clock(m radio.Millis) string {
	if m == 0 {
		return "–"
	}
	return t.zone.In(m.Time()).Format("02/01 15:04:05")
}

func (t times) full(m radio.Millis) string {
	return t.zone.In(m.Time()).Format("15:04:05 02/01/2006")
}

func upFor(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	return fmt.Sprintf("%d ngày %02d:%02d", d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60)
}
