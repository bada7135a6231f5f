package inbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Bounds of what an online key can leave behind that was stolen:
//
//   - A revision is at most revisionSlack, in seconds, above the instant of issue or above the
//     revision held, whichever is later: a centre whose clock was ahead for a while goes on
//     above what it has issued. Where nothing is held it is radio.MaxRevisionAhead, which
//     the centre overtakes as soon as it is told of it.
//   - A programme ends at most radio.MaxProgrammeLife after it was issued.
//   - What a key has signed that is revoked since stays in use, so that the device falls
//     neither silent nor out of its hours, until any document of its kind comes that is
//     properly signed, whatever the revision of that.
const revisionSlack = 24 * time.Hour

// plausible refuses a revision that would keep the centre's own out for years.
func plausible(d doc, held int64) error {
	slack := revisionSlack
	if held == 0 {
		slack = radio.MaxRevisionAhead
	}
	if d.revision-int64(slack/time.Second) > max(int64(d.issuedAt)/1000, held) {
		return fmt.Errorf("%w: %s revision %d, issued at %s, revision %d is held", radio.ErrInvalid, d.kind, d.revision, d.issuedAt.Time(), held)
	}
	return nil
}

// disowned says whether a key has signed the document in use that is revoked since.
func (in *Inbox) disowned(kind wire.Kind) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return anyOf(in.signers[kind], in.ring.Revoked)
}

func (in *Inbox) revoked() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ring.Revoked
}

func anyOf(kids, revoked []string) bool {
	return slices.ContainsFunc(kids, func(kid string) bool { return slices.Contains(revoked, kid) })
}

// disown writes down which documents in use a newer keyring has disowned.
func (in *Inbox) disown(ctx context.Context, before trust.Keyring) {
	for _, kind := range []wire.Kind{wire.Settings, wire.Policy, wire.Programme} {
		in.mu.Lock()
		kids := in.signers[kind]
		in.mu.Unlock()
		if !in.disowned(kind) || anyOf(kids, before.Revoked) {
			continue
		}
		in.note(ctx, string(kind), harmless, fmt.Errorf("%w: the %s in use is signed by key %s, which is revoked; it stays until another comes", radio.ErrForbidden, kind, kids[0]))
	}
}
