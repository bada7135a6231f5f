package timetable

import (
	"errors"
	"time"

	"loaxa/internal/radio"
)

// Next gives the first instant at or after from at which a slot of a schedule comes
// due, looking a year ahead; false when it does not. What a device drops then (overlap,
// permitted hours) is not asked here.
func Next(s radio.Schedule, sl radio.Slot, from time.Time) (time.Time, bool) {
	zone, err := LoadZone(s.Zone)
	if err != nil {
		return time.Time{}, false
	}
	p := radio.ProgrammeSlot{Cron: sl.Cron, From: s.From, Until: s.Until, Except: s.Except, Dates: sl.Dates}
	t := &Timetable{zone: zone}
	one, err := newSlot(&radio.Programme{}, p)
	if err != nil {
		return time.Time{}, false
	}
	if first, ok := civilDay(s.From); ok {
		if begin := zone.firstFrom(first); begin.After(from) {
			from = begin
		}
	}
	if len(sl.Dates) > 0 {
		if first, ok := civilDay(sl.Dates[0]); ok {
			if begin := zone.firstFrom(first); begin.After(from) {
				from = begin
			}
		}
	}
	var found time.Time
	err = t.instants(&one, from, from.AddDate(1, 0, 0), func(at time.Time) error {
		found = at
		return errFound
	})
	return found, errors.Is(err, errFound)
}

var errFound = errors.New("found")
