package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Log compares planned with aired (report). communes are those the reader may see; nil
// is all of them.
type Log interface {
	Log(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) (radio.LogPage, error)
	Totals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error)
	Choices(ctx context.Context, day radio.Date, communes []radio.AreaID) (radio.LogChoices, error)
	Matrix(ctx context.Context, day radio.Date, f radio.LogFilter) (radio.LogMatrix, error)
	Bulletin(ctx context.Context, id radio.BulletinID, from, to radio.Date, communes []radio.AreaID) (radio.BulletinReport, error)
	// TotalsUntil and CampaignProgress tell what is still to come apart.
	TotalsUntil(ctx context.Context, f radio.LogFilter, now radio.LogNow) (radio.LogTotals, error)
	CampaignProgress(ctx context.Context, campaign radio.CampaignID, communes []radio.AreaID, now radio.LogNow) (radio.CampaignProgress, error)
	History(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.LogRow, []radio.Word, error)
	Proofs(ctx context.Context, device radio.DeviceID, words []radio.Word) ([]radio.LogProof, error)
}

const (
	// logRows is how many rows of the log one page shows.
	logRows = 60
	// mostRows is how many a program may ask for at once.
	mostRows = 1000
	// maxChoices is how many devices, and how many bulletins, the filter offers; more
	// devices are offered by commune, more bulletins by the bulletins' own pages.
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
var logKeys = []string{"from", "to", "commune", "device", "slot", "outcome", "campaign", "bulletin", "priority", "origin", "known_at", "after"}

// maxProblems bounds how many wrong keys one answer names.
const maxProblems = 10

// strictQuery reads the query of an address. A filter that is not understood must not
// be left out in silence: the answer would be of more than what was asked for. A program
// and a file are refused; a page says on top what it left out (links are passed on with
// marks of mailers and messengers).
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
		case !slices.Contains(keys, key) && leaveOut(r, clip(key, 64)):
			delete(q, key)
		case !slices.Contains(keys, key):
			e.Add(clip(key, 64), "không có bộ lọc này", "no such parameter")
		case len(q[key]) > 1:
			e.Add(key, "chỉ được ghi một lần", "given more than once")
		case key == "page" && !pageNumber(q.Get(key)):
			e.Add(key, "số trang phải là số nguyên từ 1", "the page is a whole number from 1")
		}
	}
	return q, e.Err()
}

// logFilter reads the filter in an address; report says what is wrong with it.
func logFilter(q url.Values) radio.LogFilter {
	return radio.LogFilter{
		From: radio.Date(q.Get("from")), To: radio.Date(q.Get("to")), Slot: q.Get("slot"),
		Commune: radio.AreaID(q.Get("commune")), Device: radio.DeviceID(q.Get("device")), Outcome: radio.Outcome(q.Get("outcome")),
		Campaign: radio.CampaignID(q.Get("campaign")), Bulletin: radio.BulletinID(q.Get("bulletin")),
		Priority: radio.Priority(q.Get("priority")), Origin: radio.Origin(q.Get("origin")), KnownAt: knownAt(q.Get("known_at")),
	}
}

// knownAt reads an instant as filterQuery writes it; −1 is none that can be read.
func knownAt(text string) radio.Millis {
	if text == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.UnixMilli() <= 0 {
		return -1
	}
	return radio.At(t)
}

// instants gives an instant that a page's field has sent, which knows no zone, the
// province's.
func (s *Server) instants(q url.Values) {
	if t, err := time.ParseInLocation("2006-01-02T15:04", q.Get("known_at"), s.zone); err == nil {
		q.Set("known_at", t.UTC().Format(time.RFC3339))
	}
}

// filterQuery writes a filter as logFilter reads it. What the reader may see is no part
// of an address.
func filterQuery(f radio.LogFilter) url.Values {
	q := url.Values{}
	for field, value := range map[string]string{
		"from": string(f.From), "to": string(f.To), "slot": f.Slot, "commune": string(f.Commune), "device": string(f.Device),
		"outcome": string(f.Outcome), "campaign": string(f.Campaign), "bulletin": string(f.Bulletin),
		"priority": string(f.Priority), "origin": string(f.Origin), "known_at": knownText(f.KnownAt),
	} {
		if value != "" {
			q.Set(field, value)
		}
	}
	return q
}

