package schedule

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

// The flat table of CSV and XLSX: a row is one item of one slot. What belongs to the
// schedule, or to the slot, stands in its first row and may be left empty or repeated
// in the rows below.

// column is one heading, in both languages.
type column struct{ key, vi, en string }

var columns = []column{
	{"code", "Mã lịch", "schedule"},
	{"title", "Tên lịch", "title"},
	{"area", "Địa bàn quản lý", "area"},
	{"campaign", "Đợt tuyên truyền", "campaign"},
	{"priority", "Mức ưu tiên", "priority"},
	{"targets", "Nơi phát", "targets"},
	{"from", "Từ ngày", "from"},
	{"until", "Đến ngày", "until"},
	{"except", "Trừ các ngày", "except"},
	{"grace", "Trễ tối đa (giây)", "grace"},
	{"slot", "Mã khung", "slot"},
	{"times", "Giờ phát", "times"},
	{"days", "Ngày phát", "days"},
	{"again", "Phát lại (lần)", "again"},
	{"every_minutes", "Cách nhau (phút)", "every_minutes"},
	{"cron", "Quy tắc cron", "cron"},
	{"item", "Mã mục", "item"},
	{"bulletin", "Mã bản tin", "bulletin"},
	{"repeat", "Số lần", "repeat"},
	{"gap", "Nghỉ giữa (giây)", "gap"},
	{"variants", "Bản riêng", "variants"},
}

const (
	// maxRows bounds a table, headings included.
	maxRows = 5000
	// maxColumns is where a row is cut; what stands beyond has no heading.
	maxColumns = 64
	// maxCellBytes bounds one cell.
	maxCellBytes = 128 << 10
)

// grid is a table as it was read: cells of text, each with its place. Rows and cells
// that are empty are the zero text.
type grid [][]text

// tableReader turns a grid into schedules.
type tableReader struct {
	r    *reader
	cols map[string]int
}

// table reads the schedules of a grid; what is wrong lands in r.problems.
func (r *reader) table(g grid, where func(row, col int) Pos) []scheduleText {
	head := slices.IndexFunc(g, func(row []text) bool { return slices.ContainsFunc(row, text.filled) })
	if head < 0 {
		r.problems.add(where(0, 0), "bảng trống", "the table is empty")
		return nil
	}
	r.form = tableFile
	t := &tableReader{r: r, cols: map[string]int{}}
	if !t.headings(g[head], where(head, 0)) {
		return nil
	}
	var out []scheduleText
	bySchedule := map[string]int{}
	for i, row := range g[head+1:] {
		if !slices.ContainsFunc(row, text.filled) {
			continue
		}
		at := where(head+1+i, 0)
		code := t.cell(row, "code")
		if !code.set() {
			r.problems.add(at, fmt.Sprintf("thiếu %q của lịch", columns[0].vi), "missing the schedule's code")
			continue
		}
		n, known := bySchedule[code.s]
		if !known {
			n = len(out)
			bySchedule[code.s] = n
			out = append(out, scheduleText{at: code.at, form: tableFile, code: code})
		}
		t.row(&out[n], row, at, !known)
	}
	return out
}

func (t text) filled() bool { return t.set() }

// headings finds the columns; unknown ones are refused, because a column nobody reads
// is a column somebody relies on.
func (t *tableReader) headings(row []text, at Pos) bool {
	return t.find(row, at, columns, "code", "title", "targets", "slot", "bulletin")
}

