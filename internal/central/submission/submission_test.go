package submission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var now = time.Date(2026, time.November, 23, 1, 0, 0, 0, time.UTC)

func id[T ~string](n byte) T { return radio.IDFromBytes[T]([16]byte{1, n}) }

// library keeps what the desk needs, in memory.
type library struct {
	areas     []radio.Area
	bulletins []radio.Bulletin
	all       []radio.Submission
	heard     bool
}

func (l *library) Submissions(_ context.Context, communes []radio.AreaID, of radio.BulletinID) (out []radio.Submission, err error) {
	for _, x := range slices.Backward(l.all) {
		if (communes == nil || slices.Contains(communes, x.Commune)) && (of == "" || of == x.Bulletin) {
			out = append(out, x)
		}
	}
	return out, nil
}

func (l *library) Submission(_ context.Context, id radio.SubmissionID) (radio.Submission, error) {
	for _, x := range l.all {
		if x.ID == id {
			return x, nil
		}
	}
	return radio.Submission{}, radio.ErrNotFound
}

func (l *library) AddSubmission(_ context.Context, x radio.Submission) error {
	l.all = append(l.all, x)
	return nil
}

func (l *library) AddSubmissionStep(_ context.Context, x radio.Submission, taken *radio.Bulletin) error {
	l.all[slices.IndexFunc(l.all, func(y radio.Submission) bool { return y.ID == x.ID })] = x
	if taken != nil {
		l.bulletins = append(l.bulletins, *taken)
	}
	return nil
}

func (l *library) Bulletin(_ context.Context, id radio.BulletinID, version int) (radio.Bulletin, error) {
	for _, b := range l.bulletins {
		if b.ID == id && b.Version == version {
			return b, nil
		}
	}
	return radio.Bulletin{}, radio.ErrNotFound
}

func (l *library) BulletinByCode(_ context.Context, code string) (radio.Bulletin, error) {
	for _, b := range l.bulletins {
		if b.Code == code {
			return b, nil
		}
	}
	return radio.Bulletin{}, fmt.Errorf("%s: %w", code, radio.ErrNotFound)
}

func (l *library) Areas(context.Context) ([]radio.Area, error) { return l.areas, nil }

func (l *library) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{"an": "An", "sau": "Sáu"}, nil
}

func (l *library) Heard(context.Context, radio.Bulletin, radio.UserID) (radio.Hearing, error) {
	return radio.Hearing{Percent: 40, Done: l.heard}, nil
}

var (
	province, commune, other = id[radio.AreaID](1), id[radio.AreaID](2), id[radio.AreaID](3)
	good                     = id[radio.BulletinID](10)
)

func person(id radio.UserID, role radio.Role, area radio.AreaID) radio.Person {
	return radio.Person{ID: id, Grants: []radio.Grant{{Role: role, Area: area}}}
}

var an, sau = person("an", radio.RoleEditor, commune), person("sau", radio.RoleEditor, province)

func newLibrary() (*library, *Desk) {
	l := &library{areas: []radio.Area{{ID: province, Kind: radio.Province, Name: "Tỉnh"}, {ID: commune, Kind: radio.Commune, Parent: province, Name: "Xã Đồng Tâm"}, {ID: other, Kind: radio.Commune, Parent: province}}}
	l.bulletins = []radio.Bulletin{{ID: good, Code: "guong-tot", Version: 1, Area: commune, Title: "Gương người tốt", Author: "Bà Hai", Field: 6, Priority: radio.Normal, Language: "vi", State: radio.Approved,
		SourceSHA256: "c0", Seconds: 60, CreatedBy: "an", Signed: &radio.ApprovalRow{}, Warnings: []string{radio.WarnCutOff}, CutOffBy: "an"}}
	return l, New(l, l, func() time.Time { return now })
}

func TestTakenUp(t *testing.T) {
	l, d := newLibrary()
	x, err := d.Send(t.Context(), an, good, 1, "dự thi")
	if err != nil || x.State != radio.SubmissionWaiting || x.Names["an"] != "An" {
		t.Fatal(x, err)
	}
	var not *radio.NotHeard
	if _, err := d.Take(t.Context(), sau, x.ID, ""); !errors.As(err, &not) {
		t.Fatalf("taken without listening: %v", err)
	}
	l.heard = true
	if x, err = d.Take(t.Context(), sau, x.ID, ""); err != nil {
		t.Fatal(err)
	}
	b := l.bulletins[1]
	if x.State != radio.SubmissionTaken || x.Last().Became != b.ID || b.State != radio.Draft || b.Area != province || b.Code != "guong-tot-tinh" || b.Author != "Bà Hai" || b.SourceSHA256 != "c0" ||
		b.Unit != "Xã Đồng Tâm" || b.CreatedBy != "sau" || b.Signed != nil || b.CutOffBy != "" || b.Version != 1 {
		t.Errorf("%+v\n%+v", x, b)
	}
	if _, err := d.Send(t.Context(), an, good, 1, ""); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("what was taken is handed up again: %v", err)
	}
}

