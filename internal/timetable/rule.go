package timetable

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"loaxa/internal/radio"
)

// MaxRuleLength bounds the text of a cron rule.
const MaxRuleLength = 200

// rule is a parsed cron rule. Its Next is called only with civil times dressed as
// UTC, so that the library never meets a clock change.
type rule = cron.Schedule

// CheckRule refuses a cron rule or zone that a programme could not carry: five
// fields (minute, hour, day of month, month, day of week), no descriptors, no zone
// prefix, never both kinds of day, and at least one occurrence in two years.
func CheckRule(text, zone string) error {
	if _, err := LoadZone(zone); err != nil {
		return err
	}
	_, err := parseRule(text)
	return err
}

// MostPerDay says how often a rule can come due on one day, so that whoever takes in
// a schedule can hold it against MaxAiringsPerDay before a device has to refuse it.
func MostPerDay(text string) (int, error) {
	r, err := parseRule(text)
	if err != nil {
		return 0, err
	}
	spec, ok := r.(*cron.SpecSchedule)
	if !ok {
		return 0, fmt.Errorf("%w: cron rule %q has no fields", radio.ErrInvalid, text)
	}
	// The library marks a "*" in the highest bit; a minute or an hour never reaches it.
	const values = 1<<60 - 1
	return bits.OnesCount64(spec.Minute&values) * bits.OnesCount64(spec.Hour&values), nil
}

func parseRule(text string) (rule, error) {
	bad := func(format string, args ...any) (rule, error) {
		if len(text) > 64 {
			text = text[:64] + "…"
		}
		return nil, fmt.Errorf("%w: cron rule %q: %s", radio.ErrInvalid, text, fmt.Sprintf(format, args...))
	}
	// These come before the library sees the text: it panics on "TZ=0" and takes
	// descriptors for timers of its own.
	switch {
	case len(text) > MaxRuleLength:
		return bad("longer than %d characters", MaxRuleLength)
	case strings.HasPrefix(strings.TrimSpace(text), "@"):
		return bad("descriptors such as @daily are not taken; write five fields")
	case strings.Contains(text, "TZ="):
		return bad("a zone belongs to the schedule, not to the rule")
	}
	if i := strings.IndexFunc(text, notInRule); i >= 0 {
		return bad("%q is not allowed; use digits, names, * , - / and spaces", []rune(text[i:])[0])
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return bad("%d fields, want five: minute, hour, day of month, month, day of week (0 is Sunday)", len(fields))
	}
	// Cron daemons differ on what two restricted days mean (either, or both); we
	// refuse what can be read two ways (design §5).
	if fields[2] != "*" && fields[4] != "*" {
		return bad("day of month and day of week are both set; one of them must be *")
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	r, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return bad("%v (day of week is 0 Sunday to 6 Saturday)", err)
	}
	// Two years without a 29 February, so that the answer is the same on every day
	// the rule is read.
	begin := time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)
	if next := r.Next(begin.Add(-time.Second)); next.IsZero() || !next.Before(begin.AddDate(2, 0, 0)) {
		return bad("it has no occurrence in two years")
	}
	return r, nil
}

func notInRule(c rune) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return false
	}
	return !strings.ContainsRune("*,-/ ", c)
}

// instants calls yield for each instant of the slot's rule in [from, to): the
// rule is stepped on the civil calendar and each civil time is looked up in the
// zone. A civil time the zone leaps over (spring) has no instant that day, one that
// it shows twice (autumn) has its first only: a bulletin is aired once.
func (t *Timetable) instants(s *slot, from, to time.Time, yield func(time.Time) error) error {
	// Clocks are set by two hours at most; what is too early or too late after all
	// is dropped below.
	next, end := t.zone.civil(from).Add(-3*time.Hour), t.zone.civil(to).Add(3*time.Hour)
	if first, ok := civilDay(s.From); ok && first.After(next) {
		next = first
	}
	if n := len(s.Dates); n > 0 {
		if first, ok := civilDay(s.Dates[0]); ok && first.After(next) {
			next = first
		}
		if last, ok := civilDay(s.Dates[n-1]); ok && last.AddDate(0, 0, 1).Before(end) {
			end = last.AddDate(0, 0, 1)
		}
	}
	if last, ok := civilDay(s.Until); ok && last.AddDate(0, 0, 1).Before(end) {
		end = last.AddDate(0, 0, 1)
	}
	for next = s.rule.Next(next.Add(-time.Second)); !next.IsZero() && next.Before(end); next = s.rule.Next(next) {
		if day := radio.DateOf(next); s.except[day] || s.only != nil && !s.only[day] {
			continue
		}
		at, ok := t.zone.instant(next)
		if !ok || at.Before(from) || !at.Before(to) {
			continue
		}
		if err := yield(at); err != nil {
			return err
		}
	}
	for i, m := range s.At {
		at := m.Time()
		if at.Before(from) || !at.Before(to) || slices.Contains(s.At[:i], m) || t.ruled(s, at) {
			continue
		}
		if err := yield(at); err != nil {
			return err
		}
	}
	return nil
}

// ruled says whether the slot's rule gives an instant: what stands there besides is the
// same airing.
func (t *Timetable) ruled(s *slot, at time.Time) bool {
	civil := t.zone.civil(at)
	day := radio.DateOf(civil)
	first, known := t.zone.instant(civil)
	return known && first.Equal(at) && !s.except[day] && (s.only == nil || s.only[day]) && (s.From == "" || s.From <= day) && (s.Until == "" || day <= s.Until) &&
		s.rule.Next(civil.Add(-time.Second)).Equal(civil)
}

// civilDay is the first moment of a date as civil time; false when it is open.
func civilDay(d radio.Date) (time.Time, bool) {
	c, err := time.Parse(time.DateOnly, string(d))
	return c, err == nil
}