// find finds the columns of a table; must are those it cannot be read without.
func (t *tableReader) find(row []text, at Pos, columns []column, must ...string) bool {
	ok := true
	for i, h := range row {
		if !h.set() {
			continue
		}
		c := slices.IndexFunc(columns, func(c column) bool {
			name := fold(h.s)
			return name == fold(c.vi) || name == c.en
		})
		switch {
		case c < 0:
			t.r.problems.add(h.at, fmt.Sprintf("không có cột %q", clip(h.s)), fmt.Sprintf("unknown column %q", clip(h.s)))
			ok = false
		case t.has(columns[c].key):
			t.r.problems.add(h.at, fmt.Sprintf("cột %q lặp lại", clip(h.s)), fmt.Sprintf("column %q stands twice", clip(h.s)))
			ok = false
		default:
			t.cols[columns[c].key] = i
		}
	}
	for _, c := range columns {
		if !t.has(c.key) && slices.Contains(must, c.key) {
			t.r.problems.add(at, fmt.Sprintf("thiếu cột %q", c.vi), fmt.Sprintf("missing column %q", c.en))
			ok = false
		}
	}
	return ok
}

// fold lets a heading be written with other letters' case and space.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFC.String(s))), " ")
}

func (t *tableReader) has(key string) bool { _, ok := t.cols[key]; return ok }

// cell takes a cell's text; the zero text when it is empty or has no column.
func (t *tableReader) cell(row []text, key string) text {
	i, ok := t.cols[key]
	if !ok || i >= len(row) || !row[i].set() {
		return text{}
	}
	v := row[i]
	if slices.Contains([]string{"targets", "except", "times", "days", "variants"}, key) {
		v.s = strings.NewReplacer("\r\n", ", ", "\n", ", ").Replace(v.s) // a list, one a line
	}
	return t.r.clean(v)
}

// row adds one row to its schedule.
func (t *tableReader) row(w *scheduleText, row []text, at Pos, first bool) {
	once := func(field *text, key string, mend func(text) text) {
		v := mend(t.cell(row, key))
		switch {
		case !v.set():
		case first:
			*field = v
		case !field.set() || field.s != v.s:
			t.r.differs(v, key, "lịch", "schedule")
		}
	}
	same := func(v text) text { return v }
	once(&w.title, "title", same)
	once(&w.area, "area", same)
	once(&w.campaign, "campaign", same)
	once(&w.priority, "priority", priorityWord)
	once(&w.from, "from", dateWord)
	once(&w.until, "until", dateWord)
	once(&w.grace, "grace", secondsWord)
	targets, except := t.cell(row, "targets"), t.cell(row, "except")
	if first {
		w.targets, w.except = targetWords(targets), split(except, dateWord)
	} else {
		if targets.set() && !sameTexts(codesOf(w.targets), codesOf(targetWords(targets))) {
			t.r.differs(targets, "targets", "lịch", "schedule")
		}
		if except.set() && !sameTexts(w.except, split(except, dateWord)) {
			t.r.differs(except, "except", "lịch", "schedule")
		}
	}
	t.slot(w, row, at)
}

func (r *reader) differs(v text, key, vi, en string) {
	i := slices.IndexFunc(columns, func(c column) bool { return c.key == key })
	r.problems.add(v.at, fmt.Sprintf("%s %q khác dòng đầu của %s này", columns[i].vi, clip(v.s), vi),
		fmt.Sprintf("%s %q differs from the first row of this %s", columns[i].en, clip(v.s), en))
}

