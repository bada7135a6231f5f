package web

import (
	"cmp"
	"net/http"
	"slices"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

type campaignData struct {
	campaignRow
	MayWrite bool
	Outcomes []outcomeRow
	Communes []communeRow
	Months   []monthRow
	// Schedules on the air, and the bulletins in them or handed in for the campaign.
	Schedules []radio.Schedule
	Bulletins []radio.Bulletin
	All       string // address of the log
}

type outcomeRow struct {
	Outcome radio.Outcome
	Rows    int64
	Log     string
}

// sums are planned against aired of one row.
type sums struct {
	Planned, Aired, Partial, Lacking, Waiting int64
}

// summed puts outcomes into the columns of a table; every planned airing is in one.
func summed(t radio.LogTotals) sums {
	n := sums{Planned: t.Planned, Aired: t.Outcomes[radio.Aired], Partial: t.Outcomes[radio.Partial], Waiting: t.Outcomes[radio.PendingOutcome]}
	n.Lacking = n.Planned - n.Aired - n.Partial - n.Waiting
	return n
}

type communeRow struct {
	Name string
	sums
	Bar bar
	Log string
}

type monthRow struct {
	Month string
	sums
}

func (s *Server) campaignShow(w http.ResponseWriter, r *http.Request) error {
	c, err := s.campaign(r)
	if err != nil {
		return err
	}
	row, err := s.campaignRow(r, c)
	if err != nil {
		return err
	}
	d := campaignData{campaignRow: row, All: logOf(c.ID, "", "")}
	for o, n := range row.Progress.Totals.Each() {
		d.Outcomes = append(d.Outcomes, outcomeRow{o, n, logOf(c.ID, "", o)})
	}
	if err := s.campaignContent(r, &d); err != nil {
		return err
	}
	if d.Communes, err = s.campaignCommunes(r, row.Progress, d.Schedules); err != nil {
		return err
	}
	for _, m := range row.Progress.Months {
		d.Months = append(d.Months, monthRow{month(m.Month), summed(m.Totals)})
	}
	if d.MayWrite, err = s.mayWriteCampaign(r, c); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "campaign.html", c.Title, d)
}

// campaignContent finds what is on the air for the campaign, and the bulletins in it or
// handed in for it, as far as the reader may see them.
func (s *Server) campaignContent(r *http.Request, d *campaignData) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	cards, err := s.Schedules.List(r.Context(), who(r))
	if err != nil {
		return err
	}
	within := map[radio.BulletinID]bool{}
	for _, card := range cards {
		sc := card.Schedule
		if sc.Campaign != d.ID || card.State != radio.ScheduleOnAir && card.State != radio.ScheduleEnded {
			continue
		}
		d.Schedules = append(d.Schedules, sc)
		for _, slot := range sc.Slots {
			for _, e := range slot.Items {
				for _, b := range e.Bulletins() {
					within[b] = true
				}
			}
		}
	}
	bulletins, err := s.Plan.Bulletins(r.Context())
	if err != nil {
		return err
	}
	for _, b := range bulletins {
		if (within[b.ID] || b.Campaign == d.ID) && who(r).MaySee(b, chainOr(tree, b.Area)...) {
			d.Bulletins = append(d.Bulletins, b)
		}
	}
	return nil
}

// chainOr is the place of an area in the tree; what names none, from before the desk, is
// the province's.
func chainOr(tree radio.AreaTree, area radio.AreaID) []radio.AreaID {
	if chain := tree.Chain(area); len(chain) > 0 {
		return chain
	}
	return tree.Root()
}

// campaignCommunes lists the reader's communes: those that aired, and those that the
// campaign's schedules reach and that have aired nothing yet.
func (s *Server) campaignCommunes(r *http.Request, p campaignProgress, schedules []radio.Schedule) ([]communeRow, error) {
	rows := map[radio.AreaID]communeRow{}
	for _, x := range p.Communes {
		n := summed(x.Totals)
		rows[x.Commune] = communeRow{x.CommuneName, n, bar{n.Aired, p.CommuneTarget}, logOf(p.Campaign, x.Commune, "")}
	}
	mine, err := s.communesOf(r, radio.ReadCampaigns)
	if err != nil {
		return nil, err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	for _, place := range places {
		c := place.Commune()
		if _, there := rows[c.ID]; there || mine != nil && !slices.Contains(mine, c.ID) {
			continue
		}
		reached := slices.ContainsFunc(schedules, func(sc radio.Schedule) bool { return slices.ContainsFunc(sc.Targets, place.Within) })
		if reached {
			rows[c.ID] = communeRow{Name: c.Name, Bar: bar{0, p.CommuneTarget}, Log: logOf(p.Campaign, c.ID, "")}
		}
	}
	out := make([]communeRow, 0, len(rows))
	for _, row := range rows {
		out = append(out, row)
	}
	// Who lags behind stands first: that is what the list is read for.
	slices.SortFunc(out, func(a, b communeRow) int {
		return cmp.Or(cmp.Compare(a.Aired, b.Aired), alphabet.Compare(a.Name, b.Name))
	})
	return out, nil
}
