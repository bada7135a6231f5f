package schedule

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestProvinceTakesACode: what reaches the whole province takes a code, by whatever
// targets it reaches it; what a commune publishes for itself takes none.
func TestProvinceTakesACode(t *testing.T) {
	for _, c := range []struct {
		name    string
		targets []radio.FormTarget
		takes   bool
	}{
		{"the province", []radio.FormTarget{{Area: "tinh"}}, true},
		{"the province and a commune", []radio.FormTarget{{Area: "xa"}, {Area: "tinh"}}, true},
		{"one commune of two", []radio.FormTarget{{Area: "xa"}}, false},
		{"every commune by its name", []radio.FormTarget{{Area: "xa"}, {Area: "khac"}}, true},
		{"a device in each commune", []radio.FormTarget{{Area: "xa"}, {Device: "loa-khac"}}, true},
		{"a hamlet in each", []radio.FormTarget{{Area: "thon"}, {Area: "thon-khac"}}, true},
		{"one device", []radio.FormTarget{{Device: "loa-khac"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newDesk(t)
			form := b.formOf(t, "sang")
			form.Title, form.Targets = "Buổi sáng khác", c.targets
			x := b.submitted(t, b.editor, radio.DraftSave{Schedule: b.onAir("sang").ID, Base: 1, Form: form})
			if v, err := b.View(t.Context(), b.approver, x.Doc.ID); err != nil || v.TakesCode != c.takes {
				t.Fatalf("the page says %v, %v", v.TakesCode, err)
			}
			if c.takes {
				_, err := b.Publish(t.Context(), b.approver, x.Doc.ID, x.Revision, true, "")
				wantKind(t, "without a code", err, radio.ErrInvalid)
				program := b.approver
				program.Token = radio.TokenWrites
				_, err = b.Publish(t.Context(), program, x.Doc.ID, x.Revision, true, goodCode)
				wantKind(t, "a program", err, radio.ErrForbidden)
				if b.onAir("sang").Version != 1 {
					t.Fatal("it is on the air")
				}
			}
			b.codes.asked = nil
			if _, err := b.Publish(t.Context(), b.approver, x.Doc.ID, x.Revision, true, goodCode); err != nil {
				t.Fatal(err)
			}
			if got := len(b.codes.asked) == 1; got != c.takes {
				t.Errorf("asked for a code: %v", b.codes.asked)
			}
		})
	}
}

// TestCodeIsNotWasted: a code is asked for last; conflicts that stand against the
// publication do not use it up.
func TestCodeIsNotWasted(t *testing.T) {
	b := newDesk(t)
	form := b.formOf(t, "sang")
	form.Targets = []radio.FormTarget{{Area: "tinh"}}
	x := b.submitted(t, b.editor, radio.DraftSave{Schedule: b.onAir("sang").ID, Base: 1, Form: form})
	b.clashes.found = []radio.Conflict{{Kind: radio.ConflictOverlap}}
	_, err := b.Publish(t.Context(), b.approver, x.Doc.ID, x.Revision, false, goodCode)
	wantKind(t, "a clash", err, radio.ErrConflict)
	if len(b.codes.asked) != 0 {
		t.Error("the code was used up")
	}
}

// TestPriorityIsRationed: one person publishes so many priority schedules an hour; a wrong
// code does not count, and another person goes on.
func TestPriorityIsRationed(t *testing.T) {
	b := newDesk(t)
	publish := func(n int, by radio.Person, priority radio.Priority, code string) error {
		t.Helper()
		form := b.formOf(t, "sang")
		form.Targets = []radio.FormTarget{{Area: "tinh"}}
		form.Code, form.Title, form.Priority, form.Slots[0].Code = fmt.Sprint("lich-", n), fmt.Sprint("Lịch ", n), priority, fmt.Sprint("s", n)
		x := b.submitted(t, b.editor, radio.DraftSave{Form: form})
		_, err := b.Publish(t.Context(), by, x.Doc.ID, x.Revision, true, code)
		return err
	}
	most := priorityQuota().Most
	for i := range most {
		if i < 3 {
			wantKind(t, "a wrong code", publish(1000+i, b.approver, radio.Prior, "000000"), radio.ErrInvalid)
		}
		if err := publish(i, b.approver, radio.Prior, goodCode); err != nil {
			t.Fatalf("schedule %d: %v", i, err)
		}
	}
	var often *radio.TooOften
	if err := publish(100, b.approver, radio.Prior, goodCode); !errors.As(err, &often) || often.RetryAfter() <= 0 {
		t.Fatalf("one too many: %v", err)
	}
	if err := publish(101, b.approver, radio.Normal, goodCode); err != nil {
		t.Errorf("a normal one: %v", err)
	}
	if err := publish(102, someone("khac", radio.RoleApprover, radio.Everywhere), radio.Prior, goodCode); err != nil {
		t.Errorf("another person: %v", err)
	}
	b.now = b.now.Add(time.Hour)
	if err := publish(103, b.approver, radio.Prior, goodCode); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// TestProvinceByParts: what one person publishes within a day counts together. A code is
// asked for as soon as it makes the province; what was published with one is not counted.
func TestProvinceByParts(t *testing.T) {
	b := newDesk(t)
	n := 0
	publish := func(what string, by radio.Person, target radio.FormTarget, code string, want error, asked bool) {
		t.Helper()
		n++
		form := b.formOf(t, "sang")
		form.Code, form.Title, form.Targets, form.Slots[0].Code = fmt.Sprint("lich-", n), fmt.Sprint("Lịch ", n), []radio.FormTarget{target}, fmt.Sprint("s", n)
		x := b.submitted(t, b.editor, radio.DraftSave{Form: form})
		if v, err := b.View(t.Context(), by, x.Doc.ID); err != nil || v.TakesCode != asked {
			t.Errorf("%s: the page says %v, %v", what, v.TakesCode, err)
		}
		b.codes.asked = nil
		_, err := b.Publish(t.Context(), by, x.Doc.ID, x.Revision, true, code)
		if want == nil && err != nil {
			t.Fatalf("%s: %v", what, err)
		} else if want != nil {
			wantKind(t, what, err, want)
		}
		if got := len(b.codes.asked) > 0; got != asked {
			t.Errorf("%s: asked for a code %v, want %v", what, got, asked)
		}
	}
	xa, other, whole := radio.FormTarget{Area: "xa"}, radio.FormTarget{Device: "loa-khac"}, radio.FormTarget{Area: "tinh"}
	program := b.approver
	program.Token = radio.TokenWrites
	second := someone("khac", radio.RoleApprover, radio.Everywhere)

	publish("the province with a code", b.approver, whole, goodCode, nil, true)
	publish("one commune after it", b.approver, xa, "", nil, false)
	publish("the same commune again", b.approver, radio.FormTarget{Area: "thon"}, "", nil, false)
	publish("the other half", b.approver, other, "", radio.ErrInvalid, true)
	publish("the other half by a program", program, other, goodCode, radio.ErrForbidden, true)
	publish("the other half by another person", second, other, "", nil, false)
	b.now = b.now.Add(together - time.Second)
	publish("the other half a day later, almost", b.approver, other, "", radio.ErrInvalid, true)
	publish("the other half with a code", b.approver, other, goodCode, nil, true)
	publish("the first half once more", b.approver, xa, "", nil, false)
	b.now = b.now.Add(together)
	publish("the other half, a day after", b.approver, other, "", nil, false)
	publish("and now the first", b.approver, xa, "", radio.ErrInvalid, true)
}
