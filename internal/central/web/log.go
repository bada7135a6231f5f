package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

const (
	// logRows is how many rows of the log one page shows.
	logRows = 60
	// maxChoices is how many devices the filter offers; more are offered by commune.
	maxChoices = 60
	// overdueAfter is when a pending airing is shown as overdue (design §3).
	overdueAfter = 10 * time.Minute
)

// logPart is a page of the log with the sums of all that the filter lets through.
type logPart struct {
	Filter radio.LogFilter
	Rows   []radio.AsRun
	Totals totals
	Next   string // address of the next page, "" at the end
}

// totals counts airings: every planned one has exactly one outcome or is pending, so
// the outcomes' sum is Planned. Sound nobody planned is counted apart.
type totals struct {
	Planned   int64                   `json:"planned"`
	Unplanned int64                   `json:"unplanned"`
	Outcomes  map[radio.Outcome]int64 `json:"outcomes"`
}

type outcomeTotal struct {
	Outcome radio.Outcome
	Rows    int64
}

// Each lists the outcomes that occur, in the order reports show them.
func (t totals) Each() []outcomeTotal {
	var out []outcomeTotal
	for _, o := range radio.Outcomes() {
		if n := t.Outcomes[o]; n > 0 {
			out = append(out, outcomeTotal{o, n})
		}
	}
	return out
}

func (s *Server) totals(r *http.Request, f radio.LogFilter) (totals, error) {
	t := totals{Outcomes: map[radio.Outcome]int64{}}
	counts, err := s.Log.LogCounts(r.Context(), f)
	for _, c := range counts {
		if !c.Planned {
			t.Unplanned += c.Rows
			continue
		}
		t.Planned += c.Rows
		t.Outcomes[c.Outcome] += c.Rows
	}
	return t, err
}

// logFilter reads the filter in an address, or lists all that is wrong with it.
func logFilter(q url.Values) (radio.LogFilter, error) {
	f := radio.LogFilter{
		From: radio.Date(q.Get("from")), To: radio.Date(q.Get("to")),
		Commune: radio.AreaID(q.Get("commune")), Device: radio.DeviceID(q.Get("device")), Outcome: radio.Outcome(q.Get("outcome")),
		Campaign: radio.CampaignID(q.Get("campaign")), Bulletin: radio.BulletinID(q.Get("bulletin")),
	}
	var e radio.Invalid
	for _, field := range []string{"from", "to"} {
		day := q.Get(field)
		if _, err := radio.ParseDate(day); day != "" && err != nil {
			e.Add(field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
	}
	if f.From != "" && f.To != "" && f.From > f.To && len(e.Problems) == 0 {
		e.Add("to", "ngày cuối đứng trước ngày đầu", "the last day is before the first")
	}
	for _, field := range []string{"commune", "device", "campaign", "bulletin"} {
		if id := q.Get(field); id != "" && !radio.ValidID(id) {
			e.Add(field, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	if f.Outcome != "" && !f.Outcome.Valid() {
		e.Add("outcome", "không có kết quả này", "no such outcome")
	}
	return f, e.Err()
}

// filterQuery writes a filter as logFilter reads it.
func filterQuery(f radio.LogFilter) url.Values {
	q := url.Values{}
	for field, value := range map[string]string{
		"from": string(f.From), "to": string(f.To), "commune": string(f.Commune), "device": string(f.Device),
		"outcome": string(f.Outcome), "campaign": string(f.Campaign), "bulletin": string(f.Bulletin),
	} {
		if value != "" {
			q.Set(field, value)
		}
	}
	return q
}

// parseCursor reads a place in the log, as formatCursor writes it.
func parseCursor(text string) (radio.LogCursor, error) {
	if text == "" {
		return radio.LogCursor{}, nil
	}
	at, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || n < 0 || !radio.ValidID(id) {
		return radio.LogCursor{}, fmt.Errorf("%w: after=%.64q is not a place in the log", radio.ErrInvalid, text)
	}
	return radio.LogCursor{Start: radio.Millis(n), Airing: radio.AiringID(id)}, nil
}

func formatCursor(a radio.AsRun) string { return fmt.Sprintf("%d.%s", a.Start, a.Airing) }

func (s *Server) readLog(r *http.Request, q url.Values) (logPart, error) {
	var p logPart
	var err error
	if p.Filter, err = logFilter(q); err != nil {
		return p, err
	}
	after, err := parseCursor(q.Get("after"))
	if err != nil {
		return p, err
	}
	if p.Rows, err = s.Log.AsRuns(r.Context(), p.Filter, after, logRows+1); err != nil {
		return p, err
	}
	if len(p.Rows) > logRows {
		p.Rows = p.Rows[:logRows]
		next := filterQuery(p.Filter)
		next.Set("after", formatCursor(p.Rows[logRows-1]))
		p.Next = r.URL.Path + "?" + next.Encode()
	}
	p.Totals, err = s.totals(r, p.Filter)
	return p, err
}

type logData struct {
	logPart
	Communes []radio.Area
	Devices  []radio.Place // the choices of the filter
	Only     []string      // campaign and bulletin, which the form does not offer
	First    string        // address of the first page, "" when this is it
	Now      radio.Millis
}

// Outcomes are the choices of the filter.
func (d logData) Outcomes() []radio.Outcome { return radio.Outcomes() }

// Future says whether an airing's time is still to come.
func (d logData) Future(a radio.AsRun) bool {
	return a.Outcome == radio.PendingOutcome && a.Start > d.Now
}

// Overdue says whether an airing should have been heard of by now.
func (d logData) Overdue(a radio.AsRun) bool {
	return a.Outcome == radio.PendingOutcome && a.End().Add(overdueAfter) < d.Now
}

// logPage shows today when nothing is asked for: airings are frozen a day ahead, and
// tomorrow's would stand before everything that has happened.
func (s *Server) logPage(w http.ResponseWriter, r *http.Request) error {
	now, q := s.Now(), r.URL.Query()
	if len(q) == 0 {
		day := string(radio.DateOf(now.In(s.zone)))
		q = url.Values{"from": {day}, "to": {day}}
	}
	part, err := s.readLog(r, q)
	if err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	d := logData{logPart: part, Communes: communes(places), Devices: choices(places, part.Filter), Now: radio.At(now)}
	if q.Has("after") {
		d.First = r.URL.Path + "?" + filterQuery(part.Filter).Encode()
	}
	if part.Filter.Campaign != "" || part.Filter.Bulletin != "" {
		names, err := s.names(r)
		if err != nil {
			return err
		}
		for _, id := range []string{string(part.Filter.Campaign), string(part.Filter.Bulletin)} {
			if id != "" {
				d.Only = append(d.Only, names.of(id))
			}
		}
	}
	return s.show(w, r, http.StatusOK, "log.html", "Nhật ký phát sóng", d)
}

// choices are the devices a filter offers: those of its commune, all of them where
// they are few, and always the one it names.
func choices(places []radio.Place, f radio.LogFilter) []radio.Place {
	return slices.DeleteFunc(slices.Clone(places), func(p radio.Place) bool {
		few := f.Commune == "" && len(places) <= maxChoices
		return !few && p.Device.ID != f.Device && (f.Commune == "" || p.Commune().ID != f.Commune)
	})
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
	return s.show(w, r, http.StatusOK, "history.html", "Một lượt phát", historyData{row, words})
}
