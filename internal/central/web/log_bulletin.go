package web

import (
	"net/http"

	"loaxa/internal/radio"
)

// bulletinLogData is what became of one bulletin: what its author wants to know.
type bulletinLogData struct {
	radio.BulletinReport
	Title string
	Log   string // address of its airings
}

// Lacking counts what ended otherwise than aired.
func (d bulletinLogData) Lacking() int64 {
	return d.Totals.Planned - d.Totals.Outcomes[radio.Aired] - d.Totals.Outcomes[radio.PendingOutcome]
}

// bulletinLog reads the report of the bulletin in the address. One that never was in the
// log of the reader's communes does not exist here.
func (s *Server) bulletinLog(r *http.Request) (radio.BulletinReport, error) {
	q, err := strictQuery(r, "from", "to")
	if err != nil {
		return radio.BulletinReport{}, err
	}
	communes, err := s.communesOf(r, radio.ReadLog)
	if err != nil {
		return radio.BulletinReport{}, err
	}
	b, err := s.Log.Bulletin(r.Context(), radio.BulletinID(r.PathValue("id")), radio.Date(q.Get("from")), radio.Date(q.Get("to")), communes)
	if err == nil && len(b.Communes) == 0 && q.Get("from") == "" && q.Get("to") == "" {
		err = notFound("bulletin in the log")
	}
	return b, err
}

func (s *Server) logBulletin(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bulletinLog(r)
	if err != nil {
		return err
	}
	f, err := s.seen(r, radio.LogFilter{Bulletin: b.Bulletin, From: b.From, To: b.To})
	if err != nil {
		return err
	}
	d := bulletinLogData{BulletinReport: b, Log: "/log?" + filterQuery(f).Encode()}
	if d.Title, err = s.titleInLog(r, f); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "logbulletin.html", "Bản tin đã phát ở đâu", d)
}

// titleInLog is the title of the filter's bulletin as the reader's part of the log has it,
// also when the bulletin is gone; its id where the log has none.
func (s *Server) titleInLog(r *http.Request, f radio.LogFilter) (string, error) {
	if f.Bulletin == "" {
		return "", nil
	}
	page, err := s.Log.Log(r.Context(), radio.LogFilter{Bulletin: f.Bulletin, Communes: f.Communes}, radio.LogCursor{}, 1)
	if err != nil || len(page.Rows) == 0 {
		return string(f.Bulletin), err
	}
	return page.Rows[0].Title, nil
}

func (s *Server) apiLogBulletin(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bulletinLog(r)
	if err != nil {
		return err
	}
	b.Communes, b.Missing = list(b.Communes), list(b.Missing)
	return writeJSON(w, http.StatusOK, b)
}
