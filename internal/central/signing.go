package central

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// tellUnsigned says at start what does not sound although it is approved: above all what
// was approved before approvals were signed.
func (c *Central) tellUnsigned(ctx context.Context, approvals *library.Approvals) error {
	current, err := c.store.CurrentBulletins(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, b := range current {
		if approvals.Stands(b) != nil {
			n++
		}
	}
	if n > 0 {
		c.log.Warn("approved bulletins that no approver's signature holds for do not sound: approve them again, at the console or by `loaxa import --approver-signs`", "bulletins", n)
	}
	return nil
}

// importApprovals are those of an import; signs is false when its approver gave no
// password.
type importApprovals struct {
	*library.Approvals
	signs bool
	with  radio.SignWith
}

func (i importApprovals) Signs() bool { return i.signs }

func (i importApprovals) Sign(ctx context.Context, by radio.Person, b radio.Bulletin) (*radio.ApprovalRow, error) {
	return i.Approvals.Sign(ctx, by, b, i.with)
}

// importApprovals signs with the password given, "" for nobody's.
func (c *Central) importApprovals(ctx context.Context, password string, dry bool) (importApprovals, error) {
	ring, err := c.commandKeyring(ctx)
	if err != nil && (password != "" || !errors.Is(err, radio.ErrNotFound)) {
		return importApprovals{}, fmt.Errorf("the approver cannot sign: %w (import without a signature first; then make keys with `loaxa key`, and the approver's with `loaxa key person add --may approve`)", err)
	}
	var signers library.Signers
	if password != "" {
		// Without codes: who runs commands here has the secrets that codes are made of.
		signers = identity.NewSigners(c.store, ring, nil, c.now).OpeningOnce()
	}
	return importApprovals{library.NewApprovals(ring, signers, c.now), password != "" || dry, radio.SignWith{Password: password}}, nil
}

// noKeyring trusts nobody: a centre whose keys are not made yet.
type noKeyring struct{}

func (noKeyring) Keyring() ([]byte, trust.Keyring) { return nil, trust.Keyring{} }

// commandKeyring is the keyring for a command; ErrNotFound, and one that trusts nobody,
// before there is any.
func (c *Central) commandKeyring(ctx context.Context) (library.Keyring, error) {
	province, err := c.province(ctx)
	if err != nil {
		return noKeyring{}, err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: there is no keyring yet", radio.ErrNotFound)
	}
	if err != nil {
		return noKeyring{}, err
	}
	return keys, nil
}

// tellKeys says at the start what about the keys a person must act on.
func (c *Central) tellKeys(keys *identity.Keys) error {
	if left := keys.Until().Sub(radio.At(c.now())); left < 60*24*time.Hour {
		c.log.Warn("the online key expires soon: make its successor with `loaxa key online`", "days", int(left.Hours()/24))
	}
	if set, err := emergencySet(); err != nil {
		return err
	} else if _, ring := keys.Keyring(); slices.ContainsFunc(set, func(e radio.EmergencyAudio) bool { return !slices.Contains(ring.Emergency, e.Rendition.SHA256) }) {
		c.log.Warn("the keyring does not list the sounds of the emergency set, so that devices leave them out and refuse drills: sign a new keyring with `loaxa key sign`")
	}
	if from, restored, err := identity.RestoredFrom(c.cfg.dir("keys")); err != nil {
		return err
	} else if restored {
		c.log.Warn("the keyring comes from a backup: keys revoked since count again until somebody looks at it with `loaxa key sign`", "backup", from.MadeAt.Time().Format(time.RFC3339))
	}
	return nil
}
