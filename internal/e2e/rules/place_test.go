package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// drawPlace puts the device into a hamlet of a commune, some of which were merged with
// others some days ago.
func (x *ruleset) drawPlace(t *testing.T, r *rand.Rand) {
	area := func(code string, k radio.AreaKind, in radio.AreaID) radio.Area {
		a := radio.Area{ID: draw[radio.AreaID](r), Code: code, Name: code, Kind: k, Parent: in}
		x.areas = append(x.areas, a)
		return a
	}
	province := area("tinh", radio.Province, "")
	x.areas[0].Zone = x.cal.zone
	commune := area("xa", radio.Commune, province.ID)
	hamlet := area("thon", radio.Hamlet, commune.ID)
	ids := []radio.AreaID{province.ID, commune.ID, hamlet.ID}
	merge := func(a radio.Area, days int) {
		with := area(a.Code+"-ban", a.Kind, a.Parent)
		first := x.cal.begin.Add(30*time.Hour).AddDate(0, 0, -1-days) // hours are no matter
		loc, err := time.LoadLocation(x.cal.zone)
		if err != nil {
			t.Fatal(err)
		}
		y, m, d := first.In(loc).Date()
		c := radio.AreaChange{Kind: radio.MergeAreas, From: radio.Date(fmt.Sprintf("%04d-%02d-%02d", y, m, d)), Areas: []radio.AreaID{a.ID, with.ID}, Code: a.Code + "-moi", Name: "Mới", New: draw[radio.AreaID](r)}
		if r.IntN(3) == 0 {
			c.Areas, c.Into, c.Code, c.Name, c.New = c.Areas[:1], with.ID, "", "", ""
		}
		e, err := c.Effect(radio.Plan{Areas: x.areas})
		if err != nil {
			t.Fatal(err)
		}
		x.areas = e.Over(radio.Plan{Areas: x.areas}).Areas
		x.taken[a.ID] = radio.At(time.Date(y, m, d, 0, 0, 0, 0, loc))
		ids = slices.Insert(ids, slices.Index(ids, a.ID), c.Takes())
	}
	if r.IntN(4) == 0 {
		merge(hamlet, 4+r.IntN(2))
	}
	if r.IntN(2) == 0 {
		merge(commune, 1+r.IntN(3))
	}
	x.deciders = ids[1:]
	x.place.Device = radio.Device{ID: draw[radio.DeviceID](r), Code: "cum", Name: "Cụm", Hamlet: hamlet.ID, Rendition: radio.MainKbps, Enrolled: 1}
	tree := radio.NewAreaTree(x.areas)
	if chain := tree.Chain(hamlet.ID); !slices.Equal(chain, ids) {
		t.Fatalf("the mergers give %v, want %v", chain, ids)
	}
	for _, id := range ids {
		a, _ := tree.Area(id)
		x.place.Chain = append(x.place.Chain, a)
	}
}

// chain lists the areas of the place, the province first.
func (x *ruleset) chain() []radio.AreaID {
	return append([]radio.AreaID{x.place.Chain[0].ID}, x.deciders...)
}

// area is mostly the province, at times another area of the place, or one elsewhere.
func (x *ruleset) area(r *rand.Rand) radio.AreaID {
	switch r.IntN(12) {
	case 0:
		return draw[radio.AreaID](r)
	case 1, 2, 3:
		return x.deciders[r.IntN(len(x.deciders))]
	}
	return x.place.Chain[0].ID
}
