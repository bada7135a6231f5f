package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

const (
	// shownLines bounds the troubles on the first page, shownComing its coming airings.
	shownLines  = 12
	shownComing = 8
	// comingWithin is how far ahead the first page looks.
	comingWithin = 24 * time.Hour
)

// overviewData is what the first page tells a person: what is wrong, what waits for
// them, today's sums, and what sounds next.
type overviewData struct {
	Totals  []deviceTotal
	Lines   []faultLine
	Hidden  int // lines beyond shownLines
	Waiting []waitingLine
	MayLog  bool
	Day     radio.Date
	Today   radio.LogTotals
	Coming  []comingLine
}

// waitingLine is work for the reader.
type waitingLine struct {
	What  string // pending, again, drafts, schedules, rules, submissions, areas
	Count int
}

// comingLine is one airing on many clusters, by their last reports.
type comingLine struct {
	Start    radio.Millis
	Title    string
	Priority radio.Priority
	Devices  int
	NotReady int
	Excluded int
}

func (s *Server) overviewRoutes() []route {
	return append([]route{{pattern: "GET /{$}", as: s.page, do: s.home, may: radio.Self}}, s.deviceRoutes()...)
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) error {
	p, now := who(r), s.Now()
	d := overviewData{MayLog: p.MaySomewhere(radio.ReadLog), Day: radio.DateOf(now.In(s.zone))}
	rows, err := s.clusters(r)
	if err != nil {
		return err
	}
	d.Totals, d.Coming = countStates(rows), comingSoon(rows, radio.At(now))
	if d.Lines, err = s.faultLines(r); err != nil {
		return err
	}
	if n := len(d.Lines); n > shownLines {
		d.Lines, d.Hidden = d.Lines[:shownLines], n-shownLines
	}
	if d.Waiting, err = s.waiting(r); err != nil {
		return err
	}
	if d.MayLog {
		communes, err := s.communesOf(r, radio.ReadLog)
		if err != nil {
			return err
		}
		if d.Today, err = s.Log.TotalsUntil(r.Context(), radio.LogFilter{Communes: communes, From: d.Day, To: d.Day}, s.logNow()); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, "overview.html", "Tổng quan", d)
}

// waiting counts what the reader alone, or with others, is expected to do.
func (s *Server) waiting(r *http.Request) ([]waitingLine, error) {
	p := who(r)
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	var pending, again, drafts, schedules, rules int
	if p.MaySomewhere(radio.ReadBulletins) {
		all, err := s.Plan.Bulletins(r.Context())
		if err != nil {
			return nil, err
		}
		for _, b := range all {
			switch {
			case b.State == radio.Pending && b.CreatedBy != p.ID && p.May(radio.DecideBulletins, chainOr(tree, b.Area)...):
				pending++
			case b.State == radio.Draft && b.CreatedBy == p.ID:
				drafts++
			}
		}
		unsigned, err := s.needAgain(r)
		if err != nil {
			return nil, err
		}
		for _, b := range unsigned {
			if b.CreatedBy != p.ID && p.May(radio.DecideBulletins, chainOr(tree, b.Area)...) {
				again++
			}
		}
	}
	if p.MaySomewhere(radio.PublishSchedules) {
		all, err := s.Schedules.Waiting(r.Context(), p)
		if err != nil {
			return nil, err
		}
		schedules = len(all)
		if rules, err = s.rulesWaiting(r); err != nil {
			return nil, err
		}
	}
	handed, err := s.handedUp(r, tree)
	if err != nil {
		return nil, err
	}
	undone, err := s.undone(r, tree)
	if err != nil {
		return nil, err
	}
	var out []waitingLine
	for _, l := range []waitingLine{{"areas", undone}, {"pending", pending}, {"again", again}, {"schedules", schedules}, {"rules", rules}, {"submissions", handed}, {"drafts", drafts}} {
		if l.Count > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

// comingSoon gathers the next airings from the reports of the clusters.
func comingSoon(rows []deviceRow, now radio.Millis) []comingLine {
	type key struct {
		start radio.Millis
		title string
	}
	at, out := map[key]int{}, []comingLine{}
	for _, row := range rows {
		if row.Status == nil {
			continue
		}
		for _, n := range row.Status.Next {
			if n.Start < now || n.Start > now.Add(comingWithin) {
				continue
			}
			// Clusters that take turns a little apart play the same airing.
			k := key{n.Start - n.Start%60_000, n.Title}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k] = i
				out = append(out, comingLine{Start: n.Start, Title: n.Title, Priority: n.Priority})
			}
			out[i].Start = min(out[i].Start, n.Start)
			out[i].Devices++
			switch {
			case n.Excluded != "":
				out[i].Excluded++
			case !n.Ready && !row.Status.AudioWaits(n.Start):
				out[i].NotReady++
			}
		}
	}
	slices.SortFunc(out, func(a, b comingLine) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), alphabet.Compare(a.Title, b.Title))
	})
	return out[:min(len(out), shownComing)]
}

// communes lists the communes of the places, by name.
func communes(places []radio.Place) []radio.Area {
	seen := map[radio.AreaID]bool{}
	var out []radio.Area
	for _, p := range places {
		if c := p.Commune(); c.ID != "" && !seen[c.ID] {
			seen[c.ID] = true
			out = append(out, c)
		}
	}
	return areasByName(out)
}