func knownText(at radio.Millis) string {
	if at <= 0 {
		return ""
	}
	return at.Time().UTC().Format("2006-01-02T15:04:05.999Z07:00")
}

// seen narrows a filter to what the reader may see.
func (s *Server) seen(r *http.Request, f radio.LogFilter) (radio.LogFilter, error) {
	var err error
	f.Communes, err = s.communesOf(r, radio.ReadLog)
	return f, err
}

func (s *Server) readLog(r *http.Request, q url.Values) (logPart, error) {
	s.instants(q)
	filter, err := s.seen(r, logFilter(q))
	p := logPart{Filter: filter}
	if err != nil {
		return p, err
	}
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
	Former   []formerCommune // what the commune asked for was, or is, by another name
	Devices  []radio.Place   // the choices of the filter
	Slots    []string
	Named    []logChoice // campaigns and bulletins, each after the other
	First    string      // address of the first page, "" when this is it
	CSV      string      // addresses of the files
	XLSX     string
	Days     string // address of the day's matrix
	// Soon of the airings are not due yet; Ahead: all days asked for are still to come.
	Soon  int64
	Ahead bool
	zone  *time.Location
}

// Due is how many of a line of the sums are due.
func (d logData) Due(o radio.Outcome, n int64) int64 { return dueOf(o, n, d.Soon) }

// logChoice is a campaign or a bulletin a filter offers.
type logChoice struct {
	Kind, ID, Name string
	Chosen         bool
}

// Known is the instant in the form of the filter's field.
func (d logData) Known() string {
	if d.Filter.KnownAt <= 0 {
		return ""
	}
	return formatAt(d.Filter.KnownAt, d.zone, "2006-01-02T15:04")
}

// Outcomes are the choices of the filter.
func (d logData) Outcomes() []radio.Outcome {
	return append(radio.Outcomes(), radio.NotAired, radio.Lacking, radio.Unplanned)
}

// Priorities are the choices of the filter.
func (d logData) Priorities() []radio.Priority {
	return []radio.Priority{radio.Normal, radio.Prior, radio.Emergency}
}

// Origins are the choices of the filter.
func (d logData) Origins() []radio.Origin { return radio.Origins() }

// logPage shows today when nothing is asked for: airings are frozen a day ahead, and
// tomorrow's would stand before everything that has happened.
func (s *Server) logPage(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, logKeys...)
	if err != nil {
		return err
	}
	if len(q) == 0 {
		day := string(s.today())
		q = url.Values{"from": {day}, "to": {day}}
	}
	part, err := s.readLog(r, q)
	if err != nil {
		return err
	}
	d := logData{logPart: part, Ahead: part.Filter.From > s.today(), zone: s.zone}
	if d.Soon, err = s.soon(r, part.Filter, part.Totals); err != nil {
		return err
	}
	if err := s.offer(r, &d); err != nil {
		return err
	}
	query := filterQuery(part.Filter).Encode()
	d.CSV, d.XLSX = "/log.csv?"+query, "/log.xlsx?"+query
	d.Days = "/log/days?day=" + string(cmp.Or(part.Filter.To, part.Filter.From, s.today()))
	if at := knownText(part.Filter.KnownAt); at != "" {
		d.Days += "&known_at=" + url.QueryEscape(at)
	}
	if q.Has("after") {
		d.First = r.URL.Path + "?" + query
	}
	return s.show(w, r, http.StatusOK, "log.html", "Nhật ký phát sóng", d)
}

// offer fills in what the filter's form offers: places of the reader, and what stands in
// the log on the last day asked for.
func (s *Server) offer(r *http.Request, d *logData) error {
	f := d.Filter
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	places = slices.DeleteFunc(places, func(p radio.Place) bool { return !f.Allows(p.Commune().ID) })
	d.Communes, d.Devices = communes(places), choices(places, f)
	if err := s.formerCommunes(r, d); err != nil {
		return err
	}
	all, err := s.Log.Choices(r.Context(), cmp.Or(f.To, f.From, s.today()), f.Communes)
	if err != nil {
		return err
	}
	for _, t := range all.Slots {
		d.Slots = append(d.Slots, t.String())
	}
	if f.Slot != "" && !slices.Contains(d.Slots, f.Slot) {
		d.Slots = append(d.Slots, f.Slot)
	}
	names, err := s.logNames(r, f)
	if err != nil {
		return err
	}
	if f.Bulletin != "" {
		title, err := s.titleInLog(r, f)
		if err != nil {
			return err
		}
		names[string(f.Bulletin)] = title
	}
	d.Named = append(named("campaign", all.Campaigns, f.Campaign, names), named("bulletin", all.Bulletins, f.Bulletin, names)...)
	return nil
}

