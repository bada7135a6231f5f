package storetest

import (
	"errors"
	"reflect"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func peopleSuites() []Suite {
	return []Suite{
		{"people: accounts", peopleAccounts},
		{"people: sessions", peopleSessions},
		{"people: enrolment", peopleEnrolment},
		{"people: rights", peopleRights},
		{"people: the last administrator", peopleLastAdmin},
		{"people: invitations", peopleInvitations},
		{"people: own password", peopleOwnPassword},
		{"people: tokens", peopleTokens},
		{"people: disabled", peopleDisabled},
		{"people: audit", peopleAudit},
	}
}

func account(login string) radio.Account {
	return radio.Account{ID: radio.NewID[radio.UserID](), Login: login, Name: "Nguyễn Thị Lan", PasswordHash: "$argon2id$x", CreatedAt: planAt,
		Grants: []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}, {Role: radio.RoleEditor, Area: radio.NewID[radio.AreaID]()}}}
}

func peopleAccounts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	if err := s.AddPerson(ctx, lan, "installer"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddPerson(ctx, account("lan"), "installer"); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("the same login twice: %v", err)
	}
	got, err := s.PersonByLogin(ctx, "lan")
	if err != nil || !reflect.DeepEqual(got, lan) {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := s.PersonByLogin(ctx, "nobody"); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("nobody: %v", err)
	}
	if err := s.AddSession(ctx, "h1", lan.ID, planAt, planAt+1000); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(ctx, "lan", "$argon2id$y", "installer", planAt+1); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PersonByLogin(ctx, "lan"); err != nil || got.PasswordHash != "$argon2id$y" {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := s.SessionPerson(ctx, "h1", planAt+2); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("a session outlived the password: %v", err)
	}
	if err := s.SetPassword(ctx, "nobody", "x", "installer", planAt); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("password of nobody: %v", err)
	}
	log, err := s.Audit(ctx, string(lan.ID), 10)
	if err != nil || len(log) != 2 || log[0].Action != "person.password" || log[1].Actor != "installer" {
		t.Fatalf("%+v %v", log, err)
	}
}

func peopleSessions(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	if err := s.AddPerson(ctx, lan, "installer"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSession(ctx, "h1", lan.ID, planAt, planAt+1000); err != nil {
		t.Fatal(err)
	}
	if got, err := s.SessionPerson(ctx, "h1", planAt+999); err != nil || got.ID != lan.ID {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := s.SessionPerson(ctx, "h1", planAt+1000); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("past its end: %v", err)
	}
	if err := s.EndSession(ctx, "h1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SessionPerson(ctx, "h1", planAt); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("after its end: %v", err)
	}
	if err := s.EndSession(ctx, "h1"); err != nil {
		t.Fatal(err)
	}
}

func peopleEnrolment(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := SamplePlan()
	if err := s.ApplyPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	dev := plan.Devices[0].ID
	code := func(hash string) radio.EnrolmentCode {
		return radio.EnrolmentCode{SecretHash: hash, Device: dev, CreatedBy: "installer", CreatedAt: planAt, ExpiresAt: planAt + 1000}
	}
	cert := func(serial string) radio.Certificate {
		return radio.Certificate{Serial: serial, Device: dev, KID: "kid-" + serial, JWK: "{}", PEM: "pem", IssuedAt: planAt + 10, NotAfter: planAt + 1e9}
	}
	if got := need[[]radio.Certificate](t)(s.Certificates(ctx, dev)); len(got) != 0 {
		t.Fatalf("before enrolment: %+v", got)
	}
	if err := errors.Join(s.AddEnrolmentCode(ctx, code("a")), s.AddEnrolmentCode(ctx, code("b"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.EnrolmentDevice(ctx, "a", planAt); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("a newer code did not end the earlier one: %v", err)
	}
	if _, _, err := s.EnrolmentDevice(ctx, "b", planAt+1000); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("expired: %v", err)
	}
	if got, used, err := s.EnrolmentDevice(ctx, "b", planAt+999); err != nil || used || got != dev {
		t.Fatalf("%s %t %v", got, used, err)
	}
	if err := s.Enrol(ctx, "b", cert("1")); err != nil {
		t.Fatal(err)
	}
	if got, used, err := s.EnrolmentDevice(ctx, "b", planAt+999); err != nil || !used || got != dev {
		t.Fatalf("a used code: %s %t %v", got, used, err)
	}
	if err := s.Enrol(ctx, "b", cert("2")); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("a code worked twice: %v", err)
	}
	if got, err := s.Certificates(ctx, dev); err != nil || len(got) != 1 || got[0].Serial != "1" || got[0].UsedAt == 0 {
		t.Fatalf("%+v %v", got, err)
	}
	if err := s.AddEnrolmentCode(ctx, code("c")); err != nil {
		t.Fatal(err)
	}
	second := cert("3")
	second.IssuedAt += 5
	if err := s.Enrol(ctx, "c", second); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Certificates(ctx, dev); err != nil || len(got) != 1 || got[0].Serial != "3" {
		t.Fatalf("after the second enrolment: %+v %v", got, err)
	}
	place, err := s.Place(ctx, dev)
	if err != nil || place.Device.Enrolled != second.IssuedAt {
		t.Fatalf("%+v %v", place, err)
	}
}
