package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// root is the newest the device has walked to; only it signs new keyrings.
func (in *Inbox) root() trust.Root {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.roots[len(in.roots)-1].Root
}

// takeRoots walks from the newest root known as far as the steps lead. Every step is
// proven by itself, so a list that breaks off somewhere still leads as far as it goes.
// The root before then signs nothing new; the keyring it has signed stays until its
// successor's comes.
func (in *Inbox) takeRoots(ctx context.Context, data []byte) error {
	steps, err := wire.ParseRoots(data)
	if err != nil {
		return in.refuse(ctx, string(wire.Roots), err)
	}
	walked, err := trust.WalkRoots(in.opts.Province, in.root(), steps)
	if len(walked) > 0 {
		newest := in.walk(walked)
		payload, werr := in.steps()
		if werr != nil {
			return werr
		}
		in.write(ctx, radio.Issued{Device: in.opts.Device, Document: string(wire.Roots), Revision: int64(newest.Number), Payload: payload, Envelope: payload})
		in.log.Warn("another root key is pinned", "number", newest.Number, "key", newest.Key.KID)
	}
	if err != nil {
		return in.refuse(ctx, string(wire.Roots), err)
	}
	in.righted(ctx, string(wire.Roots))
	if in.ahead != nil && len(walked) > 0 {
		return in.takeKeys(ctx, in.ahead)
	}
	return nil
}

func (in *Inbox) walk(walked []trust.Walked) trust.Root {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.roots = append(in.roots, walked...)
	in.tell()
	return in.roots[len(in.roots)-1].Root
}

// steps are all that were ever taken, from the root that was pinned at enrolment: a
// restart walks them again.
func (in *Inbox) steps() (json.RawMessage, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var steps []json.RawMessage
	for _, w := range in.roots[1:] {
		steps = append(steps, w.Step)
	}
	return wire.EncodeRoots(steps)
}

// loadRoots walks what was walked before.
func (in *Inbox) loadRoots(payload []byte) error {
	steps, err := wire.ParseRoots(payload)
	if err != nil {
		return err
	}
	walked, err := trust.WalkRoots(in.opts.Province, in.root(), steps)
	in.walk(walked)
	return err
}

// openHeld opens the keyring that is held, which any root on the way may have signed: it
// was the newest when the keyring was accepted.
func (in *Inbox) openHeld(envelope []byte) (trust.Keyring, error) {
	in.mu.Lock()
	roots := in.roots
	in.mu.Unlock()
	err := fmt.Errorf("%w: no root", radio.ErrForbidden)
	for i := len(roots) - 1; i >= 0; i-- {
		var ring trust.Keyring
		if ring, err = trust.OpenKeyring(envelope, in.opts.Province, roots[i].Root.Key, 0); err == nil || !errors.Is(err, radio.ErrForbidden) {
			return ring, err
		}
	}
	return trust.Keyring{}, err
}

// anotherRoot says whether a keyring was refused only because the steps to the root that
// signed it may not have come yet.
func (in *Inbox) anotherRoot(data []byte) bool {
	kids, err := trust.KIDs(data, trust.MaxKeyring)
	return err == nil && len(kids) == 1 && kids[0] != in.root().Key.KID
}
