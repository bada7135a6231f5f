package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// The ways people say when that one cron rule cannot: dates of several months or years,
// times that come again, times that need several rules.

// maxEvery bounds the minutes between the times that come again.
const maxEvery = 12 * 60

// dateFields writes the last three fields of a rule that comes on all of the dates; on
// which others it would come too, the dates beside it say.
func dateFields(dates []radio.Date) string {
	var days, months []int
	for _, d := range dates {
		t, err := time.Parse(time.DateOnly, string(d))
		if err != nil {
			continue // checked where it was read
		}
		days, months = append(days, t.Day()), append(months, int(t.Month()))
	}
	slices.Sort(days)
	slices.Sort(months)
	days, months = slices.Compact(days), slices.Compact(months)
	fields := numbers(days) + " " + numbers(months) + " *"
	if timetable.CheckRule("0 0 "+fields, "UTC") != nil { // only 29 February
		return numbers(days) + " * *"
	}
	return fields
}

// onDates gives the dates, whichever way they are said.
func (w when) onDates() []radio.Date {
	if w.day != "" {
		return []radio.Date{w.day}
	}
	return w.dates
}

// dates takes the dates of a line. One that the schedule's days leave only once needs no
// more than a rule.
func (r *reader) dates(w *when, s slotText, from, until radio.Date) {
	texts := s.when.dates
	if s.when.day.set() {
		texts = append(slices.Clone(texts), s.when.day)
	}
	for _, t := range texts {
		d := r.checkDate(t)
		switch {
		case d == "":
		case from != "" && d < from || until != "" && d > until:
			r.problems.add(t.at, fmt.Sprintf("ngày %s nằm ngoài thời gian của lịch", d), fmt.Sprintf("date %s is outside the schedule's days", d))
		case slices.Contains(w.dates, d):
			r.problems.add(t.at, fmt.Sprintf("ngày %s lặp lại", d), fmt.Sprintf("date %s stands twice", d))
		case len(w.dates) == radio.MaxSlotDates:
			r.problems.add(t.at, fmt.Sprintf("quá %d ngày", radio.MaxSlotDates), fmt.Sprintf("more than %d dates", radio.MaxSlotDates))
			return
		default:
			w.dates = append(w.dates, d)
		}
	}
	slices.Sort(w.dates)
	if len(w.dates) != 1 {
		return
	}
	d, err := time.Parse(time.DateOnly, string(w.dates[0]))
	if err != nil || d.Month() == time.February && d.Day() == 29 {
		return
	}
	if once, ok := theDate(strconv.Itoa(d.Day()), strconv.Itoa(int(d.Month())), from, until); ok && once == w.dates[0] {
		w.day, w.dates = once, nil
	}
}

// again adds to the times of a line those that come again.
func (r *reader) again(w *when, s slotText) {
	n := r.checkNumberOr("again", s.when.again, 0, 0, radio.MaxAgain)
	every := r.checkNumberOr("every_minutes", s.when.every, 0, 0, maxEvery)
	if n > 0 && every == 0 {
		at := s.when.every.at
		if !s.when.every.set() {
			at = s.when.again.at
		}
		r.problems.add(at, "phát lại thì phải ghi cách nhau mấy phút", "what comes again needs the minutes between")
		return
	}
	if n == 0 {
		return
	}
	first := w.times
	w.times = nil
	for _, t := range first {
		for k := range n + 1 {
			at := t + radio.TimeOfDay(k*every)
			switch {
			case at >= 24*60:
				r.problems.add(s.when.again.at, fmt.Sprintf("phát lại từ %s, %d lần cách nhau %d phút, quá nửa đêm: bớt số lần, hoặc ghi giờ sau nửa đêm ở khung khác", t, n, every),
					fmt.Sprintf("from %s %d times more, %d minutes apart, runs past midnight: take fewer, or another slot for what comes after it", t, n, every))
				return
			case slices.Contains(w.times, at):
				r.problems.add(s.when.again.at, fmt.Sprintf("phát lại trùng giờ %s", at), fmt.Sprintf("the times that come again meet at %s", at))
				return
			}
			w.times = append(w.times, at)
		}
	}
	slices.Sort(w.times)
	if len(w.times) > maxTimes {
		r.problems.add(s.when.again.at, fmt.Sprintf("cả lần phát lại là %d giờ phát, nhiều nhất %d", len(w.times), maxTimes), fmt.Sprintf("%d times with those that come again, at most %d", len(w.times), maxTimes))
	}
}

