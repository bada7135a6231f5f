package web

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/central/control"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// fakeOrders keeps what the real desk of control orders in the small province. One order
// to the commune of the tests and one to another are there already.
type fakeOrders struct {
	plan *fakePlan

	mu      sync.Mutex
	batches []radio.CommandBatch
	targets map[radio.BatchID][]radio.CommandTarget
	said    map[radio.CommandID]radio.Receipt
	audit   []string
}

func newOrders(p *fakePlan) *fakeOrders {
	return &fakeOrders{plan: p, targets: map[radio.BatchID][]radio.CommandTarget{}, said: map[radio.CommandID]radio.Receipt{}}
}

// withOrders puts the real desk behind the pages.
func (h *house) withOrders(d *Deps) {
	h.orders = newOrders(h.plan)
	d.OrderBook = h.orders
	d.Orders = control.New(control.Rooms{Book: h.orders, Map: h.plan, Keys: noKeys{}}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

// noKeys: nothing is sent by these tests.
type noKeys struct{}

func (noKeys) Online() trust.Key { return trust.Key{} }

func (f *fakeOrders) AddCommands(_ context.Context, b radio.CommandBatch, targets []radio.CommandTarget, subject string, facts radio.AuditFacts) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches = append(f.batches, b)
	f.targets[b.ID] = targets
	if facts.Counts == nil {
		return nil // laid down by a test
	}
	f.audit = append(f.audit, fmt.Sprintf("%s by %s on %s: %s", b.Do, b.By, subject, facts.Code))
	return nil
}

func (f *fakeOrders) LiveCommands(context.Context, radio.DeviceID, radio.Millis) ([]radio.LiveCommand, error) {
	return nil, nil
}

func (f *fakeOrders) ForgetCommands(context.Context, radio.Millis) (bool, error) { return false, nil }

func (f *fakeOrders) CommandBatch(_ context.Context, id radio.BatchID) (radio.CommandBatch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.batches {
		if b.ID == id {
			return b, nil
		}
	}
	return radio.CommandBatch{}, radio.ErrNotFound
}

func (f *fakeOrders) CommandBatches(_ context.Context, limit int) ([]radio.CommandBatch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.batches)
	slices.Reverse(out)
	return out[:min(limit, len(out))], nil
}

func (f *fakeOrders) CommandResults(_ context.Context, id radio.BatchID) ([]radio.CommandResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []radio.CommandResult
	for _, t := range f.targets[id] {
		x := radio.CommandResult{CommandTarget: t}
		for _, p := range f.plan.places {
			if p.Device.ID == t.Device {
				x.Code, x.Name, x.Commune, x.HamletName, x.CommuneName = p.Device.Code, p.Device.Name, p.Commune().ID, p.Hamlet().Name, p.Commune().Name
			}
		}
		if r, ok := f.said[t.ID]; ok {
			x.State, x.Reason, x.At, x.Heard = radio.ReceiptState(r.State), radio.Reason(r.Reason), r.At, r.Received
		}
		out = append(out, x)
	}
	return out, nil
}

func (f *fakeOrders) DeviceCommands(ctx context.Context, d radio.DeviceID, limit int) (out []radio.DeviceCommand, err error) {
	all, _ := f.CommandBatches(ctx, len(f.batches))
	for _, b := range all {
		results, _ := f.CommandResults(ctx, b.ID)
		for _, r := range results {
			if r.Device == d && len(out) < limit {
				out = append(out, radio.DeviceCommand{Batch: b, Result: r})
			}
		}
	}
	return out, nil
}

// say is a receipt of a device.
func (f *fakeOrders) say(c radio.CommandID, s radio.ReceiptState, why radio.Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said[c] = radio.Receipt{ID: string(c), State: s, Reason: string(why), At: radio.At(now), Received: radio.At(now)}
}

// batchThing is an order to the commune at w, or to the province.
func batchThing(h *house, w where) []string {
	n := map[where]int{own: 1, foreign: 2, common: 3}[w]
	b := radio.CommandBatch{ID: id[radio.BatchID]('q', n), Do: radio.CommandStop, Area: h.area(w), By: lan.ID, ByName: lan.Name,
		IssuedAt: radio.At(now), ExpiresAt: radio.At(now.Add(time.Minute))}
	if _, err := h.orders.CommandBatch(context.Background(), b.ID); err != nil {
		var targets []radio.CommandTarget
		for i, p := range h.plan.places {
			if p.Within(radio.Target{Area: b.Area}) {
				targets = append(targets, radio.CommandTarget{ID: id[radio.CommandID]('k', 10*n+i), Device: p.Device.ID})
			}
		}
		b.Devices = len(targets)
		if err := h.orders.AddCommands(context.Background(), b, targets, "", radio.AuditFacts{}); err != nil {
			panic(err)
		}
	}
	return []string{"batch", string(b.ID)}
}

func commandFixtures() []fixture {
	return []fixture{
		{pattern: "GET /devices/{device}/order", may: radio.ControlDevices, thing: deviceThing},
		{pattern: "POST /devices/{device}/commands", may: radio.ControlDevices, thing: deviceThing, body: "do=stop"},
		{pattern: "GET /commands", may: radio.ReadDevices},
		{pattern: "GET /commands/new", may: radio.ControlDevices},
		{pattern: "POST /commands", may: radio.ControlDevices, body: "do=stop&confirm=2&area={area}"},
		{pattern: "GET /commands/{batch}", may: radio.ReadDevices, thing: batchThing},
		{pattern: "POST /api/v1/devices/{device}/commands", may: radio.ControlDevices, thing: deviceThing, body: `{"do":"stop"}`},
		{pattern: "POST /api/v1/commands", may: radio.ControlDevices, body: `{"do":"stop","confirm":2,"area":"{area}"}`},
		{pattern: "GET /api/v1/commands", may: radio.ReadDevices},
		{pattern: "GET /api/v1/commands/{batch}", may: radio.ReadDevices, thing: batchThing},
	}
}
