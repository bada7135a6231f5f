package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

const (
	// keptRevoked is the name of the revoked keys among the kept values.
	keptRevoked = "revoked"
	// maxRevoked bounds them: more than a keyring has room for.
	maxRevoked = 2048
)

// revoked are all keys that a proven keyring has ever named as revoked. That is for good:
// a centre restored from an old backup knows less, and the root that signs its keyring in
// good faith must not make a stolen key valid again here.
type revoked struct {
	// Root was pinned when they were told; under another one the device begins anew.
	Root string   `json:"root"`
	KIDs []string `json:"kids"` // the oldest word first
	owed bool     // not written yet
}

// stick adds to a keyring what was revoked before and is no more, and gives what of that
// the keyring would have made valid again. It needs mu.
func (in *Inbox) stick(ring *trust.Keyring) (revived []string) {
	named := func(kid string) bool {
		return slices.ContainsFunc(ring.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid }) ||
			slices.ContainsFunc(ring.Online, func(o trust.OnlineKey) bool { return o.JWK.KID == kid })
	}
	for _, kid := range ring.Revoked {
		if !slices.Contains(in.everRevoked.KIDs, kid) {
			in.everRevoked.KIDs, in.everRevoked.owed = append(in.everRevoked.KIDs, kid), true
		}
	}
	ring.Revoked = slices.Clone(ring.Revoked)
	for _, kid := range in.everRevoked.KIDs {
		if !slices.Contains(ring.Revoked, kid) {
			ring.Revoked = append(ring.Revoked, kid)
			if named(kid) {
				revived = append(revived, kid)
			}
		}
	}
	// Beyond the bound those go first that no keyring names as anybody's.
	for over := len(in.everRevoked.KIDs) - maxRevoked; over > 0; over-- {
		i := max(0, slices.IndexFunc(in.everRevoked.KIDs, func(kid string) bool { return !named(kid) }))
		in.everRevoked.KIDs = slices.Delete(in.everRevoked.KIDs, i, i+1)
	}
	return revived
}

// tellRevived writes down that a keyring would have made revoked keys valid again.
func (in *Inbox) tellRevived(ctx context.Context, version int64, kids []string) {
	if len(kids) > 0 {
		in.note(ctx, string(wire.Keys), harmless, fmt.Errorf("%w: keyring %d names as valid what was revoked; %d keys stay revoked here: %s",
			radio.ErrForbidden, version, len(kids), strings.Join(kids[:min(len(kids), 8)], ", ")))
	}
}

// writeRevoked writes them, now or as soon as the disk takes it.
func (in *Inbox) writeRevoked(ctx context.Context) {
	in.mu.Lock()
	r := in.everRevoked
	r.KIDs = slices.Clone(r.KIDs)
	in.mu.Unlock()
	if !r.owed {
		return
	}
	b, err := json.Marshal(r)
	if err == nil {
		err = in.opts.Journal.Keep(ctx, keptRevoked, b)
	}
	if err != nil {
		in.log.Error("the revoked keys are not written, trying again", "error", err)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.everRevoked.owed = len(in.everRevoked.KIDs) != len(r.KIDs)
}

// loadRevoked comes before the keyring is read.
func (in *Inbox) loadRevoked() {
	fresh := revoked{Root: in.opts.Root.Key.KID}
	b, err := in.opts.Journal.Kept(keptRevoked)
	var r revoked
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	switch {
	case errors.Is(err, radio.ErrNotFound):
		r = fresh
	case err != nil || len(r.KIDs) > maxRevoked:
		in.log.Error("the revoked keys cannot be read; those that the keyring names count", "error", err)
		r = fresh
	case r.Root != fresh.Root:
		r = fresh
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.everRevoked = r
}
