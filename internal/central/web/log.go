package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

const (
	// logRows is how many rows of the log one page shows.
	logRows = 60
	// mostRows is how many a program may ask for at once.
	mostRows = 1000
	// maxChoices is how many devices the filter offers; more are offered by commune.
	maxChoices = 60
)

// logPart is a page of the log with the sums of all that the filter lets through.
type logPart struct {
	Filter radio.LogFilter
	Rows   []radio.LogRow
	Totals radio.LogTotals
	Next   string // address of the next page, "" at the end
}

// logKeys are what the address of a page of the log may hold.
var logKeys = []string{"from", "to", "commune", "device", "outcome", "campaign", "bulletin", "after"}

// maxProblems bounds how many wrong keys one answer names.
const maxProblems = 10

// strictQuery reads the query of an address. A filter that is not understood must not
// be left out: the answer would be of more than what was asked for.
func strictQuery(r *http.Request, keys ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, told{fmt.Errorf("%w: the query of the address: %w", radio.ErrInvalid, err), "Phần sau dấu ? của địa chỉ không đọc được."}
	}
	given := make([]string, 0, len(q))
	for key := range q {
		given = append(given, key)
	}
	slices.Sort(given)
	var e radio.Invalid
	for _, key := range given {
		switch {
		case len(e.Problems) == maxProblems:
			return nil, e.Err()
		case !slices.Contains(keys, key):
			e.Add(clip(key, 64), "không có bộ lọc này", "no such parameter")
		case len(q[key]) > 1:
			e.Add(key, "chỉ được ghi một lần", "given more than once")
		}
	}
	return q, e.Err()
}

// logFilter reads the filter in an address; report says what is wrong with it.
func logFilter(q url.Values) radio.LogFilter {
	return radio.LogFilter{
		From: radio.Date(q.Get("from")), To: radio.Date(q.Get("to")),
		Commune: radio.AreaID(q.Get("commune")), Device: radio.DeviceID(q.Get("device")), Outcome: radio.Outcome(q.Get("outcome")),
		Campaign: radio.CampaignID(q.Get("campaign")), Bulletin: radio.BulletinID(q.Get("bulletin")),
	}
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

func (s *Server) readLog(r *http.Request, q url.Values) (logPart, error) {
	p := logPart{Filter: logFilter(q)}
	var e radio.Invalid
	after, err := radio.ParseLogCursor(q.Get("after"))
	if err != nil {
		e.Add("after", "không phải một chỗ trong nhật ký", "not a place in the log")
	}
	limit := logRows
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > mostRows {
			most := strconv.Itoa(mostRows)
			e.Add("limit", "số dòng từ 1 đến "+most, "want 1 to "+most+" rows")
		}
	}
	if err := e.Err(); err != nil {
		return p, err
	}
	page, err := s.Log.Log(r.Context(), p.Filter, after, limit)
	if err != nil {
		return p, err
	}
	p.Rows = page.Rows
	if page.Next != (radio.LogCursor{}) {
		next := filterQuery(p.Filter)
		next.Set("after", page.Next.String())
		if q.Has("limit") {
			next.Set("limit", strconv.Itoa(limit))
		}
		p.Next = r.URL.Path + "?" + next.Encode()
	}
	p.Totals, err = s.Log.Totals(r.Context(), p.Filter)
	return p, err
}

type logData struct {
	logPart
	Communes []radio.Area
	Devices  []radio.Place // the choices of the filter
	Only     []string      // campaign and bulletin, which the form does not offer
	First    string        // address of the first page, "" when this is it
}

// Outcomes are the choices of the filter.
func (d logData) Outcomes() []radio.Outcome { return radio.Outcomes() }

// logPage shows today when nothing is asked for: airings are frozen a day ahead, and
// tomorrow's would stand before everything that has happened.
func (s *Server) logPage(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, logKeys...)
	if err != nil {
		return err
	}
	if len(q) == 0 {
		day := string(radio.DateOf(s.Now().In(s.zone)))
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
	d := logData{logPart: part, Communes: communes(places), Devices: choices(places, part.Filter)}
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
	Row   radio.LogRow
	Words []radio.Word
}

func (s *Server) history(r *http.Request) (radio.LogRow, []radio.Word, error) {
	return s.Log.History(r.Context(), radio.DeviceID(r.PathValue("device")), radio.AiringID(r.PathValue("airing")))
}

func (s *Server) logHistory(w http.ResponseWriter, r *http.Request) error {
	row, words, err := s.history(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "history.html", "Một lượt phát", historyData{row, words})
}

// ofAiring is the place of the device an airing in the address belongs to.
func (s *Server) ofAiring(r *http.Request) ([]radio.AreaID, error) {
	row, _, err := s.history(r)
	if err != nil {
		return nil, err
	}
	return []radio.AreaID{row.Province, row.Commune, row.Hamlet}, nil
}

// logRoutes are the confirmation log.
func (s *Server) logRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /log", as: page, do: s.logPage, may: radio.ReadLog},
		{pattern: "GET /log/{device}/{airing}", as: page, do: s.logHistory, may: radio.ReadLog, of: s.ofAiring},
		{pattern: "GET /api/v1/log", as: api, do: s.apiLog, may: radio.ReadLog, doc: doc{Summary: "Planned against aired, newest first", Out: logAnswer{}, Query: append([]string{"limit"}, logKeys...)}},
		{pattern: "GET /api/v1/log/{device}/{airing}", as: api, do: s.apiHistory, may: radio.ReadLog, of: s.ofAiring, doc: doc{Summary: "One airing with all that was said about it", Out: historyAnswer{}}},
	}
}
