package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Campaigns keeps campaigns one by one (store); Plan lists them.
type Campaigns interface {
	Campaign(ctx context.Context, id radio.CampaignID) (radio.Campaign, error)
	// PutCampaign keeps a new campaign or the next version of one; action is its name in
	// the audit.
	PutCampaign(ctx context.Context, c radio.Campaign, action string, by radio.UserID, at radio.Millis) error
}

const campaignsAPage = 20

// campaignRoutes are the campaigns: governing document, themes, target, progress.
func (s *Server) campaignRoutes() []route {
	const read, write = radio.ReadCampaigns, radio.WriteCampaigns
	one := s.ofCampaign
	return []route{
		{pattern: "GET /campaigns", as: s.page, do: s.campaignList, may: read},
		{pattern: "GET /campaigns/new", as: s.page, do: s.campaignNew, may: write, of: s.provinceChain},
		{pattern: "POST /campaigns", as: s.page, do: s.campaignCreate, may: write, of: s.provinceChain},
		{pattern: "GET /campaigns/{campaign}", as: s.page, do: s.campaignShow, may: read, of: one},
		{pattern: "GET /campaigns/{campaign}/edit", as: s.page, do: s.campaignEdit, may: write, of: one},
		{pattern: "POST /campaigns/{campaign}", as: s.page, do: s.campaignSave, may: write, of: one},
		{pattern: "POST /campaigns/{campaign}/closed", as: s.page, do: s.campaignClose, may: write, of: one},
		{pattern: "GET /api/v1/campaigns", as: s.api, do: s.apiCampaigns, may: read,
			doc: doc{Summary: "Campaigns, the newest period first", Out: campaignsAnswer{}}},
		{pattern: "POST /api/v1/campaigns", as: s.api, do: s.apiCampaignCreate, may: write, of: s.provinceChain,
			doc: doc{Summary: "Make a campaign", In: campaignBody{}, Out: radio.Campaign{}, Status: http.StatusCreated}},
		{pattern: "GET /api/v1/campaigns/{campaign}", as: s.api, do: s.apiCampaign, may: read, of: one,
			doc: doc{Summary: "One campaign", Out: radio.Campaign{}}},
		{pattern: "PUT /api/v1/campaigns/{campaign}", as: s.api, do: s.apiCampaignSave, may: write, of: one,
			doc: doc{Summary: "Change a campaign; version names the one that was read", In: campaignBody{}, Out: radio.Campaign{}}},
		{pattern: "PUT /api/v1/campaigns/{campaign}/closed", as: s.api, do: s.apiCampaignClose, may: write, of: one,
			doc: doc{Summary: "End a campaign, or open it again", In: closedBody{}, Out: radio.Campaign{}}},
		{pattern: "GET /api/v1/campaigns/{campaign}/progress", as: s.api, do: s.apiCampaignProgress, may: read, of: one,
			doc: doc{Summary: "Planned against aired against the target, in the communes the account may see", Out: campaignProgress{}}},
	}
}

// ofCampaign is whose the campaign in the address is.
func (s *Server) ofCampaign(r *http.Request) ([]radio.AreaID, error) {
	c, err := s.campaign(r)
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return chainOr(tree, c.Area), nil
}

func (s *Server) campaign(r *http.Request) (radio.Campaign, error) {
	id := radio.CampaignID(r.PathValue("campaign"))
	if !radio.ValidID(id) {
		return radio.Campaign{}, notFound("campaign")
	}
	return s.Campaigns.Campaign(r.Context(), id)
}

// logNow is now as the log's days and slots count.
func (s *Server) logNow() radio.LogNow {
	t := s.Now().In(s.zone)
	return radio.LogNow{Day: radio.DateOf(t), Time: radio.TimeOfDay(t.Hour()*60 + t.Minute())}
}

func (s *Server) today() radio.Date { return radio.DateOf(s.Now().In(s.zone)) }

