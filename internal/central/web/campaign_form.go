package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// spareThemes are the empty rows a form offers beside those that are filled in.
const spareThemes = 3

type campaignFormData struct {
	radio.Campaign
	New      bool
	UnitRows string
	Targets  struct{ All, Commune string } // as they were written
	Rows     []themeRow
	Problems []formProblem
}

// themeRow is a theme with its number in the form.
type themeRow struct {
	radio.CampaignTheme
	N int
}

// formProblem is a broken rule in the reader's language.
type formProblem struct{ Field, Text string }

func (s *Server) campaignForm(w http.ResponseWriter, r *http.Request, c radio.Campaign, isNew bool, broken error) error {
	d := campaignFormData{Campaign: c, New: isNew, UnitRows: strings.Join(c.Units, "\n")}
	if c.Target > 0 {
		d.Targets.All = strconv.FormatInt(c.Target, 10)
	}
	if c.CommuneTarget > 0 {
		d.Targets.Commune = strconv.FormatInt(c.CommuneTarget, 10)
	}
	for i, t := range append(append([]radio.CampaignTheme{}, c.Themes...), make([]radio.CampaignTheme, spareThemes)...) {
		d.Rows = append(d.Rows, themeRow{t, i + 1})
	}
	status := http.StatusOK
	var invalid *radio.Invalid
	if errors.As(broken, &invalid) {
		status = http.StatusUnprocessableEntity
		for _, p := range invalid.Problems {
			text := p.VI
			if languageOf(r) == english {
				text = p.EN
			}
			d.Problems = append(d.Problems, formProblem{p.Field, text})
		}
	}
	title := "Sửa đợt tuyên truyền"
	if isNew {
		title = "Đợt tuyên truyền mới"
	}
	return s.show(w, r, status, "campaignform.html", title, d)
}

func (s *Server) campaignNew(w http.ResponseWriter, r *http.Request) error {
	return s.campaignForm(w, r, radio.Campaign{}, true, nil)
}

func (s *Server) campaignEdit(w http.ResponseWriter, r *http.Request) error {
	c, err := s.campaign(r)
	if err != nil {
		return err
	}
	return s.campaignForm(w, r, c, false, nil)
}

func (s *Server) campaignCreate(w http.ResponseWriter, r *http.Request) error {
	form, err := readCampaignForm(r)
	if err != nil && !isInvalid(err) {
		return err
	}
	var c radio.Campaign
	if err == nil {
		c, err = s.createCampaign(r, form)
	}
	if isInvalid(err) {
		return s.campaignForm(w, r, form, true, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/campaigns/"+string(c.ID), http.StatusSeeOther)
	return nil
}

func (s *Server) campaignSave(w http.ResponseWriter, r *http.Request) error {
	form, err := readCampaignForm(r)
	if err != nil && !isInvalid(err) {
		return err
	}
	if err == nil {
		_, err = s.changeCampaign(r, form)
	}
	if isInvalid(err) {
		form.ID = radio.CampaignID(r.PathValue("campaign"))
		return s.campaignForm(w, r, form, false, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/campaigns/"+r.PathValue("campaign"), http.StatusSeeOther)
	return nil
}

func (s *Server) campaignClose(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	closed, err := strconv.ParseBool(r.PostFormValue("closed"))
	if err != nil {
		var e radio.Invalid
		e.Add("closed", "phải là true hoặc false", "want true or false")
		return e.Err()
	}
	if _, err := s.closeCampaign(r, closed); err != nil {
		return err
	}
	http.Redirect(w, r, "/campaigns/"+r.PathValue("campaign"), http.StatusSeeOther)
	return nil
}

func isInvalid(err error) bool {
	var invalid *radio.Invalid
	return errors.As(err, &invalid)
}

// readCampaignForm reads what the form sends. What cannot be read at all is told; rules
// are the campaign's own to check.
func readCampaignForm(r *http.Request) (radio.Campaign, error) {
	if err := readForm(r); err != nil {
		return radio.Campaign{}, err
	}
	f := r.PostForm
	c := radio.Campaign{
		Code: f.Get("code"), Title: f.Get("title"), Document: f.Get("document"), Issued: radio.Date(f.Get("issued")), Issuer: f.Get("issuer"),
		From: radio.Date(f.Get("from")), Until: radio.Date(f.Get("until")), Summary: f.Get("summary"), Units: []string{},
	}
	for _, u := range lines(f.Get("units")) {
		if strings.TrimSpace(u) != "" {
			c.Units = append(c.Units, u)
		}
	}
	at := func(key string, i int) string {
		if all := f[key]; i < len(all) {
			return all[i]
		}
		return ""
	}
	for i := range min(len(f["theme_title"]), radio.MaxCampaignThemes+spareThemes) {
		t := radio.CampaignTheme{Title: at("theme_title", i), Unit: at("theme_unit", i), With: at("theme_with", i), Due: at("theme_due", i), Note: at("theme_note", i)}
		if t != (radio.CampaignTheme{}) {
			c.Themes = append(c.Themes, t)
		}
	}
	var e radio.Invalid
	whole := func(field string) int64 {
		text := strings.TrimSpace(f.Get(field))
		if text == "" {
			return 0
		}
		// People write 80.000; a stroke of the pen more is no other number.
		n, err := strconv.ParseInt(strings.NewReplacer(".", "", ",", "", " ", "", "\u00a0", "").Replace(text), 10, 64)
		if err != nil {
			e.Add(field, "phải là số nguyên", "want a whole number")
		}
		return n
	}
	c.Target, c.CommuneTarget = whole("target"), whole("commune_target")
	if v := f.Get("version"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			e.Add("version", "không đúng", "not a version")
		}
		c.Version = n
	}
	return c, e.Err()
}
