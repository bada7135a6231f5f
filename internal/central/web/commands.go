package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Orders are what people order devices (control).
type Orders interface {
	// Aim finds the devices of an order, all of which the person may order.
	Aim(ctx context.Context, by radio.Person, o radio.CommandOrder) ([]radio.Place, error)
	Issue(ctx context.Context, by radio.Person, o radio.CommandOrder) (radio.CommandBatch, error)
}

// OrderBook tells what came of them (store).
type OrderBook interface {
	CommandBatch(ctx context.Context, id radio.BatchID) (radio.CommandBatch, error)
	// CommandBatches lists the newest first.
	CommandBatches(ctx context.Context, limit int) ([]radio.CommandBatch, error)
	CommandResults(ctx context.Context, id radio.BatchID) ([]radio.CommandResult, error)
	DeviceCommands(ctx context.Context, device radio.DeviceID, limit int) ([]radio.DeviceCommand, error)
}

const (
	// shownBatches bounds the list of orders, shownCommands those on a device's page.
	shownBatches  = 100
	shownCommands = 5
	// readBatches of the whole province are looked through for those: the orders of one
	// commune must not be lost among the day's of all others.
	readBatches = 3000
	// resultsAPage is how many results a page shows; those that need a person come first.
	resultsAPage = 200
)

func (s *Server) commandRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /devices/{device}/order", as: page, do: s.orderOne, may: radio.ControlDevices, of: s.ofDevice},
		{pattern: "POST /devices/{device}/commands", as: page, do: s.issueOne, may: radio.ControlDevices, of: s.ofDevice},
		{pattern: "GET /commands", as: page, do: s.batchList, may: radio.ReadDevices},
		{pattern: "GET /commands/new", as: page, do: s.orderMany, may: radio.ControlDevices},
		{pattern: "POST /commands", as: page, do: s.issueMany, may: radio.ControlDevices},
		{pattern: "GET /commands/{batch}", as: page, do: s.batchPage, may: radio.ReadDevices, of: s.ofBatch},

		{pattern: "POST /api/v1/devices/{device}/commands", as: api, do: s.apiIssueOne, may: radio.ControlDevices, of: s.ofDevice,
			doc: doc{Summary: "Order one cluster: volume, stop, skip, pause, resume, test_tone or restart", In: commandBody{}, Out: radio.CommandBatch{}, Status: http.StatusCreated}},
		{pattern: "POST /api/v1/commands", as: api, do: s.apiIssueMany, may: radio.ControlDevices,
			doc: doc{Summary: "Order all enrolled clusters of an area, or those named; confirm is their number", In: radio.CommandOrder{}, Out: radio.CommandBatch{}, Status: http.StatusCreated}},
		{pattern: "GET /api/v1/commands", as: api, do: s.apiBatches, may: radio.ReadDevices,
			doc: doc{Summary: "The newest orders to clusters", Out: batchesAnswer{}}},
		{pattern: "GET /api/v1/commands/{batch}", as: api, do: s.apiBatch, may: radio.ReadDevices, of: s.ofBatch,
			doc: doc{Summary: "One order, and what came of it on each cluster", Out: batchAnswer{}}},
	}
}

// ofBatch is the area that holds all devices of an order.
func (s *Server) ofBatch(r *http.Request) ([]radio.AreaID, error) {
	b, err := s.OrderBook.CommandBatch(r.Context(), radio.BatchID(r.PathValue("batch")))
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	if chain := tree.Chain(b.Area); len(chain) > 0 {
		return chain, nil
	}
	return nil, notFound("command batch")
}

// commandBody is an order to the device in the address.
type commandBody struct {
	Do     radio.CommandKind `json:"do"`
	GainDB float64           `json:"gain_db,omitempty"`
	// Airing narrows stop and skip to one airing.
	Airing radio.AiringID `json:"airing,omitempty"`
}

func (b commandBody) order(r *http.Request) radio.CommandOrder {
	return radio.CommandOrder{Do: b.Do, GainDB: b.GainDB, Airing: b.Airing, Devices: []radio.DeviceID{radio.DeviceID(r.PathValue("device"))}}
}

func (s *Server) apiIssueOne(w http.ResponseWriter, r *http.Request) error {
	var in commandBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.apiIssue(w, r, in.order(r))
}

func (s *Server) apiIssueMany(w http.ResponseWriter, r *http.Request) error {
	var in radio.CommandOrder
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.apiIssue(w, r, in)
}

func (s *Server) apiIssue(w http.ResponseWriter, r *http.Request, o radio.CommandOrder) error {
	b, err := s.Orders.Issue(r.Context(), who(r), o)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, b)
}

