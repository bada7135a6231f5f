package fleet

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/agent/enrol"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	// enrolling is how many enrol at once.
	enrolling = 8
	// perAddress stays under what the centre lets one address try at once.
	perAddress = 8
	// patience is the pause after the centre said that it is too much.
	patience = 3 * time.Second
	// maxFile bounds an identity's file, maxCodes the list of codes.
	maxFile  = 256 << 10
	maxCodes = 16 << 20
	suffix   = ".json"
)

// member is one enrolled device: a file in the data folder.
type member struct {
	Code     string          `json:"code"`
	Identity json.RawMessage `json:"identity"`
	Keyring  radio.Issued    `json:"-"`
	Version  int64           `json:"keyring_version"`
	Envelope json.RawMessage `json:"keyring"`
}

// Code is a device's code and its enrolment code, as `loaxa device codes` prints them.
type Code struct{ Device, Once string }

// ReadCodes reads lines of device code and enrolment code, separated by a comma.
func ReadCodes(r io.Reader) ([]Code, error) {
	c := csv.NewReader(io.LimitReader(r, maxCodes))
	c.FieldsPerRecord, c.Comment = 2, '#'
	var out []Code
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: codes: %v", radio.ErrInvalid, err)
		}
		if !radio.ValidCode(row[0]) {
			return nil, fmt.Errorf("%w: codes: %.40q is no device's code", radio.ErrInvalid, row[0])
		}
		if _, err := wire.ParseEnrolCode(row[1]); err != nil {
			return nil, fmt.Errorf("codes: device %s: %w", row[0], err)
		}
		out = append(out, Code{row[0], row[1]})
	}
}

// readMembers reads the identities of a data folder, in the order of their codes.
func readMembers(dir string) ([]member, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the identities: %w", err)
	}
	var out []member
	for _, e := range entries { // sorted by name
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		m, err := readMember(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func readMember(path string) (m member, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return m, fmt.Errorf("read an identity: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || info.Size() > maxFile {
		return m, fmt.Errorf("%w: %s holds a private key: it may be read by its owner only (chmod 600), and has at most %d bytes", radio.ErrForbidden, path, maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("read an identity: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read identity %s: %w: %v", path, radio.ErrInvalid, err)
	}
	return m, nil
}

// write keeps a member by temporary name and rename.
func (m member) write(dir string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the identity of %s: %w", m.Code, err)
	}
	path := filepath.Join(dir, m.Code+suffix)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write the identity of %s: %w", m.Code, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the identity of %s: %w", m.Code, err)
	}
	return nil
}

// enrolAll enrols the codes that have no identity yet.
func (f *Fleet) enrolAll(ctx context.Context, have []member) ([]member, error) {
	known := map[string]bool{}
	for _, m := range have {
		known[m.Code] = true
	}
	var todo []Code
	for _, c := range f.opts.Codes {
		if !known[c.Device] && len(have)+len(todo) < f.opts.Agents {
			known[c.Device] = true
			todo = append(todo, c)
		}
	}
	if len(todo) == 0 {
		return have, nil
	}
	if err := os.MkdirAll(f.opts.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	dial, err := sources(f.opts.Centre)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(enrolling)
	var mu sync.Mutex
	for _, c := range todo {
		g.Go(func() error {
			m, err := f.enrol(ctx, c, dial)
			if err != nil {
				return fmt.Errorf("device %s: %w", c.Device, err)
			}
			f.stats.enrolled.Add(1)
			mu.Lock()
			defer mu.Unlock()
			have = append(have, m)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(have, func(a, b member) int { return strings.Compare(a.Code, b.Code) })
	return have, nil
}

// enrol makes one device a member, with as much patience as the centre's limits ask for.
func (f *Fleet) enrol(ctx context.Context, c Code, dial dialer) (member, error) {
	m := member{Code: c.Device}
	store := &pocket{}
	for {
		_, err := enrol.Enrol(ctx, enrol.Options{Server: f.opts.Centre, Code: c.Once, Version: radio.Version, Store: store, Now: f.clock.Now, Dial: dial})
		if err == nil {
			break
		}
		var no *enrol.Refused
		if !errors.As(err, &no) || no.Status != http.StatusTooManyRequests {
			return m, err
		}
		timer := time.NewTimer(patience)
		select {
		case <-ctx.Done():
			timer.Stop()
			return m, ctx.Err()
		case <-timer.C:
		}
	}
	m.Identity, m.Version, m.Envelope = store.identity, store.keys.Revision, store.keys.Envelope
	return m, m.write(f.opts.Data)
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// sources gives every few enrolments an address of their own where the centre is on this
// machine: it lets one address try ten times, then once in three seconds. Elsewhere the
// fleet has one address, and patience.
func sources(centre string) (dialer, error) {
	u, err := url.Parse(centre)
	if err != nil {
		return nil, fmt.Errorf("%w: centre %.100q", radio.ErrInvalid, centre)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || ip.To4() == nil {
		return nil, nil
	}
	var n atomic.Uint32
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		i := (n.Add(1) - 1) / perAddress
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 100, byte(i>>8), byte(i))}}
		return d.DialContext(ctx, network, address)
	}, nil
}

// pocket is enrol.Store in memory.
type pocket struct {
	identity []byte
	keys     radio.Issued
	kept     map[string][]byte
}

// Identity implements enrol.Store.
func (p *pocket) Identity() ([]byte, error) {
	if p.identity == nil {
		return nil, fmt.Errorf("identity: %w", radio.ErrNotFound)
	}
	return p.identity, nil
}

// SetIdentity implements enrol.Store.
func (p *pocket) SetIdentity(_ context.Context, identity []byte, keys radio.Issued, _ radio.Rejoin, _ ...string) error {
	p.identity, p.keys = identity, keys
	return nil
}

// Keep implements enrol.Store.
func (p *pocket) Keep(_ context.Context, name string, value []byte) error {
	if p.kept == nil {
		p.kept = map[string][]byte{}
	}
	p.kept[name] = value
	return nil
}

// Kept implements enrol.Store.
func (p *pocket) Kept(name string) ([]byte, error) {
	if v, ok := p.kept[name]; ok {
		return v, nil
	}
	return nil, fmt.Errorf("%s: %w", name, radio.ErrNotFound)
}

// der gives the bytes of one PEM certificate that enrol has checked.
func der(text string) []byte {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes
	}
	return nil
}
