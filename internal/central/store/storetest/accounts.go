package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// allOf is for what must go through.
func allOf(t *testing.T, errs ...error) {
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

func admin(login string) radio.Account {
	a := account(login)
	a.Grants = []radio.Grant{{Role: radio.RoleAdmin, Area: radio.Everywhere}}
	return a
}

func peopleRights(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	allOf(t, s.AddPerson(ctx, lan, "installer"))
	now := []radio.Grant{{Role: radio.RoleViewer, Area: radio.Everywhere}}
	reversed := slices.Clone(lan.Grants)
	slices.Reverse(reversed)
	allOf(t, s.SetGrants(ctx, lan.ID, reversed, now, "boss", planAt+1))
	got, err := s.Person(ctx, lan.ID)
	if err != nil || !slices.Equal(got.Grants, now) {
		t.Fatalf("%+v %v", got, err)
	}
	refusedAs(t, "what another has changed", s.SetGrants(ctx, lan.ID, lan.Grants, nil, "boss", planAt+2), radio.ErrConflict)
	refusedAs(t, "nobody", s.SetGrants(ctx, radio.NewID[radio.UserID](), nil, nil, "boss", planAt), radio.ErrNotFound)
	_, err = s.Person(ctx, radio.NewID[radio.UserID]())
	refusedAs(t, "nobody", err, radio.ErrNotFound)
	allOf(t, s.SetGrants(ctx, lan.ID, now, nil, "boss", planAt+3))
	profile := radio.Profile{Name: "Lan'; DROP TABLE person;--", Email: "lan@hatinh.example", Phone: "+84 239 000 000"}
	allOf(t, s.SetProfile(ctx, lan.ID, profile, string(lan.ID), planAt+4))
	if got, err = s.Person(ctx, lan.ID); err != nil || len(got.Grants) != 0 || (radio.Profile{Name: got.Name, Email: got.Email, Phone: got.Phone}) != profile {
		t.Fatalf("%+v %v", got, err)
	}
	refusedAs(t, "nobody's name", s.SetProfile(ctx, radio.NewID[radio.UserID](), profile, "x", planAt), radio.ErrNotFound)
	log, err := s.Audit(ctx, string(lan.ID), 10)
	if err != nil || len(log) != 4 || log[0].Action != "person.edit" || log[2].Action != "person.grant" || log[2].Actor != "boss" || log[2].Facts == nil || len(log[2].Facts.Was) != len(lan.Grants) || len(log[2].Facts.Now) != len(now) {
		t.Fatalf("%+v %v", log, err)
	}
}

func peopleLastAdmin(t *testing.T, s *store.Store) {
	ctx := t.Context()
	one, two, invited, commune := admin("one"), admin("two"), admin("invited"), account("commune")
	invited.PasswordHash = ""
	commune.Grants = []radio.Grant{{Role: radio.RoleAdmin, Area: radio.NewID[radio.AreaID]()}}
	for _, a := range []radio.Account{one, two, invited, commune} {
		allOf(t, s.AddPerson(ctx, a, "installer"))
	}
	// Two who remove each other at the same moment: one of them stays.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = s.DisablePerson(ctx, one.ID, string(two.ID), planAt+1) })
	wg.Go(func() { errs[1] = s.SetGrants(ctx, two.ID, two.Grants, nil, string(one.ID), planAt+1) })
	wg.Wait()
	left := one
	if errs[0] == nil {
		left = two
	}
	if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), radio.ErrConflict) {
		t.Fatalf("%v", errs)
	}
	// Neither one who has not accepted yet nor one of a commune is an administrator of the province.
	refusedAs(t, "disable the last", s.DisablePerson(ctx, left.ID, "x", planAt+2), radio.ErrConflict)
	refusedAs(t, "demote the last", s.SetGrants(ctx, left.ID, left.Grants, commune.Grants, "x", planAt+2), radio.ErrConflict)
	if got, err := s.Person(ctx, left.ID); err != nil || got.DisabledAt != 0 || !slices.Equal(got.Grants, left.Grants) {
		t.Fatalf("a refused change left %+v %v", got, err)
	}
	allOf(t, s.SetGrants(ctx, left.ID, left.Grants, append(slices.Clone(left.Grants), radio.Grant{Role: radio.RoleViewer, Area: radio.Everywhere}), "x", planAt+3))
	allOf(t, s.DisablePerson(ctx, commune.ID, "x", planAt+3), s.DisablePerson(ctx, invited.ID, "x", planAt+3))
}

