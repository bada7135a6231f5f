package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Months closes months of the log and tells what was said about them since.
type Months interface {
	// LogMonths lists the local months the log has rows of, the newest first.
	LogMonths(ctx context.Context) ([]radio.LogMonth, error)
	CloseMonth(ctx context.Context, month string, by radio.Person) (radio.ClosedMonth, error)
	// Amendments gives the latest first; communes nil is all of them.
	Amendments(ctx context.Context, month string, communes []radio.AreaID, before radio.Millis, limit int) ([]radio.Amendment, error)
}

// Evidence is what somebody who trusts nobody here can check the log with.
type Evidence interface {
	// Checkpoints gives the newest first.
	Checkpoints(ctx context.Context, limit int) ([]radio.KeptCheckpoint, error)
	// RootPrint is the thumbprint of the province's first root key.
	RootPrint() string
	Bundle(ctx context.Context, file EvidenceFile, begin func() (io.Writer, error)) error
}

// EvidenceFile is which part of the log a bundle holds.
type EvidenceFile struct {
	From, To radio.Date
	Device   radio.DeviceID
	Communes []radio.AreaID // nil is all of them
	Owner    radio.UserID   // one file at a time for each
}

const (
	// amendmentsShown and checkpointsShown bound one page.
	amendmentsShown  = 100
	checkpointsShown = 31
)

// MonthPart is a month of the log with its snapshot as the reader may see it.
type MonthPart struct {
	radio.LogMonth
	// Totals are of the snapshot, or of what is known until now, in the reader's communes.
	Totals radio.LogTotals `json:"totals"`
	// Amended is what was said since the month was closed, the latest first.
	Amended []radio.Amendment `json:"amendments"`
	// Log is the address of the log as it was known when the month was closed.
	Log string `json:"log"`
}

func (s *Server) months(r *http.Request) ([]radio.LogMonth, error) {
	list, err := s.Months.LogMonths(r.Context())
	if err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ReadLog)
	if err != nil || communes == nil {
		return list, err
	}
	// The snapshot's sums are the province's; who reads a part finds theirs on the month's page.
	for i, m := range list {
		if m.Closed != nil {
			c := *m.Closed
			c.Planned, c.Unplanned, c.Rows, c.Amendments = map[radio.Outcome]int64{}, 0, 0, 0
			list[i].Closed = &c
		}
	}
	return list, nil
}

type monthsData struct {
	Months []radio.LogMonth
	May    bool // close
	Root   string
	Marks  []radio.KeptCheckpoint
}

func (s *Server) monthsPage(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	d := monthsData{Root: s.Evidence.RootPrint()}
	var err error
	if d.Months, err = s.months(r); err != nil {
		return err
	}
	if d.Marks, err = s.Evidence.Checkpoints(r.Context(), checkpointsShown); err != nil {
		return err
	}
	chain, err := s.provinceChain(r)
	if err != nil {
		return err
	}
	d.May = who(r).May(radio.CloseLog, chain...)
	return s.show(w, r, http.StatusOK, "months.html", "Tháng đã chốt", d)
}

type monthsAnswer struct {
	Months []radio.LogMonth `json:"months"`
}

func (s *Server) apiMonths(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	all, err := s.months(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, monthsAnswer{list(all)})
}

// month reads one month for the reader.
func (s *Server) month(r *http.Request) (MonthPart, error) {
	var p MonthPart
	if _, err := strictQuery(r); err != nil {
		return p, err
	}
	all, err := s.months(r)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(all, func(m radio.LogMonth) bool { return m.Month == r.PathValue("month") })
	if i < 0 {
		return p, notFound("month")
	}
	p.LogMonth = all[i]
	f := radio.LogFilter{From: p.First(), To: p.Last()}
	if p.Closed != nil {
		f.KnownAt = p.Closed.ClosedAt
	}
	p.Log = "/log?" + filterQuery(f).Encode()
	if f, err = s.seen(r, f); err != nil {
		return p, err
	}
	if p.Closed != nil && f.Communes == nil {
		p.Totals = radio.LogTotals{Outcomes: p.Closed.Planned, Unplanned: p.Closed.Unplanned}
		for _, n := range p.Closed.Planned {
			p.Totals.Planned += n
		}
	} else if p.Totals, err = s.Log.Totals(r.Context(), f); err != nil {
		return p, err
	}
	if p.Closed != nil {
		p.Amended, err = s.Months.Amendments(r.Context(), p.Month, f.Communes, 0, amendmentsShown)
	}
	return p, err
}

type monthData struct {
	MonthPart
	May bool // close
}

func (s *Server) monthPage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.month(r)
	if err != nil {
		return err
	}
	chain, err := s.provinceChain(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "month.html", "Tháng của nhật ký", monthData{p, p.Closed == nil && p.Ended && who(r).May(radio.CloseLog, chain...)})
}

