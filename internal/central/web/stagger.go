package web

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

// Staggers proposes how much later than their neighbours clusters speak (stagger).
type Staggers interface {
	Propose(ctx context.Context, commune radio.AreaID, ask radio.StaggerAsk) (radio.StaggerPlan, error)
	// Apply makes the moves of the plan under print; radio.ErrConflict when it is not the
	// plan any more.
	Apply(ctx context.Context, by radio.UserID, commune radio.AreaID, ask radio.StaggerAsk, print string) (radio.StaggerPlan, error)
}

// ofCommune is the commune in the address; no other area has a plan.
func (s *Server) ofCommune(r *http.Request) ([]radio.AreaID, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	id := radio.AreaID(r.PathValue("area"))
	if a, ok := tree.Area(id); !ok || a.Kind != radio.Commune {
		return nil, notFound("commune")
	}
	return tree.Chain(id), nil
}

// staggerCommune is one line of the list of communes.
type staggerCommune struct {
	ID              radio.AreaID
	Name            string
	Devices, Placed int
}

type staggersData struct{ Communes []staggerCommune }

// staggerList lists the reader's communes, and of how many clusters the position is known.
func (s *Server) staggerList(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	rows, err := s.clusters(r)
	if err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	placed := map[radio.DeviceID]bool{}
	for _, p := range places {
		placed[p.Device.ID] = p.Device.Setup.Position.Known()
	}
	var d staggersData
	for _, row := range rows {
		if n := len(d.Communes); n == 0 || d.Communes[n-1].ID != row.Commune {
			d.Communes = append(d.Communes, staggerCommune{ID: row.Commune, Name: row.InCommune})
		}
		c := &d.Communes[len(d.Communes)-1]
		if c.Devices++; placed[row.Device] {
			c.Placed++
		}
	}
	if len(d.Communes) == 1 {
		http.Redirect(w, r, "/stagger/"+string(d.Communes[0].ID), http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, http.StatusOK, "staggers.html", "Đề xuất lệch giờ", d)
}

// neighbourPair is a pair as the reader may see it: a cluster of another commune has no name
// for who may not look into that one.
type neighbourPair struct {
	A       radio.DeviceID `json:"a"`
	B       radio.DeviceID `json:"b,omitempty"` // missing where the reader may not look
	AName   string         `json:"a_name"`
	BName   string         `json:"b_name,omitempty"`
	Commune string         `json:"b_commune"`
	Beyond  bool           `json:"beyond"` // B stands in another commune and stays as it is
	Metres  int            `json:"metres"`
	NowMS   int            `json:"now_ms"`
	ThenMS  int            `json:"then_ms"`
}

// staggerAnswer is a plan for its reader.
type staggerAnswer struct {
	radio.StaggerPlan
	Pairs []neighbourPair `json:"pairs"`
}

func (s *Server) staggerAnswer(r *http.Request, p radio.StaggerPlan) staggerAnswer {
	out := staggerAnswer{StaggerPlan: p, Pairs: []neighbourPair{}}
	for _, x := range p.Pairs {
		pair := neighbourPair{A: x.A.Device.ID, AName: x.A.Device.Name, Commune: x.B.Commune().Name, Beyond: x.Beyond(),
			Metres: int(math.Round(x.Metres)), NowMS: x.NowMS, ThenMS: x.ThenMS}
		if who(r).MayRead(radio.ReadDevices, chainIDs(x.B.Chain)...) {
			pair.B, pair.BName = x.B.Device.ID, x.B.Device.Name
		}
		out.Pairs = append(out.Pairs, pair)
	}
	return out
}

// readStaggerAsk reads for what a plan is asked.
func readStaggerAsk(q url.Values) (radio.StaggerAsk, error) {
	var e radio.Invalid
	number := func(key string) int {
		if q.Get(key) == "" {
			return 0
		}
		n, err := strconv.Atoi(q.Get(key))
		if err != nil || n < 1 {
			e.Add(key, "phải là số nguyên từ 1", "must be a whole number from 1")
		}
		return n
	}
	ask := radio.StaggerAsk{EarshotM: number("earshot_m"), WidthMS: number("width_ms")}
	return ask, e.Err()
}

func (s *Server) propose(r *http.Request, ask radio.StaggerAsk) (staggerAnswer, error) {
	p, err := s.Staggers.Propose(r.Context(), radio.AreaID(r.PathValue("area")), ask)
	if err != nil {
		return staggerAnswer{}, err
	}
	return s.staggerAnswer(r, p), nil
}

// staggerData is the page of one commune.
type staggerData struct {
	Commune radio.Area
	Plan    staggerAnswer
	Moves   int
	Write   bool // the reader may apply it
	Again   retry
	// Ask is what was asked for, where no plan can be made of it.
	Ask url.Values
}

// Earshot and Width stand in the form that asks; a width that follows from the earshot is
// left to it.
func (d staggerData) Earshot() string {
	if d.Again.Of("ask").Sent() {
		return d.Ask.Get("earshot_m")
	}
	return strconv.Itoa(d.Plan.Ask.EarshotM)
}

// Width is "" where it is computed.
func (d staggerData) Width() string {
	switch {
	case d.Again.Of("ask").Sent():
		return d.Ask.Get("width_ms")
	case d.Plan.Ask.WidthMS == d.Plan.Ask.Width():
		return ""
	}
	return strconv.Itoa(d.Plan.Ask.WidthMS)
}

// Neighbours are the clusters that have any, in their order.
func (d staggerData) Neighbours() []radio.StaggerDevice {
	return slices.DeleteFunc(slices.Clone(d.Plan.Devices), func(x radio.StaggerDevice) bool { return x.Neighbours == 0 })
}

func (s *Server) staggerPage(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "earshot_m", "width_ms")
	if err != nil {
		return err
	}
	d := staggerData{Ask: q}
	ask, err := readStaggerAsk(q)
	if err == nil {
		d.Plan, err = s.propose(r, ask)
	}
	again, ok := s.again(w, r, "ask", "", err)
	if err != nil && !ok {
		return err
	}
	d.Again = again
	return s.showStagger(w, r, d)
}

