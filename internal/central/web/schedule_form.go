package web

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// scheduleEdit is the form of a schedule as a person filled it in: every value as it was
// typed, so that a page with a slip in it comes back whole. Times and days take the
// place of cron rules; a rule that they cannot say keeps its own field.
type scheduleEdit struct {
	ID             radio.ScheduleID
	Base           int
	Revision       int64
	Code, Title    string
	Area, Campaign string
	Priority       string
	Targets        []string // "area code" or "device code"
	MoreTargets    string   // further codes, typed
	From, Until    string
	Except, Grace  string
	Note           string
	Slots          []slotEdit
	// Checked: nothing is wrong with it, and nothing was saved.
	Checked bool
}

type slotEdit struct {
	Code, Times     string
	Days            string // daily, weekdays, month, date, dates, now, cron
	Weekdays        []int
	MonthDays, Date string
	Dates           string
	Again, Every    string // how often each time comes again, and after how many minutes
	Cron            string
	Items           []itemEdit
	// What the page adds: when it is over, and the rule in words.
	Ends, Words string
}

type itemEdit struct {
	Code, Bulletin, Repeat, Gap string
	Title                       string // of the bulletin, by the page
	Variants                    []variantEdit
}

// variantEdit is what one place plays at a position: "code" of an area or "cụm:code" of a
// device, and the code of a bulletin.
type variantEdit struct {
	Place, Bulletin string
	Where, Title    string // in words, by the page
}

// Kinds of days of a slot.
const (
	daysDaily = "daily"
	daysWeek  = "weekdays"
	daysMonth = "month"
	daysDate  = "date"
	daysDates = "dates"
	daysNow   = "now"
	daysCron  = "cron"
)

// editOf fills the form with a schedule.
func editOf(f radio.ScheduleForm) scheduleEdit {
	e := scheduleEdit{
		Code: f.Code, Title: f.Title, Area: f.Area, Campaign: f.Campaign, Priority: string(f.Priority), From: string(f.From), Until: string(f.Until),
		Grace: strconv.Itoa(radio.DefaultGraceSeconds),
	}
	if f.GraceSeconds != nil {
		e.Grace = strconv.Itoa(*f.GraceSeconds)
	}
	except := make([]string, len(f.Except))
	for i, d := range f.Except {
		except[i] = string(d)
	}
	e.Except = strings.Join(except, ", ")
	for _, t := range f.Targets {
		if t.Device != "" {
			e.Targets = append(e.Targets, "device "+t.Device)
		} else {
			e.Targets = append(e.Targets, "area "+t.Area)
		}
	}
	for _, s := range f.Slots {
		e.Slots = append(e.Slots, slotEditOf(s))
	}
	return e
}

func slotEditOf(s radio.FormSlot) slotEdit {
	e := slotEdit{Code: s.Code, Times: strings.Join(s.Times, ", "), Days: daysDaily, Weekdays: s.Weekdays, MonthDays: joinInts(s.MonthDays), Date: string(s.Day), Cron: s.Cron}
	if s.Again > 0 {
		e.Again, e.Every = strconv.Itoa(s.Again), strconv.Itoa(s.EveryMinutes)
	}
	dates := make([]string, len(s.Dates))
	for i, d := range s.Dates {
		dates[i] = formatDay(d)
	}
	e.Dates = strings.Join(dates, ", ")
	switch {
	case s.Now:
		e.Days = daysNow
	case len(s.Times) == 0:
		e.Days = daysCron
	case len(s.Weekdays) > 0:
		e.Days = daysWeek
	case len(s.MonthDays) > 0:
		e.Days = daysMonth
	case s.Day != "":
		e.Days = daysDate
	case len(s.Dates) > 0:
		e.Days = daysDates
	}
	for _, it := range s.Items {
		item := itemEdit{Code: it.Code, Bulletin: it.Bulletin, Repeat: strconv.Itoa(max(it.Repeat, 1)), Gap: gapText(it.GapMS)}
		for _, v := range it.Variants {
			item.Variants = append(item.Variants, variantEdit{Place: variantPlace(v), Bulletin: v.Bulletin})
		}
		e.Items = append(e.Items, item)
	}
	return e
}

