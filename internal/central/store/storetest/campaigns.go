package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func campaignSuites() []Suite {
	return []Suite{
		{"campaigns: versions and their audit", campaignVersions},
		{"campaigns: an import does not overwrite what it has not seen", campaignImport},
	}
}

func campaignVersions(t *testing.T, s *store.Store) {
	ctx := t.Context()
	c := SamplePlan().Campaigns[0]
	by := radio.NewID[radio.UserID]()
	must(t, s.PutCampaign(ctx, c, "campaign.add", by, planAt))
	got, err := s.Campaign(ctx, c.ID)
	must(t, err)
	same(t, "campaign", got, c)

	next := c
	next.Version, next.Title, next.Units, next.Themes, next.ClosedAt = 2, "Đợt hai", nil, nil, planAt+1
	must(t, s.PutCampaign(ctx, next, "campaign.close", by, planAt+1))
	got, err = s.Campaign(ctx, c.ID)
	must(t, err)
	next.Units, next.Themes = []string{}, []radio.CampaignTheme{}
	same(t, "campaign after", got, next)

	// From a version that is not the newest any more, and over one that is not there.
	wantKind(t, s.PutCampaign(ctx, next, "campaign.change", by, planAt+2), radio.ErrConflict)
	next.Version = 4
	wantKind(t, s.PutCampaign(ctx, next, "campaign.change", by, planAt+2), radio.ErrConflict)
	other := c
	other.ID = radio.NewID[radio.CampaignID]()
	wantKind(t, s.PutCampaign(ctx, other, "campaign.add", by, planAt+2), radio.ErrConflict)
	_, err = s.Campaign(ctx, other.ID)
	wantKind(t, err, radio.ErrNotFound)

	log, err := s.Audit(ctx, string(c.ID), 10)
	must(t, err)
	if len(log) != 2 || log[0].Action != "campaign.close" || log[0].Actor != string(by) || log[1].Action != "campaign.add" {
		t.Errorf("audit: %+v", log)
	}
}

func campaignImport(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := SamplePlan()
	must(t, s.ApplyPlan(ctx, plan))
	c := plan.Campaigns[0]
	c.Version, c.Title = 2, "Sửa trên trang"
	must(t, s.PutCampaign(ctx, c, "campaign.change", plan.Author, planAt+1))
	// Planned before that edit, applied after it.
	plan.Campaigns[0].Version, plan.Campaigns[0].Title = 2, "Từ tệp"
	wantKind(t, s.ApplyPlan(ctx, radio.PlanChange{At: planAt + 2, Author: plan.Author, Approver: plan.Approver, Campaigns: plan.Campaigns}), radio.ErrConflict)
	got, err := s.Campaign(ctx, c.ID)
	must(t, err)
	same(t, "title", got.Title, "Sửa trên trang")
}
