package schedule

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Play now (phát ngay): a slot of a draft that has no time of its own. It sounds once, as soon
// as the draft is published; what is on the air always has a date and a time.

// nowLead is what devices have at least to take the new programme in before it sounds; it
// begins on a whole minute, so that the most is a minute more.
const nowLead = time.Minute

// nowRule stands in a slot that has no time yet, until timed gives it one.
const nowRule = "0 0 * * *"

// playNow gives the slots of a draft that play at once their time, as if it were published
// now. Of a copy it is as it would be on the air.
func playNow(s radio.Schedule, now time.Time) (radio.Schedule, error) {
	if !slices.ContainsFunc(s.Slots, func(sl radio.Slot) bool { return sl.Now }) {
		return s, nil
	}
	zone, err := timetable.LoadZone(s.Zone)
	if err != nil {
		return s, err
	}
	w := nowIn(zone, now)
	s.Slots = slices.Clone(s.Slots)
	for i := range s.Slots {
		if s.Slots[i].Now {
			s.Slots[i].Now, s.Slots[i].Cron, s.Slots[i].Dates = false, w.rules()[0], w.dates
		}
	}
	return s, nil
}

func nowIn(zone timetable.Zone, now time.Time) when {
	at := now.Add(nowLead + time.Minute - 1).Truncate(time.Minute)
	return when{times: []radio.TimeOfDay{zone.TimeOfDay(at)}, dates: []radio.Date{zone.Date(at)}}
}

// timedForm is playNow for a file, which holds times only.
func timedForm(f radio.ScheduleForm, zoneName string, now time.Time) radio.ScheduleForm {
	zone, err := timetable.LoadZone(zoneName)
	if err != nil {
		return f
	}
	w := nowIn(zone, now)
	f.Slots = slices.Clone(f.Slots)
	for i := range f.Slots {
		if s := &f.Slots[i]; s.Now {
			s.Now, s.Times, s.Day = false, []string{w.times[0].String()}, w.dates[0]
		}
	}
	return f
}

// checkNow notes slots that play at once on a day that is none of the schedule's.
func (w *world) checkNow(s radio.Schedule, now time.Time) {
	timed, err := playNow(s, now)
	if err != nil {
		return // the zone's problem is noted elsewhere
	}
	for i, sl := range s.Slots {
		if !sl.Now {
			continue
		}
		d := timed.Slots[i].Dates[0]
		if s.From != "" && d < s.From || s.Until != "" && d > s.Until || slices.Contains(s.Except, d) {
			w.problems.add(Pos{Line: i + 1, Cell: fmt.Sprintf("slots[%d].now", i)},
				"hôm nay nằm ngoài các ngày của lịch nên không phát ngay được; sửa ngày của lịch, hoặc chọn ngày giờ",
				"today is none of the schedule's days, so it cannot play now; change the schedule's days, or choose a date and a time")
		}
	}
}
