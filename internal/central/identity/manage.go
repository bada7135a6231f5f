package identity

import (
	"context"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// Directory finds people and the areas they are granted.
type Directory interface {
	Person(ctx context.Context, id radio.UserID) (radio.Account, error)
	People(ctx context.Context) ([]radio.Account, error)
	Areas(ctx context.Context) ([]radio.Area, error)
	AuditPage(ctx context.Context, f radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error)
}

// Rights keeps what people may do.
type Rights interface {
	// SetGrants replaces the grants seen; ErrConflict when there are others now.
	SetGrants(ctx context.Context, id radio.UserID, seen, grants []radio.Grant, actor string, at radio.Millis) error
	SetProfile(ctx context.Context, id radio.UserID, p radio.Profile, actor string, at radio.Millis) error
	DisablePerson(ctx context.Context, id radio.UserID, actor string, at radio.Millis) error
	EnablePerson(ctx context.Context, id radio.UserID, actor string, at radio.Millis) error
}

func notOneself() error {
	return radio.Refuse(radio.ErrForbidden, "Không ai tự đổi vai trò hay khóa tài khoản của chính mình; hãy nhờ quản trị viên khác.", "nobody changes the own roles or account; another administrator does")
}

func beyondArea() error {
	return radio.Refuse(radio.ErrForbidden, "Quản trị viên chỉ được giao vai trò trong địa bàn mình quản trị, và phải để lại ít nhất một vai trò.", "an administrator grants roles only inside the own area, and leaves at least one")
}

// Operator is who runs a command on the centre's own machine: it may do all that an
// administrator of the province may, and the audit names it.
func Operator(name string) radio.Person {
	return radio.Person{Login: name, Name: name, Grants: []radio.Grant{{Role: radio.RoleAdmin, Area: radio.Everywhere}}}
}

// actor is how the audit names a person.
func actor(by radio.Person) string {
	if by.ID == "" {
		return by.Login
	}
	return string(by.ID)
}

func (p *People) tree(ctx context.Context) (radio.AreaTree, error) {
	areas, err := p.accounts.Areas(ctx)
	return radio.NewAreaTree(areas), err
}

// List gives the people that by administers, by login.
func (p *People) List(ctx context.Context, by radio.Person) ([]radio.Account, error) {
	return p.covered(ctx, by, radio.ReadPeople)
}

// covered lists the people all of whose roles lie where by may do a.
func (p *People) covered(ctx context.Context, by radio.Person, a radio.Action) ([]radio.Account, error) {
	tree, err := p.tree(ctx)
	if err != nil {
		return nil, err
	}
	all, err := p.accounts.People(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(x radio.Account) bool { return !by.Covers(a, x.Grants, tree) }), nil
}

// Find gives one of the people that by administers; ErrNotFound for any other.
func (p *People) Find(ctx context.Context, by radio.Person, id radio.UserID) (radio.Account, error) {
	a, _, err := p.find(ctx, by, radio.ReadPeople, id)
	return a, err
}

func (p *People) find(ctx context.Context, by radio.Person, action radio.Action, id radio.UserID) (radio.Account, radio.AreaTree, error) {
	tree, err := p.tree(ctx)
	if err != nil {
		return radio.Account{}, tree, err
	}
	a, err := p.accounts.Person(ctx, id)
	if err == nil && !by.Covers(action, a.Grants, tree) {
		return radio.Account{}, tree, fmt.Errorf("person %s: %w", id, radio.ErrNotFound)
	}
	return a, tree, err
}

// another finds one of the people whom by may change: not oneself.
func (p *People) another(ctx context.Context, by radio.Person, id radio.UserID) (radio.Account, radio.AreaTree, error) {
	a, tree, err := p.find(ctx, by, radio.WritePeople, id)
	if err == nil && a.ID == by.ID {
		err = notOneself()
	}
	return a, tree, err
}

// SetGrants replaces what a person may do: both what there was and what there will be
// lies where by administers.
func (p *People) SetGrants(ctx context.Context, by radio.Person, id radio.UserID, grants []radio.Grant) error {
	a, tree, err := p.another(ctx, by, id)
	if err != nil {
		return err
	}
	var e radio.Invalid
	grants = checkGrants(&e, grants, tree)
	if err := e.Err(); err != nil {
		return err
	}
	if !by.Covers(radio.WritePeople, grants, tree) {
		return beyondArea()
	}
	return p.accounts.SetGrants(ctx, id, a.Grants, grants, actor(by), radio.At(p.now()))
}

// SetProfile replaces name and addresses of a person, by an administrator or by oneself.
func (p *People) SetProfile(ctx context.Context, by radio.Person, id radio.UserID, profile radio.Profile) error {
	if by.ID != id || !by.May(radio.Self) {
		if _, _, err := p.find(ctx, by, radio.WritePeople, id); err != nil {
			return err
		}
	}
	var e radio.Invalid
	profile = checkProfile(&e, profile)
	if err := e.Err(); err != nil {
		return err
	}
	if by.ID == id && p.emailOpens.Load() {
		// Who has stolen a session would name an address of their own, and sign in by it.
		if a, err := p.accounts.Person(ctx, id); err != nil {
			return err
		} else if a.Email != profile.Email {
			return radio.Refuse(radio.ErrForbidden, "Địa chỉ e-mail dùng để đăng nhập nên chỉ quản trị viên khác đổi được.", "the e-mail address signs you in: another administrator changes it")
		}
	}
	return p.accounts.SetProfile(ctx, id, profile, actor(by), radio.At(p.now()))
}

// Disable shuts an account and ends all it had opened.
func (p *People) Disable(ctx context.Context, by radio.Person, id radio.UserID) error {
	if _, _, err := p.another(ctx, by, id); err != nil {
		return err
	}
	return p.accounts.DisablePerson(ctx, id, actor(by), radio.At(p.now()))
}

// Enable opens an account again.
func (p *People) Enable(ctx context.Context, by radio.Person, id radio.UserID) error {
	if _, _, err := p.another(ctx, by, id); err != nil {
		return err
	}
	return p.accounts.EnablePerson(ctx, id, actor(by), radio.At(p.now()))
}

// Audit lists who did what, newest first, before the entry numbered so (0: the newest).
// Who may read it in some areas only sees what the people of those areas did, and what
// was done to them.
func (p *People) Audit(ctx context.Context, by radio.Person, f radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error) {
	f, names, err := p.AuditView(ctx, by, f)
	if err != nil {
		return nil, err
	}
	out, err := p.accounts.AuditPage(ctx, f, before, limit)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].ActorName, out[i].SubjectName = names[out[i].Actor], names[out[i].Subject]
	}
	return out, nil
}

