// Package dispatch keeps each device's documents current: programme, policy and
// settings, signed, with revisions that never go back, kept in the store and put
// into the broker as retained messages; and it answers the devices: welcome to a
// hello, ack to a journal. It receives what people laid down from store, resolved
// by programme, hellos and watermarks from ingest; it hands signed
// messages to broker and every published programme to reconcile, which freezes its
// airings. The broker is a cache of what is issued here (design §7).
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const (
	// Life of a programme; past it the device is silent (design §8).
	Life = 35 * 24 * time.Hour
	// Renew issues a programme anew as soon as less than this remains of it.
	Renew = 28 * 24 * time.Hour
	// withdrawnDays is how long devices are told to delete a withdrawn version's audio.
	withdrawnDays = 60
	// every is how often everything is looked over without being asked.
	every = time.Hour
	// retry is how long what failed waits for its next attempt.
	retry = 10 * time.Second
	// giveUpAfter is how many devices on end may fail before a round is given up:
	// then the broker itself is away.
	giveUpAfter = 8
)

// Plans is what people have laid down, as the store holds it.
type Plans interface {
	Plan(ctx context.Context) (radio.Plan, error)
	Places(ctx context.Context) ([]radio.Place, error)
	// WithdrawnHashes lists the audio of versions withdrawn since then.
	WithdrawnHashes(ctx context.Context, since radio.Millis) ([]radio.SHA256, error)
}

// Resolver makes documents, without revision and times, of what people laid down; it
// is pure.
type Resolver interface {
	// Current picks the bulletins that may be aired, one version each.
	Current(all []radio.Bulletin) map[radio.BulletinID]radio.Bulletin
	Programme(place radio.Place, schedules []radio.Schedule, decided radio.Decided, bulletins map[radio.BulletinID]radio.Bulletin,
		withdrawn []radio.SHA256, now time.Time) (radio.Programme, []radio.Exclusion, error)
	Policy(rules []radio.PolicyRule, place radio.Place, now time.Time) (radio.Policy, error)
	Settings(place radio.Place) radio.Settings
}

// Issued keeps signed documents: the durable state behind the retained messages.
type Issued interface {
	// AddIssued is ErrConflict unless the revision is higher than all before.
	AddIssued(ctx context.Context, i radio.Issued) error
	// CurrentIssued gives the newest of each kind of document.
	CurrentIssued(ctx context.Context, d radio.DeviceID) ([]radio.Issued, error)
}

// Journals knows up to which record the centre holds a device's journal, and how its chain
// stands there; the zero head of a journal it never heard of.
type Journals interface {
	JournalHead(ctx context.Context, ref radio.JournalRef) (radio.JournalHead, error)
}

// Publisher hands a message to the broker. An error means that it may not arrive.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
}

// Freezer is told of every programme once it is stored, and freezes its airings;
// the same programme twice must change nothing.
type Freezer interface {
	Published(ctx context.Context, place radio.Place, p radio.Programme, at radio.Millis) error
}

// Keys sign: the online key, and the keyring that the root signed for it.
type Keys interface {
	Online() trust.Key
	Keyring() (envelope []byte, content trust.Keyring)
	// Roots are the steps to the root that signed it, for wire.Roots; nil: there are none.
	Roots() []byte
	Root() trust.Root
}

// Alerts sends a device that has just connected the alerts it must know of, and the
// voices it lacks.
type Alerts interface {
	Hello(ctx context.Context, device radio.DeviceID, lacks []radio.SHA256) error
}

// Rooms are the neighbours of a Dispatcher.
type Rooms struct {
	Plans     Plans
	Resolver  Resolver
	Issued    Issued
	Journals  Journals
	Publisher Publisher
	Freezer   Freezer
	Keys      Keys
	// Alerts is asked after every welcome; may be nil.
	Alerts Alerts
	// Refused is told whether a document of a device could be made: an error that waits
	// for a person, or nil. May be nil.
	Refused func(device radio.DeviceID, document string, err error)
}

