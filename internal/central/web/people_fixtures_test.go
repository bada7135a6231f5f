package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

const (
	goodCode  = "0123456789ABCDEFGHJKMNPQRS"
	newSecret = "loaxa_this-is-shown-once"
)

// fakeStaff keeps accounts in memory. Whom an administrator reaches is radio's own rule;
// the rest of identity's rules are tested there.
type fakeStaff struct {
	mu      sync.Mutex
	tree    radio.AreaTree
	all     []radio.Account
	mine    []radio.Grant // roles of the one who asks in TestPermissions
	tokens  []radio.APIToken
	audit   []radio.AuditEntry
	changes []string
	asked   []radio.AuditFilter
	err     error // of every change, when set
	readErr error
	second  radio.SecondState // of the reader
	theirs  radio.SecondState // of everybody else, and who asked to take it away
	wish    radio.SecondReset
}

// provinceStaff has people of the own commune, of another one and of the province.
func provinceStaff(p *fakePlan) *fakeStaff {
	areas, _ := p.Areas(context.Background())
	f := &fakeStaff{tree: radio.NewAreaTree(areas)}
	ownArea, otherArea := p.places[0].Chain[1].ID, p.places[2].Chain[1].ID
	f.mine = lan.Grants
	add := func(n int, login, name, hash string, disabled radio.Millis, grants ...radio.Grant) {
		f.all = append(f.all, radio.Account{ID: id[radio.UserID]('u', n), Login: login, Name: name, PasswordHash: hash, CreatedAt: radio.At(now.AddDate(0, -2, 0)), DisabledAt: disabled,
			Grants: grants, Email: login + "@hatinh.example", Phone: "0239 3855 5" + fmt.Sprint(10+n)})
	}
	add(1, "lan", lan.Name, "x", 0, lan.Grants...)
	add(11, "thanh-sen.bt", "Trần Văn Bình", "x", 0, radio.Grant{Role: radio.RoleEditor, Area: ownArea})
	add(12, "cam-xuyen.bt", "Phan Thị Cúc", "", 0, radio.Grant{Role: radio.RoleEditor, Area: otherArea})
	add(13, "so.duyet", "Đặng Minh Đức", "x", 0, radio.Grant{Role: radio.RoleApprover, Area: radio.Everywhere})
	add(14, "hai-xa", "Hoàng Thị Em", "x", radio.At(now.AddDate(0, 0, -1)), radio.Grant{Role: radio.RoleOperator, Area: ownArea}, radio.Grant{Role: radio.RoleOperator, Area: otherArea})
	add(15, "moi", "Lê Văn Giáp", "x", 0)
	f.tokens = []radio.APIToken{
		{ID: id[radio.TokenID]('t', 1), Name: "Báo cáo tháng", Use: radio.TokenReads, CreatedAt: radio.At(now.AddDate(0, -1, 0)), ExpiresAt: radio.At(now.AddDate(0, 1, 0)), UsedAt: radio.At(now)},
		{ID: id[radio.TokenID]('t', 2), Name: "Cổng thông tin tỉnh", Use: radio.TokenWrites, CreatedAt: radio.At(now.AddDate(-1, 0, 0)), ExpiresAt: radio.At(now.AddDate(0, 0, -1))},
		{ID: id[radio.TokenID]('t', 3), Name: "Thử", Use: radio.TokenReads, CreatedAt: radio.At(now), ExpiresAt: radio.At(now.AddDate(0, 1, 0)), RevokedAt: radio.At(now)},
	}
	for n := range 130 {
		f.audit = append(f.audit, radio.AuditEntry{Seq: int64(1000 - n), At: radio.At(now.Add(-5 * time.Hour)), Actor: string(lan.ID), ActorName: lan.Name,
			Action: []string{"person.grant", "bulletin.add", "something.new"}[n%3], Subject: string(f.all[1+n%5].ID), SubjectName: f.all[1+n%5].Name, Detail: "lan: [editor] → [viewer@thanh-sen]"})
	}
	f.audit[3].Actor, f.audit[3].ActorName, f.audit[3].SubjectName = "command:root", "", ""
	return f
}

