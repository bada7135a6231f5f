package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// rulesForm is the form of the rules as it is typed.
type rulesForm struct {
	Base                                      int
	Revision                                  int64
	Number, Issued, Issuer, From, Label, Note string
	MaxSessions, MaxMinutes                   string
	Mourning                                  string // a date a line
	Windows, Quiet                            []spanRow
	Volume                                    []volumeRow
	Exceptions                                []exceptionRow
}

type spanRow struct {
	Name     string // of its fields: windows1
	N        int
	From, To string
	Days     []string
}

// Has says whether a weekday is ticked.
func (s spanRow) Has(day int) bool { return slices.Contains(s.Days, strconv.Itoa(day)) }

type volumeRow struct {
	Name         string
	N            int
	From, To, DB string
}

type exceptionRow struct {
	Name                      string
	N                         int
	Label, From, Until, Hours string // hours: 07:00-07:30, 17:00-17:30; empty is silence
}

// Empty rows a form offers beside those that are filled in.
const spareRows = 2

// ruleRows bounds the rows of one list that are read.
const ruleRows = 80

// fill writes rules into the form.
func (f *rulesForm) fill(b radio.RulesBody) {
	f.Number, f.Issued, f.Issuer, f.From, f.Label, f.Note = b.Number, string(b.Issued), b.Issuer, string(b.From), b.Label, b.Note
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	f.MaxSessions, f.MaxMinutes = number(b.MaxSessions), number(b.MaxMinutes)
	days := make([]string, len(b.Mourning))
	for i, d := range b.Mourning {
		days[i] = formatDay(d)
	}
	f.Mourning = strings.Join(days, "\n")
	rows := func(ws []radio.Window) (out []spanRow) {
		for _, w := range ws {
			row := spanRow{From: w.From.String(), To: w.To.String()}
			for _, d := range w.Days {
				row.Days = append(row.Days, strconv.Itoa(d))
			}
			out = append(out, row)
		}
		return out
	}
	f.Windows, f.Quiet = rows(b.Windows), rows(b.Quiet)
	for _, v := range b.Volume {
		f.Volume = append(f.Volume, volumeRow{From: v.From.String(), To: v.To.String(), DB: strconv.FormatFloat(v.GainDB, 'f', -1, 64)})
	}
	for _, e := range b.Exceptions {
		hours := make([]string, len(e.Windows))
		for i, w := range e.Windows {
			hours[i] = w.From.String() + "-" + w.To.String()
		}
		f.Exceptions = append(f.Exceptions, exceptionRow{Label: e.Label, From: string(e.From), Until: string(e.Until), Hours: strings.Join(hours, ", ")})
	}
	f.spare()
}

// spare adds empty rows and names all of them.
func (f *rulesForm) spare() {
	f.Windows, f.Quiet = append(f.Windows, make([]spanRow, spareRows)...), append(f.Quiet, make([]spanRow, spareRows)...)
	f.Volume, f.Exceptions = append(f.Volume, make([]volumeRow, spareRows)...), append(f.Exceptions, make([]exceptionRow, spareRows)...)
	for i := range f.Windows {
		f.Windows[i].N, f.Windows[i].Name = i+1, fmt.Sprint("windows", i+1)
	}
	for i := range f.Quiet {
		f.Quiet[i].N, f.Quiet[i].Name = i+1, fmt.Sprint("quiet", i+1)
	}
	for i := range f.Volume {
		f.Volume[i].N, f.Volume[i].Name = i+1, fmt.Sprint("volume", i+1)
	}
	for i := range f.Exceptions {
		f.Exceptions[i].N, f.Exceptions[i].Name = i+1, fmt.Sprint("exceptions", i+1)
	}
}

