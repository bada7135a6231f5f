package web

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/central/schedule"
	"loaxa/internal/radio"
)

// fakeAreas keeps what is decided about the areas of the small province, by radio's rules.
type fakeAreas struct {
	plan    *fakePlan
	changes []radio.AreaChange
	names   []radio.AreaName
	devices []radio.Device
	acts    []string
}

func (h *house) withAreas(d *Deps) {
	h.lives = &fakeAreas{plan: h.plan}
	d.AreaDesk, d.AreaFiles = h.lives, schedule.NewPlaces(h.lives, func() time.Time { return now })
}

func (f *fakeAreas) Plan(ctx context.Context) (p radio.Plan, err error) {
	p.Areas, err = f.plan.Areas(ctx)
	p.AreaNames = f.names
	for _, place := range f.plan.places {
		p.Devices = append(p.Devices, place.Device)
	}
	return p, err
}

func (f *fakeAreas) Contacts(context.Context) ([]radio.AreaContact, error) { return nil, nil }

func (f *fakeAreas) ApplyPlaces(_ context.Context, c radio.PlanChange) error {
	f.acts = append(f.acts, "places")
	f.devices = append(f.devices, c.Devices...)
	return nil
}

func (f *fakeAreas) AreaChanges(context.Context) ([]radio.AreaChange, error) { return f.changes, nil }
func (f *fakeAreas) AreaNames(context.Context) ([]radio.AreaName, error)     { return f.names, nil }

func (f *fakeAreas) PreviewAreaChange(ctx context.Context, c radio.AreaChange) (radio.AreaReport, error) {
	p, err := f.Plan(ctx)
	if err != nil {
		return radio.AreaReport{}, err
	}
	c.New = id[radio.AreaID]('n', 1)
	e, err := c.Effect(p)
	return radio.AreaReport{Change: c, Effect: e, Devices: 3, People: []radio.AreaPerson{{ID: lan.ID, Login: "lan", Name: lan.Name, Role: radio.RoleEditor, Area: f.plan.places[0].Commune().ID}}}, err
}

func (f *fakeAreas) RecordAreaChange(_ context.Context, c radio.AreaChange, by radio.UserID) (radio.AreaChange, error) {
	c.ID, c.Author, c.At, c.New = radio.NewID[radio.AreaChangeID](), by, radio.At(now), id[radio.AreaID]('n', 1)
	f.acts, f.changes = append(f.acts, string(c.Kind)), append(f.changes, c)
	return c, nil
}

func (f *fakeAreas) DropAreaChange(_ context.Context, id radio.AreaChangeID, _ radio.UserID) error {
	i := slices.IndexFunc(f.changes, func(c radio.AreaChange) bool { return c.ID == id })
	if i < 0 {
		return radio.ErrNotFound
	}
	f.acts = append(f.acts, "drop")
	f.changes[i].DroppedAt = radio.At(now)
	return nil
}

// thingOfProvince says that a change of areas is the province's.
func thingOfProvince(name, value string) func(h *house, w where) []string {
	return func(_ *house, w where) []string {
		if w != common {
			return nil
		}
		return []string{name, value}
	}
}

func areaFixtures() []fixture {
	const placeFile = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"noi.csv\"\r\n\r\nkind,code,name,parent\r\n--x--\r\n"
	const multipart = "multipart/form-data; boundary=x"
	waits := func(h *house, w where) []string {
		if w != common {
			return nil
		}
		h.lives.changes = []radio.AreaChange{{ID: id[radio.AreaChangeID]('q', 1), Kind: radio.RenameArea, From: "2030-01-01", Name: "X"}}
		return []string{"change", string(h.lives.changes[0].ID)}
	}
	return []fixture{
		{pattern: "GET /areas", may: radio.ReadDevices},
		{pattern: "POST /areas/changes/{kind}", may: radio.WriteDevices, thing: thingOfProvince("kind", "rename"), body: "from=2026-07-01"},
		{pattern: "POST /areas/changes/{change}/drop", may: radio.WriteDevices, thing: waits},
		{pattern: "GET /areas/import", may: radio.WriteDevices},
		{pattern: "POST /areas/import/{step}", may: radio.WriteDevices, thing: thingOfProvince("step", "check"), body: placeFile, kind: multipart},
		{pattern: "GET /api/v1/areas", may: radio.ReadDevices},
		{pattern: "POST /api/v1/areas/changes/{kind}", may: radio.WriteDevices, thing: thingOfProvince("kind", "rename"), body: `{"from":"2026-07-01"}`},
		{pattern: "DELETE /api/v1/areas/decisions/{change}", may: radio.WriteDevices, thing: waits},
		{pattern: "POST /api/v1/areas/import/{step}", may: radio.WriteDevices, thing: thingOfProvince("step", "check"), body: placeFile, kind: multipart},
	}
}