func (f *fakeStaff) find(by radio.Person, person radio.UserID) (radio.Account, error) {
	if person == id[radio.UserID]('u', 77) {
		return radio.Account{ID: person, Login: "thu", Name: "Lê Văn Thử", PasswordHash: "x", Grants: f.mine}, f.readErr
	}
	for _, a := range f.all {
		if a.ID == person && by.Covers(radio.ReadPeople, a.Grants, f.tree) {
			return a, f.readErr
		}
	}
	return radio.Account{}, fmt.Errorf("person: %w", radio.ErrNotFound)
}

func (f *fakeStaff) List(_ context.Context, by radio.Person) ([]radio.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.all), func(a radio.Account) bool { return !by.Covers(radio.ReadPeople, a.Grants, f.tree) }), f.readErr
}

func (f *fakeStaff) Find(_ context.Context, by radio.Person, person radio.UserID) (radio.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(by, person)
}

func (f *fakeStaff) Audit(_ context.Context, by radio.Person, q radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	var out []radio.AuditEntry
	for _, e := range f.audit {
		_, err := f.find(by, radio.UserID(e.Subject))
		if (err == nil || by.May(radio.ReadAudit)) && (before == 0 || e.Seq < before) && (q.Subject == "" || e.Subject == q.Subject) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, f.readErr
}

// AuditView narrows to the people that by reaches.
func (f *fakeStaff) AuditView(_ context.Context, by radio.Person, q radio.AuditFilter) (radio.AuditFilter, map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	names := map[string]string{}
	for _, a := range f.all {
		names[string(a.ID)] = a.Name
		if !by.May(radio.ReadAudit) && by.Covers(radio.ReadAudit, a.Grants, f.tree) {
			q.About = append(q.About, a.ID)
		}
	}
	if !by.May(radio.ReadAudit) {
		q.About = append(q.About, by.ID)
	}
	return q, names, f.readErr
}

// Write makes a file as export does, but for its form: a line for each entry that the
// narrowed filter lets through.
func (f *fakeStaff) Write(_ context.Context, file AuditFile, begin func(at time.Time) (io.Writer, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readErr != nil {
		return f.readErr
	}
	out, err := begin(now)
	if err != nil {
		return err
	}
	for _, e := range f.audit {
		if file.Filter.About != nil && !slices.Contains(file.Filter.About, radio.UserID(e.Actor)) && !slices.Contains(file.Filter.About, radio.UserID(e.Subject)) {
			continue
		}
		row := file.Row(radio.AuditRecord{Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: e.Detail})
		if _, err := fmt.Fprintln(out, strings.Join(row, ";")); err != nil {
			return err
		}
	}
	return nil
}

// change does something to one account, as far as by reaches.
func (f *fakeStaff) change(by radio.Person, person radio.UserID, what string, do func(*radio.Account)) (radio.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.find(by, person)
	switch {
	case err != nil:
		return a, err
	case f.err != nil:
		return a, f.err
	case a.ID == by.ID && what != "profile":
		return a, fmt.Errorf("%w: oneself", radio.ErrForbidden)
	}
	f.changes = append(f.changes, what+" "+a.Login)
	do(&a)
	for i := range f.all {
		if f.all[i].ID == a.ID {
			f.all[i] = a
		}
	}
	return a, nil
}

func (f *fakeStaff) Invite(_ context.Context, by radio.Person, login string, p radio.Profile, grants []radio.Grant) (radio.Account, radio.Pass, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, g := range grants {
		if a, ok := f.tree.Area(g.Area); ok && a.Kind == radio.Province {
			grants[i].Area = radio.Everywhere
		}
	}
	switch {
	case f.err != nil:
		return radio.Account{}, radio.Pass{}, f.err
	case !by.Covers(radio.WritePeople, grants, f.tree):
		return radio.Account{}, radio.Pass{}, beyond{}
	}
	f.changes = append(f.changes, fmt.Sprint("invite ", login, " ", p, " ", grants))
	a := radio.Account{ID: id[radio.UserID]('u', 50), Login: login, Name: p.Name, Email: p.Email, Phone: p.Phone, Grants: grants, CreatedAt: radio.At(now)}
	return a, radio.Pass{Code: goodCode, ExpiresAt: radio.At(now.AddDate(0, 0, 7))}, nil
}

// beyond is how identity refuses: it brings its own Vietnamese.
type beyond struct{}

func (beyond) Error() string      { return "forbidden: beyond the own area" }
func (beyond) Unwrap() error      { return radio.ErrForbidden }
func (beyond) Vietnamese() string { return "Ngoài địa bàn quản trị." }

func (f *fakeStaff) SetGrants(_ context.Context, by radio.Person, person radio.UserID, grants []radio.Grant) error {
	if a, err := f.Find(context.Background(), by, person); err == nil && a.ID != by.ID && !by.Covers(radio.WritePeople, grants, f.tree) {
		return beyond{}
	}
	_, err := f.change(by, person, fmt.Sprint("grants ", grants), func(a *radio.Account) { a.Grants = grants })
	return err
}

func (f *fakeStaff) SetProfile(_ context.Context, by radio.Person, person radio.UserID, p radio.Profile) error {
	if by.ID == person {
		by.Grants = everyRole(radio.Everywhere)
	}
	_, err := f.change(by, person, "profile", func(a *radio.Account) { a.Name, a.Email, a.Phone = p.Name, p.Email, p.Phone })
	return err
}

func (f *fakeStaff) Reset(_ context.Context, by radio.Person, person radio.UserID) (radio.Account, radio.Pass, error) {
	a, err := f.change(by, person, "reset", func(a *radio.Account) { a.PasswordHash = "" })
	return a, radio.Pass{Code: goodCode, ExpiresAt: radio.At(now.AddDate(0, 0, 1))}, err
}

func (f *fakeStaff) Disable(_ context.Context, by radio.Person, person radio.UserID) error {
	_, err := f.change(by, person, "disable", func(a *radio.Account) { a.DisabledAt = radio.At(now) })
	return err
}

func (f *fakeStaff) Enable(_ context.Context, by radio.Person, person radio.UserID) error {
	_, err := f.change(by, person, "enable", func(a *radio.Account) { a.DisabledAt = 0 })
	return err
}

func (f *fakeStaff) Account(_ context.Context, by radio.Person) (radio.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by.Grants = everyRole(radio.Everywhere)
	return f.find(by, by.ID)
}

func (f *fakeStaff) ChangePassword(_ context.Context, by radio.Person, session, old, password string) (string, error) {
	return "the device of " + by.Login, f.own(fmt.Sprint("password of ", by.Login, " at ", session, ": ", old, " → ", password))
}

func (f *fakeStaff) own(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.changes = append(f.changes, what)
	}
	return f.err
}

func (f *fakeStaff) Sessions(context.Context, radio.Person, string) ([]radio.WebSession, error) {
	return []radio.WebSession{{CreatedAt: radio.At(now), ExpiresAt: radio.At(now.Add(12 * time.Hour)), Current: true}, {CreatedAt: radio.At(now), ExpiresAt: radio.At(now.Add(time.Hour))}}, f.readErr
}

func (f *fakeStaff) SignOutEverywhere(_ context.Context, by radio.Person) error {
	return f.own("sign out " + by.Login)
}

func (f *fakeStaff) Invited(_ context.Context, code string) (radio.Person, error) {
	if !strings.EqualFold(code, goodCode) {
		return radio.Person{}, fmt.Errorf("invitation: %w", radio.ErrNotFound)
	}
	return radio.Person{Login: "moi", Name: "Lê Văn Giáp"}, f.readErr
}

func (f *fakeStaff) Accept(ctx context.Context, code, password, _ string) (radio.SignedIn, error) {
	p, err := f.Invited(ctx, code)
	if err != nil {
		return radio.SignedIn{}, err
	}
	return radio.SignedIn{Person: p, Device: "known"}, f.own("accept " + password)
}

func (f *fakeStaff) NewToken(_ context.Context, by radio.Person, shown radio.Proof, name string, days int, use radio.TokenUse) (radio.APIToken, string, error) {
	return radio.APIToken{ID: id[radio.TokenID]('t', 9), Name: name, Use: use}, newSecret, f.own(fmt.Sprint("token ", name, " ", days, " ", use, " shown ", shown))
}

func (f *fakeStaff) Tokens(context.Context, radio.Person) ([]radio.APIToken, error) {
	return f.tokens, f.readErr
}

func (f *fakeStaff) RevokeToken(_ context.Context, _ radio.Person, token radio.TokenID) error {
	if token != id[radio.TokenID]('t', 1) {
		return fmt.Errorf("token: %w", radio.ErrNotFound)
	}
	return f.own("revoke")
}

// personThing: the province's own people are no concern of a commune's administrator.
func personThing(_ *house, w where) []string {
	return []string{"id", id[string]('u', map[where]int{own: 11, foreign: 12, common: 13}[w])}
}

// hidden: what stands above the commune is not the commune's administrator's to see.
func hidden() map[string]int { return map[string]int{"admin province": 404} }

func peopleFixtures() []fixture {
	read, write := radio.ReadPeople, radio.WritePeople
	invite := `{"login":"moi.bt","name":"Mới","grants":[{"role":"editor","area":"{area}"}]}`
	form := "name=Mới&phone=0239"
	// What the three had when the form was shown.
	seen := "seen=editor@" + id[string]('c', 16) + "&seen=editor@" + id[string]('c', 12) + "&seen=approver@*&seen=viewer@" + id[string]('c', 16)
	return []fixture{
		{pattern: "GET /people", may: read},
		{pattern: "POST /people", may: write, body: "login=moi.bt&name=Mới&role=editor&area={area}"},
		{pattern: "GET /people/{id}", may: read, thing: personThing, except: hidden()},
		{pattern: "POST /people/{id}", may: write, thing: personThing, body: form, except: hidden()},
		{pattern: "POST /people/{id}/grants", may: write, thing: personThing, body: seen + "&role=viewer&area=" + id[string]('c', 16), except: hidden()},
		{pattern: "POST /people/{id}/reset", may: write, thing: personThing, except: hidden()},
		{pattern: "POST /people/{id}/disable", may: write, thing: personThing, except: hidden()},
		{pattern: "POST /people/{id}/enable", may: write, thing: personThing, except: hidden()},
		{pattern: "GET /api/v1/people", may: read},
		{pattern: "POST /api/v1/people", may: write, body: invite},
		{pattern: "GET /api/v1/people/{id}", may: read, thing: personThing, except: hidden()},
		{pattern: "PUT /api/v1/people/{id}", may: write, thing: personThing, body: `{"name":"Mới"}`, except: hidden()},
		{pattern: "PUT /api/v1/people/{id}/grants", may: write, thing: personThing, body: `{"grants":[{"role":"viewer","area":"` + id[string]('c', 16) + `"}]}`, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/reset", may: write, thing: personThing, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/disable", may: write, thing: personThing, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/enable", may: write, thing: personThing, except: hidden()},
	}
}

func tokenThing(_ *house, w where) []string {
	if w != own {
		return nil
	}
	return []string{"token", id[string]('t', 1)}
}

func accountFixtures() []fixture {
	self := radio.Self
	return []fixture{
		{pattern: "GET /account", may: self},
		{pattern: "POST /account", may: self, body: "name=Mới"},
		{pattern: "POST /account/password", may: self, body: "old=a&password=b&again=b"},
		{pattern: "POST /account/sign-out", may: self},
		{pattern: "POST /account/tokens", may: self, body: "name=a&days=1"},
		{pattern: "POST /account/tokens/{token}/revoke", may: self, thing: tokenThing},
		{pattern: "GET /invite/{code}"},
		{pattern: "POST /invite/{code}"},
		{pattern: "POST /api/v1/invite"},
		{pattern: "GET /api/v1/account", may: self},
		{pattern: "PUT /api/v1/account", may: self, body: `{"name":"Mới"}`},
		{pattern: "POST /api/v1/account/password", may: self, body: `{"old":"a","password":"b"}`},
		{pattern: "GET /api/v1/account/sessions", may: self},
		{pattern: "DELETE /api/v1/account/sessions", may: self},
		{pattern: "GET /api/v1/tokens", may: self},
		{pattern: "POST /api/v1/tokens", may: self, body: `{"name":"a","days":1,"use":"read"}`},
		{pattern: "DELETE /api/v1/tokens/{token}", may: self, thing: tokenThing},
	}
}

func auditFixtures() []fixture {
	return []fixture{
		{pattern: "GET /audit", may: radio.ReadAudit},
		{pattern: "GET /api/v1/audit", may: radio.ReadAudit},
		{pattern: "GET /audit.jsonl", may: radio.ReadAudit},
		{pattern: "GET /audit.csv", may: radio.ReadAudit},
		{pattern: "GET /audit.xlsx", may: radio.ReadAudit},
		{pattern: "GET /api/v1/audit.jsonl", may: radio.ReadAudit},
	}
}

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
