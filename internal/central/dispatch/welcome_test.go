package dispatch

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// A device with its hands full gets its welcome, and what it lacks behind it, as soon as
// the broker takes it, with the time of then; nothing goes twice.
func TestWelcomeIsSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2)
		d := h.dispatcher()
		run(t, h, d)
		h.did()
		busy := func(err error) {
			h.set(func() { h.fail = map[string]error{"publish:welcome": err} })
		}
		say := func(nonce string) {
			t.Helper()
			p := hello(radio.RevisionStatus{Keys: 1})
			p.Nonce = nonce
			if err := d.Hello(t.Context(), device(1), p); !errors.Is(err, radio.ErrUnavailable) {
				t.Fatalf("hello of a busy device: %v", err)
			}
		}
		busy(errDown)
		say("first")
		pass(h, 3*time.Second)
		say("second")
		pass(h, 3*time.Second)
		expect(t, h)
		busy(nil)
		pass(h, time.Second)
		expect(t, h, "send 1 welcome", "send 1 policy", "send 1 programme", "send 1 settings")
		if w := last[wire.WelcomePayload](h, device(1), wire.Welcome); w.Nonce != "second" || w.Time != radio.At(h.clock()) {
			t.Errorf("welcome %+v at %d", w, radio.At(h.clock()))
		}
		pass(h, time.Minute)
		expect(t, h)

		// Ten seconds and no longer: then the device itself says hello.
		busy(errDown)
		say("third")
		pass(h, 11*time.Second)
		busy(nil)
		pass(h, time.Minute)
		expect(t, h)

		// One that was answered in between gets no second welcome.
		busy(errDown)
		say("fourth")
		busy(nil)
		now := begin.Unix()
		if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{Programme: now, Policy: now, Settings: now, Keys: 1})); err != nil {
			t.Fatal(err)
		}
		pass(h, time.Minute)
		expect(t, h, "send 1 welcome")
	})
}
