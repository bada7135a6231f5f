package trust

import (
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// The chain of the device in these tests.
var place = []radio.AreaID{"P", "C", "H"}

func spoken(n string) radio.ProgrammeAudio {
	return radio.ProgrammeAudio{Bulletin: "B", Version: 2, Renditions: []radio.Rendition{{SHA256: radio.SHA256("64" + n)}, {SHA256: radio.SHA256("32" + n)}}}
}

// TestCheckApproval: what an approver signed sounds where their key reaches, as long as
// neither audio nor key are others than they were.
func TestCheckApproval(t *testing.T) {
	province, commune, other, hamlet, alerter, stranger := key(t), key(t), key(t), key(t), key(t), key(t)
	ring := Keyring{Province: "P", Persons: []PersonKey{
		{ID: "AN", JWK: province.Public(), Scope: "P", May: []string{MayApprove}, NotAfter: 1000},
		{ID: "BINH", JWK: commune.Public(), Scope: "C", May: []string{MayApprove}},
		{ID: "CHI", JWK: other.Public(), Scope: "D", May: []string{MayApprove}},
		{ID: "DUNG", JWK: hamlet.Public(), Scope: "H", May: []string{MayApprove}},
		{ID: "EM", JWK: alerter.Public(), Scope: "P", May: []string{MayAlert}},
	}}
	for name, c := range map[string]struct {
		key    Key
		person radio.UserID
		area   radio.AreaID
		at     radio.Millis
		change func(a *radio.ProgrammeAudio, s *radio.SignedApproval, k *Keyring)
		ok     bool
	}{
		"the province for itself":        {key: province, person: "AN", area: "P", ok: true},
		"the province for a commune":     {key: province, person: "AN", area: "C", ok: true},
		"the commune for itself":         {key: commune, person: "BINH", area: "C", ok: true},
		"the commune for its hamlet":     {key: commune, person: "BINH", area: "H", ok: true},
		"a hamlet for itself":            {key: hamlet, person: "DUNG", area: "H", ok: true},
		"the commune for the province":   {key: commune, person: "BINH", area: "P"},
		"a hamlet for its commune":       {key: hamlet, person: "DUNG", area: "C"},
		"another commune's":              {key: other, person: "CHI", area: "D"},
		"another commune's for this one": {key: other, person: "CHI", area: "C"},
		"who may only alert":             {key: alerter, person: "EM", area: "P"},
		"nobody's key":                   {key: stranger, person: "AN", area: "P"},
		"before the key ended":           {key: province, person: "AN", area: "P", at: 999, ok: true},
		"after the key ended":            {key: province, person: "AN", area: "P", at: 1000},
		"claimed for another person":     {key: province, person: "BINH", area: "P"},
		"revoked since": {key: province, person: "AN", area: "P", change: func(_ *radio.ProgrammeAudio, _ *radio.SignedApproval, k *Keyring) {
			k.Revoked = []string{province.KID()}
		}},
		"another instant than signed": {key: province, person: "AN", area: "P", change: func(_ *radio.ProgrammeAudio, s *radio.SignedApproval, _ *Keyring) { s.At++ }},
		"another bulletin":            {key: province, person: "AN", area: "P", change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) { a.Bulletin = "X" }},
		"another version":             {key: province, person: "AN", area: "P", change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) { a.Version++ }},
		"another sound":               {key: province, person: "AN", area: "P", change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) { a.Renditions[1].SHA256 = "x" }},
		"a sound more": {key: province, person: "AN", area: "P", change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) {
			a.Renditions = append(a.Renditions, radio.Rendition{SHA256: "x"})
		}},
		"a sound less":                        {key: province, person: "AN", area: "P", change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) { a.Renditions = a.Renditions[:1] }},
		"another title sounds the same":       {key: province, person: "AN", area: "P", ok: true, change: func(a *radio.ProgrammeAudio, _ *radio.SignedApproval, _ *Keyring) { a.Title = "khác" }},
		"another signature":                   {key: province, person: "AN", area: "P", change: func(_ *radio.ProgrammeAudio, s *radio.SignedApproval, _ *Keyring) { s.Signature = "AAAA" }},
		"no header":                           {key: province, person: "AN", area: "P", change: func(_ *radio.ProgrammeAudio, s *radio.SignedApproval, _ *Keyring) { s.Protected = "" }},
		"a key's assertion that is a passkey": {key: province, person: "AN", area: "P", change: func(_ *radio.ProgrammeAudio, s *radio.SignedApproval, _ *Keyring) { s.WebAuthn = &radio.Assertion{} }},
	} {
		t.Run(name, func(t *testing.T) {
			a, ring := spoken("a"), ring
			s, err := SignApproval(ClaimOf(a, c.person, c.at), c.area, c.key)
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(&a, &s, &ring)
			}
			area, err := ring.CheckApproval(a, s, place)
			if (err == nil) != c.ok || c.ok && area != c.area || err != nil && !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrInvalid) {
				t.Errorf("for %q: %v, want ok %v", area, err, c.ok)
			}
		})
	}
}

// A programme carries the header of each approver once, and gives every approval back as
// it was put in.
func TestApprovalsOfAProgramme(t *testing.T) {
	an, binh := key(t), key(t)
	ring := Keyring{Province: "P", Persons: []PersonKey{
		{ID: "AN", JWK: an.Public(), Scope: "P", May: []string{MayApprove}}, {ID: "BINH", JWK: binh.Public(), Scope: "C", May: []string{MayApprove}}}}
	p := radio.Programme{Audio: []radio.ProgrammeAudio{spoken("a"), spoken("b"), spoken("c"), spoken("d")}}
	put := func(i int, person radio.UserID, area radio.AreaID, k Key) {
		s, err := SignApproval(ClaimOf(p.Audio[i], person, radio.Millis(i)), area, k)
		if err != nil {
			t.Fatal(err)
		}
		p.Approve(i, s)
	}
	put(0, "AN", "P", an)
	put(1, "BINH", "C", binh)
	put(2, "AN", "P", an)
	if len(p.Signers) != 2 {
		t.Errorf("%d headers of two approvers", len(p.Signers))
	}
	for i, want := range []radio.AreaID{"P", "C", "P", ""} {
		s, ok := p.Approval(p.Audio[i])
		if ok != (want != "") {
			t.Errorf("audio %d approved: %v", i, ok)
		}
		if got, err := ring.CheckApproval(p.Audio[i], s, place); got != want || (err == nil) != ok {
			t.Errorf("audio %d for %q: %v", i, got, err)
		}
	}
}
