package journal

import (
	"testing"

	"loaxa/internal/radio"
)

// Commands outlive a restart with the records of their steps, and leave with the identity.
func TestCommands(t *testing.T) {
	l := newLab(t)
	id := radio.NewID[radio.CommandID]()
	step := radio.Record{Kind: radio.RecordReceipt, Receipt: &radio.ReceiptRecord{ID: string(id), State: radio.ReceiptReceived, At: 1}}
	if err := l.SetCommand(t.Context(), radio.KeptCommand{ID: id, State: []byte(`{"a":1}`)}, step); err != nil {
		t.Fatal(err)
	}
	if err := l.SetCommand(t.Context(), radio.KeptCommand{ID: id, State: []byte(`{"a":2}`)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Keep(t.Context(), keptVolume, []byte("-6")); err != nil {
		t.Fatal(err)
	}
	l.reopen(t)
	list, err := l.Commands(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != id || string(list[0].State) != `{"a":2}` {
		t.Fatalf("%+v, %v", list, err)
	}
	if s := l.Status(); s.Head != 1 {
		t.Errorf("%d records, want the one step", s.Head)
	}
	if err := l.ForgetCommand(t.Context(), radio.NewID[radio.CommandID]()); err != nil {
		t.Error(err)
	}
	if err := l.SetIdentity(t.Context(), []byte("other"), radio.Issued{Document: "keys", Revision: 1}, radio.RejoinOther); err != nil {
		t.Fatal(err)
	}
	if list, err = l.Commands(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("another device begins with %+v, %v", list, err)
	}
	if _, err := l.Kept(keptVolume); !isNotFound(err) {
		t.Errorf("another device begins with the volume of the one before: %v", err)
	}
}
