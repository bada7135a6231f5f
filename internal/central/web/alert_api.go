package web

import (
	"net/http"
	"strconv"

	"loaxa/internal/radio"
)

type alertsAnswer struct {
	Alerts []radio.AlertRecord `json:"alerts"`
	Next   string              `json:"next,omitempty"`
}

// alertChangeBody is a changed draft; Version names the one that was read.
type alertChangeBody struct {
	Version int             `json:"version"`
	Wish    radio.AlertWish `json:"wish"`
}

type signBody struct {
	Version int            `json:"version"`
	Sign    radio.SignWith `json:"sign"`
}

type signAskBody struct {
	Version int `json:"version"`
}

type cancelBody struct {
	Why  string         `json:"why,omitempty"`
	Sign radio.SignWith `json:"sign"`
}

type callsAnswer struct {
	Alert radio.AlertID `json:"alert"`
	At    radio.Millis  `json:"at"`
	// Text is what to read out.
	Text  string `json:"text"`
	Drill bool   `json:"drill"`
	Calls []call `json:"calls"`
}

func (s *Server) apiAlerts(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "after")
	if err != nil {
		return err
	}
	all, next, err := s.visibleAlerts(r, radio.AlertID(q.Get("after")))
	if err != nil {
		return err
	}
	answer := alertsAnswer{Alerts: list(all)}
	if next != "" {
		answer.Next = "/api/v1/alerts?after=" + string(next)
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (s *Server) apiAlert(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) apiAlertCompose(w http.ResponseWriter, r *http.Request) error {
	var wish radio.AlertWish
	if err := readJSON(r, &wish); err != nil {
		return err
	}
	if err := s.mayCompose(r, wish); err != nil {
		return err
	}
	a, err := s.Alerts.Compose(r.Context(), who(r), wish)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, a)
}

// mayCompose: words that are wrong are told first, then the right in the area named.
func (s *Server) mayCompose(r *http.Request, wish radio.AlertWish) error {
	if !radio.ValidID(wish.Area) {
		_, err := wish.Normal(s.AlertBoards.Set())
		return err
	}
	return s.allow(r, radio.WriteAlerts, wish.Area)
}

func (s *Server) apiAlertChange(w http.ResponseWriter, r *http.Request) error {
	var in alertChangeBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.mayCompose(r, in.Wish); err != nil {
		return err
	}
	a, err := s.Alerts.Change(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), in.Version, in.Wish)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) apiAlertDrop(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "version")
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(q.Get("version"))
	if err != nil {
		var e radio.Invalid
		e.Add("version", "không đúng", "not a version")
		return e.Err()
	}
	if err := s.Alerts.Drop(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), version); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiAlertVoice(w http.ResponseWriter, r *http.Request) error {
	body := &watched{Reader: r.Body}
	voice, err := s.Alerts.Voice(r.Context(), body)
	if err != nil {
		return voiceFailed(sentForm{body: body}, err)
	}
	return writeJSON(w, http.StatusCreated, voice)
}

func (s *Server) apiAlertSign(w http.ResponseWriter, r *http.Request) error {
	var in signBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := checkSign(in.Sign); err != nil {
		return err
	}
	a, err := s.Signing.Sign(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), in.Version, in.Sign)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) apiAlertCancel(w http.ResponseWriter, r *http.Request) error {
	var in cancelBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := checkSign(in.Sign); err != nil {
		return err
	}
	a, err := s.Signing.Cancel(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), in.Why, in.Sign)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) apiAlertSignAsk(w http.ResponseWriter, r *http.Request) error {
	var in signAskBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	asks, err := s.Signing.AskSign(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), in.Version)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, asksAnswer{list(asks)})
}

func (s *Server) apiAlertCancelAsk(w http.ResponseWriter, r *http.Request) error {
	asks, err := s.Signing.AskCancel(r.Context(), who(r), radio.AlertID(r.PathValue("alert")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, asksAnswer{list(asks)})
}

func (s *Server) apiAlertBoard(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	b, err := s.board(r, a)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

func (s *Server) apiAlertCalls(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	calls, b, err := s.calls(r, a)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, callsAnswer{Alert: a.ID, At: b.At, Text: a.Wish.Text, Drill: a.Wish.Drill, Calls: calls})
}
