package web

import (
	"context"
	"net/http"
	"strconv"

	"loaxa/internal/radio"
)

// Accounts is what a person does with the own account (identity).
type Accounts interface {
	Account(ctx context.Context, by radio.Person) (radio.Account, error)
	// ChangePassword gives what the device is known by from then on.
	ChangePassword(ctx context.Context, by radio.Person, session, old, password string) (device string, err error)
	Sessions(ctx context.Context, by radio.Person, session string) ([]radio.WebSession, error)
	SignOutEverywhere(ctx context.Context, by radio.Person) error
	// Invited and Accept are for who holds a code and has no session.
	Invited(ctx context.Context, code string) (radio.Person, error)
	Accept(ctx context.Context, code, password, address string) (radio.SignedIn, error)
}

// Tokens are a person's own API tokens (identity).
type Tokens interface {
	NewToken(ctx context.Context, by radio.Person, shown radio.Proof, name string, days int, use radio.TokenUse) (radio.APIToken, string, error)
	Tokens(ctx context.Context, by radio.Person) ([]radio.APIToken, error)
	RevokeToken(ctx context.Context, by radio.Person, id radio.TokenID) error
}

// accountRoutes: all of it needs a session; an API token does not reach the account it
// speaks for.
func (s *Server) accountRoutes() []route {
	page, api, self := s.page, s.api, radio.Self
	return []route{
		{pattern: "GET /account", as: page, do: s.accountPage, may: self},
		{pattern: "POST /account", as: page, do: s.accountEdit, may: self},
		{pattern: "POST /account/password", as: page, do: s.accountPassword, may: self},
		{pattern: "POST /account/sign-out", as: page, do: s.accountSignOut, may: self},
		{pattern: "POST /account/tokens", as: page, do: s.tokenNew, may: self},
		{pattern: "POST /account/tokens/{token}/revoke", as: page, do: s.tokenRevoke, may: self},

		{pattern: "GET /invite/{code}", as: page, do: s.inviteForm, open: true},
		{pattern: "POST /invite/{code}", as: page, do: s.inviteAccept, open: true},
		{pattern: "POST /api/v1/invite", as: api, do: s.apiAccept, open: true, doc: doc{Summary: "Set the password with a code", In: acceptBody{}, Status: http.StatusNoContent}},

		{pattern: "GET /api/v1/account", as: api, do: s.apiAccount, may: self, doc: doc{Summary: "The own account", Out: personRow{}}},
		{pattern: "PUT /api/v1/account", as: api, do: s.apiAccountEdit, may: self, doc: doc{Summary: "Change the own name and addresses", In: radio.Profile{}, Out: personRow{}}},
		{pattern: "POST /api/v1/account/password", as: api, do: s.apiPassword, may: self, doc: doc{Summary: "Change the own password; every other session and every API token ends", In: passwordBody{}, Status: http.StatusNoContent}},
		{pattern: "GET /api/v1/account/sessions", as: api, do: s.apiSessions, may: self, doc: doc{Summary: "Where the account is signed in", Out: sessionsAnswer{}}},
		{pattern: "DELETE /api/v1/account/sessions", as: api, do: s.apiSignOut, may: self, doc: doc{Summary: "Sign out everywhere; every API token ends too", Status: http.StatusNoContent}},
		{pattern: "GET /api/v1/tokens", as: api, do: s.apiTokens, may: self, doc: doc{Summary: "The own API tokens, newest first", Out: tokensAnswer{}}},
		{pattern: "POST /api/v1/tokens", as: api, do: s.apiTokenNew, may: self, doc: doc{Summary: "Make an API token; it is told once. It asks for the password, and where there is a second factor, for a code of it", In: tokenBody{}, Out: tokenAnswer{}, Status: http.StatusCreated}},
		{pattern: "DELETE /api/v1/tokens/{token}", as: api, do: s.apiTokenRevoke, may: self, doc: doc{Summary: "End an API token", Status: http.StatusNoContent}},
	}
}

// home is the first page of a person: the overview, or the first of those they may see.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	if who(r).MaySomewhere(radio.ReadDevices) {
		// Who works for one commune begins with its week.
		tree, err := s.tree(r)
		if err != nil {
			return err
		}
		if commune := ownCommune(who(r), tree); commune != "" {
			return s.showTimeline(w, r, commune, "")
		}
		return s.overview(w, r)
	}
	if m := menuOf(who(r)); len(m) > 0 {
		http.Redirect(w, r, "/"+m[0].Section, http.StatusSeeOther)
		return nil
	}
	return noRole()
}

