package timetable

import (
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// On lists the instants at which a slot of a schedule comes due on a local date, in order.
func On(s radio.Schedule, sl radio.Slot, date radio.Date) ([]radio.Millis, error) {
	zone, err := LoadZone(s.Zone)
	if err != nil {
		return nil, err
	}
	from, to, err := zone.Day(date)
	if err != nil {
		return nil, err
	}
	return Due(s, sl, from, to)
}

// Due lists the instants at which a slot of a schedule comes due in [from, to), in order.
func Due(s radio.Schedule, sl radio.Slot, from, to time.Time) ([]radio.Millis, error) {
	zone, err := LoadZone(s.Zone)
	if err != nil {
		return nil, err
	}
	if to.Sub(from) > MaxSpan {
		return nil, fmt.Errorf("%w: span from %s to %s, at most %s", radio.ErrInvalid, from, to, MaxSpan)
	}
	one, err := newSlot(&radio.Programme{}, radio.ProgrammeSlot{Cron: sl.Cron, From: s.From, Until: s.Until, Except: s.Except, Dates: sl.Dates})
	if err != nil {
		return nil, err
	}
	var out []radio.Millis
	err = (&Timetable{zone: zone}).instants(&one, from, to, func(at time.Time) error {
		out = append(out, radio.At(at))
		return nil
	})
	return out, err
}

// Instant is the first instant at which the local clock shows a time of a date; an error
// of kind ErrInvalid when it leaps over it.
func (z Zone) Instant(date radio.Date, at radio.TimeOfDay) (radio.Millis, error) {
	day, ok := civilDay(date)
	if !ok || at < 0 || at >= 24*60 {
		return 0, fmt.Errorf("%w: date %.64q, time %s", radio.ErrInvalid, date, at)
	}
	when, ok := z.instant(day.Add(time.Duration(at) * time.Minute))
	if !ok {
		return 0, fmt.Errorf("%w: the clock leaps over %s on %s", radio.ErrInvalid, at, date)
	}
	return radio.At(when), nil
}

// Retimed is a rule that comes once a day, at another time of its days. An error of kind
// ErrInvalid for one that can come more often: which of its times is meant?
func Retimed(rule string, at radio.TimeOfDay) (string, error) {
	n, err := MostPerDay(rule)
	if err != nil {
		return "", err
	}
	if n != 1 || at < 0 || at >= 24*60 {
		return "", fmt.Errorf("%w: the rule %q comes %d times a day, want once; time %s", radio.ErrInvalid, rule, n, at)
	}
	return fmt.Sprintf("%d %d %s", int(at)%60, int(at)/60, strings.Join(strings.Fields(rule)[2:], " ")), nil
}
