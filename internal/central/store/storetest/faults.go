package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func faultSuites() []Suite {
	return []Suite{
		{"faults: opened once, closed once", faultsOnce},
		{"faults: pages and filters", faultPages},
		{"faults: outages and looks", faultOutages},
		{"faults: what is long over is forgotten", faultsForgotten},
		{"notices: each recipient's own due", noticesFair},
		{"notices: sent once, given up, told once", noticesOnce},
		{"fleet: pulses, reports, documents, certificates", fleetReads},
		{"fleet: airings coming and quiet", fleetAirings},
	}
}

const faultAt = radio.Millis(1_780_000_000_000)

func fault(device radio.DeviceID, kind radio.FaultKind, at radio.Millis) radio.Fault {
	return radio.Fault{ID: radio.NewID[radio.FaultID](), Device: device, Commune: "c1", Kind: kind, OpenedAt: at, ChangedAt: at,
		Cause: radio.FaultCause{Text: "thẻ nhớ \x00 \"lỗi\"", At: at, Has: 1 << 40}}
}

func faultsOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a := fault("d1", radio.FaultOutput, faultAt)
	a.Cause.Text = "thẻ nhớ \"lỗi\""
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Opened: []radio.Fault{a}}))
	open, err := s.OpenFaults(ctx)
	must(t, err)
	same(t, "open", open, []radio.Fault{a})

	twice := a
	twice.ID = radio.NewID[radio.FaultID]()
	other := fault("d2", radio.FaultOutput, faultAt)
	other.Cause = radio.FaultCause{}
	if err := s.PutFaults(ctx, radio.FaultChange{At: faultAt + 1, Opened: []radio.Fault{other, twice}}); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("the same trouble twice: %v", err)
	}
	if open, err := s.OpenFaults(ctx); err != nil || len(open) != 1 {
		t.Fatalf("half of a change was kept: %+v %v", open, err)
	}

	changed := a
	changed.Cause, changed.ChangedAt, changed.Outage = radio.FaultCause{Text: "khác"}, faultAt+5, "o1"
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt + 5, Updated: []radio.Fault{changed}}))
	got, err := s.Fault(ctx, a.ID)
	must(t, err)
	same(t, "changed", got, changed)

	changed.ClosedAt = faultAt + 9
	end := radio.FaultChange{At: faultAt + 9, Closed: []radio.Fault{changed}}
	must(t, s.PutFaults(ctx, end))
	if err := s.PutFaults(ctx, end); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("closed twice: %v", err)
	}
	got, err = s.Fault(ctx, a.ID)
	must(t, err)
	same(t, "closed", got, changed)
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt + 10, Opened: []radio.Fault{twice}}))
	if _, err := s.Fault(ctx, "nobody"); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("unknown fault: %v", err)
	}
}

func faultPages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all []radio.Fault
	for n := range 7 {
		f := fault(radio.DeviceID(fmt.Sprintf("d%d", n)), radio.FaultClock, faultAt+radio.Millis(n/2)) // two at each instant
		f.Cause.Text, f.Commune = "", radio.AreaID(fmt.Sprintf("c%d", n%2))
		all = append(all, f)
	}
	own := fault("", radio.FaultCentre, faultAt)
	own.Code, own.Commune, own.Cause.Text = radio.CentreBroker, "", ""
	all = append(all, own)
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Opened: all}))
	shut := all[3]
	shut.ClosedAt = faultAt + 100
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Closed: []radio.Fault{shut}}))
	slices.SortFunc(all, radio.CompareFaults)

	want := func(keep func(radio.Fault) bool) []radio.Fault {
		return slices.DeleteFunc(slices.Clone(all), func(f radio.Fault) bool { return f.ID == shut.ID || !keep(f) })
	}
	read := func(f radio.FaultFilter) []radio.Fault {
		var out []radio.Fault
		for after := radio.FaultID(""); ; {
			p, err := s.Faults(ctx, f, after, 2)
			must(t, err)
			out = append(out, p.Faults...)
			if after = p.Next; after == "" {
				return out
			}
		}
	}
	same(t, "all open", read(radio.FaultFilter{}), want(func(radio.Fault) bool { return true }))
	same(t, "of one device", read(radio.FaultFilter{Device: "d5"}), want(func(f radio.Fault) bool { return f.Device == "d5" }))
	same(t, "of one kind", read(radio.FaultFilter{Kind: radio.FaultCentre}), []radio.Fault{own})
	same(t, "of communes, with the centre's own", read(radio.FaultFilter{Communes: []radio.AreaID{"c1"}}),
		want(func(f radio.Fault) bool { return f.Commune == "c1" || f.Device == "" }))
	same(t, "of no commune", read(radio.FaultFilter{Communes: []radio.AreaID{}}), []radio.Fault{own})
	same(t, "closed", read(radio.FaultFilter{Closed: true}), []radio.Fault{shut})
	if _, err := s.Faults(ctx, radio.FaultFilter{}, "nobody", 2); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("behind an unknown fault: %v", err)
	}
}

