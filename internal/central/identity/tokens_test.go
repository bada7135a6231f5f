package identity

import (
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// TestStolenSessionMakesNoToken: a token outlives a session, so a session alone makes none,
// and a password alone none where there is a second factor.
func TestStolenSessionMakesNoToken(t *testing.T) {
	ctx := t.Context()
	h := newSecondHouse(t, openStore(t, storetest.File(t)))
	lan := h.person(t, "lan", radio.Grant{Role: radio.RoleApprover, Area: radio.Everywhere})
	making := func(shown radio.Proof) error {
		_, _, err := h.NewToken(ctx, lan, shown, "báo cáo", 365, radio.TokenWrites)
		return err
	}
	refusedAs(t, "with the cookie", making(radio.Proof{}), radio.ErrInvalid)
	refusedAs(t, "with a guess", making(radio.Proof{Password: "đoán mò"}), radio.ErrInvalid)
	must(t, making(radio.Proof{Password: goodPassword}))
	h.setUp(t, lan)
	refusedAs(t, "without a code", making(radio.Proof{Password: goodPassword}), radio.ErrInvalid)
	refusedAs(t, "with a wrong code", making(radio.Proof{Password: goodPassword, Code: "000000"}), radio.ErrInvalid)
	refusedAs(t, "with a code alone", making(radio.Proof{Code: h.code(t, lan)}), radio.ErrInvalid)
	must(t, making(radio.Proof{Password: goodPassword, Code: h.code(t, lan)}))
	if list, err := h.Tokens(ctx, lan); err != nil || len(list) != 2 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	for range 5 {
		refusedAs(t, "guessing", making(radio.Proof{Password: "đoán mò"}), radio.ErrInvalid)
	}
	refusedAs(t, "guessing on", making(radio.Proof{Password: goodPassword}), ErrLocked)
}

// TestTokensEndWithTheSessions: what the person does when something was stolen, sign out
// everywhere or another password, ends tokens too.
func TestTokensEndWithTheSessions(t *testing.T) {
	ctx := t.Context()
	const other = "trời lại nắng rồi"
	p := cheap(openStore(t, storetest.File(t)), func() time.Time { return morning })
	_, err := p.Add(ctx, "lan", "Nguyễn Thị Lan", goodPassword, nil, "x")
	must(t, err)
	lan, here, err := signIn(ctx, p, "lan", goodPassword)
	must(t, err)
	password := goodPassword
	for _, c := range []struct {
		name string
		end  func() error
	}{
		{"another password", func() error {
			_, err := p.ChangePassword(ctx, lan, here, goodPassword, other)
			password = other
			return err
		}},
		{"sign out everywhere", func() error { return p.SignOutEverywhere(ctx, lan) }},
	} {
		_, text, err := p.NewToken(ctx, lan, radio.Proof{Password: password}, "x", 365, radio.TokenWrites)
		must(t, err)
		_, err = p.TokenPerson(ctx, text)
		must(t, err, c.end())
		_, err = p.TokenPerson(ctx, text)
		refusedAs(t, c.name, err, radio.ErrNotFound)
	}
}
