// Package programme resolves what one device will play: from the schedules that
// reach its place, what its commune has decided about them and the bulletins that are
// approved it makes the device's radio.Programme, and it says what was left out and why.
// It also resolves the device's policy and settings. It is pure: no input or output, the same input
// gives the same bytes. It receives what store holds through dispatch and hands
// documents back, without revision and times.
package programme

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// KeepEnded is how long a schedule stays in programmes after its last day, so that
// a device that was off can still say what it missed.
const KeepEnded = 7 * 24 * time.Hour

// Resolver resolves the documents of devices; see the methods.
type Resolver struct {
	Tuning Tuning
	// Stands says whether the signature under which a version was approved holds by the
	// keyring of now; nil: no signature does.
	Stands func(radio.Bulletin) error
}

// Programme makes the programme of a place of the bulletins that may be aired, one
// version each (see Current); withdrawn lists the audio of versions withdrawn not
// long ago. Whatever of a schedule cannot be played is left out and named; the rest
// is not silenced by it. An error of kind ErrInvalid means that no programme can be
// made at all.
//
// What its commune decided counts for what comes to it from above (see decide); what it
// keeps off stands in Declined.
func (Resolver) Programme(place radio.Place, schedules []radio.Schedule, decided radio.Decided, bulletins map[radio.BulletinID]radio.Bulletin,
	withdrawn []radio.SHA256, now time.Time) (radio.Programme, []radio.Exclusion, error) {
	fail := func(err error) (radio.Programme, []radio.Exclusion, error) {
		return radio.Programme{}, nil, fmt.Errorf("programme of device %s: %w", place.Device.Code, err)
	}
	zone, err := timetable.LoadZone(place.Province().Zone)
	if err != nil {
		return fail(err)
	}
	empty := func() radio.Programme {
		return radio.Programme{Device: place.Device.ID, Zone: place.Province().Zone, Slots: []radio.ProgrammeSlot{}}
	}
	oldest := zone.Date(now.Add(-KeepEnded))
	w := work{place: place, bulletins: bulletins, p: empty(), kept: empty(), said: decided.At(place.Deciders()), zone: zone, oldest: oldest}
	// Of a province's hundreds a device has a few: those are put in order, not all of them.
	var mine []radio.Schedule
	for _, s := range schedules {
		if s.WithdrawnAt == 0 && (s.Until == "" || s.Until >= oldest) && slices.ContainsFunc(s.Targets, place.Within) {
			mine = append(mine, s)
		}
	}
	for _, s := range inOrder(mine) {
		if s.Zone != w.p.Zone {
			return fail(fmt.Errorf("%w: schedule %s is in zone %q, the province in %q", radio.ErrInvalid, s.Code, s.Zone, w.p.Zone))
		}
		w.schedule(s)
	}
	w.p.Slots = w.expandable(w.p)
	w.kept.Slots = w.expandable(w.kept)
	w.order()
	if len(w.p.Slots) > radio.MaxSlots {
		return fail(fmt.Errorf("%w: %d slots, at most %d", radio.ErrInvalid, len(w.p.Slots), radio.MaxSlots))
	}
	w.audio(&w.p)
	w.withdrawn(withdrawn)
	if len(w.kept.Slots) > 0 {
		w.audio(&w.kept)
		w.p.Declined = &w.kept
	}
	return w.p, w.out, nil
}

// work is one programme in the making.
type work struct {
	place     radio.Place
	bulletins map[radio.BulletinID]radio.Bulletin
	p         radio.Programme
	kept      radio.Programme // what the commune keeps off
	out       []radio.Exclusion
	said      radio.Settlement
	zone      timetable.Zone
	oldest    radio.Date // what was over before it is left out
}

func inOrder(all []radio.Schedule) []radio.Schedule {
	return slices.SortedStableFunc(slices.Values(all), func(a, b radio.Schedule) int { return cmp.Compare(a.ID, b.ID) })
}

func (w *work) leaveOut(x radio.Exclusion) { w.out = append(w.out, x) }

func (w *work) schedule(s radio.Schedule) {
	if s.Priority == radio.Emergency {
		w.leaveOut(radio.Exclusion{Schedule: s.ID, Reason: radio.ClaimsEmergency,
			VI: "lịch phát không được mang mức khẩn cấp; tin khẩn cấp đi bằng lệnh khẩn cấp",
			EN: "a schedule cannot be an emergency; emergencies go as alerts"})
		return
	}
	slots := slices.SortedFunc(slices.Values(s.Slots), func(a, b radio.Slot) int { return cmp.Compare(a.ID, b.ID) })
	for _, slot := range slots {
		if slot.Over(w.oldest) {
			continue
		}
		ps := radio.ProgrammeSlot{
			Schedule: s.ID, Slot: slot.ID, Priority: s.Priority, Cron: slot.Cron, From: s.From, Until: s.Until, Dates: slot.Dates,
			Except:       slices.Compact(slices.Sorted(slices.Values(s.Except))),
			GraceSeconds: s.GraceSeconds,
		}
		for _, e := range slot.Items {
			if it, ok := w.item(s, slot, e); ok {
				ps.Items = append(ps.Items, it)
			}
		}
		if len(ps.Items) == 0 {
			w.leaveOut(radio.Exclusion{Schedule: s.ID, Slot: slot.ID, Reason: radio.NothingLeftInIt,
				VI: "khung giờ không còn nội dung nào phát được", EN: "nothing of the slot can be played"})
			continue
		}
		w.decide(s, slot, ps)
	}
}

