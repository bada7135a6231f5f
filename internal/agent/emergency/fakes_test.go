package emergency

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

var start = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

func id[T ~string](name string) T {
	sum := sha256.Sum256([]byte(name))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

func rendition(name string, seconds int) radio.Rendition {
	frames := seconds*radio.SampleRate/radio.FrameSamples + 1
	return radio.Rendition{SHA256: radio.VoiceHash([]byte(name)), Kbps: 32, Bytes: int64(len(name)), Frames: frames, Samples: int64(frames) * radio.FrameSamples}
}

// fakeJournal outlives a restart, as the file does.
type fakeJournal struct {
	alerts  map[radio.AlertID]radio.KeptAlert
	records []radio.Record
	begun   map[radio.AiringID]bool
	full    bool
	write   func() // called by every write; may be nil
}

func (j *fakeJournal) writes() {
	if j.write != nil {
		j.write()
	}
}

var errFull = errors.New("no space left on device")

func (j *fakeJournal) SetAlert(_ context.Context, a radio.KeptAlert, steps ...radio.Record) error {
	j.writes()
	if j.full {
		return errFull
	}
	j.alerts[a.ID] = a
	j.records = append(j.records, steps...)
	return nil
}

func (j *fakeJournal) Alerts(context.Context) (list []radio.KeptAlert, err error) {
	for _, a := range j.alerts {
		list = append(list, a)
	}
	return list, nil
}

func (j *fakeJournal) ForgetAlert(_ context.Context, id radio.AlertID) error {
	j.writes()
	delete(j.alerts, id)
	return nil
}

func (j *fakeJournal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	j.writes()
	j.records = append(j.records, r)
	return r, nil
}

func (j *fakeJournal) Begun(id radio.AiringID) (bool, error) { return j.begun[id], nil }

type fakeAudio struct {
	ready   map[radio.SHA256]bool
	pending map[radio.SHA256][]byte
	full    bool
}

func (a *fakeAudio) Ready(sha radio.SHA256) bool { return a.ready[sha] }
func (a *fakeAudio) Begin(radio.SHA256, int64) (int64, error) {
	if a.full {
		return 0, radio.ErrUnavailable
	}
	return 0, nil
}
func (a *fakeAudio) Put(sha radio.SHA256, b []byte) error { a.pending[sha] = b; return nil }
func (a *fakeAudio) Commit(sha radio.SHA256) error {
	if radio.VoiceHash(a.pending[sha]) != sha {
		return radio.ErrInvalid
	}
	a.ready[sha] = true
	return nil
}

type fakePlan struct {
	settings radio.Settings
	drills   []radio.SHA256
	disowned []radio.SHA256
}

func (p *fakePlan) Settings() radio.Settings     { return p.settings }
func (p *fakePlan) Drills(sha radio.SHA256) bool { return slices.Contains(p.drills, sha) }

func (p *fakePlan) Vouched(sha radio.SHA256) bool { return !slices.Contains(p.disowned, sha) }
func (c fakeClock) Passed() time.Time {
	if c.State().Usable() {
		return later(c.Now(), *c.floor)
	}
	return *c.floor
}
func (l *lab) proven() (time.Time, bool) {
	return l.proof.Add(l.clk.Mono() - l.proofAt), !l.proof.IsZero()
}
func (l *lab) prove(at time.Time) { l.proof, l.proofAt = at, l.clk.Mono() }
func (l *lab) untrusted(at time.Time) {
	l.clk.Step(at.Sub(l.clk.Now()))
	l.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
}
func (l *lab) receipt(id radio.AlertID) string { return l.receipts()[string(id)] }
func (l *lab) advance(d time.Duration)         { l.clk.Advance(d) }
func (l *lab) take(a radio.Alert) error        { return l.Take(l.t.Context(), a, []byte(`{}`)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

type fakeClock struct {
	*clock.Fake
	floor *time.Time
}

// lab is a room among fakes, and a desk that does what it orders.
type lab struct {
	*Room
	t       testing.TB
	clk     *clock.Fake
	floor   time.Time
	journal *fakeJournal
	audio   *fakeAudio
	plan    *fakePlan
	proof   time.Time
	proofAt time.Duration
	woken   int
	asked   int
	heard   []string // cycles that sounded
}

var builtIn = rendition("built in", 6)

var siren, leadIn, drillS, voiceR = rendition("siren", 8), rendition("lead_in", 5), rendition("drill", 5), rendition("voice", 10)

func newLab(t testing.TB) *lab {
	l := &lab{t: t, clk: clock.NewFake(start), journal: &fakeJournal{alerts: map[radio.AlertID]radio.KeptAlert{}, begun: map[radio.AiringID]bool{}},
		audio: &fakeAudio{ready: map[radio.SHA256]bool{}, pending: map[radio.SHA256][]byte{}}, plan: &fakePlan{drills: []radio.SHA256{drillS.SHA256}}}
	l.plan.settings.Emergency = []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: siren}, {Role: radio.RoleLeadIn, Rendition: leadIn}, {Role: radio.RoleDrill, Rendition: drillS}}
	for _, r := range []radio.Rendition{siren, leadIn, drillS} {
		l.audio.ready[r.SHA256] = true
	}
	l.restart()
	return l
}

// restart is what a power cut leaves.
func (l *lab) restart() {
	l.t.Helper()
	var err error
	l.proof = time.Time{}
	l.Room, err = New(Options{Device: id[radio.DeviceID]("device"), Areas: func() []radio.AreaID { return []radio.AreaID{provinceArea, area, hamletArea} }, Journal: l.journal, Clock: fakeClock{l.clk, &l.floor}, Audio: l.audio, Plan: l.plan,
		Proven: l.proven, Wake: func() { l.woken++ }, Ask: func() { l.asked++ }})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.Load(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// begin does what playout does when a cycle is ordered; nil when none is.
func (l *lab) begin() *radio.Cycle {
	l.t.Helper()
	d := l.Duty()
	if d.Cycle == nil {
		return nil
	}
	if !d.Hold {
		l.t.Error("a cycle without a hold")
	}
	c := *d.Cycle
	if l.journal.begun[c.ID] {
		l.t.Fatalf("cycle %d of %s is ordered twice", c.Key.Repeat, c.Headline)
	}
	l.Began(l.t.Context(), c.ID)
	l.journal.begun[c.ID] = true
	l.Sounded(l.t.Context(), c.ID)
	l.heard = append(l.heard, fmt.Sprintf("%s/%d", c.Headline, c.Key.Repeat))
	return &c
}

// end says how it came out, after the time it took.
func (l *lab) end(c *radio.Cycle, outcome radio.Outcome, reason radio.Reason, consumed int64) {
	l.Ended(l.t.Context(), radio.Confirmation{ID: c.ID, Origin: c.Origin, Key: c.Key, Outcome: outcome, Reason: reason, Expected: 100, Consumed: consumed})
}

// run obeys for a while: every cycle takes 13 s.
func (l *lab) run(d time.Duration) {
	l.t.Helper()
	for until := l.clk.Mono() + d; l.clk.Mono() < until; {
		if c := l.begin(); c != nil {
			l.advance(13 * time.Second)
			if now := l.Duty(); now.Cycle != nil && now.Cycle.ID == c.ID {
				l.end(c, radio.Aired, "", 100)
			}
			continue
		}
		step := time.Second
		if w := l.Duty().Wake; w > l.clk.Mono() {
			step = min(step, w-l.clk.Mono())
		}
		l.advance(step)
	}
}

func (l *lab) receipts() map[string]string {
	out := map[string]string{}
	for _, r := range l.Receipts() {
		out[r.ID] = word(r)
	}
	return out
}

func word(r radio.ReceiptRecord) string {
	s := string(r.State)
	if r.Reason != "" {
		s += ":" + string(r.Reason)
	}
	if r.Who != "" {
		s += " by " + r.Who
	}
	return s
}

// steps of an alert in the journal.
func (l *lab) steps(id radio.AlertID) (list []string) {
	for _, r := range l.journal.records {
		if r.Receipt != nil && r.Receipt.ID == string(id) {
			list = append(list, word(*r.Receipt))
		}
	}
	return list
}

var provinceArea, area, hamletArea = id[radio.AreaID]("province"), id[radio.AreaID]("area"), id[radio.AreaID]("hamlet")

func storm(name string, change ...func(*radio.Alert)) radio.Alert {
	a := radio.Alert{ID: id[radio.AlertID](name), Area: area, IssuedAt: radio.At(start), ExpiresAt: radio.At(start.Add(time.Hour)),
		Headline: name, Sounds: []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn}, Repeats: 3, IntervalS: 60}
	for _, c := range change {
		c(&a)
	}
	return a
}

func tombstone(a radio.Alert) radio.Alert {
	return radio.Alert{ID: a.ID, Area: a.Area, IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt, Cancel: true, Standing: a.Standing}
}

func (l *lab) wantHeard(want ...string) {
	l.t.Helper()
	if !slices.Equal(l.heard, want) {
		l.t.Errorf("heard %q, want %q", l.heard, want)
	}
}

func (a *fakeAudio) Delete(sha radio.SHA256) error { delete(a.ready, sha); return nil }
