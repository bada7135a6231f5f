package storetest

import (
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func identitySuites() []Suite {
	return []Suite{
		{"identities: a renewed certificate replaces the one before when it is shown", identityRenewed},
		{"identities: taken, and given anew", identityEnded},
		{"identities: certificates from after a backup", identityAdopted},
		{"identities: boards", identityBoards},
		{"identities: forks since the enrolment", identityForks},
	}
}

// enrolled gives the sample plan's device a certificate of a key.
func enrolled(t *testing.T, s *store.Store, serial, kid string, at radio.Millis) radio.DeviceID {
	t.Helper()
	places := need[[]radio.Place](t)(s.Places(t.Context()))
	if len(places) == 0 {
		must(t, s.ApplyPlan(t.Context(), SamplePlan()))
		places = need[[]radio.Place](t)(s.Places(t.Context()))
	}
	d := places[0].Device.ID
	must(t, s.AddEnrolmentCode(t.Context(), radio.EnrolmentCode{SecretHash: "code " + serial, Device: d, CreatedBy: "x", CreatedAt: at, ExpiresAt: at + 1000}))
	must(t, s.Enrol(t.Context(), "code "+serial, certificate(d, serial, kid, at)))
	return d
}

func certificate(d radio.DeviceID, serial, kid string, at radio.Millis) radio.Certificate {
	return radio.Certificate{Serial: serial, Device: d, KID: kid, JWK: "{}", PEM: "pem " + serial, IssuedAt: at, NotAfter: at.Add(398 * 24 * time.Hour)}
}

// holding checks which certificates of a device hold, the newest first.
func holding(t *testing.T, s *store.Store, d radio.DeviceID, want ...string) {
	t.Helper()
	var got []string // as want is without any
	for _, c := range need[[]radio.Certificate](t)(s.Certificates(t.Context(), d)) {
		got = append(got, c.Serial)
	}
	same(t, "certificates that hold", got, want)
}

func identityRenewed(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := enrolled(t, s, "1", "k", planAt)
	must(t, s.Renew(ctx, "1", certificate(d, "2", "k", planAt+10)))
	holding(t, s, d, "2", "1")
	ends := need[map[radio.DeviceID]radio.Millis](t)(s.CertificateEnds(ctx))
	if ends[d] != certificate(d, "1", "k", planAt).NotAfter {
		t.Errorf("its end is %d while nobody has shown the new one", ends[d])
	}
	// The answer never came, and a year later it asks again.
	must(t, s.Renew(ctx, "1", certificate(d, "3", "k", planAt+20)))
	holding(t, s, d, "3", "1")
	must(t, s.UseCertificate(ctx, d, "2", planAt+25)) // it has ended
	holding(t, s, d, "3", "1")
	must(t, s.UseCertificate(ctx, d, "1", planAt+25)) // it is known to be in use
	holding(t, s, d, "3", "1")
	must(t, s.UseCertificate(ctx, d, "3", planAt+30))
	holding(t, s, d, "3")
	ends = need[map[radio.DeviceID]radio.Millis](t)(s.CertificateEnds(ctx))
	if ends[d] != certificate(d, "3", "k", planAt+20).NotAfter {
		t.Errorf("its end is %d", ends[d])
	}
	wantKind(t, s.Renew(ctx, "1", certificate(d, "4", "k", planAt+40)), radio.ErrForbidden)
	wantKind(t, s.Renew(ctx, "nothing", certificate(d, "4", "k", planAt+40)), radio.ErrForbidden)
	holding(t, s, d, "3")
}

func identityEnded(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := enrolled(t, s, "1", "k", planAt)
	must(t, s.Renew(ctx, "1", certificate(d, "2", "k", planAt+10)))
	must(t, s.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: "unused", Device: d, CreatedBy: "x", CreatedAt: planAt, ExpiresAt: planAt + 1000}))
	if _, err := s.EndedDevice(ctx, d); err == nil {
		t.Error("ended before anything was")
	}
	must(t, s.EndDevice(ctx, radio.DeviceEnd{Device: d, Why: "thẻ nhớ bị lấy", Actor: "An", At: planAt + 20}))
	holding(t, s, d)
	_, _, err := s.EnrolmentDevice(ctx, "unused", planAt+21)
	wantKind(t, err, radio.ErrNotFound)
	place := need[radio.Place](t)(s.Place(ctx, d))
	if p := place.Device; p.Enrolled != 0 || p.Revoked != planAt+20 || p.Retired != 0 {
		t.Errorf("revoked: %+v", p)
	}
	e := need[radio.AuditEntry](t)(s.EndedDevice(ctx, d))
	if e.Action != "device.revoke" || e.Actor != "An" || e.At != planAt+20 || e.Facts == nil || e.Facts.Why != "thẻ nhớ bị lấy" || e.Facts.Code != place.Device.Code {
		t.Errorf("by whom: %+v", e)
	}
	for name, err := range map[string]error{
		"renewed":       s.Renew(ctx, "1", certificate(d, "4", "k", planAt+30)),
		"adopted":       s.AdoptCertificate(ctx, certificate(d, "5", "k", planAt+30)),
		"its newer one": s.Renew(ctx, "2", certificate(d, "4", "k", planAt+30)),
	} {
		t.Log(name)
		wantKind(t, err, radio.ErrForbidden)
	}
	wantKind(t, s.EndDevice(ctx, radio.DeviceEnd{Device: d, Actor: "An", At: planAt + 31}), radio.ErrConflict)
	wantKind(t, s.EndDevice(ctx, radio.DeviceEnd{Device: radio.NewID[radio.DeviceID](), Actor: "An", At: planAt + 31}), radio.ErrNotFound)
	must(t, s.UseCertificate(ctx, d, "2", planAt+31))
	holding(t, s, d)

	must(t, s.EndDevice(ctx, radio.DeviceEnd{Device: d, Retire: true, Actor: "An", At: planAt + 40}))
	wantKind(t, s.EndDevice(ctx, radio.DeviceEnd{Device: d, Retire: true, Actor: "An", At: planAt + 41}), radio.ErrConflict)
	if p := need[radio.Place](t)(s.Place(ctx, d)).Device; p.Revoked != planAt+20 || p.Retired != planAt+40 {
		t.Errorf("retired: %+v", p)
	}
	// An import says nothing of identities.
	plan := radio.PlanChange{At: planAt + 45, Author: SamplePlan().Author, Approver: SamplePlan().Approver, Devices: []radio.Device{{ID: d, Code: place.Device.Code, Name: "Tên khác", Hamlet: place.Device.Hamlet, Rendition: 64}}}
	must(t, s.ApplyPlan(ctx, plan))
	if p := need[radio.Place](t)(s.Place(ctx, d)).Device; p.Retired != planAt+40 || p.Name != "Tên khác" {
		t.Errorf("after an import: %+v", p)
	}
	if again := enrolled(t, s, "6", "another", planAt+50); again != d {
		t.Fatal("another device")
	}
	holding(t, s, d, "6")
	if p := need[radio.Place](t)(s.Place(ctx, d)).Device; p.Enrolled != planAt+50 || p.Revoked != 0 || p.Retired != 0 {
		t.Errorf("enrolled anew: %+v", p)
	}
}

