package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

var start = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

func id[T ~string](name string) T {
	sum := sha256.Sum256([]byte(name))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

// fakeJournal outlives a restart, as the file does.
type fakeJournal struct {
	commands map[radio.CommandID]radio.KeptCommand
	kept     map[string][]byte
	steps    []string
	full     bool
}

var errFull = errors.New("no space left on device")

func (j *fakeJournal) SetCommand(_ context.Context, c radio.KeptCommand, steps ...radio.Record) error {
	if j.full {
		return errFull
	}
	j.commands[c.ID] = c
	for i, s := range steps {
		s.Seq = uint64(i + 1)
		if err := s.Check(); err != nil {
			return err
		}
		j.steps = append(j.steps, word(*s.Receipt))
	}
	return nil
}

func (j *fakeJournal) Commands(context.Context) (list []radio.KeptCommand, err error) {
	for _, c := range j.commands {
		list = append(list, c)
	}
	return list, nil
}

func (j *fakeJournal) ForgetCommand(_ context.Context, id radio.CommandID) error {
	delete(j.commands, id)
	return nil
}

func (j *fakeJournal) Keep(_ context.Context, name string, value []byte) error {
	if j.full {
		return errFull
	}
	j.kept[name] = value
	return nil
}

func (j *fakeJournal) Kept(name string) ([]byte, error) {
	b, ok := j.kept[name]
	if !ok {
		return nil, radio.ErrNotFound
	}
	return b, nil
}

// fakeDesk notes what it is told to do.
type fakeDesk struct {
	did   []string
	why   radio.Reason
	err   error
	tones map[radio.CommandID]func(radio.Confirmation)
	stuck bool
}

func (d *fakeDesk) Obey(ctx context.Context, c radio.Command) (radio.Reason, error) {
	if d.stuck {
		<-ctx.Done()
		return "", ctx.Err()
	}
	d.did = append(d.did, string(c.Do))
	return d.why, d.err
}

func (d *fakeDesk) Tone(_ context.Context, c radio.Command, began func(), ended func(radio.Confirmation)) (radio.Reason, error) {
	d.did = append(d.did, string(c.Do))
	if d.why == "" && d.err == nil {
		began()
		d.tones[c.ID] = ended
	}
	return d.why, d.err
}

type fakeClock struct {
	*clock.Fake
	floor time.Time
}

func (c *fakeClock) Passed() time.Time {
	if c.State().Usable() && c.Now().After(c.floor) {
		return c.Now()
	}
	return c.floor
}

func word(r radio.ReceiptRecord) string {
	if r.Reason == "" {
		return string(r.State)
	}
	return string(r.State) + ":" + string(r.Reason)
}

// lab is one device; restart is a power cut and the start behind it.
type lab struct {
	*Room
	t        *testing.T
	journal  *fakeJournal
	clock    *fakeClock
	desk     *fakeDesk
	proof    time.Time
	restarts atomic.Int64
	cancel   context.CancelFunc
	done     chan struct{}
}

func inLab(t *testing.T, f func(l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lab{t: t, journal: &fakeJournal{commands: map[radio.CommandID]radio.KeptCommand{}, kept: map[string][]byte{}},
			clock: &fakeClock{Fake: clock.NewFake(start)}, desk: &fakeDesk{tones: map[radio.CommandID]func(radio.Confirmation){}}}
		l.start()
		f(l)
		l.stop()
	})
}

func (l *lab) start() {
	l.t.Helper()
	var err error
	l.Room, err = New(Options{Journal: l.journal, Clock: l.clock, Proven: func() (time.Time, bool) { return l.proof, !l.proof.IsZero() },
		Restart: func() { l.restarts.Add(1) }})
	if err == nil {
		err = l.Load(l.t.Context())
	}
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(l.t.Context())
	l.cancel, l.done = cancel, make(chan struct{})
	room, done := l.Room, l.done
	go func() {
		defer close(done)
		if err := room.Run(ctx, l.desk); err != nil {
			l.t.Error(err)
		}
	}()
	synctest.Wait()
}

func (l *lab) stop() { l.cancel(); <-l.done }

func (l *lab) restart() { l.stop(); l.start() }

// order makes a command; it lives two minutes.
func order(name string, do radio.CommandKind) radio.Command {
	return radio.Command{ID: id[radio.CommandID](name), Device: id[radio.DeviceID]("device"), Do: do,
		IssuedAt: radio.At(start), ExpiresAt: radio.At(start.Add(2 * time.Minute))}
}

func (l *lab) take(c radio.Command) error {
	err := l.Take(l.t.Context(), c)
	synctest.Wait()
	return err
}

func (l *lab) receipt(name string) string {
	for _, r := range l.Receipts() {
		if r.ID == string(id[radio.CommandID](name)) {
			return word(r)
		}
	}
	return "none"
}

