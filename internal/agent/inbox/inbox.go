// Package inbox takes what the centre says to this device and makes it safe: the
// signature is proven against the keyring, the keyring against the pinned root, a
// revision never goes back (its bounds, and what becomes of that which a revoked key has
// signed, stand in revisions.go; what a keyring that does not come means, in behind.go, what one that knows less, in revoked.go), and a verified document becomes active at once, in one
// transaction (design §7, §8). It receives messages from link and hands documents to
// playout and fetch, with a verdict on every audio's approval; alerts that the persons of the keyring have signed to emergency,
// acknowledgements to journal and welcomes back to link. It needs
// no network: what it holds it reads from the journal at the start.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

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
	// ReplaceDocument does so whatever revision is held.
	ReplaceDocument(ctx context.Context, d radio.Issued) error
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
	Ack(ctx context.Context, journal radio.JournalID, upto uint64, rejected []wire.Rejected) error
	Status() radio.JournalStatus
	// Compare says whether the journal is at seq what the centre says it has there.
	Compare(ctx context.Context, journal radio.JournalID, seq uint64, hash trust.Hash) (same bool, err error)
	// Fork begins a new journal with what the centre has not taken because it holds other
	// records there.
	Fork(ctx context.Context, journal radio.JournalID, f wire.Forked) error
	// Keep and Kept hold a small value under a name.
	Keep(ctx context.Context, name string, value []byte) error
	Kept(name string) ([]byte, error)
}

// Cache forgets withdrawn audio.
type Cache interface {
	Delete(sha radio.SHA256) error
}

// Clock is where keys' ends are judged, and where signed times go.
type Clock interface {
	State() clock.Reading
	Mono() time.Duration
	// Latest is the latest of now, build time and floor.
	Latest() time.Time
	// AtLeast takes a time that the key kid has signed as a lower bound.
	AtLeast(t time.Time, kid string)
	// Distrust is told which keys are revoked: what they said of the time is forgotten.
	Distrust(ctx context.Context, kids []string)
}

// Options of an Inbox: who the device is, as enrolled.
type Options struct {
	Device   radio.DeviceID
	Name     string
	Province radio.AreaID
	// Areas is the device's place as enrolled: province, commune, hamlet …; settings tell
	// of another one (places.go).
	Areas   []radio.AreaID
	Zone    string
	Root    trust.Root // pinned at enrolment
	Journal Journal
	Cache   Cache
	Clock   Clock
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
	opts     Options
	log      *slog.Logger
	refusals refusals
	verdicts verdicts
	// unproven holds the last document of each kind signed by a key that is not in
	// the keyring: the keyring may come after it.
	unproven map[wire.Kind][]byte
	late     []lateAlert // the same for alerts

	disk sync.Mutex     // taken before mu
	owed []radio.Issued // what is in use, while it is not written: steps of the root, the keyring
	// ahead is the last keyring that another root signed: the steps to it may come after it.
	ahead []byte

	mu        sync.Mutex
	roots     []trust.Walked // from the one pinned, which has no step, to the newest
	changed   chan struct{}
	ring      trust.Keyring
	spare     trust.Endpoints // see keepEndpoints
	programme *radio.Programme
	policy    *radio.Policy
	settings  *radio.Settings
	placed    []radio.AreaID // the place, as the settings say
	former    []radio.AreaID // communes of it that were merged into another
	behind    behind
	// everRevoked is added to every keyring: see revoked.go.
	everRevoked revoked
	signers     map[wire.Kind][]string // kids, of the documents in use
}

// New only stores and checks.
func New(opts Options) (*Inbox, error) {
	switch {
	case !radio.ValidID(opts.Device) || !radio.ValidID(opts.Province) || opts.Root.Key.IsZero() || opts.Root.Number < 1:
		return nil, fmt.Errorf("%w: inbox needs the device, its province and the root key", radio.ErrInvalid)
	case opts.Journal == nil || opts.Cache == nil || opts.Clock == nil || opts.Welcome == nil:
		return nil, fmt.Errorf("%w: inbox lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Inbox{opts: opts, log: opts.Log.With("component", "inbox"), changed: make(chan struct{}),
		roots: []trust.Walked{{Root: opts.Root}}, unproven: map[wire.Kind][]byte{}, signers: map[wire.Kind][]string{}}, nil
}

// Load reads what is held. A document that no longer has the right form (an older
// copy of the journal, another device's) is left out and comes again from the
// centre; only an unreadable journal is an error.
func (in *Inbox) Load(ctx context.Context) error {
	in.loadRevoked()
	for _, kind := range []wire.Kind{wire.Roots, wire.Keys, wire.Policy, wire.Settings, wire.Programme} {
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
	in.writeRevoked(ctx) // of a keyring from before they were kept
	in.opts.Clock.Distrust(ctx, in.revoked())
	in.loadBehind()
	in.loadEndpoints()
	// A power cut may have come between activation and deletion.
	if p, ok := in.Programme(); ok {
		in.forgetWithdrawn(p)
	}
	in.judge(ctx)
	return nil
}

// load takes a document from the journal. It was proven when it was accepted, which
// is when keys' ends are judged; only its form is checked again.
func (in *Inbox) load(kind wire.Kind, d radio.Issued) error {
	switch kind {
	case wire.Roots:
		return in.loadRoots(d.Payload)
	case wire.Keys:
		ring, err := in.openHeld(d.Envelope)
		if err != nil {
			return err
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.stick(&ring)
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
	if doc.kids, err = trust.KIDs(d.Envelope, kind.MaxPayload()); err != nil {
		return err
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

// Endpoints tells where the centre is found: as the keyring says, and behind that where
// keyrings before it said.
func (in *Inbox) Endpoints() trust.Endpoints {
	in.mu.Lock()
	defer in.mu.Unlock()
	return trust.Endpoints{Brokers: append(slices.Clone(in.ring.Endpoints.Brokers), in.spare.Brokers...),
		Media: append(slices.Clone(in.ring.Endpoints.Media), in.spare.Media...)}
}

// Revisions tells what is active; 0 for nothing.
func (in *Inbox) Revisions() radio.RevisionStatus {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := radio.RevisionStatus{Keys: in.ring.Version, Root: in.roots[len(in.roots)-1].Root.Number}
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
	kids      []string // who signed it
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
		if err == nil {
			err = in.checkPlace(*s)
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
	in.signers[d.kind] = d.kids
	switch d.kind {
	case wire.Programme:
		in.programme = d.programme
	case wire.Policy:
		in.policy = d.policy
	case wire.Settings:
		in.settings = d.settings
		in.place(*d.settings)
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
