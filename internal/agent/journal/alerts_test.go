package journal

import (
	"testing"

	"loaxa/internal/radio"
)

func receipt(id radio.AlertID, s radio.ReceiptState) radio.Record {
	return radio.Record{Kind: radio.RecordReceipt, Receipt: &radio.ReceiptRecord{ID: string(id), State: s}}
}

func TestAlertsAreKept(t *testing.T) {
	l := newLab(t)
	const one, two = radio.AlertID("01JD0000000000000000000AT1"), radio.AlertID("01JD0000000000000000000AT2")
	for _, a := range []radio.KeptAlert{{ID: one, State: []byte("a")}, {ID: two, State: []byte("b")}, {ID: one, Over: true, State: []byte("c")}} {
		if err := l.SetAlert(t.Context(), a, receipt(a.ID, radio.ReceiptAccepted), receipt(a.ID, radio.ReceiptRunning)); err != nil {
			t.Fatal(err)
		}
	}
	if head := l.Status().Head; head != 6 {
		t.Errorf("%d records, want each step's", head)
	}
	for range 2 {
		list, err := l.Alerts(t.Context())
		if err != nil || len(list) != 2 || list[0].ID != one || !list[0].Over || string(list[0].State) != "c" || list[1].Over || string(list[1].State) != "b" {
			t.Fatalf("%+v, %v", list, err)
		}
		l.reopen(t)
	}
	if err := l.ForgetAlert(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if list, err := l.Alerts(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	// Another device's alerts are not this one's.
	if err := l.SetIdentity(t.Context(), []byte("x"), radio.Issued{Document: "keys", Revision: 1}, radio.RejoinOther); err != nil {
		t.Fatal(err)
	}
	if list, err := l.Alerts(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// An alert that was cancelled must not sound because an older copy of it was all that
// could be read out of a damaged file: its last receipt stands in the journal.
func TestRescueEndsWhatWasOver(t *testing.T) {
	l := newLab(t)
	id, other := radio.NewID[radio.AlertID](), radio.NewID[radio.AlertID]()
	for _, a := range []radio.KeptAlert{{ID: id, State: []byte("running")}, {ID: other, State: []byte("running")}} {
		if err := l.SetAlert(t.Context(), a, receipt(a.ID, radio.ReceiptRunning)); err != nil {
			t.Fatal(err)
		}
	}
	l.write(t, receipt(id, radio.ReceiptDone))
	later := radio.NewID[radio.AlertID]()
	l.write(t, receipt(later, radio.ReceiptRejected))
	if err := l.SetAlert(t.Context(), radio.KeptAlert{ID: later, State: []byte("running")}, receipt(later, radio.ReceiptRunning)); err != nil {
		t.Fatal(err)
	}
	f, _, err := readImage(l.path)
	if err != nil {
		t.Fatal(err)
	}
	s := salvageFrom(f)
	// One that was turned away before its keyring came was never kept then.
	if got := s.values[string(key(keyAlert, string(later)))].data; len(got) == 0 || got[0] != 0 {
		t.Errorf("the one that came again %q, want it running", got)
	}
	if got := s.values[string(key(keyAlert, string(id)))].data; len(got) == 0 || got[0] != 1 {
		t.Errorf("the cancelled one %q, want it over", got)
	}
	if got := s.values[string(key(keyAlert, string(other)))].data; len(got) == 0 || got[0] != 0 {
		t.Errorf("the running one %q, want it running", got)
	}
}
