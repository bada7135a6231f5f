// Package mosquitto writes the files with which mosquitto, as the broker of one province,
// admits whom the embedded broker admits and grants what it grants: configuration, access
// list, and around them the folder's other files. It receives devices with their areas from
// the composition, which reads them from store, and takes the permissions from wire; who
// runs the broker reloads it when a file changed (firmware-config/mosquitto).
package mosquitto

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// The files of one folder. Server and key are made by identity.
const (
	ConfFile   = "mosquitto.conf"
	ACLFile    = "acl"
	CRLFile    = "crl.pem"
	CAFile     = "ca.pem"
	ServerFile = "server.pem"
	KeyFile    = "server-key.pem"
	// SeenFile remembers the generation, unless another place is named.
	SeenFile = "generation"
)

// Options of the broker that will read the files.
type Options struct {
	// Devices and Centre are where it listens, host:port or :port: for devices, and for
	// the centre on this machine or on a private network.
	Devices, Centre string
	// At is the folder in which the broker finds the files, State the one where it keeps
	// what survives a restart. Both are absolute.
	At, State string
	// User runs the broker; empty leaves it to the broker's own package.
	User string
	// Connections of devices that may be open at once.
	Connections int
}

// Check lists every option that cannot work. What a line of a configuration is made of
// must not hold another line.
func (o Options) Check() error {
	var problems []error
	for name, addr := range map[string]string{"devices": o.Devices, "centre": o.Centre} {
		if _, err := listener(addr); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	for name, dir := range map[string]string{"at": o.At, "state": o.State} {
		if !filepath.IsAbs(dir) || !printable(dir) {
			problems = append(problems, fmt.Errorf("%s: %q, want an absolute path", name, dir))
		}
	}
	if o.User != "" && (!printable(o.User) || strings.ContainsAny(o.User, " /")) {
		problems = append(problems, fmt.Errorf("user: %q", o.User))
	}
	if o.Connections < 1 {
		problems = append(problems, fmt.Errorf("connections: %d", o.Connections))
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: mosquitto: %w", radio.ErrInvalid, errors.Join(problems...))
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// listener turns host:port into mosquitto's form: the port, then the host.
func listener(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %q", port)
	}
	if !printable(host) || strings.Contains(host, " ") {
		return "", fmt.Errorf("host %q", host)
	}
	return strings.TrimSpace(port + " " + host), nil
}

// Device is one that may use the broker.
type Device struct {
	ID    radio.DeviceID
	Areas []radio.AreaID // the chain it lies in
}

const aclHeader = `# Who may use which topic: the rules of the centre's own broker, written out device by
# device. Made by ` + "`loaxa broker-config mosquitto`" + `; whatever is changed here is overwritten.
#
# The user name is the common name of the client's certificate. Whoever is not named here,
# a revoked device too, may neither publish nor receive, also on a connection that is
# still open. Mosquitto grants every subscription and filters what it delivers. But a
# shared subscription deals each message to one of its members before this list is asked,
# and whoever knows its name is a member. So the centre subscribes plainly; several that
# share the work do it under a long random name ($share/RANDOM/%s), or a broken-into
# device could draw journals away.

# The centre, all its processes.
user %s
topic readwrite %s/#
`

// ACL is the access list: the centre under this name, and the devices by their ids.
func ACL(centre string, devices []Device) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, aclHeader, wire.AllUp(), centre, wire.Prefix)
	devices = slices.SortedFunc(slices.Values(devices), func(x, y Device) int { return cmp.Compare(x.ID, y.ID) })
	for i, d := range devices {
		// Anything but an id could be a wildcard, another user or another line.
		if !radio.ValidID(d.ID) || string(d.ID) == centre || i > 0 && d.ID == devices[i-1].ID {
			return nil, fmt.Errorf("%w: device %q in the access list", radio.ErrInvalid, d.ID)
		}
		fmt.Fprintf(&b, "\nuser %s\n", d.ID)
		for _, a := range d.Areas {
			if !radio.ValidID(a) {
				return nil, fmt.Errorf("%w: area %q of device %s", radio.ErrInvalid, a, d.ID)
			}
		}
		for _, r := range wire.Rules(d.ID, d.Areas) {
			access := "read"
			if r.Write {
				access = "write"
			}
			fmt.Fprintf(&b, "topic %s %s\n", access, r.Topic)
		}
	}
	return []byte(b.String()), nil
}

// Files are what mosquitto reads, by name.
type Files map[string][]byte

// Write puts into the folder what is missing there or different, each file whole or not
// at all, and says whether there was any.
func (f Files) Write(dir string) (changed bool, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return false, fmt.Errorf("make the broker's folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(f[name]) {
			continue
		}
		if err := replace(path, f[name]); err != nil {
			return changed, fmt.Errorf("write %s: %w", path, err)
		}
		changed = true
	}
	return changed, nil
}

// Generation names exactly these files with these contents.
func (f Files) Generation() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(sum, "%s %d\n%s\n", name, len(f[name]), f[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Seen says whether the file holds this generation, and if not writes it: last of all, so
// that a run cut short is made good by the next.
func Seen(file, generation string) (bool, error) {
	old, err := os.ReadFile(file)
	if err == nil && strings.TrimSpace(string(old)) == generation {
		return true, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read what was written last: %w", err)
	}
	if err := replace(file, []byte(generation+"\n")); err != nil {
		return false, fmt.Errorf("remember what was written: %w", err)
	}
	return false, nil
}

// replace writes beside the file and moves over it, so that a broker that reloads in the
// middle reads the old one or the new one.
func replace(path string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Chmod(0o640), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