// campaignProgress is planned against aired against the target.
type campaignProgress struct {
	Campaign radio.CampaignID    `json:"campaign"`
	State    radio.CampaignState `json:"state"`
	// DaysLeft counts today and the last day; missing when there is no last day.
	DaysLeft      *int  `json:"days_left,omitempty"`
	Target        int64 `json:"target"`
	CommuneTarget int64 `json:"commune_target"`
	// Whole says that the sums are the province's, and not of the account's communes only.
	Whole    bool                    `json:"whole"`
	Totals   radio.LogTotals         `json:"totals"`
	Communes []radio.CampaignCommune `json:"communes"`
	Months   []radio.CampaignMonth   `json:"months"`
}

// Aired counts the airings that reached the listeners whole.
func (p campaignProgress) Aired() int64 { return p.Totals.Outcomes[radio.Aired] }

// progress counts a campaign in the communes that the reader may see.
func (s *Server) progress(r *http.Request, c radio.Campaign) (campaignProgress, error) {
	communes, err := s.communesOf(r, radio.ReadCampaigns)
	if err != nil {
		return campaignProgress{}, err
	}
	counted, err := s.Log.CampaignProgress(r.Context(), c.ID, communes, s.logNow())
	if err != nil {
		return campaignProgress{}, err
	}
	p := campaignProgress{
		Campaign: c.ID, State: c.State(s.today()), Target: c.Target, CommuneTarget: c.CommuneTarget, Whole: communes == nil,
		Totals: counted.Totals, Communes: list(counted.Communes), Months: list(counted.Months),
	}
	if left, ends := c.DaysLeft(s.today()); ends {
		p.DaysLeft = &left
	}
	for i := range p.Communes {
		p.Communes[i].Months = list(p.Communes[i].Months)
	}
	return p, nil
}

// campaigns lists them, the newest period first, those that are over last.
func (s *Server) campaigns(r *http.Request) ([]radio.Campaign, error) {
	all, err := s.Plan.Campaigns(r.Context())
	if err != nil {
		return nil, err
	}
	today, states := s.today(), radio.CampaignStates()
	over := func(c radio.Campaign) int { return slices.Index(states, c.State(today)) / 2 }
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b radio.Campaign) int {
		return cmp.Or(cmp.Compare(over(a), over(b)), cmp.Compare(b.From, a.From), cmp.Compare(a.Code, b.Code))
	})
	return all, nil
}

type campaignsData struct {
	Campaigns []campaignRow
	Pager     pager
	MayWrite  bool
}

// campaignRow is a campaign with its progress in words.
type campaignRow struct {
	radio.Campaign
	State, Left string
	Progress    campaignProgress
	Bar         bar
}

// bar is a number against its target, 0 for none.
type bar struct{ Value, Target int64 }

// Percent is rounded down to a tenth, so that 100 means all of it.
func (b bar) Percent() float64 {
	if b.Target == 0 {
		return 0
	}
	return float64(b.Value*1000/b.Target) / 10
}

// Filled is how much of the bar is coloured: a target can be outdone.
func (b bar) Filled() int64 { return min(b.Value, b.Target) }

func (s *Server) campaignRow(r *http.Request, c radio.Campaign) (campaignRow, error) {
	p, err := s.progress(r, c)
	if err != nil {
		return campaignRow{}, err
	}
	row := campaignRow{Campaign: c, State: s.say(r, campaignStateText(p.State)), Progress: p}
	if p.Whole {
		row.Bar = bar{p.Aired(), p.Target}
	} else {
		mine, err := s.communesOf(r, radio.ReadCampaigns)
		if err != nil {
			return campaignRow{}, err
		}
		row.Bar = bar{p.Aired(), p.CommuneTarget * int64(len(mine))}
	}
	switch {
	case p.State == radio.CampaignClosed, p.State == radio.CampaignOver:
	case p.DaysLeft == nil:
		row.Left = s.say(r, "không có ngày kết thúc")
	case p.State == radio.CampaignRunning:
		row.Left = s.say(r, "còn %d ngày", *p.DaysLeft)
	}
	return row, nil
}

func (s *Server) campaignList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.campaigns(r)
	if err != nil {
		return err
	}
	d := campaignsData{}
	shown, pager := part(r, all, campaignsAPage)
	d.Pager = pager
	for _, c := range shown {
		row, err := s.campaignRow(r, c)
		if err != nil {
			return err
		}
		d.Campaigns = append(d.Campaigns, row)
	}
	if d.MayWrite, err = s.mayWriteCampaign(r, radio.Campaign{}); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "campaigns.html", "Đợt tuyên truyền", d)
}