// readRulesForm reads what the form sends: as it was typed, and as rules. Rows that are
// empty are left out; what cannot be read at all is told, rules are the desk's to check.
func readRulesForm(q url.Values) (rulesForm, radio.RulesBody, error) {
	var e radio.Invalid
	get := func(key string) string { return strings.TrimSpace(q.Get(key)) }
	f := rulesForm{Number: get("number"), Issued: get("issued"), Issuer: get("issuer"), From: get("from"), Label: get("label"), Note: get("note"),
		MaxSessions: get("max_sessions"), MaxMinutes: get("max_minutes"), Mourning: get("mourning")}
	number := func(key string) int64 {
		if get(key) == "" {
			return 0
		}
		n, err := strconv.ParseInt(get(key), 10, 64)
		if err != nil || n < 0 {
			e.Add(key, "phải là số nguyên", "want a whole number")
		}
		return n
	}
	f.Base, f.Revision = int(number("base")), number("revision")
	b := radio.RulesBody{Number: f.Number, Issued: radio.Date(f.Issued), Issuer: f.Issuer, From: radio.Date(f.From), Label: f.Label, Note: f.Note,
		MaxSessions: int(min(number("max_sessions"), 1e6)), MaxMinutes: int(min(number("max_minutes"), 1e6))}
	for _, line := range strings.FieldsFunc(f.Mourning, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ';' || r == ' ' }) {
		d := radio.Date(isoDate(line))
		if _, err := radio.ParseDate(string(d)); err != nil {
			e.Add("mourning", fmt.Sprintf("%q không phải ngày: viết ngày/tháng/năm, ví dụ 31/12/2026", clip(line, 40)), fmt.Sprintf("%q is no date: write day/month/year, 31/12/2026, say", clip(line, 40)))
		}
		b.Mourning = append(b.Mourning, d)
	}
	hour := func(field, s string) radio.TimeOfDay {
		t, err := radio.ParseTimeOfDay(clockTime(s))
		if err != nil {
			e.Add(field, "viết giờ dạng 05:00, từ 00:00 đến 24:00", "write hours like 05:00, from 00:00 to 24:00")
		}
		return t
	}
	span := func(list string) (rows []spanRow, out []radio.Window) {
		for i := range ruleRows {
			at := fmt.Sprint(list, i+1)
			row := spanRow{From: get(at + "_from"), To: get(at + "_to"), Days: q[at+"_day"]}
			if row.From+row.To == "" && len(row.Days) == 0 {
				continue
			}
			rows = append(rows, row)
			field := fmt.Sprintf("%s.%d", list, len(rows))
			w := radio.Window{From: hour(field, row.From), To: hour(field, row.To)}
			for _, d := range row.Days {
				n, _ := strconv.Atoi(d) // 0 is no weekday: the desk says so
				if !slices.Contains(w.Days, n) {
					w.Days = append(w.Days, n)
				}
			}
			if len(w.Days) == 7 {
				w.Days = nil
			}
			out = append(out, w)
		}
		return rows, out
	}
	f.Windows, b.Windows = span("windows")
	f.Quiet, b.Quiet = span("quiet")
	for i := range ruleRows {
		at := fmt.Sprint("volume", i+1)
		row := volumeRow{From: get(at + "_from"), To: get(at + "_to"), DB: get(at + "_db")}
		if row.From+row.To+row.DB == "" {
			continue
		}
		f.Volume = append(f.Volume, row)
		field := fmt.Sprintf("volume.%d", len(f.Volume))
		v := radio.VolumeSpan{From: hour(field, row.From), To: hour(field, row.To)}
		var err error
		if v.GainDB, err = strconv.ParseFloat(strings.NewReplacer("−", "-", ",", ".").Replace(row.DB), 64); err != nil {
			e.Add(field, "mức âm lượng phải là số từ -60 đến 0 (dB)", "want a volume from -60 to 0 (dB)")
		}
		b.Volume = append(b.Volume, v)
	}
	for i := range ruleRows {
		at := fmt.Sprint("exceptions", i+1)
		row := exceptionRow{Label: get(at + "_label"), From: get(at + "_from"), Until: get(at + "_until"), Hours: get(at + "_hours")}
		if row.Label+row.From+row.Until+row.Hours == "" {
			continue
		}
		f.Exceptions = append(f.Exceptions, row)
		field := fmt.Sprintf("exceptions.%d", len(f.Exceptions))
		x := radio.PolicyException{Label: row.Label, From: radio.Date(row.From), Until: radio.Date(row.Until), Windows: []radio.Window{}}
		for _, part := range strings.FieldsFunc(row.Hours, func(r rune) bool { return r == ',' || r == ';' }) {
			from, to, _ := strings.Cut(strings.ReplaceAll(part, "–", "-"), "-")
			x.Windows = append(x.Windows, radio.Window{From: hour(field, strings.TrimSpace(from)), To: hour(field, strings.TrimSpace(to))})
		}
		b.Exceptions = append(b.Exceptions, x)
	}
	return f, b, e.Err()
}

