package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// when is a cron rule as a form shows it: times of day with one kind of day. Without
// any kind it is every day.
type when struct {
	times     []radio.TimeOfDay // sorted, each once
	weekdays  []int             // 1 Monday to 7 Sunday
	monthDays []int
	day       radio.Date   // a date that the rule says alone, within the schedule's days
	dates     []radio.Date // in order: dates that must stand beside the rule
}

// maxTimes bounds the times of one line; a rule with more is shown as a rule.
const maxTimes = 24

// rules writes it as cron rules: one for each set of hours that share their minutes,
// because a rule can only say hours × minutes.
func (w when) rules() []string {
	minutes := map[int][]int{} // by hour
	for _, t := range w.times {
		minutes[int(t)/60] = append(minutes[int(t)/60], int(t)%60)
	}
	hours := map[string][]int{} // by minutes
	for _, h := range slices.Sorted(maps.Keys(minutes)) {
		m := numbers(minutes[h])
		hours[m] = append(hours[m], h)
	}
	out := make([]string, 0, len(hours))
	groups := slices.SortedFunc(maps.Keys(hours), func(a, b string) int { return cmp.Compare(hours[a][0], hours[b][0]) })
	for _, m := range groups {
		out = append(out, m+" "+numbers(hours[m])+" "+w.days())
	}
	return out
}

// days writes the last three fields.
func (w when) days() string {
	switch {
	case len(w.dates) > 0:
		return dateFields(w.dates)
	case w.day != "":
		d, err := time.Parse(time.DateOnly, string(w.day))
		if err != nil {
			return "* * *" // checked where it was read
		}
		return fmt.Sprintf("%d %d *", d.Day(), int(d.Month()))
	case len(w.monthDays) > 0:
		return numbers(w.monthDays) + " * *"
	case len(w.weekdays) == 0 || len(w.weekdays) == 7:
		return "* * *"
	}
	days := make([]int, len(w.weekdays))
	for i, d := range w.weekdays {
		days[i] = d % 7 // cron counts from Sunday 0
	}
	slices.Sort(days)
	return "* * " + numbers(days)
}

