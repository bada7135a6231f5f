package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"loaxa/internal/radio"
)

// communesAPage bounds the rows of a day: the page must stay small.
const communesAPage = 30

// daysData is one day of the log, communes against slots.
type daysData struct {
	radio.LogMatrix
	Shown          []radio.LogMatrixRow
	Pager          pager
	Previous, Next radio.Date
	Campaign       radio.CampaignID
	CampaignName   string
	Today          radio.Date
	After          localTime // now
	// KnownAt is the instant as of which the day is shown; 0 is now.
	KnownAt radio.Millis
}

// Mark tells at a glance, without colour, what became of a cell; soon are those of its
// airings that are not due yet. What people called off is no failure.
func (d daysData) Mark(t radio.LogTotals, soon int64) dayMark {
	aired, off := t.Outcomes[radio.Aired], t.Outcomes[radio.Cancelled]+t.Outcomes[radio.Declined]
	open := t.Outcomes[radio.PendingOutcome]
	switch {
	case t.Planned == 0:
		return dayMark{}
	case off == t.Planned:
		return dayMark{"off", "⊘"}
	case aired+off == t.Planned:
		return dayMark{"full", "✓"}
	case open > 0 && open == soon && open+off == t.Planned:
		return dayMark{"soon", "◷"}
	case open+off == t.Planned:
		return dayMark{"wait", "…"}
	case aired+open+off == t.Planned:
		return dayMark{"wait", "◔"}
	case aired == 0:
		return dayMark{"none", "✗"}
	}
	return dayMark{"part", "◐"}
}

// dayMark is how a cell is shown: a class for its colour and a sign for who sees none.
type dayMark struct{ Class, Sign string }

// Link leads to the log of a cell, a row or a column.
func (d daysData) Link(commune radio.AreaID, slot string) string {
	day := string(d.Day)
	q := filterQuery(radio.LogFilter{From: radio.Date(day), To: radio.Date(day), Commune: commune, Slot: slot, Campaign: d.Campaign, KnownAt: d.KnownAt})
	return "/log?" + q.Encode()
}

// dayCell is one cell of the table, with its way into the log.
type dayCell struct {
	Slot   string // "" for the whole day
	Link   string
	Totals radio.LogTotals
	Mark   dayMark
}

// Cell makes a cell; commune or slot "" is a sum over them.
func (d daysData) Cell(commune radio.AreaID, slot string, t radio.LogTotals, soon int64) dayCell {
	return dayCell{slot, d.Link(commune, slot), t, d.Mark(t, soon)}
}

// Soon counts what is not due yet in the cells of a row, which are in the order of Slots:
// in one of them, or in all (-1).
func (d daysData) Soon(cells []radio.LogTotals, only int) (n int64) {
	for i, t := range cells {
		if (only < 0 || i == only) && d.After.ahead(d.Day, d.Slots[i]) {
			n += t.Pending()
		}
	}
	return n
}

// Due is how many of a line of the sums are due.
func (d daysData) Due(o radio.Outcome, n int64) int64 { return dueOf(o, n, d.Soon(d.Sums, -1)) }

// Ahead says whether the day is still to come: what is planned for it enters the log a
// day before it airs.
func (d daysData) Ahead() bool { return d.Day > d.Today }

func dueOf(o radio.Outcome, n, soon int64) int64 {
	if o == radio.PendingOutcome {
		return n - soon
	}
	return n
}

// localTime is a local day and the time of that day.
type localTime struct {
	day radio.Date
	at  radio.TimeOfDay
}

func (s *Server) localNow() localTime {
	t := s.Now().In(s.zone)
	return localTime{radio.DateOf(t), radio.TimeOfDay(t.Hour()*60 + t.Minute())}
}

// ahead says whether a slot is later.
func (l localTime) ahead(day radio.Date, slot radio.TimeOfDay) bool {
	return day > l.day || day == l.day && slot > l.at
}

