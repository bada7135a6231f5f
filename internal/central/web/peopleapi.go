package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// The JSON twin of the pages about people.

type peopleAnswer struct {
	People []personRow `json:"people"`
}

type inviteBody struct {
	Login string `json:"login"`
	radio.Profile
	Grants []radio.Grant `json:"grants"`
}

type grantsBody struct {
	Grants []radio.Grant `json:"grants"`
}

// passAnswer tells a code, this once. The link begins with / where the centre does not know
// its own public address.
type passAnswer struct {
	Person personRow `json:"person"`
	radio.Pass
	Link string `json:"link"`
}

func (s *Server) apiPeople(w http.ResponseWriter, r *http.Request) error {
	rows, _, err := s.readPeople(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, peopleAnswer{list(rows)})
}

func (s *Server) apiPerson(w http.ResponseWriter, r *http.Request) error {
	a, err := s.Staff.Find(r.Context(), who(r), radio.UserID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rowOf(a))
}

func (s *Server) apiInvite(w http.ResponseWriter, r *http.Request) error {
	var in inviteBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	a, pass, err := s.Office.Invite(r.Context(), who(r), in.Login, in.Profile, in.Grants)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, passAnswer{rowOf(a), pass, s.inviteLink(pass.Code)})
}

// answerPerson makes a change and tells the account after it.
func (s *Server) answerPerson(w http.ResponseWriter, r *http.Request, change func(radio.UserID) error) error {
	a, err := s.onPerson(r, change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rowOf(a))
}

func (s *Server) apiPersonEdit(w http.ResponseWriter, r *http.Request) error {
	var in radio.Profile
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.answerPerson(w, r, func(id radio.UserID) error { return s.Office.SetProfile(r.Context(), who(r), id, in) })
}

func (s *Server) apiGrants(w http.ResponseWriter, r *http.Request) error {
	var in grantsBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.answerPerson(w, r, func(id radio.UserID) error { return s.Office.SetGrants(r.Context(), who(r), id, in.Grants) })
}

func (s *Server) apiReset(w http.ResponseWriter, r *http.Request) error {
	var pass radio.Pass
	a, err := s.onPerson(r, func(id radio.UserID) (err error) {
		_, pass, err = s.Office.Reset(r.Context(), who(r), id)
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, passAnswer{rowOf(a), pass, s.inviteLink(pass.Code)})
}

func (s *Server) apiDisable(w http.ResponseWriter, r *http.Request) error {
	return s.answerPerson(w, r, func(id radio.UserID) error { return s.Office.Disable(r.Context(), who(r), id) })
}

func (s *Server) apiEnable(w http.ResponseWriter, r *http.Request) error {
	return s.answerPerson(w, r, func(id radio.UserID) error { return s.Office.Enable(r.Context(), who(r), id) })
}
