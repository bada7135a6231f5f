// Package playout decides, at the moment itself, what sounds: it arms the next
// airing on one clock timer, keeps the player's stream open around a session,
// enforces the policy last before the output, joins late within the grace, and
// sees that every airing that falls due ends in exactly one result (design §3–§6).
// What no person of the keyring of now has approved never sounds, and stops when it does.
//
// What outranks what sounds stands in radio.Meet. An alert cuts at once; a priority
// airing cuts a normal one that stands in its way on its own second. What is cut fades
// within 10 ms and goes on from two seconds before the cut as soon as nothing that
// outranks it sounds or, between two cycles, is silent; what sounds twice counts once.
// The rest of its slot, and what fell due meanwhile, follows behind it, whole and in
// the planned order. Of that, what can no longer begin or go on by the planned end of
// its own slot and its grace after that, or would pass the end of the permitted hours,
// no longer fits and ends preempted. A later slot keeps its second; only what still
// sounds of the same priority makes it wait, as long as it fits by the same rule.
// When an item's audio is missing, is refused or breaks off, the next of its slot follows within a
// second, unless that would carry it over what another slot plans or out of the
// permitted hours; the rest of the slot is early then.
//
// It receives the active documents from agent/inbox, airings from timetable, the cycles
// of alerts from agent/emergency, time from clock and verified audio from agent/cache;
// it hands items to agent/player and records to agent/journal.
package playout

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

const (
	// warmUp before a session's first sample: opening a device, and what it stalls
	// after that (measured: no exact start in the first 9 s of a stream).
	warmUp = 20 * time.Second
	// lead before its instant at which an item is handed to the player: more than
	// the ring and the slowest fsync of a record together.
	lead = 3 * time.Second
	// touch: airings with a gap below this share one stream.
	touch = radio.SessionGap
	// slack: an item that would begin this little late begins at its first sample;
	// cutting syllables off would cost more than the delay.
	slack = 2 * time.Second
	// joinLead is the time from joining an item to its sound.
	joinLead = 500 * time.Millisecond
	// fadeLead: how long before a boundary a stop must be asked for to be silent there.
	fadeLead = time.Second
	// checkpointEvery bounds what a power cut can hide (design §3).
	checkpointEvery = 10 * time.Second
	// stallAfter without word from the player it is taken for dead.
	stallAfter = 5 * time.Second
	// healthyAfter so much sound in one stream the output counts as repaired.
	healthyAfter = 2 * time.Second
	// backlogSpan bounds how far back a restart accounts for: the life of a programme.
	backlogSpan = 35 * 24 * time.Hour
	// maxBacklog bounds how many airings a restart accounts for; the newest count.
	maxBacklog = 5000
	// blindFault: a clock that finds its source within this time after a start was no
	// trouble worth telling.
	blindFault = 30 * time.Second
	// BeatEvery is the longest time between two looks.
	BeatEvery = time.Minute
	// horizon is how far ahead airings are expanded at once.
	horizon = 25 * time.Hour
	// stopWithin is how long a stop waits for the last sound to fade and be written down.
	stopWithin = 4 * time.Second
)

// Plan is what the device has to do and may do: the verified documents.
type Plan interface {
	Programme() (*radio.Programme, bool)
	Policy() radio.Policy
	Settings() radio.Settings
	// CheckApproval proves that this audio of a programme may sound here; the error says
	// why it must not. It may answer otherwise after every change.
	CheckApproval(p *radio.Programme, b radio.BulletinID, version int) error
	// Changed is closed at the next change of any of them.
	Changed() <-chan struct{}
}

// Audio gives verified audio by hash.
type Audio interface {
	Ready(radio.SHA256) bool
	// Open gives bytes that are checked as they are read.
	Open(radio.SHA256) (AudioReader, error)
	// Verify reads all of it; what is damaged is dropped, and fetched again.
	Verify(radio.SHA256) error
	// Changed is closed when the readiness of any audio changes.
	Changed() <-chan struct{}
}