// readOrder reads what a form or an address orders.
func readOrder(q url.Values) (radio.CommandOrder, error) {
	o := radio.CommandOrder{Do: radio.CommandKind(q.Get("do")), Area: radio.AreaID(q.Get("area"))}
	var e radio.Invalid
	var err error
	if text := q.Get("gain_db"); text != "" && o.Do == radio.CommandVolume {
		if o.GainDB, err = strconv.ParseFloat(text, 64); err != nil {
			e.Add("gain_db", "phải là một số", "must be a number")
		}
	}
	if text := q.Get("confirm"); text != "" {
		if o.Confirm, err = strconv.Atoi(text); err != nil {
			e.Add("confirm", "phải là một số", "must be a number")
		}
	}
	return o, e.Err()
}

// orderData is the page on which an order is confirmed, or chosen.
type orderData struct {
	Order  radio.CommandOrder
	Picked picked
	Device *deviceRow // nil: for many
	// Places are the devices it is for; none before it is chosen.
	Places []radio.Place
	Areas  []areaChoice
	Kinds  []radio.CommandKind
	Gains  []float64
}

// Sample names some of the devices, for people to see that it is the right area.
func (d orderData) Sample() []radio.Place { return d.Places[:min(len(d.Places), 10)] }

// Rest is how many are not named.
func (d orderData) Rest() int { return len(d.Places) - len(d.Sample()) }

// gains are the steps of volume that pages offer; programs may say any.
func gains() []float64 { return []float64{0, -3, -6, -10, -15, -20, -30, -40} }

func (s *Server) orderOne(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "do", "gain_db")
	if err != nil {
		return err
	}
	d := orderData{}
	if d.Order, err = readOrder(q); err != nil {
		return err
	}
	d.Order.Devices = []radio.DeviceID{radio.DeviceID(r.PathValue("device"))}
	if d.Places, err = s.Orders.Aim(r.Context(), who(r), d.Order); err != nil {
		return err
	}
	detail, err := s.deviceDetail(r)
	if err != nil {
		return err
	}
	d.Device = &detail.Row
	return s.show(w, r, http.StatusOK, "order.html", "Xác nhận lệnh điều khiển", d)
}

func (s *Server) issueOne(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	o, err := readOrder(r.PostForm)
	if err != nil {
		return err
	}
	return s.issue(w, r, commandBody{Do: o.Do, GainDB: o.GainDB}.order(r))
}

func (s *Server) issueMany(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	o, err := readOrder(r.PostForm)
	if err != nil {
		return err
	}
	if o, err = s.gather(r, o, pickedIn(r.PostForm)); err != nil {
		return err
	}
	return s.issue(w, r, o)
}

func (s *Server) issue(w http.ResponseWriter, r *http.Request, o radio.CommandOrder) error {
	b, err := s.Orders.Issue(r.Context(), who(r), o)
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/commands/"+string(b.ID), http.StatusSeeOther)
	return nil
}

// orderMany lets a person choose an area and a command, or a command for what they picked
// in the list of clusters; with both it asks for a yes.
func (s *Server) orderMany(w http.ResponseWriter, r *http.Request) error {
	picked, rest, err := takePicked(r)
	if err != nil {
		return err
	}
	q, err := strictQuery(rest, "do", "gain_db")
	if err != nil {
		return err
	}
	d := orderData{Kinds: radio.CommandKinds(), Gains: gains(), Picked: picked}
	if d.Order, err = readOrder(q); err != nil {
		return err
	}
	if d.Order, err = s.gather(r, d.Order, picked); err != nil {
		return err
	}
	if !picked.None() && d.Order.Do != "" {
		if d.Places, err = s.Orders.Aim(r.Context(), who(r), d.Order); err != nil {
			return err
		}
		return s.show(w, r, http.StatusOK, "order.html", "Xác nhận lệnh điều khiển", d)
	}
	if len(d.Order.Devices) > 0 {
		return s.show(w, r, http.StatusOK, "order.html", "Điều khiển nhiều cụm loa", d)
	}
	if d.Areas, err = s.orderAreas(r, d.Order.Area); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "order.html", "Điều khiển nhiều cụm loa", d)
}

// orderAreas are the areas a person may order: communes, the province if it is all
// theirs, and the hamlets of a single commune, or of the one asked for.
func (s *Server) orderAreas(r *http.Request, asked radio.AreaID) ([]areaChoice, error) {
	all, err := s.Plan.Areas(r.Context())
	if err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ControlDevices)
	if err != nil {
		return nil, err
	}
	tree := radio.NewAreaTree(all)
	chain := tree.Chain(asked)
	var out []areaChoice
	for _, a := range all {
		c := areaChoice{ID: a.ID, Name: areaLabel(tree, a)}
		switch a.Kind {
		case radio.Province:
			if communes != nil {
				continue
			}
		case radio.Commune:
			c.Depth = 1
			if communes != nil && !slices.Contains(communes, a.ID) {
				continue
			}
		default:
			c.Depth = 2
			few := communes != nil && len(communes) < 2
			if !who(r).May(radio.ControlDevices, tree.Chain(a.ID)...) || !few && !shares(chain, tree.Chain(a.ID)) {
				continue
			}
		}
		out = append(out, c)
	}
	alphabet.SortBy(out, func(c areaChoice) (names []string) {
		for _, id := range tree.Chain(c.ID) {
			a, _ := tree.Area(id)
			names = append(names, a.Name, a.Code)
		}
		return names
	})
	return out, nil
}

