package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"loaxa/internal/central/alert"
	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// alerts composes the room of emergencies.
func (c *Central) alerts(keys alert.Keyring, out alert.Publisher, away func(radio.DeviceID) bool, changed func()) (*alert.Desk, error) {
	set, err := emergencySet()
	if err != nil {
		return nil, err
	}
	return alert.New(alert.Rooms{
		Drafts: c.store, Papers: c.store, Heard: c.store, Map: c.store, Keys: keys, Voices: voices{c.intake, c.files}, Publisher: out,
		Set: set, Away: away, Changed: changed,
	}, c.now, c.log), nil
}

// keyringPoll is how often the centre looks whether the root has signed a new keyring.
const keyringPoll = time.Second

// watchKeyring publishes a keyring that `loaxa key` has put into the key folder.
func (c *Central) watchKeyring(ctx context.Context, keys *identity.Keys, d *dispatch.Dispatcher) error {
	tick := time.NewTicker(keyringPoll)
	defer tick.Stop()
	unsent := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		fresh, err := keys.Refresh()
		if err != nil {
			c.log.Error("the new keyring is not taken", "error", err)
		}
		if unsent = unsent || fresh; !unsent {
			continue
		}
		if err := d.KeyringChanged(ctx); err != nil {
			c.log.Error("keyring not published", "error", err)
			continue
		}
		unsent = false
	}
}

// voices makes the spoken words of alerts ready, by the limited child like every upload.
type voices struct {
	intake *library.Intake
	files  *library.Files
}

func (v voices) Voice(ctx context.Context, source io.Reader) (_ radio.Rendition, err error) {
	got, err := v.intake.Prepare(ctx, source)
	if err != nil {
		return radio.Rendition{}, voiceError(err)
	}
	defer func() { err = errors.Join(err, got.Close()) }()
	i := slices.IndexFunc(got.Renditions, func(r radio.Rendition) bool { return r.Kbps == radio.LightKbps })
	var e radio.Invalid
	switch {
	case i < 0:
		return radio.Rendition{}, library.ErrNoTools
	case got.Renditions[i].Samples > radio.MaxVoiceSeconds*radio.SampleRate || got.Renditions[i].Bytes > radio.MaxVoiceBytes:
		e.Add("voice", fmt.Sprintf("giọng đọc dài %.0f giây, tối đa %d giây", got.Seconds, radio.MaxVoiceSeconds),
			fmt.Sprintf("the voice takes %.0f s, at most %d s", got.Seconds, radio.MaxVoiceSeconds))
		return radio.Rendition{}, e.Err()
	}
	return got.Renditions[i], v.files.Put(ctx, got)
}

// voiceError tells people why an upload was refused.
func voiceError(err error) error {
	var refused *library.Refused
	if !errors.As(err, &refused) {
		return err
	}
	var e radio.Invalid
	e.Add("voice", refused.ReasonVI, refused.ReasonEN)
	return e.Err()
}

func (v voices) Bytes(h radio.SHA256) ([]byte, error) {
	f, size, err := v.files.Open(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > radio.MaxVoiceBytes {
		return nil, fmt.Errorf("%w: voice of %d bytes", radio.ErrInvalid, size)
	}
	return io.ReadAll(f)
}

// AddPersonKey makes a key with which a person signs in an area: the private half rests
// in the database, encrypted with the password; the root puts the other half into the
// keyring, which a running centre publishes at once. An earlier key of the person for
// the same area is revoked.
func (c *Central) AddPersonKey(ctx context.Context, root trust.Key, login, areaCode, password string, mayDo []string, actor string) (radio.PersonKeyRow, error) {
	fail := func(err error) (radio.PersonKeyRow, error) {
		return radio.PersonKeyRow{}, fmt.Errorf("make a key for %s: %w", login, err)
	}
	if len(mayDo) == 0 {
		return fail(fmt.Errorf("%w: a key must be for something", radio.ErrInvalid))
	}
	for _, m := range mayDo {
		if m != trust.MayAlert && m != trust.MayApprove {
			return fail(fmt.Errorf("%w: %q, want %s or %s", radio.ErrInvalid, m, trust.MayAlert, trust.MayApprove))
		}
	}
	a, err := importUsers{c.store}.PersonByName(ctx, login)
	if err != nil {
		return fail(err)
	}
	area, err := c.AreaByCode(ctx, areaCode)
	if err != nil {
		return fail(err)
	}
	province, err := c.province(ctx)
	if err != nil {
		return fail(err)
	}
	if err := identity.CheckKeyPassword(password, a.Login, a.Name); err != nil {
		return fail(err)
	}
	key, err := trust.Generate()
	if err != nil {
		return fail(err)
	}
	sealed, err := trust.SealKey(key, password)
	if err != nil {
		return fail(err)
	}
	jwk, err := key.Public().MarshalJSON()
	if err != nil {
		return fail(err)
	}
	old, err := c.store.PersonKeys(ctx, a.ID)
	if err != nil {
		return fail(err)
	}
	dir := c.cfg.dir("keys")
	if err := identity.AddPersonKey(dir, root, province.ID, trust.PersonKey{ID: a.ID, JWK: key.Public(), Scope: area.ID, May: mayDo}, c.now()); err != nil {
		return fail(err)
	}
	row := radio.PersonKeyRow{KID: key.KID(), Person: a.ID, Scope: area.ID, May: mayDo, JWK: jwk, Sealed: sealed, CreatedBy: actor, CreatedAt: radio.At(c.now())}
	if err := c.store.AddPersonKey(ctx, row, login); err != nil {
		return fail(err)
	}
	for _, k := range old {
		if k.Scope == area.ID && k.RevokedAt == 0 {
			if err := c.revoke(ctx, root, province.ID, k, actor); err != nil {
				return fail(err)
			}
		}
	}
	return row, nil
}

// RevokePersonKeys takes the keys of a person out of the keyring, or the one named.
func (c *Central) RevokePersonKeys(ctx context.Context, root trust.Key, login, kid, actor string) (int, error) {
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
		if k.RevokedAt != 0 || kid != "" && k.KID != kid {
			continue
		}
		if err := c.revoke(ctx, root, province.ID, k, actor); err != nil {
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

// PersonKeys lists the keys of everybody, revoked ones too.
func (c *Central) PersonKeys(ctx context.Context) ([]radio.PersonKeyRow, error) {
	return c.store.PersonKeys(ctx, "")
}

// nowhere is the broker of a command: a running centre sends what the command signed.
type nowhere struct{}

func (nowhere) Publish(context.Context, string, []byte, bool) error {
	return fmt.Errorf("%w: a command does not send", radio.ErrUnavailable)
}

// AlertDesk is the room of emergencies for a command: it composes and signs in the
// database; the centre that runs beside it sends within a second.
func (c *Central) AlertDesk(ctx context.Context) (*alert.Desk, error) {
	province, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if err != nil {
		return nil, err
	}
	quiet := *c
	quiet.log = slog.New(slog.DiscardHandler)
	return quiet.alerts(keys, nowhere{}, nil, nil)
}

// PersonByLogin finds an account that works, with its rights.
func (c *Central) PersonByLogin(ctx context.Context, login string) (radio.Person, error) {
	return importUsers{c.store}.PersonByName(ctx, login)
}