// numbers writes sorted numbers, three and more in a row as a range.
func numbers(ns []int) string {
	var parts []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", ns[i], ns[j]))
		} else {
			for k := i; k <= j; k++ {
				parts = append(parts, strconv.Itoa(ns[k]))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// readRule turns a rule into what a form shows; ok is false for a rule no form line
// says: it stays as it is written. A rule for one day of one month is that date in the
// one year the schedule's days leave open.
func readRule(rule string, from, until radio.Date) (w when, ok bool) {
	f := strings.Fields(rule)
	if len(f) != 5 || timetable.CheckRule(rule, "UTC") != nil {
		return w, false
	}
	minutes, ok1 := fieldNumbers(f[0], 0, 59)
	hours, ok2 := fieldNumbers(f[1], 0, 23)
	if !ok1 || !ok2 || len(minutes)*len(hours) > maxTimes {
		return w, false
	}
	for _, h := range hours {
		for _, m := range minutes {
			w.times = append(w.times, radio.TimeOfDay(h*60+m))
		}
	}
	switch {
	case f[2] == "*" && f[3] == "*" && f[4] == "*":
		return w, true
	case f[2] == "*" && f[3] == "*":
		days, ok := fieldNumbers(f[4], 0, 6)
		if !ok || len(days) == 7 {
			return w, false // "0-6" is every day, written otherwise
		}
		for _, d := range days {
			w.weekdays = append(w.weekdays, cmp.Or(d, 7))
		}
		slices.Sort(w.weekdays)
		return w, true
	case f[3] == "*" && f[4] == "*":
		w.monthDays, ok = fieldNumbers(f[2], 1, 31)
		return w, ok
	case f[4] == "*":
		w.day, ok = theDate(f[2], f[3], from, until)
		return w, ok
	}
	return w, false
}

// theDate is the only date a day of a month can be between two days.
func theDate(day, month string, from, until radio.Date) (radio.Date, bool) {
	d, err1 := strconv.Atoi(day)
	m, err2 := strconv.Atoi(month)
	first, err3 := time.Parse(time.DateOnly, string(from))
	if err1 != nil || err2 != nil || err3 != nil || until == "" {
		return "", false
	}
	var found []radio.Date
	for year := first.Year(); year <= first.Year()+8; year++ {
		t := time.Date(year, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		if date := radio.DateOf(t); t.Day() == d && date >= from && date <= until {
			found = append(found, date)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

// fieldNumbers reads one field of numbers, lists, ranges and steps; names and "?" are left to
// the rule.
func fieldNumbers(s string, low, high int) ([]int, bool) {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > high {
				return nil, false
			}
			step = n
		}
		a, b := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			n, err := strconv.Atoi(first)
			if err != nil {
				return nil, false
			}
			a, b = n, n
			if ranged {
				if b, err = strconv.Atoi(last); err != nil {
					return nil, false
				}
			} else if stepped {
				b = high
			}
		}
		if a < low || b > high || a > b {
			return nil, false
		}
		for n := a; n <= b; n += step {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), true
}

func (w when) equal(o when) bool {
	return slices.Equal(w.times, o.times) && w.sameDays(o)
}

func (w when) sameDays(o when) bool {
	return slices.Equal(w.weekdays, o.weekdays) && slices.Equal(w.monthDays, o.monthDays) && slices.Equal(w.onDates(), o.onDates())
}

// whenText is a when as somebody wrote it.
type whenText struct {
	times, weekdays, monthDays, dates []text
	day, again, every                 text
}

// rules checks a line's times and days, and gives the cron rules that say them.
func (r *reader) rules(s slotText, from, until radio.Date) (when, []string) {
	before := len(*r.problems)
	w := r.when(s, from, until)
	if len(*r.problems) != before {
		return w, nil
	}
	// A rule that says the same stays as it is written.
	if old, ok := readRule(s.cron.s, from, until); ok && old.equal(w) && len(w.dates) == 0 {
		return w, []string{s.cron.s}
	}
	return w, w.rules()
}

func (r *reader) when(s slotText, from, until radio.Date) (w when) {
	for _, t := range s.when.times {
		v, err := radio.ParseTimeOfDay(t.s)
		switch {
		case err != nil || v == 24*60:
			r.problems.add(t.at, fmt.Sprintf("giờ %q: viết GIỜ:PHÚT từ 00:00 đến 23:59, ví dụ 05:30", clip(t.s)), fmt.Sprintf("time %q: write HH:MM from 00:00 to 23:59", clip(t.s)))
		case slices.Contains(w.times, v):
			r.problems.add(t.at, fmt.Sprintf("giờ %s lặp lại", v), fmt.Sprintf("time %s stands twice", v))
		default:
			w.times = append(w.times, v)
		}
	}
	if n := len(s.when.times); n == 0 || n > maxTimes {
		r.problems.add(s.at, fmt.Sprintf("khung có %d giờ phát, phải từ 1 đến %d", n, maxTimes), fmt.Sprintf("the slot has %d times, want 1 to %d", n, maxTimes))
	}
	slices.Sort(w.times)
	r.again(&w, s)
	w.weekdays = r.dayNumbers(s.when.weekdays, 7)
	w.monthDays = r.dayNumbers(s.when.monthDays, 31)
	kinds := 0
	for _, given := range []bool{len(s.when.weekdays) > 0, len(s.when.monthDays) > 0, s.when.day.set() || len(s.when.dates) > 0} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		r.problems.add(s.at, "chọn một cách: các thứ trong tuần, các ngày trong tháng, hoặc những ngày nhất định", "choose one: days of the week, days of the month, or dates")
	}
	r.dates(&w, s, from, until)
	if len(w.weekdays) == 7 {
		w.weekdays = nil // every day
	}
	return w
}

func (r *reader) dayNumbers(ts []text, high int) []int {
	var out []int
	for _, t := range ts {
		n := r.checkNumber(map[int]string{7: "weekdays", 31: "month_days"}[high], t, 0, 1, high)
		if n != 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