// form makes of the fields what the desk asks for; what is no number or no day is noted
// by the field's place.
func (e scheduleEdit) form() (radio.ScheduleForm, []radio.Problem) {
	var bad radio.Invalid
	f := radio.ScheduleForm{
		Code: e.Code, Title: e.Title, Area: e.Area, Campaign: e.Campaign, Priority: radio.Priority(e.Priority),
		From: radio.Date(isoDate(e.From)), Until: radio.Date(isoDate(e.Until)), Targets: []radio.FormTarget{}, Slots: []radio.FormSlot{},
	}
	for i, t := range slices.Concat(e.Targets, typedTargets(e.MoreTargets)) {
		kind, code, _ := strings.Cut(t, " ")
		switch kind {
		case "area":
			f.Targets = append(f.Targets, radio.FormTarget{Area: code})
		case "device":
			f.Targets = append(f.Targets, radio.FormTarget{Device: code})
		default:
			bad.Add(fmt.Sprintf("targets[%d]", i), "không rõ là địa bàn hay cụm loa", "neither an area nor a device")
		}
	}
	for _, d := range words(e.Except) {
		f.Except = append(f.Except, radio.Date(isoDate(d)))
	}
	if e.Grace != "" {
		n := wholeNumber(&bad, "grace_seconds", e.Grace)
		f.GraceSeconds = &n
	}
	for i, s := range e.Slots {
		f.Slots = append(f.Slots, s.form(&bad, fmt.Sprintf("slots[%d]", i)))
	}
	return f, bad.Problems
}

// typedTargets reads codes that were typed: those of devices follow "cụm:".
func typedTargets(s string) []string {
	var out []string
	for _, w := range words(s) {
		if code, ok := strings.CutPrefix(w, "cụm:"); ok {
			out = append(out, "device "+strings.TrimSpace(code))
		} else {
			out = append(out, "area "+w)
		}
	}
	return out
}

func (e slotEdit) form(bad *radio.Invalid, place string) radio.FormSlot {
	s := radio.FormSlot{Code: e.Code, Items: []radio.FormItem{}, Cron: e.Cron}
	switch e.Days {
	case daysCron:
	case daysNow:
		s.Now, s.Cron = true, ""
	default:
		for _, t := range words(e.Times) {
			s.Times = append(s.Times, clockTime(t))
		}
		if len(s.Times) == 0 {
			bad.Add(place+".times", "chưa có giờ phát; ghi như 05:00, 17:30", "no time is given; write 05:00, 17:30, say")
		}
	}
	switch e.Days {
	case daysWeek:
		if s.Weekdays = e.Weekdays; len(s.Weekdays) == 0 {
			bad.Add(place+".weekdays", "hãy chọn ít nhất một thứ", "choose at least one day")
		}
	case daysMonth:
		for _, w := range words(e.MonthDays) {
			s.MonthDays = append(s.MonthDays, wholeNumber(bad, place+".month_days", w))
		}
		if len(s.MonthDays) == 0 {
			bad.Add(place+".month_days", "hãy ghi ít nhất một ngày từ 1 đến 31, ví dụ 1, 15", "name at least one day from 1 to 31, 1, 15, say")
		}
	case daysDate:
		if s.Day = radio.Date(isoDate(e.Date)); s.Day == "" {
			bad.Add(place+".day", "hãy chọn ngày", "choose a date")
		}
	case daysDates:
		for _, w := range words(e.Dates) {
			s.Dates = append(s.Dates, radio.Date(isoDate(w)))
		}
		if len(s.Dates) == 0 {
			bad.Add(place+".dates", "hãy ghi ít nhất một ngày, ví dụ 17/09/2026, 20/09/2026", "name at least one date, 17/09/2026, 20/09/2026, say")
		}
	case daysCron:
		if e.Cron == "" {
			bad.Add(place+".cron", "chưa có quy tắc; ghi như 0 5 * * 1-6", "no rule is given; write 0 5 * * 1-6, say")
		}
	}
	if e.Days != daysCron && e.Days != daysNow && e.Again != "" {
		s.Again = wholeNumber(bad, place+".again", e.Again)
	}
	if s.Again > 0 && e.Every != "" {
		s.EveryMinutes = wholeNumber(bad, place+".every_minutes", e.Every)
	}
	for j, it := range e.Items {
		p := fmt.Sprintf("%s.items[%d]", place, j)
		item := radio.FormItem{Code: it.Code, Bulletin: it.Bulletin}
		if it.Repeat != "" {
			if item.Repeat = wholeNumber(bad, p+".repeat", it.Repeat); item.Repeat == 0 {
				item.Repeat = -1 // 0 times is not once: the desk says so
			}
		}
		if it.Gap != "" {
			item.GapMS = milliseconds(bad, p+".gap_ms", it.Gap)
		}
		item.Variants = it.variants(bad, p)
		s.Items = append(s.Items, item)
	}
	return s
}

