package radio

import (
	"slices"
	"testing"
)

func TestCovers(t *testing.T) {
	tree := NewAreaTree([]Area{
		{ID: "P", Kind: Province}, {ID: "C", Kind: Commune, Parent: "P"}, {ID: "D", Kind: Commune, Parent: "P"}, {ID: "H", Kind: Hamlet, Parent: "C"},
	})
	province := Person{Grants: []Grant{{RoleAdmin, Everywhere}}}
	commune := Person{Grants: []Grant{{RoleAdmin, "C"}, {RoleEditor, "D"}}}
	for _, c := range []struct {
		name   string
		who    Person
		grants []Grant
		want   bool
	}{
		{"province, all", province, []Grant{{RoleEditor, Everywhere}}, true},
		{"province, without a role", province, nil, true},
		{"province, an area that is gone", province, []Grant{{RoleEditor, "X"}}, true},
		{"commune, own", commune, []Grant{{RoleEditor, "C"}, {RoleViewer, "H"}}, true},
		{"commune, one foot elsewhere", commune, []Grant{{RoleEditor, "C"}, {RoleViewer, "D"}}, false},
		{"commune, elsewhere", commune, []Grant{{RoleEditor, "D"}}, false},
		{"commune, the province", commune, []Grant{{RoleViewer, "P"}}, false},
		{"commune, everywhere", commune, []Grant{{RoleViewer, Everywhere}}, false},
		{"commune, without a role", commune, nil, false},
		{"commune, an area that is gone", commune, []Grant{{RoleEditor, "X"}}, false},
		{"nobody", Person{}, []Grant{{RoleEditor, "C"}}, false},
	} {
		if got := c.who.Covers(WritePeople, c.grants, tree); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A token never reaches beyond its person, and never to people, the account itself or
// a signature.
func TestTokensReachLess(t *testing.T) {
	var all Person
	for _, r := range Roles() {
		all.Grants = append(all.Grants, Grant{r, Everywhere})
	}
	never := []Action{Self, WritePeople, SignAlerts}
	reads := []Action{ReadBulletins, ReadSchedules, ReadCampaigns, ReadDevices, ReadLog, ReadPeople, ReadAudit, ReadAlerts}
	for _, a := range Actions() {
		for use, want := range map[TokenUse]bool{"": true, TokenWrites: !slices.Contains(never, a), TokenReads: slices.Contains(reads, a), "unheard-of": slices.Contains(reads, a)} {
			p := all
			p.Token = use
			if p.May(a, "P") != want || p.MaySomewhere(a) != want || a != Self && len(p.Where(a)) > 0 != want {
				t.Errorf("%s with a token for %q: may %v", a, use, p.May(a, "P"))
			}
		}
	}
	if !(Person{}).May(Self) || !(Person{}).MaySomewhere(Self) {
		t.Error("a person without a role cannot reach the own account")
	}
	if (Person{Token: TokenWrites}).MaySomewhere(ReadLog) {
		t.Error("a token without a person's right")
	}
}
