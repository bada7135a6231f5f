// Package pin checks the number by which a person who stands at the device shows that
// it is theirs to act there: to set its clock, to stop its sound, to start a standing
// alert. It receives the PIN from agent/status and from `loaxa-agent pin set`, keeps
// its hash and the count of wrong tries in agent/journal, where every try also leaves a
// security record, and hands back nothing but yes or how long to wait.
package pin

import (
	"context"
	"encoding/json"
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

const (
	// Tries are free; each wrong one after them has to wait, twice as long each time.
	Tries     = 5
	firstWait = time.Minute
	longest   = time.Hour
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
	failed int           // wrong tries since the last right one
	until  time.Duration // Mono before which no try counts
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
	p.loaded, p.failed, p.until = true, 0, 0
	p.keepTries(ctx)
	p.record(ctx, "set")
	return nil
}

// IsSet says whether the device has a PIN.
func (p *Pin) IsSet() bool {
	_, err := p.store.Kept(keptHash)
	return err == nil
}

// Check lets a person act. now is Mono. The error is of kind ErrForbidden, a *Refused or
// ErrNotSet, unless the store cannot be read.
func (p *Pin) Check(ctx context.Context, pin string, now time.Duration) error {
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
	if now < p.until {
		return &Refused{Wait: p.until - now}
	}
	// Counted before it is looked at: pulling the plug gives no try for nothing.
	p.failed++
	p.keepTries(ctx)
	right := matches(string(hash), pin)
	// The memory of the hash is as much as the whole agent needs.
	debug.FreeOSMemory()
	if !right {
		wait := waitAfter(p.failed)
		p.until = now + wait
		p.record(ctx, fmt.Sprintf("wrong, %d in a row", p.failed))
		return &Refused{Left: max(Tries-p.failed, 0), Wait: wait}
	}
	p.failed, p.until = 0, 0
	p.keepTries(ctx)
	p.record(ctx, "right")
	return nil
}

// load reads the count once. A restart does not shorten a wait: it begins anew.
func (p *Pin) load(now time.Duration) {
	if p.loaded {
		return
	}
	b, err := p.store.Kept(keptTries)
	var t tries
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		// Whoever can damage the store must not gain tries by it.
		p.log.Warn("count of wrong PINs not readable", "error", err)
		t.Failed = Tries
	}
	p.failed = min(max(t.Failed, 0), maxCount)
	p.until = now + waitAfter(p.failed)
	p.loaded = true
}

type tries struct {
	Failed int `json:"failed"`
}

// maxCount is where counting on would change nothing.
const maxCount = 1000

// keepTries: a disk that takes no writes must not keep a person from stopping a siren;
// the count then lasts as long as the agent runs.
func (p *Pin) keepTries(ctx context.Context) {
	p.failed = min(p.failed, maxCount)
	b, err := json.Marshal(tries{p.failed})
	if err == nil {
		err = p.store.Keep(context.WithoutCancel(ctx), keptTries, b)
	}
	if err != nil {
		p.log.Error("count of wrong PINs not kept", "error", err)
	}
}

func (p *Pin) record(ctx context.Context, what string) {
	p.log.Info("pin", "was", what)
	if _, err := p.records.Append(context.WithoutCancel(ctx), radio.Record{Kind: radio.RecordSecurity,
		Security: &radio.SecurityRecord{What: "pin", Text: what}}); err != nil {
		p.log.Error("use of the PIN not written to the journal", "error", err)
	}
}

// waitAfter so many wrong tries in a row.
func waitAfter(failed int) time.Duration {
	if failed < Tries {
		return 0
	}
	wait := firstWait
	for range failed - Tries {
		if wait *= 2; wait >= longest {
			return longest
		}
	}
	return wait
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
