package schedule

import (
	"cmp"
	"fmt"
	"strconv"

	"loaxa/internal/radio"
)

// formReader gives the values of a form their places, in the order they are asked for.
type formReader struct {
	r      *reader
	prefix string // before every place; "" for a form that stands alone
	n      int
}

func (f *formReader) pos(place string) Pos {
	f.n++
	if f.prefix != "" {
		place = f.prefix + "." + place
	}
	return Pos{Line: f.n, Col: 1, Cell: place}
}

// text is a value; an empty one counts as absent.
func (f *formReader) text(place, s string) text {
	at := f.pos(place)
	if s == "" {
		return text{}
	}
	return f.r.clean(text{s: s, at: at})
}

// needed is a value that must be there: when it is empty, its place is told.
func (f *formReader) needed(place, s string) text {
	return f.r.clean(text{s: s, at: f.pos(place)})
}

func (f *formReader) number(place string, n int, unit string) text {
	at := f.pos(place)
	if n == 0 {
		return text{}
	}
	return text{s: strconv.Itoa(n) + unit, at: at}
}

// formSchedule takes a schedule out of a form.
func (r *reader) formSchedule(form radio.ScheduleForm, prefix string) scheduleText {
	f := &formReader{r: r, prefix: prefix}
	at := f.pos("code")
	w := scheduleText{
		at: at, form: pageForm, code: f.needed("code", form.Code), title: f.needed("title", form.Title), area: f.text("area", form.Area),
		campaign: f.text("campaign", form.Campaign), priority: f.text("priority", string(form.Priority)),
	}
	for i, t := range form.Targets {
		place := fmt.Sprintf("targets[%d]", i)
		w.targets = append(w.targets, targetText{at: f.pos(place), area: f.text(place, t.Area), device: f.text(place, t.Device)})
	}
	w.from, w.until = f.text("from", string(form.From)), f.text("until", string(form.Until))
	for i, d := range form.Except {
		if t := f.text(fmt.Sprintf("except[%d]", i), string(d)); t.set() {
			w.except = append(w.except, t)
		}
	}
	if form.GraceSeconds != nil {
		w.grace = text{s: strconv.Itoa(*form.GraceSeconds) + "s", at: f.pos("grace_seconds")}
	}
	for i, s := range form.Slots {
		w.slots = append(w.slots, f.slot(fmt.Sprintf("slots[%d]", i), s))
	}
	return w
}

func (f *formReader) slot(place string, s radio.FormSlot) slotText {
	w := slotText{at: f.pos(place), code: f.needed(place+".code", s.Code), cron: f.text(place+".cron", s.Cron), now: s.Now}
	if len(s.Times)+len(s.Weekdays)+len(s.MonthDays)+len(s.Dates) > 0 || s.Again != 0 || s.Day != "" || s.Cron == "" && !s.Now {
		w.when = &whenText{day: f.text(place+".day", string(s.Day)), again: f.number(place+".again", s.Again, ""), every: f.number(place+".every_minutes", s.EveryMinutes, "")}
		for _, d := range s.Dates {
			w.when.dates = append(w.when.dates, f.needed(place+".dates", string(d)))
		}
		for _, t := range s.Times {
			w.when.times = append(w.when.times, f.text(place+".times", t))
		}
		for _, d := range s.Weekdays {
			w.when.weekdays = append(w.when.weekdays, text{s: strconv.Itoa(d), at: f.pos(place + ".weekdays")})
		}
		for _, d := range s.MonthDays {
			w.when.monthDays = append(w.when.monthDays, text{s: strconv.Itoa(d), at: f.pos(place + ".month_days")})
		}
	}
	for i, it := range s.Items {
		p := fmt.Sprintf("%s.items[%d]", place, i)
		w.items = append(w.items, itemText{
			at: f.pos(p), code: f.needed(p+".code", it.Code), bulletin: f.needed(p+".bulletin", it.Bulletin),
			repeat: f.number(p+".repeat", it.Repeat, ""), gap: f.number(p+".gap_ms", it.GapMS, "ms"), variants: f.variants(p, it.Variants),
		})
	}
	return w
}

// form writes a schedule as people do: with codes, and with times of day wherever a
// rule can be said by them.
func (b *builder) form(s radio.Schedule) radio.ScheduleForm {
	grace := s.GraceSeconds
	f := radio.ScheduleForm{
		Code: s.Code, Title: s.Title, Area: b.ownerCode(s), Campaign: b.drives[s.Campaign], Priority: s.Priority,
		Targets: []radio.FormTarget{}, From: s.From, Until: s.Until, Except: s.Except, GraceSeconds: &grace, Slots: []radio.FormSlot{},
	}
	for _, t := range s.Targets {
		// What is not known any more keeps its id: better odd than left out.
		f.Targets = append(f.Targets, radio.FormTarget{
			Area: cmp.Or(b.areaByID[t.Area].Code, string(t.Area)), Device: cmp.Or(b.deviceIDs[t.Device].Code, string(t.Device)),
		})
	}
	for _, l := range lines(s.Slots, s.From, s.Until) {
		slot := radio.FormSlot{Items: []radio.FormItem{}}
		l.form(&slot)
		for _, e := range l.slots[0].Items {
			slot.Items = append(slot.Items, radio.FormItem{Code: e.Code, Bulletin: b.bulletinCode(e.Bulletin), Repeat: e.Repeat, GapMS: e.GapMS, Variants: b.formVariants(e)})
		}
		if length, ok := slot.Length(func(code string) float64 { return b.seconds[b.bulletins[code]] }); ok {
			slot.Seconds, slot.Ends = length.Seconds(), slot.EndsAfter(length)
		}
		f.Slots = append(f.Slots, slot)
	}
	return f
}
