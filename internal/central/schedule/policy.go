package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// cap takes a bound of a day, from 1; 0, no bound, when the key is absent.
func (m *mapping) cap(key string, most int) int {
	if _, ok := m.get(key); !ok {
		return 0
	}
	t := m.text(key)
	if !t.set() {
		return 0
	}
	return m.r.checkNumber(key, t, 0, 1, most)
}

// exception takes one of a policy's exceptions, after those before it:
//
//	{label: Quốc khánh, date: 2027-09-02, windows: []}
//	{label: Tết, from: 2027-02-05, until: 2027-02-10, windows: [{from: "08:00", to: "09:00"}]}
func (m *mapping) exception(all []radio.PolicyException) []radio.PolicyException {
	before := len(*m.r.problems)
	e := radio.PolicyException{Label: m.needWords("label", 100).s, Windows: []radio.Window{}}
	date, from, until := m.text("date"), m.text("from"), m.text("until")
	switch {
	case date.set() && !from.set() && !until.set():
		e.From = m.r.checkDate(date)
		e.Until = e.From
	case !date.set() && from.set() && until.set():
		e.From, e.Until = m.r.checkRange(from, until)
	default:
		m.r.problems.add(m.at, "phải nêu date, hoặc from và until", "name a date, or from and until")
	}
	if _, ok := m.get("windows"); !ok {
		m.r.problems.add(m.at, "thiếu windows (khung giờ của các ngày này; [] nghĩa là không phát)", "missing windows (the hours of these dates; [] is silence)")
	}
	m.each("windows", func(m *mapping) {
		if from, to, ok := m.span(); ok {
			e.Windows = append(e.Windows, radio.Window{From: from, To: to})
		}
	})
	if len(*m.r.problems) > before {
		return all
	}
	if err := e.Check(); err != nil {
		m.r.problems.add(m.at, fmt.Sprintf("ngoại lệ phải có nhãn, nhiều nhất %d ngày và %d khung giờ", radio.MaxExceptionDays, radio.MaxExceptionWindows),
			fmt.Sprintf("an exception wants a label, at most %d days and %d windows", radio.MaxExceptionDays, radio.MaxExceptionWindows))
		return all
	}
	if i := slices.IndexFunc(all, func(o radio.PolicyException) bool { return o.Covers(e.From) || e.Covers(o.From) }); i >= 0 {
		m.r.problems.add(m.at, fmt.Sprintf("trùng ngày với ngoại lệ %q", all[i].Label), fmt.Sprintf("it shares a date with exception %q", all[i].Label))
		return all
	}
	if len(all) == radio.MaxExceptions {
		m.r.problems.add(m.at, fmt.Sprintf("quá %d ngoại lệ", radio.MaxExceptions), fmt.Sprintf("more than %d exceptions", radio.MaxExceptions))
		return all
	}
	return append(all, e)
}

// capFields are the fields of a policy's caps and exceptions.
func capFields(p radio.PolicyRule) []field {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	out := []field{{"max_sessions", number(p.MaxSessions)}, {"max_minutes", number(p.MaxMinutes)}}
	for i, e := range p.Exceptions {
		hours := make([]string, len(e.Windows))
		for j, w := range e.Windows {
			hours[j] = fmt.Sprintf("%s–%s", w.From, w.To)
		}
		out = append(out, field{fmt.Sprintf("exception %d", i+1),
			strings.TrimSpace(fmt.Sprintf("%s %s–%s %s", e.Label, e.From, e.Until, strings.Join(hours, ", ")))})
	}
	return out
}

// noteTet warns of policies in the files that say nothing of the Tết to come.
func (b *builder) noteTet(now time.Time) {
	for _, p := range b.change.Policies {
		year, day, ok := p.For("").NoWordOfTet(radio.DateOf(now.UTC()))
		if !ok {
			continue
		}
		name := b.targetName(p.Target)
		b.diff.Notes = append(b.diff.Notes, fmt.Sprintf(
			"quy định khung giờ cho %[1]s không nói gì về Tết %[2]d (mùng 1 là %[3]s): sẽ phát như ngày thường / policy for %[1]s says nothing for Tết %[2]d (first day %[3]s): it will sound as on any day",
			name, year, day))
	}
}
