package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// scheduleText is one schedule as somebody wrote it, value by value with its place:
// the one form to which YAML, tables, pages and the API come, so that one set of rules
// checks them all.
type scheduleText struct {
	at                                Pos
	form                              sourceForm
	code, title, area, campaign, zone text
	priority, from, until, grace      text
	withdrawn                         text
	except                            []text
	targets                           []targetText
	slots                             []slotText
}

type targetText struct {
	at           Pos
	area, device text
	// either is a code of which only the plan tells whether it is an area or a device.
	either text
}

type slotText struct {
	at         Pos
	code, cron text
	// when takes the place of cron; nil where a rule is written.
	when  *whenText
	now   bool // in place of both: once, as soon as it is published
	items []itemText
}

type itemText struct {
	at                          Pos
	code, bulletin, repeat, gap text
	variants                    []variantText
}

// rawSchedule takes a schedule out of YAML.
func rawSchedule(m *mapping) scheduleText {
	w := scheduleText{
		at: m.at, code: m.text("code"), title: m.text("title"), area: m.text("area"), campaign: m.text("campaign"), zone: m.text("zone"),
		priority: m.text("priority"), from: m.text("from"), until: m.text("until"), grace: m.text("grace"),
		withdrawn: m.text("withdrawn"), except: m.texts("except"),
	}
	m.each("targets", func(m *mapping) {
		w.targets = append(w.targets, targetText{at: m.at, area: m.text("area"), device: m.text("device")})
	})
	m.each("slots", func(m *mapping) {
		s := slotText{at: m.at, code: m.text("code"), cron: m.text("cron"), when: m.when()}
		if s.when != nil && s.cron.set() {
			m.r.problems.add(s.cron.at, "ghi giờ phát và ngày phát, hoặc quy tắc cron, không ghi cả hai", "give times and days, or a cron rule, not both")
			s.cron = text{}
		}
		m.each("items", func(m *mapping) {
			s.items = append(s.items, itemText{at: m.at, code: m.text("code"), bulletin: m.text("bulletin"), repeat: m.text("repeat"), gap: m.text("gap"), variants: m.variants()})
		})
		w.slots = append(w.slots, s)
	})
	return w
}

// schedule checks the form of everything in a schedule.
func (r *reader) schedule(w scheduleText) scheduleDecl {
	r.form = w.form
	d := scheduleDecl{
		code: r.checkCode(r.needed("code", w.code, w.at)), title: r.checkLength(r.needed("title", w.title, w.at), 200),
		area: r.checkCode(w.area), campaign: r.checkCode(w.campaign), zone: w.zone,
		except: r.checkDates(w.except, 400), withdrawn: r.checkYes("withdrawn", w.withdrawn),
		grace: r.checkDuration("grace", w.grace, radio.DefaultGraceSeconds*time.Second, radio.MaxGraceSeconds*time.Second, time.Second),
	}
	d.from, d.until = r.checkRange(w.from, w.until)
	d.priority = r.checkPriority(w.priority)
	if len(w.targets) == 0 {
		r.problems.add(w.at, fmt.Sprintf("%s: phải có ít nhất một địa bàn hoặc cụm loa", r.vi("targets")), r.en("targets")+": name at least one area or device")
	}
	if n := len(w.targets); n > maxTargets {
		r.problems.add(w.at, fmt.Sprintf("%s: có %d nơi, nhiều nhất là %d; hãy chọn địa bàn thay cho từng cụm loa", r.vi("targets"), n, maxTargets),
			fmt.Sprintf("schedule has %d targets, at most %d; name areas in place of devices", n, maxTargets))
		w.targets = nil
	}
	for _, t := range w.targets {
		d.targets = append(d.targets, r.target(t))
	}
	for _, s := range w.slots {
		d.slots = append(d.slots, r.slot(s, d.from, d.until)...)
	}
	if n := len(d.slots); n == 0 || n > radio.MaxSlots {
		r.problems.add(w.at, fmt.Sprintf("lịch có %d khung giờ, phải từ 1 đến %d", n, radio.MaxSlots),
			fmt.Sprintf("schedule has %d slots, want 1 to %d", n, radio.MaxSlots))
	}
	return d
}

// maxTargets bounds the places one schedule names.
const maxTargets = 1000

func (r *reader) target(t targetText) targetDecl {
	d := targetDecl{area: r.checkCode(t.area), device: r.checkCode(t.device), either: r.checkCode(t.either), at: t.at}
	if !d.either.set() && d.area.set() == d.device.set() {
		r.problems.add(t.at, fmt.Sprintf("nêu một địa bàn (%s) hoặc một cụm loa (%s), đúng một trong hai", r.vi("area"), r.vi("device")), "name an area or a device, exactly one of them")
	}
	return d
}

