package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
