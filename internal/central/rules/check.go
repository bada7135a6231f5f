package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"loaxa/internal/radio"
)

// Bounds of what a person writes.
const (
	maxWindows = 21
	maxVolume  = 24
	// Days ahead on which rules begin at most, and years since their decision: else it is a
	// slip of the pen.
	maxAhead = 730
	maxAge   = 100
)

// check makes a rule of what a person wrote for a place; all that is wrong is told together.
// had: the place has rules already, which an empty profile lifts.
func check(b radio.RulesBody, p place, today radio.Date, had bool) (radio.PolicyRule, error) {
	var e radio.Invalid
	words := func(field, s string, most int, lines bool) string {
		s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
		bad := func(r rune) bool { return !unicode.IsGraphic(r) && !(lines && r == '\n') }
		switch {
		case utf8.RuneCountInString(s) > most:
			e.Add(field, fmt.Sprintf("dài quá %d ký tự", most), fmt.Sprintf("longer than %d characters", most))
		case !utf8.ValidString(s) || strings.ContainsFunc(s, bad):
			e.Add(field, "có ký tự không đọc được", "it has characters that cannot be read")
		}
		return s
	}
	r := radio.PolicyRule{
		Target: p.target, Zone: p.zone, Desk: true, Profile: p.small(),
		Number: words("number", b.Number, 100, false), Issuer: words("issuer", b.Issuer, 200, false),
		Label: words("label", b.Label, 60, false), Note: words("note", b.Note, 2000, true),
		Issued: b.Issued, From: b.From, Windows: append([]radio.Window{}, b.Windows...), Quiet: b.Quiet, Volume: b.Volume,
		Exceptions: slices.Clone(b.Exceptions), MaxSessions: b.MaxSessions, MaxMinutes: b.MaxMinutes,
	}
	switch {
	case p.small():
		if r.Label == "" {
			e.Add("label", "phải nêu lý do, ví dụ: gần Trường Tiểu học", "say what it is for, such as: near a school")
		}
		if len(r.Windows)+len(r.Exceptions) > 0 {
			e.Add("windows", "thôn, cụm loa theo khung giờ của xã; ở đây chỉ đặt giờ yên tĩnh và mức âm lượng thấp hơn", "a hamlet or device follows the commune's hours; here are only quiet hours and lower volumes")
		}
		if !had && len(r.Quiet)+len(r.Volume)+len(b.Mourning)+r.MaxSessions+r.MaxMinutes == 0 {
			e.Add("quiet", "chưa đặt gì: nêu giờ yên tĩnh, mức âm lượng hoặc giới hạn trong ngày", "nothing is laid down: name quiet hours, volumes or a cap of the day")
		}
	default:
		if r.Number == "" {
			e.Add("number", "phải nêu số của quyết định", "name the number of the decision")
		}
		if r.Issuer == "" {
			e.Add("issuer", "phải nêu cơ quan ban hành", "name who issued it")
		}
		if r.Issued == "" {
			e.Add("issued", "phải nêu ngày của quyết định", "name the date of the decision")
		}
		if r.Label == "" {
			r.Label = r.Number
		}
		if len(r.Windows) == 0 {
			e.Add("windows", "phải có ít nhất một khung giờ được phát", "name at least one span in which sound is permitted")
		}
	}
	day := func(field string, d radio.Date) bool {
		if _, err := radio.ParseDate(string(d)); err != nil {
			e.Add(field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
			return false
		}
		return true
	}
	switch {
	case r.Issued == "" || !day("issued", r.Issued):
	case r.Issued > today:
		e.Add("issued", "ngày của quyết định chưa đến", "the date of the decision has not come")
	case r.Issued < later(today, -maxAge, 0):
		e.Add("issued", "năm của quyết định quá xa: hãy xem lại", "the year of the decision is too long ago: look again")
	}
	switch {
	case r.From == "":
		e.Add("from", "phải nêu ngày có hiệu lực", "name the first day")
	case !day("from", r.From):
	case r.From < today:
		e.Add("from", "ngày có hiệu lực phải từ hôm nay trở đi", "the first day must be today or later")
	case r.From > later(today, 0, maxAhead):
		e.Add("from", fmt.Sprintf("ngày có hiệu lực cách hôm nay quá xa: nhiều nhất %d ngày", maxAhead), fmt.Sprintf("the first day is too far from today: at most %d days", maxAhead))
	}
	spans(&e, "windows", r.Windows)
	spans(&e, "quiet", r.Quiet)
	if len(r.Volume) > maxVolume {
		e.Add("volume", fmt.Sprintf("nhiều nhất %d mức âm lượng", maxVolume), fmt.Sprintf("at most %d volumes", maxVolume))
	}
	for i, v := range r.Volume {
		if !span(v.From, v.To) || !(v.GainDB >= -60 && v.GainDB <= 0) {
			e.Add(fmt.Sprintf("volume.%d", i+1), "giờ từ 00:00 đến 24:00, đầu khác cuối; mức từ -60 đến 0 dB", "hours from 00:00 to 24:00, of some length; volume from -60 to 0 dB")
		}
	}
	for i, d := range b.Mourning {
		if i == radio.MaxMourning {
			e.Add("mourning", "quá nhiều ngày", "too many days")
			break
		}
		if day(fmt.Sprintf("mourning.%d", i+1), d) {
			r.Mourning = append(r.Mourning, d)
		}
	}
	slices.Sort(r.Mourning)
	r.Mourning = slices.Compact(r.Mourning)
	exceptions(&e, r.Exceptions)
	if r.MaxSessions < 0 || r.MaxSessions > radio.MaxDaySessions {
		e.Add("max_sessions", fmt.Sprintf("từ 0 (không giới hạn) đến %d", radio.MaxDaySessions), fmt.Sprintf("from 0 (no bound) to %d", radio.MaxDaySessions))
	}
	if r.MaxMinutes < 0 || r.MaxMinutes > radio.MaxDayMinutes {
		e.Add("max_minutes", fmt.Sprintf("từ 0 (không giới hạn) đến %d", radio.MaxDayMinutes), fmt.Sprintf("from 0 (no bound) to %d", radio.MaxDayMinutes))
	}
	if err := e.Err(); err != nil {
		return r, err
	}
	return r, r.Check()
}

// later is a date some years and days after another.
func later(d radio.Date, years, days int) radio.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return radio.DateOf(t.AddDate(years, 0, days))
}

