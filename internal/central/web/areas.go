package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// AreaDesk records what is decided about areas.
type AreaDesk interface {
	AreaChanges(ctx context.Context) ([]radio.AreaChange, error)
	AreaNames(ctx context.Context) ([]radio.AreaName, error)
	// PreviewAreaChange tells what a change does; radio.ErrConflict or ErrInvalid with the
	// reason when it cannot be done.
	PreviewAreaChange(ctx context.Context, c radio.AreaChange) (radio.AreaReport, error)
	// RecordAreaChange keeps it until its day, or has it take effect at once.
	RecordAreaChange(ctx context.Context, c radio.AreaChange, by radio.UserID) (radio.AreaChange, error)
	// DropAreaChange takes back what has not taken effect.
	DropAreaChange(ctx context.Context, id radio.AreaChangeID, by radio.UserID) error
}

// AreaFiles brings areas and clusters in from tables.
type AreaFiles interface {
	Import(ctx context.Context, name string, data []byte, by radio.UserID, dry bool) (radio.PlaceImport, error)
}

// maxPlacesUpload bounds a table of places with its form.
const maxPlacesUpload = 6 << 20

func (s *Server) areaRoutes() []route {
	page, api := s.page, s.api
	dry := []string{"dry_run"}
	return []route{
		{pattern: "GET /areas", as: page, do: s.areaList, may: radio.ReadDevices},
		{pattern: "POST /areas/changes/{kind}", as: page, do: s.areaChange, may: radio.WriteDevices, of: s.provinceChain},
		{pattern: "POST /areas/changes/{change}/drop", as: page, do: s.areaDrop, may: radio.WriteDevices, of: s.provinceChain},
		{pattern: "GET /areas/import", as: page, do: s.placesForm, may: radio.WriteDevices},
		{pattern: "POST /areas/import/{step}", as: page, do: s.placesImport, may: radio.WriteDevices, of: s.provinceChain, body: maxPlacesUpload},

		{pattern: "GET /api/v1/areas", as: api, do: s.apiAreas, may: radio.ReadDevices,
			doc: doc{Summary: "The areas, those that were merged with their last day, the names they had, and what is decided about them", Out: areasAnswer{}}},
		{pattern: "POST /api/v1/areas/changes/{kind}", as: api, do: s.apiAreaChange, may: radio.WriteDevices, of: s.provinceChain,
			doc: doc{Summary: "Merge, split or rename areas from a day on; with dry_run=true only tell what it does", In: areaBody{}, Out: radio.AreaReport{}, Query: dry}},
		{pattern: "DELETE /api/v1/areas/decisions/{change}", as: api, do: s.apiAreaDrop, may: radio.WriteDevices, of: s.provinceChain,
			doc: doc{Summary: "Take back a change whose day has not come", Status: http.StatusNoContent}},
		{pattern: "POST /api/v1/areas/import/{step}", as: api, do: s.apiPlaces, may: radio.WriteDevices, of: s.provinceChain, body: maxPlacesUpload,
			doc: doc{Summary: "Bring areas and clusters in from a table (multipart/form-data, part file: CSV or XLSX): all of it or nothing; step is check or write", Out: radio.PlaceImport{}}},
	}
}

// areaBody is a change as programs write it; see radio.AreaChange.
type areaBody struct {
	From    radio.Date       `json:"from"`
	Areas   []radio.AreaID   `json:"areas,omitempty"`
	Devices []radio.DeviceID `json:"devices,omitempty"`
	Into    radio.AreaID     `json:"into,omitempty"`
	Code    string           `json:"code,omitempty"`
	Name    string           `json:"name,omitempty"`
	Number  string           `json:"number,omitempty"`
	Issuer  string           `json:"issuer,omitempty"`
	Issued  radio.Date       `json:"issued,omitempty"`
	Carry   bool             `json:"carry,omitempty"`
}

func (b areaBody) change(kind string) radio.AreaChange {
	return radio.AreaChange{Kind: radio.AreaChangeKind(kind), From: b.From, Areas: b.Areas, Devices: b.Devices, Into: b.Into, Code: b.Code, Name: b.Name,
		Number: b.Number, Issuer: b.Issuer, Issued: b.Issued, Carry: b.Carry}
}

