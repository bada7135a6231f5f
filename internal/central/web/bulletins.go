package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// bulletinsAPage is how many bulletins a page of the list holds.
const bulletinsAPage = 50

// bulletinKeys are what the address of a list may hold.
var bulletinKeys = []string{"q", "state", "field", "campaign", "area", "mine", "again", "after"}

// bulletinRoutes are the desk for bulletins.
func (s *Server) bulletinRoutes() []route {
	page, write := s.page, radio.WriteBulletins
	one := "/bulletins/{id}/{version}"
	return slices.Concat([]route{
		{pattern: "GET /bulletins", as: page, do: s.bulletinList, may: radio.ReadBulletins},
		{pattern: "GET /bulletins/new", as: page, do: s.bulletinNew, may: write},
		{pattern: "POST /bulletins", as: page, do: s.bulletinCreate, body: maxUpload, may: write},
		{pattern: "GET " + one, as: page, do: s.bulletinPage, may: radio.ReadBulletins, of: s.ofBulletin},
		{pattern: "GET " + one + "/audio", as: page, do: s.bulletinAudio, may: radio.ReadBulletins, of: s.ofBulletin},
		{pattern: "GET " + one + "/edit", as: page, do: s.bulletinEdit, may: write, of: s.ofBulletin},
		{pattern: "POST " + one, as: page, do: s.bulletinSave, body: maxUpload, may: write, of: s.ofBulletin},
		{pattern: "POST " + one + "/submit", as: page, do: s.bulletinSubmit, may: write, of: s.ofBulletin},
		{pattern: "POST " + one + "/take-back", as: page, do: s.bulletinTakeBack, may: write, of: s.ofBulletin},
		{pattern: "POST " + one + "/delete", as: page, do: s.bulletinDelete, may: write, of: s.ofBulletin},
		{pattern: "POST " + one + "/revise", as: page, do: s.bulletinRevise, may: write, of: s.ofBulletin},
		{pattern: "POST " + one + "/decision", as: page, do: s.bulletinDecide, may: radio.DecideBulletins, of: s.ofBulletin},
	}, s.bulletinAPI(), s.uploadRoutes())
}

// version names the bulletin version in an address.
func version(r *http.Request) (radio.BulletinID, int, error) {
	id := radio.BulletinID(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || n < 1 || !radio.ValidID(id) {
		return id, 0, notFound("bulletin")
	}
	return id, n, nil
}

// ofBulletin is the desk that the bulletin in the address belongs to.
func (s *Server) ofBulletin(r *http.Request) ([]radio.AreaID, error) {
	id, n, err := version(r)
	if err != nil {
		return nil, err
	}
	b, err := s.Plan.Bulletin(r.Context(), id, n)
	if err != nil {
		return nil, err
	}
	return s.deskChain(r, b)
}

func (s *Server) deskChain(r *http.Request, b radio.Bulletin) ([]radio.AreaID, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return tree.Chain(b.Area), nil
}

// bulletin is the version in the address, for a reader who may see it: the gate knows
// areas, but not whose a draft is.
func (s *Server) bulletin(r *http.Request) (radio.Bulletin, []radio.AreaID, error) {
	id, n, err := version(r)
	if err != nil {
		return radio.Bulletin{}, nil, err
	}
	b, err := s.Plan.Bulletin(r.Context(), id, n)
	if err != nil {
		return b, nil, err
	}
	chain, err := s.deskChain(r, b)
	if err != nil {
		return b, nil, err
	}
	if !who(r).MaySee(b, chain...) {
		return radio.Bulletin{}, nil, errHidden("bulletin")
	}
	return b, chain, nil
}

type bulletinsData struct {
	Bulletins []bulletinRow
	Filter    bulletinFilter
	States    []stateChoice
	Fields    []fieldChoice
	Campaigns []radio.Campaign
	Areas     []radio.Area
	Again     int    // how many need approval again
	AgainLink string // the way to them
	Next      string // address of the next page
	MayWrite  bool
}

// bulletinFilter is what the address asks for, as it was written.
type bulletinFilter struct {
	Text     string
	State    radio.BulletinState
	Field    int
	Campaign radio.CampaignID
	Area     radio.AreaID
	Mine     bool
	Again    bool
}

type bulletinRow struct {
	radio.Bulletin
	AreaName string
	Own      bool // made by the reader, who cannot approve it
	Again    bool // approved, and nobody's signature holds for it
	Notes    []string
}

type stateChoice struct {
	State radio.BulletinState
	Count int
	Link  string
}

type fieldChoice struct {
	Value int
	Name  string
}

// bulletinList shows what waits for a decision first, then the newest; of each the
// newest version that the reader may see.
func (s *Server) bulletinList(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, bulletinKeys...)
	if err != nil {
		return err
	}
	list, next, err := s.listBulletins(r, q, bulletinsAPage)
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	d := bulletinsData{MayWrite: who(r).MaySomewhere(radio.WriteBulletins), Fields: s.fields(r)}
	d.Filter = bulletinFilter{Text: q.Get("q"), State: radio.BulletinState(q.Get("state")), Campaign: radio.CampaignID(q.Get("campaign")),
		Area: radio.AreaID(q.Get("area")), Mine: q.Get("mine") != "", Again: q.Get("again") != ""}
	d.Filter.Field, _ = strconv.Atoi(q.Get("field")) // listBulletins has read it
	if next != "" {
		d.Next = withKey(r, "after", next)
	}
	again, err := s.needAgain(r)
	if err != nil {
		return err
	}
	d.Again, d.AgainLink = len(again), withKey(r, "again", "1")
	for _, b := range list {
		row := bulletinRow{Bulletin: b, AreaName: areaName(tree, b.Area), Own: b.CreatedBy == who(r).ID}
		row.Again = slices.ContainsFunc(again, func(x radio.Bulletin) bool { return x.ID == b.ID && x.Version == b.Version })
		for _, code := range b.Warnings {
			row.Notes = append(row.Notes, s.say(r, warningText(code)))
		}
		d.Bulletins = append(d.Bulletins, row)
	}
	counts, err := s.Shelf.CountBulletins(r.Context(), who(r).BulletinView(tree))
	if err != nil {
		return err
	}
	for _, state := range radio.BulletinStates() {
		d.States = append(d.States, stateChoice{state, counts[state], withKey(r, "state", string(state))})
	}
	if d.Campaigns, err = s.Plan.Campaigns(r.Context()); err != nil {
		return err
	}
	d.Areas = desks(tree, func(chain []radio.AreaID) bool { return who(r).MayRead(radio.ReadBulletins, chain...) })
	return s.show(w, r, http.StatusOK, "bulletins.html", "Bản tin", d)
}