// firsts gives the times of which the others are repetitions; ok is false when they are not.
func firsts(times []radio.TimeOfDay, again, every int) (out []radio.TimeOfDay, ok bool) {
	left := slices.Clone(times)
	for len(left) > 0 {
		first := left[0]
		for k := range again + 1 {
			i := slices.Index(left, first+radio.TimeOfDay(k*every))
			if i < 0 {
				return nil, false
			}
			left = slices.Delete(left, i, i+1)
		}
		out = append(out, first)
	}
	return out, true
}

// readSlot is readRule for a slot, whose dates may stand beside the rule.
func readSlot(sl radio.Slot, from, until radio.Date) (w when, ok bool) {
	if len(sl.Dates) == 0 {
		return readRule(sl.Cron, from, until)
	}
	f := strings.Fields(sl.Cron)
	if len(f) != 5 || strings.Join(f[2:], " ") != dateFields(sl.Dates) {
		return w, false
	}
	w, ok = readRule(f[0]+" "+f[1]+" * * *", from, until)
	w.dates = sl.Dates
	return w, ok
}

// line is what a form shows as one slot: a slot, or the several it was split into because
// its times take several rules.
type line struct {
	slots []radio.Slot
	when
	shown bool // by times and days; else by its rule
}

// lines puts slots together again that one line of a form says.
func lines(slots []radio.Slot, from, until radio.Date) []line {
	var out []line
	for len(slots) > 0 {
		l := firstLine(slots, from, until)
		out = append(out, l)
		slots = slots[len(l.slots):]
	}
	return out
}

func firstLine(slots []radio.Slot, from, until radio.Date) line {
	head := slots[0]
	if head.Now {
		return line{slots: slots[:1]}
	}
	w, ok := readSlot(head, from, until)
	alone := line{slots: slots[:1], when: w, shown: ok}
	if !ok {
		return alone
	}
	best := alone
	for n := 2; n <= len(slots); n++ {
		sl := slots[n-1]
		next, ok := readSlot(sl, from, until)
		if !ok || sl.Now || sl.Code != partCode(head.Code, n) || !next.sameDays(w) || sl.Again != head.Again || sl.EveryMinutes != head.EveryMinutes || !sameItems(sl.Items, head.Items) {
			break
		}
		w.times = append(slices.Clone(w.times), next.times...)
		slices.Sort(w.times)
		if len(w.times) > maxTimes {
			break
		}
		if rules := w.rules(); slices.EqualFunc(rules, slots[:n], func(rule string, sl radio.Slot) bool { return rule == sl.Cron }) {
			best = line{slots: slots[:n], when: w, shown: true}
		}
	}
	return best
}

// partCode names the n-th of the slots of one line.
func partCode(code string, n int) string {
	if len(code) > 60 {
		code = strings.TrimRight(code[:60], ".-")
	}
	return fmt.Sprintf("%s-%d", code, n)
}

// sameItems: slots of one line have the same positions, under ids of their own.
func sameItems(a, b []radio.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y radio.Entry) bool {
		return x.Code == y.Code && x.Kind == y.Kind && x.Bulletin == y.Bulletin && x.Repeat == y.Repeat && x.GapMS == y.GapMS && slices.Equal(x.Variants, y.Variants)
	})
}

// form shows the line's times and days.
func (l line) form(s *radio.FormSlot) {
	head := l.slots[0]
	s.Code = head.Code
	if head.Now {
		s.Now = true
		return
	}
	if len(l.slots) == 1 && len(head.Dates) == 0 {
		s.Cron = head.Cron
	}
	if !l.shown {
		s.Cron = head.Cron
		s.Dates = head.Dates
		return
	}
	times := l.times
	if head.Again > 0 {
		if first, ok := firsts(times, head.Again, head.EveryMinutes); ok {
			times, s.Again, s.EveryMinutes = first, head.Again, head.EveryMinutes
		}
	}
	for _, t := range times {
		s.Times = append(s.Times, t.String())
	}
	s.Weekdays, s.MonthDays = l.weekdays, l.monthDays
	if dates := l.onDates(); len(dates) == 1 {
		s.Day = dates[0]
	} else {
		s.Dates = dates
	}
}

// keepRule keeps a slot's rule as it was written when the new one says the same.
func keepRule(was radio.Slot, is *radio.Slot, s *radio.Schedule) {
	a, ok1 := readSlot(was, s.From, s.Until)
	b, ok2 := readSlot(*is, s.From, s.Until)
	if ok1 && ok2 && a.equal(b) {
		is.Cron, is.Dates = was.Cron, was.Dates
	}
}
