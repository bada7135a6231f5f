package preview

import (
	"fmt"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// vetoed says which part of the policy refuses an airing.
func (s *survey) vetoed(f *finding, g *group, a radio.PreviewAiring, hours timetable.Hours) {
	policy := g.policy.On(s.zone.Date(a.Start.Time()))
	f.kind, f.what, f.extra = radio.ConflictHours, whatOutside, hoursText(policy.Windows)
	switch a.Veto {
	case radio.VetoQuiet:
		f.what, f.extra = whatQuiet, hoursText(policy.Quiet)
	case radio.VetoMourning:
		f.what = whatMourning
	case radio.VetoSessions:
		f.what, f.extra = whatSessions, fmt.Sprint(policy.MaxSessions)
	case radio.VetoMinutes:
		f.what, f.extra = whatMinutes, fmt.Sprint(policy.MaxMinutes)
	case radio.VetoException:
		e, ok := g.policy.ExceptionOn(s.zone.Date(a.Start.Time()))
		if !ok { // it would sound on into one
			e, _ = g.policy.ExceptionOn(s.zone.Date(a.End().Time()))
		}
		f.what, f.extra = whatException, exceptionText(e)
	default:
		if _, until := hours.Permits(a.Start.Time(), a.End().Time()); until.After(a.Start.Time()) {
			f.what = whatCrosses
		}
	}
}

// takes notes that an airing of a schedule asked about uses up something of its day.
func (s *survey) takes(counted map[radio.Date]radio.ScheduleID, a radio.PreviewAiring) {
	if d := s.zone.Date(a.Start.Time()); a.Outcome == "" && counted[d] == "" {
		counted[d] = a.Schedule
	}
}

// crowdedOut looks at an airing of a schedule that stays as it is, which a cap refuses
// after a schedule asked about has had its part of the day.
func (s *survey) crowdedOut(l *ledger, g *group, counted map[radio.Date]radio.ScheduleID, a radio.PreviewAiring) {
	by, ok := counted[s.zone.Date(a.Start.Time())]
	if !ok {
		return
	}
	f := finding{key: key{kind: radio.ConflictHours, schedule: by, with: a.Schedule}, at: a.Start, times: 1}
	policy := g.policy.On(s.zone.Date(a.Start.Time()))
	switch a.Veto {
	case radio.VetoSessions:
		f.what, f.extra = whatOustsSessions, fmt.Sprint(policy.MaxSessions)
	case radio.VetoMinutes:
		f.what, f.extra = whatOustsMinutes, fmt.Sprint(policy.MaxMinutes)
	default:
		return
	}
	l.add(f)
}

// exceptionText names an exception: its label, its dates and, unless it is silent, its
// hours; the same in both languages.
func exceptionText(e radio.PolicyException) string {
	text := quoted(e.Label, "") + " " + dayText(e.From)
	if e.Until != e.From {
		text += "–" + dayText(e.Until)
	}
	if h := hoursText(e.Windows); h != "" {
		text += ", " + h
	}
	return text
}

// dayText writes a date as people do, 06/02/2027.
func dayText(d radio.Date) string {
	if p := strings.Split(string(d), "-"); len(p) == 3 {
		return p[2] + "/" + p[1] + "/" + p[0]
	}
	return string(d)
}

// veto words the findings of exceptions and caps.
func (n names) veto(m merged) (vi, en string) {
	mine, slot, when := n.schedule(m.schedule), n.slot(m.slot), n.at(m.at)
	switch m.what {
	case whatOustsSessions:
		return fmt.Sprintf("Cùng với lịch %s, lịch %s vượt số phiên phát trong ngày (quy định tối đa %s phiên): %s của lịch %[2]s bị thiết bị từ chối, lượt đầu lúc %[5]s.", mine, n.schedule(m.with), m.extra, airingsVI(m), when),
			fmt.Sprintf("Together with schedule %s, schedule %s is more than the sessions a day may have (at most %s): devices will refuse %s of the latter, the first at %s.", mine, n.schedule(m.with), m.extra, airingsEN(m), when)
	case whatOustsMinutes:
		return fmt.Sprintf("Cùng với lịch %s, lịch %s vượt số phút phát trong ngày (quy định tối đa %s phút): %s của lịch %[2]s bị thiết bị từ chối, lượt đầu lúc %[5]s.", mine, n.schedule(m.with), m.extra, airingsVI(m), when),
			fmt.Sprintf("Together with schedule %s, schedule %s is more than the minutes a day may have (at most %s): devices will refuse %s of the latter, the first at %s.", mine, n.schedule(m.with), m.extra, airingsEN(m), when)
	case whatSessions:
		return fmt.Sprintf("Khung giờ %s của lịch %s vượt số phiên phát trong ngày (quy định tối đa %s phiên): %s bị thiết bị từ chối, lượt đầu lúc %s.", slot, mine, m.extra, airingsVI(m), when),
			fmt.Sprintf("Slot %s of schedule %s is more than the sessions a day may have (at most %s): devices will refuse %s, the first at %s.", slot, mine, m.extra, airingsEN(m), when)
	case whatQuiet:
		return fmt.Sprintf("Khung giờ %s của lịch %s rơi vào giờ yên tĩnh riêng của nơi đặt cụm loa (%s): %s bị thiết bị từ chối, lượt đầu lúc %s.", slot, mine, m.extra, airingsVI(m), when),
			fmt.Sprintf("Slot %s of schedule %s falls into quiet hours of the place where devices stand (%s): devices will refuse %s, the first at %s.", slot, mine, m.extra, airingsEN(m), when)
	case whatMinutes:
		return fmt.Sprintf("Khung giờ %s của lịch %s vượt số phút phát trong ngày (quy định tối đa %s phút): %s bị thiết bị từ chối, lượt đầu lúc %s.", slot, mine, m.extra, airingsVI(m), when),
			fmt.Sprintf("Slot %s of schedule %s is more than the minutes a day may have (at most %s): devices will refuse %s, the first at %s.", slot, mine, m.extra, airingsEN(m), when)
	}
	return fmt.Sprintf("Khung giờ %s của lịch %s rơi vào ngày ngoại lệ của quy định khung giờ (%s): %s bị thiết bị từ chối, lượt đầu lúc %s.", slot, mine, m.extra, airingsVI(m), when),
		fmt.Sprintf("Slot %s of schedule %s falls on dates for which the policy has an exception (%s): devices will refuse %s, the first at %s.", slot, mine, m.extra, airingsEN(m), when)
}