func (s *Server) apiMonth(w http.ResponseWriter, r *http.Request) error {
	p, err := s.month(r)
	if err != nil {
		return err
	}
	p.Amended = list(p.Amended)
	return writeJSON(w, http.StatusOK, p)
}

func (s *Server) closeMonth(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Months.CloseMonth(r.Context(), r.PathValue("month"), who(r))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/log/months/"+m.Month, http.StatusSeeOther)
	return nil
}

func (s *Server) apiCloseMonth(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Months.CloseMonth(r.Context(), r.PathValue("month"), who(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, m)
}

// CheckpointAnswer is a checkpoint for whoever keeps it on paper.
type CheckpointAnswer struct {
	Number   uint64       `json:"number"`
	At       radio.Millis `json:"at"`
	Journals int          `json:"journals"`
	Digest   string       `json:"digest"`
}

type checkpointsAnswer struct {
	Root        string             `json:"root"`
	Checkpoints []CheckpointAnswer `json:"checkpoints"`
}

func (s *Server) apiCheckpoints(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	marks, err := s.Evidence.Checkpoints(r.Context(), checkpointsShown)
	if err != nil {
		return err
	}
	out := checkpointsAnswer{Root: s.Evidence.RootPrint(), Checkpoints: []CheckpointAnswer{}}
	for _, m := range marks {
		out.Checkpoints = append(out.Checkpoints, CheckpointAnswer{m.Number, m.At, m.Size, fmt.Sprintf("%x", m.Digest)})
	}
	return writeJSON(w, http.StatusOK, out)
}

var bundleKeys = []string{"from", "to", "device"}

const bundleType = "application/gzip"

// logBundle sends what somebody checks elsewhere: the raw records of the reader's devices
// with all signatures.
func (s *Server) logBundle(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(exact(r), bundleKeys...)
	if err != nil {
		return err
	}
	f, err := s.seen(r, logFilter(q))
	if err == nil {
		err = f.Check()
	}
	if err != nil {
		return err
	}
	file := EvidenceFile{From: f.From, To: f.To, Device: f.Device, Communes: f.Communes, Owner: who(r).ID}
	name := s.say(r, "Bằng chứng nhật ký") + days(f) + ".jsonl.gz"
	return s.download(w, bundleType, func(time.Time) string { return name }, func(begin func(time.Time) (io.Writer, error)) error {
		return s.Evidence.Bundle(r.Context(), file, func() (io.Writer, error) { return begin(s.Now()) })
	})
}

func days(f radio.LogFilter) string {
	switch {
	case f.From != "" && f.From == f.To:
		return " " + string(f.From)
	case f.From != "" || f.To != "":
		return " " + string(f.From) + "–" + string(f.To)
	}
	return ""
}

// monthName is a month as people write it: 12/2026.
func monthName(month string) string {
	year, m, ok := strings.Cut(month, "-")
	if !ok {
		return month
	}
	return m + "/" + year
}

// Name is the month as people write it.
func (p MonthPart) Name() string { return monthName(p.Month) }

// Names are those of the list.
func (monthsData) Name(m radio.LogMonth) string { return monthName(m.Month) }

// Hex writes a digest.
func (monthsData) Hex(d [32]byte) string { return fmt.Sprintf("%x", d) }

// monthRoutes are closed months, and what the log is checked with.
func (s *Server) monthRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /log/months", as: page, do: s.monthsPage, may: radio.ReadLog},
		{pattern: "GET /log/months/{month}", as: page, do: s.monthPage, may: radio.ReadLog},
		{pattern: "POST /log/months/{month}/closed", as: page, do: s.closeMonth, may: radio.CloseLog, of: s.provinceChain, person: true},
		{pattern: "GET /log/evidence", as: page, do: s.logBundle, may: radio.ReadLog},
		{pattern: "GET /api/v1/log/months", as: api, do: s.apiMonths, may: radio.ReadLog, doc: doc{Summary: "Months of the log, and which of them are closed", Out: monthsAnswer{}}},
		{pattern: "GET /api/v1/log/months/{month}", as: api, do: s.apiMonth, may: radio.ReadLog, doc: doc{Summary: "One month: its snapshot, and what was said since", Out: MonthPart{}}},
		{pattern: "PUT /api/v1/log/months/{month}/closed", as: api, do: s.apiCloseMonth, may: radio.CloseLog, of: s.provinceChain, person: true, doc: doc{Summary: "Close a month that has ended", Out: radio.ClosedMonth{}}},
		{pattern: "GET /api/v1/log/checkpoints", as: api, do: s.apiCheckpoints, may: radio.ReadLog, doc: doc{Summary: "The newest checkpoints over all journals, to be kept elsewhere", Out: checkpointsAnswer{}}},
		{pattern: "GET /api/v1/log/evidence", as: api, do: s.logBundle, may: radio.ReadLog, doc: doc{Summary: "What `loaxa verify --bundle` checks: raw records and signatures", Kind: bundleType, Query: bundleKeys}},
	}
}
