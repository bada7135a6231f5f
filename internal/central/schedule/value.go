package schedule

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"loaxa/internal/radio"
)

// The values a key can take. Each notes what is wrong at its place and gives the
// zero value then, so that the reading goes on and finds the rest.

// code takes a name that must be there and have the form of a code.
func (m *mapping) code(key string) text { return m.r.checkCode(m.need(key)) }

// ref takes the code of something defined elsewhere, when the key is there.
func (m *mapping) ref(key string) text { return m.r.checkCode(m.text(key)) }

func (r *reader) checkCode(t text) text {
	if t.s != "" && !radio.ValidCode(t.s) {
		r.problems.add(t.at, fmt.Sprintf("mã %q: chỉ dùng a–z, 0–9, dấu chấm, gạch nối, dài 1–64", clip(t.s)),
			fmt.Sprintf("code %q: use 1-64 of a-z, 0-9, dot and hyphen", clip(t.s)))
		t.s = ""
	}
	return t
}

// words takes text for people, at most max characters.
func (m *mapping) words(key string, max int) text { return m.r.checkLength(m.text(key), max) }

// lines takes text for people that may have several lines, at most max characters.
func (m *mapping) lines(key string, max int) text {
	n, ok := m.get(key)
	if !ok {
		return text{}
	}
	t := m.r.words(n, "\n\t")
	t.s = radio.TidyText(t.s)
	return m.r.checkLength(t, max)
}

// needWords is words that must be there.
func (m *mapping) needWords(key string, max int) text { return m.r.checkLength(m.need(key), max) }

func (r *reader) checkLength(t text, max int) text {
	if utf8.RuneCountInString(t.s) > max {
		r.problems.add(t.at, fmt.Sprintf("dài quá %d ký tự", max), fmt.Sprintf("longer than %d characters", max))
	}
	return t
}

func (r *reader) checkNumber(key string, t text, def, min, max int) int {
	n, err := strconv.Atoi(t.s)
	if err != nil || n < min || n > max {
		r.problems.add(t.at, fmt.Sprintf("%s %q: phải là số nguyên từ %d đến %d, ví dụ %d", r.vi(key), clip(t.s), min, max, min),
			fmt.Sprintf("%s %q: want a whole number from %d to %d", r.en(key), clip(t.s), min, max))
		return def
	}
	return n
}

// yes takes true or false; false when the key is absent.
func (m *mapping) yes(key string) bool { return m.r.checkYes(key, m.text(key)) }

func (r *reader) checkYes(key string, t text) bool {
	switch {
	case !t.set() || t.s == "false":
		return false
	case t.s != "true":
		r.problems.add(t.at, r.vi(key)+" phải là true hoặc false", r.en(key)+" must be true or false")
	}
	return t.s == "true"
}

// date takes YYYY-MM-DD; "" when the key is absent.
func (m *mapping) date(key string) radio.Date {
	t := m.text(key)
	if !t.set() {
		return ""
	}
	return m.r.checkDate(t)
}

func (r *reader) checkDate(t text) radio.Date {
	d, err := radio.ParseDate(t.s)
	if err != nil {
		vi, en := "viết NĂM-THÁNG-NGÀY, ví dụ 2026-01-31", "write YYYY-MM-DD, 2026-01-31, say"
		if r.form != yamlFile {
			vi, en = "viết NGÀY/THÁNG/NĂM có thật, ví dụ 31/01/2026", "write a date there is as DD/MM/YYYY or YYYY-MM-DD, 31/01/2026, say"
		}
		r.problems.add(t.at, fmt.Sprintf("ngày %q: %s", clip(t.s), vi), fmt.Sprintf("date %q: %s", clip(t.s), en))
	}
	return d
}

// dates takes a list of dates without repetition.
func (m *mapping) dates(key string, max int) []radio.Date { return m.r.checkDates(m.texts(key), max) }

// dateRange takes from and until, in that order.
func (m *mapping) dateRange() (from, until radio.Date) {
	return m.r.checkRange(m.text("from"), m.text("until"))
}

// timeOfDay takes HH:MM that must be there.
func (m *mapping) timeOfDay(key string) (radio.TimeOfDay, bool) {
	t := m.need(key)
	if t.s == "" {
		return 0, false
	}
	v, err := radio.ParseTimeOfDay(t.s)
	if err != nil {
		m.r.problems.add(t.at, fmt.Sprintf("giờ %q: viết GIỜ:PHÚT từ 00:00 đến 24:00", clip(t.s)),
			fmt.Sprintf("time %q: write HH:MM from 00:00 to 24:00", clip(t.s)))
		return 0, false
	}
	return v, true
}

// span takes from and to; over midnight when from is after to.
func (m *mapping) span() (from, to radio.TimeOfDay, ok bool) {
	from, okFrom := m.timeOfDay("from")
	to, okTo := m.timeOfDay("to")
	if !okFrom || !okTo {
		return 0, 0, false
	}
	if from == to || from == 24*60 || to == 0 {
		m.r.problems.add(m.at,
			fmt.Sprintf("khung giờ từ %s đến %s không rõ; cả ngày viết 00:00 đến 24:00", from, to),
			fmt.Sprintf("span from %s to %s is not clear; the whole day is 00:00 to 24:00", from, to))
		return 0, 0, false
	}
	return from, to, true
}
