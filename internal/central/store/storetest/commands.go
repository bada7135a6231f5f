package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func commandSuites() []Suite {
	return []Suite{
		{"commands: kept, found, told", commandsKept},
		{"commands: what is under way", commandsLive},
		{"commands: many at once", commandsMany},
		{"commands: old ones are forgotten", commandsForgotten},
		{"commands: what receipts speak of", receiptsOf},
	}
}

// order keeps a batch for devices and gives its commands.
func order(t *testing.T, s *store.Store, b radio.CommandBatch, devices ...radio.DeviceID) []radio.CommandTarget {
	t.Helper()
	targets := make([]radio.CommandTarget, len(devices))
	for i, d := range devices {
		targets[i] = radio.CommandTarget{ID: radio.NewID[radio.CommandID](), Device: d}
	}
	must(t, s.AddCommands(t.Context(), b, targets, string(b.Area), radio.AuditFacts{Title: "words"}))
	return targets
}

func batchOf(area radio.AreaID, by radio.UserID, at radio.Millis) radio.CommandBatch {
	return radio.CommandBatch{ID: radio.NewID[radio.BatchID](), Do: radio.CommandVolume, GainDB: -7.5, Area: area, By: by, IssuedAt: at, ExpiresAt: at.Add(time.Minute)}
}

func receive(t *testing.T, s *store.Store, r ...radio.Receipt) {
	t.Helper()
	must(t, s.Log(t.Context(), func(tx *store.LogTx) error { return tx.PutReceipts(t.Context(), r) }))
}

func commandsKept(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	device, area := plan.Devices[0].ID, plan.Areas[0].ID
	b := batchOf(area, an, alertAt)
	targets := order(t, s, b, device)
	b.ByName, b.Devices = "An", 1
	if got := need[radio.CommandBatch](t)(s.CommandBatch(t.Context(), b.ID)); got != b {
		t.Errorf("batch %+v, want %+v", got, b)
	}
	if _, err := s.CommandBatch(t.Context(), radio.NewID[radio.BatchID]()); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("another batch: %v", err)
	}
	later := batchOf(area, radio.UserID("root@centre"), alertAt+1)
	later.Do, later.GainDB, later.Airing = radio.CommandStop, 0, radio.NewID[radio.AiringID]()
	order(t, s, later, device)
	later.ByName, later.Devices = "root@centre", 1
	if got := need[[]radio.CommandBatch](t)(s.CommandBatches(t.Context(), 10)); len(got) != 2 || got[0] != later || got[1] != b {
		t.Errorf("batches %+v", got)
	}
	if got := need[[]radio.CommandBatch](t)(s.CommandBatches(t.Context(), 1)); len(got) != 1 || got[0].ID != later.ID {
		t.Errorf("the newest: %+v", got)
	}
	receive(t, s, radio.Receipt{Device: device, ID: string(targets[0].ID), State: radio.ReceiptRejected, Reason: "clock", At: alertAt + 5, Received: alertAt + 6},
		radio.Receipt{Device: device, ID: "another", State: radio.ReceiptDone, At: 1, Received: 1})
	results := need[[]radio.CommandResult](t)(s.CommandResults(t.Context(), b.ID))
	if len(results) != 1 {
		t.Fatalf("results %+v", results)
	}
	r := results[0]
	if r.CommandTarget != targets[0] || r.Code != plan.Devices[0].Code || r.Name != plan.Devices[0].Name || r.Commune == "" || r.CommuneName == "" || r.HamletName == "" ||
		r.State != radio.ReceiptRejected || r.Reason != radio.ReasonClock || r.At != alertAt+5 || r.Heard != alertAt+6 {
		t.Errorf("result %+v", r)
	}
	lines := need[[]radio.DeviceCommand](t)(s.DeviceCommands(t.Context(), device, 10))
	if len(lines) != 2 || lines[0].Batch != later || lines[0].Result.State != "" || lines[1].Batch != b || lines[1].Result != r {
		t.Errorf("of the device %+v", lines)
	}
	entries := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(area), 10))
	if len(entries) < 2 || entries[0].Action != "command.stop" || entries[0].Actor != "root@centre" || entries[1].Action != "command.volume" || entries[1].Actor != string(an) || entries[1].Facts == nil || entries[1].Facts.Title != "words" {
		t.Errorf("audit %+v", entries)
	}
}

