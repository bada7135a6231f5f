package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// FaultKeyring: the centre has proven that there is a newer keyring, and it does not come.
const FaultKeyring = "keyring"

const (
	// behindFor so long somebody may be keeping a revocation from this device: from then on
	// no key speaks alone for its commune, for it may be the one that is revoked. Two persons
	// still do.
	behindFor = time.Hour
	// keptBehind is the name of it among the kept values, once it is so.
	keptBehind = "keyring_behind"
)

// errBehind: an alert that waits for the keyring.
var errBehind = fmt.Errorf("%w: a newer keyring is kept from this device; one person is not enough", radio.ErrForbidden)

// behind is the newest keyring that a proven welcome has named, while it is not here.
type behind struct {
	Version int64  `json:"version"` // 0: none
	KID     string `json:"kid"`     // who has named it
	since   time.Duration
	over    bool // for behindFor
}

// named takes the version of the keyring out of a proven welcome. Which hello it answers
// does not matter: it was signed. How old it is neither: versions never go back.
func (in *Inbox) named(version int64, kid string) {
	mono := in.opts.Clock.Mono()
	in.mu.Lock()
	defer in.mu.Unlock()
	switch b := &in.behind; {
	case version <= in.ring.Version || version <= b.Version:
	case b.Version == 0:
		*b = behind{Version: version, KID: kid, since: mono}
	default:
		b.Version, b.KID = version, kid
	}
}

// caughtUp is told of a new keyring. One that a revoked key has named there may never be.
func (in *Inbox) caughtUp(ctx context.Context) {
	in.mu.Lock()
	b := in.behind
	if b.Version == 0 || b.Version > in.ring.Version && !anyOf([]string{b.KID}, in.ring.Revoked) {
		in.mu.Unlock()
		return
	}
	in.behind = behind{}
	in.mu.Unlock()
	if in.opts.Faults != nil {
		in.opts.Faults.Clear(ctx, FaultKeyring)
	}
	if b.over {
		in.keepBehind(ctx, behind{})
	}
}

// lookAtKeyring opens the fault; the keyring mostly comes right behind the welcome.
func (in *Inbox) lookAtKeyring(ctx context.Context) {
	mono := in.opts.Clock.Mono()
	in.mu.Lock()
	b, held := in.behind, in.ring.Version
	waited := mono - b.since
	news := b.Version > 0 && !b.over && waited >= behindFor
	if news {
		in.behind.over = true
	}
	in.mu.Unlock()
	if b.Version == 0 || !b.over && waited < writeAgain {
		return
	}
	if in.opts.Faults != nil {
		in.opts.Faults.Raise(ctx, FaultKeyring, fmt.Sprintf("keyring %d does not come; keyring %d is in use", b.Version, held))
	}
	if news {
		in.log.Warn("no key speaks alone until the keyring comes", "wanted", b.Version, "held", held)
		in.keepBehind(ctx, b)
	}
}

func (in *Inbox) keepBehind(ctx context.Context, b behind) {
	raw, err := json.Marshal(b)
	if err == nil {
		err = in.opts.Journal.Keep(ctx, keptBehind, raw)
	}
	if err != nil {
		in.log.Error("not written: a restart begins the hour without a keyring anew", "error", err)
	}
}

// loadBehind: an hour that was over is over after a restart too.
func (in *Inbox) loadBehind() {
	raw, err := in.opts.Journal.Kept(keptBehind)
	if errors.Is(err, radio.ErrNotFound) {
		return
	}
	var b behind
	if err == nil {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		in.log.Error("it cannot be read whether a keyring is missing", "error", err)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if b.Version > in.ring.Version && !anyOf([]string{b.KID}, in.ring.Revoked) {
		b.over = true
		in.behind = b
	}
}

// aloneIsEnough refuses what one person alone has signed while a keyring is missing.
func (in *Inbox) aloneIsEnough(ring trust.Keyring, kids []string) error {
	mono := in.opts.Clock.Mono()
	in.mu.Lock()
	b := in.behind
	in.mu.Unlock()
	if b.Version == 0 || !b.over && mono-b.since < behindFor {
		return nil
	}
	persons := map[radio.UserID]bool{}
	for _, p := range ring.Persons {
		if anyOf([]string{p.JWK.KID}, kids) {
			persons[p.ID] = true
		}
	}
	if len(persons) >= 2 {
		return nil
	}
	return errBehind
}