type areasAnswer struct {
	Areas   []radio.Area       `json:"areas"`
	Names   []radio.AreaName   `json:"names"`
	Changes []radio.AreaChange `json:"changes"`
}

// readAreas gives what the reader may know of the areas: their own, and what is decided
// about any of them.
func (s *Server) readAreas(r *http.Request) (a areasAnswer, tree radio.AreaTree, err error) {
	if tree, err = s.tree(r); err != nil {
		return a, tree, err
	}
	names, err := s.AreaDesk.AreaNames(r.Context())
	if err != nil {
		return a, tree, err
	}
	changes, err := s.AreaDesk.AreaChanges(r.Context())
	if err != nil {
		return a, tree, err
	}
	reads := func(id radio.AreaID) bool {
		chain := tree.Chain(id)
		return len(chain) > 0 && who(r).MayRead(radio.ReadDevices, chain...)
	}
	a = areasAnswer{Areas: []radio.Area{}, Names: []radio.AreaName{}, Changes: []radio.AreaChange{}}
	for _, x := range tree.All() {
		if reads(x.ID) {
			a.Areas = append(a.Areas, x)
		}
	}
	slices.SortFunc(a.Areas, func(x, y radio.Area) int { return cmp.Compare(x.Code, y.Code) })
	for _, n := range names {
		if reads(n.Area) {
			a.Names = append(a.Names, n)
		}
	}
	whole := who(r).May(radio.ReadDevices, tree.Root()...)
	for _, c := range changes {
		if whole || slices.ContainsFunc(append(slices.Clone(c.Areas), c.Into, c.New), reads) {
			a.Changes = append(a.Changes, c)
		}
	}
	return a, tree, nil
}

// undone counts the changes whose day has come and that could not be done, for those who
// can mend it.
func (s *Server) undone(r *http.Request, tree radio.AreaTree) (n int, err error) {
	if !who(r).May(radio.WriteDevices, tree.Root()...) {
		return 0, nil
	}
	changes, err := s.AreaDesk.AreaChanges(r.Context())
	for _, c := range changes {
		if c.Waits() && c.Failed != "" {
			n++
		}
	}
	return n, err
}

// areaRow is one area of the page, with the clusters in it.
type areaRow struct {
	radio.Area
	Depth   int
	Devices int
	Now     string // what took it, where it was merged
	Before  []radio.AreaName
}

// areaChangeRow is one decision with the names of what it concerns.
type areaChangeRow struct {
	radio.AreaChange
	Names []string
	Taker string
}

// areaPick is one box or line to choose from.
type areaPick struct {
	ID     radio.AreaID
	Name   string
	Within string
	Kind   radio.AreaKind
}

type areasData struct {
	Rows    []areaRow
	Changes []areaChangeRow
	Write   bool
	Picks   []areaPick // communes and hamlets of today
	Again   retry
	Report  *areaReport
}

// areaReport is what a change would do, with names.
type areaReport struct {
	radio.AreaReport
	Moves  []areaMove
	People []areaPersonRow
	Keys   []areaPersonRow
}

type areaMove struct{ Was, Now string }

type areaPersonRow struct {
	radio.AreaPerson
	AreaName string
}

// Communes and Hamlets are what there is to choose from.
func (d areasData) Communes() []areaPick { return d.of(radio.Commune) }

// Hamlets are those of today.
func (d areasData) Hamlets() []areaPick { return d.of(radio.Hamlet) }

