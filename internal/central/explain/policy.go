package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// policy tells whether the permitted hours allowed it, by the policy the device held then;
// of what is to come by the one it is to hold.
func (k *chain) policy(ctx context.Context) error {
	if r := k.c.Row; r != nil && r.Priority == radio.Emergency {
		k.add(radio.ChainPasses, 0, say("Khẩn cấp phát ngoài mọi khung giờ, với âm lượng riêng.", "Emergencies sound outside all permitted hours, with a volume of their own."), radio.RowSource{Row: "airing", ID: string(r.Airing)})
		return nil
	}
	i, held, err := k.document(ctx, "policy")
	if errors.Is(err, radio.ErrNotFound) {
		from := append([]radio.RowSource{{Row: "policy", Version: i.Revision}}, held...)
		switch {
		case len(held) > 0:
			k.add(radio.ChainOpen, 0, say("Thiết bị giữ bản quy định khung giờ %d. Máy chủ giữ mỗi bản %d ngày: bản này không còn để đối chiếu.",
				"The device held policy %d. Policies are kept for %d days: this one is gone and cannot be asked.", i.Revision, keptDays), from...)
		case k.old():
			k.add(radio.ChainOpen, 0, say("Máy chủ giữ mỗi bản quy định khung giờ %d ngày: bản của lúc đó không còn để đối chiếu.",
				"Policies are kept for %d days: the one of then is gone and cannot be asked.", keptDays), from...)
		default:
			k.add(radio.ChainOpen, 0, say("Chưa có quy định khung giờ nào gửi cho cụm loa trước lúc đó; khi chưa có, thiết bị chỉ phát từ 05:00 đến 21:00.",
				"No policy had been sent to the device by then; without one it sounds from 05:00 to 21:00 only."), from...)
		}
		if r := k.c.Row; r != nil && r.Reason == radio.ReasonPolicy {
			k.add(radio.ChainStops, r.KnownAt, say("Thiết bị báo quy định khung giờ không cho phép.", "The device says that its policy forbade it."), append(from, radio.RowSource{Row: "airing", ID: string(r.Airing)})...)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var p radio.Policy
	if err := json.Unmarshal(i.Payload, &p); err != nil {
		return fmt.Errorf("read policy %d: %w", i.Revision, err)
	}
	hours, err := timetable.NewHours(p)
	if err != nil {
		return err
	}
	day := k.zone.Date(k.c.Start.Time())
	p = p.On(day) // the stage of that day
	from := []radio.RowSource{{Row: "policy", ID: string(p.ID), Version: i.Revision}}
	from = append(from, held...)
	start, end := k.c.Start.Time(), max(k.c.End, k.c.Start).Time()
	veto := hours.Veto(start, end)
	if c := k.c.Coming; c != nil && c.Reason == radio.ReasonPolicy {
		veto = c.Veto // the planner counts caps too
	}
	label := named(p.Label, "")
	if veto != radio.NoVeto {
		verdict := radio.ChainStops
		if r := k.c.Row; r != nil && r.Consumed > 0 && r.Reason != radio.ReasonPolicy {
			verdict = radio.ChainChanges // it sounded all the same: the device held another, or faded it
		}
		why := vetoed(p, veto)
		if capped := veto == radio.VetoMinutes || veto == radio.VetoSessions; capped && !k.c.Past() && day == k.zone.Date(k.c.Now.Time()) {
			// The planner has no tally but the plan's; the device counts what really sounded.
			why = say("%s, tính như thể mọi lượt trước đó trong ngày đã phát đủ; nếu có lượt không phát, thiết bị vẫn có thể phát lượt này", "%s, as if all that was planned before on this day had sounded; where it has not, the device may play this one", why)
		}
		k.add(verdict, i.IssuedAt, say("Quy định khung giờ %s (%s): %s.", "Permitted hours %s (%s): %s.", label, hoursOn(p, day), why), from...)
		return nil
	}
	k.add(radio.ChainPasses, i.IssuedAt, say("Quy định khung giờ %s (%s): được phép.", "Permitted hours %s (%s): permitted.", label, hoursOn(p, day)), from...)
	if db := hours.GainDB(start); db < 0 && !k.c.Nothing() {
		k.add(radio.ChainChanges, 0, say("Theo giờ này âm lượng giảm %s.", "At this hour the volume is lowered by %s.", decibels(-db)), from...)
	}
	return k.refusedAnyway(veto, from...)
}

// refusedAnyway tells of a refusal that the hours alone do not explain: a cap of the day.
func (k *chain) refusedAnyway(veto radio.Veto, from ...radio.RowSource) error {
	if r := k.c.Row; veto == radio.NoVeto && r != nil && r.Reason == radio.ReasonPolicy {
		from = append(slices.Clone(from), radio.RowSource{Row: "airing", ID: string(r.Airing)})
		k.add(radio.ChainStops, r.KnownAt, say("Thiết bị báo quy định không cho phép: trong ngày đã đủ số phiên hoặc số phút, hoặc lúc đó thiết bị giữ một bản quy định khác.",
			"The device says that its policy forbade it: the day's sessions or minutes were used up, or it held another policy then."), from...)
	}
	return nil
}

// hoursOn writes the hours that a policy permits on a date: of its weekday, and of its
// holiday.
func hoursOn(p radio.Policy, day radio.Date) words {
	if slices.Contains(p.Mourning, day) {
		return say("%s: %s", "%s: %s", dateText(day), windowsOf(nil))
	}
	if e, ok := p.ExceptionOn(day); ok {
		return say("%s: %s", "%s: %s", named(e.Label, ""), windowsOf(e.Windows))
	}
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil || !slices.ContainsFunc(p.Windows, func(w radio.Window) bool { return len(w.Days) > 0 }) {
		return windowsOf(p.Windows)
	}
	var on []radio.Window
	for _, w := range p.Windows {
		// One that runs over midnight reaches into the day from the day before.
		if w.On(t) || w.To < w.From && w.On(t.AddDate(0, 0, -1)) {
			on = append(on, w)
		}
	}
	return say("%s: %s", "%s: %s", weekdays[t.Weekday()], windowsOf(on))
}

var weekdays = [...]words{{"Chủ nhật", "Sunday"}, {"thứ Hai", "Monday"}, {"thứ Ba", "Tuesday"}, {"thứ Tư", "Wednesday"}, {"thứ Năm", "Thursday"}, {"thứ Sáu", "Friday"}, {"thứ Bảy", "Saturday"}}

// vetoed names what of a policy forbids something, and how much a day may have of it.
func vetoed(p radio.Policy, v radio.Veto) words {
	switch v {
	case radio.VetoMinutes:
		return say("%s (tối đa %d phút)", "%s (at most %d minutes)", vetoOf(v), p.MaxMinutes)
	case radio.VetoSessions:
		return say("%s (tối đa %d phiên)", "%s (at most %d sessions)", vetoOf(v), p.MaxSessions)
	}
	return vetoOf(v)
}

// windowsOf writes permitted hours as people read them.
func windowsOf(windows []radio.Window) words {
	text := ""
	for n, w := range windows {
		if n == 4 {
			return words{text + " …", text + " …"}
		}
		if n > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s–%s", w.From, w.To)
	}
	if text == "" {
		return say("không giờ nào", "no hours at all")
	}
	return words{text, text}
}

// document is what the device held by its own journal, else what had been issued by then;
// for what is to come, the newest. held is the record in the journal; ErrNotFound with the
// revision it names when that is kept no more.
func (k *chain) document(ctx context.Context, name string) (i radio.Issued, held []radio.RowSource, err error) {
	d, when := k.c.Place.Device.ID, min(k.c.Start, k.c.Now)
	if k.c.Past() {
		last, err := k.lastEvents(ctx, when)
		if err != nil {
			return i, nil, err
		}
		for _, h := range last {
			if r := h.Record.Revision; r != nil && r.Document == name {
				held = append(held, radio.RowSource{Row: "journal", Journal: h.Journal, Seq: h.Record.Seq})
				if i, err = k.Devices.Issued(ctx, d, name, r.Revision); errors.Is(err, radio.ErrNotFound) {
					i = radio.Issued{Device: d, Document: name, Revision: r.Revision} // not another one in its place
				}
				return i, held, err
			}
		}
	}
	i, err = k.Devices.IssuedAt(ctx, d, name, when)
	return i, held, err
}

func (k *chain) lastEvents(ctx context.Context, at radio.Millis) ([]radio.Heard, error) {
	return k.Devices.LastEvents(ctx, k.c.Place.Device.ID, at)
}
