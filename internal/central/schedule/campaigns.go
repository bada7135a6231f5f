package schedule

import (
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// campaignPlan is what a file may say of a campaign besides its governing document and
// its period. Files of before the desk say none of it.
type campaignPlan struct {
	summary               text
	units                 []text
	themes                []radio.CampaignTheme
	target, communeTarget int
}

func readCampaignPlan(m *mapping) campaignPlan {
	p := campaignPlan{
		summary: m.lines("summary", 4000), units: m.texts("units"),
		target:        m.r.checkNumberOr("target", m.text("target"), 0, 0, radio.MaxCampaignTarget),
		communeTarget: m.r.checkNumberOr("commune_target", m.text("commune_target"), 0, 0, radio.MaxCampaignTarget),
	}
	for i, u := range p.units {
		p.units[i] = m.r.checkLength(u, 200)
	}
	m.each("themes", func(m *mapping) {
		p.themes = append(p.themes, radio.CampaignTheme{
			Title: m.needWords("title", 500).s, Unit: m.words("unit", 200).s, With: m.words("with", 300).s,
			Due: m.words("due", 100).s, Note: m.words("note", 500).s,
		})
	})
	for _, many := range []struct {
		key     string
		n, most int
	}{{"units", len(p.units), radio.MaxCampaignUnits}, {"themes", len(p.themes), radio.MaxCampaignThemes}} {
		if many.n > many.most {
			m.r.problems.add(m.at, fmt.Sprintf("%s có %d mục, nhiều nhất %d", many.key, many.n, many.most),
				fmt.Sprintf("%s has %d entries, at most %d", many.key, many.n, many.most))
		}
	}
	return p
}

func (b *builder) buildCampaigns() {
	stored := map[string]radio.Campaign{}
	for _, c := range b.cur.Campaigns {
		stored[c.Code] = c
	}
	seen := known{}
	for _, d := range b.f.campaigns {
		if !b.first(seen, "campaign", d.code) {
			continue
		}
		old, exists := stored[d.code.s]
		c := radio.Campaign{
			ID: old.ID, Code: d.code.s, Title: d.title.s, Document: d.document.s,
			Issued: d.issued, Issuer: d.issuer.s, From: d.from, Until: d.until,
			Version: old.Version + 1, Area: old.Area, Summary: d.summary.s, Units: []string{}, Themes: []radio.CampaignTheme{},
			Target: int64(d.target), CommuneTarget: int64(d.communeTarget), ClosedAt: old.ClosedAt,
		}
		for _, u := range d.units {
			c.Units = append(c.Units, u.s)
		}
		c.Themes = append(c.Themes, d.themes...)
		if !exists {
			c.ID = radio.NewID[radio.CampaignID]()
		}
		if c.Area == "" {
			c.Area = b.onlyProvince()
		}
		b.putCampaign(c.Code, c.ID)
		was := fieldsIf(exists, func() []field { return campaignFields(old) })
		if b.diff.compare("campaign", c.Code, c.Title, was, campaignFields(c)) {
			b.change.Campaigns = append(b.change.Campaigns, c)
		}
	}
}

// onlyProvince is the one province of the files and the store; "" while there is none,
// or more than one.
func (b *builder) onlyProvince() radio.AreaID {
	var found []radio.AreaID
	for _, a := range b.areaByID {
		if a.Kind == radio.Province {
			found = append(found, a.ID)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func campaignFields(c radio.Campaign) []field {
	out := []field{
		{"title", c.Title}, {"document", c.Document}, {"issued", string(c.Issued)}, {"issuer", c.Issuer},
		{"from", string(c.From)}, {"until", string(c.Until)}, {"summary", c.Summary}, {"units", strings.Join(c.Units, "; ")},
		{"target", fmt.Sprint(c.Target)}, {"commune_target", fmt.Sprint(c.CommuneTarget)},
	}
	for i, t := range c.Themes {
		parts := []string{t.Title}
		for _, p := range []struct{ label, value string }{{"unit", t.Unit}, {"with", t.With}, {"due", t.Due}, {"note", t.Note}} {
			if p.value != "" {
				parts = append(parts, p.label+": "+p.value)
			}
		}
		out = append(out, field{fmt.Sprintf("theme %d", i+1), strings.Join(parts, " · ")})
	}
	return out
}