func (d areasData) of(k radio.AreaKind) (out []areaPick) {
	for _, p := range d.Picks {
		if p.Kind == k {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) areaList(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	return s.showAreas(w, r, areasData{})
}

func (s *Server) showAreas(w http.ResponseWriter, r *http.Request, d areasData) error {
	a, tree, err := s.readAreas(r)
	if err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	count := map[radio.AreaID]int{}
	for _, p := range places {
		for _, x := range p.Chain {
			count[x.ID]++
		}
	}
	name := func(id radio.AreaID) string { x, _ := tree.Area(id); return x.Name }
	path := map[radio.AreaID]string{} // sorts an area behind the one it lies in
	for _, x := range a.Areas {
		chain := tree.Chain(x.ID)
		var b strings.Builder
		for _, up := range chain {
			b.WriteString(alphabet.Key(name(up)) + "\x00" + string(up) + "\x00")
		}
		path[x.ID] = b.String()
		row := areaRow{Area: x, Depth: len(chain) - 1, Devices: count[x.ID]}
		if x.Ended() {
			row.Now = name(x.Parent)
		}
		for _, n := range a.Names {
			if n.Area == x.ID {
				row.Before = append(row.Before, n)
			}
		}
		d.Rows = append(d.Rows, row)
		if x.Kind != radio.Province && !x.Ended() {
			pick := areaPick{ID: x.ID, Name: x.Name, Kind: x.Kind}
			if c, ok := tree.LiveCommune(x.ID); ok && c.ID != x.ID {
				pick.Within = c.Name
			}
			d.Picks = append(d.Picks, pick)
		}
	}
	slices.SortFunc(d.Rows, func(x, y areaRow) int { return cmp.Compare(path[x.ID], path[y.ID]) })
	slices.SortFunc(d.Picks, func(x, y areaPick) int { return cmp.Compare(path[x.ID], path[y.ID]) })
	for _, c := range a.Changes {
		row := areaChangeRow{AreaChange: c, Taker: cmp.Or(name(c.Takes()), c.Name, c.Code)}
		for _, id := range c.Areas {
			was := name(id)
			for _, x := range c.Was {
				if x.ID == id {
					was = x.Name
				}
			}
			row.Names = append(row.Names, was)
		}
		d.Changes = append(d.Changes, row)
	}
	d.Write = who(r).May(radio.WriteDevices, tree.Root()...)
	if d.Report != nil {
		d.Report.name(name)
	}
	return s.show(w, r, d.Again.Status(), "areas.html", "Các địa bàn", d)
}

// name puts names to what a report tells.
func (p *areaReport) name(of func(radio.AreaID) string) {
	for _, was := range p.Effect.Was {
		for _, a := range p.Effect.Areas {
			switch {
			case a.ID != was.ID:
			case a.Parent != was.Parent:
				p.Moves = append(p.Moves, areaMove{was.Name, p.Effect.Takes.Name})
			default:
				p.Moves = append(p.Moves, areaMove{was.Name + " (" + was.Code + ")", a.Name + " (" + a.Code + ")"})
			}
		}
	}
	for _, x := range p.AreaReport.People {
		p.People = append(p.People, areaPersonRow{x, of(x.Area)})
	}
	for _, x := range p.AreaReport.Keys {
		p.Keys = append(p.Keys, areaPersonRow{x, of(x.Area)})
	}
}

// changeForm reads a change as people write it. A cluster is named by its code.
func (s *Server) changeForm(r *http.Request) (radio.AreaChange, error) {
	f := r.PostForm
	b := areaBody{From: radio.Date(f.Get("from")), Into: radio.AreaID(f.Get("into")), Code: f.Get("code"), Name: f.Get("name"), Number: f.Get("number"),
		Issuer: f.Get("issuer"), Issued: radio.Date(f.Get("issued")), Carry: f.Get("carry") != ""}
	for _, id := range f["areas"] {
		if id != "" {
			b.Areas = append(b.Areas, radio.AreaID(id))
		}
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return radio.AreaChange{}, err
	}
	var e radio.Invalid
	for _, code := range strings.FieldsFunc(f.Get("devices"), func(c rune) bool { return strings.ContainsRune(", ;\r\n\t", c) }) {
		i := slices.IndexFunc(places, func(p radio.Place) bool { return p.Device.Code == code })
		if i < 0 {
			e.Add("devices", "không có cụm loa mã “"+clip(code, 64)+"”", "no device has the code "+clip(code, 64))
			continue
		}
		b.Devices = append(b.Devices, places[i].Device.ID)
	}
	return b.change(r.PathValue("kind")), e.Err()
}

func (s *Server) areaChange(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	c, err := s.changeForm(r)
	var p radio.AreaReport
	if err == nil {
		p, err = s.changeAreas(r, c, r.PostFormValue("do") != "record")
	}
	if again, ok := s.again(w, r, r.PathValue("kind"), "", err); ok {
		return s.showAreas(w, r, areasData{Again: again})
	}
	if err != nil {
		return err
	}
	if r.PostFormValue("do") != "record" {
		d := areasData{Report: &areaReport{AreaReport: p}}
		d.Again = retry{which: r.PathValue("kind"), words: url.Values(r.PostForm), Reason: answer{Status: http.StatusOK}}
		return s.showAreas(w, r, d)
	}
	http.Redirect(w, r, "/areas#changes", http.StatusSeeOther)
	return nil
}

// changeAreas tells what a change does, and records it unless dry.
func (s *Server) changeAreas(r *http.Request, c radio.AreaChange, dry bool) (radio.AreaReport, error) {
	p, err := s.AreaDesk.PreviewAreaChange(r.Context(), c)
	if err != nil || dry {
		return p, err
	}
	if p.Change, err = s.AreaDesk.RecordAreaChange(r.Context(), c, who(r).ID); err != nil {
		return p, err
	}
	s.forgetAreas()
	s.Live.Changed(TopicDevices)
	return p, nil
}

// forgetAreas has the tree read anew.
func (s *Server) forgetAreas() {
	s.areas.mu.Lock()
	defer s.areas.mu.Unlock()
	s.areas.tree = radio.AreaTree{}
	s.areas.at = s.areas.at.AddDate(-1, 0, 0)
}

func (s *Server) areaDrop(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	err := s.AreaDesk.DropAreaChange(r.Context(), radio.AreaChangeID(r.PathValue("change")), who(r).ID)
	if again, ok := s.again(w, r, "drop", "", err); ok {
		return s.showAreas(w, r, areasData{Again: again})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/areas#changes", http.StatusSeeOther)
	return nil
}

func (s *Server) apiAreas(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	a, _, err := s.readAreas(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) apiAreaChange(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "dry_run")
	if err != nil {
		return err
	}
	var in areaBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	p, err := s.changeAreas(r, in.change(r.PathValue("kind")), q.Get("dry_run") == "true")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

func (s *Server) apiAreaDrop(w http.ResponseWriter, r *http.Request) error {
	if err := s.AreaDesk.DropAreaChange(r.Context(), radio.AreaChangeID(r.PathValue("change")), who(r).ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// areaLabel names an area where people choose one: with what took it, if it was merged.
func areaLabel(tree radio.AreaTree, a radio.Area) string {
	if now, ok := tree.Live(a.ID); ok && a.Ended() {
		return a.Name + " → " + now.Name
	}
	return a.Name
}

// formerCommune is the same part of the province under the name of other days.
type formerCommune struct {
	Name, Link string
	Until      radio.Date // its last day; "" for the one of today
}

// formerCommunes offers the communes that were merged, whose rows stand under their own
// names, and tells where else the rows of the commune asked for are.
func (s *Server) formerCommunes(r *http.Request, d *logData) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	for _, a := range areasByName(tree.All()) {
		if a.Kind != radio.Commune || !a.Ended() || !d.Filter.Allows(a.ID) {
			continue
		}
		now, _ := tree.Live(a.ID)
		switch d.Filter.Commune {
		case now.ID:
			d.Former = append(d.Former, formerCommune{a.Name, otherCommune(d.Filter, a.ID), a.ValidTo})
		case a.ID:
			if d.Filter.Allows(now.ID) {
				d.Former = append(d.Former, formerCommune{now.Name, otherCommune(d.Filter, now.ID), ""})
			}
		}
		a.Name = areaLabel(tree, a)
		d.Communes = append(d.Communes, a)
	}
	return nil
}

func otherCommune(f radio.LogFilter, id radio.AreaID) string {
	f.Commune = id
	return "/log?" + filterQuery(f).Encode()
}
