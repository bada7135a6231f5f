package schedule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/unicode"

	"loaxa/internal/radio"
)

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever times a form can say, the rules made of them say the same again.
func TestRulesBothWays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(57, 2026))
	for range 20_000 {
		w := randomWhen(rnd)
		var times []radio.TimeOfDay
		for _, rule := range w.rules() {
			got, ok := readRule(rule, "2026-01-01", "2026-12-31")
			if !ok {
				t.Fatalf("%+v: rule %q cannot be shown", w, rule)
			}
			if again := got.rules(); len(again) != 1 || again[0] != rule {
				t.Fatalf("rule %q comes back as %q", rule, again)
			}
			times = append(times, got.times...)
			if !slices.Equal(got.weekdays, w.weekdays) || !slices.Equal(got.monthDays, w.monthDays) || got.day != w.day {
				t.Fatalf("%+v: rule %q is %+v", w, rule, got)
			}
		}
		slices.Sort(times)
		if !slices.Equal(times, w.times) {
			t.Fatalf("%+v: rules %q say %v", w, w.rules(), times)
		}
	}
}

func randomWhen(rnd *rand.Rand) (w when) {
	for range 1 + rnd.IntN(6) {
		w.times = append(w.times, radio.TimeOfDay(rnd.IntN(24)*60+5*rnd.IntN(12)))
	}
	slices.Sort(w.times)
	w.times = slices.Compact(w.times)
	pick := func(n int) (out []int) {
		for d := 1; d <= n; d++ {
			if rnd.IntN(3) == 0 {
				out = append(out, d)
			}
		}
		return out
	}
	switch rnd.IntN(4) {
	case 0:
		if w.weekdays = pick(7); len(w.weekdays) == 7 {
			w.weekdays = nil
		}
	case 1:
		w.monthDays = pick(31)
	case 2:
		w.day = radio.Date(fmt.Sprintf("2026-%02d-%02d", 1+rnd.IntN(12), 1+rnd.IntN(28)))
	}
	return w
}

