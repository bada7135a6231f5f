package inbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// told adds up how many refusals the security records tell of, by kind.
func (j *fakeJournal) told(t testing.TB) (records int, told map[string]int) {
	t.Helper()
	told = map[string]int{}
	for _, r := range j.records {
		if r.Security == nil {
			continue
		}
		records++
		told[r.Security.What]++
		if _, more, ok := strings.Cut(r.Security.Text, " (and "); ok {
			var n int
			if _, err := fmt.Sscanf(more, "%d more since the last such record)", &n); err != nil {
				t.Fatalf("record %q: %v", r.Security.Text, err)
			}
			told[r.Security.What] += n
		}
	}
	return records, told
}

// A flood of forgeries of every kind: few records, each refusal told in one of them in the
// end, none of one kind keeps out those of another, and the fault stands until a day has
// passed without.
func TestFloodOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := alertLab(t)
		l.journal.records = nil
		device := id[radio.DeviceID](deviceN)
		good := map[wire.Kind]any{wire.Programme: programme(5), wire.Policy: policy(5), wire.Settings: settings(5),
			wire.Ack: wire.AckPayload{Device: device}, wire.Welcome: wire.WelcomePayload{Device: device}}
		sent := map[string]int{}
		send := func(what, topic string, data []byte) {
			t.Helper()
			sent[what]++
			if err := l.Take(t.Context(), topic, data); !final(err) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		const each = 300
		for i := range each {
			for kind, v := range good {
				forged := must(wire.Seal(kind, string(device), v, l.online))
				forged[len(`{"payload":"`)+i%20] ^= 1 << (i % 5)
				send(string(kind), wire.DownTopic(device, kind), forged)
			}
			send("keys", wire.DownTopic(device, wire.Keys), []byte(`{"payload":"","signatures":[]}`))
			send("alert", wire.AlertTopic(province), p.sign(storm(i, province), "province1"))
			send("topic", fmt.Sprintf("loaxa/v1/made/up/%d", i), nil)
		}
		records, _ := l.journal.told(t)
		if limit := notesAtOnce * len(sent); records > limit || records < len(sent) {
			t.Errorf("%d records at once, at most %d", records, limit)
		}
		if len(l.alerts.taken) != 0 || len(l.alerts.turned) > notesAtOnce {
			t.Errorf("%d alerts taken, %d turned away one by one", len(l.alerts.taken), len(l.alerts.turned))
		}
		if l.faults[FaultSecurity] == "" {
			t.Error("no fault tells of it")
		}
		send("keys", wire.DownTopic(device, wire.Keys), []byte("{}")) // untold, whenever the last one fell
		time.Sleep(notesEach)
		l.lookAtRefusals(t.Context(), time.Now())
		_, told := l.journal.told(t)
		for what, n := range sent {
			if told[what] != n {
				t.Errorf("%s: %d refusals, %d are told", what, n, told[what])
			}
		}
		time.Sleep(quietFor - notesEach - time.Second)
		l.lookAtRefusals(t.Context(), time.Now())
		if l.faults[FaultSecurity] == "" {
			t.Error("the fault is over too early")
		}
		time.Sleep(time.Minute)
		l.lookAtRefusals(t.Context(), time.Now())
		if text, open := l.faults[FaultSecurity]; open {
			t.Errorf("a day later: %s", text)
		}
	})
}

// A record the disk does not take is told later.
func TestRefusalWhileTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.journal.broken = errors.New("disk full")
		for range 3 {
			if err := l.take(t, wire.Policy, nil); !final(err) {
				t.Fatal(err)
			}
		}
		l.journal.broken = nil
		l.lookAtRefusals(t.Context(), time.Now())
		if _, told := l.journal.told(t); told["policy"] != 3 {
			t.Errorf("told %v: %+v", told, l.journal.records)
		}
	})
}

