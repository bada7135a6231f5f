package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Staff finds the people that a person administers; who is beyond their areas is
// ErrNotFound (identity).
type Staff interface {
	List(ctx context.Context, by radio.Person) ([]radio.Account, error)
	Find(ctx context.Context, by radio.Person, id radio.UserID) (radio.Account, error)
	Audit(ctx context.Context, by radio.Person, f radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error)
	// AuditView narrows a filter to what by may see; names are those of all people, by id.
	AuditView(ctx context.Context, by radio.Person, f radio.AuditFilter) (narrowed radio.AuditFilter, names map[string]string, err error)
}

// Office changes them, within the areas of who asks (identity).
type Office interface {
	Invite(ctx context.Context, by radio.Person, login string, p radio.Profile, grants []radio.Grant) (radio.Account, radio.Pass, error)
	SetGrants(ctx context.Context, by radio.Person, id radio.UserID, grants []radio.Grant) error
	SetProfile(ctx context.Context, by radio.Person, id radio.UserID, p radio.Profile) error
	Reset(ctx context.Context, by radio.Person, id radio.UserID) (radio.Account, radio.Pass, error)
	Disable(ctx context.Context, by radio.Person, id radio.UserID) error
	Enable(ctx context.Context, by radio.Person, id radio.UserID) error
}

func (s *Server) peopleRoutes() []route {
	page, api := s.page, s.api
	read, write := radio.ReadPeople, radio.WritePeople
	return []route{
		{pattern: "GET /people", as: page, do: s.peopleList, may: read},
		{pattern: "POST /people", as: page, do: s.peopleInvite, may: write},
		{pattern: "GET /people/{id}", as: page, do: s.personPage, may: read},
		{pattern: "POST /people/{id}", as: page, do: s.personEdit, may: write},
		{pattern: "POST /people/{id}/grants", as: page, do: s.personGrants, may: write},
		{pattern: "POST /people/{id}/reset", as: page, do: s.personReset, may: write},
		{pattern: "POST /people/{id}/disable", as: page, do: s.personDisable, may: write},
		{pattern: "POST /people/{id}/enable", as: page, do: s.personEnable, may: write},

		{pattern: "GET /api/v1/people", as: api, do: s.apiPeople, may: read, doc: doc{Summary: "Accounts in the areas that the caller administers", Out: peopleAnswer{}, Query: peopleKeys}},
		{pattern: "POST /api/v1/people", as: api, do: s.apiInvite, may: write, doc: doc{Summary: "Make an account; the code, with which its person sets the password, is told once", In: inviteBody{}, Out: passAnswer{}, Status: http.StatusCreated}},
		{pattern: "GET /api/v1/people/{id}", as: api, do: s.apiPerson, may: read, doc: doc{Summary: "One account", Out: personRow{}}},
		{pattern: "PUT /api/v1/people/{id}", as: api, do: s.apiPersonEdit, may: write, doc: doc{Summary: "Change name and addresses", In: radio.Profile{}, Out: personRow{}}},
		{pattern: "PUT /api/v1/people/{id}/grants", as: api, do: s.apiGrants, may: write, doc: doc{Summary: "Replace the roles; area * is the whole province", In: grantsBody{}, Out: personRow{}}},
		{pattern: "POST /api/v1/people/{id}/reset", as: api, do: s.apiReset, may: write, doc: doc{Summary: "Take the password away, end sessions and tokens; the code for a new one is told once", Out: passAnswer{}}},
		{pattern: "POST /api/v1/people/{id}/disable", as: api, do: s.apiDisable, may: write, doc: doc{Summary: "Shut the account; sessions, codes and tokens end", Out: personRow{}}},
		{pattern: "POST /api/v1/people/{id}/enable", as: api, do: s.apiEnable, may: write, doc: doc{Summary: "Open the account again", Out: personRow{}}},
	}
}

// States of an account.
const (
	accountWorks    = "active"
	accountInvited  = "invited"
	accountDisabled = "disabled"
)

var accountStates = []string{accountWorks, accountInvited, accountDisabled}

