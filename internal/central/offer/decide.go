package offer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

const (
	// maxWords bounds what is said at once.
	maxWords = 50
	// maxTimesADay: a slot that comes more often is not decided about airing by airing, for
	// each has to stand in the programme by itself.
	maxTimesADay = 24
)

// Decide takes words of a commune, all or none, and has programmes made anew. Only who has
// a role in the commune itself speaks for it: ErrForbidden for others.
func (d *Desk) Decide(ctx context.Context, by radio.Person, commune radio.AreaID, words []radio.Decision) error {
	if !by.MayDecide(commune) {
		return notTheirs()
	}
	if len(words) == 0 || len(words) > maxWords {
		return refuse("decisions", fmt.Sprintf("từ 1 đến %d câu trả lời một lần", maxWords), fmt.Sprintf("want 1 to %d decisions at once", maxWords))
	}
	h, err := d.house(ctx, commune)
	if err != nil {
		return err
	}
	if err := h.speaks(); err != nil {
		return err
	}
	words = slices.Clone(words)
	for i := range words {
		w := &words[i]
		w.N, w.Area, w.By, w.At = 0, commune, by.ID, radio.At(h.now)
		w.Reason = strings.TrimSpace(w.Reason)
		if err := w.Check(); err != nil {
			return err
		}
		if err := h.fits(*w); err != nil {
			return err
		}
	}
	if err := h.clear(words); err != nil {
		return err
	}
	if err := d.keeper.AddDecisions(ctx, words); err != nil {
		return err
	}
	d.changed()
	return nil
}

// SetRule keeps how the commune takes what is sent to it from now on.
func (d *Desk) SetRule(ctx context.Context, by radio.Person, r radio.OfferRule) error {
	if !by.MayDecide(r.Area) {
		return notTheirs()
	}
	if err := r.Check(); err != nil {
		return err
	}
	h, err := d.house(ctx, r.Area)
	if err != nil {
		return err
	}
	if err := h.speaks(); err != nil {
		return err
	}
	r.N, r.By, r.At = 0, by.ID, radio.At(h.now)
	same := func(was radio.OfferRule) bool { return was.Default == r.Default && was.Hours == r.Hours }
	if same(h.said.Rule) && !slices.ContainsFunc(h.parts, func(p part) bool { return !same(p.said.Rule) }) {
		return nil // nothing to write, nobody to name
	}
	if err := d.keeper.PutOfferRule(ctx, r); err != nil {
		return err
	}
	d.changed()
	return nil
}

// speaks refuses words for a commune that was merged: what it said goes on until the one
// that took it speaks, and nobody adds to it.
func (h *house) speaks() error {
	if !h.commune.Ended() {
		return nil
	}
	now, _ := radio.NewAreaTree(h.plan.Areas).Live(h.commune.ID)
	return radio.Refuse(radio.ErrConflict, fmt.Sprintf("%s đã sáp nhập vào %s: người của %s trả lời ở trang của %s.", h.commune.Name, now.Name, now.Name, now.Name),
		fmt.Sprintf("%s was merged into %s: it is answered for there", h.commune.Name, now.Name))
}

func notTheirs() error {
	return radio.Refuse(radio.ErrForbidden, "Chỉ người có vai trò biên tập hoặc duyệt ở chính xã/phường này mới trả lời thay xã/phường.",
		"only an editor or approver of the commune itself answers for it")
}

func refuse(field, vi, en string) error {
	var e radio.Invalid
	e.Add(field, vi, en)
	return e.Err()
}

