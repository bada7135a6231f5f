package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// The JSON twin of the pages, under /api/v1.

type devicesAnswer struct {
	Devices []deviceRow `json:"devices"`
}

type bulletinsAnswer struct {
	Bulletins []radio.Bulletin `json:"bulletins"`
}

type decisionBody struct {
	To  radio.BulletinState `json:"to"`
	Why string              `json:"why"`
}

type logAnswer struct {
	Airings []radio.LogRow  `json:"airings"`
	Totals  radio.LogTotals `json:"totals"`
	Next    string          `json:"next,omitempty"`
}

type historyAnswer struct {
	Airing  radio.LogRow `json:"airing"`
	History []radio.Word `json:"history"`
}

// list is never null: a program need not tell an empty list from a missing one.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (s *Server) apiDevices(w http.ResponseWriter, r *http.Request) error {
	all, _, err := s.devices(r)
	if err != nil {
		return err
	}
	rows, _, _, err := deviceFilter(r, all)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, devicesAnswer{rows})
}

func (s *Server) apiBulletins(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.Bulletins(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, bulletinsAnswer{list(all)})
}

func (s *Server) apiUpload(w http.ResponseWriter, r *http.Request) error {
	b, err := s.upload(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, b)
}

func (s *Server) apiDecide(w http.ResponseWriter, r *http.Request) error {
	var in decisionBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	b, err := s.decide(r, in.To, in.Why)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

// apiLog gives a page of the log, newest first; next is the address of the following
// one, and is missing on the last. limit asks for more or fewer rows than logRows.
func (s *Server) apiLog(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, append([]string{"limit"}, logKeys...)...)
	if err != nil {
		return err
	}
	p, err := s.readLog(r, q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, logAnswer{list(p.Rows), p.Totals, p.Next})
}

func (s *Server) apiHistory(w http.ResponseWriter, r *http.Request) error {
	row, words, err := s.history(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, historyAnswer{row, list(words)})
}
