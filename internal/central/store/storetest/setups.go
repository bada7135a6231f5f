package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func setupSuites() []Suite {
	return []Suite{
		{"setups: kept, told, and by whom", setupsKept},
		{"setups: all or none", setupsAllOrNone},
		{"setups: imported", setupsImported},
		{"contacts: imported", contactsImported},
	}
}

var somewhere = radio.Position{Latitude: -18.343217, Longitude: 105.905001}

func setupsKept(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	d := plan.Devices[0]
	c := radio.SetupChange{Device: d.ID, Code: d.Code, Name: d.Name, Now: radio.Setup{OffsetMS: -60_000, StaggerMS: 60_000, Position: somewhere}}
	must(t, s.SetUp(t.Context(), []radio.SetupChange{c}, string(an), alertAt))
	place, err := s.Place(t.Context(), d.ID)
	must(t, err)
	same(t, "of the place", place.Device.Setup, c.Now)
	same(t, "of the plan", readPlan(t, s).Devices[0].Setup, c.Now)
	byCode, err := s.DeviceByCode(t.Context(), d.Code)
	must(t, err)
	same(t, "by code", byCode.Setup, c.Now)

	wantKind(t, s.SetUp(t.Context(), []radio.SetupChange{c}, string(an), alertAt), radio.ErrConflict) // it is not any more what it was
	back := c
	back.Was, back.Now = c.Now, radio.Setup{}
	must(t, s.SetUp(t.Context(), []radio.SetupChange{back}, "root@centre", alertAt+1))
	h := need[[]radio.AuditEntry](t)(s.SetupHistory(t.Context(), d.ID, 10))
	if len(h) != 2 || h[0].Actor != "root@centre" || h[0].ActorName != "" || h[1].Actor != string(an) || h[1].ActorName != "An" || h[1].Action != "device.setup" || h[1].At != alertAt {
		t.Fatalf("history %+v", h)
	}
	same(t, "values", h[1].Facts.Values, []radio.AuditValue{{Field: "offset_ms", Was: "0", Now: "-60000"}, {Field: "stagger_ms", Was: "0", Now: "60000"}, {Field: "position", Was: "", Now: "-18.343217, 105.905001"}})
	if h := need[[]radio.AuditEntry](t)(s.SetupHistory(t.Context(), d.ID, 1)); len(h) != 1 || h[0].At != alertAt+1 {
		t.Errorf("the newest: %+v", h)
	}
}

// second puts another cluster beside the first.
func second(t *testing.T, s *store.Store, plan radio.PlanChange) radio.Device {
	t.Helper()
	d := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: "cx-02", Name: "Cụm chợ", Hamlet: plan.Devices[0].Hamlet, Rendition: 32, Setup: radio.Setup{OffsetMS: 4}}
	must(t, s.AddDevice(t.Context(), d, "test", alertAt))
	return d
}

func setupsAllOrNone(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	a, b := plan.Devices[0], second(t, s, plan)
	p := radio.StaggerPlan{Commune: plan.Areas[1].ID}
	for i, d := range []radio.Device{a, b} {
		p.Devices = append(p.Devices, radio.StaggerDevice{Place: radio.Place{Device: d}, Device: d.ID, Code: d.Code, Name: d.Name, NowMS: 0, ThenMS: 500 * (i + 1)})
	}
	stale := p
	stale.Devices = []radio.StaggerDevice{p.Devices[0], p.Devices[1]}
	stale.Devices[1].Place.Device.Setup.OffsetMS = 5
	wantKind(t, s.ApplyStagger(t.Context(), stale, radio.AuditFacts{}, string(an), alertAt), radio.ErrConflict)
	for _, d := range readPlan(t, s).Devices {
		if d.Setup.StaggerMS != 0 {
			t.Errorf("%s was set up by a plan that was refused", d.Code)
		}
	}
	if h := need[[]radio.AuditEntry](t)(s.SetupHistory(t.Context(), a.ID, 10)); len(h) != 0 {
		t.Errorf("a refused plan left %+v", h)
	}
	facts := radio.AuditFacts{Title: "Xã", Counts: map[string]int{"devices": 2}}
	must(t, s.ApplyStagger(t.Context(), p, facts, string(an), alertAt))
	got := readPlan(t, s).Devices
	if got[0].Setup.StaggerMS != 500 || got[1].Setup != (radio.Setup{OffsetMS: 4, StaggerMS: 1000}) {
		t.Errorf("applied: %+v", got)
	}
	log := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(p.Commune), 10))
	if len(log) == 0 || log[0].Action != "device.stagger" || log[0].Actor != string(an) {
		t.Fatalf("audit %+v", log)
	}
	facts.Area = p.Commune
	same(t, "facts", *log[0].Facts, facts)
}

