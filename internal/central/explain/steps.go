package explain

import (
	"context"
	"slices"

	"loaxa/internal/radio"
)

func (k *chain) ofSchedule() radio.RowSource {
	return radio.RowSource{Row: "schedule", ID: string(k.c.Schedule.ID), Version: int64(k.c.Schedule.Version)}
}

// stood tells in which commune the device stood, by the log for what is past.
func (k *chain) stood(context.Context) error {
	p := k.c.Place
	from := radio.RowSource{Row: "area", ID: string(p.Device.Hamlet)}
	now := say("%s, %s", "%s, %s", p.Hamlet().Name, p.Commune().Name)
	if r := k.c.Row; r != nil && r.Commune != "" && (r.Commune != p.Commune().ID || r.Hamlet != p.Hamlet().ID) {
		k.add(radio.ChainPasses, 0, say("Khi đó cụm loa “%s” thuộc %s, %s; nay thuộc %s.", "The device “%s” stood in %s, %s then; now it stands in %s.",
			p.Device.Name, r.HamletName, r.CommuneName, now), radio.RowSource{Row: "airing", ID: string(r.Airing)}, from)
		return nil
	}
	k.add(radio.ChainPasses, 0, say("Cụm loa “%s” (%s) đặt tại %s.", "The device “%s” (%s) stands in %s.", p.Device.Name, p.Device.Code, now), from)
	return nil
}

// schedule tells who wanted the sound.
func (k *chain) schedule(ctx context.Context) error {
	if k.c.Nothing() && k.archive != nil {
		k.add(radio.ChainOpen, k.archive.DoneAt, say("Nhật ký tháng %s đã chuyển vào kho lưu trữ, tệp %s: ở đây không còn biết lúc đó có lượt phát nào.",
			"The log of %s has been moved to the archive, file %s: whether anything was planned then is not known here.", k.archive.Month, k.archive.File), radio.RowSource{Row: "archive", ID: k.archive.Month})
		return nil
	}
	if k.c.Nothing() {
		n, today := 0, k.zone.Date(k.c.Now.Time())
		for _, o := range k.plan.Schedules {
			if o.WithdrawnAt == 0 && (o.Until == "" || o.Until >= today) && slices.ContainsFunc(o.Targets, k.c.Place.Within) {
				n++
			}
		}
		k.add(radio.ChainStops, 0, say("Không lịch phát nào có khung giờ vào lúc này cho cụm loa này (hiện có %d lịch phát tới đây).",
			"No schedule has a slot at this instant for this device (%d schedules reach it now).", n), radio.RowSource{Row: "plan"})
		return nil
	}
	if k.c.Row != nil && k.c.Row.Origin != radio.FromSchedule {
		return k.unplanned(ctx)
	}
	o := k.c.Schedule
	if o == nil {
		if r := k.c.Row; r != nil {
			k.add(radio.ChainOpen, 0, say("Lịch phát %s không còn bản nào của thời điểm đó.", "No version of schedule %s that stood then is kept.", named(r.ScheduleTitle, r.ScheduleCode)),
				radio.RowSource{Row: "schedule", ID: string(r.Key.Schedule)})
		}
	} else if err := k.wanted(ctx, o); err != nil {
		return err
	}
	acts, err := k.acts(ctx)
	for _, a := range acts {
		if a.Act == radio.ActScheduleWithdrawn {
			k.add(radio.ChainStops, a.At, say("%s đã thu hồi lịch phát này lúc %s.", "%s withdrew this schedule at %s.", person(a), k.second(a.At)),
				radio.RowSource{Row: "schedule", ID: a.ID, Version: a.Version})
		}
	}
	return err
}

// wanted names the slot and who published it.
func (k *chain) wanted(ctx context.Context, o *radio.Schedule) error {
	code := ""
	for _, sl := range o.Slots {
		if sl.ID == k.c.Slot {
			code = sl.Code
		}
	}
	by := say("một người duyệt", "an approver")
	acts, err := k.acts(ctx)
	if i := slices.IndexFunc(acts, func(a radio.AirStep) bool { return a.Act == radio.ActSchedulePublished }); i >= 0 {
		by = person(acts[i])
	}
	k.add(radio.ChainPasses, o.ApprovedAt, say("Lịch phát %s, bản %d, khung “%s” lúc %s; %s phát hành lúc %s.", "Schedule %s, version %d, slot “%s” at %s; published by %s at %s.",
		named(o.Title, o.Code), o.Version, code, k.second(k.c.SlotAt), by, k.second(o.ApprovedAt)), k.ofSchedule())
	return err
}

