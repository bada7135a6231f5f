package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"loaxa/internal/central/stagger"
	"loaxa/internal/radio"
)

// fakeSetups keeps setups in the small province, and stands beneath the real desk of
// staggers.
type fakeSetups struct {
	plan *fakePlan

	mu   sync.Mutex
	acts []string
	done []radio.AuditEntry
	err  error
}

func (h *house) withSetups(d *Deps) {
	h.setups = &fakeSetups{plan: h.plan}
	d.Setups, d.Staggers = h.setups, stagger.New(h.setups, func() time.Time { return now })
}

func (f *fakeSetups) Places(ctx context.Context) ([]radio.Place, error) { return f.plan.Places(ctx) }

func (f *fakeSetups) SetUp(_ context.Context, changes []radio.SetupChange, actor string, at radio.Millis) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	for _, c := range changes {
		for i := range f.plan.places {
			if p := &f.plan.places[i].Device; p.ID == c.Device {
				if p.Setup != c.Was {
					return fmt.Errorf("%w: changed meanwhile", radio.ErrConflict)
				}
				p.Setup = c.Now
			}
		}
		f.acts = append(f.acts, fmt.Sprintf("%s %+v", c.Code, c.Now))
		f.done = append(f.done, radio.AuditEntry{At: at, Actor: actor, ActorName: lan.Name, Action: "device.setup", Subject: string(c.Device), Facts: &radio.AuditFacts{Code: c.Code, Title: c.Name, Values: c.Values()}})
	}
	return nil
}

func (f *fakeSetups) ApplyStagger(ctx context.Context, p radio.StaggerPlan, facts radio.AuditFacts, actor string, at radio.Millis) error {
	return f.SetUp(ctx, p.Moves(), actor, at)
}

func (f *fakeSetups) SetupHistory(_ context.Context, device radio.DeviceID, limit int) (out []radio.AuditEntry, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.done) - 1; i >= 0 && len(out) < limit; i-- {
		if f.done[i].Subject == string(device) {
			out = append(out, f.done[i])
		}
	}
	return out, nil
}

// placeThem puts the two clusters of the ward 289 m apart, and that of the next commune as
// far on.
func (h *house) placeThem() {
	for i := range 3 {
		h.plan.places[i].Device.Setup.Position = radio.Position{Latitude: 18.34 + 0.0026*float64(i), Longitude: 105.9}
	}
}

// communeThing is a commune.
func communeThing(h *house, w where) []string {
	if w == common {
		return nil
	}
	h.placeThem()
	return []string{"area", string(h.area(w))}
}

func setupFixtures() []fixture {
	return []fixture{
		{pattern: "POST /devices/{device}/setup", may: radio.WriteDevices, thing: deviceThing, body: "offset_ms=5&seen=0/0/"},
		{pattern: "GET /stagger", may: radio.ReadDevices},
		{pattern: "GET /stagger/{area}", may: radio.ReadDevices, thing: communeThing},
		{pattern: "POST /stagger/{area}", may: radio.WriteDevices, thing: communeThing, body: "print=x"},
		{pattern: "PUT /api/v1/devices/{device}/setup", may: radio.WriteDevices, thing: deviceThing, body: `{"offset_ms":7,"stagger_ms":0}`},
		{pattern: "GET /api/v1/stagger/{area}", may: radio.ReadDevices, thing: communeThing},
		{pattern: "POST /api/v1/stagger/{area}", may: radio.WriteDevices, thing: communeThing, body: `{"earshot_m":600,"width_ms":0,"print":"x"}`},
	}
}