func invitation(p radio.UserID, hash string) radio.Invitation {
	return radio.Invitation{SecretHash: hash, Person: p, CreatedBy: "boss", CreatedAt: planAt, ExpiresAt: planAt + 1000}
}

func peopleInvitations(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	lan.PasswordHash, lan.Email = "", "lan@hatinh.example"
	allOf(t, s.InvitePerson(ctx, lan, invitation(lan.ID, "i1")))
	refusedAs(t, "the same login", s.InvitePerson(ctx, account("lan"), invitation(lan.ID, "i2")), radio.ErrConflict)
	if got, err := s.InvitedPerson(ctx, "i1", planAt+999); err != nil || !reflect.DeepEqual(got, lan) {
		t.Fatalf("%+v %v", got, err)
	}
	for what, ask := range map[string]struct {
		hash string
		at   radio.Millis
	}{"unknown": {"i2", planAt}, "past its time": {"i1", planAt + 1000}} {
		_, err := s.InvitedPerson(ctx, ask.hash, ask.at)
		refusedAs(t, what, err, radio.ErrNotFound)
		refusedAs(t, what, s.AcceptInvitation(ctx, ask.hash, "h", ask.at), radio.ErrNotFound)
	}
	// Of many who use one code at once, one does.
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.AcceptInvitation(ctx, "i1", fmt.Sprint("hash ", i), planAt+10) })
	}
	wg.Wait()
	won := slices.Index(errs, nil)
	for i, err := range errs {
		if i != won {
			refusedAs(t, "a code that is used", err, radio.ErrNotFound)
		}
	}
	got, err := s.PersonByLogin(ctx, "lan")
	if err != nil || won < 0 || got.PasswordHash != fmt.Sprint("hash ", won) {
		t.Fatalf("%+v %v", got, err)
	}
	_, err = s.InvitedPerson(ctx, "i1", planAt+11)
	refusedAs(t, "used", err, radio.ErrNotFound)

	// A reset takes away the password and all that it had opened; a second one ends the first's code.
	allOf(t, s.AddSession(ctx, "s1", lan.ID, planAt, planAt+1e6), s.AddToken(ctx, token(lan.ID), "t1", 5))
	allOf(t, s.ResetPerson(ctx, invitation(lan.ID, "r1")), s.ResetPerson(ctx, invitation(lan.ID, "r2")))
	_, err = s.SessionPerson(ctx, "s1", planAt+1)
	refusedAs(t, "a session after the reset", err, radio.ErrNotFound)
	_, _, err = s.TokenPerson(ctx, "t1", planAt+1)
	refusedAs(t, "a token after the reset", err, radio.ErrNotFound)
	_, err = s.InvitedPerson(ctx, "r1", planAt+1)
	refusedAs(t, "an earlier code", err, radio.ErrNotFound)
	if got, err := s.InvitedPerson(ctx, "r2", planAt+1); err != nil || got.PasswordHash != "" {
		t.Fatalf("%+v %v", got, err)
	}
	refusedAs(t, "reset of nobody", s.ResetPerson(ctx, invitation(radio.NewID[radio.UserID](), "r3")), radio.ErrNotFound)
	log, err := s.Audit(ctx, string(lan.ID), 10)
	if err != nil || len(log) != 5 || log[0].Action != "person.reset" || log[3].Action != "person.accept" || log[3].Actor != string(lan.ID) {
		t.Fatalf("%+v %v", log, err)
	}
}

