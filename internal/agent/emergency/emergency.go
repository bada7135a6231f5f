// Package emergency keeps the alerts of a device (phát khẩn cấp): it receives proven
// alerts, their tombstones and voices from agent/inbox, decides by proven time which
// of them is valid, orders one cycle after the other from agent/playout, and tells
// link how far each has come. What it holds outlives a power cut: after a reboot in
// the storm the next cycle sounds, as soon as the centre has answered or ten seconds have
// passed without it, and never a completed one again. It also starts
// standing alerts and stops what sounds when a person with the PIN says so on the
// local page, without any network (design §6–§8).
//
// Whether an alert has expired is judged by a clock that can be trusted, or by a time
// that the centre has proven in this boot; without either it is kept and not sounded.
package emergency

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// Journal keeps alerts and the records of their steps.
type Journal interface {
	SetAlert(ctx context.Context, a radio.KeptAlert, steps ...radio.Record) error
	Alerts(ctx context.Context) ([]radio.KeptAlert, error)
	ForgetAlert(ctx context.Context, id radio.AlertID) error
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
	// Begun says whether a record of this airing was ever written.
	Begun(id radio.AiringID) (bool, error)
}

// Clock tells the time, and how far it can be believed.
type Clock interface {
	Now() time.Time
	Mono() time.Duration
	State() clock.Reading
	// Passed is an instant that has passed for certain, whatever a clock shows that
	// cannot be believed.
	Passed() time.Time
}

// Audio keeps the voices, and knows what is there.
type Audio interface {
	Ready(sha radio.SHA256) bool
	Begin(sha radio.SHA256, size int64) (have int64, err error)
	Put(sha radio.SHA256, chunk []byte) error
	Commit(sha radio.SHA256) error
	Delete(sha radio.SHA256) error
}

// Plan tells the emergency set of the device.
type Plan interface {
	Settings() radio.Settings
	// Vouched says whether a sound of the emergency set stands in the root-signed keyring.
	Vouched(sha radio.SHA256) bool
	// Drills says whether an announcement stands in the root-signed keyring.
	Drills(sha radio.SHA256) bool
}

// Options of a Room.
type Options struct {
	Device radio.DeviceID
	// Areas gives the device's place, the province first; nil: not known.
	Areas   func() []radio.AreaID
	Journal Journal
	Clock   Clock
	Audio   Audio
	Plan    Plan
	// StandIn is a siren that needs neither a set nor a cache, for when the set's is not
	// here; nil for none. Playout can open it.
	StandIn *radio.Rendition
	// Proven gives the time by the centre's word in this boot; false when there was none.
	Proven func() (time.Time, bool)
	// Wake is told that a voice is wanted that has not come by itself, and Ask now and
	// then that it still is: the centre is to send it again. Both may be nil.
	Wake, Ask func()
	Log       *slog.Logger
}

const (
	// maxKept bounds the alerts that may still sound by themselves, maxStanding those that
	// wait for a person, maxOver the others, which are remembered so that they cannot come
	// again, and maxTombstones, of these, the tombstones of alerts that never came. Apart
	// from each other: many warnings that are over, or tombstones that somebody's key
	// makes up, must not keep the next warning out.
	maxKept       = 64
	maxStanding   = 32
	maxOver       = 256
	maxTombstones = 64
	// keptAfter its end an alert is remembered, so that it cannot come again.
	keptAfter = 24 * time.Hour
	// voiceWait is how long the voice has to come by itself before it is fetched.
	voiceWait = 5 * time.Second
	// askAgain is how often the centre is asked for one, should HTTPS not bring it.
	askAgain = 30 * time.Second
	// maxStash bounds the voices that came before their alerts, or for which there is no
	// room; storeAgain is how soon room is looked for again.
	maxStash   = 4
	storeAgain = 2 * time.Second
	// maxTurnedAway bounds the receipts of alerts that were turned away.
	maxTurnedAway = 16
	// atLeast is between two cycles, whatever the alert says.
	atLeast = time.Second
	// localCycle is how long a cycle of a local run may take at most, its output being
	// mended included. What a person has started sounds while that person is there, not
	// days later, when a card is mended or the mains comes back.
	localCycle = 5 * time.Minute
	// What was cancelled while the device was off or offline must not sound, and its
	// tombstone comes behind it: what is kept over a restart waits for the centre's
	// welcome, but not for long, and what comes later than lateAfter waits for tombWait.
	returnWait = 10 * time.Second
	tombWait   = time.Second
	lateAfter  = 5 * time.Second
	// aheadAtMost is how far the clocks of signer and device may lie apart: an alert of a
	// later time waits for it.
	aheadAtMost = 10 * time.Minute
	// lookEvery is how often what is left undone is tried again.
	lookEvery = time.Minute
)

