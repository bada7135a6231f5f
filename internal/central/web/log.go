package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// pageRows is how many rows of the log one page shows.
const pageRows = 100

// overdueAfter is when a pending airing is shown as overdue (design §3).
const overdueAfter = 10 * time.Minute

type logData struct {
	Filter   radio.LogFilter
	Rows     []radio.AsRun
	Totals   []outcomeTotal
	Planned  int64
	Extra    int64 // sound nobody planned
	Communes []radio.Area
	Devices  []radio.Place
	Outcomes []radio.Outcome
	Next     string // query of the next page, "" at the end
	Query    string
	Now      radio.Millis
}

type outcomeTotal struct {
	Outcome radio.Outcome
	Rows    int64
}

func (d logData) totals() map[string]int64 {
	out := map[string]int64{"planned": d.Planned, "unplanned": d.Extra}
	for _, t := range d.Totals {
		out[string(t.Outcome)] = t.Rows
	}
	return out
}

// Overdue says whether an airing should have been heard of by now.
func (d logData) Overdue(a radio.AsRun) bool {
	return a.Outcome == radio.PendingOutcome && a.End().Add(overdueAfter) < d.Now
}

func (s *Server) logFilter(r *http.Request) (radio.LogFilter, error) {
	q := r.URL.Query()
	f := radio.LogFilter{
		Commune: radio.AreaID(q.Get("commune")), Device: radio.DeviceID(q.Get("device")),
		From: radio.Date(q.Get("from")), To: radio.Date(q.Get("to")),
		Outcome: radio.Outcome(q.Get("outcome")), Campaign: radio.CampaignID(q.Get("campaign")), Bulletin: radio.BulletinID(q.Get("bulletin")),
	}
	if day := q.Get("day"); day != "" {
		f.From, f.To = radio.Date(day), radio.Date(day)
	}
	var e radio.Invalid
	for field, ok := range map[string]bool{
		"commune":  f.Commune == "" || radio.ValidID(f.Commune),
		"device":   f.Device == "" || radio.ValidID(f.Device),
		"outcome":  f.Outcome == "" || f.Outcome.Valid(),
		"campaign": f.Campaign == "" || radio.ValidID(f.Campaign),
		"bulletin": f.Bulletin == "" || radio.ValidID(f.Bulletin),
	} {
		if !ok {
			e.Add(field, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	for field, d := range map[string]radio.Date{"from": f.From, "to": f.To} {
		if d == "" {
			continue
		}
		if _, err := radio.ParseDate(string(d)); err != nil {
			e.Add(field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
	}
	return f, e.Err()
}

func cursor(text string) (radio.LogCursor, error) {
	if text == "" {
		return radio.LogCursor{}, nil
	}
	at, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || !radio.ValidID(radio.AiringID(id)) {
		return radio.LogCursor{}, fmt.Errorf("%w: after=%.64q is not a place in the log", radio.ErrInvalid, text)
	}
	return radio.LogCursor{Start: radio.Millis(n), Airing: radio.AiringID(id)}, nil
}

func (s *Server) readLog(r *http.Request) (logData, error) {
	d := logData{Outcomes: radio.Outcomes(), Now: radio.At(s.Now())}
	var err error
	if d.Filter, err = s.logFilter(r); err != nil {
		return d, err
	}
	after, err := cursor(r.URL.Query().Get("after"))
	if err != nil {
		return d, err
	}
	if d.Rows, err = s.Log.AsRuns(r.Context(), d.Filter, after, pageRows+1); err != nil {
		return d, err
	}
	q := url.Values{}
	for k, v := range r.URL.Query() {
		if k != "after" && len(v) > 0 && v[0] != "" {
			q.Set(k, v[0])
		}
	}
	d.Query = q.Encode()
	if len(d.Rows) > pageRows {
		d.Rows = d.Rows[:pageRows]
		last := d.Rows[pageRows-1]
		q.Set("after", fmt.Sprintf("%d.%s", last.Start, last.Airing))
		d.Next = q.Encode()
	}
	counts, err := s.Log.LogCounts(r.Context(), d.Filter)
	if err != nil {
		return d, err
	}
	sums := map[radio.Outcome]int64{}
	for _, c := range counts {
		if !c.Planned {
			d.Extra += c.Rows
			continue
		}
		sums[c.Outcome] += c.Rows
		d.Planned += c.Rows
	}
	for _, o := range d.Outcomes {
		if sums[o] > 0 {
			d.Totals = append(d.Totals, outcomeTotal{o, sums[o]})
		}
	}
	return d, nil
}

func (s *Server) logPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.readLog(r)
	if err != nil {
		return err
	}
	if d.Devices, err = s.Plan.Places(r.Context()); err != nil {
		return err
	}
	seen := map[radio.AreaID]bool{}
	for _, p := range d.Devices {
		if c := p.Commune(); !seen[c.ID] {
			seen[c.ID] = true
			d.Communes = append(d.Communes, c)
		}
	}
	return s.pages.render(w, "log.html", view[logData]{Title: "Nhật ký phát sóng", Nav: "log", Person: who(r), Data: d})
}

type historyData struct {
	Row   radio.AsRun
	Words []radio.Word
}

func (s *Server) history(r *http.Request) (radio.AsRun, []radio.Word, error) {
	device, airing := radio.DeviceID(r.PathValue("device")), radio.AiringID(r.PathValue("airing"))
	if !radio.ValidID(device) || !radio.ValidID(airing) {
		return radio.AsRun{}, nil, notFound("airing")
	}
	return s.Log.AsRunHistory(r.Context(), device, airing)
}

func (s *Server) logHistory(w http.ResponseWriter, r *http.Request) error {
	row, words, err := s.history(r)
	if err != nil {
		return err
	}
	return s.pages.render(w, "history.html", view[historyData]{Title: "Một lượt phát", Nav: "log", Person: who(r), Data: historyData{row, words}})
}
