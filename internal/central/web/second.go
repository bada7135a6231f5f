package web

import (
	"context"
	"html/template"
	"net/http"

	"loaxa/internal/qr"
	"loaxa/internal/radio"
)

// Second is a person's own second factor (identity).
type Second interface {
	Second(ctx context.Context, by radio.Person) (radio.SecondState, error)
	// BeginSecond tells a secret once; it counts when ConfirmSecond has seen its first code.
	BeginSecond(ctx context.Context, by radio.Person, shown radio.Proof) (radio.NewSecond, error)
	ConfirmSecond(ctx context.Context, by radio.Person, code string) (recovery []string, err error)
	RenewRecovery(ctx context.Context, by radio.Person, code string) (recovery []string, err error)
	// CheckCode is asked before what takes a second factor.
	CheckCode(ctx context.Context, by radio.Person, code string) error
}

// SecondOffice confirms another's first second factor, and takes one away by two
// administrators (identity).
type SecondOffice interface {
	SecondOf(ctx context.Context, by radio.Person, id radio.UserID) (radio.SecondState, radio.SecondReset, error)
	AskSecondReset(ctx context.Context, by radio.Person, id radio.UserID, code string) error
	ConfirmSecondReset(ctx context.Context, by radio.Person, id radio.UserID, code string) error
	// CountSecond makes a first second factor, the one set up at since, count at once.
	CountSecond(ctx context.Context, by radio.Person, id radio.UserID, since radio.Millis, code string) error
}

func (s *Server) secondRoutes() []route {
	page, api, self, write := s.page, s.api, radio.Self, radio.WritePeople
	return []route{
		{pattern: "GET /account/second", as: page, do: s.secondPage, may: self},
		{pattern: "POST /account/second", as: page, do: s.secondBegin, may: self},
		{pattern: "POST /account/second/confirm", as: page, do: s.secondConfirm, may: self},
		{pattern: "POST /account/second/recovery", as: page, do: s.secondRecovery, may: self},
		{pattern: "POST /people/{id}/second/ask", as: page, do: s.secondAsk, may: write},
		{pattern: "POST /people/{id}/second/confirm", as: page, do: s.secondConfirmReset, may: write},
		{pattern: "POST /people/{id}/second/count", as: page, do: s.secondCount, may: write},

		{pattern: "GET /api/v1/account/second", as: api, do: s.apiSecond, may: self, doc: doc{Summary: "Whether the account has a second factor", Out: radio.SecondState{}}},
		{pattern: "POST /api/v1/account/second", as: api, do: s.apiSecondBegin, may: self, doc: doc{Summary: "Make a secret for an authenticator, told once; it counts from its first code on. Where there is a second factor already, a code of it is asked for", In: radio.Proof{}, Out: radio.NewSecond{}}},
		{pattern: "POST /api/v1/account/second/confirm", as: api, do: s.apiSecondConfirm, may: self, doc: doc{Summary: "Show the first code; the recovery codes are told once", In: codeBody{}, Out: recoveryAnswer{}}},
		{pattern: "POST /api/v1/account/second/recovery", as: api, do: s.apiSecondRecovery, may: self, doc: doc{Summary: "New recovery codes in place of those left", In: codeBody{}, Out: recoveryAnswer{}}},
		{pattern: "GET /api/v1/people/{id}/second", as: api, do: s.apiSecondOf, may: radio.ReadPeople, doc: doc{Summary: "Whether a person has a second factor, and who has asked to take it away", Out: secondOfAnswer{}}},
		{pattern: "POST /api/v1/people/{id}/second/ask", as: api, do: s.apiSecondAsk, may: write, doc: doc{Summary: "Ask to take a person's second factor away; another administrator must confirm within 24 hours", In: codeBody{}, Status: http.StatusNoContent}},
		{pattern: "POST /api/v1/people/{id}/second/confirm", as: api, do: s.apiSecondConfirmReset, may: write, doc: doc{Summary: "Confirm what another administrator has asked: the second factor is gone, the sessions end", In: codeBody{}, Status: http.StatusNoContent}},
		{pattern: "POST /api/v1/people/{id}/second/count", as: api, do: s.apiSecondCount, may: write, doc: doc{Summary: "Confirm that a person's first second factor, the one set up at since, is theirs: it counts at once for what takes a code, not only at its counts_at", In: countBody{}, Status: http.StatusNoContent}},
	}
}

type secondData struct {
	radio.SecondState
	// New is a secret just made, with its QR code; Codes are recovery codes just made. Both
	// are shown this once.
	New      radio.NewSecond
	QR       qr.Code
	Codes    []string
	Login    string
	Password bool // the account has one
	Again    retry
}

