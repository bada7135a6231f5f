package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

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

// auditOfKeys is the subject of entries about the province's own keys.
const auditOfKeys = "keys"

// NextRoot makes another key the province's root; its devices walk there by themselves.
func (c *Central) NextRoot(ctx context.Context, oldKey, newKey trust.Key) (number int, err error) {
	province, err := c.province(ctx)
	if err != nil {
		return 0, err
	}
	err = c.store.Witness(ctx, "key.next_root", auditOfKeys, radio.At(c.now()), func() (f radio.AuditFacts, err error) {
		number, err = identity.NextRoot(c.cfg.dir("keys"), oldKey, newKey, province.ID, c.now())
		f.Key, f.Version = newKey.KID(), number
		f.Change("key", oldKey.KID(), newKey.KID())
		return f, err
	})
	return number, err
}

// NextOnline makes another online key; with revoke the one before counts no more.
func (c *Central) NextOnline(ctx context.Context, root trust.Key, revoke bool) (kid string, err error) {
	province, err := c.province(ctx)
	if err != nil {
		return "", err
	}
	action := "key.online"
	if revoke {
		action = "key.online_stolen"
	}
	err = c.store.Witness(ctx, action, auditOfKeys, radio.At(c.now()), func() (f radio.AuditFacts, err error) {
		kid, err = identity.NextOnline(c.cfg.dir("keys"), root, province.ID, revoke, c.now())
		f.Key = kid
		return f, err
	})
	return kid, err
}

// Import lays down what the files of a folder say: first the difference is written to
// w, then it is applied, all or nothing. dir is a folder or one file; fsys, when not
// nil, is read instead. password opens the key with which the approver signs for the
// bulletins; without it they come in as waiting for approval. With dry set nothing is
// written, and nobody signs.
func (c *Central) Import(ctx context.Context, dir string, fsys fs.FS, author, approver, password string, dry bool, w io.Writer) (changed bool, err error) {
	approvals, err := c.importApprovals(ctx, password, dry)
	if err != nil {
		return false, err
	}
	im := schedule.New(c.store, importUsers{c.store}, importIntake{c.intake, c.files}, audio.Files(), approvals)
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

// AreaByCode finds an area by its code, or by one that it had.
func (c *Central) AreaByCode(ctx context.Context, code string) (radio.Area, error) {
	return c.store.AreaByCode(ctx, code)
}

// NewDevice adds a cluster of loudspeakers below a hamlet.
func (c *Central) NewDevice(ctx context.Context, code, name, hamletCode string, rendition int, actor string) (radio.Device, error) {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return radio.Device{}, err
	}
	for _, a := range areas {
		if a.Code == hamletCode && a.Kind == radio.Hamlet && !a.Ended() {
			d := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: code, Name: radio.TidyLine(name), Hamlet: a.ID, Rendition: rendition}
			var bad radio.Invalid
			if radio.CheckDevice(&bad, d); bad.Err() != nil {
				return d, bad.Err()
			}
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
	// Machines are the boards that spoke under its identity, the latest first.
	Machines []radio.DeviceMachine
}

// ShowDevice gathers what is known of a device.
func (c *Central) ShowDevice(ctx context.Context, id radio.DeviceID) (Device, error) {
	const most = 20
	var d Device
	var err [6]error
	d.Place, err[0] = c.store.Place(ctx, id)
	d.Issued, err[1] = c.store.CurrentIssued(ctx, id)
	d.Disputes, err[2] = c.store.JournalDisputes(ctx, id, most)
	d.Poison, err[3] = c.store.JournalPoison(ctx, id, most)
	d.Machines, err[5] = c.store.DeviceMachines(ctx, id)
	if d.State, err[4] = c.store.DeviceState(ctx, id); errors.Is(err[4], radio.ErrNotFound) {
		err[4] = nil
	}
	return d, errors.Join(err[:]...)
}
