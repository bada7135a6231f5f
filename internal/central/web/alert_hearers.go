package web

import (
	"net/http"
	"slices"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// hearer is a part of an area, with the devices of it that an alert goes to.
type hearer struct {
	Name    string
	Devices int
	Lost    int // of those, without a connection now
}

// mostHearers is how many parts one page names; those that have lost some come first.
const mostHearers = 20

// hearers tells who would hear an alert to an area before anybody signs it: by hamlet
// within one commune, by commune over several. Devices that never enrolled cannot hear.
func (s *Server) hearers(r *http.Request, area radio.AreaID) (shown []hearer, all hearer, more int, err error) {
	views, err := s.Fleet.Views(r.Context())
	if err != nil {
		return nil, all, 0, err
	}
	views = slices.DeleteFunc(slices.Clone(views), func(v radio.DeviceView) bool {
		return v.Place.Device.Enrolled == 0 || !v.Place.Within(radio.Target{Area: area})
	})
	communes := map[radio.AreaID]bool{}
	for _, v := range views {
		communes[v.Place.Commune().ID] = true
	}
	parts := map[radio.AreaID]*hearer{}
	for _, v := range views {
		part := v.Place.Hamlet()
		if len(communes) > 1 {
			part = v.Place.Commune()
		}
		h := parts[part.ID]
		if h == nil {
			h = &hearer{Name: part.Name}
			parts[part.ID] = h
		}
		for _, x := range []*hearer{h, &all} {
			x.Devices++
			if !v.Online {
				x.Lost++
			}
		}
	}
	for _, h := range parts {
		shown = append(shown, *h)
	}
	slices.SortFunc(shown, func(a, b hearer) int {
		if lost := min(b.Lost, 1) - min(a.Lost, 1); lost != 0 && len(parts) > mostHearers {
			return lost
		}
		return alphabet.Compare(a.Name, b.Name)
	})
	more = max(len(shown)-mostHearers, 0)
	return shown[:len(shown)-more], all, more, nil
}
