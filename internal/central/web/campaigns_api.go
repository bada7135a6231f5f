package web

import (
	"net/http"

	"loaxa/internal/radio"
)

type campaignsAnswer struct {
	Campaigns []radio.Campaign `json:"campaigns"`
}

// campaignBody is what a program says of a campaign. Version is the one that was read
// when it is changed; code cannot be changed.
type campaignBody struct {
	Code          string                `json:"code,omitempty"`
	Title         string                `json:"title"`
	Document      string                `json:"document,omitempty"`
	Issued        radio.Date            `json:"issued,omitempty"`
	Issuer        string                `json:"issuer,omitempty"`
	From          radio.Date            `json:"from,omitempty"`
	Until         radio.Date            `json:"until,omitempty"`
	Summary       string                `json:"summary,omitempty"`
	Units         []string              `json:"units,omitempty"`
	Themes        []radio.CampaignTheme `json:"themes,omitempty"`
	Target        int64                 `json:"target,omitempty"`
	CommuneTarget int64                 `json:"commune_target,omitempty"`
	Version       int                   `json:"version,omitempty"`
}

func (b campaignBody) campaign() radio.Campaign {
	return radio.Campaign{
		Code: b.Code, Title: b.Title, Document: b.Document, Issued: b.Issued, Issuer: b.Issuer, From: b.From, Until: b.Until, Summary: b.Summary,
		Units: b.Units, Themes: b.Themes, Target: b.Target, CommuneTarget: b.CommuneTarget, Version: b.Version,
	}
}

type closedBody struct {
	Closed bool `json:"closed"`
}

func (s *Server) apiCampaigns(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	all, err := s.campaigns(r)
	if err != nil {
		return err
	}
	for i := range all {
		all[i] = whole(all[i])
	}
	return writeJSON(w, http.StatusOK, campaignsAnswer{list(all)})
}

// whole has lists for every list.
func whole(c radio.Campaign) radio.Campaign {
	c.Units, c.Themes = list(c.Units), list(c.Themes)
	return c
}

func (s *Server) apiCampaign(w http.ResponseWriter, r *http.Request) error {
	c, err := s.campaign(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, whole(c))
}

func (s *Server) apiCampaignProgress(w http.ResponseWriter, r *http.Request) error {
	c, err := s.campaign(r)
	if err != nil {
		return err
	}
	p, err := s.progress(r, c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

func (s *Server) apiCampaignCreate(w http.ResponseWriter, r *http.Request) error {
	var in campaignBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.createCampaign(r, in.campaign())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, c)
}

func (s *Server) apiCampaignSave(w http.ResponseWriter, r *http.Request) error {
	var in campaignBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.changeCampaign(r, in.campaign())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c)
}

func (s *Server) apiCampaignClose(w http.ResponseWriter, r *http.Request) error {
	var in closedBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.closeCampaign(r, in.Closed)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, whole(c))
}
