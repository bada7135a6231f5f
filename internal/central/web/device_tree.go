package web

import (
	"net/http"
	"net/url"

	"loaxa/internal/radio"
)

// treeData is province > commune > hamlet > cluster, each with its counts.
type treeData struct {
	Totals   []deviceTotal
	Communes []*branch
	// Open is the commune whose hamlets and clusters are shown; the page stays small.
	Open  radio.AreaID
	Order bool // the reader may order in it
}

type branch struct {
	ID                          radio.AreaID
	Name                        string
	Devices                     int
	Online, Lost, Faulty, Fresh int
	Hamlets                     []*branch
	Rows                        []deviceRow
}

func (b *branch) count(d deviceRow) {
	b.Devices++
	switch {
	case !d.Enrolled:
		b.Fresh++
	case d.Online:
		b.Online++
	default:
		b.Lost++
	}
	if d.Faulty() {
		b.Faulty++
	}
}

func (s *Server) deviceTree(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "commune")
	if err != nil {
		return err
	}
	f, err := readDeviceFilter(q)
	if err != nil {
		return err
	}
	rows, err := s.clusters(r)
	if err != nil {
		return err
	}
	d := treeData{Totals: countStates(rows), Open: f.Commune}
	communes, hamlets := map[radio.AreaID]*branch{}, map[radio.AreaID]*branch{}
	for _, row := range rows {
		c := communes[row.Commune]
		if c == nil {
			c = &branch{ID: row.Commune, Name: row.InCommune}
			communes[row.Commune] = c
			d.Communes = append(d.Communes, c)
		}
		c.count(row)
		if row.Commune != d.Open {
			continue
		}
		h := hamlets[row.hamlet]
		if h == nil {
			h = &branch{ID: row.hamlet, Name: row.InHamlet}
			hamlets[row.hamlet] = h
			c.Hamlets = append(c.Hamlets, h)
		}
		h.count(row)
		h.Rows = append(h.Rows, row)
	}
	if d.Open != "" {
		tree, err := s.tree(r)
		if err != nil {
			return err
		}
		d.Order = who(r).May(radio.ControlDevices, tree.Chain(d.Open)...)
	}
	if len(d.Communes) == 1 && d.Open == "" {
		// One commune: its tree is what the reader came for.
		to := url.Values{"commune": {string(d.Communes[0].ID)}}
		http.Redirect(w, r, "/devices/tree?"+to.Encode(), http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, http.StatusOK, "tree.html", "Cụm loa theo địa bàn", d)
}
