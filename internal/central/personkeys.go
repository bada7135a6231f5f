package central

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
)

// KeyOrder is a person's key that the root is to certify.
type KeyOrder struct {
	Login, Area string   // codes
	May         []string // approve, alert
	// Until is its last day in the province, such as 2027-06-30; "" is no end.
	Until string
	// Passkey is the kid of one that the person has registered; "" makes a key that rests
	// at the centre, sealed with Password.
	Passkey, Password string
}

// AddPersonKey makes a key that rests at the centre, without an end (see AddKey).
func (c *Central) AddPersonKey(ctx context.Context, root trust.Key, login, areaCode, password string, mayDo []string, actor string) (radio.PersonKeyRow, error) {
	return c.AddKey(ctx, root, KeyOrder{Login: login, Area: areaCode, Password: password, May: mayDo}, actor)
}

// AddKey makes a key with which a person signs in an area, or takes their passkey for one:
// the root puts it into the keyring, which a running centre publishes at once. The private
// half of a key made here rests in the database, encrypted with the password; an earlier
// one for the same area that may no more than the new one ends, and what it has signed
// counts on.
func (c *Central) AddKey(ctx context.Context, root trust.Key, o KeyOrder, actor string) (radio.PersonKeyRow, error) {
	row, err := c.addKey(ctx, root, o, actor)
	if err != nil {
		return radio.PersonKeyRow{}, fmt.Errorf("make a key for %s: %w", o.Login, err)
	}
	return row, nil
}

func (c *Central) addKey(ctx context.Context, root trust.Key, o KeyOrder, actor string) (radio.PersonKeyRow, error) {
	none := radio.PersonKeyRow{}
	if err := checkMay(o.May); err != nil {
		return none, err
	}
	a, err := importUsers{c.store}.PersonByName(ctx, o.Login)
	if err != nil {
		return none, err
	}
	area, err := c.AreaByCode(ctx, o.Area)
	if err != nil {
		return none, err
	}
	province, err := c.province(ctx)
	if err != nil {
		return none, err
	}
	row := radio.PersonKeyRow{Person: a.ID, Scope: area.ID, May: o.May, CreatedBy: actor, CreatedAt: radio.At(c.now())}
	if row.NotAfter, err = lastDay(o.Until, province.Zone, c.now()); err != nil {
		return none, err
	}
	var public trust.PublicKey
	if o.Passkey != "" {
		public, err = c.passkeyOf(ctx, a.ID, o.Passkey)
	} else {
		public, err = sealKey(&row, o.Password, a)
	}
	if err != nil {
		return none, err
	}
	if row.JWK, err = public.MarshalJSON(); err != nil {
		return none, err
	}
	row.KID = public.KID
	old, err := c.store.PersonKeys(ctx, a.ID)
	if err != nil {
		return none, err
	}
	if err := c.nameConsole(root, province.ID); err != nil {
		return none, err
	}
	key := trust.PersonKey{ID: a.ID, JWK: public, Scope: area.ID, May: o.May, NotAfter: row.NotAfter}
	if err := identity.AddPersonKey(c.cfg.dir("keys"), root, province.ID, key, c.now()); err != nil {
		return none, err
	}
	if err := c.store.AddPersonKey(ctx, row, o.Login); err != nil {
		return none, err
	}
	for _, k := range old {
		if len(row.Sealed) > 0 && replaces(row, k) {
			if err := c.retire(ctx, root, province.ID, k, actor); err != nil {
				return none, err
			}
		}
	}
	return row, nil
}

func checkMay(may []string) error {
	if len(may) == 0 {
		return fmt.Errorf("%w: a key must be for something", radio.ErrInvalid)
	}
	for _, m := range may {
		if m != trust.MayAlert && m != trust.MayApprove {
			return fmt.Errorf("%w: %q, want %s or %s", radio.ErrInvalid, m, trust.MayAlert, trust.MayApprove)
		}
	}
	return nil
}

// lastDay is the end of a day in the province; 0 for "".
func lastDay(day, zone string, now time.Time) (radio.Millis, error) {
	if day == "" {
		return 0, nil
	}
	where, err := timetable.LoadZone(zone)
	if err != nil {
		return 0, err
	}
	_, end, err := where.Day(radio.Date(day))
	if err != nil {
		return 0, err
	}
	if end.After(now) {
		return radio.At(end), nil
	}
	return 0, fmt.Errorf("%w: %s is over", radio.ErrInvalid, day)
}

// passkeyOf finds a passkey that its person has registered.
func (c *Central) passkeyOf(ctx context.Context, person radio.UserID, kid string) (trust.PublicKey, error) {
	var key trust.PublicKey
	all, err := c.store.Passkeys(ctx, person)
	if err != nil {
		return key, err
	}
	i := slices.IndexFunc(all, func(p radio.Passkey) bool { return p.KID == kid })
	if i < 0 {
		return key, fmt.Errorf("%w: they have registered no passkey %s (loaxa key person list)", radio.ErrNotFound, kid)
	}
	if err := key.UnmarshalJSON(all[i].JWK); err != nil {
		return key, err
	}
	if key.KID != kid || !key.IsPasskey() {
		return key, fmt.Errorf("%w: the key kept under passkey %s is another one", radio.ErrInvalid, kid)
	}
	return key, nil
}