// soon counts what a filter lets through and is not due yet: what stands in the log of
// the days to come, and of today in slots still to come.
func (s *Server) soon(r *http.Request, f radio.LogFilter, t radio.LogTotals) (n int64, err error) {
	local := s.localNow()
	if t.Pending() == 0 || f.To != "" && f.To < local.day {
		return 0, nil
	}
	if f.To == "" || f.To > local.day {
		later := f
		later.From = max(f.From, nextDay(local.day, 1))
		sums, err := s.Log.Totals(r.Context(), later)
		if err != nil {
			return 0, err
		}
		n = sums.Pending()
	}
	if f.From > local.day {
		return n, nil
	}
	m, err := s.Log.Matrix(r.Context(), local.day, f)
	if err != nil {
		return 0, err
	}
	for i, slot := range m.Slots {
		if local.ahead(local.day, slot) {
			n += m.Sums[i].Pending()
		}
	}
	return n, nil
}

// Other leads to another day.
func (d daysData) Other(day radio.Date) string {
	q := url.Values{"day": {string(day)}}
	if d.Campaign != "" {
		q.Set("campaign", string(d.Campaign))
	}
	if d.KnownAt > 0 {
		q.Set("known_at", knownText(d.KnownAt))
	}
	return "/log/days?" + q.Encode()
}

// matrix reads the day that an address asks for; today without one.
func (s *Server) matrix(r *http.Request, keys ...string) (radio.LogMatrix, radio.LogFilter, error) {
	q, err := strictQuery(r, append(keys, "day", "campaign", "known_at")...)
	if err != nil {
		return radio.LogMatrix{}, radio.LogFilter{}, err
	}
	day, campaign := radio.Date(q.Get("day")), radio.CampaignID(q.Get("campaign"))
	if day == "" {
		day = s.today()
	}
	var e radio.Invalid
	if _, err := radio.ParseDate(string(day)); err != nil {
		e.Add("day", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		return radio.LogMatrix{}, radio.LogFilter{}, e.Err()
	}
	s.instants(q)
	f, err := s.seen(r, radio.LogFilter{Campaign: campaign, KnownAt: knownAt(q.Get("known_at"))})
	if err != nil {
		return radio.LogMatrix{}, f, err
	}
	m, err := s.Log.Matrix(r.Context(), day, f)
	return m, f, err
}

func (s *Server) daysPage(w http.ResponseWriter, r *http.Request) error {
	m, f, err := s.matrix(r, "page")
	if err != nil {
		return err
	}
	campaign := f.Campaign
	d := daysData{LogMatrix: m, Campaign: campaign, KnownAt: f.KnownAt, Today: s.today(), After: s.localNow(), Previous: nextDay(m.Day, -1), Next: nextDay(m.Day, 1)}
	d.Shown, d.Pager = part(r, m.Rows, communesAPage)
	if campaign != "" {
		names, err := s.names(r)
		if err != nil {
			return err
		}
		d.CampaignName = names.of(string(campaign))
	}
	return s.show(w, r, http.StatusOK, "logdays.html", "Nhật ký theo ngày", d)
}

func nextDay(d radio.Date, n int) radio.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return radio.DateOf(t.AddDate(0, 0, n))
}

func (s *Server) apiDays(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.matrix(r)
	if err != nil {
		return err
	}
	m.Slots, m.Sums, m.Rows = list(m.Slots), list(m.Sums), list(m.Rows)
	for i := range m.Rows {
		m.Rows[i].Cells = list(m.Rows[i].Cells)
	}
	return writeJSON(w, http.StatusOK, m)
}

func (s *Server) apiTotals(w http.ResponseWriter, r *http.Request) error {
	var keys []string
	for _, k := range logKeys {
		if k != "after" {
			keys = append(keys, k)
		}
	}
	q, err := strictQuery(r, keys...)
	if err != nil {
		return err
	}
	s.instants(q)
	f, err := s.seen(r, logFilter(q))
	if err != nil {
		return err
	}
	t, err := s.Log.Totals(r.Context(), f)
	if err != nil {
		return fmt.Errorf("totals of the log: %w", err)
	}
	return writeJSON(w, http.StatusOK, t)
}
