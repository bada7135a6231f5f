// Package control carries out commands (điều khiển từ xa): it receives proven ones from
// agent/inbox, judges by proven time whether they still count, has agent/playout do what
// is about sound, and hands the word of each step to link. What was taken is on disk
// before it is done and is remembered beyond its end, so that no command is carried out
// twice, across restarts too; what a restart cut off is told as failed, never repeated
// (design §7).
package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// Journal keeps commands and the records of their steps, and the volume.
type Journal interface {
	SetCommand(ctx context.Context, c radio.KeptCommand, steps ...radio.Record) error
	Commands(ctx context.Context) ([]radio.KeptCommand, error)
	ForgetCommand(ctx context.Context, id radio.CommandID) error
	Keep(ctx context.Context, name string, value []byte) error
	Kept(name string) ([]byte, error)
}

// Clock tells the time, and how far it can be believed.
type Clock interface {
	Now() time.Time
	State() clock.Reading
	// Passed is an instant that has passed for certain, whatever a clock shows that
	// cannot be believed.
	Passed() time.Time
}

// Desk does what is about sound. A reason tells why something is not done.
type Desk interface {
	Obey(ctx context.Context, c radio.Command) (radio.Reason, error)
	// Tone lets the test tone of a command sound; began and ended are told later and do
	// not wait.
	Tone(ctx context.Context, c radio.Command, began func(), ended func(radio.Confirmation)) (radio.Reason, error)
}

// Options of a Room.
type Options struct {
	Journal Journal
	Clock   Clock
	// Proven gives the time by the centre's word in this boot; false when there was none.
	Proven func() (time.Time, bool)
	// Restart has the agent stop in good order; who started it starts it again.
	Restart func()
	Log     *slog.Logger
}

const (
	// maxKept bounds what is remembered; no id is forgotten while it could come again.
	maxKept = 300
	// maxTurnedAway bounds the receipts of commands that were turned away.
	maxTurnedAway = 16
	// ahead is how far a command may be ahead of a clock that can be believed.
	ahead = 2 * time.Minute
	// sayFirst is the time a restart leaves to link to say that it is under way.
	sayFirst = time.Second
	// lookEvery is how often what could not be written is tried again.
	lookEvery = time.Minute
	// volumeName is where the volume stands among the journal's kept values.
	volumeName = "volume"
)

// state is what is kept of a command, as JSON.
type state struct {
	Command radio.Command       `json:"command"`
	Receipt radio.ReceiptRecord `json:"receipt"`
}

type entry struct {
	state
	begun bool // handed to the desk, or being restarted for
	unset bool // the journal does not hold this yet
	steps []radio.Record
}

// Room keeps the commands. Safe for several goroutines.
type Room struct {
	opts Options
	log  *slog.Logger
	desk Desk
	wake chan struct{}
	tone chan toneWord // what became of test tones

	mu       sync.Mutex
	changed  chan struct{}
	commands map[radio.CommandID]*entry
	turned   []radio.ReceiptRecord // the newest last
	restart  bool
}

// toneWord is what the desk says of a test tone.
type toneWord struct {
	id    radio.CommandID
	ended *radio.Confirmation // nil: it has begun
}