// rulesFieldText names a field of the rules.
func rulesFieldText(name string) string {
	return word(map[string]string{
		"number": "Số quyết định", "issued": "Ngày ban hành", "issuer": "Cơ quan ban hành", "from": "Có hiệu lực từ ngày", "label": "Tên gọi, lý do", "note": "Ghi chú",
		"windows": "Khung giờ được phát", "quiet": "Giờ yên tĩnh", "volume": "Âm lượng theo giờ", "mourning": "Ngày quốc tang, ngày không phát", "exceptions": "Ngày lễ, Tết",
		"max_sessions": "Số phiên tối đa một ngày", "max_minutes": "Số phút tối đa một ngày", "revision": "Bản nháp", "base": "Bản nháp", "rules": "Bản nháp",
	}, name)
}

// rulesProblems words what is wrong with rules in the reader's language.
func (s *Server) rulesProblems(r *http.Request, err error) []formProblem {
	var invalid *radio.Invalid
	a := explain(err)
	text := func(vi, en string) string {
		if languageOf(r) == english {
			return en
		}
		return vi
	}
	if !errors.As(err, &invalid) {
		return []formProblem{{s.say(r, "Bản nháp"), text(a.VI, a.EN)}}
	}
	var out []formProblem
	for _, p := range invalid.Problems {
		field, n, _ := strings.Cut(p.Field, ".")
		name := s.say(r, rulesFieldText(field))
		if n != "" {
			name += " " + n
		}
		out = append(out, formProblem{name, text(p.VI, p.EN)})
	}
	return out
}

// placeText names what rules can be laid down for.
func placeText(kind string) string {
	return word(map[string]string{"province": "Tỉnh, thành phố", "commune": "Xã, phường", "hamlet": "Thôn, tổ dân phố", "device": "Cụm loa"}, kind)
}

// dayList writes weekdays, 1 Monday to 7 Sunday, as people do.
func (sp speech) dayList(days []int) string {
	var out []string
	for _, c := range sp.weekdayChoices() {
		if slices.Contains(days, c.N) {
			out = append(out, c.Name)
		}
	}
	return strings.Join(out, " ")
}

// rulesSentence words what the desk of the rules refuses.
func rulesSentence(err error) error {
	var invalid *radio.Invalid
	var own interface{ Vietnamese() string }
	switch {
	case err == nil, errors.As(err, &invalid), errors.As(err, &own), errors.As(err, new(told)):
		return err
	case errors.Is(err, radio.ErrConflict):
		return told{err, "Quy chế hoặc bản nháp đã thay đổi từ khi bạn mở trang. Hãy mở lại trang để xem trạng thái mới."}
	case errors.Is(err, radio.ErrForbidden):
		return told{err, "Không được phép: người soạn không tự duyệt quy chế của mình, và mỗi nơi chỉ quyết định quy chế của địa bàn mình."}
	}
	return err
}