func (s *Server) showStagger(w http.ResponseWriter, r *http.Request, d staggerData) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	d.Commune, _ = tree.Area(radio.AreaID(r.PathValue("area")))
	d.Moves = len(d.Plan.Moves())
	d.Write = who(r).May(radio.WriteDevices, tree.Chain(d.Commune.ID)...)
	return s.show(w, r, d.Again.Status(), "stagger.html", "Đề xuất lệch giờ", d)
}

func (s *Server) staggerApply(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	ask, err := readStaggerAsk(r.PostForm)
	if err != nil {
		return err
	}
	done, err := s.Staggers.Apply(r.Context(), who(r).ID, radio.AreaID(r.PathValue("area")), ask, r.PostFormValue("print"))
	if again, ok := s.again(w, r, "apply", "", err); ok {
		d := staggerData{Again: again, Ask: r.PostForm}
		if d.Plan, err = s.propose(r, ask); err != nil {
			return err
		}
		return s.showStagger(w, r, d)
	}
	if err != nil {
		return err
	}
	back := url.Values{"earshot_m": {strconv.Itoa(done.Ask.EarshotM)}, "width_ms": {strconv.Itoa(done.Ask.WidthMS)}}
	http.Redirect(w, r, "/stagger/"+r.PathValue("area")+"?"+back.Encode(), http.StatusSeeOther)
	return nil
}

func (s *Server) apiStagger(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "earshot_m", "width_ms")
	if err != nil {
		return err
	}
	ask, err := readStaggerAsk(q)
	if err != nil {
		return err
	}
	p, err := s.propose(r, ask)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// staggerBody names the plan to apply.
type staggerBody struct {
	radio.StaggerAsk
	Print string `json:"print"`
}

func (s *Server) apiStaggerApply(w http.ResponseWriter, r *http.Request) error {
	var in staggerBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	p, err := s.Staggers.Apply(r.Context(), who(r).ID, radio.AreaID(r.PathValue("area")), in.StaggerAsk, in.Print)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.staggerAnswer(r, p))
}
