package web

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// Campaign and PutCampaign keep campaigns as the store does, and record who did what.
func (p *fakePlan) Campaign(_ context.Context, c radio.CampaignID) (radio.Campaign, error) {
	for _, x := range p.campaigns {
		if x.ID == c {
			return x, p.err
		}
	}
	return radio.Campaign{}, fmt.Errorf("campaign %s: %w", c, radio.ErrNotFound)
}

func (p *fakePlan) PutCampaign(_ context.Context, c radio.Campaign, action string, by radio.UserID, _ radio.Millis) error {
	for i, x := range p.campaigns {
		if x.ID != c.ID {
			continue
		}
		if x.Version != c.Version-1 {
			return fmt.Errorf("%w: it was changed meanwhile", radio.ErrConflict)
		}
		p.campaigns[i] = c
		p.saved = append(p.saved, fmt.Sprintf("%s %s %d %s", action, c.Code, c.Version, by))
		return p.err
	}
	p.campaigns = append(p.campaigns, c)
	p.saved = append(p.saved, fmt.Sprintf("%s %s %d %s", action, c.Code, c.Version, by))
	return p.err
}

// withCampaign gives the province's one campaign all that a campaign can have.
func withCampaign(h *house) *radio.Campaign {
	c := &h.plan.campaigns[0]
	c.Document, c.Issuer, c.From, c.Until = "Kế hoạch số …/KH-UBND", "Ủy ban nhân dân tỉnh Hà Tĩnh", "2025-11-01", "2025-12-31"
	c.Version, c.Summary, c.Units = 3, "Dòng một\nDòng hai", []string{"Sở A", "Sở B"}
	c.Themes = []radio.CampaignTheme{{Title: "Kỹ năng số", Unit: "Sở Khoa học và Công nghệ", With: "Tổ chuyển đổi số cộng đồng", Due: "thường xuyên", Note: "Nhiệm vụ 8"}}
	c.Target, c.CommuneTarget = 12000, 40
	c.Area = h.plan.places[0].Chain[0].ID
	return c
}
