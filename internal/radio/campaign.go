package radio

import (
	"fmt"
	"slices"
	"time"
)

// CampaignTheme is a task of the governing document that loudspeakers can carry, with the
// unit that leads it (cơ quan chủ trì), those that help, and when it is due in the
// document's own words ("thường xuyên", "8/2025").
type CampaignTheme struct {
	Title string `json:"title"`
	Unit  string `json:"unit"`
	With  string `json:"with"`
	Due   string `json:"due"`
	Note  string `json:"note"`
}

const (
	MaxCampaignThemes = 60
	MaxCampaignUnits  = 60
	MaxCampaignTarget = 1_000_000_000
)

// CampaignState is where a campaign stands on a day.
type CampaignState string

const (
	CampaignComing  CampaignState = "coming"  // chưa bắt đầu
	CampaignRunning CampaignState = "running" // đang thực hiện
	CampaignOver    CampaignState = "over"    // đã hết thời gian
	CampaignClosed  CampaignState = "closed"  // đã kết thúc
)

// CampaignStates lists every state in the order of a campaign's life.
func CampaignStates() []CampaignState {
	return []CampaignState{CampaignComing, CampaignRunning, CampaignOver, CampaignClosed}
}

// State of the campaign on a local day.
func (c Campaign) State(today Date) CampaignState {
	switch {
	case c.ClosedAt != 0:
		return CampaignClosed
	case c.From != "" && today < c.From:
		return CampaignComing
	case c.Until != "" && today > c.Until:
		return CampaignOver
	}
	return CampaignRunning
}

// DaysLeft counts the days from today to the last one, both of them; 0 when it is over,
// ok is false when it has no last day.
func (c Campaign) DaysLeft(today Date) (days int, ok bool) {
	last, err1 := time.Parse(time.DateOnly, string(c.Until))
	now, err2 := time.Parse(time.DateOnly, string(today))
	if err1 != nil || err2 != nil {
		return 0, false
	}
	return max(0, int(last.Sub(now)/(24*time.Hour))+1), true
}

// NewCampaign makes the first version of a campaign of an area of what a form says.
func NewCampaign(form Campaign, area AreaID) (Campaign, error) {
	c := form.tidy()
	c.ID, c.Area, c.Version, c.ClosedAt = NewID[CampaignID](), area, 1, 0
	return c, c.Check()
}

// Edited makes the next version. The form names the version it was filled in from, so
// that nobody overwrites what they have not seen; code, place and end stay.
func (c Campaign) Edited(form Campaign) (Campaign, error) {
	if form.Version != c.Version {
		return c, fmt.Errorf("%w: campaign %s was changed meanwhile, from version %d to %d", ErrConflict, c.Code, form.Version, c.Version)
	}
	if c.ClosedAt != 0 {
		return c, fmt.Errorf("%w: campaign %s is closed; open it again first", ErrConflict, c.Code)
	}
	next := form.tidy()
	next.ID, next.Code, next.Area, next.Version, next.ClosedAt = c.ID, c.Code, c.Area, c.Version+1, 0
	return next, next.Check()
}

// Close ends the campaign, or opens it again.
func (c Campaign) Close(closed bool, at Millis) (Campaign, error) {
	if closed == (c.ClosedAt != 0) {
		return c, fmt.Errorf("%w: campaign %s is so already", ErrConflict, c.Code)
	}
	c.Version++
	c.ClosedAt = 0
	if closed {
		c.ClosedAt = at
	}
	return c, nil
}

// tidy brings what people wrote into one form and drops rows left empty.
func (c Campaign) tidy() Campaign {
	c.Code, c.Title, c.Document, c.Issuer = TidyLine(c.Code), TidyLine(c.Title), TidyLine(c.Document), TidyLine(c.Issuer)
	c.Summary = TidyText(c.Summary)
	units := []string{}
	for _, u := range c.Units {
		if u = TidyLine(u); u != "" && !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	themes := []CampaignTheme{}
	for _, t := range c.Themes {
		t = CampaignTheme{TidyLine(t.Title), TidyLine(t.Unit), TidyLine(t.With), TidyLine(t.Due), TidyLine(t.Note)}
		if t != (CampaignTheme{}) {
			themes = append(themes, t)
		}
	}
	c.Units, c.Themes = units, themes
	return c
}

// Check lists the broken rules.
func (c Campaign) Check() error {
	var e Invalid
	if !ValidCode(c.Code) {
		e.Add("code", "mã chỉ gồm a–z, 0–9, dấu chấm, gạch nối, dài 1–64", "use 1-64 of a-z, 0-9, dot and hyphen")
	}
	CheckLine(&e, "title", c.Title, 1, 300)
	CheckLine(&e, "document", c.Document, 0, 200)
	CheckLine(&e, "issuer", c.Issuer, 0, 200)
	CheckText(&e, "summary", c.Summary, 0, 4000)
	for _, d := range []struct {
		field string
		day   Date
	}{{"issued", c.Issued}, {"from", c.From}, {"until", c.Until}} {
		if _, err := ParseDate(string(d.day)); d.day != "" && err != nil {
			e.Add(d.field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
	}
	if c.From != "" && c.Until != "" && c.From > c.Until {
		e.Add("until", "ngày cuối đứng trước ngày đầu", "the last day is before the first")
	}
	for _, n := range []struct {
		field string
		value int64
	}{{"target", c.Target}, {"commune_target", c.CommuneTarget}} {
		if n.value < 0 || n.value > MaxCampaignTarget {
			e.Add(n.field, fmt.Sprintf("chỉ tiêu phải từ 0 đến %d lượt phát", MaxCampaignTarget), fmt.Sprintf("want 0 to %d airings", MaxCampaignTarget))
		}
	}
	if len(c.Units) > MaxCampaignUnits {
		e.Add("units", fmt.Sprintf("nhiều nhất %d đơn vị", MaxCampaignUnits), fmt.Sprintf("at most %d units", MaxCampaignUnits))
	}
	if len(c.Themes) > MaxCampaignThemes {
		e.Add("themes", fmt.Sprintf("nhiều nhất %d chuyên đề", MaxCampaignThemes), fmt.Sprintf("at most %d themes", MaxCampaignThemes))
	}
	for i, u := range c.Units[:min(len(c.Units), MaxCampaignUnits)] {
		CheckLine(&e, fmt.Sprintf("units.%d", i+1), u, 1, 200)
	}
	for i, t := range c.Themes[:min(len(c.Themes), MaxCampaignThemes)] {
		field := fmt.Sprintf("themes.%d.", i+1)
		CheckLine(&e, field+"title", t.Title, 1, 500)
		CheckLine(&e, field+"unit", t.Unit, 0, 200)
		CheckLine(&e, field+"with", t.With, 0, 300)
		CheckLine(&e, field+"due", t.Due, 0, 100)
		CheckLine(&e, field+"note", t.Note, 0, 500)
	}
	return e.Err()
}