func (t *tableReader) slot(w *scheduleText, row []text, at Pos) {
	code := t.cell(row, "slot")
	if !code.set() {
		t.r.problems.add(at, fmt.Sprintf("thiếu %q của khung giờ", t.r.vi("slot")), "missing the slot's code")
		return
	}
	i := slices.IndexFunc(w.slots, func(s slotText) bool { return s.code.s == code.s })
	times, days, cron := t.cell(row, "times"), t.cell(row, "days"), t.cell(row, "cron")
	again, every := t.cell(row, "again"), t.cell(row, "every_minutes")
	if i < 0 {
		i = len(w.slots)
		w.slots = append(w.slots, slotText{at: code.at, code: code, cron: cron})
		if cron.set() && (times.set() || days.set() || again.set() || every.set()) {
			t.r.problems.add(cron.at, "ghi giờ phát và ngày phát, hoặc quy tắc cron, không ghi cả hai", "give times and days, or a cron rule, not both")
		}
		if !cron.set() {
			w.slots[i].when = t.r.whenWords(times, days)
			w.slots[i].when.again, w.slots[i].when.every = again, every
		}
	} else {
		s := w.slots[i]
		if cron.set() && cron.s != s.cron.s {
			t.r.differs(cron, "cron", "khung", "slot")
		}
		if s.when != nil && (times.set() || days.set()) {
			here := t.r.whenWords(times, days)
			if times.set() && !sameTexts(here.times, s.when.times) {
				t.r.differs(times, "times", "khung", "slot")
			}
			if days.set() && !(sameTexts(here.weekdays, s.when.weekdays) && sameTexts(here.monthDays, s.when.monthDays) && sameTexts(here.dates, s.when.dates)) {
				t.r.differs(days, "days", "khung", "slot")
			}
		}
		if s.when != nil && again.set() && again.s != s.when.again.s {
			t.r.differs(again, "again", "khung", "slot")
		}
		if s.when != nil && every.set() && every.s != s.when.every.s {
			t.r.differs(every, "every_minutes", "khung", "slot")
		}
	}
	s := &w.slots[i]
	it := itemText{at: at, code: t.cell(row, "item"), bulletin: t.cell(row, "bulletin"), repeat: t.cell(row, "repeat"), gap: secondsWord(t.cell(row, "gap")), variants: t.r.variantWords(t.cell(row, "variants"))}
	if !it.code.set() {
		// A position may go without a name: then it is its number.
		it.code = text{s: "muc-" + strconv.Itoa(len(s.items)+1), at: at}
	}
	s.items = append(s.items, it)
}

func sameTexts(a, b []text) bool {
	return slices.EqualFunc(a, b, func(x, y text) bool { return x.s == y.s })
}

func codesOf(ts []targetText) []text {
	out := make([]text, len(ts))
	for i, t := range ts {
		out[i] = text{s: "area " + t.area.s + " device " + t.device.s + " either " + t.either.s}
	}
	return out
}

// split cuts a cell at commas, semicolons and new lines.
func split(t text, mend func(text) text) []text {
	var out []text
	for part := range strings.FieldsFuncSeq(t.s, func(c rune) bool { return strings.ContainsRune(",;\n\r", c) }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, mend(text{s: part, at: t.at}))
		}
	}
	return out
}

// targetWords reads codes; "cụm:" or "device:" says that one is a device's, "địa bàn:"
// or "area:" that it is an area's.
func targetWords(t text) []targetText {
	var out []targetText
	for _, part := range split(t, func(t text) text { return t }) {
		kind, code, named := strings.Cut(part.s, ":")
		d := targetText{at: t.at}
		switch v := (text{s: strings.TrimSpace(code), at: t.at}); {
		case named && slices.Contains([]string{"cụm", "cụm loa", "device"}, fold(kind)):
			d.device = v
		case named && slices.Contains([]string{"địa bàn", "area"}, fold(kind)):
			d.area = v
		default:
			d.either = part
		}
		out = append(out, d)
	}
	return out
}

func priorityWord(t text) text {
	switch fold(t.s) {
	case "thông thường", "thường":
		t.s = string(radio.Normal)
	case "ưu tiên":
		t.s = string(radio.Prior)
	case "khẩn cấp":
		t.s = string(radio.Emergency)
	}
	return t
}

// dateWord takes 31/12/2026 too, as people write it.
func dateWord(t text) text {
	for _, form := range []string{"2/1/2006", "2-1-2006", "2.1.2006"} {
		if d, err := time.Parse(form, t.s); err == nil {
			t.s = d.Format(time.DateOnly)
			break
		}
	}
	return t
}