// New only stores and checks.
func New(opts Options) (*Room, error) {
	if opts.Journal == nil || opts.Clock == nil || opts.Proven == nil || opts.Restart == nil {
		return nil, fmt.Errorf("%w: control lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Room{opts: opts, log: opts.Log.With("component", "control"), changed: make(chan struct{}), wake: make(chan struct{}, 1),
		tone: make(chan toneWord, 2*maxKept), commands: map[radio.CommandID]*entry{}}, nil
}

// Volume is the volume that was set last.
func (r *Room) Volume() (db float64) {
	b, err := r.opts.Journal.Kept(volumeName)
	if errors.Is(err, radio.ErrNotFound) {
		return 0
	}
	if err == nil {
		err = json.Unmarshal(b, &db)
	}
	if err != nil || !(db >= -40 && db <= 0) {
		r.log.Error("the volume that was set cannot be read; it is as the policy says", "error", err)
		return 0
	}
	return db
}

// Load reads what is kept. What a restart cut off is not done again; a restart itself
// is done when this is called.
func (r *Room) Load(ctx context.Context) error {
	kept, err := r.opts.Journal.Commands(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kept {
		e := &entry{}
		if err := json.Unmarshal(k.State, &e.state); err != nil || e.Command.ID != k.ID {
			// Another version wrote it. Its id still counts.
			r.log.Error("a kept command cannot be read", "command", string(k.ID), "error", err)
			e.Command = radio.Command{ID: k.ID, ExpiresAt: radio.At(r.opts.Clock.Now().Add(radio.MaxCommandLife))}
			e.Receipt = radio.ReceiptRecord{ID: string(k.ID), State: radio.ReceiptFailed}
		}
		r.commands[k.ID] = e
		if e.Receipt.State.Final() {
			continue
		}
		switch running := e.Receipt.State == radio.ReceiptRunning; {
		case e.Command.Do == radio.CommandRestart && running, e.Command.Do == radio.CommandVolume && r.Volume() == e.Command.GainDB:
			r.step(e, radio.ReceiptDone, radio.NoReason)
		default:
			r.step(e, radio.ReceiptFailed, radio.ReasonOff)
		}
		r.keep(ctx, e)
	}
	return nil
}

// Take takes a proven command; one that is known changes nothing. An error that is none
// of radio's kinds means that it should come again.
func (r *Room) Take(ctx context.Context, c radio.Command) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.commands[c.ID]; known {
		return nil
	}
	passed := radio.At(r.opts.Clock.Passed())
	if passed > c.ExpiresAt.Add(radio.CommandAlive) {
		return fmt.Errorf("%w: command %s expired long ago", radio.ErrInvalid, c.ID)
	}
	if len(r.commands) >= maxKept {
		r.turn(radio.ReceiptRecord{ID: string(c.ID), State: radio.ReceiptRejected, Reason: radio.ReasonBusy, At: r.stamp()})
		return fmt.Errorf("%w: %d commands are remembered already", radio.ErrConflict, maxKept)
	}
	e := &entry{state: state{Command: c}}
	r.step(e, radio.ReceiptReceived, radio.NoReason)
	switch now, known := r.time(); {
	case passed >= c.ExpiresAt, known && radio.At(now) >= c.ExpiresAt:
		r.step(e, radio.ReceiptExpired, radio.ReasonExpired)
	case !known, radio.At(now.Add(ahead)) < c.IssuedAt:
		r.step(e, radio.ReceiptRejected, radio.ReasonClock)
	default:
		r.step(e, radio.ReceiptAccepted, radio.NoReason)
	}
	// On disk before it is done: else a power cut behind it could do it twice.
	if err := r.write(ctx, e); err != nil {
		return err
	}
	r.commands[c.ID] = e
	r.tell()
	signal(r.wake)
	return nil
}

// TurnAway tells why a proven message is not carried out.
func (r *Room) TurnAway(_ context.Context, id radio.CommandID, why radio.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.commands[id]; !known {
		r.turn(radio.ReceiptRecord{ID: string(id), State: radio.ReceiptRejected, Reason: why, At: r.stamp()})
	}
}

// turn notes a receipt that nothing is kept of; it needs mu.
func (r *Room) turn(rec radio.ReceiptRecord) {
	if slices.ContainsFunc(r.turned, func(o radio.ReceiptRecord) bool { return o.ID == rec.ID }) {
		return
	}
	r.turned = append(r.turned, rec)
	r.turned = r.turned[max(len(r.turned)-maxTurnedAway, 0):]
	r.tell()
}

// Receipts gives the latest receipt of every command that is remembered.
func (r *Room) Receipts() []radio.ReceiptRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.turned)
	for _, e := range r.ordered() {
		list = append(list, e.Receipt)
	}
	return list
}

// Changed is closed when Receipts may answer otherwise.
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

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // already signalled
	}
}

// step moves a receipt on and notes it for the journal; it needs mu.
func (r *Room) step(e *entry, s radio.ReceiptState, why radio.Reason) {
	if e.Receipt.State.Final() || s.Rank() < e.Receipt.State.Rank() {
		return
	}
	e.Receipt = radio.ReceiptRecord{ID: string(e.Command.ID), State: s, Reason: why, At: r.stamp()}
	rec := e.Receipt
	e.steps = append(e.steps, radio.Record{Kind: radio.RecordReceipt, Receipt: &rec})
	r.log.Info("command", "command", string(e.Command.ID), "do", string(e.Command.Do), "state", string(s), "reason", string(why))
}

// write puts an entry and its steps on disk; it needs mu.
func (r *Room) write(ctx context.Context, e *entry) error {
	b, err := json.Marshal(e.state)
	if err == nil {
		err = r.opts.Journal.SetCommand(context.WithoutCancel(ctx), radio.KeptCommand{ID: e.Command.ID, State: b}, e.steps...)
	}
	if err != nil {
		return fmt.Errorf("keep command %s: %w", e.Command.ID, err)
	}
	e.unset, e.steps = false, nil
	return nil
}

// keep is write for what was taken already: it is tried again later. It needs mu.
func (r *Room) keep(ctx context.Context, e *entry) {
	if err := r.write(ctx, e); err != nil {
		e.unset = true
		r.log.Error("a command's step is not kept, trying again", "error", err)
	}
	r.tell()
}

// stamp is the present instant as well as it is known; it needs mu.
func (r *Room) stamp() radio.Millis {
	if now, known := r.time(); known {
		return radio.At(now)
	}
	return radio.At(r.opts.Clock.Now())
}

// time is the present instant, if it is known for certain.
func (r *Room) time() (time.Time, bool) {
	if r.opts.Clock.State().Usable() {
		return r.opts.Clock.Now(), true
	}
	return r.opts.Proven()
}

// ordered lists the entries, the oldest first; it needs mu.
func (r *Room) ordered() []*entry {
	list := make([]*entry, 0, len(r.commands))
	for _, e := range r.commands {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Command.IssuedAt, b.Command.IssuedAt), cmp.Compare(a.Command.ID, b.Command.ID))
	})
	return list
}
