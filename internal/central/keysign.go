package central

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// SignPlan is what the root is about to certify.
type SignPlan struct {
	// MadeAt is that of the backup the keyring came from, while nobody has confirmed it.
	MadeAt radio.Millis
	// Lost says that there is no keyring: what follows is made again from the database.
	Lost    bool
	Persons []CertifiedKey
	Online  []trust.OnlineKey
	Revoked int

	base trust.Keyring // where it is lost
}

// CertifiedKey is a person's key that the root is about to certify.
type CertifiedKey struct {
	trust.PersonKey
	// Login and Area are codes, where the database knows them.
	Login, Area string
	CreatedAt   radio.Millis // 0: the database does not know the key
}

// Asks says whether a person must look at the list first: what was revoked may stand in it.
func (p SignPlan) Asks() bool { return p.MadeAt != 0 || p.Lost && len(p.Persons) > 0 }

// PlanSign tells what MakeKeys would have the root certify.
func (c *Central) PlanSign(ctx context.Context) (SignPlan, error) {
	province, err := c.province(ctx)
	if err != nil {
		return SignPlan{}, err
	}
	dir, p := c.cfg.dir("keys"), SignPlan{}
	rows, err := c.store.PersonKeys(ctx, "")
	if err != nil {
		return p, err
	}
	ring := trust.Keyring{}
	if p.Lost = !identity.HasKeyring(dir); p.Lost {
		kept, err := c.store.Keyrings(ctx)
		if err != nil {
			return p, err
		}
		if ring, err = identity.LostKeyring(dir, province.ID, kept, rows); err != nil {
			return p, err
		}
		p.base = ring
	} else if ring, err = identity.ReadKeyring(dir, province.ID); err != nil {
		return p, err
	}
	from, restored, err := identity.RestoredFrom(dir)
	if err != nil {
		return p, err
	}
	if restored {
		p.MadeAt = from.MadeAt
	}
	p.Online, p.Revoked = ring.Online, len(ring.Revoked)
	return p, c.nameKeys(ctx, &p, ring, rows)
}

// nameKeys adds to the keys of a keyring whose they are.
func (c *Central) nameKeys(ctx context.Context, p *SignPlan, ring trust.Keyring, rows []radio.PersonKeyRow) error {
	people, err := c.store.People(ctx)
	if err != nil {
		return err
	}
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return err
	}
	tree := radio.NewAreaTree(areas)
	for _, k := range ring.Persons {
		x := CertifiedKey{PersonKey: k, Login: string(k.ID), Area: string(k.Scope)}
		if i := slices.IndexFunc(people, func(a radio.Account) bool { return a.ID == k.ID }); i >= 0 {
			x.Login = people[i].Login
		}
		if a, ok := tree.Area(k.Scope); ok {
			x.Area = a.Code
		}
		if i := slices.IndexFunc(rows, func(r radio.PersonKeyRow) bool { return r.KID == k.JWK.KID }); i >= 0 {
			x.CreatedAt = rows[i].CreatedAt
		}
		p.Persons = append(p.Persons, x)
	}
	return nil
}

// ErrLook: a person has to see whom the root is about to certify.
var ErrLook = fmt.Errorf("%w: look at the keys the root is about to certify, and confirm them", radio.ErrConflict)

// MakeKeys makes the centre's online key and lets the root sign the keyring, or signs
// a new keyring for the key there is (other endpoints, before it expires). ErrLook where
// that would certify keys that nobody has looked at since a backup, or a loss.
func (c *Central) MakeKeys(ctx context.Context, root trust.Key, ends trust.Endpoints) error {
	return c.makeKeys(ctx, root, ends, nil)
}

// MakeKeysAgain is MakeKeys for whoever has looked at the plan.
func (c *Central) MakeKeysAgain(ctx context.Context, root trust.Key, ends trust.Endpoints, seen SignPlan) error {
	return c.makeKeys(ctx, root, ends, &seen)
}

