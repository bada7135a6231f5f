package inbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Every new keyring proves the alerts again that are held; so does a start of the agent.
func TestAlertsAreProvenAgain(t *testing.T) {
	byTwo := func(p people) []byte { return p.sign(storm(1, province), "province1", "province2") }
	byOne := func(p people) []byte { return p.sign(storm(1, commune), "chairman") }
	// next makes the keyring that follows, of the version and the people given.
	revoke := func(name string, removed bool) func(l *lab, p people) {
		return func(l *lab, p people) {
			l.gone = append(l.gone, p[name].KID())
			if removed {
				p[name] = must(trust.Generate())
			}
		}
	}
	for name, c := range map[string]struct {
		alert func(p people) []byte
		next  func(l *lab, p people)
		ends  bool
	}{
		"nothing changed":                     {byOne, func(*lab, people) {}, false},
		"its signer is revoked":               {byOne, revoke("chairman", false), true},
		"its signer is revoked and replaced":  {byOne, revoke("chairman", true), true},
		"its signer is no more":               {byOne, func(_ *lab, p people) { p["chairman"] = must(trust.Generate()) }, true},
		"another's key is revoked":            {byOne, revoke("deputy", true), false},
		"one of two is revoked":               {byTwo, revoke("province2", true), true},
		"two of a province, nothing changed":  {byTwo, func(*lab, people) {}, false},
		"its signer's key has ended":          {byOne, func(l *lab, _ people) { l.ends = radio.At(start.Add(time.Second)) }, false},
		"its signer's key has ended, revoked": {byOne, func(l *lab, p people) { l.ends = 1; revoke("chairman", false)(l, p) }, true},
	} {
		for _, late := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", found at the start"}[late], func(t *testing.T) {
				l, p := alertLab(t)
				if err := l.take(t, wire.Alert, c.alert(p)); err != nil {
					t.Fatal(err)
				}
				c.next(l, p)
				l.clock.Advance(time.Minute)
				ends := c.ends
				if late {
					// The power went between the keyring and what it ends.
					ring := l.peopleRing(3, p)
					l.journal.docs[string(wire.Keys)] = radio.Issued{Document: string(wire.Keys), Revision: 3, Envelope: ring}
					l.restart(t)
					l.ProveAlerts(t.Context())
					ends = ends && name != "its signer is no more"
				} else {
					l.withPeople(t, 3, p)
				}
				if (len(l.alerts.ended) == 1) != ends {
					t.Errorf("ended %v", l.alerts.ended)
				}
				noted := slices.ContainsFunc(l.journal.records, func(r radio.Record) bool {
					return r.Security != nil && strings.Contains(r.Security.Text, "is ended")
				})
				if noted != ends {
					t.Errorf("recorded %v", noted)
				}
			})
		}
	}
}

// The keyring that names a person was in use and not yet written when the power went: her
// alert goes on by the one before, which does not know her, and by hers when it comes again.
func TestAlertOfAPersonWhoseKeyringWasLost(t *testing.T) {
	l, p := alertLab(t)
	before := l.journal.docs[string(wire.Keys)]
	p["chairman"] = must(trust.Generate())
	l.withPeople(t, 3, p)
	if err := l.take(t, wire.Alert, p.sign(storm(1, commune), "chairman")); err != nil {
		t.Fatal(err)
	}
	l.journal.docs[string(wire.Keys)] = before
	l.restart(t)
	l.ProveAlerts(t.Context())
	l.withPeople(t, 3, p)
	if len(l.alerts.ended) != 0 {
		t.Errorf("ended %v", l.alerts.ended)
	}
	// And without any keyring that can be read nothing is judged.
	delete(l.journal.docs, string(wire.Keys))
	l.restart(t)
	l.ProveAlerts(t.Context())
	if len(l.alerts.ended) != 0 {
		t.Errorf("ended %v without a keyring", l.alerts.ended)
	}
}