// Journal keeps records; what Append returned without error survives a power cut.
type Journal interface {
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
	// Begun says whether an airing or result record of this id was ever written.
	Begun(id radio.AiringID) (bool, error)
	// Unfinished lists what was begun without a result, with the samples of the
	// last checkpoint.
	Unfinished(ctx context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error)
	// Sounded gives what the newest results mean for the caps, by their planned start.
	Sounded(ctx context.Context, most int) ([]radio.Sounded, error)
}

// Faults opens and closes the troubles of the device; both may be repeated.
type Faults interface {
	Raise(ctx context.Context, code, text string)
	Clear(ctx context.Context, code string)
}

// Codes of the faults playout raises.
const (
	FaultOutput    = "output"
	FaultClock     = "clock"
	FaultJournal   = "journal"
	FaultProgramme = "programme"
	FaultPolicy    = "policy"
)

// Rooms are the neighbours of playout.
type Rooms struct {
	Clock   clock.Clock
	Plan    Plan
	Audio   Audio
	Journal Journal
	Player  Player
	Faults  Faults
	Alerts  Alerts // nil: the device takes none
	// Amplifier is nil on a device that has no switch for it.
	Amplifier Amplifier
	// LastSeen is the last instant at which the agent ran with a trusted clock
	// before this run: what fell due since then was missed. 0 when it never ran.
	LastSeen radio.Millis
	// VolumeDB is what a person far away has turned the volume down by.
	VolumeDB float64
}

// Playout is the device's desk. One Run at a time.
type Playout struct {
	Rooms
	log    *slog.Logger
	orders chan order

	mu      sync.Mutex
	view    view
	changed chan struct{} // closed, and replaced, when another item sounds, or none
}

// New only stores.
func New(rooms Rooms, log *slog.Logger) *Playout {
	if rooms.Alerts == nil {
		rooms.Alerts = noAlerts{}
	}
	return &Playout{Rooms: rooms, log: log, orders: make(chan order), view: view{Output: radio.OutputStatus{State: "idle"}}, changed: make(chan struct{})}
}

// Changed is closed when another item begins to sound or the last one has ended.
func (p *Playout) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Fill puts into a status what playout knows; safe from any goroutine.
func (p *Playout) Fill(s *radio.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Next, s.Sounding, s.Output = p.view.Next, p.view.Sounding, p.view.Output
	s.VolumeDB, s.Paused = p.view.Volume, p.view.Paused
	if s.Rules != nil {
		s.Rules.Sessions, s.Rules.Samples = p.view.Sessions, p.view.Samples
	}
}

// Beat is the Mono at which the desk last looked; it looks at least once in
// BeatEvery. For the watchdog.
func (p *Playout) Beat() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.Beat
}

// view is what the status shows of playout.
type view struct {
	Beat     time.Duration
	Next     []radio.NextAiring
	Sounding *radio.SoundingStatus
	Output   radio.OutputStatus
	Volume   float64
	Paused   bool
	// What counts for today towards the policy's caps.
	Sessions int
	Samples  int64
}

// Run plays until ctx ends; then what sounds is faded, written down, and the
// player is gone when Run returns.
func (p *Playout) Run(ctx context.Context) error {
	d := newDesk(p)
	defer d.alarm.stop()
	d.recover(ctx)
	for {
		// Taken before looking, so that a change while looking is not lost.
		planned, ready, alerted, power := p.Plan.Changed(), p.Audio.Changed(), p.Alerts.Changed(), d.powerChanged()
		d.alarm.set(ctx, d.step(ctx))
		select {
		case <-ctx.Done():
			d.close(context.WithoutCancel(ctx))
			return nil
		case <-d.alarm.rang:
			d.alarm.clear()
		case <-planned:
		case <-ready:
		case <-power:
		case <-alerted:
		case o := <-p.orders:
			o.do(ctx, d)
			close(o.done)
		case o := <-d.opened:
			d.onOpened(ctx, o)
		case e, ok := <-d.events():
			d.onEvent(ctx, e, ok)
		}
	}
}
