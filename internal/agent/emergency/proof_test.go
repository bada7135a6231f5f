package emergency

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// Another keyring proves one alert no more: it ends in whatever state it is, sounds no
// longer, cannot be started and does not come again, also after a restart; the others go
// on. What was over before stays as it was.
func TestDisownedAlertsEnd(t *testing.T) {
	standing := func(a *radio.Alert) {
		a.Standing, a.ExpiresAt = true, radio.At(start.Add(100*24*time.Hour))
	}
	for name, c := range map[string]struct {
		stolen radio.Alert
		before func(l *lab, a radio.Alert)
		want   string
		heard  []string
	}{
		"while it sounds": {storm("stolen"), func(l *lab, _ radio.Alert) { l.begin() }, "failed:signers", []string{"stolen/1"}},
		"between cycles":  {storm("stolen"), func(l *lab, _ radio.Alert) { l.run(20 * time.Second) }, "failed:signers", []string{"stolen/1"}},
		"waiting for the time": {storm("stolen"), func(l *lab, _ radio.Alert) {
			l.restart()
			l.untrusted(time.Unix(60, 0))
		}, "failed:signers", nil},
		"standing": {storm("stolen", standing), func(*lab, radio.Alert) {}, "failed:signers", nil},
		"standing, and started": {storm("stolen", standing), func(l *lab, a radio.Alert) {
			if err := l.Start(l.t.Context(), a.ID); err != nil {
				l.t.Fatal(err)
			}
			l.begin()
		}, "failed:signers", []string{"stolen/1"}},
		"over": {storm("stolen"), func(l *lab, _ radio.Alert) { l.run(10 * time.Minute) }, "done", []string{"stolen/1", "stolen/2", "stolen/3"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			other := storm("other", func(a *radio.Alert) { a.Standing = true })
			take := func() error {
				return errors.Join(l.Take(t.Context(), c.stolen, []byte(`"stolen"`)), l.Take(t.Context(), other, []byte(`"right"`)))
			}
			if err := take(); err != nil {
				t.Fatal(err)
			}
			c.before(l, c.stolen)
			sounding := l.Duty().Cycle
			told := l.Changed()
			l.Prove(t.Context(), func(_ radio.Alert, envelope []byte) error {
				if bytes.Equal(envelope, []byte(`"stolen"`)) {
					return radio.ErrForbidden
				}
				return nil
			})
			if sounding != nil {
				select {
				case <-told:
				default:
					t.Error("the desk was not told")
				}
				if l.Why(sounding.ID) != radio.EndUnproven {
					t.Errorf("what sounds ends as %s", l.Why(sounding.ID))
				}
			}
			for range 2 {
				if d := l.Duty(); d.Cycle != nil || d.Hold {
					t.Errorf("still on duty: %+v", d)
				}
				if err := take(); err != nil {
					t.Error(err)
				}
				if err := l.Start(t.Context(), c.stolen.ID); err == nil {
					t.Error("it was started")
				}
				if got := l.receipt(c.stolen.ID); got != c.want {
					t.Errorf("receipt %s, want %s", got, c.want)
				}
				if got := l.steps(c.stolen.ID); !slices.Contains(got, c.want) {
					t.Errorf("steps in the journal: %q", got)
				}
				if got := l.receipt(other.ID); got != "accepted" {
					t.Errorf("the other's: %s", got)
				}
				l.restart()
			}
			l.wantHeard(c.heard...)
		})
	}
}

// The time that expires an alert was a revoked key's word: from the keyring on that revokes
// it, the alert waits for somebody else's.
func TestATimeThatIsDisownedExpiresNothing(t *testing.T) {
	l := newLab(t)
	l.clk.Step(300 * 24 * time.Hour) // and trusted
	l.Duty()
	if err := l.take(storm("before")); err != nil {
		t.Fatal(err)
	}
	l.untrusted(time.Unix(60, 0)) // nobody vouches for it any more
	l.Prove(t.Context(), func(radio.Alert, []byte) error { return nil })
	if err := l.take(storm("after")); err != nil {
		t.Fatal(err)
	}
	l.run(time.Minute)
	if got := l.receipt(id[radio.AlertID]("after")); got != "received" {
		t.Errorf("receipt %s", got)
	}
	l.wantHeard()
	l.prove(start)
	l.run(20 * time.Second)
	l.wantHeard("after/1")
}
