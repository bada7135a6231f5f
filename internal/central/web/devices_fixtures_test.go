package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// fakeWatch is what fault, store and identity tell the pages of clusters, over the same
// small province.
type fakeWatch struct {
	plan *fakePlan

	mu      sync.Mutex
	faults  []radio.Fault
	outages []radio.Outage
	failed  []radio.Notice
	events  []radio.JournalDispute
	poison  []radio.JournalEntry
	added   []radio.Device
	codes   []string
	ends    []radio.DeviceEnd
	// machines spoke under every identity.
	machines []radio.DeviceMachine
	err      error
}

func (f *fakeWatch) Views(context.Context) ([]radio.DeviceView, error) {
	states := map[radio.DeviceID]radio.DeviceState{}
	for _, s := range f.plan.states {
		states[s.Device] = s
	}
	var out []radio.DeviceView
	for _, p := range f.plan.places {
		st := states[p.Device.ID]
		v := radio.DeviceView{Place: p, State: st, Online: st.Alive && p.Device.Enrolled != 0,
			Issued: map[string]radio.DocumentRevision{"programme": {Revision: 1_763_700_001, IssuedAt: radio.At(now)}, "policy": {Revision: 3}}}
		if p.Device.Enrolled != 0 {
			v.Certified = radio.At(now.AddDate(0, 0, 20))
		}
		var s radio.Status
		if json.Unmarshal(st.Reported, &s) == nil {
			s.Fill()
			v.Status = &s
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b radio.DeviceView) int {
		return cmp.Or(cmp.Compare(a.Place.Commune().Name, b.Place.Commune().Name), cmp.Compare(a.Place.Hamlet().Name, b.Place.Hamlet().Name))
	})
	return out, f.plan.err
}

func (f *fakeWatch) OpenFaults(context.Context) ([]radio.Fault, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.faults), func(x radio.Fault) bool { return !x.Open() }), f.err
}

// set opens one more fault while pages are being read.
func (f *fakeWatch) set(x radio.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, x)
}

func (f *fakeWatch) OpenOutages(context.Context) ([]radio.Outage, error) { return f.outages, f.err }

func (f *fakeWatch) Faults(_ context.Context, q radio.FaultFilter, after radio.FaultID, limit int) (radio.FaultPage, error) {
	all := slices.Clone(f.faults)
	slices.SortFunc(all, radio.CompareFaults)
	all = slices.DeleteFunc(all, func(x radio.Fault) bool {
		return x.Open() == q.Closed || q.Device != "" && x.Device != q.Device || q.Kind != "" && x.Kind != q.Kind || q.Outage != "" && x.Outage != q.Outage ||
			q.Communes != nil && x.Device != "" && !slices.Contains(q.Communes, x.Commune)
	})
	if after != "" {
		i := slices.IndexFunc(all, func(x radio.Fault) bool { return x.ID == after })
		all = all[i+1:]
	}
	if len(all) > limit {
		return radio.FaultPage{Faults: all[:limit], Next: all[limit-1].ID}, f.err
	}
	return radio.FaultPage{Faults: all}, f.err
}

func (f *fakeWatch) FailedNotices(context.Context, int) ([]radio.Notice, error) {
	return f.failed, f.err
}

func (f *fakeWatch) JournalDisputes(context.Context, radio.DeviceID, int) ([]radio.JournalDispute, error) {
	return f.events, f.err
}

func (f *fakeWatch) JournalPoison(context.Context, radio.DeviceID, int) ([]radio.JournalEntry, error) {
	return f.poison, f.err
}

func (f *fakeWatch) AddDevice(_ context.Context, d radio.Device, _ string, _ radio.Millis) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.added, func(x radio.Device) bool { return x.Code == d.Code }) {
		return fmt.Errorf("%w: code %s", radio.ErrConflict, d.Code)
	}
	f.added = append(f.added, d)
	return f.err
}

func (f *fakeWatch) NewCode(_ context.Context, d radio.DeviceID, _ string) (wire.EnrolTicket, radio.Millis, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes = append(f.codes, string(d))
	return wire.EnrolTicket{Server: "https://loa.hatinh.example:8443", Code: wire.EnrolCode{Secret: "0123456789", Pin: "0123456789abcdef"}}, radio.At(now.AddDate(0, 0, 7)), f.err
}

func (f *fakeWatch) EndDevice(_ context.Context, e radio.DeviceEnd) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := e.Check(); err != nil {
		return err
	}
	for i := range f.plan.places {
		d := &f.plan.places[i].Device
		if d.ID != e.Device {
			continue
		}
		if d.Enrolled == 0 && !e.Retire {
			return radio.Refuse(radio.ErrConflict, "Không có danh tính.", "no identity")
		}
		d.Enrolled, d.Revoked = 0, radio.At(now)
		if e.Retire {
			d.Retired = radio.At(now)
		}
	}
	f.ends = append(f.ends, e)
	return f.err
}

func (f *fakeWatch) EndedDevice(_ context.Context, d radio.DeviceID) (radio.AuditEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.ends) - 1; i >= 0; i-- {
		if e := f.ends[i]; e.Device == d {
			return radio.AuditEntry{At: radio.At(now), Actor: e.Actor, ActorName: lan.Name, Action: "device.revoke", Subject: string(d), Facts: &radio.AuditFacts{Why: e.Why}}, f.err
		}
	}
	return radio.AuditEntry{}, fmt.Errorf("end: %w", radio.ErrNotFound)
}

