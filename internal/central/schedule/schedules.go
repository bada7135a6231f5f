package schedule

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

func (b *builder) buildSchedules() {
	stored := map[string]radio.Schedule{}
	for _, s := range b.cur.Schedules {
		stored[s.Code] = s
	}
	seen := known{}
	for i := range b.f.schedules {
		d := &b.f.schedules[i]
		if !b.first(seen, "schedule", d.code) {
			continue
		}
		old, exists := stored[d.code.s]
		if d.withdrawn {
			b.withdrawSchedule(d, old, exists)
			continue
		}
		s, ok := b.resolveSchedule(d, old)
		if !ok {
			continue
		}
		s.Version = old.Version + 1
		was := fieldsIf(exists, func() []field { return b.scheduleFields(old) })
		if b.diff.compare("schedule", s.Code, s.Title, was, b.scheduleFields(s)) {
			b.change.Schedules = append(b.change.Schedules, s)
		}
	}
	b.schedulesSeen = seen
}

// withdrawSchedule ends a stored schedule as it stands. The rest of what the file
// says about it is not looked at, so that one line is enough to end it.
func (b *builder) withdrawSchedule(d *scheduleDecl, old radio.Schedule, exists bool) {
	if !exists || old.WithdrawnAt != 0 {
		b.diff.note(Unchanged, "schedule", d.code.s, d.title.s)
		return
	}
	s := old
	s.Version++
	s.WithdrawnAt = withdrawNow
	b.diff.note(Ended, "schedule", s.Code, s.Title)
	b.change.Schedules = append(b.change.Schedules, s)
}

// withdrawNow stands for the instant of the import until sign knows it.
const withdrawNow radio.Millis = -1

// resolveSchedule turns codes into ids and checks what only the whole can tell;
// ok is false when something is wrong, which is noted.
func (b *builder) resolveSchedule(d *scheduleDecl, old radio.Schedule) (radio.Schedule, bool) {
	before := len(b.problems)
	s := radio.Schedule{
		ID: old.ID, Code: d.code.s, Title: d.title.s, Priority: d.priority,
		From: d.from, Until: d.until, Except: d.except, GraceSeconds: int(d.grace / time.Second),
	}
	if s.ID == "" {
		s.ID = radio.NewID[radio.ScheduleID]()
	}
	if d.campaign.s != "" {
		id, ok := b.campaigns[d.campaign.s]
		if !ok {
			b.missing("campaign", d.campaign)
		}
		s.Campaign = id
	}
	province, places := b.resolveTargets(d, &s)
	s.Zone = province.Zone
	b.resolveOwner(d, &s, province, places)
	if d.zone.set() && province.ID != "" && d.zone.s != province.Zone {
		// A programme is in one zone: that of its device's province.
		b.problems.add(d.zone.at, fmt.Sprintf("múi giờ (zone) %q khác múi giờ của tỉnh (%s)", clip(d.zone.s), province.Zone),
			fmt.Sprintf("zone %q differs from the province's (%s)", clip(d.zone.s), province.Zone))
	}
	b.resolveSlots(d, old, &s)
	return s, len(b.problems) == before && province.ID != ""
}

// resolveTargets gives the one province all targets lie in, the zero Area when there
// is none, and where each target stands.
func (b *builder) resolveTargets(d *scheduleDecl, s *radio.Schedule) (province radio.Area, places []Pos) {
	seen := map[radio.Target]bool{}
	for _, td := range d.targets {
		t, p, ok := b.target(td)
		switch {
		case !ok:
			continue
		case seen[t]:
			b.problems.add(td.at, fmt.Sprintf("%s lặp lại", b.targetWords(t)), fmt.Sprintf("%s stands twice", b.targetName(t)))
		case province.ID != "" && p.ID != province.ID:
			b.problems.add(td.at, "các địa bàn của một lịch phải cùng một tỉnh", "the targets of a schedule must lie in one province")
		}
		seen[t] = true
		s.Targets, places = append(s.Targets, t), append(places, td.at)
		if province.ID == "" {
			province = p
		}
		b.touched[p.ID] = true
	}
	return province, places
}

// resolveOwner finds the desk a schedule belongs to, and holds its targets against it:
// a commune plans for its own loudspeakers only.
func (b *builder) resolveOwner(d *scheduleDecl, s *radio.Schedule, province radio.Area, places []Pos) {
	s.Area = province.ID
	if d.area.s == "" {
		return
	}
	a, ok := b.areas[d.area.s]
	switch {
	case !ok:
		b.missing("area", d.area)
		return
	case a.Kind == radio.Hamlet:
		b.problems.add(d.area.at, fmt.Sprintf("%q là thôn; lịch thuộc về tỉnh hoặc xã, phường", d.area.s),
			fmt.Sprintf("%q is a hamlet; a schedule belongs to the province or a commune", d.area.s))
		return
	}
	s.Area = a.ID
	for i, t := range s.Targets {
		if !slices.Contains(b.targetChain(t), a.ID) {
			b.problems.add(places[i], fmt.Sprintf("%s nằm ngoài địa bàn của lịch (%s)", b.targetWords(t), a.Name),
				fmt.Sprintf("%s lies outside the schedule's area (%s)", b.targetName(t), a.Code))
		}
	}
}

