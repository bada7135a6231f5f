package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
		k.add(radio.ChainOpen, 0, say("Không còn giữ quy định khung giờ nào gửi cho cụm loa trước lúc đó; khi chưa có, thiết bị chỉ phát từ 05:00 đến 21:00.",
			"No policy sent to the device by then is kept; without one it sounds from 05:00 to 21:00 only."), radio.RowSource{Row: "policy"})
		return k.refusedAnyway(radio.NoVeto)
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
	p = p.On(k.zone.Date(k.c.Start.Time())) // the stage of that day
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
		k.add(verdict, i.IssuedAt, say("Quy định khung giờ %s (%s): %s.", "Permitted hours %s (%s): %s.", label, windowsOf(p.Windows), vetoOf(veto)), from...)
		return nil
	}
	k.add(radio.ChainPasses, i.IssuedAt, say("Quy định khung giờ %s (%s): được phép.", "Permitted hours %s (%s): permitted.", label, windowsOf(p.Windows)), from...)
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
// for what is to come, the newest. held is the record in the journal.
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
				if i, err = k.Devices.Issued(ctx, d, name, r.Revision); err == nil || !errors.Is(err, radio.ErrNotFound) {
					return i, held, err
				}
			}
		}
	}
	i, err = k.Devices.IssuedAt(ctx, d, name, when)
	return i, held, err
}

func (k *chain) lastEvents(ctx context.Context, at radio.Millis) ([]radio.Heard, error) {
	return k.Devices.LastEvents(ctx, k.c.Place.Device.ID, at)
}
