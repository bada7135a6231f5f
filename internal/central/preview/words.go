package preview

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// names knows what things are called, and when they are by the local clock.
type names struct {
	zone      timetable.Zone
	schedules map[radio.ScheduleID]radio.Schedule
	slots     map[radio.SlotID]radio.Slot
	bulletins map[radio.BulletinID]radio.Bulletin // the newest version of each
	airing    map[radio.BulletinID]radio.Bulletin // the version that may be aired
}

func (s *survey) names() names {
	n := names{zone: s.zone, schedules: map[radio.ScheduleID]radio.Schedule{}, slots: map[radio.SlotID]radio.Slot{}, bulletins: map[radio.BulletinID]radio.Bulletin{}, airing: s.bulletins}
	for _, o := range s.schedules {
		n.schedules[o.ID] = o
		for _, sl := range o.Slots {
			n.slots[sl.ID] = sl
		}
	}
	for _, b := range s.all {
		if o, ok := n.bulletins[b.ID]; !ok || b.Version > o.Version {
			n.bulletins[b.ID] = b
		}
	}
	return n
}

// maxName bounds a title in a sentence.
const maxName = 60

func quoted(title, code string) string {
	if strings.TrimSpace(title) == "" {
		title = code
	}
	if r := []rune(title); len(r) > maxName {
		title = string(r[:maxName-1]) + "…"
	}
	return "“" + title + "”"
}

func (n names) schedule(id radio.ScheduleID) string {
	return quoted(n.schedules[id].Title, n.schedules[id].Code)
}
func (n names) bulletin(id radio.BulletinID) string {
	return quoted(n.bulletins[id].Title, n.bulletins[id].Code)
}
func (n names) slot(id radio.SlotID) string { return quoted("", n.slots[id].Code) }

func (n names) day(m radio.Millis) string { return n.zone.In(m.Time()).Format("02/01/2006") }
func (n names) at(m radio.Millis) string  { return n.zone.In(m.Time()).Format("15:04 02/01/2006") }

// nextMinute is the first whole minute at or after m.
func (n names) nextMinute(m radio.Millis) string {
	t := m.Time()
	if up := t.Truncate(time.Minute); !up.Equal(t) {
		t = up.Add(time.Minute)
	}
	return n.zone.In(t).Format("15:04")
}

// words say what is the matter and what to do, in Vietnamese and English.
func (n names) words(m merged) (vi, en string) {
	switch m.kind {
	case radio.ConflictOverlap:
		return n.overlap(m)
	case radio.ConflictHours:
		return n.hours(m)
	case radio.ConflictAudio:
		return n.audio(m)
	case radio.ConflictValidity:
		if m.what == string(radio.ReasonNotYet) {
			from := n.at(n.airing[m.bulletin].ValidFrom)
			return fmt.Sprintf("Bản tin %s chỉ có hiệu lực từ %s nhưng đã có trong lịch trước đó: %s bị thiết bị từ chối, lượt đầu lúc %s.",
					n.bulletin(m.bulletin), from, airingsVI(m), n.at(m.at)),
				fmt.Sprintf("Bulletin %s is valid only from %s but the schedule begins before that: devices will refuse %s, the first at %s.",
					n.bulletin(m.bulletin), from, airingsEN(m), n.at(m.at))
		}
		until := n.at(n.airing[m.bulletin].ValidUntil)
		return fmt.Sprintf("Bản tin %s hết hiệu lực lúc %s nhưng vẫn còn trong lịch: %s bị thiết bị từ chối, lượt đầu lúc %s.",
				n.bulletin(m.bulletin), until, airingsVI(m), n.at(m.at)),
			fmt.Sprintf("Bulletin %s is valid only until %s but the schedule goes on: devices will refuse %s, the first at %s.",
				n.bulletin(m.bulletin), until, airingsEN(m), n.at(m.at))
	case radio.ConflictNotInTime:
		return n.notInTime(m)
	case radio.ConflictSlot:
		return n.slotFault(m)
	case radio.ConflictPriority:
		return fmt.Sprintf("Lịch %s không được mang mức khẩn cấp.", n.schedule(m.schedule)),
			fmt.Sprintf("Schedule %s cannot be an emergency.", n.schedule(m.schedule))
	case radio.ConflictTarget:
		return n.target(m)
	}
	return n.limit(m)
}