// askCode is what the partial "askcode" needs: a form that takes a code of the second
// factor, or the way to set one up.
type askCode struct {
	Set bool
	// CountsAt is from when the reader's own counts, 0 when it does.
	CountsAt radio.Millis
	Mark     template.HTMLAttr
}

// askCode is for a form of the reader, which may have come back.
func (s *Server) askCode(r *http.Request, again retry) (askCode, error) {
	state, err := s.Second.Second(r.Context(), who(r))
	return askCode{state.Set, state.CountsAt, again.Mark("code")}, err
}

func (s *Server) secondPage(w http.ResponseWriter, r *http.Request) error {
	return s.showSecond(w, r, secondData{})
}

func (s *Server) showSecond(w http.ResponseWriter, r *http.Request, d secondData) error {
	a, err := s.Accounts.Account(r.Context(), who(r))
	if err != nil {
		return err
	}
	d.Login, d.Password = a.Login, a.PasswordHash != ""
	if d.SecondState, err = s.Second.Second(r.Context(), who(r)); err != nil {
		return err
	}
	return s.show(w, r, d.Again.Status(), "second.html", "Xác thực hai lớp", d)
}

// onSecond is a step that shows what it made: there is no other time.
func (s *Server) onSecond(w http.ResponseWriter, r *http.Request, form string, step func(code string) (secondData, error)) error {
	if err := readForm(r); err != nil {
		return err
	}
	d, err := step(r.PostFormValue("code"))
	if again, ok := s.again(w, r, form, "", err); ok {
		return s.showSecond(w, r, secondData{Again: again})
	}
	if err != nil {
		return err
	}
	return s.showSecond(w, r, d)
}

func (s *Server) secondBegin(w http.ResponseWriter, r *http.Request) error {
	return s.onSecond(w, r, "begin", func(string) (d secondData, err error) {
		if d.New, err = s.Second.BeginSecond(r.Context(), who(r), shown(r)); err != nil {
			return d, err
		}
		d.QR, err = qr.Encode(d.New.URL)
		return d, err
	})
}

func (s *Server) secondConfirm(w http.ResponseWriter, r *http.Request) error {
	return s.onSecond(w, r, "confirm", func(code string) (d secondData, err error) {
		d.Codes, err = s.Second.ConfirmSecond(r.Context(), who(r), code)
		return d, err
	})
}

func (s *Server) secondRecovery(w http.ResponseWriter, r *http.Request) error {
	return s.onSecond(w, r, "recovery", func(code string) (d secondData, err error) {
		d.Codes, err = s.Second.RenewRecovery(r.Context(), who(r), code)
		return d, err
	})
}

func (s *Server) secondAsk(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "second", func(id radio.UserID) error {
		return s.SecondOffice.AskSecondReset(r.Context(), who(r), id, r.PostFormValue("code"))
	})
}

func (s *Server) secondConfirmReset(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "second", func(id radio.UserID) error {
		return s.SecondOffice.ConfirmSecondReset(r.Context(), who(r), id, r.PostFormValue("code"))
	})
}

func (s *Server) secondCount(w http.ResponseWriter, r *http.Request) error {
	return s.changePerson(w, r, "second", func(id radio.UserID) error {
		return s.SecondOffice.CountSecond(r.Context(), who(r), id, radio.Millis(formNumber(r, "since")), r.PostFormValue("code"))
	})
}

// secondOfPerson is what the page of a person tells an administrator of their second
// factor.
type secondOfPerson struct {
	radio.SecondState
	Asked   radio.SecondReset
	AskedBy string // the name
	ByMe    bool   // the reader has asked: another confirms
	Code    askCode
}

// Waits says whether somebody has asked to take it away.
func (x secondOfPerson) Waits() bool { return x.Asked.ExpiresAt != 0 }

func (s *Server) secondOfPerson(r *http.Request, id radio.UserID, again retry) (x secondOfPerson, err error) {
	if x.SecondState, x.Asked, err = s.SecondOffice.SecondOf(r.Context(), who(r), id); err != nil {
		return x, err
	}
	if x.Waits() {
		x.ByMe, x.AskedBy = x.Asked.AskedBy == who(r).ID, string(x.Asked.AskedBy)
		// The other administrator may be out of the reader's areas: then the login is unknown.
		if a, err := s.Staff.Find(r.Context(), who(r), x.Asked.AskedBy); err == nil {
			x.AskedBy = a.Name
		}
	}
	x.Code, err = s.askCode(r, again)
	return x, err
}