func peopleOwnPassword(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, hung := account("lan"), account("hung")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.AddPerson(ctx, hung, "x"), s.AddToken(ctx, token(lan.ID), "t1", 5))
	for i, h := range []string{"a", "b", "c"} {
		allOf(t, s.AddSession(ctx, h, lan.ID, planAt+radio.Millis(i), planAt+1000))
	}
	allOf(t, s.AddSession(ctx, "d", hung.ID, planAt, planAt+1000))
	list, err := s.Sessions(ctx, lan.ID, "b", planAt+1)
	if err != nil || len(list) != 3 || !list[1].Current || list[0].Current || list[0].CreatedAt != planAt+2 {
		t.Fatalf("%+v %v", list, err)
	}
	allOf(t, s.ChangePassword(ctx, lan.ID, "new", "b", planAt+5))
	if list, err = s.Sessions(ctx, lan.ID, "b", planAt+6); err != nil || len(list) != 1 || !list[0].Current {
		t.Fatalf("%+v %v", list, err)
	}
	_, _, err = s.TokenPerson(ctx, "t1", planAt+6)
	refusedAs(t, "a token after the own change", err, radio.ErrNotFound)
	refusedAs(t, "nobody", s.ChangePassword(ctx, radio.NewID[radio.UserID](), "x", "", planAt), radio.ErrNotFound)
	allOf(t, s.AddToken(ctx, token(lan.ID), "t2", 5), s.AddToken(ctx, token(hung.ID), "t3", 5))
	allOf(t, s.EndSessions(ctx, lan.ID, "", string(lan.ID), planAt+7))
	_, err = s.SessionPerson(ctx, "b", planAt+8)
	refusedAs(t, "signed out everywhere", err, radio.ErrNotFound)
	_, _, err = s.TokenPerson(ctx, "t2", planAt+8)
	refusedAs(t, "a token, signed out everywhere", err, radio.ErrNotFound)
	if _, _, err := s.TokenPerson(ctx, "t3", planAt+8); err != nil {
		t.Fatalf("another's token: %v", err)
	}
	if _, err := s.SessionPerson(ctx, "d", planAt+8); err != nil {
		t.Fatalf("another's session: %v", err)
	}
}

func token(p radio.UserID) radio.APIToken {
	return radio.APIToken{ID: radio.NewID[radio.TokenID](), Person: p, Name: "báo cáo tháng", Use: radio.TokenReads, CreatedAt: planAt, ExpiresAt: planAt + 1000}
}

func peopleTokens(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, hung := account("lan"), account("hung")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.AddPerson(ctx, hung, "x"))
	one, two := token(lan.ID), token(lan.ID)
	two.Use, two.CreatedAt = radio.TokenWrites, planAt+1
	allOf(t, s.AddToken(ctx, one, "t1", 2), s.AddToken(ctx, two, "t2", 2))
	refusedAs(t, "one too many", s.AddToken(ctx, token(lan.ID), "t3", 2), radio.ErrConflict)
	allOf(t, s.AddToken(ctx, token(hung.ID), "t4", 2))
	got, p, err := s.TokenPerson(ctx, "t1", planAt+999)
	if err != nil || got != one || !reflect.DeepEqual(p, lan) {
		t.Fatalf("%+v %+v %v", got, p, err)
	}
	_, _, err = s.TokenPerson(ctx, "t1", planAt+1000)
	refusedAs(t, "past its end", err, radio.ErrNotFound)
	_, _, err = s.TokenPerson(ctx, "t9", planAt)
	refusedAs(t, "unknown", err, radio.ErrNotFound)
	allOf(t, s.TouchToken(ctx, one.ID, planAt+60), s.TouchToken(ctx, one.ID, planAt+50))
	list, err := s.Tokens(ctx, lan.ID)
	if err != nil || len(list) != 2 || list[0] != two || list[1].UsedAt != planAt+60 {
		t.Fatalf("%+v %v", list, err)
	}
	refusedAs(t, "another's token", s.RevokeToken(ctx, hung.ID, one.ID, planAt+70), radio.ErrNotFound)
	allOf(t, s.RevokeToken(ctx, lan.ID, one.ID, planAt+70))
	refusedAs(t, "twice", s.RevokeToken(ctx, lan.ID, one.ID, planAt+71), radio.ErrNotFound)
	_, _, err = s.TokenPerson(ctx, "t1", planAt+80)
	refusedAs(t, "revoked", err, radio.ErrNotFound)
	allOf(t, s.AddToken(ctx, token(lan.ID), "t5", 2))
}

