package inbox

import (
	"errors"
	"slices"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// TestPlaceComesWithTheSettings: after a merger the device is told its new commune; no
// settings bring it into another province, and a restart keeps the place.
func TestPlaceComesWithTheSettings(t *testing.T) {
	l := newLab(t)
	if got := l.Areas(); !slices.Equal(got, []radio.AreaID{province, commune, hamlet}) {
		t.Fatalf("as enrolled: %v", got)
	}
	next := id[radio.AreaID](77)
	s := settings(5)
	s.Areas = []radio.SettingsArea{{ID: next, Kind: radio.Province}, {ID: commune, Kind: radio.Commune}, {ID: hamlet, Kind: radio.Hamlet}}
	if err := l.take(t, wire.Settings, l.seal(wire.Settings, s)); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("another province: %v", err)
	}
	s.Areas = []radio.SettingsArea{{ID: province, Kind: radio.Province}, {ID: next, Kind: radio.Commune}, {ID: commune, Kind: radio.Commune}, {ID: hamlet, Kind: radio.Hamlet}}
	if err := l.take(t, wire.Settings, l.seal(wire.Settings, s)); err != nil {
		t.Fatal(err)
	}
	want := []radio.AreaID{province, next, commune, hamlet}
	if got := l.Areas(); !slices.Equal(got, want) {
		t.Errorf("as told: %v", got)
	}
	l.restart(t)
	if got := l.Areas(); !slices.Equal(got, want) || !slices.Equal(l.former, []radio.AreaID{commune}) {
		t.Errorf("after a restart: %v, former %v", got, l.former)
	}
}