// Every way one command can go.
func TestOneCommand(t *testing.T) {
	whole := []string{"received", "accepted", "running", "done"}
	cases := map[string]struct {
		do     radio.CommandKind
		change func(l *lab)
		steps  []string
		did    int
	}{
		"stop":                 {do: radio.CommandStop, steps: whole, did: 1},
		"volume":               {do: radio.CommandVolume, steps: whole, did: 1},
		"nothing sounds":       {do: radio.CommandSkip, change: func(l *lab) { l.desk.why = radio.ReasonIdle }, steps: []string{"received", "accepted", "rejected:idle"}, did: 1},
		"an alert sounds":      {do: radio.CommandStop, change: func(l *lab) { l.desk.why = radio.ReasonPriority }, steps: []string{"received", "accepted", "rejected:priority"}, did: 1},
		"the desk hangs":       {do: radio.CommandPause, change: func(l *lab) { l.desk.err = radio.ErrUnavailable }, steps: []string{"received", "accepted", "failed:off"}, did: 1},
		"expired":              {do: radio.CommandStop, change: func(l *lab) { l.clock.Advance(2 * time.Minute) }, steps: []string{"received", "expired:expired"}},
		"expired by the floor": {do: radio.CommandStop, change: func(l *lab) { l.clock.floor = start.Add(time.Hour) }, steps: []string{"received", "expired:expired"}},
		"time unknown":         {do: radio.CommandStop, change: func(l *lab) { l.clock.SetState(clock.Untrusted, clock.SourceNone, 0) }, steps: []string{"received", "rejected:clock"}},
		"time by the welcome":  {do: radio.CommandStop, change: func(l *lab) { l.untrusted(start.Add(time.Minute)) }, steps: whole, did: 1},
		"a clock that runs ahead": {do: radio.CommandStop, change: func(l *lab) {
			l.untrusted(start.Add(time.Minute))
			l.clock.Step(60 * 365 * 24 * time.Hour)
		}, steps: whole, did: 1},
		"expired by the welcome": {do: radio.CommandStop, change: func(l *lab) { l.untrusted(start.Add(3 * time.Minute)) }, steps: []string{"received", "expired:expired"}},
		"from the future":        {do: radio.CommandStop, change: func(l *lab) { l.clock.Step(-5 * time.Minute) }, steps: []string{"received", "rejected:clock"}},
		"a little in the future": {do: radio.CommandStop, change: func(l *lab) { l.clock.Step(-time.Minute) }, steps: whole, did: 1},
		"a test tone is refused": {do: radio.CommandTestTone, change: func(l *lab) { l.desk.why = radio.ReasonPolicy }, steps: []string{"received", "accepted", "rejected:policy"}, did: 1},
		"a test tone sounds":     {do: radio.CommandTestTone, steps: []string{"received", "accepted", "running"}, did: 1},
		"restart of the agent":   {do: radio.CommandRestart, steps: []string{"received", "accepted", "running"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				if c.change != nil {
					c.change(l)
				}
				cmd := order("x", c.do)
				for range 3 { // it comes again and again
					if err := l.take(cmd); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(l.journal.steps, c.steps) {
					t.Errorf("steps %q, want %q", l.journal.steps, c.steps)
				}
				if got, want := l.receipt("x"), c.steps[len(c.steps)-1]; got != want {
					t.Errorf("receipt %q, want %q", got, want)
				}
				if len(l.desk.did) != c.did {
					t.Errorf("done %q", l.desk.did)
				}
			})
		})
	}
}

func (l *lab) untrusted(proof time.Time) {
	l.clock.Step(-30 * 365 * 24 * time.Hour)
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	l.proof = proof
}

// At most once, over restarts too: what a restart cut off is told, not repeated.
func TestAtMostOnce(t *testing.T) {
	inLab(t, func(l *lab) {
		stop := order("stop", radio.CommandStop)
		if err := l.take(stop); err != nil {
			t.Fatal(err)
		}
		l.restart()
		if err := l.take(stop); err != nil {
			t.Fatal(err)
		}
		if len(l.desk.did) != 1 || l.receipt("stop") != "done" {
			t.Errorf("did %q, receipt %s", l.desk.did, l.receipt("stop"))
		}

		l.desk.stuck = true
		if err := errors.Join(l.take(order("cut", radio.CommandSkip)), l.take(order("behind", radio.CommandSkip))); err != nil {
			t.Fatal(err)
		}
		// The power goes while the desk is at it: nothing more is written.
		l.journal.full = true
		l.stop()
		l.journal.full, l.desk.stuck = false, false
		l.start()
		if err := errors.Join(l.take(order("cut", radio.CommandSkip)), l.take(order("behind", radio.CommandSkip))); err != nil {
			t.Fatal(err)
		}
		if len(l.desk.did) != 1 || l.receipt("cut") != "failed:off" || l.receipt("behind") != "failed:off" {
			t.Errorf("did %q, receipts %s, %s", l.desk.did, l.receipt("cut"), l.receipt("behind"))
		}

		// Long after, the id is forgotten, and the same bytes are refused for their age.
		l.clock.Advance(2*time.Minute + radio.CommandAlive + time.Second)
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if n := len(l.journal.commands); n != 0 {
			t.Errorf("%d commands are remembered for ever", n)
		}
		if err := l.take(stop); !errors.Is(err, radio.ErrInvalid) || len(l.desk.did) != 1 {
			t.Errorf("an old command: %v, did %q", err, l.desk.did)
		}
	})
}

