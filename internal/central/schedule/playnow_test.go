package schedule

import (
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

func nowForm(code string) radio.ScheduleForm {
	f := communeForm(code)
	f.Slots[0].Times, f.Slots[0].Now = nil, true
	return f
}

// Play now has no time until it is published, by however long that takes; then it has that of
// the first minute from the publication that leaves devices a minute to take it in, once.
func TestPlayNowSoundsOnceAfterPublication(t *testing.T) {
	b := newDesk(t)
	x := b.submitted(t, b.communeEditor, radio.DraftSave{Form: nowForm("ngay")})
	v, err := b.View(t.Context(), b.communeApprover, x.Doc.ID)
	if err != nil {
		t.Fatal(err)
	}
	if s := v.Pending.Slots[0]; !s.Now || len(s.Times) != 0 || s.Cron != "" {
		t.Fatalf("the draft as a form: %+v", s)
	}
	// The conflicts of the draft are those of that minute.
	b.now = b.now.Add(26*time.Hour + 20*time.Second)
	if _, err := b.Clashes(t.Context(), b.communeApprover, x.Doc.ID); err != nil {
		t.Fatal(err)
	}
	asked := b.clashes.asked[len(b.clashes.asked)-1]
	b.now = b.now.Add(3 * time.Hour)
	s, err := b.Publish(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, false, goodCode)
	if err != nil {
		t.Fatal(err)
	}
	at, due := timetable.Next(s, s.Slots[0], b.now)
	if lead := at.Sub(b.now); !due || lead < nowLead || lead >= nowLead+time.Minute || at.Second() != 0 {
		t.Errorf("published at %s, it comes at %s (%v)", b.now, at, due)
	}
	if _, again := timetable.Next(s, s.Slots[0], at.Add(time.Second)); again {
		t.Error("it comes again")
	}
	if at, due := timetable.Next(asked, asked.Slots[0], b.now.Add(-3*time.Hour)); !due || at.Sub(b.now.Add(-3*time.Hour)) >= nowLead+time.Minute {
		t.Errorf("conflicts were looked for at %s (%v), not at that minute", at, due)
	}
	// On the air it is a date and a time like any other: changing its title plays nothing.
	form := b.formOf(t, "ngay")
	if f := form.Slots[0]; f.Now || len(f.Times) != 1 || f.Day == "" {
		t.Fatalf("on the air as a form: %+v", f)
	}
	form.Title = "Tên khác"
	b.now = b.now.Add(time.Hour)
	y := b.submitted(t, b.communeEditor, radio.DraftSave{Schedule: s.ID, Base: 1, Form: form})
	s2, err := b.Publish(t.Context(), b.communeApprover, s.ID, y.Revision, true, goodCode)
	if err != nil {
		t.Fatal(err)
	}
	if _, again := timetable.Next(s2, s2.Slots[0], b.now); again {
		t.Error("a new title plays it again")
	}
}

func TestPlayNowIsRefused(t *testing.T) {
	past, today := radio.Date("2020-12-31"), radio.Date("")
	b := newDesk(t)
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	today = zone.Date(b.now)
	for name, change := range map[string]func(*radio.ScheduleForm){
		"with a time":      func(f *radio.ScheduleForm) { f.Slots[0].Times = []string{"05:00"} },
		"with a day":       func(f *radio.ScheduleForm) { f.Slots[0].Day = today },
		"with a rule":      func(f *radio.ScheduleForm) { f.Slots[0].Cron = "0 5 * * *" },
		"over":             func(f *radio.ScheduleForm) { f.From, f.Until = "2020-01-01", past },
		"an excepted date": func(f *radio.ScheduleForm) { f.Except = []radio.Date{today} },
	} {
		f := nowForm("ngay")
		change(&f)
		_, err := b.Save(t.Context(), b.communeEditor, radio.DraftSave{Form: f})
		wantKind(t, name, err, radio.ErrInvalid)
	}
	// Between saving and publishing the schedule's days may pass.
	f := nowForm("ngay")
	f.From, f.Until = today, today
	x := b.submitted(t, b.communeEditor, radio.DraftSave{Form: f})
	b.now = b.now.Add(48 * time.Hour)
	_, err = b.Publish(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, true, goodCode)
	wantKind(t, "published after its days", err, radio.ErrInvalid)
}

// A file holds times, so that what is read back from it cannot begin to sound by itself.
func TestPlayNowInFiles(t *testing.T) {
	b := newDesk(t)
	x := b.save(t, b.communeEditor, radio.DraftSave{Form: nowForm("ngay")})
	for _, format := range []string{FormatYAML, FormatCSV, FormatXLSX} {
		_, data, err := b.Export(t.Context(), b.communeEditor, x.Doc.ID, true, format)
		if err != nil || len(data) == 0 {
			t.Fatal(format, err)
		}
		if format == FormatYAML && !strings.Contains(string(data), "times:") && !strings.Contains(string(data), "cron:") {
			t.Errorf("%s: %s", format, data)
		}
	}
}
