package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// The JSON twin of the account's page.

type passwordBody struct {
	Old      string `json:"old"`
	Password string `json:"password"`
}

type sessionsAnswer struct {
	Sessions []radio.WebSession `json:"sessions"`
}

type tokenBody struct {
	Name string         `json:"name"`
	Days int            `json:"days"`
	Use  radio.TokenUse `json:"use"`
	radio.Proof
}

// tokenAnswer tells a new token, this once.
type tokenAnswer struct {
	Token  radio.APIToken `json:"token"`
	Secret string         `json:"secret"`
}

type tokensAnswer struct {
	Tokens []radio.APIToken `json:"tokens"`
}

func (s *Server) apiAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.Accounts.Account(r.Context(), who(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rowOf(a))
}

func (s *Server) apiAccountEdit(w http.ResponseWriter, r *http.Request) error {
	var in radio.Profile
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.Office.SetProfile(r.Context(), who(r), who(r).ID, in); err != nil {
		return err
	}
	return s.apiAccount(w, r)
}

func (s *Server) apiPassword(w http.ResponseWriter, r *http.Request) error {
	var in passwordBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.changePassword(w, r, in.Old, in.Password); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiSessions(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Accounts.Sessions(r.Context(), who(r), s.cookie(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, sessionsAnswer{list(all)})
}

func (s *Server) apiSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Accounts.SignOutEverywhere(r.Context(), who(r)); err != nil {
		return err
	}
	s.setCookie(w, "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiTokens(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Tokens.Tokens(r.Context(), who(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, tokensAnswer{list(all)})
}

func (s *Server) apiTokenNew(w http.ResponseWriter, r *http.Request) error {
	var in tokenBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	token, secret, err := s.Tokens.NewToken(r.Context(), who(r), in.Proof, in.Name, in.Days, in.Use)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, tokenAnswer{token, secret})
}

func (s *Server) apiTokenRevoke(w http.ResponseWriter, r *http.Request) error {
	if err := s.Tokens.RevokeToken(r.Context(), who(r), radio.TokenID(r.PathValue("token"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