// slot gives the slots of one line: as many as cron rules are needed to say its times.
func (r *reader) slot(s slotText, from, until radio.Date) []slotDecl {
	d := slotDecl{code: r.checkCode(r.needed("code", s.code, s.at)), cron: s.cron}
	var rules []string
	var w when
	switch {
	case s.now:
		d.now, d.cron = true, text{s: nowRule, at: s.at}
		if s.when != nil || s.cron.set() {
			r.problems.add(s.at, "phát ngay thì không ghi giờ, ngày hay quy tắc cron", "what plays now has no time, day or cron rule")
		}
	case s.when == nil:
		d.cron = r.needed("cron", s.cron, s.at)
	default:
		w, rules = r.rules(s, from, until)
		d.times, d.dates = true, w.dates
		if d.again = plainNumber(s.when.again); d.again > 0 {
			d.every = plainNumber(s.when.every)
		}
	}
	for _, it := range s.items {
		d.items = append(d.items, itemDecl{
			code:     r.checkCode(r.needed("code", it.code, it.at)),
			bulletin: r.checkCode(r.needed("bulletin", it.bulletin, it.at)),
			repeat:   r.checkNumberOr("repeat", it.repeat, 1, 1, radio.MaxRepeat),
			gap:      r.checkDuration("gap", it.gap, 0, radio.MaxGapMS*time.Millisecond, time.Millisecond),
			variants: r.variants(it),
		})
	}
	if n := len(d.items); n == 0 || n > radio.MaxSlotItems {
		r.problems.add(s.at, fmt.Sprintf("khung giờ có %d mục, phải từ 1 đến %d; mỗi mục là một bản tin", n, radio.MaxSlotItems),
			fmt.Sprintf("slot has %d items, want 1 to %d", n, radio.MaxSlotItems))
	}
	if len(rules) == 0 {
		return []slotDecl{d}
	}
	out := make([]slotDecl, len(rules))
	for i, rule := range rules {
		out[i] = d
		out[i].cron.s, out[i].part = rule, i
	}
	return out
}

// needed is text that must be there; at is where it is missing.
func (r *reader) needed(key string, t text, at Pos) text {
	switch {
	case !t.set():
		r.problems.add(at, "thiếu "+r.vi(key), "missing "+r.en(key))
	case t.s != "":
	case t.at.Cell != "": // the place names the field
		r.problems.add(t.at, "không được để trống", "must not be empty")
	default:
		r.problems.add(t.at, r.vi(key)+" để trống", r.en(key)+" is empty")
	}
	return t
}

// checkNumberOr is checkNumber with def for what is not there.
func (r *reader) checkNumberOr(key string, t text, def, min, max int) int {
	if !t.set() {
		return def
	}
	return r.checkNumber(key, t, def, min, max)
}

// checkDuration takes "120s" or "2m", from 0 to max, in whole units of unit.
func (r *reader) checkDuration(key string, t text, def, max, unit time.Duration) time.Duration {
	if !t.set() {
		return def
	}
	d, err := time.ParseDuration(t.s)
	if err == nil && d >= 0 && d <= max && d%unit == 0 {
		return d
	}
	seconds, exampleVI, exampleEN := strconv.FormatFloat(max.Seconds(), 'f', -1, 64), "ví dụ 120s hoặc 2m", "120s or 2m, say"
	if r.form != yamlFile { // forms and tables take plain seconds
		exampleVI, exampleEN = "ví dụ 120", "120, say"
		t.s = strings.TrimSuffix(t.s, "s")
	}
	if unit < time.Second {
		r.problems.add(t.at, fmt.Sprintf("%s %q: phải là số giây từ 0 đến %s, lẻ đến phần nghìn, %s", r.vi(key), clip(t.s), seconds, exampleVI),
			fmt.Sprintf("%s %q: want seconds from 0 to %s, to the thousandth; %s", r.en(key), clip(t.s), seconds, exampleEN))
		return def
	}
	r.problems.add(t.at, fmt.Sprintf("%s %q: phải là số giây nguyên từ 0 đến %s, %s", r.vi(key), clip(t.s), seconds, exampleVI),
		fmt.Sprintf("%s %q: want whole seconds from 0 to %s; %s", r.en(key), clip(t.s), seconds, exampleEN))
	return def
}

// checkDates takes dates without repetition.
func (r *reader) checkDates(ts []text, max int) []radio.Date {
	var out []radio.Date
	seen := map[radio.Date]bool{}
	for _, t := range ts {
		d := r.checkDate(t)
		switch {
		case d == "":
		case seen[d]:
			r.problems.add(t.at, fmt.Sprintf("ngày %s lặp lại", d), fmt.Sprintf("date %s stands twice", d))
		case len(out) == max:
			r.problems.add(t.at, fmt.Sprintf("quá %d ngày", max), fmt.Sprintf("more than %d dates", max))
			return out
		default:
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}

// checkRange takes the first and the last day, either may be open.
func (r *reader) checkRange(a, b text) (from, until radio.Date) {
	if a.set() {
		from = r.checkDate(a)
	}
	if b.set() {
		until = r.checkDate(b)
	}
	if from != "" && until != "" && until < from {
		r.problems.add(b.at, fmt.Sprintf("%s (%s) đứng trước %s (%s)", r.vi("until"), day(until), r.vi("from"), day(from)), fmt.Sprintf("%s %s is before %s %s", r.en("until"), until, r.en("from"), from))
	}
	return from, until
}

// checkPriority takes normal or priority. Emergency is refused with its reason
// (design §3): it exists only as an Alert.
func (r *reader) checkPriority(t text) radio.Priority {
	switch p := radio.Priority(t.s); {
	case !t.set() || p == radio.Normal:
		return radio.Normal
	case p == radio.Prior:
		return radio.Prior
	case p == radio.Emergency:
		r.problems.add(t.at, "lịch không được mang mức khẩn cấp: khẩn cấp chỉ phát bằng lệnh khẩn cấp",
			"a schedule cannot be emergency: an emergency goes out only as an alert")
	default:
		r.problems.add(t.at, fmt.Sprintf("%s %q: chỉ có thông thường (normal) hoặc ưu tiên (priority)", r.vi("priority"), clip(t.s)),
			fmt.Sprintf("%s %q: want normal or priority", r.en("priority"), clip(t.s)))
	}
	return radio.Normal
}