func span(from, to radio.TimeOfDay) bool {
	return from >= 0 && from < 24*60 && to > 0 && to <= 24*60 && from != to
}

func spans(e *radio.Invalid, field string, all []radio.Window) {
	if len(all) > maxWindows {
		e.Add(field, fmt.Sprintf("nhiều nhất %d khung giờ", maxWindows), fmt.Sprintf("at most %d spans", maxWindows))
	}
	for i, w := range all {
		at := fmt.Sprintf("%s.%d", field, i+1)
		if !span(w.From, w.To) {
			e.Add(at, "giờ từ 00:00 đến 24:00, đầu khác cuối", "hours from 00:00 to 24:00, of some length")
		}
		if slices.ContainsFunc(w.Days, func(d int) bool { return d < 1 || d > 7 }) || len(w.Days) > 7 {
			e.Add(at, "thứ từ 1 (thứ Hai) đến 7 (Chủ nhật)", "weekdays from 1 (Monday) to 7 (Sunday)")
		}
	}
}

func exceptions(e *radio.Invalid, all []radio.PolicyException) {
	if len(all) > radio.MaxExceptions {
		e.Add("exceptions", fmt.Sprintf("nhiều nhất %d đợt", radio.MaxExceptions), fmt.Sprintf("at most %d", radio.MaxExceptions))
		return
	}
	for i := range all {
		all[i].Label = strings.TrimSpace(all[i].Label)
		if all[i].Until == "" {
			all[i].Until = all[i].From
		}
		at := fmt.Sprintf("exceptions.%d", i+1)
		if err := all[i].Check(); errors.Is(err, radio.ErrInvalid) {
			e.Add(at, fmt.Sprintf("phải có tên (ví dụ: Tết Đinh Mùi), ngày dạng 2027-02-05, nhiều nhất %d ngày và %d khung giờ", radio.MaxExceptionDays, radio.MaxExceptionWindows),
				fmt.Sprintf("it wants a name, dates like 2027-02-05, at most %d days and %d spans", radio.MaxExceptionDays, radio.MaxExceptionWindows))
			continue
		}
		for j, o := range all[:i] {
			if o.Covers(all[i].From) || all[i].Covers(o.From) {
				e.Add(at, fmt.Sprintf("trùng ngày với đợt %d", j+1), fmt.Sprintf("it shares a date with number %d", j+1))
			}
		}
	}
}
