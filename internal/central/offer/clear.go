package offer

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// clear refuses words by which two airings of a slot would come to one instant, where only
// one of them could sound, or by which more airings would stand beside its rule than a
// device takes. What was so before is no reason: it has to be possible to mend it.
func (h *house) clear(words []radio.Decision) error {
	for _, w := range words {
		s := h.schedules[w.Schedule]
		for _, sl := range s.Slots {
			if w.Other != "" || w.Slot != "" && w.Slot != sl.ID {
				continue
			}
			for _, p := range h.parts {
				if err := h.clearSlot(s, sl, p.said, p.said.With(words...)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (h *house) clearSlot(s radio.Schedule, sl radio.Slot, was, will radio.Settlement) error {
	beside, o := 0, h.stands(will, s, sl)
	oldest := h.zone.Date(h.now.AddDate(0, 0, -radio.MaxMoveDays))
	var last radio.Date
	for _, w := range will.Dates(s.ID, sl.ID) {
		if w.Date < oldest || w.Date == last {
			continue
		}
		last = w.Date
		due, err := timetable.On(s, sl, w.Date)
		if err != nil {
			return err
		}
		for _, at := range due {
			if h.time(will, s, sl, o, at).SoundsAt != 0 {
				beside++
			}
		}
	}
	if beside > radio.MaxSlotInstants {
		return refuse("date", fmt.Sprintf("đã trả lời riêng cho quá nhiều lượt phát (nhiều nhất %d): hãy trả lời cho mọi ngày", radio.MaxSlotInstants),
			fmt.Sprintf("too many airings are answered for by themselves (at most %d): answer for every date", radio.MaxSlotInstants))
	}
	before, err := h.twice(was, s, sl)
	if err != nil {
		return err
	}
	after, err := h.twice(will, s, sl)
	if err != nil {
		return err
	}
	for _, x := range after {
		if slices.ContainsFunc(before, func(y meeting) bool { return y.at == x.at }) {
			continue
		}
		const form = "15:04 02/01/2006"
		text := func(m radio.Millis) string { return h.zone.In(m.Time()).Format(form) }
		return refuse("to", fmt.Sprintf("lượt %s và lượt %s của khung giờ này sẽ cùng rơi vào %s, chỉ phát được một lần: hãy chọn giờ khác, hoặc đổi lượt kia trước", text(x.a), text(x.b), text(x.at)),
			fmt.Sprintf("the airings of %s and %s of the slot would both come at %s and sound once: choose another time, or move the other one first", text(x.a), text(x.b), text(x.at)))
	}
	return nil
}

// meeting is one instant at which two airings of a slot come, as they were laid down.
type meeting struct{ at, a, b radio.Millis }

// twice finds the instants still to come at which two airings of a slot meet.
func (h *house) twice(said radio.Settlement, s radio.Schedule, sl radio.Slot) ([]meeting, error) {
	o := h.stands(said, s, sl)
	moved := func(w radio.Decision) bool { return w.Do == radio.DecideMove }
	if !slices.ContainsFunc(said.Dates(s.ID, sl.ID), moved) {
		return nil, nil // a move of every date leaves them a day apart
	}
	ahead := radio.MaxDecisionAhead + 2*radio.MaxMoveDays
	due, err := timetable.Due(s, sl, h.now.Add(-2*radio.MaxMoveDays*24*time.Hour), h.now.AddDate(0, 0, ahead))
	if err != nil {
		return nil, err
	}
	var out []meeting
	first := map[radio.Millis]radio.Millis{}
	for _, laid := range due {
		at := h.time(said, s, sl, o, laid).SoundsAt
		if at <= radio.At(h.now) {
			continue
		}
		if a, known := first[at]; known {
			out = append(out, meeting{at, a, laid})
			continue
		}
		first[at] = laid
	}
	slices.SortFunc(out, func(a, b meeting) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}
