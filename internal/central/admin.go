package central

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"loaxa/audio"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/schedule"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// AddPerson makes an account with its roles.
func (c *Central) AddPerson(ctx context.Context, login, name, password string, grants []radio.Grant, actor string) (radio.Person, error) {
	return c.people.Add(ctx, login, name, password, grants, actor)
}

// SetPassword replaces a person's password and ends their sessions.
func (c *Central) SetPassword(ctx context.Context, login, password, actor string) error {
	return c.people.SetPassword(ctx, login, password, actor)
}

// People lists the accounts.
func (c *Central) People(ctx context.Context) ([]radio.Account, error) { return c.store.People(ctx) }

// MakeKeys makes the centre's online key and lets the root sign the keyring, or signs
// a new keyring for the key there is (other endpoints, before it expires).
func (c *Central) MakeKeys(ctx context.Context, root trust.Key, ends trust.Endpoints) error {
	province, err := c.province(ctx)
	if err != nil {
		return err
	}
	if _, err := c.openCA(ctx, province); err != nil {
		return err
	}
	drill, err := drillHashes()
	if err != nil {
		return err
	}
	dir := c.cfg.dir("keys")
	_, err = trust.LoadKey(filepath.Join(dir, identity.OnlineFile))
	if errors.Is(err, radio.ErrNotFound) {
		return identity.MakeKeys(dir, root, province.ID, ends, drill, c.now())
	}
	if err != nil {
		return err
	}
	return identity.SignKeyring(dir, root, province.ID, ends, drill, c.now())
}

// Import lays down what the files of a folder say: first the difference is written to
// w, then it is applied, all or nothing. dir is a folder or one file; fsys, when not
// nil, is read instead. With dry set nothing is written.
func (c *Central) Import(ctx context.Context, dir string, fsys fs.FS, author, approver string, dry bool, w io.Writer) (changed bool, err error) {
	im := schedule.New(c.store, importUsers{c.store}, importIntake{c.intake, c.files}, audio.Files())
	src := schedule.FSSource(dir, fsys)
	if fsys == nil {
		if src, err = schedule.OpenSource(dir); err != nil {
			return false, err
		}
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if dry {
		diff, err := im.Plan(ctx, src)
		if err != nil {
			return false, err
		}
		return diff.Changed(), diff.Write(w)
	}
	diff, err := im.Apply(ctx, src, author, approver, c.now())
	if err != nil {
		return false, err
	}
	return diff.Changed(), diff.Write(w)
}

// AreaByCode finds an area.
func (c *Central) AreaByCode(ctx context.Context, code string) (radio.Area, error) {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return radio.Area{}, err
	}
	for _, a := range areas {
		if a.Code == code {
			return a, nil
		}
	}
	return radio.Area{}, fmt.Errorf("%w: no area with code %q", radio.ErrNotFound, code)
}

// NewDevice adds a cluster of loudspeakers below a hamlet.
func (c *Central) NewDevice(ctx context.Context, code, name, hamletCode string, rendition int, actor string) (radio.Device, error) {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return radio.Device{}, err
	}
	for _, a := range areas {
		if a.Code == hamletCode && a.Kind == radio.Hamlet {
			d := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: code, Name: name, Hamlet: a.ID, Rendition: rendition}
			return d, c.store.AddDevice(ctx, d, actor, radio.At(c.now()))
		}
	}
	return radio.Device{}, fmt.Errorf("%w: no hamlet with code %q", radio.ErrNotFound, hamletCode)
}

// DeviceByCode finds a device.
func (c *Central) DeviceByCode(ctx context.Context, code string) (radio.Device, error) {
	return c.store.DeviceByCode(ctx, code)
}

// Places lists the devices with their areas.
func (c *Central) Places(ctx context.Context) ([]radio.Place, error) { return c.store.Places(ctx) }

// EnrolCode makes a one-time code for a device.
func (c *Central) EnrolCode(ctx context.Context, d radio.DeviceID, actor string) (wire.EnrolCode, radio.Millis, error) {
	province, err := c.province(ctx)
	if err != nil {
		return wire.EnrolCode{}, 0, err
	}
	ca, err := c.openCA(ctx, province)
	if err != nil {
		return wire.EnrolCode{}, 0, err
	}
	devices := identity.NewDevices(ca, nil, c.store, c.now, c.log, nil)
	return devices.NewCode(ctx, d, actor)
}

// Log reads the newest rows of the confirmation log.
func (c *Central) Log(ctx context.Context, f radio.LogFilter, limit int) (radio.LogPage, error) {
	return c.report.Log(ctx, f, radio.LogCursor{}, limit)
}

// LogTotals counts planned against aired.
func (c *Central) LogTotals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	return c.report.Totals(ctx, f)
}

// DeviceStates tells what devices said of themselves.
func (c *Central) DeviceStates(ctx context.Context) ([]radio.DeviceState, error) {
	return c.store.DeviceStates(ctx)
}

// Device is all that the centre knows of one device, for a person who looks for a
// trouble.
type Device struct {
	Place  radio.Place
	State  radio.DeviceState // zero while it has said nothing
	Issued []radio.Issued    // the documents it should hold
	// Disputes and Poison are what was wrong with its journal, newest first.
	Disputes []radio.JournalDispute
	Poison   []radio.JournalEntry
}

// ShowDevice gathers what is known of a device.
func (c *Central) ShowDevice(ctx context.Context, id radio.DeviceID) (Device, error) {
	const most = 20
	var d Device
	var err [5]error
	d.Place, err[0] = c.store.Place(ctx, id)
	d.Issued, err[1] = c.store.CurrentIssued(ctx, id)
	d.Disputes, err[2] = c.store.JournalDisputes(ctx, id, most)
	d.Poison, err[3] = c.store.JournalPoison(ctx, id, most)
	if d.State, err[4] = c.store.DeviceState(ctx, id); errors.Is(err[4], radio.ErrNotFound) {
		err[4] = nil
	}
	return d, errors.Join(err[:]...)
}

func peopleTLS(p PeopleConfig) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, fmt.Errorf("the console's certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}, nil
}