// cookie is the session that asks.
func (s *Server) cookie(r *http.Request) string {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

type accountData struct {
	personRow
	Sessions []radio.WebSession
	Tokens   []tokenRow
	// Keys are what the reader signs with, and what is to become that; Offered says that
	// passkeys can be made.
	Keys    []keyRow
	Offered bool
	// Secret is a token just made, shown this once.
	Secret string
	Days   string // a sensible life of a new token
	// MayAudit: the way to the audit stands here, it is not asked for every day.
	MayAudit bool
	Second   radio.SecondState
	Password bool // the account has one
	Again    retry
}

// Prove is what the forms ask for that make what outlives a session.
func (d accountData) Prove(form retry) proveForm {
	return proveForm{Login: d.Login, Password: d.Password, Code: d.Second.Set, Again: form}
}

// proveForm is for the partial "prove".
type proveForm struct {
	Login          string
	Password, Code bool // what is asked for
	Again          retry
}

// shown is what a form proves the person by.
func shown(r *http.Request) radio.Proof {
	return radio.Proof{Password: r.PostFormValue("password"), Code: r.PostFormValue("code")}
}

type tokenRow struct {
	radio.APIToken
	Works bool
}

// Reads says whether the token only reads.
func (t tokenRow) Reads() bool { return t.Use == radio.TokenReads }

func (s *Server) accountPage(w http.ResponseWriter, r *http.Request) error {
	return s.showAccount(w, r, "", retry{})
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, secret string, again retry) error {
	a, err := s.Accounts.Account(r.Context(), who(r))
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	d := accountData{personRow: rowOf(a), Secret: secret, Days: "90", Password: a.PasswordHash != "", MayAudit: who(r).MaySomewhere(radio.ReadAudit), Again: again}
	d.Roles = s.grantWords(r, tree, a.Grants)
	if d.Sessions, err = s.Accounts.Sessions(r.Context(), who(r), s.cookie(r)); err != nil {
		return err
	}
	if d.Second, err = s.Second.Second(r.Context(), who(r)); err != nil {
		return err
	}
	tokens, err := s.Tokens.Tokens(r.Context(), who(r))
	if err != nil {
		return err
	}
	d.Offered = s.Passkeys.Offered()
	if d.Keys, err = s.keyRows(r, tree); err != nil {
		return err
	}
	now := radio.At(s.Now())
	for _, t := range tokens {
		d.Tokens = append(d.Tokens, tokenRow{t, t.RevokedAt == 0 && t.ExpiresAt > now})
	}
	return s.show(w, r, again.Status(), "account.html", "Tài khoản của tôi", d)
}

// onAccount is a change of the own account from the form of that name: back to its page,
// with what was typed where it was refused.
func (s *Server) onAccount(w http.ResponseWriter, r *http.Request, form string, change func() error) error {
	if err := readForm(r); err != nil {
		return err
	}
	err := change()
	if again, ok := s.again(w, r, form, "", err); ok {
		return s.showAccount(w, r, "", again)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

func (s *Server) accountEdit(w http.ResponseWriter, r *http.Request) error {
	return s.onAccount(w, r, "profile", func() error {
		return s.Office.SetProfile(r.Context(), who(r), who(r).ID, profileForm(r))
	})
}

func (s *Server) accountPassword(w http.ResponseWriter, r *http.Request) error {
	return s.onAccount(w, r, "password", func() error {
		if r.PostFormValue("password") != r.PostFormValue("again") {
			return differ()
		}
		return s.changePassword(w, r, r.PostFormValue("old"), r.PostFormValue("password"))
	})
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, old, password string) error {
	device, err := s.Accounts.ChangePassword(r.Context(), who(r), s.cookie(r), old, password)
	if err == nil {
		s.setDevice(w, who(r).Login, device)
	}
	return err
}

func differ() error {
	var e radio.Invalid
	e.Add("again", "hai lần nhập mật khẩu không giống nhau", "the two passwords differ")
	return e.Err()
}

func (s *Server) accountSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Accounts.SignOutEverywhere(r.Context(), who(r)); err != nil {
		return err
	}
	s.setCookie(w, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// tokenNew shows the token on the page that answers the form: there is no other time.
func (s *Server) tokenNew(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil {
		days = 0 // outside the bounds: the answer names them
	}
	use := radio.TokenWrites
	if v := r.PostFormValue("read"); v == "1" {
		use = radio.TokenReads
	} else if v != "" {
		var e radio.Invalid
		e.Add("use", "chỉ đọc là 1, đọc và ghi thì bỏ trống", "1 for a token that only reads, else nothing")
		return e.Err()
	}
	_, secret, err := s.Tokens.NewToken(r.Context(), who(r), shown(r), r.PostFormValue("name"), days, use)
	if again, ok := s.again(w, r, "token", "", err); ok {
		return s.showAccount(w, r, "", again)
	}
	if err != nil {
		return err
	}
	return s.showAccount(w, r, secret, retry{})
}

func (s *Server) tokenRevoke(w http.ResponseWriter, r *http.Request) error {
	return s.onAccount(w, r, "", func() error {
		return s.Tokens.RevokeToken(r.Context(), who(r), radio.TokenID(r.PathValue("token")))
	})
}
