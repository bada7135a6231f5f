package central

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/mosquitto"
	"loaxa/internal/radio"
)

// expiredLong is how long an expired certificate stays in the list of revoked ones: the
// broker's clock may be behind.
const expiredLong = 30 * 24 * time.Hour

// Mosquitto writes what a mosquitto needs to stand in for the embedded broker into a
// folder. changed is false when all of it stands there and is what was written the last
// time, as the file seen remembers.
func (c *Central) Mosquitto(ctx context.Context, dir, seen string, o mosquitto.Options) (changed bool, err error) {
	conf, err := mosquitto.Conf(o)
	if err != nil {
		return false, err
	}
	province, err := c.province(ctx)
	if err != nil {
		return false, err
	}
	ca, err := c.openCA(ctx, province)
	if err != nil {
		return false, err
	}
	devices, err := c.admitted(ctx)
	if err != nil {
		return false, err
	}
	acl, err := mosquitto.ACL(identity.CentreName, devices)
	if err != nil {
		return false, err
	}
	crl, err := c.revocationList(ctx, ca, filepath.Join(dir, mosquitto.CRLFile))
	if err != nil {
		return false, err
	}
	files := mosquitto.Files{
		mosquitto.ConfFile: conf, mosquitto.ACLFile: acl, mosquitto.CRLFile: crl, mosquitto.CAFile: []byte(ca.PEM()),
	}
	if changed, err = files.Write(dir); err != nil {
		return false, err
	}
	if err := ca.ServerFiles(dir, c.brokerHosts()); err != nil {
		return false, err
	}
	for _, name := range []string{mosquitto.ServerFile, mosquitto.KeyFile} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return false, fmt.Errorf("read the broker's certificate: %w", err)
		}
	}
	known, err := mosquitto.Seen(seen, files.Generation())
	return changed || !known, err
}

// admitted lists the devices that may use a broker, with the areas whose alerts they hear.
func (c *Central) admitted(ctx context.Context) ([]mosquitto.Device, error) {
	ids, err := c.store.AdmittedDevices(ctx)
	if err != nil {
		return nil, err
	}
	places, err := c.store.Places(ctx)
	if err != nil {
		return nil, err
	}
	var out []mosquitto.Device
	for _, p := range places {
		if _, ok := slices.BinarySearch(ids, p.Device.ID); !ok {
			continue
		}
		d := mosquitto.Device{ID: p.Device.ID}
		for _, a := range p.Chain {
			d.Areas = append(d.Areas, a.ID)
		}
		out = append(out, d)
	}
	return out, nil
}

func (c *Central) revocationList(ctx context.Context, ca *identity.CA, path string) ([]byte, error) {
	ended, err := c.store.EndedCertificates(ctx, radio.At(c.now().Add(-expiredLong)))
	if err != nil {
		return nil, err
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the list of revoked certificates: %w", err)
	}
	return ca.RevocationList(ended, before)
}

// brokerHosts are the names under which devices and the centre find the broker.
func (c *Central) brokerHosts() []string {
	hosts := slices.Clone(c.cfg.Devices.Hosts)
	for _, e := range c.cfg.MQTT.External {
		if u, err := url.Parse(e); err == nil && !slices.Contains(hosts, u.Hostname()) { // Check has read it
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}
