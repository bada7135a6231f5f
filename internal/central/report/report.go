// Package report answers what was planned and what became of it, in plain structs: a
// page of the confirmation log, totals by outcome, the same by day and commune, and all
// that was ever said about one airing. It reads the rows reconcile keeps in store and
// hands them to web and to commands, which make pages and files of them.
package report

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Store reads the log.
type Store interface {
	AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error)
	LogCounts(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error)
	AsRunHistory(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.AsRun, []radio.Word, error)
}

const (
	// DefaultLimit and MaxLimit of the rows of a page.
	DefaultLimit = 50
	MaxLimit     = 1000
	// overdueAfter the planned end a pending airing is shown as overdue (design §3).
	overdueAfter = 10 * time.Minute
)

// Report is safe for concurrent use.
type Report struct {
	store Store
	now   func() time.Time
}

// New only stores.
func New(store Store, now func() time.Time) *Report { return &Report{store: store, now: now} }

// Row is a row of the log as people see it.
type Row struct {
	radio.AsRun
	// Planned: frozen by the centre. Other sound is counted apart.
	Planned bool `json:"planned"`
	// Overdue: still pending although word should have come.
	Overdue bool `json:"overdue,omitempty"`
}

// Page is part of the log, newest first.
type Page struct {
	Rows []Row `json:"rows"`
	// Next is the cursor of the following page; "" on the last one.
	Next string `json:"next,omitempty"`
}

// Totals counts airings. Every planned one has exactly one outcome or is pending, so
// the outcomes' sum is Planned.
type Totals struct {
	Planned  int64                   `json:"planned"`
	Outcomes map[radio.Outcome]int64 `json:"outcomes"`
	// Unplanned counts sound nobody planned: alerts, commands, local, and airings whose
	// plan this centre does not know.
	Unplanned int64 `json:"unplanned"`
}

// Of gives how many planned airings have the outcome.
func (t Totals) Of(o radio.Outcome) int64 { return t.Outcomes[o] }

func (t *Totals) add(c radio.LogCount) {
	if !c.Planned {
		t.Unplanned += c.Rows
		return
	}
	if t.Outcomes == nil {
		t.Outcomes = map[radio.Outcome]int64{}
	}
	t.Planned += c.Rows
	t.Outcomes[c.Outcome] += c.Rows
}

// Day is the totals of one commune on one local day.
type Day struct {
	Day         radio.Date   `json:"day"`
	Commune     radio.AreaID `json:"commune"`
	CommuneName string       `json:"commune_name"`
	Totals
}

// Log gives a page of at most limit rows (0 for the default) after the cursor ("" for
// the newest).
func (r *Report) Log(ctx context.Context, f radio.LogFilter, cursor string, limit int) (Page, error) {
	if err := check(f); err != nil {
		return Page{}, err
	}
	after, err := parseCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	switch {
	case limit <= 0:
		limit = DefaultLimit
	case limit > MaxLimit:
		limit = MaxLimit
	}
	rows, err := r.store.AsRuns(ctx, f, after, limit+1)
	if err != nil {
		return Page{}, err
	}
	page := Page{Rows: make([]Row, 0, len(rows))}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = formatCursor(radio.LogCursor{Start: last.Start, Airing: last.Airing})
	}
	for _, a := range rows {
		page.Rows = append(page.Rows, r.row(a))
	}
	return page, nil
}

func (r *Report) row(a radio.AsRun) Row {
	late := radio.At(r.now()) > a.End().Add(overdueAfter)
	return Row{AsRun: a, Planned: a.Planned(), Overdue: a.Outcome == radio.PendingOutcome && late}
}

// Totals counts what the filter lets through.
func (r *Report) Totals(ctx context.Context, f radio.LogFilter) (Totals, error) {
	var t Totals
	if err := check(f); err != nil {
		return t, err
	}
	counts, err := r.store.LogCounts(ctx, f)
	for _, c := range counts {
		t.add(c)
	}
	return t, err
}

// Days counts by local day and commune, in that order.
func (r *Report) Days(ctx context.Context, f radio.LogFilter) ([]Day, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	counts, err := r.store.LogCounts(ctx, f)
	if err != nil {
		return nil, err
	}
	var days []Day
	for _, c := range counts {
		if n := len(days); n == 0 || days[n-1].Day != c.Day || days[n-1].Commune != c.Commune {
			days = append(days, Day{Day: c.Day, Commune: c.Commune, CommuneName: c.CommuneName})
		}
		days[len(days)-1].add(c)
	}
	return days, nil
}

// History gives an airing's row and every word said about it, the first word first.
func (r *Report) History(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (Row, []radio.Word, error) {
	if !radio.ValidID(device) || !radio.ValidID(airing) {
		return Row{}, nil, fmt.Errorf("airing: %w", radio.ErrNotFound)
	}
	a, words, err := r.store.AsRunHistory(ctx, device, airing)
	if err != nil {
		return Row{}, nil, err
	}
	return r.row(a), words, nil
}

// check refuses what people can mistype; ids that do not exist simply find nothing.
func check(f radio.LogFilter) error {
	var e radio.Invalid
	for field, d := range map[string]radio.Date{"from": f.From, "to": f.To} {
		if _, err := radio.ParseDate(string(d)); d != "" && err != nil {
			e.Add(field, "ngày phải có dạng NĂM-THÁNG-NGÀY", "want a date YYYY-MM-DD")
		}
	}
	if f.From != "" && f.To != "" && f.From > f.To {
		e.Add("to", "ngày cuối đứng trước ngày đầu", "the last day is before the first")
	}
	if f.Outcome != "" && !f.Outcome.Valid() {
		e.Add("outcome", "không có kết quả này", "no such outcome")
	}
	for field, id := range map[string]string{"commune": string(f.Commune), "device": string(f.Device),
		"campaign": string(f.Campaign), "bulletin": string(f.Bulletin)} {
		if id != "" && !radio.ValidID(id) {
			e.Add(field, "mã định danh không đúng", "not an id")
		}
	}
	return e.Err()
}

// A cursor is the last row's start and airing, kept opaque so that nobody builds one.
func formatCursor(c radio.LogCursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(c.Start), 10) + " " + string(c.Airing)))
}

func parseCursor(s string) (radio.LogCursor, error) {
	if s == "" {
		return radio.LogCursor{}, nil
	}
	bad := fmt.Errorf("%w: cursor of the log", radio.ErrInvalid)
	if len(s) > 100 {
		return radio.LogCursor{}, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return radio.LogCursor{}, bad
	}
	start, airing, ok := strings.Cut(string(b), " ")
	at, err := strconv.ParseInt(start, 10, 64)
	if !ok || err != nil || !radio.ValidID(airing) {
		return radio.LogCursor{}, bad
	}
	return radio.LogCursor{Start: radio.Millis(at), Airing: radio.AiringID(airing)}, nil
}
