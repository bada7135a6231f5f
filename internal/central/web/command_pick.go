package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"loaxa/internal/radio"
)

// picked is what a person ticked in the list of clusters: some of them, and areas with all
// that is in them.
type picked struct {
	Areas   []radio.AreaID
	Devices []radio.DeviceID
}

// mostPicked bounds the areas of one selection: a province has fewer communes.
const mostPicked = 300

// None says whether nothing was ticked.
func (p picked) None() bool { return len(p.Areas)+len(p.Devices) == 0 }

// pickedIn reads a form or an address; what stands in it twice counts once.
func pickedIn(q url.Values) picked {
	var p picked
	for _, id := range q["area"] {
		if a := radio.AreaID(id); id != "" && !slices.Contains(p.Areas, a) && len(p.Areas) <= mostPicked {
			p.Areas = append(p.Areas, a)
		}
	}
	seen := map[string]bool{}
	for _, id := range q["device"] {
		if id != "" && !seen[id] && len(p.Devices) <= radio.MaxCommandDevices {
			seen[id] = true
			p.Devices = append(p.Devices, radio.DeviceID(id))
		}
	}
	return p
}

// takePicked takes what was ticked out of an address; rest asks for the remainder.
func takePicked(r *http.Request) (p picked, rest *http.Request, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		_, err = strictQuery(r)
		return p, r, err
	}
	p = pickedIn(q)
	q.Del("area")
	q.Del("device")
	u := *r.URL
	u.RawQuery = q.Encode()
	rest = r.WithContext(r.Context()) // what it leaves out is told on the same page
	rest.URL = &u
	return p, rest, nil
}

// gather aims an order at what was ticked. One area alone stays an area; anything else
// becomes the clusters themselves, those of the areas first.
func (s *Server) gather(r *http.Request, o radio.CommandOrder, p picked) (radio.CommandOrder, error) {
	o.Area = ""
	if len(p.Areas) == 1 && len(p.Devices) == 0 {
		o.Area = p.Areas[0]
		return o, nil
	}
	if len(p.Areas) > mostPicked || len(p.Devices) > radio.MaxCommandDevices {
		e := new(radio.Invalid)
		e.Add("devices", fmt.Sprintf("nhiều nhất %d cụm loa một lần", radio.MaxCommandDevices), fmt.Sprintf("at most %d devices at once", radio.MaxCommandDevices))
		return o, e
	}
	seen := map[radio.DeviceID]bool{}
	put := func(id radio.DeviceID) {
		if !seen[id] {
			seen[id] = true
			o.Devices = append(o.Devices, id)
		}
	}
	for _, a := range p.Areas {
		// Any command finds the same clusters.
		places, err := s.Orders.Aim(r.Context(), who(r), radio.CommandOrder{Do: radio.CommandStop, Area: a})
		if err != nil {
			return o, err
		}
		for _, place := range places {
			put(place.Device.ID)
		}
	}
	for _, id := range p.Devices {
		put(id)
	}
	return o, nil
}

// mayPick marks the rows that the reader may order, and says in which communes they may
// order all clusters, with how many there are.
func (s *Server) mayPick(r *http.Request, rows []deviceRow) (map[radio.AreaID]int, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	whole, sure := map[radio.AreaID]int{}, map[radio.AreaID]bool{}
	for i := range rows {
		row := &rows[i]
		if !row.Enrolled {
			continue
		}
		all, known := sure[row.Commune]
		if !known {
			all = who(r).May(radio.ControlDevices, tree.Chain(row.Commune)...)
			sure[row.Commune] = all
		}
		if row.pick = all || who(r).May(radio.ControlDevices, tree.Chain(row.hamlet)...); all {
			whole[row.Commune]++
		}
	}
	return whole, nil
}

// Pick says whether the reader may order the cluster.
func (d deviceRow) Pick() bool { return d.pick }

// deviceGroup is the clusters of one commune on a page of the list.
type deviceGroup struct {
	Commune radio.AreaID
	Name    string
	Whole   int // so many clusters there are in all, for who may order all of them
	Rows    []deviceRow
}

// Groups are the clusters of the page by commune, in their order.
func (d devicesData) Groups() []deviceGroup {
	var out []deviceGroup
	for _, row := range d.Devices {
		if n := len(out); n == 0 || out[n-1].Commune != row.Commune {
			out = append(out, deviceGroup{Commune: row.Commune, Name: row.InCommune, Whole: d.whole[row.Commune]})
		}
		last := &out[len(out)-1]
		last.Rows = append(last.Rows, row)
	}
	return out
}

// Picks says whether anything on the page can be ticked.
func (d devicesData) Picks() bool { return slices.ContainsFunc(d.Devices, deviceRow.Pick) }
