package radio

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestBulletinSteps holds the whole table: every step in every state, by the author
// and by another person. "" is a conflict.
func TestBulletinSteps(t *testing.T) {
	const (
		both   = "both"
		author = "author"
		other  = "other"
	)
	for step, rows := range map[BulletinStep]map[BulletinState]struct {
		who string
		to  BulletinState
	}{
		StepEdit:     {Draft: {author, Draft}},
		StepDelete:   {Draft: {author, Draft}},
		StepSubmit:   {Draft: {author, Pending}},
		StepTakeBack: {Pending: {author, Draft}},
		StepApprove:  {Pending: {other, Approved}},
		StepReject:   {Pending: {both, Rejected}},
		StepWithdraw: {Approved: {both, Withdrawn}},
		StepRevise:   {Approved: {both, Approved}, Rejected: {both, Rejected}, Withdrawn: {both, Withdrawn}},

		StepReapprove: {Approved: {other, Approved}},
	} {
		for _, state := range BulletinStates() {
			row, possible := rows[state]
			for _, by := range []UserID{"author", "other"} {
				t.Run(fmt.Sprintf("%s/%s/%s", step, state, by), func(t *testing.T) {
					b := Bulletin{Code: "tin", State: state, CreatedBy: "author"}
					got, err := b.Take(step, by, 7, "vì thử")
					allowed := possible && (row.who == both || row.who == string(by))
					want := ErrForbidden
					if !possible {
						want = ErrConflict
					}
					switch {
					case allowed != b.Can(step, by):
						t.Errorf("Can says %t", !allowed)
					case allowed && (err != nil || got.State != row.to):
						t.Errorf("got %s, %v; want %s", got.State, err, row.to)
					case !allowed && (!errors.Is(err, want) || got.State != state):
						t.Errorf("got %s, %v; want %v", got.State, err, want)
					}
				})
			}
		}
	}
	if len(stepRules) != len(BulletinSteps()) {
		t.Error("a step is missing in BulletinSteps")
	}
}