// words cuts at commas, semicolons, space and new lines.
func words(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(",; \t\r\n", c) })
}

// isoDate turns 31/12/2026, as people write, into 2026-12-31.
func isoDate(s string) string {
	p := strings.FieldsFunc(s, func(c rune) bool { return c == '/' || c == '.' })
	if len(p) != 3 || len(p[2]) != 4 || len(p[0]) > 2 || len(p[1]) > 2 {
		return s
	}
	return p[2] + "-" + ("0" + p[1])[len(p[1])-1:] + "-" + ("0" + p[0])[len(p[0])-1:]
}

// clockTime turns 5:00, 5h and 5h30 into 05:00 and 05:30.
func clockTime(s string) string {
	hour, minute, ok := strings.Cut(strings.Replace(strings.ToLower(s), "h", ":", 1), ":")
	if !ok || len(hour) == 0 || len(hour) > 2 {
		return s
	}
	if minute == "" {
		minute = "00"
	}
	return ("0" + hour)[len(hour)-1:] + ":" + minute
}

func wholeNumber(bad *radio.Invalid, place, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > math.MaxInt32 {
		bad.Add(place, fmt.Sprintf("%q phải là số nguyên từ 0 trở lên, ví dụ 2", clip(s, 40)), fmt.Sprintf("%q: want a whole number from 0 on, 2, say", clip(s, 40)))
		return 0
	}
	return n
}

// milliseconds reads seconds with a point or a comma.
func milliseconds(bad *radio.Invalid, place, s string) int {
	x, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	if err != nil || math.IsNaN(x) || x < 0 || x > 24*60*60 {
		bad.Add(place, fmt.Sprintf("%q phải là số giây, ví dụ 1,5", clip(s, 40)), fmt.Sprintf("%q: want a number of seconds, 1.5, say", clip(s, 40)))
		return 0
	}
	return int(math.Round(x * 1000))
}

