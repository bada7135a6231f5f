package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
)

// Options of a walk.
type Options struct {
	// Root is the thumbprint of the root key that is believed.
	Root string
	// CA, when set, is the fingerprint of the devices' authority, or at least 16 digits of
	// its beginning, as they stand in every enrolment code. Otherwise the newest checkpoint
	// vouches for it.
	CA string
	// Whole, Devices (codes or ids), From and To are what the log must be of: what a bundle
	// is of is its own word. Whole wants every device and, without From or To, every day.
	Whole    bool
	Devices  []string
	From, To radio.Date
	// Held, when set, is a checkpoint that somebody has kept on paper: it must be there.
	Held *Held
}

// Held is a checkpoint's number and digest.
type Held struct {
	Number uint64
	Digest trust.Hash
}

// ParseHeld reads NUMBER:DIGEST.
func ParseHeld(s string) (Held, error) {
	var h Held
	var digest string
	if n, err := fmt.Sscanf(strings.ReplaceAll(s, ":", " "), "%d %64s", &h.Number, &digest); err != nil || n != 2 || h.Number == 0 {
		return h, fmt.Errorf("%w: %q, want NUMBER:DIGEST of a checkpoint", radio.ErrInvalid, clip(s))
	}
	return h, h.Digest.UnmarshalText([]byte(strings.ToLower(digest)))
}

// Verifier judges items one by one, as they stand in a bundle.
type Verifier struct {
	opts  Options
	rep   Report
	auth  authority
	head  *Head
	marks checkpoints
	month months
	zone  timetable.Zone
	dev   *deviceWalk
	ended bool
	// devices are those that were asked for and have come.
	devices map[string]bool
	// told: the same trouble with the authority is said once.
	told bool
}

// New makes a Verifier.
func New(opts Options) *Verifier {
	v := &Verifier{opts: opts}
	v.rep.Root = opts.Root
	v.rep.Findings, v.rep.Notes = []Finding{}, []Finding{}
	return v
}

// errOrder: the items do not stand as they must.
var errOrder = fmt.Errorf("%w: not in the order of a bundle", radio.ErrInvalid)

// Take judges one item. An error says that nothing that follows can be judged: it is not
// a bundle, or of another province or root; what is merely wrong becomes a finding.
func (v *Verifier) Take(it Item) error {
	if (it.Head != nil) != (v.head == nil) {
		return errOrder
	}
	switch {
	case it.Head != nil:
		return v.begin(it.Head)
	case it.Keyring != nil:
		return v.keyring(it.Keyring)
	case it.Checkpoint != nil:
		if v.dev != nil {
			return errOrder
		}
		v.checkpoint(it.Checkpoint)
		return nil
	case it.Month != nil:
		if v.dev != nil {
			return errOrder
		}
		v.closedMonth(it.Month)
		return nil
	case it.Device != nil:
		return v.device(it.Device)
	case v.dev == nil:
		return errOrder
	}
	return v.dev.take(it)
}

func (v *Verifier) begin(h *Head) error {
	if h.Format != Format || !radio.ValidID(h.Province) {
		return fmt.Errorf("%w: format %q, want %s", radio.ErrInvalid, clip(h.Format), Format)
	}
	if err := v.auth.open(h, v.opts.Root); err != nil {
		return err
	}
	if h.Zone != "" {
		var err error
		if v.zone, err = timetable.LoadZone(h.Zone); err != nil {
			return err
		}
	}
	v.head = h
	v.rep.Whole, v.rep.From, v.rep.To, v.rep.Archived = h.Whole, h.From, h.To, h.Archived
	if v.opts.CA != "" {
		if len(v.opts.CA) < 16 || !strings.HasPrefix(trust.Fingerprint(v.auth.ca), strings.ToLower(v.opts.CA)) {
			return fmt.Errorf("%w: the devices' authority has fingerprint %s, not %s", radio.ErrForbidden, trust.Fingerprint(v.auth.ca), clip(v.opts.CA))
		}
		v.auth.vouched = true
	}
	return nil
}