// personRow is an account as pages and programs see it; the password's hash stays inside.
type personRow struct {
	ID    radio.UserID `json:"id"`
	Login string       `json:"login"`
	radio.Profile
	State     string        `json:"state"`
	Grants    []radio.Grant `json:"grants"`
	CreatedAt radio.Millis  `json:"created_at"`
	// Roles are the grants in the reader's words.
	Roles []string `json:"-"`
}

func rowOf(a radio.Account) personRow {
	row := personRow{ID: a.ID, Login: a.Login, Profile: radio.Profile{Name: a.Name, Email: a.Email, Phone: a.Phone},
		State: accountWorks, Grants: list(a.Grants), CreatedAt: a.CreatedAt}
	switch {
	case a.DisabledAt != 0:
		row.State = accountDisabled
	case a.PasswordHash == "":
		row.State = accountInvited
	}
	return row
}

// peopleKeys are what the address of the list may hold.
var peopleKeys = []string{"commune", "role", "state"}

// readPeople lists the accounts that the reader administers, as the address narrows them.
func (s *Server) readPeople(r *http.Request, keys ...string) ([]personRow, url.Values, error) {
	q, err := strictQuery(r, append(keys, peopleKeys...)...)
	if err != nil {
		return nil, q, err
	}
	all, err := s.Staff.List(r.Context(), who(r))
	if err != nil {
		return nil, q, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, q, err
	}
	commune, role, state := radio.AreaID(q.Get("commune")), radio.Role(q.Get("role")), q.Get("state")
	var e radio.Invalid
	for key, ok := range map[string]bool{
		"commune": commune == "" || radio.ValidID(commune), "role": role == "" || slices.Contains(radio.Roles(), role),
		"state": state == "" || slices.Contains(accountStates, state),
	} {
		if !ok {
			e.Add(key, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	if err := e.Err(); err != nil {
		return nil, q, err
	}
	var out []personRow
	for _, a := range all {
		row := rowOf(a)
		fits := len(a.Grants) == 0 && commune == "" && role == "" || slices.ContainsFunc(a.Grants, func(g radio.Grant) bool {
			return (role == "" || g.Role == role) && (commune == "" || g.Area == commune || slices.Contains(tree.Chain(g.Area), commune))
		})
		if fits && (state == "" || row.State == state) {
			row.Roles = s.grantWords(r, tree, a.Grants)
			out = append(out, row)
		}
	}
	return out, q, nil
}

// roleText is what people call a role.
func roleText(role radio.Role) string {
	return word(map[radio.Role]string{
		radio.RoleEditor: "Biên tập viên", radio.RoleApprover: "Người duyệt", radio.RoleOperator: "Cán bộ vận hành",
		radio.RoleProvider: "Đơn vị cung cấp nội dung", radio.RoleViewer: "Lãnh đạo, thanh tra (chỉ xem)", radio.RoleAdmin: "Quản trị viên",
	}, role)
}

func accountText(state string) string {
	return word(map[string]string{accountWorks: "đang dùng", accountInvited: "chờ đặt mật khẩu", accountDisabled: "đã khóa"}, state)
}

// grantWords: "Biên tập viên · Xã Thạch Hà".
func (s *Server) grantWords(r *http.Request, tree radio.AreaTree, grants []radio.Grant) []string {
	return s.pages.speech[languageOf(r)].grants(grants, s.areaNames(r, tree))
}

// choice is an option of a form.
type choice struct {
	Value, Words string
	Chosen       bool
}

func (s *Server) roleChoices(r *http.Request, chosen string) []choice {
	var out []choice
	for _, role := range radio.Roles() {
		out = append(out, choice{string(role), s.say(r, roleText(role)), string(role) == chosen})
	}
	return out
}

// areaChoices are the areas in which the reader may give roles: whole province first,
// then the communes by name.
func (s *Server) areaChoices(r *http.Request, a radio.Action, chosen string) ([]choice, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	ids, err := s.communesOf(r, a)
	if err != nil {
		return nil, err
	}
	var out []choice
	if ids == nil {
		out = append(out, choice{string(radio.Everywhere), s.say(r, "toàn tỉnh"), chosen == string(radio.Everywhere)})
		ids = tree.Communes([]radio.AreaID{radio.Everywhere})
	}
	all := len(out)
	for _, id := range ids {
		area, _ := tree.Area(id)
		out = append(out, choice{string(id), areaLabel(tree, area), chosen == string(id)})
	}
	alphabet.Sort(out[all:], func(c choice) string { return c.Words })
	return out, nil
}

const peopleAPage = 40

type peopleData struct {
	People    []personRow
	Pager     pager
	Roles     []choice // of the filter
	Communes  []choice
	States    []choice
	MayInvite bool
	Areas     []choice // of the invitation
	Again     retry
}

// StateWords is what the page calls an account's state.
func (p personRow) StateWords() string { return accountText(p.State) }

func (s *Server) peopleList(w http.ResponseWriter, r *http.Request) error {
	return s.showPeople(w, r, retry{})
}

func (s *Server) showPeople(w http.ResponseWriter, r *http.Request, again retry) error {
	rows, q, err := s.readPeople(r, "page")
	if err != nil {
		return err
	}
	d := peopleData{Roles: s.roleChoices(r, q.Get("role")), MayInvite: who(r).MaySomewhere(radio.WritePeople), Again: again}
	d.People, d.Pager = part(r, rows, peopleAPage)
	for _, state := range accountStates {
		d.States = append(d.States, choice{state, s.say(r, accountText(state)), state == q.Get("state")})
	}
	if d.Areas, err = s.areaChoices(r, radio.WritePeople, ""); err != nil {
		return err
	}
	for _, c := range d.Areas {
		if c.Value != string(radio.Everywhere) {
			c.Chosen = c.Value == q.Get("commune")
			d.Communes = append(d.Communes, c)
		}
	}
	return s.show(w, r, again.Status(), "people.html", "Tài khoản", d)
}

// peopleInvite makes an account and shows its code, this once.
func (s *Server) peopleInvite(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	login := strings.ToLower(strings.TrimSpace(r.PostFormValue("login")))
	grants, err := grantsForm(r.PostForm)
	var a radio.Account
	var pass radio.Pass
	if err == nil {
		a, pass, err = s.Office.Invite(r.Context(), who(r), login, profileForm(r), grants)
	}
	if again, ok := s.again(w, r, "invite", "login", err); ok {
		return s.showPeople(w, r, again)
	}
	if err != nil {
		return err
	}
	return s.showPerson(w, r, a, &pass, retry{})
}

func profileForm(r *http.Request) radio.Profile {
	return radio.Profile{Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Phone: r.PostFormValue("phone")}
}

// grantsForm reads the roles that stay (grant) and those that are added (role with area).
func grantsForm(form url.Values) ([]radio.Grant, error) {
	var out []radio.Grant
	if len(form["role"]) != len(form["area"]) {
		var e radio.Invalid
		e.Add("grants", "mỗi vai trò phải kèm một địa bàn", "every role takes an area")
		return nil, e.Err()
	}
	for _, kept := range form["grant"] {
		role, area, _ := strings.Cut(kept, "@")
		out = append(out, radio.Grant{Role: radio.Role(role), Area: radio.AreaID(area)})
	}
	for i, role := range form["role"] {
		if role != "" {
			out = append(out, radio.Grant{Role: radio.Role(role), Area: radio.AreaID(form["area"][i])})
		}
	}
	return out, nil
}

type personData struct {
	personRow
	Given    []choice // the roles there are
	Roles    []choice // that can be added
	Areas    []choice
	Self     bool // the reader's own account: others change it
	MayWrite bool
	Link     string // where the person sets the password, shown once
	// Partial: the link lacks the address of the console.
	Partial bool
	Until   radio.Millis
	Audit   []auditRow
	Again   retry
	// KeyStands: the account is disabled, and devices still believe a key of the person.
	KeyStands bool
	Second    secondOfPerson
}

// Shut says whether the account is disabled, Waits whether it has no password yet.
func (d personData) Shut() bool  { return d.State == accountDisabled }
func (d personData) Waits() bool { return d.State == accountInvited }

const auditOfPerson = 8

func (s *Server) personPage(w http.ResponseWriter, r *http.Request) error {
	a, err := s.Staff.Find(r.Context(), who(r), radio.UserID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return s.showPerson(w, r, a, nil, retry{})
}

func (s *Server) showPerson(w http.ResponseWriter, r *http.Request, a radio.Account, pass *radio.Pass, again retry) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	d := personData{personRow: rowOf(a), Self: a.ID == who(r).ID, MayWrite: who(r).MaySomewhere(radio.WritePeople), Roles: s.roleChoices(r, ""), Again: again}
	for i, words := range s.grantWords(r, tree, a.Grants) {
		d.Given = append(d.Given, choice{string(a.Grants[i].Role) + "@" + string(a.Grants[i].Area), words, true})
	}
	if d.Areas, err = s.areaChoices(r, radio.WritePeople, ""); err != nil {
		return err
	}
	d.KeyStands = d.Shut() && s.Signing.InKeyring(a.ID)
	if d.Second, err = s.secondOfPerson(r, a.ID, again.Of("second")); err != nil {
		return err
	}
	entries, err := s.Staff.Audit(r.Context(), who(r), radio.AuditFilter{Subject: string(a.ID)}, 0, auditOfPerson)
	if err != nil {
		return err
	}
	if d.Audit, err = s.auditRows(r, entries); err != nil {
		return err
	}
	if pass != nil {
		d.Link, d.Partial, d.Until = s.inviteLink(pass.Code), s.Public == "", pass.ExpiresAt
	}
	return s.show(w, r, again.Status(), "person.html", "Tài khoản", d)
}

// inviteLink is the address that the administrator hands on: at the public address of the
// console, or below the address of this console where nothing says what that is. The host
// of the request says nothing: who asks may name any, and the code would go there.
func (s *Server) inviteLink(code string) string { return s.Public + "/invite/" + code }

// onPerson runs a change of the person in the address and gives the account after it.
func (s *Server) onPerson(r *http.Request, change func(radio.UserID) error) (radio.Account, error) {
	id := radio.UserID(r.PathValue("id"))
	if err := change(id); err != nil {
		return radio.Account{}, err
	}
	return s.Staff.Find(r.Context(), who(r), id)
}

// changePerson is a change from the form of that name: back to the person's page, with
// what was typed where it was refused.
func (s *Server) changePerson(w http.ResponseWriter, r *http.Request, form string, change func(radio.UserID) error) error {
	if err := readForm(r); err != nil {
		return err
	}
	err := change(radio.UserID(r.PathValue("id")))
	if again, ok := s.again(w, r, form, "", err); ok {
		a, err := s.Staff.Find(r.Context(), who(r), radio.UserID(r.PathValue("id")))
		if err != nil {
			return err
		}
		return s.showPerson(w, r, a, nil, again)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/people/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil
}

func (s *Server) personEdit(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "profile", func(id radio.UserID) error {
		return s.Office.SetProfile(r.Context(), who(r), id, profileForm(r))
	})
}

// personGrants refuses a form that shows other roles than the person has by now: what
// another administrator gave meanwhile would be taken away unseen.
func (s *Server) personGrants(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "grants", func(id radio.UserID) error {
		a, err := s.Staff.Find(r.Context(), who(r), id)
		if err != nil {
			return err
		}
		for _, g := range a.Grants {
			if !slices.Contains(r.PostForm["seen"], string(g.Role)+"@"+string(g.Area)) {
				return told{fmt.Errorf("%w: the roles were changed meanwhile", radio.ErrConflict), "Vai trò vừa được người khác thay đổi. Hãy mở lại trang rồi làm lại."}
			}
		}
		grants, err := grantsForm(r.PostForm)
		if err != nil {
			return err
		}
		return s.Office.SetGrants(r.Context(), who(r), id, grants)
	})
}

func (s *Server) personReset(w http.ResponseWriter, r *http.Request) error {
	_, pass, err := s.Office.Reset(r.Context(), who(r), radio.UserID(r.PathValue("id")))
	if err != nil {
		return err
	}
	a, err := s.Staff.Find(r.Context(), who(r), radio.UserID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return s.showPerson(w, r, a, &pass, retry{})
}

func (s *Server) personDisable(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "", func(id radio.UserID) error { return s.Office.Disable(r.Context(), who(r), id) })
}

func (s *Server) personEnable(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "", func(id radio.UserID) error { return s.Office.Enable(r.Context(), who(r), id) })
}
