package inbox

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// stolen rotates the online key: the one before is revoked.
func (l *lab) stolen(t testing.TB, version int64) {
	t.Helper()
	l.revoked = append(l.revoked, l.online.KID())
	l.online = must(trust.Generate())
	if err := l.take(t, wire.Keys, l.keyring(version, l.online)); err != nil {
		t.Fatal(err)
	}
}

// What would keep the centre's own documents out for years is refused, whoever signed it;
// what a centre can honestly have come to is not.
func TestRevisionsAreBounded(t *testing.T) {
	now := start.Unix()
	day := int64(24 * 3600)
	for name, c := range map[string]struct {
		held, revision int64
		ok             bool
	}{
		"of the instant":                       {now - 5, now, true},
		"many in one second":                   {now + 50, now + 51, true},
		"a day ahead":                          {now, now + day, true},
		"more than a day ahead":                {now, now + day + 1, false},
		"the last there is":                    {now, math.MaxInt64, false},
		"the first, by a centre years ahead":   {0, now + 3*365*day, true},
		"the first, the last there is":         {0, math.MaxInt64, false},
		"the next, by a centre once ahead":     {now + 365*day, now + 365*day + 40, true},
		"far above one of a centre once ahead": {now + 365*day, now + 367*day, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			if c.held > 0 {
				if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(c.held))); err != nil {
					t.Fatal(err)
				}
			}
			err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(c.revision)))
			if (err == nil) != c.ok || err != nil && !errors.Is(err, radio.ErrInvalid) {
				t.Error(err)
			}
			if got := l.Revisions().Policy; c.ok != (got == c.revision) {
				t.Errorf("revision %d is in use", got)
			}
		})
	}
}

func TestProgrammesEnd(t *testing.T) {
	l := newLab(t)
	for days, ok := range map[int]bool{35: true, 37: false, 200 * 365: false} {
		p := programme(int64(days))
		p.NotAfter = radio.At(start.AddDate(0, 0, days))
		if err := l.take(t, wire.Programme, l.seal(wire.Programme, p)); (err == nil) != ok {
			t.Errorf("of %d days: %v", days, err)
		}
	}
}

// What a stolen key has signed does not outlive its revocation: it stays in use, so that
// nothing falls silent, until the centre's own comes, whose revisions are lower.
func TestDocumentsOfARevokedKeyGiveWay(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, l *lab){
		"at once":            func(*testing.T, *lab) {},
		"after a power cut":  func(t *testing.T, l *lab) { l.restart(t) },
		"with another theft": func(t *testing.T, l *lab) { l.stolen(t, 3) },
		"and the keyring is not on the disk": func(t *testing.T, l *lab) {
			// It was in use and not written when the power went; the centre sends it again.
			revoked := l.revoked
			l.revoked = nil
			l.journal.docs[string(wire.Keys)] = radio.Issued{Document: string(wire.Keys), Revision: 1, Envelope: l.keyring(1)}
			l.revoked = revoked
			ring := l.keyring(2, l.online)
			l.restart(t)
			if err := l.take(t, wire.Keys, ring); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			now := start.Unix()
			far := now + 24*3600
			evil := policy(far)
			evil.Label, evil.Windows = "the thief's", []radio.Window{{From: 0, To: 24 * 60}}
			for kind, doc := range map[wire.Kind]any{wire.Policy: evil, wire.Programme: programme(far), wire.Settings: settings(far)} {
				if err := l.take(t, kind, l.seal(kind, doc)); err != nil {
					t.Fatal(err)
				}
			}
			l.stolen(t, 2)
			between(t, l)
			if r := l.Revisions(); r.Policy != far || r.Programme != far || r.Settings != far || l.Policy().Label != "the thief's" {
				t.Errorf("%+v before the centre's own came", r)
			}
			for kind, doc := range map[wire.Kind]any{wire.Policy: policy(now + 9), wire.Programme: programme(now + 9), wire.Settings: settings(now + 9)} {
				if err := l.take(t, kind, l.seal(kind, doc)); err != nil {
					t.Error(err)
				}
			}
			// From here on nothing goes back again.
			if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(now+8))); !errors.Is(err, radio.ErrConflict) {
				t.Error(err)
			}
			l.restart(t)
			if r := l.Revisions(); r.Policy != now+9 || r.Programme != now+9 || r.Settings != now+9 {
				t.Errorf("%+v", r)
			}
			noted := 0
			for _, r := range l.journal.records {
				if r.Security != nil && strings.Contains(r.Security.Text, "revoked") {
					noted++
				}
			}
			if noted < 3 {
				t.Errorf("%d records of disowned documents, want one each", noted)
			}
		})
	}
}

// A key that has only ended, or has left the keyring without being disowned, has signed
// what counts: revisions go on above it.
func TestDocumentsOfAnEndedKeyStay(t *testing.T) {
	l := newLab(t)
	now := start.Unix()
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(now))); err != nil {
		t.Fatal(err)
	}
	l.online = must(trust.Generate())
	if err := l.take(t, wire.Keys, l.keyring(2, l.online)); err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(30 * 24 * time.Hour)
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(now-1))); !errors.Is(err, radio.ErrConflict) {
		t.Error(err)
	}
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(now+1))); err != nil {
		t.Error(err)
	}
}

// The clock is told whose word it hears, and which keys are revoked: by a keyring, and at
// every start.
func TestTheClockIsToldWhoSpeaks(t *testing.T) {
	l := newLab(t)
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	w := wire.WelcomePayload{Device: id[radio.DeviceID](deviceN), Time: radio.At(start)}
	for kind, payload := range map[wire.Kind]any{wire.Welcome: w, wire.Policy: policy(10)} {
		if err := l.take(t, kind, l.seal(kind, payload)); err != nil {
			t.Fatal(err)
		}
	}
	if by := l.online.KID(); !slices.Equal(l.clock.said, []string{by, by}) || l.welcomes[0].Signer != by {
		t.Errorf("told by %q, %q; by %q", l.clock.said, l.welcomes[0].Signer, by)
	}
	l.stolen(t, 2)
	for range 2 {
		if !slices.Equal(l.clock.disowned, l.revoked) {
			t.Errorf("disowned %q, want %q", l.clock.disowned, l.revoked)
		}
		l.clock.disowned = nil
		l.restart(t)
	}
}
