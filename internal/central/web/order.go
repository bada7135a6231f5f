package web

import (
	"slices"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Lists of names stand in the order of the Vietnamese alphabet, whatever order the rows
// came in.

// areasByName puts areas in the order of their names, without changing the list given.
func areasByName(areas []radio.Area) []radio.Area {
	out := slices.Clone(areas)
	alphabet.SortBy(out, func(a radio.Area) []string { return []string{a.Name, a.Code} })
	return out
}

// placesByName is areasByName for devices: by commune, hamlet and their own name. Areas of
// the same name, as a merger leaves them, stay apart.
func placesByName(places []radio.Place) []radio.Place {
	out := slices.Clone(places)
	alphabet.SortBy(out, placeNames)
	return out
}

func placeNames(p radio.Place) []string {
	c, h := p.Commune(), p.Hamlet()
	return []string{c.Name, c.Code, h.Name, h.Code, p.Device.Name, p.Device.Code}
}