func faultOutages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if at, day, err := s.Looked(ctx); err != nil || at != 0 || day != "" {
		t.Fatalf("before the first look: %d %q %v", at, day, err)
	}
	o := radio.Outage{ID: "o1", Area: "c1", OpenedAt: faultAt, Devices: 3, Lost: 3}
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Summed: "2026-11-22", Outages: []radio.Outage{o}}))
	o.Lost, o.AnnouncedAt = 1, faultAt+1
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt + 1, Outages: []radio.Outage{o}}))
	open, err := s.OpenOutages(ctx)
	must(t, err)
	same(t, "open outages", open, []radio.Outage{o})
	if at, day, err := s.Looked(ctx); err != nil || at != faultAt+1 || day != "2026-11-22" {
		t.Fatalf("last look: %d %q %v", at, day, err)
	}
	o.Lost, o.ClosedAt = 0, faultAt+2
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt + 2, Outages: []radio.Outage{o}}))
	if open, err := s.OpenOutages(ctx); err != nil || len(open) != 0 {
		t.Fatalf("open outages: %+v %v", open, err)
	}
}

// faultsForgotten: what was over before an instant goes, what is open stays however old.
func faultsForgotten(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all []radio.Fault
	for n := range 4 {
		all = append(all, fault(radio.DeviceID(fmt.Sprintf("d%d", n)), radio.FaultClock, faultAt+radio.Millis(n)))
	}
	outages := []radio.Outage{{ID: "o1", Area: "c1", OpenedAt: faultAt, ClosedAt: faultAt + 10}, {ID: "o2", Area: "c1", OpenedAt: faultAt}}
	told := radio.Notice{ID: "n1", Recipient: "a", News: radio.FaultNews{Key: "k"}, CreatedAt: faultAt, NextAt: faultAt}
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Opened: all, Outages: outages, Notices: []radio.Notice{told}}))
	shut := slices.Clone(all[:3])
	for i := range shut {
		shut[i].ClosedAt = faultAt + 10 + radio.Millis(i)
	}
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Closed: shut}))
	told.Tries, told.FailedAt, told.Error = 1, faultAt+10, "gone"
	must(t, s.EndNotices(ctx, []radio.Notice{told}, faultAt+10))
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt + 20, Forget: faultAt + 11}))
	closed, err := s.Faults(ctx, radio.FaultFilter{Closed: true}, "", 10)
	must(t, err)
	same(t, "closed", closed.Faults, []radio.Fault{shut[2], shut[1]})
	open, err := s.OpenFaults(ctx)
	must(t, err)
	same(t, "open", open, []radio.Fault{all[3]})
	left, err := s.OpenOutages(ctx)
	must(t, err)
	same(t, "outages", left, []radio.Outage{outages[1]})
	failed, err := s.FailedNotices(ctx, 10)
	must(t, err)
	if len(failed) != 0 {
		t.Errorf("given up long ago: %+v", failed)
	}
}