// state is what is kept of an alert over a restart, as JSON.
type state struct {
	Alert    radio.Alert     `json:"alert"`
	Envelope json.RawMessage `json:"envelope,omitempty"` // its proof, until it is over
	// Receipt is the last one; it only goes on.
	Receipt radio.ReceiptRecord `json:"receipt"`
	// Active: its cycles sound, one after the other.
	Active bool `json:"active,omitempty"`
	Local  bool `json:"local,omitempty"` // a person started it here
	// Ends is until when such a run may take, should a restart come in between; 0 when the
	// time was not known.
	Ends radio.Millis `json:"ends,omitempty"`
	// First names the run: when its first cycle began. Begun counts cycles that were
	// begun, Done those that need not be made again, Sounded those with sound.
	First   radio.Millis `json:"first,omitempty"`
	Begun   int          `json:"begun,omitempty"`
	Done    int          `json:"done,omitempty"`
	Sounded int          `json:"sounded,omitempty"`
	// Running: a cycle has begun and not ended. Cut: the one before was cut off by a
	// restart, and this is its repetition, of which there is only one.
	Running bool `json:"running,omitempty"`
	Cut     bool `json:"cut,omitempty"`
	// Keep it until then, at least.
	Keep radio.Millis `json:"keep"`
}

// entry is one alert.
type entry struct {
	state
	over  bool
	due   time.Duration // on Mono: its next cycle
	taken time.Duration // on Mono: when it came; 0 after a restart
	ends  time.Duration // on Mono: the same as Ends, in the run of the agent it began in
	// waits: nothing of it has sounded since the restart, for want of a welcome.
	waits bool
	unset bool // the journal does not hold this yet
	steps []radio.Record
}

// Room keeps the alerts. Safe for several goroutines.
type Room struct {
	opts Options
	log  *slog.Logger

	disk sync.Mutex // one writes at a time; taken before mu

	mu      sync.Mutex
	changed chan struct{}
	alerts  map[radio.AlertID]*entry
	turned  []radio.ReceiptRecord // alerts that were turned away, the newest last
	stash   []voice
	now     *turn // the cycle on duty
	// forgotten are no longer held, but may still be in the file.
	forgotten []radio.AlertID
	back      takenBack
	// What is known of time for certain, for when the clock is lost later.
	wall time.Time
	mono time.Duration
	// asked is when the centre was last asked for a voice, on Mono; 0: not yet.
	asked time.Duration
}

// turn is a cycle that playout was told to make.
type turn struct {
	id      radio.AlertID
	cycle   radio.Cycle
	begun   bool
	sounded bool
}

// takenBack is the last cycle that was on duty and is ordered no more, and why.
type takenBack struct {
	id  radio.AiringID
	why radio.Ending
}

type voice struct {
	sha  radio.SHA256
	data []byte
	told bool // that it could not be stored
}