// The table of rules and how a form shows them; a rule that it cannot show stays.
func TestRulesShown(t *testing.T) {
	for rule, want := range map[string]string{
		"0 5 * * *":        "[05:00] [] [] ",
		"0 5,17 * * *":     "[05:00 17:00] [] [] ",
		"0,30 5 * * 1-6":   "[05:00 05:30] [1 2 3 4 5 6] [] ",
		"0 5 * * 0":        "[05:00] [7] [] ",
		"0 5 * * 0,6":      "[05:00] [6 7] [] ",
		"0 */6 * * *":      "[00:00 06:00 12:00 18:00] [] [] ",
		"0 5 1,15 * *":     "[05:00] [] [1 15] ",
		"0 5 17 9 *":       "[05:00] [] [] 2026-09-17",
		"0 5 * * 1,2,3":    "[05:00] [1 2 3] [] ",
		"* 5 * * *":        "",
		"0 5 * * MON":      "",
		"0 5 * 3 *":        "",
		"0 5 1-3 4 *":      "",
		"0 5 * * 0-6":      "",
		"0 5 29 2 *":       "",
		"not a rule":       "",
		"0 5 * * * *":      "",
		"0 5 1 * 1":        "",
		"0/15 5 * * *":     "[05:00 05:15 05:30 05:45] [] [] ",
		"99999999999 5 * ": "",
	} {
		w, ok := readRule(rule, "2026-01-01", "2026-12-31")
		got := ""
		if ok {
			got = fmt.Sprint(w.times, " ", w.weekdays, " ", w.monthDays, " ", w.day)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
	// A date without one year, or out of the schedule's days, cannot be shown.
	for _, span := range [][2]radio.Date{{"", "2026-12-31"}, {"2026-01-01", ""}, {"2026-01-01", "2027-12-31"}, {"2026-10-01", "2026-12-31"}} {
		if w, ok := readRule("0 5 17 9 *", span[0], span[1]); ok {
			t.Errorf("%v: shown as %+v", span, w)
		}
	}
}

// naughty are texts that formats trip over.
var naughty = []string{
	"Buổi sáng", `"ngoặc" 'đơn' \ ngược`, "=1+1", "'=x", "''", "-5", "+84", "@SUM(A1)", "a: b # c", "- x", "{a: b}", "[1, 2]", "null", "true", "~", "1e3", "2026-01-01",
	"05:00", "0123", "&neo *bi !nhan %PHAN", "| nhiều", "> dòng", "a;b,c\td", "<script>alert(1)</script>", "&amp;&#10;", "{{.}}", "%s%d", "🎙️📢", "đ\u200dố", "\u202engược\u202c",
	"\u00a0cách\u00a0", "\ufeffdấu", "\u2028dòng", "tiê\u0301ng", strings.Repeat("ạ", 200), "x_x0041_x", "_x000D_", "\U0010FFFD", "sep=;", `\u0041`, "'", "'a",
}

func TestNaughtyStringsRoundTrip(t *testing.T) {
	for _, s := range naughty {
		b := newDesk(t)
		form := communeForm("xa-1")
		form.Title = s
		x, err := b.Save(t.Context(), b.communeEditor, radio.DraftSave{Form: form, Note: s})
		if err != nil {
			var r = &reader{problems: &Problems{}}
			if r.clean(text{s: s}); len(*r.problems) == 0 && !strings.ContainsAny(s, "\t") {
				t.Errorf("%q: %v", s, err)
			}
			continue
		}
		for _, format := range []string{FormatYAML, FormatCSV, FormatXLSX} {
			name, data, err := b.Export(t.Context(), b.communeEditor, x.Doc.ID, true, format)
			if err != nil {
				t.Fatalf("%q as %s: %v", s, format, err)
			}
			u, err := b.ReadUpload(t.Context(), b.communeEditor, name, data)
			if err != nil {
				t.Errorf("%q as %s is not read back: %v", s, format, err)
				continue
			}
			if u.Changed() != 0 || u.Forms[0].Title != x.Doc.Title {
				t.Errorf("%q as %s comes back as %q: %+v", x.Doc.Title, format, u.Forms[0].Title, u.Changes)
			}
		}
	}
}

// Every part of a schedule survives every format.
func TestFormatsRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 7))
	b := newDesk(t)
	for n := range 60 {
		form := randomForm(rnd, n)
		x := b.save(t, b.editor, radio.DraftSave{Form: form})
		for _, format := range []string{FormatYAML, FormatCSV, FormatXLSX} {
			name, data, err := b.Export(t.Context(), b.editor, x.Doc.ID, true, format)
			if err != nil {
				t.Fatal(err)
			}
			u, err := b.ReadUpload(t.Context(), b.editor, name, data)
			if err != nil || u.Changed() != 0 {
				t.Fatalf("%s of %+v: %v %+v\n%s", format, form, err, u.Changes, data)
			}
		}
	}
}

func randomForm(rnd *rand.Rand, n int) radio.ScheduleForm {
	grace := rnd.IntN(300)
	f := radio.ScheduleForm{
		Code: fmt.Sprintf("lich-%d", n), Title: naughty[rnd.IntN(10)], Area: "tinh", GraceSeconds: &grace, Priority: []radio.Priority{"", radio.Normal, radio.Prior}[rnd.IntN(3)],
		Targets: []radio.FormTarget{{Area: "xa"}, {Device: "loa-khac"}}[:1+rnd.IntN(2)], From: "2026-01-01", Until: "2026-12-31",
		Campaign: []string{"", "dot"}[rnd.IntN(2)], Except: []radio.Date{"2026-02-17", "2026-04-30"}[:rnd.IntN(3)],
	}
	for i := range 1 + rnd.IntN(3) {
		w := randomWhen(rnd)
		s := radio.FormSlot{Code: fmt.Sprintf("s%d", i), Weekdays: w.weekdays, MonthDays: w.monthDays, Day: w.day}
		for _, at := range w.times {
			s.Times = append(s.Times, at.String())
		}
		switch rnd.IntN(4) {
		case 0:
			s.Weekdays, s.MonthDays, s.Day, s.Dates = nil, nil, "", randomDates(rnd)
		case 1:
			s.Again, s.EveryMinutes = 1+rnd.IntN(3), 1
			s.Times = s.Times[:1]
		}
		if rnd.IntN(4) == 0 {
			s = radio.FormSlot{Code: s.Code, Cron: []string{"0 5 * * MON-FRI", "*/20 5 * * *", "0 5 * 3 *", "0 5 * * 1,2,3"}[rnd.IntN(4)]}
		}
		for j := range 1 + rnd.IntN(3) {
			s.Items = append(s.Items, radio.FormItem{Code: fmt.Sprintf("m%d", j), Bulletin: []string{"tin", "nhac"}[rnd.IntN(2)], Repeat: rnd.IntN(4), GapMS: rnd.IntN(3) * 1500, Variants: randomVariants(rnd)})
		}
		f.Slots = append(f.Slots, s)
	}
	return f
}

