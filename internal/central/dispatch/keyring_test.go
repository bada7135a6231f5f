package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// TestNewKeyring reaches every device that holds a certificate; what the broker does not
// take goes out with the retry.
func TestNewKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 3)
		h.places[2].Device.Enrolled = 0
		d := h.dispatcher()
		run(t, h, d)
		h.did()
		h.set(func() { h.keyring.Version = 7 })
		if err := d.KeyringChanged(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, h, "send 1 keys", "send 2 keys")
		if k := last[trust.Keyring](h, device(2), wire.Keys); k.Version != 7 {
			t.Errorf("version %d", k.Version)
		}
		h.set(func() { h.fail["publish"] = errors.New("no broker") })
		if err := d.KeyringChanged(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, h)
		h.set(func() { h.fail = map[string]error{} })
		pass(h, retry)
		synctest.Wait()
		sent := h.did()
		for n := range 2 {
			if !slices.Contains(sent, fmt.Sprintf("send %d keys", n+1)) {
				t.Errorf("device %d did not get the keyring: %v", n+1, sent)
			}
		}
		h.set(func() { h.fail["places"] = errors.New("no disk") })
		if err := d.KeyringChanged(t.Context()); err == nil {
			t.Error("nobody told that the places cannot be read")
		}
	})
}

// TestKeyringEndsAnApproval: what an approver has signed, whose key was revoked, leaves the
// programmes with the keyring that says so.
func TestKeyringEndsAnApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		h.plan.Bulletins[0].Signed.KID = "stolen"
		d := h.dispatcher()
		run(t, h, d)
		if p := last[radio.Programme](h, device(1), wire.Programme); len(p.Audio) != 1 || p.Audio[0].Approval == nil || len(p.Signers) != 1 {
			t.Fatalf("before: %+v", p)
		}
		h.did()
		h.set(func() { h.keyring.Version, h.keyring.Revoked = 7, []string{"stolen"} })
		if err := d.KeyringChanged(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := last[radio.Programme](h, device(1), wire.Programme); len(p.Audio) != 0 || len(p.Slots) != 0 {
			t.Errorf("after: %+v", p)
		}
		if sent := h.did(); !slices.Contains(sent, "send 1 keys") || !slices.Contains(sent, "send 1 programme") {
			t.Errorf("sent %v", sent)
		}
	})
}

// TestNewRoot: the steps go before the keyring that their end has signed, to who is there
// and to who comes back under an older root.
func TestNewRoot(t *testing.T) {
	h := newHouse(t, 1)
	h.rootNumber = 3
	d := h.dispatcher()
	refresh(t, d)
	h.did()
	if err := d.KeyringChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "send 1 roots", "send 1 keys")
	for root, want := range map[int][]string{2: {"send 1 welcome", "send 1 roots", "send 1 keys"}, 3: {"send 1 welcome"}} {
		held := radio.RevisionStatus{Keys: h.keyring.Version, Root: root}
		for _, i := range h.issued {
			switch wire.Kind(i.Document) {
			case wire.Programme:
				held.Programme = i.Revision
			case wire.Policy:
				held.Policy = i.Revision
			case wire.Settings:
				held.Settings = i.Revision
			}
		}
		if err := d.Hello(t.Context(), device(1), hello(held)); err != nil {
			t.Fatal(err)
		}
		expect(t, h, want...)
		if w := last[wire.WelcomePayload](h, device(1), wire.Welcome); w.Revisions.Root != 3 {
			t.Errorf("welcomed to root %d", w.Revisions.Root)
		}
	}
}

// alerts records when dispatch asked for them.
type alerts struct {
	h   *house
	err error
}

func (a alerts) Hello(_ context.Context, d radio.DeviceID, _ []radio.SHA256) error {
	a.h.set(func() { a.h.events = append(a.h.events, "alerts "+short(d)) })
	return a.err
}

// TestAlertsAfterTheWelcome: the welcome proves the time by which a device judges an
// alert, the keyring who signed it; then the alerts, before any other document.
func TestAlertsAfterTheWelcome(t *testing.T) {
	for _, err := range []error{nil, errors.New("no disk")} {
		h := newHouse(t, 1)
		d := h.dispatcher()
		d.rooms.Alerts = alerts{h, err}
		refresh(t, d)
		h.did()
		if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{})); err != nil {
			t.Fatal(err)
		}
		expect(t, h, "send 1 welcome", "send 1 keys", "alerts 1", "send 1 policy", "send 1 programme", "send 1 settings")
	}
}

// TestAlertsWithoutAWelcome: a device whose welcome the broker does not take is told of
// alerts all the same, by the room that goes on trying.
func TestAlertsWithoutAWelcome(t *testing.T) {
	h := newHouse(t, 1)
	d := h.dispatcher()
	d.rooms.Alerts = alerts{h, errDown}
	refresh(t, d)
	h.did()
	h.set(func() { h.fail["publish:welcome"] = errDown })
	if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{})); !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
	expect(t, h, "alerts 1")
}

// TestNewerKeyringIsTold: a restored centre learns from its devices that it knows less; once.
func TestNewerKeyringIsTold(t *testing.T) {
	h := newHouse(t, 2)
	d := h.dispatcher()
	var said bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&said, nil))
	own := h.keyring.Version
	for _, c := range []struct{ held, told int64 }{{own, 0}, {own - 1, 0}, {own + 2, 1}, {own + 2, 1}, {own + 1, 1}, {own + 3, 2}} {
		d.compareKeyring(device(1), c.held, own)
		if got := strings.Count(said.String(), "newer keyring"); int64(got) != c.told {
			t.Errorf("told %d times after version %d, want %d", got, c.held, c.told)
		}
	}
	if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{Keys: own + 9})); err != nil || strings.Count(said.String(), "newer keyring") != 3 {
		t.Errorf("%v\n%s", err, &said)
	}
}