// New only stores and checks.
func New(opts Options) (*Room, error) {
	if opts.Journal == nil || opts.Clock == nil || opts.Audio == nil || opts.Plan == nil || opts.Proven == nil {
		return nil, fmt.Errorf("%w: emergency lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Wake == nil {
		opts.Wake = func() {}
	}
	if opts.Ask == nil {
		opts.Ask = func() {}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Room{opts: opts, log: opts.Log.With("component", "emergency"), changed: make(chan struct{}),
		alerts: map[radio.AlertID]*entry{}}, nil
}

// Load reads what is kept. A cycle that a power cut ended is made once more; what was
// completed is not.
func (r *Room) Load(ctx context.Context) error {
	defer r.flush(ctx)
	kept, err := r.opts.Journal.Alerts(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kept {
		e := &entry{over: k.Over}
		if err := json.Unmarshal(k.State, &e.state); err != nil || e.Alert.ID != k.ID {
			// Another version wrote it; the centre sends what still counts again.
			r.log.Error("a kept alert cannot be read", "alert", string(k.ID), "error", err)
			if !k.Over {
				continue
			}
			// What is over must not come again because of that; for how long, look says
			// when it knows the time.
			e.state = state{Alert: radio.Alert{ID: k.ID}}
		}
		r.alerts[k.ID] = e
		if e.over {
			e.Active = false
			continue
		}
		r.recover(e)
		if e.Active && !e.Local { // who stood at the device knew that it was to sound
			e.waits, e.due = true, r.opts.Clock.Mono()+returnWait
		}
	}
	return nil
}

// Welcomed is told that the centre has answered in this run: tombstones of what is kept
// have come before its answer, or come right behind it.
func (r *Room) Welcomed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.alerts {
		if e.waits {
			e.waits, e.due = false, min(e.due, r.opts.Clock.Mono()+tombWait)
		}
	}
	r.tell()
}

// recover brings the count of cycles in order after a restart; the caller holds mu.
func (r *Room) recover(e *entry) {
	before := e.state.Begun
	// The journal may know of cycles that an older copy of this does not.
	for e.First != 0 && e.Begun < 4*radio.MaxAlertRepeats {
		id := e.Alert.CycleKey(r.opts.Device, e.Begun+1, e.First).ID()
		if begun, err := r.opts.Journal.Begun(id); err != nil || !begun {
			break
		}
		if e.Running { // the one before it has ended, then
			e.Done++
		}
		e.Begun++
		e.Done, e.Running, e.Cut = e.Done+1, false, false
	}
	if !e.Running && before == e.Begun {
		return
	}
	if e.Running {
		e.interrupted()
	}
	if e.Active && e.Done >= e.Alert.Repeats {
		r.finish(e, radio.NoReason)
	}
	r.keep(e)
}

// interrupted: a cycle was cut off. It is made once more, but only once.
func (e *entry) interrupted() {
	e.Running = false
	if e.Cut = !e.Cut; !e.Cut {
		e.Done++
	}
}

// Run writes again what could not be written, asks for voices and forgets what is long
// over, until ctx ends. Sound does not wait for it.
func (r *Room) Run(ctx context.Context) error {
	for {
		changed := r.Changed()
		timer := time.NewTimer(r.look(ctx))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// look does what is left undone and says when to look again.
func (r *Room) look(ctx context.Context) time.Duration {
	r.unstash()
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	next := lookEvery
	passed, mono := radio.At(r.opts.Clock.Passed()), r.opts.Clock.Mono()
	wanted := false
	now, known := r.time()
	for _, e := range r.alerts {
		if e.Keep == 0 {
			if known {
				e.Alert.ExpiresAt = radio.At(now.Add(radio.MaxAlertLife))
				e.Keep = e.Alert.ExpiresAt.Add(keptAfter)
				r.keep(e)
			}
			continue
		}
		if passed > e.Keep && !e.Active {
			r.forget(e)
			continue
		}
		if v := e.Alert.Voice; v != nil && !e.over && !r.opts.Audio.Ready(v.SHA256) {
			wait, stashed := e.taken+voiceWait-mono, r.stashed(v.SHA256)
			if stashed {
				next = min(next, storeAgain)
			}
			if e.taken > 0 && wait > 0 && !stashed {
				next = min(next, wait)
			} else {
				wanted = true
			}
		}
	}
	if !wanted {
		return next
	}
	r.opts.Wake()
	if r.asked == 0 || mono-r.asked >= askAgain {
		r.asked = mono
		r.opts.Ask()
	}
	return min(next, max(r.asked+askAgain-mono, 0))
}

// Changed is closed when Duty, Receipts or Wanted may answer otherwise.
func (r *Room) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// tell needs mu.
func (r *Room) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// step moves an entry's receipt on, if that goes on, and notes it for the journal.
func (r *Room) step(e *entry, s radio.ReceiptState, why radio.Reason, who string) {
	if e.Receipt.State.Final() || s.Rank() < e.Receipt.State.Rank() {
		return
	}
	e.Receipt = radio.ReceiptRecord{ID: string(e.Alert.ID), State: s, Reason: why, At: r.stamp(), Who: who}
	r.note(e, e.Receipt)
	r.log.Warn("alert", "alert", string(e.Alert.ID), "headline", e.Alert.Headline, "state", string(s), "reason", string(why))
}

// note queues a step for the journal.
func (r *Room) note(e *entry, rec radio.ReceiptRecord) {
	e.steps = append(e.steps, radio.Record{Kind: radio.RecordReceipt, Receipt: &rec})
}

// end is the last step of an alert.
func (r *Room) end(e *entry, s radio.ReceiptState, why radio.Reason, who string) {
	r.step(e, s, why, who)
	e.over, e.Active, e.Running = true, false, false
	r.takeBack(e, why)
}

// takeBack has playout end what sounds of an alert.
func (r *Room) takeBack(e *entry, why radio.Reason) {
	if r.now == nil || r.now.id != e.Alert.ID {
		return
	}
	r.back = takenBack{r.now.cycle.ID, radio.EndStopped}
	switch why {
	case radio.ReasonLocalStop:
		r.back.why = radio.EndLocal
	case radio.ReasonCancelled:
		r.back.why = radio.EndCancelled
	case radio.ReasonSigners:
		r.back.why = radio.EndUnproven
	}
	r.now = nil
}

// stamp is the present instant as well as it is known.
func (r *Room) stamp() radio.Millis {
	if now, known := r.time(); known {
		return radio.At(now)
	}
	return radio.At(r.opts.Clock.Now())
}

// time is the present instant, if it is known for certain; it needs mu.
func (r *Room) time() (time.Time, bool) {
	mono := r.opts.Clock.Mono()
	if r.opts.Clock.State().Usable() {
		r.wall, r.mono = r.opts.Clock.Now(), mono
		return r.wall, true
	}
	if at, ok := r.opts.Proven(); ok {
		r.wall, r.mono = at, mono
		return at, true
	}
	if r.wall.IsZero() {
		return time.Time{}, false
	}
	return r.wall.Add(mono - r.mono), true // it was known in this boot
}

// ordered lists the entries, the oldest first; it needs mu.
func (r *Room) ordered() []*entry {
	list := make([]*entry, 0, len(r.alerts))
	for _, e := range r.alerts {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Alert.IssuedAt, b.Alert.IssuedAt), cmp.Compare(a.Alert.ID, b.Alert.ID))
	})
	return list
}