// item turns an entry into an item of the first bulletin meant for the place that may be
// aired now, in its approved version; when that is not the one wished for most, the item
// says so. Other kinds than audio pass: an agent that does not know them refuses them by
// name.
func (w *work) item(s radio.Schedule, slot radio.Slot, e radio.Entry) (radio.Item, bool) {
	it := radio.Item{Entry: e.ID, Kind: e.Kind, Bulletin: e.Bulletin, Repeat: e.Repeat, GapMS: e.GapMS}
	if e.Kind != radio.KindAudio {
		return it, true
	}
	wishes := e.Wishes(w.place)
	var first radio.Exclusion
	for i, wish := range wishes {
		b, x, ok := w.playable(wish)
		if ok {
			it.Bulletin, it.Version = b.ID, b.Version
			if i > 0 {
				it.Instead = wishes[0]
				w.leaveOut(radio.Exclusion{Schedule: s.ID, Slot: slot.ID, Entry: e.ID, Bulletin: wishes[0], By: b.ID, Reason: radio.StoodIn,
					VI: first.VI, EN: first.EN})
			}
			return it, true
		}
		if i == 0 {
			first = x
		}
	}
	first.Schedule, first.Slot, first.Entry, first.Bulletin = s.ID, slot.ID, e.ID, wishes[0]
	w.leaveOut(first)
	return it, false
}

// playable gives the approved version of a bulletin, or says why there is none for here.
func (w *work) playable(id radio.BulletinID) (radio.Bulletin, radio.Exclusion, bool) {
	b, ok := w.bulletins[id]
	// Design §6: nothing unapproved enters a programme, whoever filled the map.
	if !ok || b.ID != id || b.State != radio.Approved || len(b.Renditions) == 0 {
		return b, radio.Exclusion{Reason: radio.Unapproved,
			VI: "bản tin chưa có phiên bản được duyệt", EN: "the bulletin has no approved version"}, false
	}
	x, unsigned := w.unsigned(b)
	return b, x, !unsigned
}

// unsigned says why no device here would take a version's approval: nobody's signature
// holds for it (see Current), or its desk, for which it was signed, does not reach here.
func (w *work) unsigned(b radio.Bulletin) (radio.Exclusion, bool) {
	switch {
	case b.Signed == nil:
		return radio.Exclusion{Reason: radio.Unsigned,
			VI: "bản tin cần duyệt lại: không có chữ ký duyệt còn hiệu lực", EN: "the bulletin needs approval again: no approver's signature holds for it"}, true
	case !slices.ContainsFunc(w.place.Chain, func(a radio.Area) bool { return a.ID == b.Area }):
		return radio.Exclusion{Reason: radio.Elsewhere,
			VI: "bản tin được duyệt để phát ở địa bàn khác", EN: "the bulletin was approved for another area"}, true
	}
	return radio.Exclusion{}, false
}

// expandable gives the slots that timetable can expand, and leaves out the others.
func (w *work) expandable(p radio.Programme) []radio.ProgrammeSlot {
	w.audio(&p)
	if _, err := timetable.New(&p); err == nil {
		return p.Slots
	}
	return slices.DeleteFunc(p.Slots, func(s radio.ProgrammeSlot) bool {
		alone := p
		alone.Slots = []radio.ProgrammeSlot{s}
		_, err := timetable.New(&alone)
		if err != nil {
			w.leaveOut(radio.Exclusion{Schedule: s.Schedule, Slot: s.Slot, Reason: radio.UnplayableSlot,
				VI: "khung giờ không tính được thành lượt phát: " + err.Error(), EN: "the slot cannot be expanded: " + err.Error()})
		}
		return err != nil
	})
}

// audio describes each bulletin version the slots list, once, with its approval.
func (w *work) audio(p *radio.Programme) {
	listed := map[radio.BulletinID]bool{}
	for _, s := range p.Slots {
		for _, it := range s.Items {
			listed[it.Bulletin] = listed[it.Bulletin] || it.Kind == radio.KindAudio
		}
	}
	p.Audio, p.Signers = []radio.ProgrammeAudio{}, nil
	for id, audio := range listed {
		if !audio {
			continue
		}
		p.Audio = append(p.Audio, w.bulletins[id].Audio())
	}
	slices.SortFunc(p.Audio, func(a, b radio.ProgrammeAudio) int { return cmp.Compare(a.Bulletin, b.Bulletin) })
	for i, a := range p.Audio {
		p.Approve(i, w.bulletins[a.Bulletin].Signed.SignedApproval)
	}
}

// withdrawn lists what the device must delete; never what it shall play: two
// versions can share a file.
func (w *work) withdrawn(all []radio.SHA256) {
	used := map[radio.SHA256]bool{}
	for _, a := range w.p.Audio {
		for _, x := range a.Renditions {
			used[x.SHA256] = true
		}
	}
	gone := slices.DeleteFunc(slices.Clone(all), func(h radio.SHA256) bool { return used[h] })
	slices.Sort(gone)
	if gone = slices.Compact(gone); len(gone) > 0 {
		w.p.Withdrawn = gone
	}
}

// Current picks of each bulletin the highest version that was ever approved, unless it
// was withdrawn: withdrawing the newest does not bring an older one back on the air. Of
// what it picks only the signatures that hold are left.
func (r Resolver) Current(all []radio.Bulletin) map[radio.BulletinID]radio.Bulletin {
	out := make(map[radio.BulletinID]radio.Bulletin)
	for _, b := range all {
		decided := b.State == radio.Approved || b.State == radio.Withdrawn
		if old, ok := out[b.ID]; decided && (!ok || b.Version > old.Version) {
			out[b.ID] = b
		}
	}
	maps.DeleteFunc(out, func(_ radio.BulletinID, b radio.Bulletin) bool { return b.State != radio.Approved })
	for id, b := range out {
		if b.Signed != nil && (r.Stands == nil || r.Stands(b) != nil) {
			b.Signed = nil
			out[id] = b
		}
	}
	return out
}