func TestTemplatesAreRead(t *testing.T) {
	for _, format := range []string{FormatCSV, FormatXLSX, FormatYAML} {
		name, data, err := template(format)
		if err != nil {
			t.Fatal(err)
		}
		var problems Problems
		raw := readFile(&problems, name, data)
		r := &reader{problems: &problems}
		for _, x := range raw {
			r.schedule(x)
		}
		if len(problems) != 0 || len(raw) != 1 || len(raw[0].slots) != 2 || len(raw[0].slots[1].items) != 2 {
			t.Errorf("%s: %v %+v", format, problems, raw)
		}
	}
}

const tableHead = "Mã lịch,Tên lịch,Địa bàn quản lý,Nơi phát,Từ ngày,Đến ngày,Mã khung,Giờ phát,Ngày phát,Mã mục,Mã bản tin,Số lần,Nghỉ giữa (giây)\n"

func TestUpload(t *testing.T) {
	b := newDesk(t)
	file := "\xef\xbb\xbf" + tableHead +
		"xa-1,Của xã,xa,\"thon\nloa-1\",1/1/2026,31/12/2026,sang,\"05:00, 5h30; 17:00\",T2-T7,a,nhac,,\n" +
		"xa-1,,,,,,sang,,,b,tin,2,\"1,5\"\n" +
		"xa-1,,,,,,toi,19:00,,,tin,,\n" +
		"\n" +
		"xa-2,Khác,,xa,,,s,05:00,CN,,nhac,,\n"
	u, err := b.ReadUpload(t.Context(), b.communeEditor, `C:\lịch\tuần.csv`, []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if b.drafts.writes != 0 || len(u.Changes) != 2 || u.Changed() != 2 || u.Name != "tuần.csv" {
		t.Fatalf("read: %+v, %d writes", u, b.drafts.writes)
	}
	saved, err := b.SaveUpload(t.Context(), b.communeEditor, u)
	if err != nil || b.drafts.writes != 2 {
		t.Fatalf("%v, %d writes", err, b.drafts.writes)
	}
	s := b.drafts.drafts[saved.Changes[0].Schedule].Doc
	var got []string
	for _, sl := range s.Slots {
		for _, e := range sl.Items {
			got = append(got, fmt.Sprintf("%s %s %s×%d+%d", sl.Code, sl.Cron, e.Code, e.Repeat, e.GapMS))
		}
	}
	want := []string{
		"sang 0,30 5 * * 1-6 a×1+0", "sang 0,30 5 * * 1-6 b×2+1500", "sang-2 0 17 * * 1-6 a×1+0", "sang-2 0 17 * * 1-6 b×2+1500", "toi 0 19 * * * muc-1×1+0",
	}
	if !slices.Equal(got, want) || len(s.Targets) != 2 || s.From != "2026-01-01" || s.Area != b.area("xa") {
		t.Errorf("slots\n got %q\nwant %q\n%+v", got, want, s)
	}

	// The same file again changes nothing, also once it is on the air.
	again, err := b.ReadUpload(t.Context(), b.communeEditor, "tuần.csv", []byte(file))
	if err != nil || again.Changed() != 0 {
		t.Fatalf("again: %+v, %v", again.Changes, err)
	}
	if _, err := b.SaveUpload(t.Context(), b.communeEditor, again); err != nil || b.drafts.writes != 2 {
		t.Fatalf("again: %v, %d writes", err, b.drafts.writes)
	}
	// What was shown is what is saved: in between somebody saved another draft.
	x := b.drafts.drafts[s.ID]
	x.Doc.Title, x.Revision = "Sửa tay", x.Revision+1
	b.drafts.drafts[s.ID] = x
	_, err = b.SaveUpload(t.Context(), b.communeEditor, again)
	wantKind(t, "another draft came between", err, radio.ErrConflict)
}

func TestUploadProblems(t *testing.T) {
	row := "xa-1,Của xã,xa,thon,,,s,05:00,,a,tin,,\n"
	for _, c := range []struct{ name, file, text, want string }{
		{"nothing", "a.csv", "", "a.csv: the file is empty"},
		{"headings only", "a.csv", tableHead, "a.csv: the file holds no schedule"},
		{"unknown column", "a.csv", "Mã lịch,Màu\n", `a.csv:1:1: missing column "title"; a.csv:1:1: missing column "targets"; a.csv:1:1: missing column "slot"; a.csv:1:1: missing column "bulletin"; a.csv:1:2: unknown column "Màu"`},
		{"column twice", "a.csv", "Mã lịch," + tableHead, `a.csv:1:2: column "Mã lịch" stands twice`},
		{"a picture", "a.png", "x", "a.png: want a .yaml, .csv or .xlsx file"},
		{"an old sheet", "a.xls", "x", "a.xls: an old XLS file: open it in Excel and save it as XLSX"},
		{"not UTF-8", "a.csv", tableHead + "B\xfa\n", "a.csv:2:1: not valid UTF-8; in Excel save as “CSV UTF-8”"},
		{"a stray quote", "a.csv", tableHead + "a\"b,c\n", `a.csv:2:1: a quote stands where it must not: bare " in non-quoted-field`},
		{"no code", "a.csv", tableHead + ",x\n", "a.csv:2:1: missing the schedule's code"},
		{"emergency", "a.csv", strings.Replace(tableHead, "Từ ngày", "Mức ưu tiên", 1) + "xa-1,Của xã,xa,thon,khẩn cấp,,s,05:00,,a,tin,,\n", "a.csv:2:5: a schedule cannot be emergency: an emergency goes out only as an alert"},
		{"all at once", "a.csv", tableHead + "xa-1,,xa,nowhere,32/1/2026,,s,25:00,T9,a,ghost,x,\n",
			`a.csv:2:1: missing title; a.csv:2:4: no area or device has the code "nowhere"; a.csv:2:5: date "32/1/2026": write a date there is as DD/MM/YYYY or YYYY-MM-DD, 31/01/2026, say; ` +
				`a.csv:2:8: time "25:00": write HH:MM from 00:00 to 23:59; a.csv:2:9: days "t9": write Mon-Sat, Sun, daily, day 1, 15 or 2026-09-17, 2026-09-20; ` +
				`a.csv:2:11: no bulletin has the code "ghost"; a.csv:2:12: repeat "x": want a whole number from 1 to 10`},
		{"nothing that exists", "a.csv", tableHead + "xa-1,T,xa,nowhere,,,s,05:00,,a,ghost,,\n", `a.csv:2:4: no area or device has the code "nowhere"; a.csv:2:11: no bulletin has the code "ghost"`},
		{"differs below", "a.csv", tableHead + row + "xa-1,Tên khác,,,,,s,06:00,,b,tin,,\n",
			`a.csv:3:2: title "Tên khác" differs from the first row of this schedule; a.csv:3:8: times "06:00" differs from the first row of this slot`},
		{"cron and times", "a.csv", strings.Replace(tableHead, "Từ ngày", "cron", 1) + "xa-1,T,xa,thon,0 5 * * *,,s,05:00,,a,tin,,\n", "a.csv:2:5: give times and days, or a cron rule, not both"},
		{"another commune's", "a.csv", tableHead + "xa-1,T,khac,khac,,,s,05:00,,a,tin,,\n", "a.csv:2:3: you do not write schedules for Xã khác"},
		{"outside the commune", "a.csv", tableHead + "xa-1,T,xa,\"thon, khac\",,,s,05:00,,a,tin,,\n", "a.csv:2:4: area khac lies outside the schedule's area (xa)"},
		{"the province's code", "a.csv", tableHead + "sang,T,xa,thon,,,s,05:00,,a,tin,,\n", `a.csv:2:1: code "sang" belongs to another schedule`},
		{"other lists", "a.yaml", "areas: []\nschedules: []\nxyz: 1\n", "a.yaml:1:1: an uploaded file holds only schedules; areas come in by `loaxa import`; a.yaml:3:1: unknown key \"xyz\""},
		{"withdrawn", "a.yaml", "schedules: [{code: xa-1, title: T, withdrawn: true, area: xa, targets: [{area: xa}], slots: [{code: s, cron: 0 5 * * *, items: [{code: a, bulletin: tin}]}]}]",
			"a.yaml:1:20: an approver withdraws a schedule, on its page"},
		{"not a sheet", "a.xlsx", "PK\x03\x04 no", "a.xlsx: cannot be read as XLSX (damaged, protected or too large): zip: not a valid zip file"},
	} {
		b := newDesk(t)
		_, err := b.ReadUpload(t.Context(), b.communeEditor, c.file, []byte(c.text))
		if got := english(err); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if b.drafts.writes != 0 {
			t.Errorf("%s: something was saved", c.name)
		}
	}
}

// english lists the problems of an error with their places.
func english(err error) string {
	var e *radio.Invalid
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	var out []string
	for _, p := range e.Problems {
		if p.VI == "" {
			out = append(out, "NO VIETNAMESE")
		}
		out = append(out, p.Field+": "+p.EN)
	}
	return strings.Join(out, "; ")
}

func TestTextFormsOfCSV(t *testing.T) {
	plain := tableHead + "xa-1,\"Tên, có phẩy\",xa,thon,,,s,05:00,,a,tin,,\n"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"UTF-8": plain, "with its mark": "\xef\xbb\xbf" + plain, "UTF-16": utf16, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"),
		"semicolons": semicolons(plain, ";"), "tabs": semicolons(plain, "\t"), "sep=": "sep=;\r\n" + semicolons(plain, ";"), "empty lines first": "\n\n" + plain,
	} {
		b := newDesk(t)
		u, err := b.ReadUpload(t.Context(), b.communeEditor, "a.csv", []byte(text))
		if err != nil || len(u.Forms) != 1 || u.Forms[0].Title != "Tên, có phẩy" {
			t.Errorf("%s: %+v, %v", name, u.Forms, err)
		}
	}
}

