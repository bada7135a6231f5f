package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
)

// FaultSecurity: somebody sends this device what is not proven. It is over after a day
// without, or with a reboot, which opens no fault of before again. Where only old documents
// came again, it is over as soon as the right ones come.
const FaultSecurity = "security"

const (
	// notesEach and notesAtOnce bound the security records about one kind of message: a
	// stranger who floods the device must fill neither its journal nor, with forgeries of
	// one kind, keep out word of another.
	notesEach   = 30 * time.Minute
	notesAtOnce = 4
	// maxKinds of messages that are counted apart; there are fewer.
	maxKinds = 32
	// staleAtOnce is how many messages that were true once still are no trouble: a broker
	// that was cut off at the wrong moment delivers one again.
	staleAtOnce = 3
	// quietFor so long nothing was refused, the fault is over.
	quietFor = 24 * time.Hour
)

// gravity tells what a refused message means for the fault; each gets its record.
type gravity int

const (
	unproven gravity = iota // nobody who may has said that
	early                   // what proves it may follow within the minute
	stale                   // proven, and out of date: a repetition
	harmless                // told otherwise, or a newer centre's
)

// refusals counts what was refused.
type refusals struct {
	mu     sync.Mutex
	kinds  map[string]*tally
	early  map[string]string // by kind, the newest that may still be proven
	stale  map[string]int    // by kind, since the right one came
	newest time.Time         // when something was last refused that opens the fault
	open   bool
	forged bool // since it is open, not only what was true once has come
	// closing bounds how often the fault is over before its day: who sends old and right
	// documents by turns must not fill the journal with its beginnings and ends.
	closing *rate.Limiter
}

// tally counts one kind.
type tally struct {
	due    *rate.Limiter
	untold int    // refused since the last record
	text   string // of the newest of these
}

// of gives the tally of a kind; it needs mu.
func (r *refusals) of(what string) *tally {
	if r.kinds == nil {
		r.kinds, r.early, r.stale = map[string]*tally{}, map[string]string{}, map[string]int{}
		r.closing = rate.NewLimiter(rate.Every(notesEach), notesAtOnce)
	}
	if r.kinds[what] == nil && len(r.kinds) >= maxKinds {
		what = "other"
	}
	t := r.kinds[what]
	if t == nil {
		t = &tally{due: rate.NewLimiter(rate.Every(notesEach), notesAtOnce)}
		r.kinds[what] = t
	}
	return t
}

// count adds a refusal, and gives those that are to be recorded now.
func (r *refusals) count(what, err string, g gravity, now time.Time) (due telling, suspect bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of(what)
	t.untold++
	t.text = err
	switch g {
	case unproven:
		suspect, r.forged = true, true
	case early:
		r.early[what] = err
	case stale:
		r.stale[what]++ // what proves something is of few kinds
		suspect = r.repeated() >= staleAtOnce
	}
	if suspect {
		r.newest, r.open = now, true
	}
	return t.tell(), suspect
}

// repeated is how much of what was true once has come again; it needs mu.
func (r *refusals) repeated() (n int) {
	for _, k := range r.stale {
		n += k
	}
	return n
}

// telling is what one record tells; none is due while it is of nothing.
type telling struct {
	count int
	text  string // of the newest
}

// String is the text of the record.
func (t telling) String() string {
	if t.count > 1 {
		return fmt.Sprintf("%s (and %d more since the last such record)", t.text, t.count-1)
	}
	return t.text
}

// tell gives what is due, and takes it as told.
func (t *tally) tell() telling {
	if t.untold == 0 || !t.due.Allow() {
		return telling{}
	}
	due := telling{t.untold, t.text}
	t.untold = 0
	return due
}

// owe takes back that something was told.
func (r *refusals) owe(what string, was telling) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of(what)
	t.untold += was.count
	t.text = cmp.Or(t.text, was.text)
}

// proven: what was early of a kind has been accepted since.
func (r *refusals) proven(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.early, what)
}

// righted: the right document of a kind has come. It says whether the fault is over by
// that: nothing but old documents had opened it, and no other kind is still owed.
func (r *refusals) righted(what string) (over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stale, what)
	return r.settled()
}

// settled ends the fault that only old documents had opened; it needs mu.
func (r *refusals) settled() bool {
	if !r.open || r.forged || len(r.early) > 0 || r.repeated() > 0 || !r.closing.Allow() {
		return false
	}
	r.open = false
	return true
}

// look gives the records that have become due, what was early and is not proven yet, and
// whether the fault is over: it has been quiet for so long, or the right documents came.
func (r *refusals) look(now time.Time) (due map[string]telling, suspect string, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	due = map[string]telling{}
	for what, t := range r.kinds {
		if telling := t.tell(); telling.count > 0 {
			due[what] = telling
		}
	}
	for what, text := range r.early {
		suspect = what + ": " + text
		r.newest, r.open, r.forged = now, true, true
	}
	clear(r.early)
	if r.open && now.Sub(r.newest) >= quietFor {
		clear(r.stale)
		r.open, r.forged, over = false, false, true
	}
	return due, suspect, over || r.settled()
}

// final says whether asking again cannot help.
func final(err error) bool {
	return errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrForbidden) || errors.Is(err, radio.ErrConflict)
}

// refuse notes a refusal as a security record, at a bounded rate, and gives its error,
// which is final.
func (in *Inbox) refuse(ctx context.Context, what string, err error) error {
	g := unproven
	if errors.Is(err, radio.ErrConflict) {
		g = stale
	}
	err, _ = in.note(ctx, what, g, err)
	return err
}

// note is refuse, and tells whether the record was due.
func (in *Inbox) note(ctx context.Context, what string, g gravity, err error) (_ error, noted bool) {
	if !final(err) {
		err = fmt.Errorf("%w: %w", radio.ErrInvalid, err)
	}
	due, suspect := in.refusals.count(what, err.Error(), g, time.Now())
	if suspect {
		in.suspect(ctx, what+": "+err.Error())
	}
	if due.count > 0 {
		in.log.Warn("message refused", "kind", what, "error", err)
		in.record(ctx, what, due)
	}
	return err, due.count > 0
}

func (in *Inbox) record(ctx context.Context, what string, due telling) {
	_, err := in.opts.Journal.Append(ctx, radio.Record{Kind: radio.RecordSecurity, Security: &radio.SecurityRecord{What: what, Text: due.String()}})
	if err != nil {
		// The message stays refused; its note comes when the disk takes it.
		in.log.Error("refusal not recorded", "error", err)
		in.refusals.owe(what, due)
	}
}

// suspect opens the fault, or gives it its newest text, of which a stranger may have
// written much.
func (in *Inbox) suspect(ctx context.Context, text string) {
	if in.opts.Faults != nil {
		in.opts.Faults.Raise(ctx, FaultSecurity, strings.ToValidUTF8(text[:min(len(text), 300)], ""))
	}
}

// righted closes the fault when the right document of a kind is all that was missing.
func (in *Inbox) righted(ctx context.Context, what string) {
	if in.refusals.righted(what) && in.opts.Faults != nil {
		in.opts.Faults.Clear(ctx, FaultSecurity)
	}
}

// lookAtRefusals writes what has become due, and closes the fault when it is over.
func (in *Inbox) lookAtRefusals(ctx context.Context, now time.Time) {
	due, suspect, over := in.refusals.look(now)
	for what, telling := range due {
		in.record(ctx, what, telling)
	}
	if suspect != "" {
		in.suspect(ctx, suspect)
	}
	if over && in.opts.Faults != nil {
		in.opts.Faults.Clear(ctx, FaultSecurity)
	}
}