// What is refused only because its keyring comes a moment later is no trouble; what stays
// unproven is. A message from before, once, is none either.
func TestEarlyAndStaleAreNoTroubleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		second := must(trust.Generate())
		trouble := func(when string, want bool) {
			t.Helper()
			l.lookAtRefusals(t.Context(), time.Now())
			if text, open := l.faults[FaultSecurity]; open != want {
				t.Errorf("%s: fault %v %q, want %v", when, open, text, want)
			}
		}
		if err := l.take(t, wire.Policy, l.sealBy(second, wire.Policy, policy(7))); !final(err) {
			t.Fatal(err)
		}
		if err := l.take(t, wire.Keys, l.keyring(2, l.online, second)); err != nil {
			t.Fatal(err)
		}
		trouble("the keyring came", false)
		for i := range staleAtOnce {
			if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(6))); !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
			trouble(fmt.Sprint("an old revision ", i+1), i+1 >= staleAtOnce)
		}
		time.Sleep(quietFor)
		trouble("a day later", false)
		if err := l.take(t, wire.Policy, l.sealBy(must(trust.Generate()), wire.Policy, policy(8))); !final(err) {
			t.Fatal(err)
		}
		if _, open := l.faults[FaultSecurity]; open {
			t.Error("its keyring may still come")
		}
		trouble("no keyring came", true)
	})
}

// However many kinds a stranger makes up, what is counted stays small.
func TestKindsAreBounded(t *testing.T) {
	l := newLab(t)
	for i := range 10 * maxKinds {
		l.note(t.Context(), fmt.Sprint("kind ", i), unproven, radio.ErrForbidden)
	}
	if n := len(l.refusals.kinds); n > maxKinds+1 {
		t.Errorf("%d kinds", n)
	}
	if n := len(l.journal.records); n > (maxKinds+1)*notesAtOnce {
		t.Errorf("%d records", n)
	}
}

