// Package inbox takes what the centre says to this device and makes it safe: the
// signature is proven against the keyring, the keyring against the pinned root, a
// revision never goes back, and a verified document becomes active at once, in one
// transaction (design §7, §8). It receives messages from link and hands documents to
// playout and fetch, alerts that the persons of the keyring have signed to emergency,
// acknowledgements to journal and welcomes back to link. It needs
// no network: what it holds it reads from the journal at the start.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Journal keeps documents and records.
type Journal interface {
	Document(name string) (radio.Issued, error)
	// SetDocument activates a document and records its revision in one transaction.
	SetDocument(ctx context.Context, d radio.Issued) error
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
	Ack(ctx context.Context, journal radio.JournalID, upto uint64, rejected []wire.Rejected) error
}

// Cache forgets withdrawn audio.
type Cache interface {
	Delete(sha radio.SHA256) error
}

// Clock is where keys' ends are judged, and where signed times go.
type Clock interface {
	State() clock.Reading
	// Latest is the latest of now, build time and floor.
	Latest() time.Time
	// AtLeast takes a time as a lower bound.
	AtLeast(time.Time)
}

// Options of an Inbox: who the device is, as enrolled.
type Options struct {
	Device   radio.DeviceID
	Name     string
	Province radio.AreaID
	Areas    []radio.AreaID // the device's place: province, commune, hamlet …
	Zone     string
	Root     trust.PublicKey
	Journal  Journal
	Cache    Cache
	Clock    Clock
	// Welcome takes a proven welcome; link judges its nonce.
	Welcome func(ctx context.Context, w wire.WelcomePayload)
	Alerts  Alerts // nil: no alert is taken (tools)
	// Commands is nil where none is taken (tools).
	Commands Commands
	Faults   Faults // nil: nobody is told (tools)
	Log      *slog.Logger
}

// Inbox holds the active documents. Safe for several goroutines; Take is called by
// one at a time.
type Inbox struct {
	opts  Options
	log   *slog.Logger
	notes *rate.Limiter
	// unproven holds the last document of each kind signed by a key that is not in
	// the keyring: the keyring may come after it.
	unproven map[wire.Kind][]byte
	late     []lateAlert // the same for alerts
	dropped  int         // security records left out since the last

	disk sync.Mutex    // taken before mu
	owed *radio.Issued // the keyring in use, while it is not written

	mu        sync.Mutex
	changed   chan struct{}
	ring      trust.Keyring
	programme *radio.Programme
	policy    *radio.Policy
	settings  *radio.Settings
}