func (c *Central) makeKeys(ctx context.Context, root trust.Key, ends trust.Endpoints, seen *SignPlan) error {
	province, err := c.province(ctx)
	if err != nil {
		return err
	}
	plan, err := c.PlanSign(ctx)
	switch {
	case err != nil:
		return err
	case !plan.Asks():
	case seen == nil:
		return ErrLook
	case !plan.same(*seen):
		return fmt.Errorf("%w: the list has changed meanwhile: look again", radio.ErrConflict)
	}
	if _, err := c.openCA(ctx, province); err != nil {
		return err
	}
	set, err := emergencyAudio()
	if err != nil {
		return err
	}
	dir, action := c.cfg.dir("keys"), "key.sign"
	sign := identity.SignKeyring
	_, err = trust.LoadKey(filepath.Join(dir, identity.OnlineFile))
	switch {
	case err != nil && !errors.Is(err, radio.ErrNotFound):
		return err
	case plan.Lost:
		if !identity.HasRoot(dir) {
			action = "key.root"
		}
		sign = func(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, set []radio.EmergencyAudio, now time.Time) error {
			return identity.SignLost(dir, root, province, ends, set, plan.base, now)
		}
	case err != nil:
		sign, action = identity.MakeKeys, "key.online_lost"
	}
	return c.store.Witness(ctx, action, auditOfKeys, radio.At(c.now()), func() (radio.AuditFacts, error) {
		f := radio.AuditFacts{Key: root.KID(), MadeAt: plan.MadeAt, Why: plan.why()}
		f.Change("brokers", "", strings.Join(ends.Brokers, ", "))
		f.Change("media", "", strings.Join(ends.Media, ", "))
		if err := ends.Check(); err != nil {
			return f, err
		}
		if plan.MadeAt != 0 {
			if err := identity.AcceptRestored(dir, root, province.ID); err != nil {
				return f, err
			}
		}
		if action == "key.sign" && !plan.Lost { // a name that does not fit is refused before anything is signed
			if err := c.nameConsole(root, province.ID); err != nil {
				return f, err
			}
		}
		if err := sign(dir, root, province.ID, ends, set, c.now()); err != nil {
			return f, err
		}
		return f, c.nameConsole(root, province.ID)
	})
}

// same says whether two plans certify the same.
func (p SignPlan) same(o SignPlan) bool {
	return p.MadeAt == o.MadeAt && p.Lost == o.Lost && p.Revoked == o.Revoked && slices.EqualFunc(p.Persons, o.Persons, func(a, b CertifiedKey) bool {
		return a.JWK.KID == b.JWK.KID && a.Scope == b.Scope && a.NotAfter == b.NotAfter && slices.Equal(a.May, b.May)
	})
}

// why is what the audit says of a signature that brings keys back.
func (p SignPlan) why() string {
	switch {
	case !p.Asks():
		return ""
	case p.Lost:
		return fmt.Sprintf("bộ khóa bị mất, lập lại từ cơ sở dữ liệu: %d khóa cá nhân / the keyring was lost and is made again from the database: %[1]d keys of persons", len(p.Persons))
	}
	return fmt.Sprintf("xác nhận bộ khóa của bản sao lưu: %d khóa cá nhân; các lần thu hồi sau đó không còn / keyring of the backup confirmed: %[1]d keys of persons; revocations since are lost", len(p.Persons))
}

// CheckRoot refuses every key but the province's newest root.
func (c *Central) CheckRoot(ctx context.Context, root trust.Key) error {
	province, err := c.province(ctx)
	if err != nil {
		return err
	}
	return identity.IsRoot(c.cfg.dir("keys"), root, province.ID)
}

// RootSteps are those from the first root to the newest.
func (c *Central) RootSteps(ctx context.Context) ([]byte, error) {
	province, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	return identity.Steps(c.cfg.dir("keys"), province.ID)
}

// TakeRootSteps makes roots known that came after the newest one known here.
func (c *Central) TakeRootSteps(ctx context.Context, steps []byte) (now trust.Root, err error) {
	province, err := c.province(ctx)
	if err != nil {
		return now, err
	}
	err = c.store.Witness(ctx, "key.next_root", auditOfKeys, radio.At(c.now()), func() (f radio.AuditFacts, err error) {
		var was trust.Root
		was, now, err = identity.TakeSteps(c.cfg.dir("keys"), province.ID, steps)
		f.Key, f.Version = now.Key.KID, now.Number
		f.Change("key", was.Key.KID, now.Key.KID)
		return f, err
	})
	return now, err
}