func (f *fakeWatch) DeviceMachines(context.Context, radio.DeviceID) ([]radio.DeviceMachine, error) {
	return f.machines, f.err
}

// provinceTrouble: two clusters of a ward lost together (one with what comes of it), one
// with a failed output, a clock in another commune, the centre's own, and one that is over.
func provinceTrouble(p *fakePlan) *fakeWatch {
	at := func(minutes int) radio.Millis { return radio.At(now) - radio.Millis(minutes*60_000) }
	outage := radio.Outage{ID: id[radio.OutageID]('o', 1), Area: p.places[2].Commune().ID, OpenedAt: at(40), AnnouncedAt: at(25), Devices: 3, Lost: 2}
	f := &fakeWatch{plan: p, outages: []radio.Outage{outage}}
	add := func(place int, kind radio.FaultKind, code string, minutes int, cause radio.FaultCause, o radio.OutageID, closed radio.Millis) {
		x := radio.Fault{ID: id[radio.FaultID]('t', len(f.faults)), Kind: kind, Code: code, OpenedAt: at(minutes), ChangedAt: at(minutes), Cause: cause, Outage: o, ClosedAt: closed}
		if place >= 0 {
			x.Device, x.Commune = p.places[place].Device.ID, p.places[place].Commune().ID
		}
		f.faults = append(f.faults, x)
	}
	add(2, radio.FaultOffline, "", 40, radio.FaultCause{At: at(41)}, outage.ID, 0)
	add(2, radio.FaultNotReady, "", 20, radio.FaultCause{Why: radio.CauseNoWord, At: at(-9), Title: "Tin sáng"}, outage.ID, 0)
	add(1, radio.FaultOutput, "", 3, radio.FaultCause{Text: "no sound card"}, "", 0)
	add(1, radio.FaultNotReady, "", 2, radio.FaultCause{Why: radio.CauseAudio, At: at(-20), Title: "Nghị quyết 57, bài 1", Count: 1}, "", 0)
	add(0, radio.FaultReported, "cache", 1, radio.FaultCause{Text: "bad flash"}, "", at(0))
	add(3, radio.FaultClock, "", 90, radio.FaultCause{Why: "assumed"}, "", 0)
	add(-1, radio.FaultCentre, radio.CentreStopped, 300, radio.FaultCause{}, "", at(280))
	f.failed = []radio.Notice{{ID: "n", Recipient: "truc@ha-tinh.example", News: radio.FaultNews{Kind: radio.FaultOffline, AreaName: "Xã Cẩm Xuyên"}, CreatedAt: at(1500), FailedAt: at(5), Tries: 28, Error: "no such host"}}
	f.events = []radio.JournalDispute{{JournalRef: radio.JournalRef{Journal: id[radio.JournalID]('j', 1)}, Kind: radio.DisputeFork, Seq: 7, Last: 7}}
	f.poison = []radio.JournalEntry{{JournalRef: radio.JournalRef{Journal: id[radio.JournalID]('j', 1)}, Seq: 9, Poison: "not JSON"}}
	return f
}

const deviceJSON = `{"code":"cum-moi","name":"Cụm mới","hamlet":"{area}"}`

func overviewFixtures() []fixture {
	// A program of providers gets what people get: 403, or another first page.
	first := map[string]int{"provider own": 303, "provider* own": 303}
	return []fixture{
		{pattern: "GET /{$}", may: radio.Self, except: first},
		{pattern: "GET /devices", may: radio.ReadDevices},
		{pattern: "POST /devices", may: radio.WriteDevices, body: "code=cum-moi&name=Cụm&hamlet={area}"},
		{pattern: "GET /devices/tree", may: radio.ReadDevices},
		{pattern: "GET /devices/new", may: radio.WriteDevices},
		{pattern: "GET /devices/{device}", may: radio.ReadDevices, thing: deviceThing},
		{pattern: "POST /devices/{device}/code", may: radio.WriteDevices, thing: deviceThing, body: "a=b"},
		{pattern: "POST /devices/{device}/revoke", may: radio.WriteDevices, thing: deviceThing, body: "why=mất"},
		{pattern: "POST /devices/{device}/retire", may: radio.WriteDevices, thing: deviceThing, body: "why=dỡ"},
		{pattern: "GET /faults", may: radio.ReadDevices},
		{pattern: "GET /api/v1/devices", may: radio.ReadDevices},
		{pattern: "POST /api/v1/devices", may: radio.WriteDevices, body: deviceJSON},
		{pattern: "GET /api/v1/devices/{device}", may: radio.ReadDevices, thing: deviceThing},
		{pattern: "POST /api/v1/devices/{device}/enrolment-code", may: radio.WriteDevices, thing: deviceThing},
		{pattern: "POST /api/v1/devices/{device}/revoke", may: radio.WriteDevices, thing: deviceThing, body: `{"why":"mất"}`},
		{pattern: "POST /api/v1/devices/{device}/retire", may: radio.WriteDevices, thing: deviceThing, body: `{"why":""}`},
		{pattern: "GET /api/v1/faults", may: radio.ReadDevices},
	}
}
