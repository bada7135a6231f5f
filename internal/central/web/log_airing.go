package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// airingData is one airing with its whole history.
type airingData struct {
	Row    radio.LogRow
	Words  []radio.Word
	Proofs []radio.LogProof
}

// Proof is what is known of a word's place in the device's journal; nil for a word of the
// centre.
func (d airingData) Proof(w radio.Word) *radio.LogProof {
	for i, p := range d.Proofs {
		if p.Journal == w.Journal && p.Seq == w.Seq {
			return &d.Proofs[i]
		}
	}
	return nil
}

// Late is by how many milliseconds it began after its planned start.
func (d airingData) Late() int64 { return int64(d.Row.StartedAt - d.Row.Start) }

func (s *Server) history(r *http.Request) (radio.LogRow, []radio.Word, error) {
	return s.Log.History(r.Context(), radio.DeviceID(r.PathValue("device")), radio.AiringID(r.PathValue("airing")))
}

func (s *Server) airing(r *http.Request) (airingData, error) {
	row, words, err := s.history(r)
	if err != nil {
		return airingData{}, err
	}
	proofs, err := s.Log.Proofs(r.Context(), row.Key.Device, words)
	return airingData{row, words, proofs}, err
}

func (s *Server) logHistory(w http.ResponseWriter, r *http.Request) error {
	d, err := s.airing(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "history.html", "Một lượt phát", d)
}

// clockState is the word for the state of a device's clock.
func (sp speech) clockState(state string) string {
	return sp.say(word(map[string]string{"trusted": "tin cậy", "holdover": "tự giữ giờ", "untrusted": "KHÔNG tin cậy", radio.ClockAssumed: "GIẢ ĐỊNH, chỉ để thử"}, state))
}