// A full disk: not carried out, and it comes again.
func TestNothingIsDoneThatIsNotWritten(t *testing.T) {
	inLab(t, func(l *lab) {
		l.journal.full = true
		cmd := order("x", radio.CommandStop)
		if err := l.take(cmd); !errors.Is(err, errFull) || len(l.desk.did) != 0 {
			t.Fatalf("%v, did %q", err, l.desk.did)
		}
		l.journal.full = false
		if err := l.take(cmd); err != nil || l.receipt("x") != "done" {
			t.Errorf("%v, %s", err, l.receipt("x"))
		}
	})
}

// The restart says that it is under way, happens once, and is done when the agent is up.
func TestRestart(t *testing.T) {
	inLab(t, func(l *lab) {
		if err := l.take(order("again", radio.CommandRestart)); err != nil {
			t.Fatal(err)
		}
		if l.receipt("again") != "running" || l.restarts.Load() != 0 {
			t.Fatalf("receipt %s, %d restarts before it was said", l.receipt("again"), l.restarts.Load())
		}
		time.Sleep(sayFirst + time.Millisecond)
		synctest.Wait()
		if l.restarts.Load() != 1 {
			t.Fatalf("%d restarts", l.restarts.Load())
		}
		l.restart()
		if l.receipt("again") != "done" {
			t.Errorf("receipt %s", l.receipt("again"))
		}
		if err := l.take(order("again", radio.CommandRestart)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * sayFirst)
		synctest.Wait()
		if l.restarts.Load() != 1 {
			t.Errorf("%d restarts by one command", l.restarts.Load())
		}
	})
}

// The volume outlives a restart.
func TestVolume(t *testing.T) {
	inLab(t, func(l *lab) {
		if v := l.Volume(); v != 0 {
			t.Errorf("%g dB before anything was set", v)
		}
		c := order("quiet", radio.CommandVolume)
		c.GainDB = -12.5
		if err := l.take(c); err != nil {
			t.Fatal(err)
		}
		l.restart()
		if v := l.Volume(); v != -12.5 || l.receipt("quiet") != "done" {
			t.Errorf("%g dB, %s", v, l.receipt("quiet"))
		}
		l.journal.kept[volumeName] = []byte("99")
		if v := l.Volume(); v != 0 {
			t.Errorf("%g dB out of a damaged value", v)
		}
	})
}

// A test tone is over when the desk says so; a stop reaches it meanwhile.
func TestTone(t *testing.T) {
	for name, c := range map[string]struct {
		end  radio.Confirmation
		want string
	}{
		"heard":   {radio.Confirmation{Outcome: radio.Aired}, "done"},
		"stopped": {radio.Confirmation{Outcome: radio.Partial, Reason: radio.ReasonStopped}, "failed:stopped"},
		"failed":  {radio.Confirmation{Outcome: radio.Failed, Reason: radio.ReasonOutput}, "failed:output"},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				tone := order("tone", radio.CommandTestTone)
				if err := errors.Join(l.take(tone), l.take(order("stop", radio.CommandStop))); err != nil {
					t.Fatal(err)
				}
				if l.receipt("tone") != "running" || l.receipt("stop") != "done" {
					t.Fatalf("%s, %s", l.receipt("tone"), l.receipt("stop"))
				}
				l.desk.tones[tone.ID](c.end)
				synctest.Wait()
				if got := l.receipt("tone"); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}

// A flood fills neither memory nor journal, and forgets nothing that still counts.
func TestBounds(t *testing.T) {
	inLab(t, func(l *lab) {
		for i := range maxKept {
			if err := l.take(order(fmt.Sprint(i), radio.CommandStop)); err != nil {
				t.Fatal(i, err)
			}
		}
		for i := range 2 * maxTurnedAway {
			name := fmt.Sprint("more ", i)
			if err := l.take(order(name, radio.CommandStop)); !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
			if l.receipt(name) != "rejected:busy" {
				t.Fatal(l.receipt(name))
			}
		}
		l.TurnAway(t.Context(), id[radio.CommandID]("loud"), radio.ReasonRange)
		l.TurnAway(t.Context(), id[radio.CommandID]("0"), radio.ReasonRange) // done already
		if l.receipt("loud") != "rejected:range" || l.receipt("0") != "done" {
			t.Errorf("%s, %s", l.receipt("loud"), l.receipt("0"))
		}
		if n := len(l.Receipts()); n != maxKept+maxTurnedAway {
			t.Errorf("%d receipts", n)
		}
		if len(l.desk.did) != maxKept {
			t.Errorf("%d done", len(l.desk.did))
		}
	})
}
