package web

import (
	"errors"
	"net/http"

	"loaxa/internal/radio"
)

// What a person does who holds a code and has no password yet. Any code that does not
// work gives the same answer, whatever is the matter with it.

type inviteData struct {
	Person radio.Person // login and name only
	Again  retry
}

type acceptBody struct {
	Code     string `json:"code"`
	Password string `json:"password"`
}

// badCode is the one answer for a code that does not work.
func badCode(err error) error {
	if errors.Is(err, radio.ErrNotFound) {
		return told{notFound("code"), "Đường dẫn không đúng, đã được dùng hoặc đã hết hạn. Hãy xin người quản trị một đường dẫn mới."}
	}
	return err
}

func (s *Server) inviteForm(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Accounts.Invited(r.Context(), r.PathValue("code"))
	if err != nil {
		return badCode(err)
	}
	return s.show(w, r, http.StatusOK, "invite.html", "Đặt mật khẩu", inviteData{Person: p})
}

func (s *Server) inviteAccept(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	code := r.PathValue("code")
	p, err := s.Accounts.Invited(r.Context(), code)
	if err != nil {
		return badCode(err)
	}
	if r.PostFormValue("password") != r.PostFormValue("again") {
		err = differ()
	} else {
		err = s.accept(w, r, code, r.PostFormValue("password"))
	}
	if again, ok := s.again(w, r, "invite", "", err); ok {
		return s.show(w, r, again.Status(), "invite.html", "Đặt mật khẩu", inviteData{p, again})
	}
	if err != nil {
		return badCode(err)
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// accept sets a password; the device on which that was done is known from then on.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, code, password string) error {
	in, err := s.Accounts.Accept(r.Context(), code, password, s.client(r))
	if err == nil {
		s.setDevice(w, in.Person.Login, in.Device)
	}
	return err
}

func (s *Server) apiAccept(w http.ResponseWriter, r *http.Request) error {
	var in acceptBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.accept(w, r, in.Code, in.Password); err != nil {
		return badCode(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
