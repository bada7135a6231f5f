package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"loaxa/internal/radio"
)

func (s *Server) apiDecide(w http.ResponseWriter, r *http.Request) error {
	id, n, err := version(r)
	if err != nil {
		return err
	}
	var in struct {
		To  radio.BulletinState `json:"to"`
		Why string              `json:"why"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return fmt.Errorf("%w: body: %v", radio.ErrInvalid, err)
	}
	b, err := s.Desk.Decide(r.Context(), id, n, in.To, who(r).ID, in.Why)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

func (s *Server) apiDevices(w http.ResponseWriter, r *http.Request) error {
	d, err := s.devices(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string][]deviceRow{"devices": d})
}

func (s *Server) apiSchedules(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.CurrentSchedules(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string][]radio.Schedule{"schedules": all})
}

func (s *Server) apiLog(w http.ResponseWriter, r *http.Request) error {
	page, err := s.readLog(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Airings []radio.AsRun    `json:"airings"`
		Totals  map[string]int64 `json:"totals"`
		Next    string           `json:"next,omitempty"`
	}{page.Rows, page.totals(), page.Next})
}

func (s *Server) apiHistory(w http.ResponseWriter, r *http.Request) error {
	row, words, err := s.history(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Airing  radio.AsRun  `json:"airing"`
		History []radio.Word `json:"history"`
	}{row, words})
}
