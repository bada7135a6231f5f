package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// words is one sentence, or a part of one, in both languages of the house.
type words struct{ vi, en string }

func (w words) both() (vi, en string) { return w.vi, w.en }

// say sets the same arguments into both languages; those that are words themselves come in
// the language at hand.
func say(vi, en string, args ...any) words {
	pick := func(format string, of func(words) string) string {
		if len(args) == 0 {
			return format
		}
		mine := make([]any, len(args))
		for i, a := range args {
			if w, ok := a.(words); ok {
				a = of(w)
			}
			mine[i] = a
		}
		return fmt.Sprintf(format, mine...)
	}
	return words{pick(vi, func(w words) string { return w.vi }), pick(en, func(w words) string { return w.en })}
}

// joined puts words after each other.
func joined(list []words, by string) words {
	var vi, en []string
	for _, w := range list {
		vi, en = append(vi, w.vi), append(en, w.en)
	}
	return words{strings.Join(vi, by), strings.Join(en, by)}
}

func (w *world) minute(m radio.Millis) string {
	return w.zone.In(m.Time()).Format("15:04 02/01/2006")
}

func (w *world) second(m radio.Millis) string {
	return w.zone.In(m.Time().Round(time.Second)).Format("15:04:05 02/01/2006")
}

// seconds writes a length as people read it.
func seconds(d time.Duration) words {
	d = d.Round(time.Second)
	if d < time.Minute {
		return say("%d giây", "%d s", int(d.Seconds()))
	}
	if d%time.Minute == 0 {
		return say("%d phút", "%d min", int(d.Minutes()))
	}
	return say("%d phút %d giây", "%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// decibels writes a gain in each language's way.
func decibels(db float64) words {
	text := strings.Replace(strconv.FormatFloat(db, 'f', -1, 64), "-", "−", 1)
	return words{strings.Replace(text, ".", ",", 1) + " dB", text + " dB"}
}

// named is a title in quotes, or its code, or words for nothing.
func named(title, code string) words {
	switch {
	case title != "":
		return words{"“" + title + "”", "“" + title + "”"}
	case code != "":
		return words{code, code}
	}
	return say("(không tên)", "(no title)")
}

func person(s radio.AirStep) words {
	if s.Name != "" {
		return words{s.Name, s.Name}
	}
	if s.By != "" {
		return words{string(s.By), string(s.By)}
	}
	return say("không rõ ai", "somebody unknown")
}

func priorityWords(p radio.Priority) words {
	switch p {
	case radio.Emergency:
		return say("khẩn cấp", "emergency")
	case radio.Prior:
		return say("ưu tiên", "priority")
	}
	return say("thông thường", "normal")
}

var outcomeWords = map[radio.Outcome]words{
	radio.PendingOutcome: {"chờ xác nhận", "not confirmed yet"}, radio.Aired: {"đã phát", "aired"}, radio.Partial: {"phát thiếu", "only partly aired"},
	radio.Preempted: {"bị chèn", "pre-empted"}, radio.Declined: {"địa phương không nhận", "declined by the commune"}, radio.Refused: {"bị thiết bị từ chối", "refused by the device"},
	radio.Missed: {"không phát", "missed"}, radio.Failed: {"lỗi thiết bị", "failed on the device"}, radio.Cancelled: {"đã hủy", "cancelled"},
	radio.Silent: {"thiết bị không có tin", "no word came from the device"},
}

func outcomeOf(o radio.Outcome) words {
	if w, ok := outcomeWords[o]; ok {
		return w
	}
	return words{string(o), string(o)}
}

var reasonWords = map[radio.Reason]words{
	radio.ReasonLate: {"trễ quá mức cho phép", "later than its grace allows"}, radio.ReasonClock: {"đồng hồ thiết bị không tin cậy", "the device's clock was not trusted"},
	radio.ReasonNoAudio: {"thiết bị chưa có âm thanh", "the audio was not on the device"}, radio.ReasonNotSynced: {"thiết bị chưa nhận chương trình mới", "the device ran another programme"},
	radio.ReasonOverlap: {"trùng giờ với nội dung khác", "something else sounded then"}, radio.ReasonOff: {"mất điện hoặc thiết bị tắt", "the device was off"},
	radio.ReasonSignature: {"không có chữ ký duyệt hợp lệ", "no signature of an approver held"}, radio.ReasonPolicy: {"quy định khung giờ không cho phép", "the permitted hours forbid it"},
	radio.ReasonExpired: {"hết hiệu lực", "past its validity"}, radio.ReasonNotYet: {"chưa đến ngày hiệu lực", "before its validity"},
	radio.ReasonUnsupported: {"thiết bị chưa hỗ trợ loại nội dung này", "this agent cannot play such an item"}, radio.ReasonOutput: {"lỗi đầu ra âm thanh", "the sound output failed"},
	radio.ReasonDecoder: {"lỗi giải mã âm thanh", "the audio could not be decoded"}, radio.ReasonStopped: {"có người dừng", "somebody stopped it"},
	radio.ReasonWithdrawn: {"đã thu hồi", "it was withdrawn"}, radio.ReasonPriority: {"nhường nội dung ưu tiên hơn", "something that outranks it sounded"},
	radio.ReasonCancelled: {"theo lệnh hủy", "its alert was cancelled"}, radio.ReasonLocalStop: {"có người dừng tại cụm loa", "somebody at the device stopped it"},
	radio.ReasonCommune: {"địa phương quyết định", "the commune's decision"}, radio.ReasonHeld: {"địa phương chưa nhận", "the commune has not accepted it"}, radio.ReasonMoved: {"địa phương đã đổi sang giờ khác", "the commune has moved it to another time"},
}

func reasonOf(r radio.Reason) words {
	if w, ok := reasonWords[r]; ok {
		return w
	}
	return words{string(r), string(r)}
}

var vetoWords = map[radio.Veto]words{
	radio.VetoHours: {"ngoài khung giờ được phép", "outside the permitted hours"}, radio.VetoMourning: {"ngày không được phát", "a day on which nothing may sound"},
	radio.VetoException: {"ngày lễ, Tết có khung giờ riêng", "a holiday with hours of its own"}, radio.VetoSessions: {"quá số phiên một ngày", "above the sessions of a day"},
	radio.VetoMinutes: {"quá số phút một ngày", "above the minutes of a day"}, radio.VetoQuiet: {"giờ yên tĩnh của nơi đặt cụm loa", "quiet hours of the place"},
}

func vetoOf(v radio.Veto) words {
	if w, ok := vetoWords[v]; ok {
		return w
	}
	return words{string(v), string(v)}
}

// what became or becomes of it, with the reason.
func fate(o radio.Outcome, r radio.Reason) words {
	w := outcomeOf(o)
	if r != "" {
		w = say("%s (%s)", "%s (%s)", w, reasonOf(r))
	}
	return w
}

// summary is the short answer for one airing: its fate, and the first link that stops or
// changes it.
func (w *world) summary(c Case, x radio.ExplainedAiring, links []radio.ChainLink) words {
	title := named(x.Title, "")
	at := w.second(c.Start)
	head := say("%s lúc %s: %s.", "%s at %s: %s.", title, at, fate(x.Outcome, x.Reason))
	switch {
	case c.Row == nil && c.Coming == nil:
		head = say("Khung phát của lịch %s lúc %s không có trong chương trình của cụm loa, hoặc không đủ mục.", "The slot of schedule %s at %s is not in the device's programme, or not all of it.", title, at)
	case !c.Past() && (x.Outcome == "" || x.Outcome == radio.PendingOutcome):
		head = say("%s lúc %s: sẽ phát.", "%s at %s: it will sound.", title, at)
	case !c.Past() && c.Coming != nil && c.Coming.Outcome != "":
		head = say("%s lúc %s: sẽ không phát (%s).", "%s at %s: it will not sound (%s).", title, at, reasonOf(c.Coming.Reason))
	}
	if l, ok := decisive(x, links); ok {
		return joined([]words{head, {l.VI, l.EN}}, " ")
	}
	return head
}

// bearing names the links in which a reason is explained.
var bearing = map[radio.Reason]radio.ChainKind{
	radio.ReasonOverlap: radio.ChainPriority, radio.ReasonPriority: radio.ChainPriority, radio.ReasonPolicy: radio.ChainPolicy, radio.ReasonNotSynced: radio.ChainRevision,
	radio.ReasonClock: radio.ChainDevice, radio.ReasonOff: radio.ChainDevice, radio.ReasonOutput: radio.ChainDevice, radio.ReasonDecoder: radio.ChainDevice,
	radio.ReasonStopped: radio.ChainDevice, radio.ReasonCancelled: radio.ChainDevice, radio.ReasonLocalStop: radio.ChainDevice, radio.ReasonNoAudio: radio.ChainRevision,
	radio.ReasonExpired: radio.ChainBulletin, radio.ReasonNotYet: radio.ChainBulletin, radio.ReasonSignature: radio.ChainBulletin,
	radio.ReasonCommune: radio.ChainDecision, radio.ReasonHeld: radio.ChainDecision, radio.ReasonMoved: radio.ChainDecision,
}

// decisive picks the link that says most about why it does not sound, or not as planned.
func decisive(x radio.ExplainedAiring, links []radio.ChainLink) (radio.ChainLink, bool) {
	if x.Outcome == radio.Aired {
		return radio.ChainLink{}, false
	}
	find := func(kind radio.ChainKind, verdicts ...radio.ChainVerdict) (radio.ChainLink, bool) {
		for _, v := range verdicts {
			i := slices.IndexFunc(links, func(l radio.ChainLink) bool {
				return l.Verdict == v && (l.Kind == kind || kind == "" && l.Kind != radio.ChainConfirmation)
			})
			if i >= 0 {
				return links[i], true
			}
		}
		return radio.ChainLink{}, false
	}
	if kind, ok := bearing[x.Reason]; ok {
		if l, ok := find(kind, radio.ChainStops, radio.ChainChanges); ok {
			return l, true
		}
	}
	if l, ok := find("", radio.ChainStops); ok {
		return l, true
	}
	for _, kind := range []radio.ChainKind{radio.ChainPriority, radio.ChainRevision, radio.ChainDevice} {
		if l, ok := find(kind, radio.ChainChanges); ok {
			return l, true
		}
	}
	return radio.ChainLink{}, false
}

// answer is the short answer for the instant.
func (w *world) answer(x radio.Explanation) words {
	at := w.minute(w.at)
	if len(x.Airings) == 1 {
		return words{x.Airings[0].VI, x.Airings[0].EN}
	}
	if n := len(x.Airings); n > 1 {
		return say("Lúc %s có %d lượt phát, mỗi lượt được giải thích riêng.", "At %s there are %d airings; each is explained by itself.", at, n)
	}
	if w.archive != nil {
		return say("Nhật ký của lúc %s đã chuyển vào kho lưu trữ (tháng %s), ở đây không còn để giải thích.", "The log of %s has been moved to the archive (%s) and cannot be explained here.", at, w.archive.Month)
	}
	head := say("Lúc %s không có lượt phát nào được lên lịch cho cụm loa này.", "At %s nothing was planned for this device.", at)
	if w.at > w.now {
		head = say("Lúc %s không có lượt phát nào được lên lịch cho cụm loa này.", "At %s nothing is planned for this device.", at)
	}
	parts := []words{head}
	if b := x.Before; b != nil {
		parts = append(parts, say("Lượt trước đó: %s lúc %s.", "The one before: %s at %s.", named(b.Title, ""), w.minute(b.Start)))
	}
	if a := x.After; a != nil {
		parts = append(parts, say("Lượt sau đó: %s lúc %s.", "The one after: %s at %s.", named(a.Title, ""), w.minute(a.Start)))
	}
	return joined(parts, " ")
}