// unplanned tells of sound that stands in no schedule.
func (k *chain) unplanned(ctx context.Context) error {
	acts, err := k.acts(ctx)
	if err != nil {
		return err
	}
	what := map[radio.Origin]words{
		radio.FromAlert: say("Phát khẩn cấp, không theo lịch.", "An emergency, not of any schedule."), radio.FromCommand: say("Phát theo lệnh từ xa, không theo lịch.", "Ordered from afar, not of any schedule."),
		radio.FromLocal: say("Phát tại cụm loa, không theo lịch.", "Started at the device, not of any schedule."),
	}[k.c.Row.Origin]
	k.add(radio.ChainPasses, 0, what, radio.RowSource{Row: "airing", ID: string(k.c.Row.Airing)})
	for _, a := range acts {
		switch a.Act {
		case radio.ActAlertComposed:
			k.add(radio.ChainPasses, a.At, say("%s soạn thông báo %s lúc %s.", "%s composed the alert %s at %s.", person(a), named(a.Title, ""), k.second(a.At)), radio.RowSource{Row: "alert", ID: a.ID, Version: a.Version})
		case radio.ActAlertSigned:
			k.add(radio.ChainPasses, a.At, say("%s ký cho phát lúc %s.", "%s signed it at %s.", person(a), k.second(a.At)), radio.RowSource{Row: "alert", ID: a.ID})
		case radio.ActCommanded:
			k.add(radio.ChainPasses, a.At, say("%s ra lệnh lúc %s.", "%s ordered it at %s.", person(a), k.second(a.At)), radio.RowSource{Row: "command", ID: a.ID})
		}
	}
	return nil
}

// bulletin tells what was to sound, and whether it was approved.
func (k *chain) bulletin(ctx context.Context) error {
	for _, l := range k.c.Left {
		v := say("%s %s", "%s %s", words{l.VI, l.EN}, words{l.FixVI, l.FixEN})
		k.add(radio.ChainStops, 0, v, k.ofSchedule())
	}
	if len(k.c.Missing) > 0 {
		return k.missing(ctx)
	}
	acts, err := k.acts(ctx)
	if err != nil {
		return err
	}
	for _, a := range acts {
		from := radio.RowSource{Row: "bulletin", ID: a.ID, Version: a.Version}
		title := named(a.Title, a.Code)
		switch a.Act {
		case radio.ActBulletinMade:
			k.add(radio.ChainPasses, a.At, say("Bản tin %s, bản %d, do %s soạn.", "Bulletin %s, version %d, made by %s.", title, a.Version, person(a)), from)
		case radio.ActBulletinApproved:
			k.add(radio.ChainPasses, a.At, say("%s duyệt bản tin lúc %s.", "%s approved the bulletin at %s.", person(a), k.second(a.At)), from)
		case radio.ActBulletinWithdrawn:
			k.add(radio.ChainStops, a.At, say("%s thu hồi bản tin lúc %s.", "%s withdrew the bulletin at %s.", person(a), k.second(a.At)), from)
		}
	}
	if p := k.c.Coming; p != nil && k.c.Row == nil && p.Bulletin != "" {
		text := say("Bản tin %s, bản %d, đã duyệt.", "Bulletin %s, version %d, approved.", named(p.Title, ""), p.Version)
		v := radio.ChainPasses
		if p.Reason == radio.ReasonExpired || p.Reason == radio.ReasonNotYet {
			text, v = say("Bản tin %s: %s.", "Bulletin %s: %s.", named(p.Title, ""), reasonOf(p.Reason)), radio.ChainStops
		}
		k.add(v, 0, text, radio.RowSource{Row: "bulletin", ID: string(p.Bulletin), Version: int64(p.Version)})
	}
	return nil
}

// missing tells of the entries of a slot without an airing how their bulletins stood.
func (k *chain) missing(ctx context.Context) error {
	if len(k.c.Left) > 0 {
		return nil // the resolver has said why
	}
	when := min(k.c.SlotAt, k.c.Now)
	seen := map[radio.BulletinID]bool{}
	for _, e := range k.c.Missing {
		if e.Bulletin == "" || seen[e.Bulletin] {
			continue
		}
		seen[e.Bulletin] = true
		versions, err := k.Plans.BulletinVersions(ctx, e.Bulletin)
		if err != nil {
			return err
		}
		from := radio.RowSource{Row: "bulletin", ID: string(e.Bulletin)}
		v, text := k.approvedThen(versions, when)
		if len(versions) > 0 {
			from.Version = int64(versions[len(versions)-1].Version)
		}
		k.add(v, 0, text, from)
	}
	return nil
}

