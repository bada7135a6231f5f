package storetest

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func issuedSuites() []Suite {
	return []Suite{
		{"issued: the newest of each kind is current", issuedCurrent},
		{"issued: a revision never goes back", issuedNeverBack},
		{"issued: of two writers one wins", issuedRace},
		{"issued: superseded documents are dropped late", issuedDropped},
	}
}

const issuedAt = radio.Millis(1_780_000_000_000)

func issuedSample(d radio.DeviceID, document string, revision int64) radio.Issued {
	return radio.Issued{
		Device: d, Document: document, Revision: revision, IssuedAt: issuedAt, NotAfter: issuedAt.Add(35 * 24 * time.Hour),
		Digest: radio.SHA256(strings.Repeat("ab", 32)), Payload: []byte(`{"revision":1}`), Envelope: []byte{0x00, 0xff, '{', '}'},
	}
}

func addIssued(t *testing.T, s *store.Store, all ...radio.Issued) {
	t.Helper()
	for _, i := range all {
		if err := s.AddIssued(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
}

func issuedCurrent(t *testing.T, s *store.Store) {
	a, b := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	if got, err := s.CurrentIssued(t.Context(), a); err != nil || len(got) != 0 {
		t.Fatalf("before anything was issued: %v %v", got, err)
	}
	first, second, policy := issuedSample(a, "programme", 1_780_000_000), issuedSample(a, "programme", 1_780_000_001), issuedSample(a, "policy", 5)
	policy.NotAfter = 0
	addIssued(t, s, first, second, policy, issuedSample(b, "programme", 9))
	got, err := s.CurrentIssued(t.Context(), a)
	if err != nil || !reflect.DeepEqual(got, []radio.Issued{policy, second}) {
		t.Fatalf("current: %+v %v", got, err)
	}
	old, err := s.Issued(t.Context(), a, "programme", first.Revision)
	if err != nil || !reflect.DeepEqual(old, first) {
		t.Fatalf("old revision: %+v %v", old, err)
	}
	if _, err := s.Issued(t.Context(), b, "programme", first.Revision); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("another device's revision: %v", err)
	}
}

func issuedNeverBack(t *testing.T, s *store.Store) {
	d := radio.NewID[radio.DeviceID]()
	addIssued(t, s, issuedSample(d, "programme", 10))
	for _, revision := range []int64{10, 9} {
		if err := s.AddIssued(t.Context(), issuedSample(d, "programme", revision)); !errors.Is(err, radio.ErrConflict) {
			t.Errorf("revision %d after 10: %v", revision, err)
		}
	}
	addIssued(t, s, issuedSample(d, "policy", 1), issuedSample(d, "programme", 11))
}

func issuedRace(t *testing.T, s *store.Store) {
	d := radio.NewID[radio.DeviceID]()
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() { errs[n] = s.AddIssued(t.Context(), issuedSample(d, "programme", 7)) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, radio.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d writers kept the same revision", won)
	}
}

func issuedDropped(t *testing.T, s *store.Store) {
	d := radio.NewID[radio.DeviceID]()
	first, second, third := issuedSample(d, "programme", 1), issuedSample(d, "programme", 2), issuedSample(d, "programme", 3)
	policy := issuedSample(d, "policy", 1)
	second.IssuedAt = issuedAt.Add(30 * 24 * time.Hour)
	third.IssuedAt = issuedAt.Add(101 * 24 * time.Hour)
	addIssued(t, s, policy, first, second, third)
	if _, err := s.Issued(t.Context(), d, "programme", 1); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("superseded for 101 days: %v", err)
	}
	if _, err := s.Issued(t.Context(), d, "programme", 2); err != nil {
		t.Errorf("superseded for 71 days: %v", err)
	}
	if got, err := s.CurrentIssued(t.Context(), d); err != nil || len(got) != 2 {
		t.Errorf("current: %+v %v", got, err)
	}
}
