package ingest

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// TestStrangeReceipts: of what nobody has issued a device gets so many a day into the
// database, the log says so once, and what was issued is kept all the same.
func TestStrangeReceipts(t *testing.T) {
	h := stopped(t, storetest.File(t))
	var log bytes.Buffer
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	h.run()
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "tinh", Kind: radio.Province, Name: "Tỉnh", Zone: "Asia/Ho_Chi_Minh"}
	if err := h.db.ApplyPlan(t.Context(), radio.PlanChange{At: 1, Author: "a", Approver: "b", Areas: []radio.Area{province}}); err != nil {
		t.Fatal(err)
	}
	a := radio.AlertRecord{ID: radio.NewID[radio.AlertID](), Version: 1, Wish: radio.AlertWish{Area: province.ID}}
	if err := h.db.ComposeAlert(t.Context(), a, "an", 1); err != nil {
		t.Fatal(err)
	}
	d, other := h.device(), h.device()
	say := func(from *device, id string) {
		h.send(from, wire.Receipt, from.seal(wire.Receipt, wire.ReceiptPayload{Device: from.id, ID: id, State: radio.ReceiptDone}))
	}
	kept := func(from *device) int {
		t.Helper()
		all, err := h.db.Receipts(t.Context(), from.id, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for range maxStrange + 10 {
		say(d, string(radio.NewID[radio.CommandID]()))
	}
	if n := kept(d); n != maxStrange {
		t.Errorf("%d kept, want %d", n, maxStrange)
	}
	say(other, string(radio.NewID[radio.CommandID]()))
	say(d, string(a.ID))
	if n, m := kept(d), kept(other); n != maxStrange+1 || m != 1 {
		t.Errorf("with that of an alert %d kept, of another device %d", n, m)
	}
	h.pass(24 * time.Hour)
	say(d, string(radio.NewID[radio.CommandID]()))
	if n := kept(d); n != maxStrange+2 {
		t.Errorf("the day after %d kept", n)
	}
	if n := strings.Count(log.String(), "nobody has issued"); n != 1 {
		t.Errorf("the log says so %d times:\n%s", n, log.String())
	}
}