// fits says what keeps a word from meaning anything here.
func (h *house) fits(w radio.Decision) error {
	s, ok := h.schedules[w.Schedule]
	if !ok {
		return fmt.Errorf("schedule %.30s in commune %s: %w", w.Schedule, h.commune.Code, radio.ErrNotFound)
	}
	if w.Other != "" {
		o, ok := h.schedules[w.Other]
		if !ok {
			return fmt.Errorf("schedule %.30s in commune %s: %w", w.Other, h.commune.Code, radio.ErrNotFound)
		}
		if s.Priority != radio.Prior || o.Priority != radio.Prior {
			return refuse("other", "chỉ xếp thứ tự các lịch ưu tiên", "only priority schedules are put in order")
		}
		return nil
	}
	switch {
	case !h.offered(s):
		return refuse("schedule", "lịch của chính địa phương: hãy sửa ở trang Lịch phát", "a schedule of the commune's own: edit it among the schedules")
	case s.Priority != radio.Normal:
		return refuse("schedule", "lịch ưu tiên thì phát; địa phương chỉ xếp thứ tự khi trùng giờ", "a priority schedule sounds; the commune only puts it in order where it clashes")
	}
	slots := s.Slots
	if w.Slot != "" {
		i := slices.IndexFunc(s.Slots, func(sl radio.Slot) bool { return sl.ID == w.Slot })
		if i < 0 {
			return fmt.Errorf("slot %.30s of schedule %s: %w", w.Slot, s.Code, radio.ErrNotFound)
		}
		slots = s.Slots[i : i+1]
	}
	if w.Do == radio.DecideMove && w.Date == "" {
		if n, err := timetable.MostPerDay(slots[0].Cron); err != nil || n != 1 {
			return refuse("date", "khung giờ này phát nhiều lần một ngày nên không đổi sang một giờ được: hãy chọn ngày và lượt muốn đổi",
				"the slot comes more than once a day and cannot move to one time: choose the date and the airing to move")
		}
	}
	if w.Date != "" && w.Do != radio.DecideUndo {
		return h.fitsDate(w, s, slots)
	}
	return nil
}

// fitsDate: the slot comes on that date, which is neither past nor far off, and where it
// moves to is still to come and free of itself.
func (h *house) fitsDate(w radio.Decision, s radio.Schedule, slots []radio.Slot) error {
	today := h.zone.Date(h.now)
	if last := h.zone.Date(h.now.AddDate(0, 0, radio.MaxDecisionAhead)); w.Date < today || w.Date > last {
		return refuse("date", fmt.Sprintf("ngày từ %s đến %s", today, last), fmt.Sprintf("want a date from %s to %s", today, last))
	}
	now, coming, meant := radio.At(h.now), 0, 0
	for _, sl := range slots {
		due, err := timetable.On(s, sl, w.Date)
		if err != nil {
			return err
		}
		if (w.Do == radio.DecideAccept || w.Time != "") && len(due) > maxTimesADay {
			return refuse("date", "khung giờ phát quá nhiều lần một ngày: hãy trả lời cho mọi ngày", "the slot comes too often a day: answer for every date")
		}
		for _, at := range due {
			if w.Time != "" && h.zone.TimeOfDay(at.Time()).String() != w.Time {
				continue
			}
			meant++
			if at > now {
				coming++
			}
		}
	}
	switch {
	case coming == 0 && w.Time != "":
		return refuse("time", fmt.Sprintf("khung giờ này không còn lượt nào lúc %s trong ngày đó", w.Time), fmt.Sprintf("nothing of the slot is still to come at %s on that date", w.Time))
	case coming == 0:
		return refuse("date", "khung giờ này không còn lượt phát nào trong ngày đó", "nothing of the slot is still to come on that date")
	case w.Do == radio.DecideMove && meant > 1:
		return refuse("time", "ngày đó khung giờ này phát nhiều lần: hãy chọn lượt muốn đổi", "the slot comes more than once on that date: choose the airing to move")
	}
	if w.Do != radio.DecideMove {
		return nil
	}
	date := w.ToDate
	if date == "" {
		date = w.Date
	}
	at, err := h.zone.Instant(date, w.To)
	if err != nil {
		return refuse("to", "không có giờ đó trong ngày", "there is no such time on that date")
	}
	own, err := h.zone.Instant(w.Date, 0)
	if err != nil {
		return refuse("date", "không có ngày đó", "there is no such date")
	}
	if far := at.Time().Sub(own.Time()); far < -radio.MaxMoveDays*24*time.Hour || far > (radio.MaxMoveDays+1)*24*time.Hour {
		return refuse("to_date", fmt.Sprintf("chỉ đổi trong %d ngày trước hoặc sau", radio.MaxMoveDays), fmt.Sprintf("at most %d days before or after", radio.MaxMoveDays))
	}
	if at <= now {
		return refuse("to", "giờ mới đã qua", "the new time has passed")
	}
	return nil
}