// secondsWord takes a plain number as seconds, with a point or a comma.
func secondsWord(t text) text {
	n := strings.Replace(t.s, ",", ".", 1)
	if _, err := strconv.ParseFloat(n, 64); t.set() && err == nil && strings.IndexFunc(n, func(c rune) bool { return c != '.' && (c < '0' || c > '9') }) < 0 {
		t.s = n + "s"
	}
	return t
}

// weekdayWords are the days as people write them, Monday first.
var weekdayWords = [...][]string{
	{"t2", "thứ 2", "thứ hai", "mon", "monday"}, {"t3", "thứ 3", "thứ ba", "tue", "tuesday"}, {"t4", "thứ 4", "thứ tư", "wed", "wednesday"},
	{"t5", "thứ 5", "thứ năm", "thu", "thursday"}, {"t6", "thứ 6", "thứ sáu", "fri", "friday"}, {"t7", "thứ 7", "thứ bảy", "sat", "saturday"},
	{"cn", "chủ nhật", "sun", "sunday"},
}

func weekdayOf(word string) int {
	return 1 + slices.IndexFunc(weekdayWords[:], func(names []string) bool { return slices.Contains(names, fold(word)) })
}

// whenWords reads times and days: "05:00, 17:00" with "T2-T7", "T2, CN", "ngày 1, 15",
// "17/09/2026, 20/09/2026" or "hằng ngày".
func (r *reader) whenWords(times, days text) *whenText {
	w := &whenText{times: split(times, timeWord)}
	body := fold(days.s)
	list, monthly := strings.CutPrefix(body, "ngày ")
	switch {
	case !days.set(), body == "hằng ngày", body == "hàng ngày", body == "mỗi ngày", body == "daily", body == "every day":
		return w
	case !monthly:
		if dates := split(days, dateWord); len(dates) > 0 && isDate(dates[0].s) {
			w.dates = dates
			return w
		}
		list = body
	}
	if list, monthly = cutAny(list, monthly, "day ", "days "); monthly {
		for _, t := range split(text{s: list, at: days.at}, func(t text) text { return t }) {
			w.monthDays = append(w.monthDays, r.span(t, 31, func(s string) int { n, _ := strconv.Atoi(s); return n })...)
		}
		return w
	}
	for _, t := range split(text{s: list, at: days.at}, func(t text) text { return t }) {
		w.weekdays = append(w.weekdays, r.span(t, 7, weekdayOf)...)
	}
	return w
}

func cutAny(s string, already bool, prefixes ...string) (string, bool) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	return s, already
}

func isDate(s string) bool { _, err := radio.ParseDate(s); return err == nil }

// span reads one day or "T2-T7".
func (r *reader) span(t text, high int, number func(string) int) []text {
	a, b, ranged := strings.Cut(strings.ReplaceAll(t.s, "–", "-"), "-")
	first := number(strings.TrimSpace(a))
	last := first
	if ranged {
		last = number(strings.TrimSpace(b))
	}
	if first < 1 || last < first || last > high {
		r.problems.add(t.at, fmt.Sprintf("ngày phát %q: viết T2-T7, CN, hằng ngày, ngày 1, 15 hoặc 17/09/2026, 20/09/2026", clip(t.s)),
			fmt.Sprintf("days %q: write Mon-Sat, Sun, daily, day 1, 15 or 2026-09-17, 2026-09-20", clip(t.s)))
		return nil
	}
	var out []text
	for n := first; n <= last; n++ {
		out = append(out, text{s: strconv.Itoa(n), at: t.at})
	}
	return out
}

var timeForm = regexp.MustCompile(`^(\d{1,2})(?:h|:)(\d{2})?(?::00)?$`)

// timeWord takes 5:00, 5h, 5h30 and 05:00:00 too.
func timeWord(t text) text {
	if m := timeForm.FindStringSubmatch(strings.ToLower(t.s)); m != nil {
		t.s = ("0" + m[1])[len(m[1])-1:] + ":" + cmp.Or(m[2], "00")
	}
	return t
}
