package storetest

import (
	"errors"
	"slices"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// alertsForgotten: what is over goes with all that was said of it, and nothing else.
func alertsForgotten(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, _ := alertHouse(t, s)
	device := plan.Devices[0].ID
	const before = alertAt + 5000
	add := func(at, ends radio.Millis) radio.AlertRecord {
		a := alertDraft(plan.Areas[0].ID, an, "An")
		a.ComposedAt = at
		must(t, s.ComposeAlert(ctx, a, an, at))
		if ends == 0 {
			return a
		}
		a.State = radio.AlertIssued
		a.Paper = radio.AlertPaper{Envelope: []byte("e"), ExpiresAt: ends, SentAt: at, Signatures: []radio.AlertSignature{{Person: an, Name: "An", KID: "k", At: at}}}
		must(t, s.SignAlert(ctx, a, 0, []radio.AlertTarget{{Device: device, Code: "c"}}))
		receive(t, s, radio.Receipt{Device: device, ID: string(a.ID), State: radio.ReceiptRunning, At: at, Received: at},
			radio.Receipt{Device: device, ID: string(a.ID), State: radio.ReceiptDone, At: at + 1, Received: at + 1})
		return a
	}
	over, draft, dropped := add(alertAt, before-1), add(alertAt, 0), add(alertAt, 0)
	must(t, s.DropAlert(ctx, dropped, an, alertAt+1))
	cancelled := add(alertAt, before-1)
	cancelled.State, cancelled.Tomb = radio.AlertCancelled, radio.AlertPaper{Envelope: []byte("t"), ExpiresAt: before - 1, SentAt: alertAt + 50,
		Signatures: []radio.AlertSignature{{Person: an, Name: "An", KID: "k", At: alertAt + 50}}}
	must(t, s.SignTomb(ctx, cancelled, 0))
	stands, young := add(alertAt, before), add(before, 0)
	receive(t, s, radio.Receipt{Device: device, ID: "an order", State: radio.ReceiptDone, At: 1, Received: 1})

	rounds := 0
	for more := true; more; rounds++ {
		more = need[bool](t)(s.ForgetAlert(ctx, before))
	}
	same(t, "rounds", rounds, 5)
	for _, a := range []radio.AlertRecord{over, draft, dropped, cancelled} {
		if _, err := s.Alert(ctx, a.ID); !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("%s ending at %d is still there: %v", a.State, a.Paper.ExpiresAt, err)
		}
		same(t, "steps", len(need[[]radio.Receipt](t)(s.ReceiptSteps(ctx, string(a.ID), ""))), 0)
		same(t, "devices", len(need[[]radio.AlertTarget](t)(s.AlertTargets(ctx, a.ID))), 0)
	}
	same(t, "the one that stood longer", need[radio.AlertRecord](t)(s.Alert(ctx, stands.ID)), stands)
	same(t, "its devices", len(need[[]radio.AlertTarget](t)(s.AlertTargets(ctx, stands.ID))), 1)
	same(t, "its steps", len(need[[]radio.Receipt](t)(s.ReceiptSteps(ctx, string(stands.ID), ""))), 2)
	same(t, "the young draft", need[radio.AlertRecord](t)(s.Alert(ctx, young.ID)), young)
	var told []string
	for _, r := range need[[]radio.Receipt](t)(s.Receipts(ctx, device, 100)) {
		told = append(told, r.ID)
	}
	slices.Sort(told)
	want := []string{"an order", string(stands.ID)}
	slices.Sort(want)
	same(t, "receipts", told, want)
	same(t, "audit of a forgotten one", len(need[[]radio.AuditEntry](t)(s.Audit(ctx, string(cancelled.ID), 100))), 4)
}