func semicolons(s, by string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "Tên, có phẩy", "§"), ",", by), "§", "Tên, có phẩy")
}

// peopleSheet is a sheet as people fill it: dates and times as Excel keeps them, rows
// left empty, another sheet in front.
func peopleSheet(t *testing.T, edits map[string]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if _, err := f.NewSheet("Lịch phát"); err != nil {
		t.Fatal(err)
	}
	cells := map[string]any{
		"A4": "xa-1", "B4": 2026, "C4": "xa", "D4": "thon", "E4": 46023, "F4": 46387.0, "G4": "s", "H4": 5.5 / 24, "I4": 46282, "J4": 1, "K4": "tin", "L4": 2, "M4": 1.5,
	}
	for i, h := range strings.Split(strings.TrimSpace(tableHead), ",") {
		cell, err := excelize.CoordinatesToCellName(i+1, 2)
		if err != nil {
			t.Fatal(err)
		}
		cells[cell] = h
	}
	maps.Copy(cells, edits)
	for cell, v := range cells {
		if err := f.SetCellValue("Lịch phát", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSheetOfPeople(t *testing.T) {
	b := newDesk(t)
	u, err := b.ReadUpload(t.Context(), b.communeEditor, "lịch.xlsx", peopleSheet(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	form := u.Forms[0]
	if form.Title != "2026" || form.From != "2026-01-01" || form.Until != "2026-12-31" || form.Slots[0].Cron != "30 5 17 9 *" || form.Slots[0].Items[0].GapMS != 1500 || form.Slots[0].Items[0].Repeat != 2 {
		t.Errorf("%+v", form)
	}
	_, err = b.ReadUpload(t.Context(), b.communeEditor, "lịch.xlsx", peopleSheet(t, map[string]any{"H4": "chiều", "K4": "ghost"}))
	if got, want := english(err), `Lịch phát!H4: time "chiều": write HH:MM from 00:00 to 23:59; Lịch phát!K4: no bulletin has the code "ghost"`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A few kilobytes that unfold to gigabytes are refused before they do.
func TestSheetBomb(t *testing.T) {
	b := newDesk(t)
	_, err := b.ReadUpload(t.Context(), b.communeEditor, "bom.xlsx", bombXLSX(t))
	if got := english(err); !strings.Contains(got, "unzip size exceeds") {
		t.Errorf("%s", got)
	}
	rows := make([][]string, maxRows+1)
	for i := range rows {
		rows[i] = []string{"x"}
	}
	data, err := writeXLSX(rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.ReadUpload(t.Context(), b.communeEditor, "dài.xlsx", data)
	if got := english(err); !strings.Contains(got, "Lịch phát!A5001: more than 5000 rows") {
		t.Errorf("%s", got)
	}
	_, err = b.ReadUpload(t.Context(), b.communeEditor, "dài.csv", []byte(strings.Repeat("x\n", maxRows+1)))
	if got := english(err); !strings.Contains(got, "dài.csv:5001:1: more than 5000 rows") {
		t.Errorf("%s", got)
	}
	_, err = b.ReadUpload(t.Context(), b.communeEditor, "to.csv", make([]byte, MaxUploadBytes+1))
	if got := english(err); !strings.Contains(got, "larger than 5 MB") {
		t.Errorf("%s", got)
	}
}

func FuzzCSV(f *testing.F) {
	_, data, err := template(FormatCSV)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(tableHead + "a,\"b\nc\",d\n"))
	f.Add([]byte("sep=;\n\xef\xbb\xbf;;"))
	f.Add([]byte("\xff\xfea\x00,\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFile(t, "a.csv", data) })
}

func FuzzXLSX(f *testing.F) {
	f.Add(sheetXLSX(f, `<row r="1"><c r="A1"><v>1</v></c></row>`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFile(t, "a.xlsx", data) })
}

// FuzzSheet mangles the sheet inside, which FuzzXLSX rarely reaches through the ZIP.
func FuzzSheet(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="inlineStr"><is><t>Mã lịch</t></is></c></row>`)
	f.Add(`<row r="5001"><c r="XFD1" t="s"><v>99</v></c></row>`)
	f.Add(`<row r="-1"><c r="" t="b"><v>x</v></c></row>`)
	f.Fuzz(func(t *testing.T, rows string) { fuzzFile(t, "a.xlsx", sheetXLSX(t, rows)) })
}

// fuzzFile: no file may stop the program, and what is wrong with one is told with its
// place and in both languages.
func fuzzFile(t *testing.T, name string, data []byte) {
	var problems Problems
	raw := readFile(&problems, name, data)
	r := &reader{file: name, problems: &problems}
	for _, x := range raw {
		r.schedule(x)
	}
	for _, p := range problems {
		if p.At.String() == "" || p.VI == "" || p.EN == "" {
			t.Fatalf("%+v", p)
		}
	}
}

// TestMessagesNameTheField: by the label of the page, the heading of the column or the
// key of the file, never by an English key within Vietnamese words.
func TestMessagesNameTheField(t *testing.T) {
	b := newDesk(t)
	grace := 9999
	form := communeForm("xa-1")
	form.Targets, form.Until, form.From, form.GraceSeconds = []radio.FormTarget{}, "2026-01-01", "2026-02-01", &grace
	form.Slots[0].Weekdays, form.Slots[0].Items[0].Repeat = []int{9}, 99
	vietnamese := func(err error) string {
		var out []string
		var e *radio.Invalid
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		for _, p := range e.Problems {
			out = append(out, p.VI)
		}
		return strings.Join(out, "; ")
	}
	_, err := b.Save(t.Context(), b.communeEditor, radio.DraftSave{Form: form})
	page := vietnamese(err)
	for _, want := range []string{"Nơi phát: phải có", "Đến hết ngày (01/01/2026) đứng trước Từ ngày (01/02/2026)", `Được phát trễ "9999": phải là số giây nguyên từ 0 đến 3600, ví dụ 120`,
		`Thứ trong tuần "9": phải là số nguyên từ 1 đến 7`, `Số lần "99": phải là số nguyên từ 1 đến 10`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q: %s", want, page)
		}
	}
	head := "Mã lịch,Tên lịch,Nơi phát,Từ ngày,Đến ngày,Trễ tối đa (giây),Mã khung,Giờ phát,Mã bản tin,Số lần,Nghỉ giữa (giây)\n"
	_, err = b.ReadUpload(t.Context(), b.communeEditor, "a.csv", []byte(head+"xa-1,T,thon,1/2/2026,1/1/2026,9999,s,5h,tin,99,700\n"))
	table := vietnamese(err)
	for _, want := range []string{"Đến ngày (01/01/2026) đứng trước Từ ngày (01/02/2026)", `Trễ tối đa (giây) "9999"`, `Số lần "99"`, `Nghỉ giữa (giây) "700": phải là số giây từ 0 đến 600`} {
		if !strings.Contains(table, want) {
			t.Errorf("the table does not say %q: %s", want, table)
		}
	}
	for _, key := range []string{"until", "from", "targets", "repeat", "grace", "gap", "slots", "items", "day "} {
		if strings.Contains(page+table, key) {
			t.Errorf("the key %q stands in Vietnamese words: %s; %s", key, page, table)
		}
	}
}