// An import changes of a stored device's setup what it says is changed, and nothing else.
func setupsImported(t *testing.T, s *store.Store) {
	plan, _, _ := alertHouse(t, s)
	d := plan.Devices[0]
	must(t, s.SetUp(t.Context(), []radio.SetupChange{{Device: d.ID, Now: radio.Setup{StaggerMS: 900}}}, "x", alertAt))
	again := radio.PlanChange{At: alertAt + 1, Author: plan.Author, Approver: plan.Approver, Devices: []radio.Device{d}}
	again.Devices[0].Name = "Cụm khác"
	must(t, s.ApplyPlan(t.Context(), again))
	if got := readPlan(t, s).Devices[0]; got.Name != "Cụm khác" || got.Setup.StaggerMS != 900 {
		t.Errorf("a new name: %+v", got)
	}
	again.Setups = []radio.SetupChange{{Device: d.ID, Code: d.Code, Name: d.Name, Now: radio.Setup{OffsetMS: 5}}}
	again.Devices[0].Name = "Cụm thứ ba"
	wantKind(t, s.ApplyPlan(t.Context(), again), radio.ErrConflict)
	if got := readPlan(t, s).Devices[0]; got.Name != "Cụm khác" || got.Setup.StaggerMS != 900 {
		t.Errorf("a refused import: %+v", got)
	}
	again.Setups[0].Was = radio.Setup{StaggerMS: 900}
	must(t, s.ApplyPlan(t.Context(), again))
	if got := readPlan(t, s).Devices[0].Setup; got != (radio.Setup{OffsetMS: 5}) {
		t.Errorf("imported: %+v", got)
	}
	h := need[[]radio.AuditEntry](t)(s.SetupHistory(t.Context(), d.ID, 1))
	if len(h) != 1 || h[0].Actor != string(plan.Author) || len(h[0].Facts.Values) != 2 {
		t.Errorf("history %+v", h)
	}
}

func contactsImported(t *testing.T, s *store.Store) {
	plan, _, _ := alertHouse(t, s)
	hamlet := plan.Areas[2]
	c := radio.ContactChange{Code: hamlet.Code, Now: radio.AreaContact{Area: hamlet.ID, Name: "Ông Tư", Phone: "0912 345 678"}}
	change := radio.PlanChange{At: alertAt, Author: plan.Author, Approver: plan.Approver, Contacts: []radio.ContactChange{c}}
	must(t, s.ApplyPlan(t.Context(), change))
	c.Now.UpdatedAt = alertAt
	same(t, "contacts", need[[]radio.AreaContact](t)(s.Contacts(t.Context())), []radio.AreaContact{c.Now})
	wantKind(t, s.ApplyPlan(t.Context(), change), radio.ErrConflict) // somebody is called there already
	change.Contacts[0].Was, change.Contacts[0].Now.Phone = c.Now, "0987"
	must(t, s.ApplyPlan(t.Context(), change))
	if got := need[[]radio.AreaContact](t)(s.Contacts(t.Context())); len(got) != 1 || got[0].Phone != "0987" {
		t.Errorf("changed: %+v", got)
	}
	log := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(hamlet.ID), 10))
	if len(log) != 2 || log[0].Action != "contact.change" || log[0].Actor != string(plan.Author) || log[0].Facts.Title != "Ông Tư" {
		t.Errorf("audit %+v", log)
	}
}