func (k *chain) approvedThen(versions []radio.Bulletin, when radio.Millis) (radio.ChainVerdict, words) {
	if len(versions) == 0 {
		return radio.ChainOpen, say("Máy chủ không còn giữ bản tin của mục này.", "The bulletin of this entry is kept no more.")
	}
	newest := versions[len(versions)-1]
	title := named(newest.Title, newest.Code)
	later := radio.Millis(0)
	for _, b := range versions {
		switch {
		case b.State == radio.Approved && b.DecidedAt <= when:
			return radio.ChainPasses, say("Bản tin %s đã được duyệt lúc %s.", "Bulletin %s had been approved at %s.", title, k.second(b.DecidedAt))
		case b.State == radio.Approved:
			later = b.DecidedAt
		case b.State == radio.Withdrawn && b.DecidedAt > when:
			return radio.ChainOpen, say("Bản tin %s bị thu hồi về sau, lúc %s.", "Bulletin %s was withdrawn later, at %s.", title, k.second(b.DecidedAt))
		}
	}
	if later != 0 {
		return radio.ChainStops, say("Bản tin %s khi đó chưa được duyệt; đến %s mới duyệt.", "Bulletin %s was not approved then; it was at %s.", title, k.second(later))
	}
	return radio.ChainStops, say("Bản tin %s không có bản nào được duyệt vào lúc đó.", "No version of bulletin %s was approved then.", title)
}

// priority tells who outranked whom (design §6).
func (k *chain) priority(ctx context.Context) error {
	switch {
	case k.c.Row != nil:
		return k.outranked(ctx)
	case k.c.Coming != nil:
		k.clash(k.c.Coming)
	case k.c.Schedule != nil:
		k.add(radio.ChainPasses, 0, say("Mức ưu tiên của lịch: %s.", "The schedule's priority: %s.", priorityWords(k.c.Schedule.Priority)), k.ofSchedule())
	}
	return nil
}

// clash tells what stands in the way of something that is to come.
func (k *chain) clash(p *radio.PreviewRow) {
	mine := priorityWords(p.Priority)
	from := radio.RowSource{Row: "schedule", ID: string(p.Schedule)}
	if len(p.With) == 0 {
		k.add(radio.ChainPasses, 0, say("Mức ưu tiên: %s; không có gì chắn trước nó.", "Priority: %s; nothing stands before it.", mine), from)
		return
	}
	sources := []radio.RowSource{from}
	var others []words
	for _, id := range p.With {
		sources = append(sources, radio.RowSource{Row: "schedule", ID: string(id)})
		for _, o := range k.plan.Schedules {
			if o.ID == id {
				others = append(others, say("%s (%s)", "%s (%s)", named(o.Title, o.Code), priorityWords(o.Priority)))
			}
		}
	}
	if p.Reason == radio.ReasonOverlap {
		k.add(radio.ChainStops, p.ClearAt, say("Trùng giờ với lịch %s, phát xong lúc %s: trễ quá mức cho phép nên không phát.", "Schedule %s sounds then, until %s: longer than the grace allows, so that this is left out.",
			joined(others, ", "), k.second(p.ClearAt)), sources...)
		return
	}
	k.add(radio.ChainChanges, p.ClearAt, say("Nhường lịch %s nên bắt đầu trễ %d giây.", "It gives way to schedule %s and begins %d s later.", joined(others, ", "), p.ShiftMS/1000), sources...)
}