// mayWriteCampaign says whether to offer the reader what they may do.
func (s *Server) mayWriteCampaign(r *http.Request, c radio.Campaign) (bool, error) {
	tree, err := s.tree(r)
	if err != nil {
		return false, err
	}
	return who(r).May(radio.WriteCampaigns, chainOr(tree, c.Area)...), nil
}

// saveCampaign keeps a campaign for the person who asks, and tells open pages.
func (s *Server) saveCampaign(r *http.Request, c radio.Campaign, action string) error {
	if err := s.Campaigns.PutCampaign(r.Context(), c, action, who(r).ID, radio.At(s.Now())); err != nil {
		return campaignConflict(err)
	}
	s.Live.Changed(TopicCampaigns)
	return nil
}

// createCampaign makes a campaign of the province.
func (s *Server) createCampaign(r *http.Request, form radio.Campaign) (radio.Campaign, error) {
	tree, err := s.tree(r)
	if err != nil {
		return form, err
	}
	root := tree.Root()
	if len(root) == 0 {
		return form, notFound("province")
	}
	c, err := radio.NewCampaign(form, root[0])
	if err != nil {
		return c, err
	}
	all, err := s.Plan.Campaigns(r.Context())
	if err != nil {
		return c, err
	}
	if slices.ContainsFunc(all, func(x radio.Campaign) bool { return x.Code == c.Code }) {
		var e radio.Invalid
		e.Add("code", "mã này đã có đợt khác dùng", "another campaign has this code")
		return c, e.Err()
	}
	return c, s.saveCampaign(r, c, "campaign.add")
}

// changeCampaign makes the next version of the campaign in the address.
func (s *Server) changeCampaign(r *http.Request, form radio.Campaign) (radio.Campaign, error) {
	old, err := s.campaign(r)
	if err != nil {
		return old, err
	}
	c, err := old.Edited(form)
	if err != nil {
		return c, campaignConflict(err)
	}
	return c, s.saveCampaign(r, c, "campaign.change")
}

// closeCampaign ends the campaign in the address, or opens it again.
func (s *Server) closeCampaign(r *http.Request, closed bool) (radio.Campaign, error) {
	c, err := s.campaign(r)
	if err != nil {
		return c, err
	}
	if c, err = c.Close(closed, radio.At(s.Now())); err != nil {
		return c, campaignConflict(err)
	}
	action := "campaign.open"
	if closed {
		action = "campaign.close"
	}
	return c, s.saveCampaign(r, c, action)
}

// campaignConflict says in Vietnamese what a conflict of campaigns is about.
func campaignConflict(err error) error {
	if errors.Is(err, radio.ErrConflict) {
		return told{err, "Đợt này vừa được người khác sửa hoặc đã kết thúc. Hãy mở lại trang rồi làm lại."}
	}
	return err
}

func campaignStateText(c radio.CampaignState) string {
	return word(map[radio.CampaignState]string{
		radio.CampaignComing: "Chưa bắt đầu", radio.CampaignRunning: "Đang thực hiện", radio.CampaignOver: "Đã hết thời gian", radio.CampaignClosed: "Đã kết thúc",
	}, c)
}

// count writes a whole number in groups of three: 80.000, in English 80,000.
func (sp speech) count(n int64) string {
	mark := "."
	if sp.language == english {
		mark = ","
	}
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + mark + text[i:]
	}
	return text
}

// month writes "2026-11" as people do.
func month(m string) string {
	t, err := time.Parse("2006-01", m)
	if err != nil {
		return m
	}
	return t.Format("01/2006")
}

// logOf is the address of the log of a campaign, narrowed further by what is not empty.
func logOf(c radio.CampaignID, commune radio.AreaID, o radio.Outcome) string {
	q := url.Values{"campaign": {string(c)}}
	if commune != "" {
		q.Set("commune", string(commune))
	}
	if o != "" {
		q.Set("outcome", string(o))
	}
	return "/log?" + q.Encode()
}

func lines(s string) []string { return strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