func peopleDisabled(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.ResetPerson(ctx, invitation(lan.ID, "i1")), s.AddSession(ctx, "s1", lan.ID, planAt, planAt+1000), s.AddToken(ctx, token(lan.ID), "t1", 5))
	refusedAs(t, "enable what works", s.EnablePerson(ctx, lan.ID, "boss", planAt+1), radio.ErrConflict)
	allOf(t, s.DisablePerson(ctx, lan.ID, "boss", planAt+1))
	refusedAs(t, "twice", s.DisablePerson(ctx, lan.ID, "boss", planAt+2), radio.ErrConflict)
	refusedAs(t, "reset", s.ResetPerson(ctx, invitation(lan.ID, "i2")), radio.ErrConflict)
	refusedAs(t, "nobody", s.DisablePerson(ctx, radio.NewID[radio.UserID](), "boss", planAt), radio.ErrNotFound)
	for range 2 {
		// Enabled again, what had been open stays shut.
		_, err := s.SessionPerson(ctx, "s1", planAt+3)
		refusedAs(t, "session", err, radio.ErrNotFound)
		_, _, err = s.TokenPerson(ctx, "t1", planAt+3)
		refusedAs(t, "token", err, radio.ErrNotFound)
		_, err = s.InvitedPerson(ctx, "i1", planAt+3)
		refusedAs(t, "code", err, radio.ErrNotFound)
		if p, err := s.Person(ctx, lan.ID); err != nil {
			t.Fatal(err)
		} else if p.DisabledAt != 0 {
			allOf(t, s.EnablePerson(ctx, lan.ID, "boss", planAt+2))
		}
	}
}

func peopleAudit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, hung := account("lan"), account("hung")
	lan.CreatedAt, hung.CreatedAt = planAt, planAt+100
	allOf(t, s.AddPerson(ctx, lan, "boss"), s.AddPerson(ctx, hung, string(lan.ID)), s.AddToken(ctx, token(hung.ID), "t1", 5))
	allOf(t, s.DisablePerson(ctx, hung.ID, "boss", planAt+200))
	all, err := s.AuditPage(ctx, radio.AuditFilter{}, 0, 10)
	if err != nil || len(all) != 4 || all[0].Action != "person.disable" || all[3].Subject != string(lan.ID) {
		t.Fatalf("%+v %v", all, err)
	}
	pick := func(f radio.AuditFilter, before int64, limit int, want ...int) {
		t.Helper()
		got, err := s.AuditPage(ctx, f, before, limit)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%+v: %+v %v", f, got, err)
		}
		for i, w := range want {
			if got[i].Seq != all[w].Seq || got[i].Action != all[w].Action {
				t.Fatalf("%+v: %+v", f, got)
			}
		}
	}
	pick(radio.AuditFilter{}, 0, 2, 0, 1)
	pick(radio.AuditFilter{}, all[1].Seq, 2, 2, 3)
	pick(radio.AuditFilter{}, all[3].Seq, 2)
	pick(radio.AuditFilter{Subject: string(hung.ID)}, 0, 9, 0, 1, 2)
	pick(radio.AuditFilter{Actor: "boss"}, 0, 9, 0, 3)
	pick(radio.AuditFilter{Action: "person.add"}, 0, 9, 2, 3)
	pick(radio.AuditFilter{Action: "person."}, 0, 9, 0, 2, 3)
	pick(radio.AuditFilter{Action: "perso."}, 0, 9)
	pick(radio.AuditFilter{From: planAt + 100, To: planAt + 200}, 0, 9, 2)
	pick(radio.AuditFilter{About: []radio.UserID{lan.ID}}, 0, 9, 2, 3)
	pick(radio.AuditFilter{About: []radio.UserID{}}, 0, 9)
	pick(radio.AuditFilter{About: []radio.UserID{lan.ID, hung.ID}, Actor: "boss", Action: "person.disable"}, 0, 9, 0)
}
