package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Any single bit turned anywhere in any kind of message: it is refused, or it is still the
// very same message (JSON and base64 have more than one spelling). Nothing else ever
// becomes active, is handed on, or raises the clock's floor.
func TestSingleBits(t *testing.T) {
	device := id[radio.DeviceID](deviceN)
	l, p := alertLab(t)
	commands := &keptCommands{}
	l.opts.Commands = commands
	l.journal.head = 9
	alert := storm(1, commune)
	command := radio.Command{ID: id[radio.CommandID](50), Device: device, Do: radio.CommandTestTone, IssuedAt: radio.At(start), ExpiresAt: radio.At(start) + 60_000}
	welcome := wire.WelcomePayload{Device: device, Nonce: "n", Time: radio.At(start)}
	ack := wire.AckPayload{Device: device, Upto: 9}
	prog, pol, set := programme(10), policy(11), settings(12)
	l.approvers[0].Approve(t, &prog)
	newest := must(trust.Generate())
	step := must(trust.SignRootStep(province, trust.Root{Number: 1, Key: l.root.Public()}, l.root, newest, radio.At(start)))
	ringBytes := l.peopleRing(3, p)
	var ring trust.Keyring
	if payload, _, err := trust.Open(ringBytes, trust.KeyringType, string(province), trust.MaxKeyring, trust.Only(l.root.Public())); err != nil || json.Unmarshal(payload, &ring) != nil {
		t.Fatal(err)
	}
	messages := map[wire.Kind][]byte{wire.Programme: l.seal(wire.Programme, prog), wire.Policy: l.seal(wire.Policy, pol), wire.Settings: l.seal(wire.Settings, set),
		wire.Alert: p.sign(alert, "chairman"), wire.Command: l.seal(wire.Command, command), wire.Welcome: l.seal(wire.Welcome, welcome), wire.Ack: l.seal(wire.Ack, ack),
		wire.Keys: ringBytes, wire.Roots: must(wire.EncodeRoots([]json.RawMessage{step}))}
	// only says that whatever is held or was handed on is the genuine one.
	only := func(where string) {
		t.Helper()
		if got, ok := l.Programme(); ok && !same(*got, prog) {
			t.Fatalf("%s: programme %+v", where, got)
		}
		if got := l.Policy(); got.Revision != 0 && !same(got, pol) {
			t.Fatalf("%s: policy %+v", where, got)
		}
		if got := l.Settings(); got.Revision != 0 && !same(got, set) {
			t.Fatalf("%s: settings %+v", where, got)
		}
		if got := l.ring; got.Version != 2 && !same(got, ring) {
			t.Fatalf("%s: keyring %+v", where, got)
		}
		if got := l.Inbox.root(); got.Number != 1 && got.Key.KID != newest.KID() {
			t.Fatalf("%s: root %+v", where, got)
		}
		for _, got := range l.alerts.taken {
			if !same(got, alert) {
				t.Fatalf("%s: alert %+v", where, got)
			}
		}
		for _, got := range commands.taken {
			if !same(got, command) {
				t.Fatalf("%s: command %+v", where, got)
			}
		}
		for _, got := range l.welcomes {
			if !same(got, welcome) {
				t.Fatalf("%s: welcome %+v", where, got)
			}
		}
		for _, got := range l.journal.acks {
			if got != 9 {
				t.Fatalf("%s: acknowledged up to %d", where, got)
			}
		}
		for _, got := range l.clock.atLeast {
			if got.After(start) {
				t.Fatalf("%s: it is at least %s", where, got)
			}
		}
		l.alerts.taken, commands.taken, l.welcomes, l.journal.acks, l.clock.atLeast = nil, nil, nil, nil, nil
	}
	for kind, whole := range messages {
		every := 11 // never the same bit of two bytes that follow each other
		switch {
		case testing.Short():
			every = 43
		case kind == wire.Alert:
			every = 3
		}
		refused := 0
		for i := 0; i < len(whole)*8; i += every {
			b := append([]byte(nil), whole...)
			b[i/8] ^= 1 << (i % 8)
			if err := l.take(t, kind, b); err != nil {
				refused++
				if !final(err) {
					t.Fatalf("%s, bit %d: %v", kind, i, err)
				}
			}
			only(fmt.Sprintf("%s, bit %d", kind, i))
		}
		// Of steps that were walked already nothing counts, so nothing is proven either.
		if all := (len(whole)*8 + every - 1) / every; refused < all*9/10 && kind != wire.Roots || refused == 0 {
			t.Errorf("%s: only %d of %d bent messages were refused", kind, refused, all)
		}
	}
	for n := 0; n < 4000; n += 13 { // and cut anywhere
		for kind, whole := range messages {
			if n < len(whole)-1 && kind != wire.Roots {
				if err := l.take(t, kind, whole[:n]); !final(err) {
					t.Fatalf("%s cut to %d bytes: %v", kind, n, err)
				}
			}
		}
	}
	for n := range len(messages[wire.Roots]) - 1 {
		if err := l.take(t, wire.Roots, messages[wire.Roots][:n]); !final(err) {
			t.Fatalf("roots cut to %d bytes: %v", n, err)
		}
	}
	only("cut")
}

func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// keptCommands notes the whole of what it is handed.
type keptCommands struct{ taken []radio.Command }

func (k *keptCommands) Take(_ context.Context, c radio.Command) error {
	k.taken = append(k.taken, c)
	return nil
}

func (k *keptCommands) TurnAway(context.Context, radio.CommandID, radio.Reason) {}