// readEdit reads the form's fields, within bounds: rows beyond them were not made by
// our page.
func readEdit(q url.Values) scheduleEdit {
	get := func(key string) string { return radio.TidyLine(q.Get(key)) }
	e := scheduleEdit{
		Code: get("code"), Title: get("title"), Area: get("area"), Campaign: get("campaign"), Priority: get("priority"), MoreTargets: get("more_targets"),
		From: get("from"), Until: get("until"), Except: get("except"), Grace: get("grace"), Note: radio.TidyText(q.Get("note")),
	}
	e.Base = boundedNumber(q.Get("base"), math.MaxInt32)
	if n, err := strconv.ParseInt(q.Get("revision"), 10, 64); err == nil {
		e.Revision = n
	}
	for _, t := range q["target"] {
		e.Targets = append(e.Targets, radio.TidyLine(t))
	}
	for i := range boundedNumber(q.Get("slots"), radio.MaxSlots) {
		p := fmt.Sprintf("s%d.", i)
		s := slotEdit{Code: get(p + "code"), Times: get(p + "times"), Days: get(p + "days"), MonthDays: get(p + "mdays"), Date: get(p + "date"),
			Dates: get(p + "dates"), Again: get(p + "again"), Every: get(p + "every"), Cron: get(p + "cron")}
		for _, d := range q[p+"dow"] {
			if n, err := strconv.Atoi(d); err == nil && n >= 1 && n <= 7 && !slices.Contains(s.Weekdays, n) {
				s.Weekdays = append(s.Weekdays, n)
			}
		}
		slices.Sort(s.Weekdays)
		for j := range boundedNumber(q.Get(p+"items"), radio.MaxSlotItems) {
			ip := fmt.Sprintf("%si%d.", p, j)
			it := itemEdit{Code: get(ip + "code"), Bulletin: get(ip + "bulletin"), Repeat: get(ip + "repeat"), Gap: get(ip + "gap")}
			for k := range boundedNumber(q.Get(ip+"variants"), radio.MaxVariants) {
				vp := fmt.Sprintf("%sv%d.", ip, k)
				it.Variants = append(it.Variants, variantEdit{Place: get(vp + "place"), Bulletin: get(vp + "bulletin")})
			}
			s.Items = append(s.Items, it)
		}
		e.Slots = append(e.Slots, s)
	}
	return e
}

func boundedNumber(s string, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, most)
}

// change does what a button of the form asks for: add-slot, drop-slot.1, add-item.1,
// drop-item.1.2, up-item.1.2, down-item.1.2, add-variant.1.2, drop-variant.1.2.0. Anything else changes nothing.
func (e *scheduleEdit) change(do string) {
	p := strings.Split(do, ".")
	at := func(i int) int {
		if i >= len(p) {
			return -1
		}
		n, err := strconv.Atoi(p[i])
		if err != nil {
			return -1
		}
		return n
	}
	if p[0] == "add-slot" && len(e.Slots) < radio.MaxSlots {
		e.Slots = append(e.Slots, slotEdit{Days: daysDaily, Items: []itemEdit{{Repeat: "1"}}})
	}
	i, j, k := at(1), at(2), at(3)
	if i < 0 || i >= len(e.Slots) {
		return
	}
	s := &e.Slots[i]
	switch {
	case p[0] == "drop-slot":
		e.Slots = slices.Delete(e.Slots, i, i+1)
	case p[0] == "add-item" && len(s.Items) < radio.MaxSlotItems:
		s.Items = append(s.Items, itemEdit{Repeat: "1"})
	case j < 0 || j >= len(s.Items):
	case p[0] == "drop-item":
		s.Items = slices.Delete(s.Items, j, j+1)
	case p[0] == "add-variant" && len(s.Items[j].Variants) < radio.MaxVariants:
		s.Items[j].Variants = append(s.Items[j].Variants, variantEdit{})
	case p[0] == "drop-variant" && k >= 0 && k < len(s.Items[j].Variants):
		s.Items[j].Variants = slices.Delete(s.Items[j].Variants, k, k+1)
	case p[0] == "up-item" && j > 0:
		s.Items[j-1], s.Items[j] = s.Items[j], s.Items[j-1]
	case p[0] == "down-item" && j+1 < len(s.Items):
		s.Items[j+1], s.Items[j] = s.Items[j], s.Items[j+1]
	}
}

// name gives codes to slots and positions that have none yet: people name bulletins,
// not rows.
func (e *scheduleEdit) name() {
	free := func(prefix string, taken func(string) bool) string {
		for n := 1; ; n++ {
			if code := prefix + strconv.Itoa(n); !taken(code) {
				return code
			}
		}
	}
	for i := range e.Slots {
		s := &e.Slots[i]
		if s.Code == "" {
			s.Code = free("khung-", func(code string) bool {
				return slices.ContainsFunc(e.Slots, func(o slotEdit) bool { return o.Code == code })
			})
		}
		for j := range s.Items {
			if s.Items[j].Code == "" {
				s.Items[j].Code = free("muc-", func(code string) bool {
					return slices.ContainsFunc(s.Items, func(o itemEdit) bool { return o.Code == code })
				})
			}
		}
	}
}
