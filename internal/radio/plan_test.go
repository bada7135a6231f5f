package radio

import (
	"errors"
	"testing"
)

func TestNearestPolicy(t *testing.T) {
	place := Place{Device: Device{ID: "d"}, Chain: []Area{{ID: "p", Kind: Province}, {ID: "c", Kind: Commune}, {ID: "h", Kind: Hamlet}}}
	rule := func(id PolicyID, target Target) PolicyRule { return PolicyRule{ID: id, Target: target} }
	province, commune := rule("of p", Target{Area: "p"}), rule("of c", Target{Area: "c"})
	hamlet, device := rule("of h", Target{Area: "h"}), rule("of d", Target{Device: "d"})
	elsewhere, other := rule("of x", Target{Area: "x"}), rule("of e", Target{Device: "e"})
	for name, c := range map[string]struct {
		rules []PolicyRule
		want  PolicyID
	}{
		"none":               {nil, ""},
		"only elsewhere":     {[]PolicyRule{elsewhere, other}, ""},
		"the province's":     {[]PolicyRule{elsewhere, province}, "of p"},
		"the commune's":      {[]PolicyRule{province, commune}, "of c"},
		"the hamlet's":       {[]PolicyRule{commune, province, hamlet}, "of h"},
		"the device's own":   {[]PolicyRule{province, commune, hamlet, device, other}, "of d"},
		"order is no matter": {[]PolicyRule{device, hamlet, commune, province}, "of d"},
	} {
		got, ok := NearestPolicy(c.rules, place)
		if got.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.ID, ok)
		}
	}
}

func TestPolicyRuleCheck(t *testing.T) {
	good := PolicyRule{Target: Target{Area: "a"}, Zone: "Asia/Ho_Chi_Minh", Windows: []Window{{From: 300, To: 420}}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if p := good.For("d"); p.Device != "d" || p.Zone != good.Zone || len(p.Windows) != 1 || p.Revision != 0 {
		t.Errorf("policy %+v", p)
	}
	for name, spoil := range map[string]func(*PolicyRule){
		"no target":   func(r *PolicyRule) { r.Target = Target{} },
		"two targets": func(r *PolicyRule) { r.Target.Device = "d" },
		"a bad span":  func(r *PolicyRule) { r.Windows = []Window{{From: 300, To: 300}} },
	} {
		r := good
		spoil(&r)
		if err := r.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlanChangeEmpty(t *testing.T) {
	if !(PlanChange{At: 1, Author: "a", Approver: "b", Facts: AuditFacts{File: "x"}}).Empty() {
		t.Error("a change of nothing is not empty")
	}
	if (PlanChange{Decisions: make([]BulletinDecision, 1)}).Empty() {
		t.Error("a decision counts as nothing")
	}
}