func identityAdopted(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := enrolled(t, s, "1", "k", planAt)
	if known, err := s.KnowsCertificate(ctx, "2"); err != nil || known {
		t.Fatal(known, err)
	}
	wantKind(t, s.AdoptCertificate(ctx, certificate(d, "2", "a thief's key", planAt+10)), radio.ErrForbidden)
	c := certificate(d, "2", "k", planAt+10)
	c.UsedAt = planAt + 10
	must(t, s.AdoptCertificate(ctx, c))
	holding(t, s, d, "2")
	for _, serial := range []string{"1", "2"} {
		if known, err := s.KnowsCertificate(ctx, serial); err != nil || !known {
			t.Error(serial, known, err)
		}
	}
}

func identityBoards(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := enrolled(t, s, "1", "k", planAt)
	put := func(gone []radio.DeviceMachine, now ...radio.DeviceMachine) {
		t.Helper()
		must(t, s.Log(ctx, func(tx *store.LogTx) error { return tx.PutMachines(ctx, now, gone) }))
	}
	a := radio.DeviceMachine{Device: d, Machine: "a", FirstAt: 1, LastAt: 5, Returns: 2, ReturnedAt: 5}
	b := radio.DeviceMachine{Device: d, Machine: "b", FirstAt: 2, LastAt: 4, Returns: 1, ReturnedAt: 4}
	put(nil, a, b)
	same(t, "boards", need[[]radio.DeviceMachine](t)(s.DeviceMachines(ctx, d)), []radio.DeviceMachine{a, b})
	for since, want := range map[radio.Millis]int{0: 3, 4: 3, 5: 2, 6: 0} {
		if got := need[map[radio.DeviceID]int](t)(s.MachineReturns(ctx, since)); got[d] != want {
			t.Errorf("since %d: %d returns, want %d", since, got[d], want)
		}
	}
	b.LastAt, b.Returns, b.ReturnedAt = 9, 2, 9
	put([]radio.DeviceMachine{a}, b)
	must(t, s.Log(ctx, func(tx *store.LogTx) error {
		held, err := tx.Machines(ctx, []radio.DeviceID{d, radio.NewID[radio.DeviceID]()})
		same(t, "what is left", held, map[radio.DeviceID][]radio.DeviceMachine{d: {b}})
		return err
	}))
	enrolled(t, s, "2", "k2", planAt+1)
	if left := need[[]radio.DeviceMachine](t)(s.DeviceMachines(ctx, d)); len(left) != 0 {
		t.Errorf("the new identity begins with boards %+v", left)
	}
}

func identityForks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := enrolled(t, s, "1", "k", planAt)
	fork := func(seq uint64, kind radio.DisputeKind, at radio.Millis) {
		t.Helper()
		ref := radio.JournalRef{Device: d, Journal: radio.JournalID("J")}
		must(t, s.Log(ctx, func(tx *store.LogTx) error {
			return tx.WriteJournal(ctx, radio.JournalWrite{At: at, Disputes: []radio.JournalDispute{{JournalRef: ref, Kind: kind, Seq: seq, Last: seq, Claimed: [32]byte{byte(seq)}}}})
		}))
	}
	count := func(since radio.Millis, want int) {
		t.Helper()
		if got := need[map[radio.DeviceID]int](t)(s.JournalForks(ctx, since)); got[d] != want {
			t.Errorf("since %d: %d forks, want %d", since, got[d], want)
		}
	}
	fork(1, radio.DisputeFork, planAt+10)
	fork(2, radio.DisputeFork, planAt+20)
	fork(3, radio.DisputeGap, planAt+20)
	fork(4, radio.DisputeBreak, planAt+10)
	count(planAt, 3)
	count(planAt+15, 1)
	enrolled(t, s, "2", "another", planAt+20)
	count(planAt, 1)
	must(t, s.EndDevice(ctx, radio.DeviceEnd{Device: d, Actor: "An", At: planAt + 25}))
	enrolled(t, s, "3", "a third", planAt+30)
	count(planAt, 0)
}