// New only stores and checks.
func New(opts Options) (*Inbox, error) {
	switch {
	case !radio.ValidID(opts.Device) || !radio.ValidID(opts.Province) || opts.Root.IsZero():
		return nil, fmt.Errorf("%w: inbox needs the device, its province and the root key", radio.ErrInvalid)
	case opts.Journal == nil || opts.Cache == nil || opts.Clock == nil || opts.Welcome == nil:
		return nil, fmt.Errorf("%w: inbox lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Inbox{opts: opts, log: opts.Log.With("component", "inbox"), changed: make(chan struct{}),
		// A stranger who floods the device must not fill its journal.
		notes: rate.NewLimiter(rate.Every(10*time.Minute), 5), unproven: map[wire.Kind][]byte{}}, nil
}

// Load reads what is held. A document that no longer has the right form (an older
// copy of the journal, another device's) is left out and comes again from the
// centre; only an unreadable journal is an error.
func (in *Inbox) Load(ctx context.Context) error {
	for _, kind := range []wire.Kind{wire.Keys, wire.Policy, wire.Settings, wire.Programme} {
		d, err := in.opts.Journal.Document(string(kind))
		if errors.Is(err, radio.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("load documents: %w", err)
		}
		if err := in.load(kind, d); err != nil {
			in.log.Error("a document held cannot be used", "document", string(kind), "revision", d.Revision, "error", err)
		}
	}
	// A power cut may have come between activation and deletion.
	if p, ok := in.Programme(); ok {
		in.forgetWithdrawn(p)
	}
	return nil
}

// load takes a document from the journal. It was proven when it was accepted, which
// is when keys' ends are judged; only its form is checked again.
func (in *Inbox) load(kind wire.Kind, d radio.Issued) error {
	if kind == wire.Keys {
		ring, err := trust.OpenKeyring(d.Envelope, in.opts.Province, in.opts.Root, 0)
		if err != nil {
			return err
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.ring = ring
		return nil
	}
	doc, err := in.read(kind, d.Payload)
	if err != nil {
		return err
	}
	if doc.revision != d.Revision {
		return fmt.Errorf("%w: revision %d under the name of %d", radio.ErrInvalid, doc.revision, d.Revision)
	}
	in.activate(doc)
	return nil
}

// Programme gives the active programme, which must not be changed; ok is false
// while the device has none.
func (in *Inbox) Programme() (p *radio.Programme, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.programme, in.programme != nil
}

// Policy gives the active policy, or the default quiet hours while there is none.
func (in *Inbox) Policy() radio.Policy {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.policy == nil {
		p := radio.DefaultPolicy(in.opts.Zone)
		p.Device = in.opts.Device
		return p
	}
	return *in.policy
}

// Settings gives the active settings, or those of a device that has not been told.
func (in *Inbox) Settings() radio.Settings {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settings == nil {
		return radio.Settings{Device: in.opts.Device, Name: in.opts.Name, Rendition: radio.MainKbps,
			JitterMS: 60_000, FetchFrom: 0, FetchTo: 4 * 60}
	}
	return *in.settings
}

// Endpoints tells where the centre is found, from the keyring.
func (in *Inbox) Endpoints() trust.Endpoints {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ring.Endpoints
}

// Revisions tells what is active; 0 for nothing.
func (in *Inbox) Revisions() radio.RevisionStatus {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := radio.RevisionStatus{Keys: in.ring.Version}
	if in.programme != nil {
		r.Programme, r.NotAfter = in.programme.Revision, in.programme.NotAfter
	}
	if in.policy != nil {
		r.Policy = in.policy.Revision
	}
	if in.settings != nil {
		r.Settings = in.settings.Revision
	}
	return r
}

// Changed gives a channel that is closed when any document changes next; ask for it
// before reading what it tells about.
func (in *Inbox) Changed() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.changed
}

// tell needs mu.
func (in *Inbox) tell() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// doc is one document that was read and checked.
type doc struct {
	kind      wire.Kind
	revision  int64
	issuedAt  radio.Millis
	notAfter  radio.Millis
	programme *radio.Programme
	policy    *radio.Policy
	settings  *radio.Settings
}

// read parses a proven payload and holds it against its rules.
func (in *Inbox) read(kind wire.Kind, payload []byte) (doc, error) {
	d := doc{kind: kind}
	var device radio.DeviceID
	var err error
	parse := func(v any) error {
		if err := json.Unmarshal(payload, v); err != nil {
			return fmt.Errorf("%w: %s: %v", radio.ErrInvalid, kind, err)
		}
		return nil
	}
	switch kind {
	case wire.Programme:
		p := &radio.Programme{}
		if err = parse(p); err == nil {
			if err = p.Check(); err == nil {
				_, err = timetable.New(p)
			}
		}
		d.programme, device, d.revision, d.issuedAt, d.notAfter = p, p.Device, p.Revision, p.IssuedAt, p.NotAfter
	case wire.Policy:
		p := &radio.Policy{}
		if err = parse(p); err == nil {
			_, err = timetable.NewHours(*p)
		}
		d.policy, device, d.revision, d.issuedAt = p, p.Device, p.Revision, p.IssuedAt
	case wire.Settings:
		s := &radio.Settings{}
		if err = parse(s); err == nil {
			err = s.Check()
		}
		d.settings, device, d.revision, d.issuedAt = s, s.Device, s.Revision, s.IssuedAt
	default:
		err = fmt.Errorf("%w: %s is not a document", radio.ErrInvalid, kind)
	}
	switch {
	case err != nil:
		return d, err
	case device != in.opts.Device:
		return d, fmt.Errorf("%w: %s of device %.32q", radio.ErrForbidden, kind, string(device))
	case d.revision < 1 || d.issuedAt < 0:
		return d, fmt.Errorf("%w: %s revision %d", radio.ErrInvalid, kind, d.revision)
	}
	return d, nil
}

// activate makes a document the active one in memory.
func (in *Inbox) activate(d doc) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch d.kind {
	case wire.Programme:
		in.programme = d.programme
	case wire.Policy:
		in.policy = d.policy
	case wire.Settings:
		in.settings = d.settings
	}
	in.tell()
}

// forgetWithdrawn deletes withdrawn audio, unless another version still uses it.
func (in *Inbox) forgetWithdrawn(p *radio.Programme) {
	used := map[radio.SHA256]bool{}
	for _, a := range p.Audio {
		for _, r := range a.Renditions {
			used[r.SHA256] = true
		}
	}
	for _, e := range in.Settings().Emergency {
		used[e.Rendition.SHA256] = true // the emergency set stays, whatever a programme says
	}
	for _, h := range p.Withdrawn {
		if used[h] {
			continue
		}
		if err := in.opts.Cache.Delete(h); err != nil {
			// The programme no longer lists it, so it does not sound; the next start
			// tries again.
			in.log.Warn("withdrawn audio not deleted", "sha256", string(h), "error", err)
		}
	}
}