// Dispatcher is safe for concurrent use.
type Dispatcher struct {
	rooms Rooms
	now   func() time.Time
	log   *slog.Logger

	// issuing lets one revision be made at a time.
	issuing sync.Mutex

	wake chan struct{}
	mu   sync.Mutex
	due  due
	// greetings are hellos whose welcome the broker did not take.
	greetings map[radio.DeviceID]*greeting
	// ahead is the newest keyring that a device was heard to hold and this centre has not.
	ahead int64
}

// due is what Run has to do.
type due struct {
	all      bool                    // look over every device
	wanted   map[radio.DeviceID]held // look over these; what they hold already
	unsent   map[radio.DeviceID]bool // publish all documents of these again
	unfrozen map[radio.DeviceID]published
}

// held is the revision of each document a device said it holds.
type held map[string]int64

// published is a programme that the Freezer has not taken yet.
type published struct {
	place     radio.Place
	programme radio.Programme
	at        radio.Millis
}

// New makes a Dispatcher. It does nothing before Republish or Run.
func New(rooms Rooms, now func() time.Time, log *slog.Logger) *Dispatcher {
	return &Dispatcher{
		rooms: rooms, now: now, log: log.With("component", "dispatch"), wake: make(chan struct{}, 1),
		due:       due{wanted: map[radio.DeviceID]held{}, unsent: map[radio.DeviceID]bool{}, unfrozen: map[radio.DeviceID]published{}},
		greetings: map[radio.DeviceID]*greeting{},
	}
}

// Changed says that something laid down was changed: an import, a decision on a
// bulletin, a device. Run looks everything over soon; it never blocks.
func (d *Dispatcher) Changed() { d.note(func(w *due) { w.all = true }) }

func (d *Dispatcher) note(f func(*due)) {
	d.mu.Lock()
	f(&d.due)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default: // Run has been woken already and will see it
	}
}

// Run puts every document into the broker, then keeps them current until ctx ends:
// at once when something changed, hourly so that no programme runs out, and again
// after a while for what could not be stored or sent.
func (d *Dispatcher) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { d.greet(ctx) })
	if err := d.Republish(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("documents are not all current", "error", err)
	}
	hourly := time.NewTicker(every)
	defer hourly.Stop()
	again := time.NewTimer(retry)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hourly.C:
			d.note(func(w *due) { w.all = true })
			continue
		case <-d.wake:
		case <-again.C:
			d.resend(ctx)
			again.Reset(retry)
		}
		d.work(ctx)
	}
}

// work refreshes what is due. What could not be read or stored is due again at the
// next retry or change.
func (d *Dispatcher) work(ctx context.Context) {
	d.mu.Lock()
	all, wanted := d.due.all, d.due.wanted
	d.due.all, d.due.wanted = false, map[radio.DeviceID]held{}
	d.mu.Unlock()
	if !all && len(wanted) == 0 {
		return
	}
	if err := d.refresh(ctx, all, wanted); err != nil && ctx.Err() == nil {
		d.log.Error("documents are not all current", "error", err)
	}
}

// Republish brings all documents up to date and publishes every one of them: the
// broker may have come up empty. What the broker does not take now Run sends later.
func (d *Dispatcher) Republish(ctx context.Context) error {
	err := d.refresh(ctx, true, nil)
	places, perr := d.rooms.Plans.Places(ctx)
	if perr != nil {
		// Nothing was read, so nothing is known to be unsent: do it all again.
		d.note(func(w *due) { w.all = true })
		return errors.Join(err, fmt.Errorf("republish: %w", perr))
	}
	d.mu.Lock()
	for _, p := range places {
		if p.Device.Enrolled != 0 {
			d.due.unsent[p.Device.ID] = true
		}
	}
	d.mu.Unlock()
	d.resend(ctx)
	return err
}
