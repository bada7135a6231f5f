package web

import "loaxa/internal/radio"

// campaignThing: a campaign is the province's.
func campaignThing(h *house, w where) []string {
	if w != common {
		return nil
	}
	return []string{"campaign", string(h.plan.campaigns[0].ID)}
}

// provinceThing: what is made here is the province's.
func provinceThing(_ *house, w where) []string {
	if w != common {
		return nil
	}
	return []string{}
}

const campaignForm, campaignJSON = "code=thu&title=Thử", `{"code":"thu-2","title":"Thử"}`

func campaignFixtures() []fixture {
	return []fixture{
		{pattern: "GET /campaigns", may: radio.ReadCampaigns},
		{pattern: "GET /campaigns/new", may: radio.WriteCampaigns, thing: provinceThing},
		{pattern: "POST /campaigns", may: radio.WriteCampaigns, thing: provinceThing, body: campaignForm},
		{pattern: "GET /campaigns/{campaign}", may: radio.ReadCampaigns, thing: campaignThing},
		{pattern: "GET /campaigns/{campaign}/edit", may: radio.WriteCampaigns, thing: campaignThing},
		{pattern: "POST /campaigns/{campaign}", may: radio.WriteCampaigns, thing: campaignThing, body: campaignForm},
		{pattern: "POST /campaigns/{campaign}/closed", may: radio.WriteCampaigns, thing: campaignThing, body: "closed=true"},
		{pattern: "GET /api/v1/campaigns", may: radio.ReadCampaigns},
		{pattern: "POST /api/v1/campaigns", may: radio.WriteCampaigns, thing: provinceThing, body: campaignJSON},
		{pattern: "GET /api/v1/campaigns/{campaign}", may: radio.ReadCampaigns, thing: campaignThing},
		{pattern: "PUT /api/v1/campaigns/{campaign}", may: radio.WriteCampaigns, thing: campaignThing, body: campaignJSON},
		{pattern: "PUT /api/v1/campaigns/{campaign}/closed", may: radio.WriteCampaigns, thing: campaignThing, body: `{"closed":true}`},
		{pattern: "GET /api/v1/campaigns/{campaign}/progress", may: radio.ReadCampaigns, thing: campaignThing},
	}
}