// How the fault of forged messages ends: after a day without one or with a reboot; where
// only old documents came again, as soon as the right ones come.
func TestEndOfForgedMessages(t *testing.T) {
	old := func(t *testing.T, l *lab, kind wire.Kind, payload any) {
		t.Helper()
		for range staleAtOnce {
			if err := l.take(t, kind, l.seal(kind, payload)); !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
		}
	}
	right := func(t *testing.T, l *lab, kind wire.Kind, payload any) {
		t.Helper()
		if err := l.take(t, kind, l.seal(kind, payload)); err != nil {
			t.Fatal(err)
		}
	}
	forge := func(t *testing.T, l *lab) {
		t.Helper()
		forged := l.seal(wire.Policy, policy(9))
		forged[len(`{"payload":"`)] ^= 1
		if err := l.take(t, wire.Policy, forged); !final(err) {
			t.Fatal(err)
		}
	}
	oldKeys := func(t *testing.T, l *lab) {
		t.Helper()
		for range staleAtOnce {
			if err := l.take(t, wire.Keys, l.keyring(1, l.online)); !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, l *lab)
		open bool
	}{
		{"old policies", func(t *testing.T, l *lab) { old(t, l, wire.Policy, policy(6)) }, true},
		{"old, then the held one", func(t *testing.T, l *lab) { old(t, l, wire.Policy, policy(6)); right(t, l, wire.Policy, policy(7)) }, false},
		{"old, then a newer one", func(t *testing.T, l *lab) { old(t, l, wire.Policy, policy(6)); right(t, l, wire.Policy, policy(8)) }, false},
		{"old, then another kind's", func(t *testing.T, l *lab) { old(t, l, wire.Policy, policy(6)); right(t, l, wire.Settings, settings(7)) }, true},
		{"two kinds, one righted", func(t *testing.T, l *lab) {
			old(t, l, wire.Policy, policy(6))
			old(t, l, wire.Settings, settings(6))
			right(t, l, wire.Policy, policy(7))
		}, true},
		{"two kinds, both righted", func(t *testing.T, l *lab) {
			old(t, l, wire.Policy, policy(6))
			old(t, l, wire.Settings, settings(6))
			right(t, l, wire.Policy, policy(7))
			right(t, l, wire.Settings, settings(7))
		}, false},
		{"old keyrings", oldKeys, true},
		{"old keyrings, then the held one", func(t *testing.T, l *lab) {
			oldKeys(t, l)
			if err := l.take(t, wire.Keys, l.keyring(2, l.online)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a forged one", forge, true},
		{"a forged one, then the right one", func(t *testing.T, l *lab) { forge(t, l); right(t, l, wire.Policy, policy(8)) }, true},
		{"old and a forged one, then the right one", func(t *testing.T, l *lab) {
			old(t, l, wire.Policy, policy(6))
			forge(t, l)
			right(t, l, wire.Policy, policy(7))
		}, true},
		{"almost a day", func(t *testing.T, l *lab) { forge(t, l); time.Sleep(quietFor - time.Second) }, true},
		{"a day", func(t *testing.T, l *lab) { forge(t, l); time.Sleep(quietFor) }, false},
		{"a day with one in it", func(t *testing.T, l *lab) {
			forge(t, l)
			time.Sleep(quietFor / 2)
			forge(t, l)
			time.Sleep(quietFor / 2)
		}, true},
		{"a day after old ones", func(t *testing.T, l *lab) { old(t, l, wire.Policy, policy(6)); time.Sleep(quietFor) }, false},
		{"old ones after a forged one's day", func(t *testing.T, l *lab) {
			forge(t, l)
			time.Sleep(quietFor)
			l.lookAtRefusals(t.Context(), time.Now())
			old(t, l, wire.Policy, policy(6))
			right(t, l, wire.Policy, policy(7))
		}, false},
		{"a reboot", func(t *testing.T, l *lab) {
			forge(t, l)
			l.faults = fakeFaults{} // as status.NewFaults begins
			l.restart(t)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				if err := l.take(t, wire.Keys, l.keyring(2, l.online)); err != nil {
					t.Fatal(err)
				}
				right(t, l, wire.Policy, policy(7))
				right(t, l, wire.Settings, settings(7))
				c.do(t, l)
				l.lookAtRefusals(t.Context(), time.Now())
				if text, open := l.faults[FaultSecurity]; open != c.open {
					t.Errorf("fault %v %q, want %v", open, text, c.open)
				}
			})
		})
	}
}

// counting counts how often the fault begins.
type counting struct {
	fakeFaults
	begun int
}

func (c *counting) Raise(ctx context.Context, code, text string) {
	if _, open := c.fakeFaults[code]; !open {
		c.begun++
	}
	c.fakeFaults.Raise(ctx, code, text)
}

// Who sends old and right documents by turns does not fill the journal with the fault's
// beginnings and ends, and it ends all the same.
func TestForgedMessagesDoNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		faults := &counting{fakeFaults: fakeFaults{}}
		l.opts.Faults = faults
		now, before := l.seal(wire.Policy, policy(7)), l.seal(wire.Policy, policy(6))
		for range 200 {
			if err := l.take(t, wire.Policy, now); err != nil {
				t.Fatal(err)
			}
			for range staleAtOnce {
				if err := l.take(t, wire.Policy, before); !errors.Is(err, radio.ErrConflict) {
					t.Fatal(err)
				}
			}
		}
		if faults.begun != notesAtOnce+1 {
			t.Errorf("the fault began %d times, want %d", faults.begun, notesAtOnce+1)
		}
		if err := l.take(t, wire.Policy, now); err != nil {
			t.Fatal(err)
		}
		if len(faults.fakeFaults) == 0 {
			t.Error("it ends sooner than it may")
		}
		time.Sleep(notesEach)
		l.lookAtRefusals(t.Context(), time.Now())
		if text, open := faults.fakeFaults[FaultSecurity]; open {
			t.Errorf("still open: %s", text)
		}
	})
}
