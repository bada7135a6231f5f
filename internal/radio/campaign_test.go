package radio

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func campaign() Campaign {
	return Campaign{Code: "nq57", Title: "Nghị quyết 57", Document: "57-NQ/TW", Issued: "2024-12-22", Issuer: "Bộ Chính trị",
		From: "2026-01-01", Until: "2026-12-31", Units: []string{}, Themes: []CampaignTheme{}, Target: 1000}
}

func TestCampaignStates(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, until Date
		closed      Millis
		today       Date
		state       CampaignState
		days        int
		ends        bool
	}{
		{"before", "2026-01-01", "2026-12-31", 0, "2025-12-31", CampaignComing, 366, true},
		{"first day", "2026-01-01", "2026-12-31", 0, "2026-01-01", CampaignRunning, 365, true},
		{"last day", "2026-01-01", "2026-12-31", 0, "2026-12-31", CampaignRunning, 1, true},
		{"after", "2026-01-01", "2026-12-31", 0, "2027-01-01", CampaignOver, 0, true},
		{"closed", "2026-01-01", "2026-12-31", 5, "2026-05-01", CampaignClosed, 245, true},
		{"open ends", "", "", 0, "2026-05-01", CampaignRunning, 0, false},
	} {
		k := Campaign{From: c.from, Until: c.until, ClosedAt: c.closed}
		days, ends := k.DaysLeft(c.today)
		if got := k.State(c.today); got != c.state || days != c.days || ends != c.ends {
			t.Errorf("%s: %s, %d days, %v", c.name, got, days, ends)
		}
	}
}

func TestCampaignVersions(t *testing.T) {
	form := campaign()
	form.Title, form.Units = "  Nghị quyết\n57 ", []string{"Sở A", "", " Sở A", "Sở B"}
	form.Themes = []CampaignTheme{{}, {Title: " Kỹ năng số "}}
	form.Version, form.ClosedAt, form.ID = 9, 9, "forged"
	first, err := NewCampaign(form, "P")
	if err != nil {
		t.Fatal(err)
	}
	if first.Version != 1 || first.Area != "P" || first.ClosedAt != 0 || !ValidID(first.ID) || first.Title != "Nghị quyết 57" ||
		!reflect.DeepEqual(first.Units, []string{"Sở A", "Sở B"}) || !reflect.DeepEqual(first.Themes, []CampaignTheme{{Title: "Kỹ năng số"}}) {
		t.Errorf("%+v", first)
	}
	edit := campaign()
	edit.Version, edit.Code, edit.Target = 1, "other", 2000
	second, err := first.Edited(edit)
	if err != nil || second.Version != 2 || second.Code != "nq57" || second.ID != first.ID || second.Area != "P" || second.Target != 2000 {
		t.Errorf("%+v %v", second, err)
	}
	if _, err := second.Edited(edit); !errors.Is(err, ErrConflict) {
		t.Errorf("a form of version 1 over version 2: %v", err)
	}
	closed, err := second.Close(true, 77)
	if err != nil || closed.Version != 3 || closed.ClosedAt != 77 {
		t.Errorf("%+v %v", closed, err)
	}
	edit.Version = 3
	for name, f := range map[string]func() (Campaign, error){
		"edit what is closed": func() (Campaign, error) { return closed.Edited(edit) },
		"close twice":         func() (Campaign, error) { return closed.Close(true, 78) },
		"open what is open":   func() (Campaign, error) { return second.Close(false, 78) },
	} {
		if _, err := f(); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if open, err := closed.Close(false, 78); err != nil || open.ClosedAt != 0 || open.Version != 4 {
		t.Errorf("%+v %v", open, err)
	}
}

func TestCampaignCheck(t *testing.T) {
	if err := campaign().Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Campaign){
		"code":           func(c *Campaign) { c.Code = "NQ 57" },
		"title":          func(c *Campaign) { c.Title = "" },
		"document":       func(c *Campaign) { c.Document = strings.Repeat("x", 201) },
		"summary":        func(c *Campaign) { c.Summary = "\xff" },
		"issued":         func(c *Campaign) { c.Issued = "22/12/2024" },
		"from":           func(c *Campaign) { c.From = "2026-02-30" },
		"until":          func(c *Campaign) { c.Until = "2025-12-31" },
		"target":         func(c *Campaign) { c.Target = -1 },
		"commune_target": func(c *Campaign) { c.CommuneTarget = MaxCampaignTarget + 1 },
		"units":          func(c *Campaign) { c.Units = make([]string, MaxCampaignUnits+1) },
		"units.1":        func(c *Campaign) { c.Units = []string{""} },
		"themes":         func(c *Campaign) { c.Themes = make([]CampaignTheme, MaxCampaignThemes+1) },
		"themes.1.title": func(c *Campaign) { c.Themes = []CampaignTheme{{Unit: "Sở A"}} },
		"themes.2.due": func(c *Campaign) {
			c.Themes = []CampaignTheme{{Title: "a"}, {Title: "b", Due: strings.Repeat("x", 101)}}
		},
	} {
		c := campaign()
		spoil(&c)
		var e *Invalid
		if err := c.Check(); !errors.As(err, &e) || e.Problems[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