// targetChain gives the areas a target lies in.
func (b *builder) targetChain(t radio.Target) []radio.AreaID {
	id := t.Area
	if t.Device != "" {
		id = b.deviceIDs[t.Device].Hamlet
	}
	var out []radio.AreaID
	for range len(b.areaByID) {
		a, ok := b.areaByID[id]
		if !ok {
			break
		}
		out = append(out, a.ID)
		id = a.Parent
	}
	return out
}

func (b *builder) resolveSlots(d *scheduleDecl, old radio.Schedule, s *radio.Schedule) {
	was := map[string]radio.Slot{}
	for _, sl := range old.Slots {
		was[sl.Code] = sl
	}
	slots := known{}
	b.nameParts(d)
	b.boundDay(d)
	for _, sd := range d.slots {
		if sd.cron.s != "" {
			zone := s.Zone
			if zone == "" {
				zone = "UTC" // the zone's problem is noted elsewhere
			}
			if err := timetable.CheckRule(sd.cron.s, zone); err != nil {
				b.problems.add(sd.cron.at, fmt.Sprintf("quy tắc cron %q không dùng được: viết năm phần phút, giờ, ngày, tháng, thứ (Chủ nhật là 0), ví dụ 0 5 * * 1-6 là 05:00 thứ Hai đến thứ Bảy; ngày và thứ không ghi cùng lúc", clip(sd.cron.s)), err.Error())
			}
		}
		if !b.first(slots, "slot", sd.code) {
			continue
		}
		// Ids stay with the codes, so that an airing keeps its name across edits.
		sl := radio.Slot{ID: was[sd.code.s].ID, Code: sd.code.s, Cron: sd.cron.s, Dates: sd.dates, Again: sd.again, EveryMinutes: sd.every, Now: sd.now}
		if sd.times {
			keepRule(was[sd.code.s], &sl, s)
		}
		if sl.ID == "" {
			sl.ID = radio.NewID[radio.SlotID]()
		}
		ids := map[string]radio.EntryID{}
		for _, e := range was[sd.code.s].Items {
			ids[e.Code] = e.ID
		}
		entries := known{}
		for _, it := range sd.items {
			if !b.first(entries, "item", it.code) {
				continue
			}
			e := radio.Entry{ID: ids[it.code.s], Code: it.code.s, Kind: radio.KindAudio, Repeat: it.repeat, GapMS: int(it.gap.Milliseconds())}
			if e.ID == "" {
				e.ID = radio.NewID[radio.EntryID]()
			}
			if it.bulletin.s != "" {
				var ok bool
				if e.Bulletin, ok = b.bulletins[it.bulletin.s]; !ok {
					b.missing("bulletin", it.bulletin)
				}
			}
			e.Variants = b.variants(it, s)
			sl.Items = append(sl.Items, e)
		}
		s.Slots = append(s.Slots, sl)
	}
}

// nameParts gives the further rules of a line codes of their own: those they had, or
// new ones that nothing else has.
func (b *builder) nameParts(d *scheduleDecl) {
	taken := map[string]bool{}
	for _, sd := range d.slots {
		if sd.part == 0 {
			taken[sd.code.s] = true
		}
	}
	for i := range d.slots {
		sd := &d.slots[i]
		if sd.part == 0 || sd.code.s == "" {
			continue
		}
		base := sd.code.s
		for n := sd.part + 1; ; n++ {
			if sd.code.s = partCode(base, n); !taken[sd.code.s] {
				break
			}
		}
		taken[sd.code.s] = true
	}
}

// boundDay refuses a schedule that alone comes due more often than a device expands:
// its devices would keep their old programme, and only the centre's log would say why.
func (b *builder) boundDay(d *scheduleDecl) {
	airings := 0
	for _, sd := range d.slots {
		perDay, err := timetable.MostPerDay(sd.cron.s)
		if err != nil {
			continue // noted with the rule
		}
		for _, it := range sd.items {
			airings += perDay * it.repeat
		}
	}
	if most := timetable.MaxAiringsPerDay; airings > most {
		b.problems.add(d.code.at, fmt.Sprintf("lịch có đến %d lượt phát một ngày, nhiều nhất là %d", airings, most),
			fmt.Sprintf("the schedule has up to %d airings a day, at most %d", airings, most))
	}
}
