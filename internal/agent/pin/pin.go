// Package pin checks the number by which a person who stands at the device shows that
// it is theirs to act there: to set its clock, to stop its sound, to start a standing
// alert. It receives the PIN from agent/status and from `loaxa-agent pin set`, keeps
// its hash and the count of wrong tries in agent/journal, where every try also leaves a
// security record, and hands back nothing but yes or how long to wait.
//
// Wrong tries are counted by the address they come from, so that a stranger in the same
// network cannot keep out the person whose siren it is: five are free, then that address
// waits, a minute at first and up to an hour. Whoever has many addresses (every stranger in
// a network, if they want) is slowed down by the count of all: behind twenty wrong tries
// without a right one, addresses that never gave the right PIN get one try in ten minutes
// between them. Such a stranger can so keep out a person who comes from a new address, but
// not one who comes from one of the last four addresses from which the right PIN came. A
// stranger who takes over such an address wins its own tries, at most one an hour: they can
// keep that address out, and no more. All this outlives a restart, which gives no tries.
//
// What it is worth: 6 tries an hour by strangers and 1 an hour by each of 4 addresses taken
// over are 87,600 a year, plus 20 for each time the right PIN is used. A PIN of six digits
// that nobody can guess withstands that for 5.7 years on average, and one of eight for
// centuries. It is a guarantee of years, not of ever; every try is in the audit, so that
// the centre sees it in the first hour.
package pin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Store keeps small values across reboots.
type Store interface {
	Keep(ctx context.Context, name string, value []byte) error
	// Kept is an error of kind ErrNotFound when nothing was kept under the name.
	Kept(name string) ([]byte, error)
}

// Recorder takes the audit; the journal.
type Recorder interface {
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
}

// Names of what is kept.
const (
	keptHash  = "pin"
	keptTries = "pin_tries"
)

// ErrNotSet: this device has no PIN, so nothing can be done at it.
var ErrNotSet = fmt.Errorf("%w: this device has no PIN; set one with loaxa-agent pin set", radio.ErrForbidden)

// Refused is a PIN that is wrong, or one that came too soon after others.
type Refused struct {
	Left int           // tries left before there is a wait
	Wait time.Duration // until the next try; 0 for none
}

func (r *Refused) Error() string {
	if r.Wait > 0 {
		return fmt.Sprintf("wrong PIN too often: wait %s", r.Wait.Round(time.Second))
	}
	return fmt.Sprintf("wrong PIN, %d tries left", r.Left)
}

// Pause is the time until the next try, and Remaining the number of tries before one,
// for screens.
func (r *Refused) Pause() time.Duration { return r.Wait }

// Remaining is Left.
func (r *Refused) Remaining() int { return r.Left }

// Unwrap gives the kind.
func (*Refused) Unwrap() error { return radio.ErrForbidden }

// Pin is the PIN of one device. Safe for several goroutines; one check runs at a time.
type Pin struct {
	store   Store
	records Recorder
	log     *slog.Logger
	cost    cost

	mu     sync.Mutex
	loaded bool
	all    count    // of every address
	places []*place // the oldest first
}

// New only stores.
func New(store Store, records Recorder, log *slog.Logger) *Pin {
	return &Pin{store: store, records: records, log: log, cost: ours}
}

// Set makes a new PIN the device's, whatever was wrong before.
func (p *Pin) Set(ctx context.Context, pin string) error {
	if err := checkForm(pin); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	hash, err := p.cost.hash(pin)
	if err != nil {
		return err
	}
	if err := p.store.Keep(ctx, keptHash, []byte(hash)); err != nil {
		return fmt.Errorf("set the PIN: %w", err)
	}
	p.loaded, p.all, p.places = true, count{}, nil
	p.keepTries(ctx)
	p.record(ctx, "set")
	return nil
}

// IsSet says whether the device has a PIN.
func (p *Pin) IsSet() bool {
	_, err := p.store.Kept(keptHash)
	return err == nil
}

// Check lets a person act. from is the address they come from, now is Mono. The error is of
// kind ErrForbidden, a *Refused or ErrNotSet, unless the store cannot be read.
func (p *Pin) Check(ctx context.Context, pin, from string, now time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash, err := p.store.Kept(keptHash)
	if errors.Is(err, radio.ErrNotFound) {
		return ErrNotSet
	}
	if err != nil {
		return fmt.Errorf("check the PIN: %w", err)
	}
	p.load(now)
	if len(from) > maxAddress {
		from = from[:maxAddress]
	}
	if wait := p.wait(from, now); wait > 0 {
		return &Refused{Wait: wait}
	}
	// Counted before it is looked at: pulling the plug gives no try for nothing.
	l := p.tried(from)
	p.keepTries(ctx)
	right := matches(string(hash), pin)
	// The memory of the hash is as much as the whole agent needs.
	debug.FreeOSMemory()
	if !right {
		refused := p.wrong(l, now)
		p.record(ctx, fmt.Sprintf("wrong, %d in a row from %s, %d in all", l.failed, from, p.all.failed))
		return refused
	}
	p.right(l)
	p.keepTries(ctx)
	p.record(ctx, "right from "+from)
	return nil
}

// maxAddress bounds an address as text.
const maxAddress = 45

func (p *Pin) record(ctx context.Context, what string) {
	p.log.Info("pin", "was", what)
	if _, err := p.records.Append(context.WithoutCancel(ctx), radio.Record{Kind: radio.RecordSecurity,
		Security: &radio.SecurityRecord{What: "pin", Text: what}}); err != nil {
		p.log.Error("use of the PIN not written to the journal", "error", err)
	}
}

var form = regexp.MustCompile(`^[0-9]{6,12}$`)

// checkForm refuses what is no number of 6 to 12 digits, or what everybody tries first.
func checkForm(pin string) error {
	if !form.MatchString(pin) {
		return fmt.Errorf("%w: a PIN has 6 to 12 digits", radio.ErrInvalid)
	}
	const up, down = "01234567890123", "98765432109876"
	if strings.Count(pin, pin[:1]) == len(pin) || strings.Contains(up, pin) || strings.Contains(down, pin) {
		return fmt.Errorf("%w: this PIN is the first anybody would try", radio.ErrInvalid)
	}
	return nil
}