func airingsVI(m merged) string {
	return fmt.Sprintf("%d lượt phát trên %d cụm loa", m.total, m.count)
}
func airingsEN(m merged) string {
	return fmt.Sprintf("%s on %s", plural(m.total, "airing"), plural(m.count, "device"))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// megabytes rounds up; the same in both languages.
func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", (bytes+999_999)/1_000_000) }

// length of a shift, coarse enough to be read.
func length(ms int64) (vi, en string) {
	s := (ms + 999) / 1000
	switch {
	case s < 60:
		return fmt.Sprintf("%d giây", s), fmt.Sprintf("%d s", s)
	case s%60 == 0:
		return fmt.Sprintf("%d phút", s/60), fmt.Sprintf("%d min", s/60)
	}
	return fmt.Sprintf("%d phút %d giây", s/60, s%60), fmt.Sprintf("%d min %d s", s/60, s%60)
}

func (n names) overlap(m merged) (vi, en string) {
	mine, other := n.schedule(m.schedule), n.schedule(m.with)
	otherVI, otherEN := "lịch "+other, "schedule "+other
	if m.with == m.schedule || m.with == "" {
		otherVI, otherEN = "một khung giờ khác của chính lịch này", "another slot of the same schedule"
	}
	lateVI, lateEN := length(m.worst)
	when := n.at(m.at)
	switch m.what {
	case whatShifted:
		return fmt.Sprintf("Khung giờ %s của lịch %s trùng giờ với %s từ %s và phải nhường: %s phát trễ, nhiều nhất %s.",
				n.slot(m.slot), mine, otherVI, when, airingsVI(m), lateVI),
			fmt.Sprintf("Slot %s of schedule %s overlaps %s from %s on and gives way: %s begin late, by %s at most.",
				n.slot(m.slot), mine, otherEN, when, airingsEN(m), lateEN)
	case whatDropped:
		return fmt.Sprintf("Khung giờ %s của lịch %s trùng giờ với %s từ %s: %s bị bỏ vì quá thời gian chờ.",
				n.slot(m.slot), mine, otherVI, when, airingsVI(m)),
			fmt.Sprintf("Slot %s of schedule %s overlaps %s from %s on: %s are dropped, their grace is not long enough.",
				n.slot(m.slot), mine, otherEN, when, airingsEN(m))
	case whatPushes:
		return fmt.Sprintf("Lịch %s chen vào lịch %s từ %s: %s của lịch kia phát trễ, nhiều nhất %s.",
				mine, other, when, airingsVI(m), lateVI),
			fmt.Sprintf("Schedule %s stands in the way of schedule %s from %s on: %s of the other begin late, by %s at most.",
				mine, other, when, airingsEN(m), lateEN)
	}
	return fmt.Sprintf("Lịch %s làm lịch %s bị bỏ từ %s: %s của lịch kia không phát.", mine, other, when, airingsVI(m)),
		fmt.Sprintf("Schedule %s ousts schedule %s from %s on: %s of the other are dropped.", mine, other, when, airingsEN(m))
}

func (n names) hours(m merged) (vi, en string) {
	mine, slot, when := n.schedule(m.schedule), n.slot(m.slot), n.at(m.at)
	hoursVI, hoursEN := m.extra, m.extra
	if hoursVI == "" {
		hoursVI, hoursEN = "không có giờ nào", "none"
	}
	switch m.what {
	case whatException, whatSessions, whatMinutes, whatQuiet, whatOustsSessions, whatOustsMinutes:
		return n.veto(m)
	case whatOdd:
		return fmt.Sprintf("Khung giờ %s của lịch %s sẽ phát vào giờ yên tĩnh (21:00–05:00): lúc %s, %s.", slot, mine, when, airingsVI(m)),
			fmt.Sprintf("Slot %s of schedule %s will sound in the quiet hours (21:00–05:00): at %s, %s.", slot, mine, when, airingsEN(m))
	case whatCrosses:
		return fmt.Sprintf("Khung giờ %s của lịch %s kéo dài quá khung giờ được phép (%s): %s không được phát, lượt đầu lúc %s.", slot, mine, hoursVI, airingsVI(m), when),
			fmt.Sprintf("Slot %s of schedule %s runs over the permitted hours (%s): %s will not sound, the first at %s.", slot, mine, hoursEN, airingsEN(m), when)
	case whatMourning:
		return fmt.Sprintf("Khung giờ %s của lịch %s rơi vào ngày không được phát, đầu tiên %s: %s bị thiết bị từ chối.", slot, mine, n.day(m.at), airingsVI(m)),
			fmt.Sprintf("Slot %s of schedule %s falls on days of silence, the first %s: devices will refuse %s.", slot, mine, n.day(m.at), airingsEN(m))
	}
	return fmt.Sprintf("Khung giờ %s của lịch %s nằm ngoài khung giờ được phép (%s): %s bị thiết bị từ chối, lượt đầu lúc %s.", slot, mine, hoursVI, airingsVI(m), when),
		fmt.Sprintf("Slot %s of schedule %s lies outside the permitted hours (%s): devices will refuse %s, the first at %s.", slot, mine, hoursEN, airingsEN(m), when)
}

var dayNames = [...]struct{ vi, en string }{{}, {"T2", "Mon"}, {"T3", "Tue"}, {"T4", "Wed"}, {"T5", "Thu"}, {"T6", "Fri"}, {"T7", "Sat"}, {"CN", "Sun"}}

// maxWindows bounds the permitted hours told in one sentence.
const maxWindows = 6

// hoursText writes the permitted hours as people read them: the same in both languages.
func hoursText(windows []radio.Window) string {
	var out []string
	for i, w := range windows {
		if i == maxWindows {
			out = append(out, "…")
			break
		}
		text := w.From.String() + "–" + w.To.String()
		var days []string
		for _, d := range w.Days {
			days = append(days, dayNames[d].vi)
		}
		if len(days) > 0 && len(days) < 7 {
			text += " " + strings.Join(slices.Compact(days), " ")
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func (n names) audio(m merged) (vi, en string) {
	mine, slot := n.schedule(m.schedule), n.slot(m.slot)
	if m.what == whatUnknown {
		return fmt.Sprintf("Khung giờ %s của lịch %s dùng một bản tin không có trong kho.", slot, mine),
			fmt.Sprintf("Slot %s of schedule %s lists a bulletin that does not exist.", slot, mine)
	}
	switch m.what {
	case whatStoodIn:
		return fmt.Sprintf("Bản riêng %s trong khung giờ %s của lịch %s không phát được trên %d cụm loa (%s): các cụm loa này phát %s. Duyệt bản riêng, hoặc chấp nhận phát bản thay thế.", n.bulletin(m.bulletin), slot, mine, m.count, m.text[0], n.bulletin(m.by)),
			fmt.Sprintf("Variant %s in slot %s of schedule %s cannot be aired on %s (%s): they play %s. Approve the variant, or accept that the other one stands in.", n.bulletin(m.bulletin), slot, mine, plural(m.count, "device"), m.text[1], n.bulletin(m.by))
	case whatUnsigned:
		return fmt.Sprintf("Bản tin %s trong khung giờ %s của lịch %s cần duyệt lại: không có chữ ký duyệt còn hiệu lực nên thiết bị không phát.", n.bulletin(m.bulletin), slot, mine),
			fmt.Sprintf("Bulletin %s in slot %s of schedule %s needs approval again: no approver's signature holds for it, so that devices do not play it.", n.bulletin(m.bulletin), slot, mine)
	case whatElsewhere:
		return fmt.Sprintf("Bản tin %s trong khung giờ %s của lịch %s chỉ được duyệt để phát ở %s; cụm loa ở nơi khác không phát.", n.bulletin(m.bulletin), slot, mine, m.extra),
			fmt.Sprintf("Bulletin %s in slot %s of schedule %s was approved for %s only: devices elsewhere do not play it.", n.bulletin(m.bulletin), slot, mine, m.extra)
	}
	b := n.bulletins[m.bulletin]
	stateVI, stateEN := "đang chờ duyệt", "awaits approval"
	switch b.State {
	case radio.Pending:
	case radio.Rejected:
		stateVI, stateEN = "đã bị từ chối", "was rejected"
	case radio.Withdrawn:
		stateVI, stateEN = "đã thu hồi", "was withdrawn"
	default:
		stateVI, stateEN = "chưa trình duyệt", "is not submitted yet"
	}
	return fmt.Sprintf("Bản tin %s trong khung giờ %s của lịch %s chưa phát được: %s, không có phiên bản được duyệt.", n.bulletin(m.bulletin), slot, mine, stateVI),
		fmt.Sprintf("Bulletin %s in slot %s of schedule %s cannot be aired: it %s, no version is approved.", n.bulletin(m.bulletin), slot, mine, stateEN)
}

func (n names) notInTime(m merged) (vi, en string) {
	mine, when := n.schedule(m.schedule), n.at(m.at)
	devVI, devEN := fmt.Sprintf("%d cụm loa", m.count), plural(m.count, "device")
	switch m.what {
	case whatUnheard:
		return fmt.Sprintf("%s chưa từng kết nối từ khi đăng ký nên có thể không nhận được lịch %s trước %s.", devVI, mine, when),
			fmt.Sprintf("%s never connected since enrolment and may not get schedule %s before %s.", devEN, mine, when)
	case whatOffline:
		return fmt.Sprintf("%s mất kết nối (lâu nhất từ %s) nên có thể không nhận được lịch %s trước %s.", devVI, n.at(m.since), mine, when),
			fmt.Sprintf("%s offline (the longest since %s) may not get schedule %s before %s.", devEN, n.at(m.since), mine, when)
	case whatBehind:
		return fmt.Sprintf("%s có kết nối nhưng chưa báo đã nhận chương trình hiện hành (lâu nhất từ %s), nên có thể không nhận được lịch %s trước %s.", devVI, n.at(m.since), mine, when),
			fmt.Sprintf("%s connected but without word of the current programme (the longest since %s) may not get schedule %s before %s.", devEN, n.at(m.since), mine, when)
	}
	switch m.what {
	case whatSlowLink:
		lateVI, lateEN := length(m.worst)
		return fmt.Sprintf("%s có đường truyền chậm, tải âm thanh của bản tin %s không kịp lượt %s của lịch %s: chậm nhất %s.", devVI, n.bulletin(m.bulletin), when, mine, lateVI),
			fmt.Sprintf("%s on a slow link will not have the audio of bulletin %s in time for %s of schedule %s: up to %s late.", devEN, n.bulletin(m.bulletin), when, mine, lateEN)
	case whatOverCap:
		return fmt.Sprintf("%s dùng gói dung lượng không đủ để tải âm thanh của lịch %s trong tháng: thiếu nhiều nhất %s.", devVI, mine, megabytes(m.worst)),
			fmt.Sprintf("%s on a metered link may not download the audio of schedule %s this month: up to %s more than the contract allows.", devEN, mine, megabytes(m.worst))
	}
	return fmt.Sprintf("%s chưa có sẵn âm thanh của bản tin %s và khó tải kịp cho lượt %s của lịch %s.", devVI, n.bulletin(m.bulletin), when, mine),
		fmt.Sprintf("%s without the audio of bulletin %s will hardly fetch it in time for %s of schedule %s.", devEN, n.bulletin(m.bulletin), when, mine)
}

func (n names) slotFault(m merged) (vi, en string) {
	mine, slot := n.schedule(m.schedule), n.slot(m.slot)
	switch m.what {
	case whatUnplayable:
		return fmt.Sprintf("Khung giờ %s của lịch %s không dùng được: %s.", slot, mine, m.text[0]),
			fmt.Sprintf("Slot %s of schedule %s cannot be used: %s.", slot, mine, m.text[1])
	case whatEmpty:
		if m.slot == "" {
			return fmt.Sprintf("Lịch %s không có khung giờ nào.", mine), fmt.Sprintf("Schedule %s has no slot.", mine)
		}
		return fmt.Sprintf("Khung giờ %s của lịch %s không có bản tin nào.", slot, mine),
			fmt.Sprintf("Slot %s of schedule %s lists no bulletin.", slot, mine)
	case whatNever:
		return fmt.Sprintf("Khung giờ %s của lịch %s không có lượt phát nào trong thời gian hiệu lực.", slot, mine),
			fmt.Sprintf("Slot %s of schedule %s never comes due within the schedule's dates.", slot, mine)
	case whatGone:
		return fmt.Sprintf("Khung giờ %s của lịch %s không còn lượt phát nào: lượt cuối đã qua.", slot, mine),
			fmt.Sprintf("Slot %s of schedule %s has no airing left: its last one is over.", slot, mine)
	case whatOver:
		return fmt.Sprintf("Lịch %s đã kết thúc: ngày cuối đã qua, không còn lượt phát nào.", mine),
			fmt.Sprintf("Schedule %s is over: its last day has passed.", mine)
	case whatZone:
		return fmt.Sprintf("Lịch %s tính theo múi giờ khác với tỉnh, nên chương trình của các cụm loa không phát hành được.", mine),
			fmt.Sprintf("Schedule %s is in another time zone than the province, so that no programme can be issued.", mine)
	}
	return fmt.Sprintf("Khung giờ %s của lịch %s có mục không phải bản tin âm thanh; bộ điều khiển chưa hỗ trợ: %s bị từ chối.", slot, mine, airingsVI(m)),
		fmt.Sprintf("Slot %s of schedule %s lists something other than audio, which controllers do not support: %s are refused.", slot, mine, airingsEN(m))
}

func (n names) target(m merged) (vi, en string) {
	mine := n.schedule(m.schedule)
	switch m.what {
	case whatUnknown:
		return fmt.Sprintf("Lịch %s gửi đến một địa bàn hoặc cụm loa không có.", mine),
			fmt.Sprintf("Schedule %s is for an area or a device that does not exist.", mine)
	case whatRetired:
		return fmt.Sprintf("Lịch %s gửi đến cụm loa %s, đã ngừng sử dụng.", mine, quoted(m.extra, "")),
			fmt.Sprintf("Schedule %s is for the device %s, which is out of use.", mine, quoted(m.extra, ""))
	case whatEmpty:
		return fmt.Sprintf("Lịch %s chưa chọn nơi phát.", mine),
			fmt.Sprintf("Schedule %s is for no place.", mine)
	case whatIdle:
		return fmt.Sprintf("Nơi phát của lịch %s có %d cụm loa chưa đăng ký: chưa phát được gì cho đến khi bộ điều khiển được đăng ký, và không tính vào các con số khác.", mine, m.count),
			fmt.Sprintf("Schedule %s is also for %s not enrolled yet: nothing sounds there until the controllers enrol, and no other number counts them.", mine, plural(m.count, "device"))
	}
	return fmt.Sprintf("Lịch %s gửi đến %s, nơi chưa có cụm loa nào.", mine, quoted(m.extra, "")),
		fmt.Sprintf("Schedule %s is for %s, where there are no devices yet.", mine, quoted(m.extra, ""))
}

func (n names) limit(m merged) (vi, en string) {
	r := m.refusal
	devVI, devEN := fmt.Sprintf("%d cụm loa", m.count), plural(m.count, "device")
	ofVI, ofEN := "", ""
	if m.schedule != "" {
		ofVI, ofEN = fmt.Sprintf(" cùng với lịch %s", n.schedule(m.schedule)), fmt.Sprintf(" together with schedule %s", n.schedule(m.schedule))
	}
	switch r.what {
	case tooManySlots:
		return fmt.Sprintf("Chương trình của %s%s có %d khung giờ, nhiều nhất %d.", devVI, ofVI, r.n, r.most),
			fmt.Sprintf("The programme of %s%s has %d slots, at most %d are possible.", devEN, ofEN, r.n, r.most)
	case tooLarge:
		return fmt.Sprintf("Chương trình của %s%s lớn %d KB, nhiều nhất %d KB.", devVI, ofVI, (r.n+1023)>>10, r.most>>10),
			fmt.Sprintf("The programme of %s%s has %d KB, at most %d KB are possible.", devEN, ofEN, (r.n+1023)>>10, r.most>>10)
	case tooManyAirings:
		return fmt.Sprintf("Chương trình của %s%s có tới %d lượt phát một ngày, nhiều nhất %d.", devVI, ofVI, r.n, r.most),
			fmt.Sprintf("The programme of %s%s has up to %d airings a day, at most %d are possible.", devEN, ofEN, r.n, r.most)
	}
	return fmt.Sprintf("Không phát hành được chương trình của %s%s: %v.", devVI, ofVI, r.err),
		fmt.Sprintf("No programme can be issued for %s%s: %v.", devEN, ofEN, r.err)
}
