package identity

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

var morning = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// cheap is the people's desk on a real store, with passwords that cost little.
func cheap(s *store.Store, now func() time.Time) *People {
	return newPeople(s, "", now, cost{time: 1, memory: 64, lanes: 1})
}

func openStore(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onBoth runs on SQLite and, unless -short, on PostgreSQL.
func onBoth(t *testing.T, run func(t *testing.T, s *store.Store)) {
	t.Run("SQLite", func(t *testing.T) { run(t, openStore(t, storetest.File(t))) })
	t.Run("PostgreSQL", func(t *testing.T) {
		if testing.Short() {
			t.Skip("PostgreSQL is not started with -short")
		}
		// Its end comes after this test's context.
		pg, err := storetest.StartPostgres(context.Background())
		must(t, err)
		t.Cleanup(func() {
			if err := pg.Stop(); err != nil {
				t.Error(err)
			}
		})
		dsn, err := pg.Fresh(t.Context())
		must(t, err)
		run(t, openStore(t, dsn))
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func refusedAs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// signIn is a sign-in from one address, without a device's cookie.
func signIn(ctx context.Context, p *People, login, password string) (radio.Person, string, error) {
	in, err := p.Login(ctx, radio.SignIn{Login: login, Password: password, Address: "home"})
	return in.Person, in.Session, err
}

const goodPassword = "chiều nay trời mưa to"

// TestScopeOfAdministrators: the administrator of one commune neither sees nor touches the people of
// another, and grants nothing beyond the own area.
func TestScopeOfAdministrators(t *testing.T) {
	onBoth(t, scopeOfAdministrators)
}

func scopeOfAdministrators(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := storetest.SamplePlan()
	communes := []radio.AreaID{plan.Areas[1].ID, radio.NewID[radio.AreaID]()}
	plan.Areas = append(plan.Areas, radio.Area{ID: communes[1], Code: "huong-son", Kind: radio.Commune, Name: "Xã Hương Sơn", Parent: plan.Areas[0].ID})
	must(t, s.ApplyPlan(ctx, plan))
	people := cheap(s, func() time.Time { return morning })
	in := func(role radio.Role, areas ...radio.AreaID) []radio.Grant {
		var out []radio.Grant
		for _, a := range areas {
			out = append(out, radio.Grant{Role: role, Area: a})
		}
		return out
	}
	add := func(login string, grants []radio.Grant) radio.Person {
		a := radio.Account{ID: radio.NewID[radio.UserID](), Login: login, Name: "Người dùng " + login, PasswordHash: "$argon2id$x", CreatedAt: radio.At(morning), Grants: grants}
		must(t, s.AddPerson(ctx, a, "x"))
		return radio.Person{ID: a.ID, Login: a.Login, Name: a.Name, Grants: grants}
	}
	province := add("province", in(radio.RoleAdmin, radio.Everywhere))
	adminA := add("admin-a", in(radio.RoleAdmin, communes[0]))
	ofA := add("of-a", in(radio.RoleEditor, communes[0]))
	ofB := add("of-b", in(radio.RoleEditor, communes[1]))
	ofBoth := add("of-both", in(radio.RoleOperator, communes[0], communes[1]))
	idle := add("idle", nil)

	list, err := people.List(ctx, adminA)
	if err != nil || len(list) != 2 || list[0].Login != "admin-a" || list[1].Login != "of-a" {
		t.Fatalf("%+v %v", list, err)
	}
	if list, err := people.List(ctx, province); err != nil || len(list) != 6 {
		t.Fatalf("%d %v", len(list), err)
	}
	head, err := s.AuditHead(ctx)
	must(t, err)
	for _, p := range []radio.Person{province, ofB, ofBoth, idle} {
		_, err := people.Find(ctx, adminA, p.ID)
		refusedAs(t, "find "+p.Login, err, radio.ErrNotFound)
		_, _, err = people.Reset(ctx, adminA, p.ID)
		refusedAs(t, "reset "+p.Login, err, radio.ErrNotFound)
		refusedAs(t, "disable "+p.Login, people.Disable(ctx, adminA, p.ID), radio.ErrNotFound)
		refusedAs(t, "enable "+p.Login, people.Enable(ctx, adminA, p.ID), radio.ErrNotFound)
		refusedAs(t, "grant "+p.Login, people.SetGrants(ctx, adminA, p.ID, in(radio.RoleEditor, communes[0])), radio.ErrNotFound)
		refusedAs(t, "rename "+p.Login, people.SetProfile(ctx, adminA, p.ID, radio.Profile{Name: "x"}), radio.ErrNotFound)
	}
	for what, grants := range map[string][]radio.Grant{
		"another commune": in(radio.RoleEditor, communes[1]), "both": in(radio.RoleEditor, communes...), "the province": in(radio.RoleViewer, radio.Everywhere), "nothing": nil,
	} {
		refusedAs(t, "grant "+what, people.SetGrants(ctx, adminA, ofA.ID, grants), radio.ErrForbidden)
		_, _, err := people.Invite(ctx, adminA, "new", radio.Profile{Name: "Mới"}, grants)
		refusedAs(t, "invite for "+what, err, radio.ErrForbidden)
	}
	for _, own := range []radio.Person{adminA, province} {
		refusedAs(t, "own roles", people.SetGrants(ctx, own, own.ID, in(radio.RoleAdmin, communes[0])), radio.ErrForbidden)
		refusedAs(t, "oneself", people.Disable(ctx, own, own.ID), radio.ErrForbidden)
		_, _, err = people.Reset(ctx, own, own.ID)
		refusedAs(t, "own reset", err, radio.ErrForbidden)
	}
	if _, _, err := people.Invite(ctx, ofA, "new", radio.Profile{Name: "Mới"}, in(radio.RoleEditor, communes[0])); !errors.Is(err, radio.ErrForbidden) {
		t.Fatalf("an editor invites: %v", err)
	}
	refusedAs(t, "an area that is none", people.SetGrants(ctx, province, ofA.ID, in(radio.RoleEditor, radio.NewID[radio.AreaID]())), radio.ErrInvalid)
	if now, err := s.AuditHead(ctx); err != nil || now != head {
		t.Fatalf("a refusal changed something: %d then %d %v", head, now, err)
	}

	must(t, people.SetGrants(ctx, adminA, ofA.ID, in(radio.RoleApprover, communes[0])))
	made, _, err := people.Invite(ctx, adminA, "new", radio.Profile{Name: "Mới"}, in(radio.RoleOperator, communes[0]))
	must(t, err)
	must(t, people.Disable(ctx, adminA, made.ID), people.Enable(ctx, adminA, made.ID))
	if entries, err := people.Audit(ctx, adminA, radio.AuditFilter{}, 0, 50); err != nil || len(entries) != 6 {
		t.Fatalf("the audit of commune A: %+v %v", entries, err)
	}
	// One grant on the province's own area is one everywhere.
	must(t, people.SetGrants(ctx, province, ofB.ID, in(radio.RoleViewer, plan.Areas[0].ID)))
	if got, err := s.Person(ctx, ofB.ID); err != nil || !slices.Equal(got.Grants, in(radio.RoleViewer, radio.Everywhere)) {
		t.Fatalf("%+v %v", got, err)
	}
}

// TestInvitation: from an administrator's code to the first sign-in, and again after a
// reset.
func TestInvitation(t *testing.T) {
	ctx, now := t.Context(), morning
	s := openStore(t, storetest.File(t))
	p := cheap(s, func() time.Time { return now })
	boss := Operator("command:root")
	all := []radio.Grant{{Role: radio.RoleEditor, Area: radio.Everywhere}}
	lan, pass, err := p.Invite(ctx, boss, "lan", radio.Profile{Name: " Nguyễn Thị Lan ", Email: "lan@hatinh.example"}, all)
	must(t, err)
	if lan.Name != "Nguyễn Thị Lan" || pass.ExpiresAt != radio.At(now.Add(InviteLife)) || !radio.ValidID(pass.Code) {
		t.Fatalf("%+v %+v", lan, pass)
	}
	_, _, err = p.Invite(ctx, boss, "lan", radio.Profile{Name: "Lan"}, all)
	refusedAs(t, "the same login", err, radio.ErrConflict)
	for _, bad := range []radio.Profile{{}, {Name: "a\x07b"}, {Name: "a\u202eb"}, {Name: "\u200b"}, {Name: "Lan", Email: "\u2066lan@x.example"}, {Name: strings.Repeat("a", 101)}, {Name: "Lan", Email: "Lan <lan@x>"}, {Name: "Lan", Email: "lan"}, {Name: "Lan", Phone: "call me"}} {
		_, _, err = p.Invite(ctx, boss, "new", bad, all)
		refusedAs(t, "a bad profile", err, radio.ErrInvalid)
	}
	_, _, err = signIn(ctx, p, "lan", "")
	refusedAs(t, "before a password is set", err, ErrLogin)

	// Whatever is wrong with a code, the answer is the same word for word.
	var said string
	for i, code := range []string{"", "x", strings.Repeat("0", 26), strings.Repeat("-", 10_000), pass.Code[:25], "../../etc/passwd"} {
		_, err := p.Invited(ctx, code)
		if !errors.Is(err, radio.ErrNotFound) || i > 0 && err.Error() != said {
			t.Fatalf("%q: %v", code, err)
		}
		said = err.Error()
	}
	who, err := p.Invited(ctx, strings.ToLower(pass.Code[:13])+"-"+pass.Code[13:]+" ")
	if err != nil || who.Login != "lan" || who.ID != "" {
		t.Fatalf("%+v %v", who, err)
	}
	_, err = p.Accept(ctx, pass.Code, "matkhau123", "home")
	refusedAs(t, "a weak password", err, radio.ErrInvalid)
	_, err = p.Accept(ctx, pass.Code, goodPassword, "home")
	must(t, err)
	if _, err := p.Accept(ctx, pass.Code, goodPassword+"!", "home"); !errors.Is(err, radio.ErrNotFound) || err.Error() != said {
		t.Fatalf("a code worked twice, or tells that it did: %v", err)
	}
	_, session, err := signIn(ctx, p, "lan", goodPassword)
	must(t, err)

	_, reset, err := p.Reset(ctx, boss, lan.ID)
	must(t, err)
	if reset.ExpiresAt != radio.At(now.Add(ResetLife)) {
		t.Fatalf("%+v", reset)
	}
	_, err = p.Session(ctx, session)
	refusedAs(t, "a session after the reset", err, radio.ErrNotFound)
	_, _, err = signIn(ctx, p, "lan", goodPassword)
	refusedAs(t, "the old password after the reset", err, ErrLogin)
	now = now.Add(ResetLife)
	if _, err = p.Invited(ctx, reset.Code); !errors.Is(err, radio.ErrNotFound) || err.Error() != said {
		t.Fatalf("past its time: %v", err)
	}
	if _, again, err := p.Reset(ctx, boss, lan.ID); err != nil || again.ExpiresAt != radio.At(now.Add(InviteLife)) {
		t.Fatalf("of an account without a password: %+v %v", again, err)
	}
}

func TestCodesAreTriedSlowly(t *testing.T) {
	s := openStore(t, storetest.File(t))
	now := morning
	p := cheap(s, func() time.Time { return now })
	for i := range 40 {
		_, err := p.Invited(t.Context(), "x")
		refusedAs(t, "try "+string(rune('0'+i%10)), err, radio.ErrNotFound)
	}
	_, err := p.Invited(t.Context(), "x")
	var later interface{ RetryAfter() time.Duration }
	if !errors.Is(err, radio.ErrUnavailable) || !errors.As(err, &later) {
		t.Fatalf("after 40: %v", err)
	}
	now = now.Add(later.RetryAfter())
	_, err = p.Invited(t.Context(), "x")
	refusedAs(t, "later", err, radio.ErrNotFound)
}

func TestOwnPassword(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, storetest.File(t))
	p := cheap(s, func() time.Time { return morning })
	_, err := p.Add(ctx, "lan", "Nguyễn Thị Lan", goodPassword, nil, "x")
	must(t, err)
	lan, here, err := signIn(ctx, p, "lan", goodPassword)
	must(t, err)
	_, there, err := signIn(ctx, p, "lan", goodPassword)
	must(t, err)
	if list, err := p.Sessions(ctx, lan, here); err != nil || len(list) != 2 || list[0].Current == list[1].Current {
		t.Fatalf("%+v %v", list, err)
	}
	_, err = p.ChangePassword(ctx, lan, here, "không phải mật khẩu", "trời lại nắng rồi")
	refusedAs(t, "the wrong old one", err, radio.ErrInvalid)
	_, err = p.ChangePassword(ctx, lan, here, goodPassword, "1234567890")
	refusedAs(t, "a weak new one", err, radio.ErrInvalid)
	_, err = p.ChangePassword(ctx, lan, here, goodPassword, "trời lại nắng rồi")
	must(t, err)
	if _, err := p.Session(ctx, here); err != nil {
		t.Fatalf("the session that changed it: %v", err)
	}
	_, err = p.Session(ctx, there)
	refusedAs(t, "the other session", err, radio.ErrNotFound)
	must(t, p.SignOutEverywhere(ctx, lan))
	_, err = p.Session(ctx, here)
	refusedAs(t, "signed out everywhere", err, radio.ErrNotFound)
	for range 5 {
		_, err = p.ChangePassword(ctx, lan, here, "đoán mò", goodPassword)
		refusedAs(t, "guessing", err, radio.ErrInvalid)
	}
	_, err = p.ChangePassword(ctx, lan, here, "trời lại nắng rồi", goodPassword)
	refusedAs(t, "guessing on", err, ErrLocked)
	must(t, p.SetProfile(ctx, lan, lan.ID, radio.Profile{Name: "Nguyễn Thị Lan Anh", Phone: "0239 3855 555"}))
	if a, err := p.Account(ctx, lan); err != nil || a.Name != "Nguyễn Thị Lan Anh" || a.Phone != "0239 3855 555" {
		t.Fatalf("%+v %v", a, err)
	}
	lan.Token = radio.TokenWrites
	refusedAs(t, "by a token", p.SetProfile(ctx, lan, lan.ID, radio.Profile{Name: "x"}), radio.ErrNotFound)
}

func TestTokens(t *testing.T) {
	ctx, now := t.Context(), morning
	s := openStore(t, storetest.File(t))
	p := cheap(s, func() time.Time { return now })
	lan, err := p.Add(ctx, "lan", "Nguyễn Thị Lan", goodPassword, []radio.Grant{{Role: radio.RoleEditor, Area: radio.Everywhere}}, "x")
	must(t, err)
	for _, bad := range []struct {
		name string
		days int
		use  radio.TokenUse
	}{{"", 1, radio.TokenReads}, {"x", 0, radio.TokenReads}, {"x", 366, radio.TokenReads}, {"x", 1, ""}, {"x", 1, "admin"}} {
		_, _, err := p.NewToken(ctx, lan, radio.Proof{Password: goodPassword}, bad.name, bad.days, bad.use)
		refusedAs(t, "a bad token", err, radio.ErrInvalid)
	}
	reads, text, err := p.NewToken(ctx, lan, radio.Proof{Password: goodPassword}, "báo cáo tháng", 30, radio.TokenReads)
	must(t, err)
	if !strings.HasPrefix(text, "loaxa_") || len(text) != tokenLen || reads.ExpiresAt != radio.At(now.AddDate(0, 0, 30)) {
		t.Fatalf("%q %+v", text, reads)
	}
	who, err := p.TokenPerson(ctx, text)
	if err != nil || who.ID != lan.ID || !who.May(radio.ReadBulletins) || who.May(radio.WriteBulletins) || who.May(radio.Self) {
		t.Fatalf("%+v %v", who, err)
	}
	_, wtext, err := p.NewToken(ctx, lan, radio.Proof{Password: goodPassword}, "nộp bản tin", 365, radio.TokenWrites)
	must(t, err)
	if w, err := p.TokenPerson(ctx, wtext); err != nil || !w.May(radio.WriteBulletins) || w.May(radio.WritePeople) {
		t.Fatalf("%+v %v", w, err)
	}
	_, _, err = p.NewToken(ctx, who, radio.Proof{Password: goodPassword}, "của mã", 1, radio.TokenReads)
	refusedAs(t, "a token makes a token", err, radio.ErrForbidden)
	for _, bad := range []string{"", "loaxa_", text[:len(text)-1], text + "A", text[:10] + "_" + text[11:], strings.ToUpper(text), "x" + text[1:], strings.Repeat("loaxa_", 100)} {
		_, err := p.TokenPerson(ctx, bad)
		refusedAs(t, bad, err, radio.ErrNotFound)
	}
	used := func() radio.Millis {
		list, err := p.Tokens(ctx, lan)
		must(t, err)
		return list[slices.IndexFunc(list, func(x radio.APIToken) bool { return x.ID == reads.ID })].UsedAt
	}
	first := used()
	now = now.Add(59 * time.Second)
	_, err = p.TokenPerson(ctx, text)
	if err != nil || first == 0 || used() != first {
		t.Fatalf("used %d then %d: %v", first, used(), err)
	}
	now = now.Add(time.Second)
	if _, err = p.TokenPerson(ctx, text); err != nil || used() != radio.At(now) {
		t.Fatalf("used %d: %v", used(), err)
	}
	// The rights are those the person has now.
	boss := Operator("command:root")
	must(t, p.SetGrants(ctx, boss, lan.ID, []radio.Grant{{Role: radio.RoleViewer, Area: radio.Everywhere}}))
	if w, err := p.TokenPerson(ctx, wtext); err != nil || w.May(radio.WriteBulletins) || !w.May(radio.ReadLog) {
		t.Fatalf("%+v %v", w, err)
	}
	must(t, p.RevokeToken(ctx, lan, reads.ID))
	_, err = p.TokenPerson(ctx, text)
	refusedAs(t, "revoked", err, radio.ErrNotFound)
	must(t, p.Disable(ctx, boss, lan.ID))
	_, err = p.TokenPerson(ctx, wtext)
	refusedAs(t, "of a disabled person", err, radio.ErrNotFound)
}

func TestPasswordRules(t *testing.T) {
	for _, c := range []struct {
		password string
		fine     bool
	}{
		{goodPassword, true}, {"xe đạp cũ của bà", true}, {"tenchars-x", true}, {"Lan đi chợ sớm mai", true}, {strings.Repeat("ab1!", 50), true},
		{"", false}, {"chín ký t", false}, {strings.Repeat("a1b2", 51), false}, {"matkhau123", false}, {"Mật Khẩu 123", false}, {"P@ssword123", true}, {"PassWord123", false},
		{"Hà Tĩnh 2025", false}, {"1234567890", false}, {"aaaaaaaaaaaaaaa", false}, {"12121212121212", false}, {"toi la thu.lan nhe", false}, {"nguyễn thị thu lan", false},
		{"NguyenThiThuLan1", false}, {"mười ký tự\xff\xfe", false}, {"e\u0302\u0302\u0302\u0302\u0302\u0302\u0302\u0302", false},
	} {
		var e radio.Invalid
		checkNewPassword(&e, c.password, "thu.lan", "Nguyễn Thị Thu Lan")
		if fine := e.Err() == nil; fine != c.fine {
			t.Errorf("%q: taken %v", c.password, fine)
		}
	}
	seen := map[string]bool{}
	for _, c := range common {
		if len(c) < MinPassword || c != folded(c) || seen[c] {
			t.Errorf("%q is in the list for nothing", c)
		}
		seen[c] = true
	}
	c := cost{time: 1, memory: 64, lanes: 1}
	h, err := c.hash("vi\u1ec7t nam quê hương") // ệ as one character
	must(t, err)
	if !checkPassword(h, "vie\u0323\u0302t nam quê hương") { // and as three
		t.Error("another keyboard writes another password")
	}
}

// TestNoDefaultAccounts: a new centre knows nobody, and only the demo holds passwords.
func TestNoDefaultAccounts(t *testing.T) {
	s := openStore(t, storetest.File(t))
	if all, err := s.People(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("a new centre has %d accounts: %v", len(all), err)
	}
	root := filepath.Join("..", "..", "..")
	for _, dir := range []string{"cmd", "internal", "firmware-config", "schedules"} {
		must(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(path)[len(filepath.ToSlash(root))+1:]
			may := callersOfAddPerson[name] || strings.HasPrefix(name, "cmd/loaxa/demo") || strings.HasPrefix(name, "internal/central/store/storetest/")
			for _, mark := range []string{"demoPassword", "AddPerson(ctx,"} {
				if strings.Contains(string(b), mark) && !may {
					t.Errorf("%s makes accounts with passwords (%s); only the demo and `loaxa user add` may", name, mark)
				}
			}
			return nil
		}))
	}
}

// callersOfAddPerson take the password from a person.
var callersOfAddPerson = map[string]bool{
	"cmd/loaxa/user.go": true, "internal/central/admin.go": true, "internal/central/identity/people.go": true, "internal/central/store/people.go": true,
}
