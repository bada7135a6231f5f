package library

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Keyring is what the root has signed, as of now (identity).
type Keyring interface {
	Keyring() (envelope []byte, content trust.Keyring)
}

// Signers let a person sign (identity).
type Signers interface {
	// Ways says how the person can sign what a key for may signs in the place of chain.
	Ways(ctx context.Context, by radio.UserID, may string, chain []radio.AreaID) (radio.SignWays, error)
	// Ask gives what each passkey of the person that fits is to answer.
	Ask(ctx context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error)
	// Sign gives the person's signature and the instant that it names.
	Sign(ctx context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (trust.Signature, radio.Millis, error)
}

// Approvals are approvers' signatures over the audio: it has them made, and proves by the
// keyring of now those that were made before. Safe for concurrent use.
type Approvals struct {
	keys    Keyring
	signers Signers // nil: nobody can sign here
	now     func() time.Time

	mu      sync.Mutex
	version int64            // of the keyring by which was proven
	proven  map[string]error // what each proof came to
}

// NewApprovals only stores.
func NewApprovals(keys Keyring, signers Signers, now func() time.Time) *Approvals {
	return &Approvals{keys: keys, signers: signers, now: now}
}

// maxProven bounds what is remembered: more than a province approves in its life.
const maxProven = 100_000

// Stands says whether a version may sound: somebody has signed for this audio, and their
// key counts. What was proven is remembered until the keyring is another one, because
// every programme of every device asks.
func (a *Approvals) Stands(b radio.Bulletin) error {
	_, ring := a.keys.Keyring()
	if b.Signed == nil {
		return ring.CheckBulletin(b)
	}
	key := proof(b)
	a.mu.Lock()
	if a.proven == nil || a.version != ring.Version || len(a.proven) > maxProven {
		a.version, a.proven = ring.Version, map[string]error{}
	}
	err, known := a.proven[key]
	a.mu.Unlock()
	if known {
		return err
	}
	err = ring.CheckBulletin(b)
	a.mu.Lock()
	if a.version == ring.Version {
		a.proven[key] = err
	}
	a.mu.Unlock()
	return err
}

// proof is everything on which the proof of a version hangs besides the keyring.
func proof(b radio.Bulletin) string {
	var k strings.Builder
	fmt.Fprint(&k, b.ID, "\n", b.Version, "\n", b.Area, "\n", b.Signed.Protected, "\n", b.Signed.At, "\n", b.Signed.Signature)
	if w := b.Signed.WebAuthn; w != nil {
		fmt.Fprint(&k, "\n", w.AuthenticatorData, "\n", w.ClientData)
	}
	for _, r := range b.Renditions {
		fmt.Fprint(&k, "\n", r.SHA256)
	}
	return k.String()
}

// MayApprove says whether a person holds a key with which to approve for a desk.
func (a *Approvals) MayApprove(person radio.UserID, desk radio.AreaID) bool {
	_, ring := a.keys.Keyring()
	return ring.MayApprove(person, desk, radio.At(a.now()))
}

// Ways says how a person can approve the version.
func (a *Approvals) Ways(ctx context.Context, by radio.UserID, b radio.Bulletin) (radio.SignWays, error) {
	if a.signers == nil {
		return radio.SignWays{}, nil
	}
	return a.signers.Ways(ctx, by, trust.MayApprove, a.chain(b))
}

// Ask gives what each passkey of the person is to answer to approve the version.
func (a *Approvals) Ask(ctx context.Context, by radio.Person, b radio.Bulletin) ([]radio.PasskeyAsk, error) {
	if err := a.maySign(by, b); err != nil {
		return nil, err
	}
	return a.signers.Ask(ctx, by, a.signing(b))
}

// Sign has a person approve the version, and proves the signature as a device will.
func (a *Approvals) Sign(ctx context.Context, by radio.Person, b radio.Bulletin, with radio.SignWith) (*radio.ApprovalRow, error) {
	if err := a.maySign(by, b); err != nil {
		return nil, err
	}
	sig, at, err := a.signers.Sign(ctx, by, a.signing(b), with)
	if err != nil {
		return nil, err
	}
	kid, err := sig.KID()
	if err != nil {
		return nil, fmt.Errorf("approval of bulletin %s: %w", b.Code, err)
	}
	b.Signed = &radio.ApprovalRow{KID: kid, Person: by.ID, Area: b.Area, SignedApproval: sig.Approval(at)}
	if err := a.Stands(b); err != nil {
		return nil, fmt.Errorf("the approval just signed: %w", err)
	}
	return b.Signed, nil
}

func (a *Approvals) maySign(by radio.Person, b radio.Bulletin) error {
	switch {
	case a.signers == nil:
		return fmt.Errorf("%w: nobody can sign here", radio.ErrUnavailable)
	case !a.MayApprove(by.ID, b.Area):
		return &NoKey{Code: b.Code}
	}
	return nil
}

// chain is where the bulletin's desk stands.
func (a *Approvals) chain(b radio.Bulletin) []radio.AreaID {
	_, ring := a.keys.Keyring()
	if b.Area == ring.Province {
		return []radio.AreaID{b.Area}
	}
	return []radio.AreaID{ring.Province, b.Area}
}

// signing is what is signed: the claim over what programmes say of the audio.
func (a *Approvals) signing(b radio.Bulletin) radio.Signing {
	return radio.Signing{
		Type: trust.ApprovalType, Audience: string(b.Area), May: trust.MayApprove, Chain: a.chain(b),
		Payload: func(by radio.UserID, at radio.Millis) ([]byte, error) {
			return trust.ClaimOf(b.Audio(), by, at).Payload()
		},
	}
}

// NoKey refuses an approver who holds no key for the bulletin's desk; it is an
// ErrForbidden.
type NoKey struct{ Code string }

// Error says what to do.
func (e *NoKey) Error() string {
	return fmt.Sprintf("forbidden: you hold no key with which to approve bulletin %s: an administrator makes one (loaxa key person add --may approve)", e.Code)
}

// Is makes errors.Is(err, ErrForbidden) true.
func (*NoKey) Is(target error) bool { return target == radio.ErrForbidden }

// Vietnamese says it to the person.
func (*NoKey) Vietnamese() string {
	return "Bạn chưa có khóa ký duyệt cho địa bàn của bản tin này. Hãy nhờ quản trị viên cấp khóa (loaxa key person add --may approve)."
}

// errUnsigned refuses an approval that nobody signs.
func errUnsigned() error {
	var e radio.Invalid
	e.Add("sign", "duyệt là ký: nhập mật khẩu khóa ký, hoặc ký bằng passkey", "to approve is to sign: give the password of your key, or sign with a passkey")
	return e.Err()
}

// Signable tells whether a version needs a signature, and whether by can give it.
func (d *Desk) Signable(b radio.Bulletin, by radio.UserID) radio.Signable {
	s := radio.Signable{Key: d.approvals.MayApprove(by, b.Area)}
	if b.State == radio.Approved {
		if err := d.approvals.Stands(b); err != nil {
			s.Again, s.Why = true, err.Error()
		}
	}
	return s
}

// Ways says how a person can approve a version.
func (d *Desk) Ways(ctx context.Context, b radio.Bulletin, by radio.UserID) (radio.SignWays, error) {
	return d.approvals.Ways(ctx, by, b)
}

// Ask gives what each passkey of a person is to answer to approve a version.
func (d *Desk) Ask(ctx context.Context, id radio.BulletinID, version int, by radio.Person) ([]radio.PasskeyAsk, error) {
	b, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return nil, err
	}
	step := d.stepOf(radio.StepApprove, b)
	if _, err := b.Take(step, by.ID, radio.At(d.now()), ""); err != nil {
		return nil, err
	}
	return d.approvals.Ask(ctx, by, b)
}

// stepOf makes of an approval of what is approved, and whose signature no longer holds, an
// approval again.
func (d *Desk) stepOf(step radio.BulletinStep, b radio.Bulletin) radio.BulletinStep {
	if step == radio.StepApprove && b.State == radio.Approved && d.approvals.Stands(b) != nil {
		return radio.StepReapprove
	}
	return step
}

// approve lets a person sign for the version that the step has led to.
func (d *Desk) approve(ctx context.Context, b *radio.Bulletin, by radio.Person, with *radio.SignWith) error {
	if err := d.approvals.maySign(by, *b); err != nil {
		return err
	}
	if with == nil {
		return errUnsigned()
	}
	signed, err := d.approvals.Sign(ctx, by, *b, *with)
	if err != nil {
		return fmt.Errorf("sign for bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	b.Signed = signed
	return nil
}