// outranked tells what else sounded in a row's time.
func (k *chain) outranked(ctx context.Context) error {
	r := k.c.Row
	mine := priorityWords(r.Priority)
	here := radio.RowSource{Row: "airing", ID: string(r.Airing)}
	if !k.c.Past() && k.c.Coming != nil && len(k.c.Coming.With) > 0 {
		k.clash(k.c.Coming) // it is decided, but nothing has sounded yet
		return nil
	}
	if r.Reason != radio.ReasonOverlap && r.Reason != radio.ReasonPriority {
		k.add(radio.ChainPasses, 0, say("Mức ưu tiên: %s; không có gì phát đè lên nó.", "Priority: %s; nothing sounded over it.", mine), here)
		return nil
	}
	sources := []radio.RowSource{here}
	var others []words
	for _, x := range k.rows {
		if x.Airing == r.Airing || x.StartedAt == 0 || x.StartedAt >= r.End().Add(step) || x.StartedAt.Add(radio.SamplesDuration(x.Consumed)) <= r.Start.Add(-step) ||
			r.Reason == radio.ReasonPriority && x.Priority.Rank() <= r.Priority.Rank() {
			continue
		}
		sources = append(sources, radio.RowSource{Row: "airing", ID: string(x.Airing)})
		if w := say("%s (%s, từ %s)", "%s (%s, from %s)", named(x.Title, x.ScheduleCode), priorityWords(x.Priority), k.second(x.StartedAt)); !slices.Contains(others, w) {
			others = append(others, w)
		}
	}
	by := joined(others, ", ")
	if len(others) == 0 && r.Reason == radio.ReasonOverlap {
		if by, from := k.planned(r); len(from) > 0 {
			k.add(radio.ChainStops, 0, say("Trùng giờ với %s theo kế hoạch: không bắt đầu kịp trong thời gian cho phép trễ.", "It was planned to clash with %s, so that it could not begin within its grace.", by),
				append(sources, from...)...)
			return nil
		}
	}
	if len(others) == 0 {
		by = say("nội dung không còn trong nhật ký", "something the log no longer names")
	}
	if r.Reason == radio.ReasonOverlap {
		k.add(radio.ChainStops, 0, say("Loa đang bận: %s. Không bắt đầu kịp trong thời gian cho phép trễ.", "The loudspeaker was busy: %s. It could not begin within its grace.", by), sources...)
		return nil
	}
	verdict := radio.ChainStops
	if r.Outcome == radio.Aired {
		verdict = radio.ChainChanges
	}
	k.add(verdict, 0, say("Mức ưu tiên %s phải nhường: %s.", "With priority %s it had to give way to: %s.", mine, by), sources...)
	return k.alerts(ctx)
}

// planned lists what was planned in a row's time, whether it sounded or not.
func (k *chain) planned(r *radio.AsRun) (by words, from []radio.RowSource) {
	var others []words
	for _, x := range k.rows {
		if x.Key.Slot == r.Key.Slot || x.Reason == radio.ReasonOverlap || !x.Planned() || x.Start >= r.End() || x.End() <= r.Start {
			continue
		}
		from = append(from, radio.RowSource{Row: "airing", ID: string(x.Airing)})
		others = append(others, say("%s (%s, %s)", "%s (%s, %s)", named(x.Title, x.ScheduleCode), priorityWords(x.Priority), fate(x.Outcome, x.Reason)))
	}
	return joined(others, ", "), from
}

// alerts names who signed what outranked the row.
func (k *chain) alerts(ctx context.Context) error {
	acts, err := k.acts(ctx)
	for _, a := range acts {
		if a.Act == radio.ActAlertSigned {
			k.add(radio.ChainPasses, a.At, say("Khẩn cấp %s do %s ký lúc %s.", "The emergency %s was signed by %s at %s.", named(a.Title, ""), person(a), k.second(a.At)), radio.RowSource{Row: "alert", ID: a.ID})
		}
	}
	return err
}

// decision tells what is supposed where no decision of the commune is known (Thông tư 39):
// normal items from above are offered, priority items stand, emergencies play.
func (k *chain) decision(context.Context) error {
	if r := k.c.Row; r != nil && r.Outcome == radio.Declined {
		k.add(radio.ChainStops, r.KnownAt, say("Địa phương không nhận nội dung này.", "The commune declined it."), radio.RowSource{Row: "airing", ID: string(r.Airing)})
		return nil
	}
	o := k.c.Schedule
	switch {
	case o == nil && k.c.Row != nil && k.c.Row.Priority == radio.Emergency:
		k.add(radio.ChainPasses, 0, say("Khẩn cấp phát ngay, không chờ địa phương quyết định.", "Emergencies play at once, whatever the commune has decided."), radio.RowSource{Row: "airing", ID: string(k.c.Row.Airing)})
	case o == nil:
	case !k.c.Place.Offered(*o):
		k.add(radio.ChainPasses, 0, say("Lịch do chính địa phương đặt.", "The schedule is the commune's own."), k.ofSchedule())
	case o.Priority == radio.Prior:
		k.add(radio.ChainPasses, 0, say("Cấp trên gửi với mức ưu tiên: địa phương phải phát.", "Sent from above with priority: it stands in the commune."), k.ofSchedule())
	default:
		k.add(radio.ChainPasses, 0, say("Cấp trên gửi; không có quyết định riêng nào của địa phương.", "Sent from above; no decision of the commune about it is kept."), k.ofSchedule())
	}
	return nil
}
