package radio

import (
	"slices"
	"testing"
)

// The rights of each role, written out once more by hand: a slip in the table shows.
func TestRightsOfRoles(t *testing.T) {
	reads := []Action{ReadBulletins, ReadCampaigns, ReadLog, ReadSchedules, Self}
	with := func(more ...Action) []Action {
		out := slices.Concat(reads, more)
		slices.Sort(out)
		return out
	}
	want := map[Role][]Action{
		RoleEditor:   with(WriteBulletins, WriteSchedules, DecideOffers, WriteCampaigns, ReadDevices, ReadAlerts, WriteAlerts),
		RoleApprover: with(CloseLog, ControlDevices, DecideBulletins, PublishSchedules, DecideOffers, ReadDevices, ReadAlerts, WriteAlerts, SignAlerts),
		RoleOperator: with(ControlDevices, ReadDevices, ReadAlerts, WriteAlerts, WriteContacts),
		RoleProvider: with(WriteBulletins),
		RoleViewer:   with(ReadDevices, ReadAudit, ReadAlerts),
		RoleAdmin:    with(ReadDevices, WriteDevices, ReadPeople, WritePeople, ReadAudit, ReadAlerts, WriteContacts),
	}
	for _, r := range Roles() {
		var got []Action
		for _, a := range Actions() {
			if r.May(a) {
				got = append(got, a)
			}
		}
		if !slices.Equal(got, want[r]) {
			t.Errorf("%s may %v, want %v", r, got, want[r])
		}
	}
}

func TestGrantsReachDownTheTree(t *testing.T) {
	tree := NewAreaTree([]Area{
		{ID: "P", Kind: Province}, {ID: "C", Kind: Commune, Parent: "P"}, {ID: "D", Kind: Commune, Parent: "P"}, {ID: "H", Kind: Hamlet, Parent: "C"},
	})
	everywhere := Person{Grants: []Grant{{RoleEditor, Everywhere}}}
	province := Person{Grants: []Grant{{RoleEditor, "P"}}}
	commune := Person{Grants: []Grant{{RoleEditor, "C"}, {RoleViewer, "D"}}}
	for _, c := range []struct {
		name   string
		who    Person
		action Action
		area   AreaID
		may    bool
		read   bool
	}{
		{"everywhere, province", everywhere, WriteBulletins, "P", true, true},
		{"everywhere, hamlet", everywhere, WriteBulletins, "H", true, true},
		{"everywhere, not the role", everywhere, DecideBulletins, "P", false, false},
		{"province, hamlet", province, WriteBulletins, "H", true, true},
		{"commune, own", commune, WriteBulletins, "C", true, true},
		{"commune, its hamlet", commune, WriteBulletins, "H", true, true},
		{"commune, the other one only reads", commune, WriteBulletins, "D", false, false},
		{"commune, reads the other one", commune, ReadBulletins, "D", true, true},
		{"commune, reads what the province made", commune, ReadBulletins, "P", false, true},
		{"commune, does not write for the province", commune, WriteBulletins, "P", false, true},
		{"unknown area", commune, ReadBulletins, "X", false, false},
		{"nobody", Person{}, ReadBulletins, "P", false, false},
	} {
		if got := c.who.May(c.action, tree.Chain(c.area)...); got != c.may {
			t.Errorf("%s: may %v", c.name, got)
		}
		if got := c.who.MayRead(c.action, tree.Chain(c.area)...); got != c.read {
			t.Errorf("%s: may read %v", c.name, got)
		}
	}
	if got := tree.Communes(commune.Where(WriteBulletins)); !slices.Equal(got, []AreaID{"C"}) {
		t.Errorf("communes %v", got)
	}
	if got := tree.Communes(everywhere.Where(ReadLog)); !slices.Equal(got, []AreaID{"C", "D"}) {
		t.Errorf("communes %v", got)
	}
}