// Who may do what, and when.
func TestRefused(t *testing.T) {
	provider, viewer := person("p", radio.RoleProvider, commune), person("v", radio.RoleApprover, province)
	for name, c := range map[string]struct {
		kind error
		do   func(l *library, d *Desk, x radio.Submission) error
	}{
		"twice at once": {radio.ErrConflict, func(_ *library, d *Desk, _ radio.Submission) error {
			_, err := d.Send(t.Context(), an, good, 1, "")
			return err
		}},
		"sent by the province": {radio.ErrForbidden, func(l *library, d *Desk, _ radio.Submission) error {
			l.all = nil
			_, err := d.Send(t.Context(), sau, good, 1, "")
			return err
		}},
		"sent by a provider": {radio.ErrForbidden, func(l *library, d *Desk, _ radio.Submission) error {
			l.all = nil
			_, err := d.Send(t.Context(), provider, good, 1, "")
			return err
		}},
		"withdrawn by another commune": {radio.ErrForbidden, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Withdraw(t.Context(), person("b", radio.RoleEditor, other), x.ID, "")
			return err
		}},
		"withdrawn by the province": {radio.ErrForbidden, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Withdraw(t.Context(), sau, x.ID, "")
			return err
		}},
		"taken by the commune": {radio.ErrForbidden, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Take(t.Context(), an, x.ID, "")
			return err
		}},
		"taken by an approver": {radio.ErrForbidden, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Take(t.Context(), viewer, x.ID, "")
			return err
		}},
		"returned by the commune": {radio.ErrForbidden, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Return(t.Context(), an, x.ID, "x")
			return err
		}},
		"returned without a reason": {radio.ErrInvalid, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Return(t.Context(), sau, x.ID, "  ")
			return err
		}},
		"with an endless reason": {radio.ErrInvalid, func(_ *library, d *Desk, x radio.Submission) error {
			_, err := d.Return(t.Context(), sau, x.ID, strings.Repeat("x", 501))
			return err
		}},
		"a draft": {radio.ErrConflict, func(l *library, d *Desk, _ radio.Submission) error {
			l.all, l.bulletins[0].State = nil, radio.Draft
			_, err := d.Send(t.Context(), an, good, 1, "")
			return err
		}},
		"the province's own": {radio.ErrInvalid, func(l *library, d *Desk, _ radio.Submission) error {
			l.all, l.bulletins[0].Area = nil, province
			_, err := d.Send(t.Context(), sau, good, 1, "")
			return err
		}},
		"not known": {radio.ErrNotFound, func(_ *library, d *Desk, _ radio.Submission) error { _, err := d.Get(t.Context(), "x"); return err }},
		"withdrawn at home while it waits": {radio.ErrConflict, func(l *library, d *Desk, x radio.Submission) error {
			l.heard, l.bulletins[0].State = true, radio.Withdrawn
			_, err := d.Take(t.Context(), sau, x.ID, "")
			return err
		}},
		"too many": {radio.ErrConflict, func(l *library, d *Desk, x radio.Submission) error {
			for range radio.MaxSubmissionsWaiting {
				x.Bulletin = id[radio.BulletinID](99)
				l.all = append(l.all, x)
			}
			l.all = l.all[1:]
			_, err := d.Send(t.Context(), an, good, 1, "")
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, d := newLibrary()
			x, err := d.Send(context.Background(), an, good, 1, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(l, d, x); !errors.Is(err, c.kind) {
				t.Errorf("%v, want %v", err, c.kind)
			}
			if len(l.bulletins) != 1 {
				t.Error("refused, but something was taken")
			}
		})
	}
}

// What was returned or withdrawn may be handed up again; what ended takes no more steps.
func TestAgain(t *testing.T) {
	l, d := newLibrary()
	x, err := d.Send(t.Context(), an, good, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	if x, err = d.Withdraw(t.Context(), an, x.ID, "nhầm bài"); err != nil || x.State != radio.SubmissionWithdrawn {
		t.Fatal(x, err)
	}
	l.heard = true
	if _, err := d.Take(t.Context(), sau, x.ID, ""); !errors.Is(err, radio.ErrConflict) || len(l.bulletins) != 1 {
		t.Fatalf("what was withdrawn is taken: %v", err)
	}
	y, err := d.Send(t.Context(), an, good, 1, "")
	if err != nil || y.Turn != 2 {
		t.Fatal(y, err)
	}
	if y, err = d.Return(t.Context(), sau, y.ID, "tiếng nhỏ"); err != nil || y.Last().Why != "tiếng nhỏ" {
		t.Fatal(y, err)
	}
	if _, err := d.Withdraw(t.Context(), an, y.ID, ""); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("what was returned is withdrawn: %v", err)
	}
	all, err := d.List(t.Context(), nil, "")
	if err != nil || len(all) != 2 || len(all[0].Steps) != 2 {
		t.Errorf("%+v %v", all, err)
	}
}