// mostSearch bounds the words of a search.
const mostSearch = 200

// listBulletins is the one way to a list, for the page and for programs; next is the
// cursor of the page behind it.
func (s *Server) listBulletins(r *http.Request, q url.Values, limit int) (list []radio.Bulletin, next string, err error) {
	var e radio.Invalid
	f := radio.BulletinFilter{Text: radio.TidyLine(q.Get("q"))}
	radio.CheckLine(&e, "q", f.Text, 0, mostSearch)
	if v := q.Get("mine"); v != "" && v != "1" {
		e.Add("mine", "chỉ là 1", "must be 1")
	}
	if v := q.Get("again"); v != "" && v != "1" {
		e.Add("again", "chỉ là 1", "must be 1")
	}
	if v := radio.BulletinState(q.Get("state")); v != "" {
		if f.State = v; !slices.Contains(radio.BulletinStates(), v) {
			e.Add("state", "không có tình trạng này", "no such state")
		}
	}
	if v := q.Get("field"); v != "" {
		n, err := strconv.Atoi(v)
		if f.Field = radio.Field(n); err != nil || !f.Field.Valid() {
			e.Add("field", "lĩnh vực phải từ 1 đến 6", "field must be 1 to 6")
		}
	}
	if v := radio.CampaignID(q.Get("campaign")); v != "" {
		if f.Campaign = v; !radio.ValidID(v) {
			e.Add("campaign", "mã đợt tuyên truyền không đúng", "not an id of a campaign")
		}
	}
	if v := radio.AreaID(q.Get("area")); v != "" {
		if f.Area = v; !radio.ValidID(v) {
			e.Add("area", "mã địa bàn không đúng", "not an id of an area")
		}
	}
	if q.Get("mine") != "" {
		f.Author = who(r).ID
	}
	after, err := readBulletinCursor(q.Get("after"))
	if err != nil {
		e.Add("after", "trang không đúng", "not a place in the list")
	}
	if err := e.Err(); err != nil {
		return nil, "", err
	}
	if q.Get("again") != "" {
		return s.listAgain(r, f, after, limit)
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, "", err
	}
	// One more than is shown tells whether there is a next page.
	list, err = s.Shelf.ListBulletins(r.Context(), who(r).BulletinView(tree), f, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = writeBulletinCursor(list[limit-1].Cursor())
	}
	return list, next, nil
}

func writeBulletinCursor(c radio.BulletinCursor) string {
	rank := "0"
	if c.Later {
		rank = "1"
	}
	return rank + "." + strconv.FormatInt(int64(c.CreatedAt), 10) + "." + string(c.ID)
}

func readBulletinCursor(text string) (c radio.BulletinCursor, err error) {
	if text == "" {
		return c, nil
	}
	part := strings.SplitN(text, ".", 3)
	if len(part) != 3 || part[0] != "0" && part[0] != "1" {
		return c, radio.ErrInvalid
	}
	at, err := strconv.ParseInt(part[1], 10, 64)
	c = radio.BulletinCursor{Later: part[0] == "1", CreatedAt: radio.Millis(at), ID: radio.BulletinID(part[2])}
	return c, cmp.Or(err, radio.CheckID("bulletin", c.ID))
}

// withKey is the address of the page with one key set anew; a place in the list does
// not outlive another filter.
func withKey(r *http.Request, key, value string) string {
	q := url.Values{}
	for k, v := range r.URL.Query() {
		if v[0] != "" && k != "after" {
			q.Set(k, v[0])
		}
	}
	q.Set(key, value)
	return r.URL.Path + "?" + q.Encode()
}

// desks lists the province and the communes that pass, by name, the province first.
func desks(tree radio.AreaTree, pass func(chain []radio.AreaID) bool) []radio.Area {
	var out []radio.Area
	for _, id := range append(slices.Clone(tree.Root()), tree.Communes([]radio.AreaID{radio.Everywhere})...) {
		if a, ok := tree.Area(id); ok && pass(tree.Chain(id)) {
			a.Name = areaLabel(tree, a)
			out = append(out, a)
		}
	}
	out = areasByName(out)
	slices.SortStableFunc(out, func(a, b radio.Area) int { return cmp.Compare(len(a.Parent), len(b.Parent)) })
	return out
}

func areaName(tree radio.AreaTree, id radio.AreaID) string {
	a, _ := tree.Area(id)
	return a.Name
}

func (s *Server) fields(r *http.Request) []fieldChoice {
	var out []fieldChoice
	for f := radio.Field(1); f.Valid(); f++ {
		out = append(out, fieldChoice{int(f), s.say(r, legalFieldText(f))})
	}
	return out
}