func (v *Verifier) keyring(envelope []byte) error {
	if v.dev != nil || v.marks.any() {
		return errOrder
	}
	v.rep.Keyrings++
	known, err := v.auth.keyring(envelope)
	switch {
	case err != nil:
		v.rep.bad(Finding{Kind: Keys, Text: fmt.Sprintf("keyring %d: %v", v.rep.Keyrings, err)})
	case !known:
		v.rep.note(Finding{Kind: Keys, Text: fmt.Sprintf("keyring %d was signed by a root from before the one that is believed, and counts for nothing", v.rep.Keyrings)})
	}
	return nil
}

// device ends the one before and begins the next.
func (v *Verifier) device(d *Device) error {
	if v.dev == nil {
		v.vouch()
		v.marksAt()
	} else {
		v.dev.end()
		if d.ID <= v.dev.dev.ID {
			return fmt.Errorf("%w: device %s after %s", errOrder, clip(string(d.ID)), v.dev.dev.ID)
		}
	}
	v.rep.Devices++
	if slices.Contains(v.opts.Devices, d.Code) || slices.Contains(v.opts.Devices, string(d.ID)) {
		if v.devices == nil {
			v.devices = map[string]bool{}
		}
		v.devices[d.Code], v.devices[string(d.ID)] = true, true
	}
	w := &deviceWalk{v: v, dev: *d}
	v.dev = w
	var err error
	if w.keys, err = v.auth.device(d); err != nil {
		if !radio.ValidID(d.ID) {
			return fmt.Errorf("%w: %v", errOrder, err)
		}
		w.bad(Finding{Kind: Keys, Text: err.Error()})
	}
	w.edges()
	return nil
}

// vouch says whether anybody stands for the authority that certifies devices.
func (v *Verifier) vouch() {
	if !v.auth.vouched && !v.told {
		v.told = true
		v.rep.bad(Finding{Kind: Keys, Text: "nobody vouches for the authority that has certified the devices: no checkpoint holds; give its fingerprint (16 digits of it end every enrolment code)"})
	}
}

// demands holds what the bundle says it is of against what was asked for.
func (v *Verifier) demands() {
	o, h := v.opts, v.head
	lacks := func(format string, args ...any) {
		v.rep.bad(Finding{Kind: Missing, Text: fmt.Sprintf(format, args...)})
	}
	if o.Whole && !h.Whole {
		lacks("every device was asked for; it says that it is of some of them only")
	}
	if o.Whole && v.rep.Proven == 0 {
		lacks("every device was asked for; no checkpoint proves which there are")
	}
	if (o.Whole || o.From != "") && h.From > o.From {
		lacks("it begins on %s only", clip(string(h.From)))
	}
	if (o.Whole || o.To != "") && h.To != "" && (o.To == "" || h.To < o.To) {
		lacks("it ends on %s already", clip(string(h.To)))
	}
	for _, d := range o.Devices {
		if !v.devices[d] {
			lacks("device %s is not in it", clip(d))
		}
	}
}

// Damage notes why a bundle could not be read to its end.
func (v *Verifier) Damage(err error) {
	v.rep.bad(Finding{Kind: File, Text: err.Error()})
}

// End gives what came of it. whole says that the items came to their end.
func (v *Verifier) End(whole bool) Report {
	if v.ended {
		return v.rep
	}
	v.ended = true
	if v.head == nil {
		v.rep.bad(Finding{Kind: File, Text: "there is nothing to check"})
		return v.rep
	}
	if v.dev != nil {
		if whole {
			v.dev.end()
		}
	} else {
		v.vouch()
		v.marksAt()
	}
	v.demands()
	v.marks.finish(v, whole)
	if whole {
		v.month.finish(v)
	}
	return v.rep
}

// Bundle judges a whole bundle. What is damaged is a finding.
func Bundle(read func(take func(Item) error) error, opts Options) (Report, error) {
	v := New(opts)
	err := read(v.Take)
	var damaged *Damaged
	switch {
	case errors.As(err, &damaged), errors.Is(err, errOrder):
		v.Damage(err)
	case err != nil:
		return v.End(false), err
	}
	return v.End(err == nil), nil
}