// noticesFair: a backlog of one recipient does not hide what is due for another.
func noticesFair(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all []radio.Notice
	for n := range 20 {
		all = append(all, radio.Notice{ID: fmt.Sprintf("n%02d", n), Recipient: "stuck", News: radio.FaultNews{Key: fmt.Sprint(n)}, CreatedAt: faultAt, NextAt: faultAt + radio.Millis(n)})
	}
	fresh := radio.Notice{ID: "x", Recipient: "fresh", News: radio.FaultNews{Key: "0"}, CreatedAt: faultAt + 50, NextAt: faultAt + 50}
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Notices: append(slices.Clone(all), fresh)}))
	due, err := s.DueNotices(ctx, faultAt+100, 3)
	must(t, err)
	same(t, "due", due, append(slices.Clone(all[:3]), fresh))
}

func noticesOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	news := radio.FaultNews{Key: "outage:o1:opened", Event: radio.FaultOpened, Kind: radio.FaultOffline, AreaName: "Xã Cẩm Xuyên", Within: []string{"ha-tinh"},
		From: faultAt, Count: 2, Devices: []radio.NamedDevice{{ID: "d1", Code: "cx-1", Name: "Cụm 1", Hamlet: "Thôn 1"}}}
	n := radio.Notice{ID: "n1", Recipient: "email a@b", News: news, CreatedAt: faultAt, NextAt: faultAt + 10}
	again := n
	again.ID = "n2"
	third := n
	third.ID, third.Recipient = "n3", "email c@d"
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Notices: []radio.Notice{n}}))
	must(t, s.PutFaults(ctx, radio.FaultChange{At: faultAt, Notices: []radio.Notice{again, third}}))
	if due, err := s.DueNotices(ctx, faultAt+9, 10); err != nil || len(due) != 0 {
		t.Fatalf("before their time: %+v %v", due, err)
	}
	due, err := s.DueNotices(ctx, faultAt+10, 10)
	must(t, err)
	same(t, "due", due, []radio.Notice{n, third})

	n.Tries, n.Error, n.NextAt = 1, "busy", faultAt+60
	third.Tries, third.FailedAt, third.Error = 9, faultAt+20, "no such host"
	must(t, s.EndNotices(ctx, []radio.Notice{n, third}, faultAt+20))
	due, err = s.DueNotices(ctx, faultAt+60, 10)
	must(t, err)
	same(t, "tried again later", due, []radio.Notice{n})
	failed, err := s.FailedNotices(ctx, 10)
	must(t, err)
	same(t, "given up", failed, []radio.Notice{third})
	n.Tries, n.SentAt, n.Error = 2, faultAt+61, ""
	must(t, s.EndNotices(ctx, []radio.Notice{n}, faultAt+61))
	if err := s.EndNotices(ctx, []radio.Notice{n}, faultAt+62); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("ended twice: %v", err)
	}
	if due, err := s.DueNotices(ctx, faultAt+1e9, 10); err != nil || len(due) != 0 {
		t.Fatalf("due after all: %+v %v", due, err)
	}
}

func fleetReads(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := radio.NewID[radio.DeviceID]()
	must(t, s.Log(ctx, func(tx *store.LogTx) error {
		return tx.PutNews(ctx, []radio.DeviceNews{
			{Device: d, Received: faultAt, Hello: []byte(`{}`), Connection: 7},
			{Device: d, Received: faultAt + 5, Reported: []byte(`{"version":"1"}`)},
		})
	}))
	pulses, err := s.Pulses(ctx)
	must(t, err)
	same(t, "pulses", pulses, []radio.DeviceState{{Device: d, Presence: radio.Presence{Alive: true, Connection: 7, At: faultAt}, LastSeen: faultAt + 5, HelloAt: faultAt, ReportedAt: faultAt + 5}})
	for since, rows := range map[radio.Millis]int{0: 1, faultAt + 5: 1, faultAt + 6: 0} {
		if got, err := s.ReportsSince(ctx, since); err != nil || len(got) != rows || rows == 1 && (string(got[0].Reported) != `{"version":"1"}` || got[0].ReportedAt != faultAt+5) {
			t.Errorf("reports since %d: %+v %v", since, got, err)
		}
	}
	first, second := issuedSample(d, "programme", 1), issuedSample(d, "programme", 2)
	second.IssuedAt += 1000
	addIssued(t, s, first, second)
	got, err := s.IssuedSince(ctx, second.IssuedAt)
	must(t, err)
	same(t, "documents", got, []radio.Issued{{Device: d, Document: "programme", Revision: 2, IssuedAt: second.IssuedAt, NotAfter: second.NotAfter}})

	plan := SamplePlan()
	must(t, s.ApplyPlan(ctx, plan))
	dev := plan.Devices[0].ID
	for i, serial := range []string{"1", "2"} {
		must(t, s.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: serial, Device: dev, CreatedBy: "x", CreatedAt: planAt, ExpiresAt: planAt + 1000}))
		must(t, s.Enrol(ctx, serial, radio.Certificate{Serial: serial, Device: dev, KID: serial, JWK: "{}", PEM: "p", IssuedAt: planAt + 1, NotAfter: planAt + radio.Millis(1e9-i)}))
	}
	ends, err := s.CertificateEnds(ctx)
	must(t, err)
	same(t, "certificates", ends, map[radio.DeviceID]radio.Millis{dev: planAt + 1e9 - 1})
}

