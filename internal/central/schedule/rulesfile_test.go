package schedule

import (
	"strings"
	"testing"

	"loaxa/internal/radio"
)

const profileYAML = `policies:
  - area: thon
    label: Trường Tiểu học
    number: 12/QĐ-UBND
    issued: 2026-11-02
    issuer: UBND xã
    from: 2026-12-01
    note: theo đề nghị của trường
    quiet: [{days: [1, 2, 3, 4, 5], from: "07:00", to: "11:00"}]
    volume: [{from: "05:00", to: "06:00", gain_db: -9}]
`

func ruleOf(t *testing.T, b bench, kind radio.AreaKind) radio.PolicyRule {
	t.Helper()
	for _, a := range b.store.plan.Areas {
		if r, ok := radio.NewestRule(b.store.plan.Policies, radio.Target{Area: a.ID}); ok && a.Kind == kind {
			return r
		}
	}
	t.Fatalf("no rules for a %s", kind)
	return radio.PolicyRule{}
}

func TestProfileInFiles(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	apply(t, b, source("p.yaml", profileYAML))
	r := ruleOf(t, b, radio.Hamlet)
	if !r.Profile || r.Number != "12/QĐ-UBND" || r.Issued != "2026-11-02" || r.Issuer != "UBND xã" || r.From != "2026-12-01" || r.Note == "" || len(r.Quiet) != 1 || len(r.Quiet[0].Days) != 5 || len(r.Volume) != 1 {
		t.Errorf("%+v", r)
	}
	if d := apply(t, b, source("p.yaml", profileYAML)); d.Changed() {
		t.Errorf("the same again: %s", d.Summary())
	}
	d := apply(t, b, source("p.yaml", strings.Replace(profileYAML, `to: "11:00"`, `to: "11:30"`, 1)))
	if d.Count(Changed) != 1 || ruleOf(t, b, radio.Hamlet).Version != 2 {
		t.Errorf("changed: %s", d.Summary())
	}
}

// Rules approved at the desk stay when an older folder is taken in again; the difference
// tells of it.
func TestFilesDoNotUndoTheDesk(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	for i := range b.store.plan.Policies {
		p := &b.store.plan.Policies[i]
		p.Version, p.Desk, p.Number, p.Windows = 2, true, "57/QĐ", []radio.Window{{From: 360, To: 420}}
	}
	d := apply(t, b, whole(whatYAML))
	r := ruleOf(t, b, radio.Commune)
	if r.Version != 2 || r.Windows[0].From != 360 || d.Changed() {
		t.Errorf("undone: %+v, %s", r, d.Summary())
	}
	var out strings.Builder
	if err := d.Write(&out); err != nil || !strings.Contains(out.String(), "files do not change them") || !strings.Contains(out.String(), "57/QĐ") || !strings.Contains(out.String(), "06:00–07:00") {
		t.Errorf("not told: %v %s", err, out.String())
	}
}
