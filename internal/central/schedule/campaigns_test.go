package schedule

import (
	"reflect"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

const campaignYAML = `campaigns:
  - code: dot
    title: Đợt
    document: Kế hoạch số 5/KH-UBND
    summary: Tóm tắt
    units: [Sở A, Sở B]
    target: 1200
    commune_target: 300
    themes:
      - {title: Kỹ năng số, unit: Sở A, with: Tổ B, due: 8/2025, note: ưu tiên}
      - title: Cải cách
`

func TestCampaignOfAFile(t *testing.T) {
	b := newBench()
	apply(t, b, source("1-where.yaml", whereYAML, "3-campaign.yaml", campaignYAML))
	got := b.store.plan.Campaigns[0]
	want := radio.Campaign{
		ID: got.ID, Code: "dot", Title: "Đợt", Document: "Kế hoạch số 5/KH-UBND", Version: 1, Area: b.store.plan.Areas[0].ID, Summary: "Tóm tắt",
		Units: []string{"Sở A", "Sở B"}, Target: 1200, CommuneTarget: 300,
		Themes: []radio.CampaignTheme{{Title: "Kỹ năng số", Unit: "Sở A", With: "Tổ B", Due: "8/2025", Note: "ưu tiên"}, {Title: "Cải cách"}},
	}
	if !reflect.DeepEqual(got, want) || got.Check() != nil {
		t.Errorf("got %+v, want %+v (%v)", got, want, got.Check())
	}

	// What a person closed on the page a file does not open again.
	b.store.plan.Campaigns[0].ClosedAt = 7
	edited := strings.NewReplacer("target: 1200", "target: 1300", "due: 8/2025", "due: thường xuyên").Replace(campaignYAML)
	d := apply(t, b, source("1-where.yaml", whereYAML, "3-campaign.yaml", edited))
	var out strings.Builder
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"    target: 1200 → 1300\n",
		"    theme 1: Kỹ năng số · unit: Sở A · with: Tổ B · due: 8/2025 · note: ưu tiên → Kỹ năng số · unit: Sở A · with: Tổ B · due: thường xuyên · note: ưu tiên\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%s lacks %q", out.String(), line)
		}
	}
	if c := b.store.plan.Campaigns[0]; c.Version != 2 || c.ClosedAt != 7 || c.ID != got.ID {
		t.Errorf("%+v", c)
	}
}

func TestCampaignMistakes(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"target: 1200", "target: many", `target "many": want a whole number from 0 to 1000000000`},
		{"commune_target: 300", "commune_target: -1", `commune_target "-1": want a whole number from 0 to 1000000000`},
		{"      - title: Cải cách", "      - unit: Sở C", `3-campaign.yaml:11:9: thiếu title / missing title`},
		{"due: 8/2025", "deadline: 8/2025", `unknown key "deadline"`},
		{"units: [Sở A, Sở B]", "units: Sở A", `units must be a list`},
		{"units: [Sở A, Sở B]", "units: [" + strings.Repeat("S,", 61) + "]", `units has 61 entries, at most 60`},
		{"title: Kỹ năng số", "title: " + strings.Repeat("k", 501), `longer than 500 characters`},
	} {
		b := newBench()
		_, err := b.Plan(t.Context(), source("1-where.yaml", whereYAML, "3-campaign.yaml", strings.Replace(campaignYAML, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}