// sealKey makes a key that rests at the centre.
func sealKey(row *radio.PersonKeyRow, password string, a radio.Person) (trust.PublicKey, error) {
	var none trust.PublicKey
	if err := identity.CheckKeyPassword(password, a.Login, a.Name); err != nil {
		return none, err
	}
	key, err := trust.Generate()
	if err != nil {
		return none, err
	}
	row.Sealed, err = trust.SealKey(key, password)
	return key.Public(), err
}

// replaces says whether a key takes the place of an earlier one.
func replaces(row, old radio.PersonKeyRow) bool {
	return len(old.Sealed) > 0 && old.Scope == row.Scope && old.RevokedAt == 0 && (old.NotAfter == 0 || old.NotAfter > row.CreatedAt) &&
		!slices.ContainsFunc(old.May, func(m string) bool { return !slices.Contains(row.May, m) })
}

// nameConsole puts the console, as the configuration names it, into the keyring: passkeys
// count for it alone. Where the configuration does not say, what stands there stays.
func (c *Central) nameConsole(root trust.Key, province radio.AreaID) error {
	party := c.cfg.People.relyingParty()
	if party == nil {
		return nil
	}
	return identity.SetRelyingParty(c.cfg.dir("keys"), root, province, *party, c.now())
}

// RetirePersonKeys ends the keys of a person, or the one named: they sign nothing more, and
// what they have signed counts on.
func (c *Central) RetirePersonKeys(ctx context.Context, root trust.Key, login, kid, actor string) (int, error) {
	return c.endKeys(ctx, root, login, kid, actor, c.retire, func(k radio.PersonKeyRow) bool {
		return k.RevokedAt == 0 && (k.NotAfter == 0 || k.NotAfter > radio.At(c.now()))
	})
}

// RevokePersonKeys takes the keys of a person out of the keyring, or the one named, and
// disowns all that they have signed.
func (c *Central) RevokePersonKeys(ctx context.Context, root trust.Key, login, kid, actor string) (int, error) {
	return c.endKeys(ctx, root, login, kid, actor, c.revoke, func(k radio.PersonKeyRow) bool { return k.RevokedAt == 0 })
}

func (c *Central) endKeys(ctx context.Context, root trust.Key, login, kid, actor string,
	end func(ctx context.Context, root trust.Key, province radio.AreaID, k radio.PersonKeyRow, actor string) error, ends func(radio.PersonKeyRow) bool) (int, error) {
	province, err := c.province(ctx)
	if err != nil {
		return 0, err
	}
	a, err := c.store.PersonByLogin(ctx, login)
	if err != nil {
		return 0, err
	}
	keys, err := c.store.PersonKeys(ctx, a.ID)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, k := range keys {
		if !ends(k) || kid != "" && k.KID != kid {
			continue
		}
		if err := end(ctx, root, province.ID, k, actor); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: %s holds no such key", radio.ErrNotFound, login)
	}
	return n, nil
}

func (c *Central) revoke(ctx context.Context, root trust.Key, province radio.AreaID, k radio.PersonKeyRow, actor string) error {
	// The keyring first: a key that devices trust no more must not be offered.
	if err := identity.RevokePersonKey(c.cfg.dir("keys"), root, province, k.KID, c.now()); err != nil {
		return err
	}
	return c.store.RevokePersonKey(ctx, k, actor, radio.At(c.now()))
}

func (c *Central) retire(ctx context.Context, root trust.Key, province radio.AreaID, k radio.PersonKeyRow, actor string) error {
	if err := identity.RetirePersonKey(c.cfg.dir("keys"), root, province, k.KID, c.now()); err != nil {
		return err
	}
	return c.store.RetirePersonKey(ctx, k, actor, radio.At(c.now()))
}

// PersonKeys lists the keys of everybody, those that wait for the root and those that have
// ended too.
func (c *Central) PersonKeys(ctx context.Context) ([]radio.HeldKey, error) {
	province, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if err != nil {
		return nil, err
	}
	rows, err := c.store.PersonKeys(ctx, "")
	if err != nil {
		return nil, err
	}
	passkeys, err := c.store.Passkeys(ctx, "")
	if err != nil {
		return nil, err
	}
	_, ring := keys.Keyring()
	return identity.HeldKeys(ring, rows, passkeys, radio.At(c.now())), nil
}

// passkeys registers persons' passkeys for the console.
func (c *Central) passkeys(keys identity.KeyringSource) *identity.Passkeys {
	return identity.NewPasskeys(c.store, keys, c.people, c.cfg.People.relyingParty(), c.now, c.log.With("component", "identity"))
}