// named are the choices of one kind, by name, with the chosen one among them.
func named[T ~string](kind string, ids []T, chosen T, names names) []logChoice {
	if len(ids) > maxChoices {
		ids = ids[:maxChoices]
	}
	if chosen != "" && !slices.Contains(ids, chosen) {
		ids = append(slices.Clone(ids), chosen)
	}
	out := make([]logChoice, len(ids))
	for i, id := range ids {
		out[i] = logChoice{kind, string(id), clip(names.of(string(id)), 80), id == chosen}
	}
	alphabet.Sort(out, func(c logChoice) string { return c.Name })
	return out
}

// choices are the devices a filter offers: those of its commune, all of them where
// they are few, and always the one it names.
func choices(places []radio.Place, f radio.LogFilter) []radio.Place {
	return slices.DeleteFunc(placesByName(places), func(p radio.Place) bool {
		few := f.Commune == "" && len(places) <= maxChoices
		return !few && p.Device.ID != f.Device && (f.Commune == "" || !p.Within(radio.Target{Area: f.Commune}))
	})
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
	days, dates := []string{"day", "campaign", "known_at"}, []string{"from", "to"}
	filter := slices.DeleteFunc(slices.Clone(logKeys), func(k string) bool { return k == "after" })
	return []route{
		{pattern: "GET /log", as: page, do: s.logPage, may: radio.ReadLog},
		{pattern: "GET /log/days", as: page, do: s.daysPage, may: radio.ReadLog},
		{pattern: "GET /log/bulletin/{id}", as: page, do: s.logBulletin, may: radio.ReadLog},
		{pattern: "GET /log/{device}/{airing}", as: page, do: s.logHistory, may: radio.ReadLog, of: s.ofAiring},
		{pattern: "GET /log.csv", as: page, do: s.logCSV, may: radio.ReadLog},
		{pattern: "GET /log.xlsx", as: page, do: s.logXLSX, may: radio.ReadLog},
		{pattern: "GET /api/v1/log", as: api, do: s.apiLog, may: radio.ReadLog, doc: doc{Summary: "Planned against aired, newest first", Out: logAnswer{}, Query: append([]string{"limit"}, logKeys...)}},
		{pattern: "GET /api/v1/log/totals", as: api, do: s.apiTotals, may: radio.ReadLog, doc: doc{Summary: "How many airings were planned, and what became of them", Out: radio.LogTotals{}, Query: filter}},
		{pattern: "GET /api/v1/log/days", as: api, do: s.apiDays, may: radio.ReadLog, doc: doc{Summary: "One day: communes against the times of slots", Out: radio.LogMatrix{}, Query: days}},
		{pattern: "GET /api/v1/log/bulletin/{id}", as: api, do: s.apiLogBulletin, may: radio.ReadLog, doc: doc{Summary: "What became of one bulletin, and where it is missing", Out: radio.BulletinReport{}, Query: dates}},
		{pattern: "GET /api/v1/log/{device}/{airing}", as: api, do: s.apiHistory, may: radio.ReadLog, of: s.ofAiring, doc: doc{Summary: "One airing with all that was said about it", Out: historyAnswer{}}},
		{pattern: "GET /api/v1/log.csv", as: api, do: s.logCSV, may: radio.ReadLog, doc: doc{Summary: "The log as CSV", Kind: csvType, Query: filter}},
		{pattern: "GET /api/v1/log.xlsx", as: api, do: s.logXLSX, may: radio.ReadLog, doc: doc{Summary: "The log as an Excel workbook", Kind: xlsxType, Query: filter}},
	}
}
