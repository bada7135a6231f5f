package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// The JSON twin of the pages, under /api/v1.

type logAnswer struct {
	Airings []radio.LogRow  `json:"airings"`
	Totals  radio.LogTotals `json:"totals"`
	Next    string          `json:"next,omitempty"`
}

type historyAnswer struct {
	Airing  radio.LogRow `json:"airing"`
	History []radio.Word `json:"history"`
	// Proofs say of each word of the device whether the signed batch that brought it is held.
	Proofs []radio.LogProof `json:"proofs"`
	// Steps are who scheduled, approved and stopped it.
	Steps []radio.AirStep `json:"steps"`
}

// list is never null: a program need not tell an empty list from a missing one.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
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
	d, err := s.airing(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, historyAnswer{d.Row, list(d.Words), list(d.Proofs), list(d.Steps)})
}
