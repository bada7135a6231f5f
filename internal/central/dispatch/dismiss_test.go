package dispatch

import (
	"errors"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// TestDismiss: the last word is a programme with nothing in it, which calls the airings
// off; said again it issues nothing.
func TestDismiss(t *testing.T) {
	h := newHouse(t, 2)
	d := h.dispatcher()
	refresh(t, d)
	h.did()
	h.now = begin.Add(time.Minute)
	h.places[0].Device.Enrolled, h.places[0].Device.Revoked = 0, radio.At(h.now)
	if err := d.Dismiss(t.Context(), h.places[0]); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "store 1 programme 60", "freeze 1 60", "send 1 programme")
	p := last[radio.Programme](h, device(1), wire.Programme)
	if err := p.Check(); err != nil || len(p.Slots) != 0 || len(p.Audio) != 0 || p.Zone != zone || p.Revision != begin.Unix()+60 {
		t.Errorf("the last word %+v: %v", p, err)
	}
	if err := d.Dismiss(t.Context(), h.places[0]); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "send 1 programme")
	refresh(t, d)
	if err := d.Republish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range h.did() {
		if e[len("send "):][:1] == "1" {
			t.Errorf("a dismissed device is sent more: %s", e)
		}
	}
	// Enrolled anew it is planned for again.
	h.places[0].Device.Enrolled, h.places[0].Device.Revoked = radio.At(h.now), 0
	refresh(t, d)
	if p := last[radio.Programme](h, device(1), wire.Programme); len(p.Slots) != 1 {
		t.Errorf("enrolled anew: %+v", p)
	}
}

func TestDismissOneThatHasNothing(t *testing.T) {
	h := newHouse(t, 1)
	d := h.dispatcher()
	if err := d.Dismiss(t.Context(), h.places[0]); err != nil {
		t.Fatal(err)
	}
	expect(t, h)
}

func TestDismissIsTriedAgain(t *testing.T) {
	for _, what := range []string{"current", "add", "publish"} {
		h := newHouse(t, 1)
		d := h.dispatcher()
		refresh(t, d)
		h.fail[what] = errDown
		if err := d.Dismiss(t.Context(), h.places[0]); !errors.Is(err, radio.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
		delete(h.fail, what)
		if err := d.Dismiss(t.Context(), h.places[0]); err != nil {
			t.Errorf("%s, again: %v", what, err)
		}
		if p := last[radio.Programme](h, device(1), wire.Programme); len(p.Slots) != 0 {
			t.Errorf("%s: %+v", what, p)
		}
	}
}

func TestClear(t *testing.T) {
	h := newHouse(t, 1)
	d := h.dispatcher()
	if err := d.Clear(t.Context(), device(1)); err != nil {
		t.Fatal(err)
	}
	var topics []string
	for _, m := range h.sent {
		if len(m.payload) != 0 || !m.retained {
			t.Errorf("%s keeps %d bytes", m.topic, len(m.payload))
		}
		parsed, err := wire.ParseTopic(m.topic)
		if err != nil || parsed.Device != device(1) || !parsed.Kind.Retained() {
			t.Errorf("%s: %v", m.topic, err)
		}
		topics = append(topics, string(parsed.Kind))
	}
	slices.Sort(topics)
	if want := []string{"keys", "policy", "presence", "programme", "reported", "roots", "settings"}; !slices.Equal(topics, want) {
		t.Errorf("cleared %v", topics)
	}
	h.fail["publish"] = errDown
	if err := d.Clear(t.Context(), device(1)); !errors.Is(err, radio.ErrUnavailable) {
		t.Error(err)
	}
}
