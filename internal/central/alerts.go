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
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// alerts composes the room of emergencies.
func (c *Central) alerts(keys alert.Keyring, signers alert.Signers, out alert.Publisher, away func(radio.DeviceID) bool, changed func()) (*alert.Desk, error) {
	set, err := emergencySet()
	if err != nil {
		return nil, err
	}
	return alert.New(alert.Rooms{
		Drafts: c.store, Papers: c.store, Heard: c.store, Map: c.store, Keys: keys, Signers: signers, Voices: voices{c.intake, c.files}, Publisher: out,
		Set: set, Away: away, Changed: changed,
	}, c.now, c.log), nil
}

// signers has persons sign, with what identity asks of them. One for the whole centre: it
// counts wrong passwords.
func (c *Central) signers(keys *identity.Keys) *identity.Signers {
	return identity.NewSigners(c.store, keys, c.people, c.now)
}

// keyringPoll is how often the centre looks whether the root has signed a new keyring.
const keyringPoll = time.Second

// watchKeyring publishes a keyring that `loaxa key` has put into the key folder.
func (c *Central) watchKeyring(ctx context.Context, keys *identity.Keys, d *dispatch.Dispatcher, live *web.Live) error {
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
		if fresh {
			live.Changed(web.TopicBulletins, web.TopicSchedules, web.TopicFaults) // approvals hold that did not, or no more
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
	// Without codes: who runs commands here has the secrets that codes are made of.
	return quiet.alerts(keys, identity.NewSigners(c.store, keys, nil, c.now), nowhere{}, nil, nil)
}

// PersonByLogin finds an account that works, with its rights.
func (c *Central) PersonByLogin(ctx context.Context, login string) (radio.Person, error) {
	return importUsers{c.store}.PersonByName(ctx, login)
}