// shares says whether a commune lies in both chains.
func shares(a, b []radio.AreaID) bool {
	return len(a) > 1 && len(b) > 1 && a[1] == b[1]
}

// batchData is one order with its results.
type batchData struct {
	Batch   radio.CommandBatch
	Area    string
	Results []radio.CommandResult // those that need a person first
	Counts  []commandCount
	Hidden  int  // results not shown
	Over    bool // nothing more will come
	Now     radio.Millis
	Again   bool // the reader may order
}

type commandCount struct {
	State radio.ReceiptState `json:"state"`
	Count int                `json:"count"`
}

// commandStates lists what may become of a command, what needs a person first.
func commandStates() []radio.ReceiptState {
	return []radio.ReceiptState{radio.ReceiptFailed, radio.ReceiptRejected, radio.ReceiptExpired, "", radio.ReceiptReceived, radio.ReceiptAccepted,
		radio.ReceiptRunning, radio.ReceiptDone}
}

// batch reads an order and the results that the reader may see, with time taken into
// account.
func (s *Server) batch(r *http.Request) (batchData, error) {
	d := batchData{Now: radio.At(s.Now())}
	var err error
	if d.Batch, err = s.OrderBook.CommandBatch(r.Context(), radio.BatchID(r.PathValue("batch"))); err != nil {
		return d, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return d, err
	}
	if a, ok := tree.Area(d.Batch.Area); ok {
		d.Area = a.Name
	}
	d.Again = who(r).May(radio.ControlDevices, tree.Chain(d.Batch.Area)...)
	all, err := s.OrderBook.CommandResults(r.Context(), d.Batch.ID)
	if err != nil {
		return d, err
	}
	communes, err := s.communesOf(r, radio.ReadDevices)
	if err != nil {
		return d, err
	}
	counts := map[radio.ReceiptState]int{}
	for _, x := range all {
		if communes != nil && !slices.Contains(communes, x.Commune) {
			continue
		}
		x.State = x.Came(d.Batch.ExpiresAt, d.Now)
		counts[x.State]++
		d.Results = append(d.Results, x)
	}
	d.Over = true
	rank := map[radio.ReceiptState]int{}
	for i, st := range commandStates() {
		rank[st] = i
		if counts[st] > 0 {
			d.Counts = append(d.Counts, commandCount{st, counts[st]})
			d.Over = d.Over && st.Final()
		}
	}
	alphabet.SortBy(d.Results, func(x radio.CommandResult) []string { return []string{x.CommuneName, x.HamletName, x.Code} })
	slices.SortStableFunc(d.Results, func(a, b radio.CommandResult) int { return cmp.Compare(rank[a.State], rank[b.State]) })
	return d, nil
}

func (s *Server) batchPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.batch(r)
	if err != nil {
		return err
	}
	if d.Hidden = max(len(d.Results)-resultsAPage, 0); d.Hidden > 0 {
		d.Results = d.Results[:resultsAPage]
	}
	return s.show(w, r, http.StatusOK, "batch.html", "Kết quả điều khiển", d)
}

type batchAnswer struct {
	Batch   radio.CommandBatch    `json:"batch"`
	Counts  []commandCount        `json:"counts"`
	Results []radio.CommandResult `json:"results"`
}

func (s *Server) apiBatch(w http.ResponseWriter, r *http.Request) error {
	d, err := s.batch(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, batchAnswer{d.Batch, list(d.Counts), list(d.Results)})
}

// batchRow is one order in a list.
type batchRow struct {
	radio.CommandBatch
	AreaName string `json:"area_name"`
}

// batches lists the newest orders in areas the reader may see.
func (s *Server) batches(r *http.Request) ([]batchRow, error) {
	all, err := s.OrderBook.CommandBatches(r.Context(), readBatches)
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	var out []batchRow
	for _, b := range all {
		if chain := tree.Chain(b.Area); len(chain) > 0 && who(r).MayRead(radio.ReadDevices, chain...) {
			a, _ := tree.Area(b.Area)
			out = append(out, batchRow{b, a.Name})
		}
		if len(out) == shownBatches {
			break
		}
	}
	return out, nil
}

type batchesData struct {
	Batches []batchRow
	Order   bool // the reader may order
}

func (s *Server) batchList(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.batches(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "batches.html", "Lệnh điều khiển", batchesData{rows, who(r).MaySomewhere(radio.ControlDevices)})
}

type batchesAnswer struct {
	Batches []batchRow `json:"batches"`
}

func (s *Server) apiBatches(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.batches(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, batchesAnswer{list(rows)})
}