// mostNamed bounds the people whose names a search finds.
const mostNamed = 200

// AuditView narrows a filter to what by may see, and lets its text find people by name.
// names are those of all people, by id.
func (p *People) AuditView(ctx context.Context, by radio.Person, f radio.AuditFilter) (radio.AuditFilter, map[string]string, error) {
	if !by.May(radio.ReadAudit) {
		theirs, err := p.covered(ctx, by, radio.ReadAudit)
		if err != nil {
			return f, nil, err
		}
		f.About = []radio.UserID{by.ID}
		for _, a := range theirs {
			f.About = append(f.About, a.ID)
		}
	}
	all, err := p.accounts.People(ctx)
	if err != nil {
		return f, nil, err
	}
	names, text := make(map[string]string, len(all)), radio.Fold(f.Text)
	for _, a := range all {
		names[string(a.ID)] = a.Name
		if text != "" && len(f.Named) < mostNamed && (strings.Contains(radio.Fold(a.Name), text) || strings.Contains(a.Login, text)) {
			f.Named = append(f.Named, a.ID)
		}
	}
	return f, names, nil
}

func checkLogin(e *radio.Invalid, login string) {
	if !radio.ValidCode(login) {
		e.Add("login", "tên đăng nhập chỉ gồm a–z, 0–9, dấu chấm, gạch nối", "use 1-64 of a-z, 0-9, dot and hyphen")
	}
}

var phoneForm = regexp.MustCompile(`^\+?[0-9][0-9 .()-]{5,28}$`)

// checkProfile notes what is wrong, and gives the profile in one form (NFC, no spaces
// around).
func checkProfile(e *radio.Invalid, p radio.Profile) radio.Profile {
	p = radio.Profile{Name: radio.TidyLine(p.Name), Email: radio.TidyLine(p.Email), Phone: radio.TidyLine(p.Phone)}
	radio.CheckLine(e, "name", p.Name, 1, 100)
	if p.Email != "" {
		if a, err := mail.ParseAddress(p.Email); err != nil || a.Address != p.Email || len(p.Email) > 254 || strings.ContainsFunc(p.Email, radio.NoText) {
			e.Add("email", "địa chỉ e-mail không đúng", "this is no e-mail address")
		}
	}
	if p.Phone != "" && !phoneForm.MatchString(p.Phone) {
		e.Add("phone", "số điện thoại không đúng", "this is no telephone number")
	}
	return p
}

// mostGrants bounds what one account holds: every role in every commune would do with less.
const mostGrants = 200

func (p *People) checkGrants(ctx context.Context, e *radio.Invalid, grants []radio.Grant) ([]radio.Grant, error) {
	tree, err := p.tree(ctx)
	return checkGrants(e, grants, tree), err
}

// checkGrants notes what is wrong, and gives the grants in one form: one in the province
// is one everywhere, none stands twice.
func checkGrants(e *radio.Invalid, grants []radio.Grant, tree radio.AreaTree) []radio.Grant {
	var out []radio.Grant
	for _, g := range grants {
		a, known := tree.Area(g.Area)
		if known && a.Kind == radio.Province {
			g.Area = radio.Everywhere
		}
		// Lists and sums go by commune: a role in a hamlet would see more or less than it says.
		if !g.Role.Valid() || !known && g.Area != radio.Everywhere || known && a.Kind == radio.Hamlet || len(grants) > mostGrants {
			e.Add("grants", "vai trò hoặc địa bàn không đúng", "a role or an area is not right")
			return nil
		}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
