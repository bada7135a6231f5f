package schedule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// exception puts one under the policy of the first file.
func exception(text string) []string {
	return where("label: ví dụ", "label: ví dụ\n    exceptions:\n      - "+text)
}

func TestPolicyOfAFile(t *testing.T) {
	f := &folder{}
	parse(f, "a.yaml", []byte(`policies:
  - area: xa
    label: Quyết định 5/QĐ-UBND
    max_sessions: 2
    max_minutes: 45
    windows: [{from: "05:00", to: "06:00"}]
    exceptions:
      - {label: Tết Đinh Mùi, from: 2027-02-05, until: 2027-02-10, windows: [{from: "08:00", to: "08:30"}, {from: "23:30", to: "00:30"}]}
      - {label: Quốc khánh, date: 2027-09-02, windows: []}
`))
	if len(f.problems) > 0 {
		t.Fatal(f.problems)
	}
	d := f.policies[0]
	p := radio.PolicyRule{Target: radio.Target{Area: "x"}, Zone: "Asia/Ho_Chi_Minh", Windows: d.windows, Exceptions: d.exceptions, MaxSessions: d.maxSessions, MaxMinutes: d.maxMinutes}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p.For("d"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `"exceptions":[{"from":"2027-02-05","until":"2027-02-10","windows":[{"from":"08:00","to":"08:30"},{"from":"23:30","to":"00:30"}],"label":"Tết Đinh Mùi"},{"from":"2027-09-02","until":"2027-09-02","windows":[],"label":"Quốc khánh"}],"max_sessions":2,"max_minutes":45`
	if !strings.Contains(string(b), want) {
		t.Errorf("%s", b)
	}
	fields := policyFields(p)
	var text []string
	for _, x := range fields {
		text = append(text, x.name+"="+x.value)
	}
	if got := strings.Join(text, "; "); !strings.Contains(got, "max_sessions=2; max_minutes=45; exception 1=Tết Đinh Mùi 2027-02-05–2027-02-10 08:00–08:30, 23:30–00:30; exception 2=Quốc khánh 2027-09-02–2027-09-02") {
		t.Error(got)
	}
}

// A policy that says nothing of the coming Tết is taken, with a warning.
func TestTetIsMissed(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"nothing said": {where(), "says nothing for Tết 2027 (first day 2027-02-06)"},
		"another date": {exception("{label: Lễ, date: 2027-02-05, windows: []}"), "Tết 2027"},
		"said":         {exception("{label: Tết, from: 2027-02-05, until: 2027-02-10, windows: []}"), ""},
	} {
		src := source(c.files...)
		f, err := src.read()
		if err != nil {
			t.Fatal(err)
		}
		b := newBuilder(src, f, radio.Plan{}, nil)
		b.buildAreas()
		b.buildDevices()
		b.buildPolicies()
		if err := b.problems.err(); err != nil {
			t.Fatal(name, err)
		}
		b.noteTet(now)
		got := strings.Join(b.diff.Notes, "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
		var out strings.Builder
		if err := b.diff.Write(&out); err != nil || !strings.Contains(out.String(), got) {
			t.Errorf("%s: not shown: %s %v", name, out.String(), err)
		}
	}
}