func fleetAirings(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := SamplePlan()
	must(t, s.ApplyPlan(ctx, plan))
	dev := plan.Devices[0].ID
	must(t, s.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: "h", Device: dev, CreatedBy: "x", CreatedAt: planAt, ExpiresAt: planAt + 1000}))
	must(t, s.Enrol(ctx, "h", radio.Certificate{Serial: "1", Device: dev, KID: "k", JWK: "{}", PEM: "p", IssuedAt: planAt + 1, NotAfter: planAt + 1e9}))
	hour := func(n int) radio.Millis { return faultAt.Add(time.Duration(n) * time.Hour) }
	row := func(n int, title string, o radio.Outcome) radio.AsRunChange {
		a := radio.AsRun{Key: radio.AiringKey{Device: dev, SlotAt: hour(n)}, Airing: radio.NewID[radio.AiringID](), Origin: radio.FromSchedule, Day: "2026-05-28",
			Start: hour(n), Samples: 60 * radio.SampleRate, FrozenAt: faultAt, Outcome: o, Title: title, SHA256: radio.SHA256(fmt.Sprintf("%064d", n))}
		return radio.AsRunChange{Row: a}
	}
	put := func(rows ...radio.AsRunChange) {
		must(t, s.Log(ctx, func(tx *store.LogTx) error { return tx.PutAsRuns(ctx, rows) }))
	}
	quiet := func(over radio.Millis) []radio.QuietAirings {
		out, err := s.QuietAirings(ctx, over)
		must(t, err)
		return out
	}
	same(t, "before anything was planned", quiet(hour(9)), []radio.QuietAirings(nil))
	put(row(1, "a", radio.Aired), row(2, "b", radio.PendingOutcome), row(3, "c", radio.Cancelled), row(4, "d", radio.Silent), row(6, "e", radio.PendingOutcome))
	same(t, "over and heard", quiet(hour(1)+60_000), []radio.QuietAirings(nil))
	same(t, "not over yet", quiet(hour(2)+59_000), []radio.QuietAirings(nil))
	same(t, "one quiet", quiet(hour(2)+60_000), []radio.QuietAirings{{Device: dev, Quiet: 1, First: hour(2), Title: "b"}})
	same(t, "two quiet around one called off", quiet(hour(5)), []radio.QuietAirings{{Device: dev, Quiet: 2, First: hour(2), Title: "b"}})

	coming, err := s.ComingAirings(ctx, hour(1), hour(6))
	must(t, err)
	slices.SortFunc(coming, func(a, b radio.ComingAirings) int { return int(a.Start - b.Start) })
	same(t, "coming", coming, []radio.ComingAirings{
		{Device: dev, Start: hour(2), Count: 1, Title: "b", SHA256: radio.SHA256(fmt.Sprintf("%064d", 2))},
		{Device: dev, Start: hour(6), Count: 1, Title: "e", SHA256: radio.SHA256(fmt.Sprintf("%064d", 6))},
	})
}