func TestStepsNeedPersonAndReason(t *testing.T) {
	pending, approved := Bulletin{State: Pending, CreatedBy: "lan"}, Bulletin{State: Approved, CreatedBy: "lan"}
	for name, call := range map[string]func() error{
		"no person":             func() error { _, err := pending.Take(StepApprove, "", 1, ""); return err },
		"rejected without why":  func() error { _, err := pending.Take(StepReject, "hoa", 1, ""); return err },
		"withdrawn without why": func() error { _, err := approved.Take(StepWithdraw, "hoa", 1, ""); return err },
		"no such step":          func() error { _, err := pending.Take("air", "hoa", 1, ""); return err },
		"no such decision":      func() error { _, err := pending.Decide(Pending, "hoa", 1, ""); return err },
		"cut off and unconfirmed": func() error {
			b := Bulletin{State: Draft, CreatedBy: "lan", Warnings: []string{WarnCutOff}}
			_, err := b.Take(StepSubmit, "lan", 1, "")
			return err
		},
	} {
		if err := call(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := Bulletin{State: Draft, CreatedBy: "lan", Warnings: []string{WarnCutOff}, CutOffBy: "lan", CutOffAt: 1}
	if b, err := b.Take(StepSubmit, "lan", 5, ""); err != nil || b.SubmittedAt != 5 {
		t.Errorf("confirmed: %+v, %v", b, err)
	}
	b.SetAudio(nil, "", 0, 0, 0, []string{WarnCutOff}, nil)
	if _, err := b.Take(StepSubmit, "lan", 5, ""); !errors.Is(err, ErrInvalid) {
		t.Errorf("a confirmation counts for other audio: %v", err)
	}
}

func TestRevised(t *testing.T) {
	was := Bulletin{ID: "i", Code: "tin", Version: 3, Area: "a", Title: "T", State: Rejected, CreatedBy: "lan", SubmittedAt: 2,
		DecidedBy: "hoa", DecidedAt: 3, DecidedWhy: "sai", SourceSHA256: "x", CutOffBy: "lan", CutOffAt: 1}
	got, err := was.Revised("minh", 9)
	if err != nil || got.State != Draft || got.CreatedBy != "minh" || got.CreatedAt != 9 || got.EditedAt != 9 || got.SubmittedAt != 0 ||
		got.DecidedBy != "" || got.DecidedAt != 0 || got.DecidedWhy != "" || got.CutOffBy != "" || got.Title != "T" || got.SourceSHA256 != "x" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBulletinCheck(t *testing.T) {
	good := Bulletin{Code: "tin-1", Title: "Tin", Field: 1, Priority: Normal, Language: "vi"}
	for name, c := range map[string]struct {
		change func(*Bulletin)
		field  string // "" is good
	}{
		"good":                      {func(*Bulletin) {}, ""},
		"no priority named":         {func(b *Bulletin) { b.Priority = "" }, ""},
		"emergency":                 {func(b *Bulletin) { b.Priority = Emergency }, "priority"},
		"unknown priority":          {func(b *Bulletin) { b.Priority = "high" }, "priority"},
		"transcript at the limit":   {func(b *Bulletin) { b.Transcript = strings.Repeat("ữ", MaxTranscript) }, ""},
		"transcript too long":       {func(b *Bulletin) { b.Transcript = strings.Repeat("ữ", MaxTranscript+1) }, "transcript"},
		"lines in the transcript":   {func(b *Bulletin) { b.Transcript = "một\n\thai" }, ""},
		"lines in the title":        {func(b *Bulletin) { b.Title = "một\nhai" }, "title"},
		"NUL in the summary":        {func(b *Bulletin) { b.Summary = "a\x00b" }, "summary"},
		"C1 control in the title":   {func(b *Bulletin) { b.Title = "a\u0085b" }, "title"},
		"escape in the pen name":    {func(b *Bulletin) { b.PenName = "\x1b[31m" }, "pen_name"},
		"broken UTF-8":              {func(b *Bulletin) { b.Unit = "\xff" }, "unit"},
		"language with odd letters": {func(b *Bulletin) { b.Language = "việt" }, "language"},
		"ends before it begins":     {func(b *Bulletin) { b.ValidFrom, b.ValidUntil = 10, 10 }, "valid_until"},
		"window":                    {func(b *Bulletin) { b.ValidFrom, b.ValidUntil = 10, 11 }, ""},
	} {
		b := good
		c.change(&b)
		var e *Invalid
		errors.As(b.Check(), &e)
		if c.field == "" && e != nil || c.field != "" && (e == nil || len(e.Problems) != 1 || e.Problems[0].Field != c.field) {
			t.Errorf("%s: %v", name, b.Check())
		}
	}
}

func TestMaySee(t *testing.T) {
	person := func(id UserID, role Role, area AreaID) Person { return Person{ID: id, Grants: []Grant{{role, area}}} }
	provincial, communal := []AreaID{"P"}, []AreaID{"P", "A"}
	for name, c := range map[string]struct {
		who   Person
		state BulletinState
		chain []AreaID
		want  bool
	}{
		"commune, the province's approved":         {person("x", RoleEditor, "A"), Approved, provincial, true},
		"commune, the province's withdrawn":        {person("x", RoleEditor, "A"), Withdrawn, provincial, true},
		"commune, the province's draft":            {person("x", RoleEditor, "A"), Draft, provincial, false},
		"commune, the province's pending":          {person("x", RoleApprover, "A"), Pending, provincial, false},
		"commune, the province's rejected":         {person("x", RoleApprover, "A"), Rejected, provincial, false},
		"commune, own pending":                     {person("x", RoleApprover, "A"), Pending, communal, true},
		"commune, another commune's approved":      {person("x", RoleEditor, "B"), Approved, communal, false},
		"province, a commune's draft":              {person("x", RoleViewer, "P"), Draft, communal, true},
		"everywhere":                               {person("x", RoleAdmin, Everywhere), Draft, communal, true},
		"provider, a colleague's draft":            {person("x", RoleProvider, "P"), Draft, provincial, false},
		"provider, a colleague's pending":          {person("x", RoleProvider, Everywhere), Pending, provincial, false},
		"provider, approved":                       {person("x", RoleProvider, "P"), Approved, provincial, true},
		"provider, own draft":                      {person("me", RoleProvider, "P"), Draft, provincial, true},
		"provider of the commune, own draft":       {person("me", RoleProvider, "A"), Draft, communal, true},
		"author, now only elsewhere":               {person("me", RoleEditor, "B"), Draft, communal, false},
		"author without any right":                 {Person{ID: "me"}, Draft, communal, false},
		"provider and commune editor, own commune": {Person{ID: "x", Grants: []Grant{{RoleProvider, "P"}, {RoleEditor, "A"}}}, Draft, communal, true},
	} {
		if got := c.who.MaySee(Bulletin{State: c.state, CreatedBy: "me"}, c.chain...); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestMayRevise(t *testing.T) {
	for name, c := range map[string]struct {
		grant Grant
		by    UserID
		want  bool
	}{
		"editor of the area":      {Grant{RoleEditor, "A"}, "x", true},
		"editor above":            {Grant{RoleEditor, "P"}, "x", true},
		"editor elsewhere":        {Grant{RoleEditor, "B"}, "x", false},
		"provider, another's":     {Grant{RoleProvider, "A"}, "x", false},
		"provider, own":           {Grant{RoleProvider, "A"}, "me", true},
		"approver does not write": {Grant{RoleApprover, "A"}, "me", false},
	} {
		if got := (Person{ID: "me", Grants: []Grant{c.grant}}).MayRevise(Bulletin{CreatedBy: c.by}, "P", "A"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