// A command is under way until it expires or its device has said anything at all.
func commandsLive(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	other := plan.Devices[0]
	other.ID, other.Code = radio.NewID[radio.DeviceID](), "cum-khac"
	must(t, s.AddDevice(t.Context(), other, "test", alertAt))
	one, two := plan.Devices[0].ID, other.ID
	first, second := batchOf(plan.Areas[0].ID, an, alertAt), batchOf(plan.Areas[0].ID, an, alertAt+10)
	a := order(t, s, first, one, two)
	b := order(t, s, second, one)
	live := func(device radio.DeviceID, now radio.Millis) string {
		var out []string
		for _, c := range need[[]radio.LiveCommand](t)(s.LiveCommands(t.Context(), device, now)) {
			for name, x := range map[string]radio.CommandTarget{"a1": a[0], "a2": a[1], "b1": b[0]} {
				if c.CommandTarget == x {
					out = append(out, name)
				}
			}
			if c.Batch.ID == first.ID && c.Batch.Do != first.Do || c.Batch.ExpiresAt == 0 || c.Batch.GainDB != -7.5 {
				t.Errorf("%+v", c)
			}
		}
		slices.Sort(out) // ids of one millisecond are in no order
		return strings.Join(out, " ")
	}
	if got := live("", alertAt+20); got != "a1 a2 b1" {
		t.Errorf("under way %q", got)
	}
	if got := live(one, alertAt+20); got != "a1 b1" {
		t.Errorf("of one device %q", got)
	}
	receive(t, s, radio.Receipt{Device: one, ID: string(a[0].ID), State: radio.ReceiptReceived, At: 1, Received: 1},
		// Another device's word under this id is none of it.
		radio.Receipt{Device: one, ID: string(a[1].ID), State: radio.ReceiptDone, At: 1, Received: 1})
	if got := live("", alertAt+20); got != "a2 b1" {
		t.Errorf("behind a receipt %q", got)
	}
	if got := live("", first.ExpiresAt); got != "b1" {
		t.Errorf("at the end of the first %q", got)
	}
	if got := live("", second.ExpiresAt); got != "" {
		t.Errorf("at the end %q", got)
	}
}

func commandsMany(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	var devices []radio.DeviceID
	for range 500 {
		for _, d := range plan.Devices {
			devices = append(devices, d.ID)
		}
	}
	b := batchOf(plan.Areas[0].ID, an, alertAt)
	order(t, s, b, devices...)
	if got := need[radio.CommandBatch](t)(s.CommandBatch(t.Context(), b.ID)); got.Devices != len(devices) {
		t.Errorf("%d devices, want %d", got.Devices, len(devices))
	}
	if got := need[[]radio.CommandResult](t)(s.CommandResults(t.Context(), b.ID)); len(got) != len(devices) {
		t.Errorf("%d results", len(got))
	}
	again := b
	if err := s.AddCommands(t.Context(), again, nil, "x", radio.AuditFacts{}); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("the same batch again: %v", err)
	}
}

func commandsForgotten(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	device, area := plan.Devices[0].ID, plan.Areas[0].ID
	var batches []radio.CommandBatch
	var targets []radio.CommandTarget
	for i := range 8 {
		b := batchOf(area, an, alertAt.Add(time.Duration(i)*time.Hour))
		targets = append(targets, order(t, s, b, device)...)
		batches = append(batches, b)
		receive(t, s, radio.Receipt{Device: device, ID: string(targets[i].ID), State: radio.ReceiptDone, At: 1, Received: b.IssuedAt})
	}
	receive(t, s, radio.Receipt{Device: device, ID: "an alert", State: radio.ReceiptDone, At: 1, Received: 1})
	before := batches[7].ExpiresAt // of the last one: it stays
	rounds := 0
	for more := true; more; rounds++ {
		more = need[bool](t)(s.ForgetCommands(t.Context(), before))
	}
	left := need[[]radio.CommandBatch](t)(s.CommandBatches(t.Context(), 100))
	if rounds != 2 || len(left) != 1 || left[0].ID != batches[7].ID {
		t.Fatalf("in %d rounds, left %+v", rounds, left)
	}
	if got := need[[]radio.CommandResult](t)(s.CommandResults(t.Context(), batches[0].ID)); len(got) != 0 {
		t.Errorf("results of a forgotten order: %+v", got)
	}
	if got := need[[]radio.CommandResult](t)(s.CommandResults(t.Context(), batches[7].ID)); len(got) != 1 || got[0].State != radio.ReceiptDone {
		t.Errorf("results of the one that stays: %+v", got)
	}
	receipts, err := s.Receipts(t.Context(), device, 100)
	must(t, err)
	if len(receipts) != 2 {
		t.Errorf("receipts: %+v", receipts)
	}
	entries := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(area), 100))
	if len(entries) != 8 {
		t.Errorf("%d entries: the audit is never forgotten", len(entries))
	}
}

func receiptsOf(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	mine, other := plan.Devices[0].ID, radio.NewID[radio.DeviceID]()
	command := order(t, s, batchOf(plan.Areas[0].ID, an, alertAt), mine)[0].ID
	a := alertDraft(plan.Areas[0].ID, an, "An")
	must(t, s.ComposeAlert(t.Context(), a, an, alertAt))
	say := func(d radio.DeviceID, id string) radio.Receipt { return radio.Receipt{Device: d, ID: id} }
	must(t, s.Log(t.Context(), func(tx *store.LogTx) error {
		got, err := tx.IssuedTo(t.Context(), []radio.Receipt{say(mine, string(command)), say(mine, string(a.ID)), say(mine, "nobody's"),
			say(other, string(command)), say(other, string(a.ID))})
		same(t, "issued", got, []bool{true, true, false, false, true})
		none, err2 := tx.IssuedTo(t.Context(), nil)
		same(t, "of none", len(none), 0)
		return errors.Join(err, err2)
	}))
}
