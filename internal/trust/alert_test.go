package trust

import (
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// TestEnoughForAlert is the rule of design §8: one commune's own key speaks alone to
// that commune; everything else needs two different persons who reach the area.
func TestEnoughForAlert(t *testing.T) {
	const province, commune, other, hamlet = radio.AreaID("P"), radio.AreaID("C"), radio.AreaID("D"), radio.AreaID("H")
	ring := Keyring{Province: province}
	kids := map[string]string{}
	for _, p := range []struct {
		name  string
		id    radio.UserID
		scope radio.AreaID
	}{
		{"an", "AN", province}, {"binh", "BINH", province}, {"an2", "AN", province},
		{"chi", "CHI", commune}, {"dung", "DUNG", commune}, {"em", "EM", other}, {"giang", "GIANG", hamlet},
	} {
		k, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		kids[p.name] = k.KID()
		ring.Persons = append(ring.Persons, PersonKey{ID: p.id, JWK: k.Public(), Scope: p.scope, May: []string{MayAlert}})
	}
	wide, one, below := []radio.AreaID{province}, []radio.AreaID{province, commune}, []radio.AreaID{province, commune, hamlet}
	for _, c := range []struct {
		name  string
		signs []string
		chain []radio.AreaID
		ok    bool
	}{
		{"two of the province to the province", []string{"an", "binh"}, wide, true},
		{"one of the province to the province", []string{"an"}, wide, false},
		{"one person with two keys", []string{"an", "an2"}, wide, false},
		{"one of the province to one commune", []string{"an"}, one, false},
		{"two of the province to one commune", []string{"an", "binh"}, one, true},
		{"the commune's own to the commune", []string{"chi"}, one, true},
		{"the commune's own to its hamlet", []string{"chi"}, below, true},
		{"another commune's", []string{"em"}, one, false},
		{"another commune's with one of the province", []string{"em", "an"}, one, false},
		{"the commune's own to the province", []string{"chi"}, wide, false},
		{"two of the commune to the province", []string{"chi", "dung"}, wide, false},
		{"the commune's own with one of the province", []string{"chi", "an"}, one, true},
		{"a hamlet's alone to its hamlet", []string{"giang"}, below, false},
		{"a hamlet's with the commune's", []string{"giang", "chi"}, below, true},
		{"a hamlet's with one of the province", []string{"giang", "an"}, below, true},
		{"nobody", nil, one, false},
		{"another province", []string{"an", "binh"}, []radio.AreaID{"Q"}, false},
		{"no area", []string{"an", "binh"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var signs []string
			for _, s := range c.signs {
				signs = append(signs, kids[s])
			}
			err := ring.EnoughForAlert(signs, c.chain)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, radio.ErrForbidden) {
				t.Errorf("error %v, want ok %v", err, c.ok)
			}
		})
	}
	if err := ring.EnoughForAlert([]string{"nobody's"}, one); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a key that is nobody's: %v", err)
	}
}

func TestPersonLookup(t *testing.T) {
	alerts, approves, revoked, unknown := key(t), key(t), key(t), key(t)
	ring := Keyring{Persons: []PersonKey{
		{ID: "A", JWK: alerts.Public(), May: []string{MayAlert}},
		{ID: "B", JWK: approves.Public(), May: []string{MayApprove}},
		{ID: "C", JWK: revoked.Public(), May: []string{MayAlert}},
	}, Revoked: []string{revoked.KID()}}
	for name, c := range map[string]struct {
		key Key
		ok  bool
	}{"may": {alerts, true}, "may other things": {approves, false}, "revoked": {revoked, false}, "unknown": {unknown, false}} {
		_, err := ring.PersonLookup(MayAlert, 0)(c.key.KID())
		if (err == nil) != c.ok || err != nil && !errors.Is(err, radio.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func key(t *testing.T) Key {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
