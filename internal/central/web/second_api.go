package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// The JSON twin of the pages about second factors.

type codeBody struct {
	Code string `json:"code"`
}

// countBody confirms the second factor that was set up at since.
type countBody struct {
	Since radio.Millis `json:"since"`
	Code  string       `json:"code"`
}

// recoveryAnswer tells recovery codes, this once.
type recoveryAnswer struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

type secondOfAnswer struct {
	radio.SecondState
	Asked *radio.SecondReset `json:"asked,omitempty"`
}

func (s *Server) apiSecond(w http.ResponseWriter, r *http.Request) error {
	state, err := s.Second.Second(r.Context(), who(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, state)
}

func (s *Server) apiSecondBegin(w http.ResponseWriter, r *http.Request) error {
	var in radio.Proof
	if err := readJSON(r, &in); err != nil {
		return err
	}
	fresh, err := s.Second.BeginSecond(r.Context(), who(r), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, fresh)
}

// withCode runs what takes a code in the body and answers recovery codes.
func (s *Server) withCode(w http.ResponseWriter, r *http.Request, do func(code string) ([]string, error)) error {
	var in codeBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	codes, err := do(in.Code)
	if err != nil {
		return err
	}
	if codes == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeJSON(w, http.StatusOK, recoveryAnswer{codes})
}

func (s *Server) apiSecondConfirm(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, func(code string) ([]string, error) { return s.Second.ConfirmSecond(r.Context(), who(r), code) })
}

func (s *Server) apiSecondRecovery(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, func(code string) ([]string, error) { return s.Second.RenewRecovery(r.Context(), who(r), code) })
}

func (s *Server) apiSecondOf(w http.ResponseWriter, r *http.Request) error {
	state, asked, err := s.SecondOffice.SecondOf(r.Context(), who(r), radio.UserID(r.PathValue("id")))
	if err != nil {
		return err
	}
	out := secondOfAnswer{SecondState: state}
	if asked.ExpiresAt != 0 {
		out.Asked = &asked
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) apiSecondAsk(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, func(code string) ([]string, error) {
		return nil, s.SecondOffice.AskSecondReset(r.Context(), who(r), radio.UserID(r.PathValue("id")), code)
	})
}

func (s *Server) apiSecondConfirmReset(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, func(code string) ([]string, error) {
		return nil, s.SecondOffice.ConfirmSecondReset(r.Context(), who(r), radio.UserID(r.PathValue("id")), code)
	})
}

func (s *Server) apiSecondCount(w http.ResponseWriter, r *http.Request) error {
	var in countBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.SecondOffice.CountSecond(r.Context(), who(r), radio.UserID(r.PathValue("id")), in.Since, in.Code); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
