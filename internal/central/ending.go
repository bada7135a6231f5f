package central

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// EndDevice takes a device's identity, and of one that is retired its place in plans. A
// centre that serves carries it out within seconds.
func (c *Central) EndDevice(ctx context.Context, e radio.DeviceEnd) error {
	if err := e.Check(); err != nil {
		return err
	}
	e.At = radio.At(c.now())
	return c.store.EndDevice(ctx, e)
}

// EnrolTicket puts an enrolment code together with the address where it counts.
func (c *Central) EnrolTicket(ctx context.Context, code wire.EnrolCode) (wire.EnrolTicket, error) {
	province, err := c.province(ctx)
	if err != nil {
		return wire.EnrolTicket{}, err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, radio.ErrNotFound) {
		// Without keys nobody enrols yet; the code can be written down all the same.
		return wire.EnrolTicket{Server: c.cfg.Devices.server(nil), Code: code}, nil
	}
	if err != nil {
		return wire.EnrolTicket{}, err
	}
	return c.cfg.Devices.ticket(keys, code), nil
}

func (d DevicesConfig) ticket(keys library.Keyring, code wire.EnrolCode) wire.EnrolTicket {
	_, ring := keys.Keyring()
	return wire.EnrolTicket{Server: d.server(ring.Endpoints.Media), Code: code}
}

// clusters adds devices, hands out their codes and takes their identities.
type clusters struct {
	*store.Store
	devices *identity.Devices
	keys    library.Keyring
	cfg     DevicesConfig
	now     func() time.Time
}

// NewCode makes a one-time code, as text and as what a QR code holds.
func (c clusters) NewCode(ctx context.Context, d radio.DeviceID, actor string) (wire.EnrolTicket, radio.Millis, error) {
	code, expires, err := c.devices.NewCode(ctx, d, actor)
	if err != nil {
		return wire.EnrolTicket{}, 0, err
	}
	return c.cfg.ticket(c.keys, code), expires, nil
}

// EndDevice takes an identity; the audit tells dismissals of it.
func (c clusters) EndDevice(ctx context.Context, e radio.DeviceEnd) error {
	if err := e.Check(); err != nil {
		return err
	}
	e.At = radio.At(c.now())
	return c.Store.EndDevice(ctx, e)
}

// server is where a new device finds this centre: the first of the addresses in the
// keyring that names one of this centre's hosts, for a port may be forwarded; else the
// first host with the port that is listened on.
func (d DevicesConfig) server(media []string) string {
	for _, m := range media {
		if u, err := url.Parse(m); err == nil && u.Port() != "" && slices.Contains(d.Hosts, u.Hostname()) {
			return "https://" + u.Host
		}
	}
	_, port, err := net.SplitHostPort(d.Listen)
	if err != nil {
		port = "8443"
	}
	return "https://" + net.JoinHostPort(d.Hosts[0], port)
}
