package radio

import (
	"errors"
	"testing"
)

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
