package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// PasskeyBook keeps the passkeys that persons register (store).
type PasskeyBook interface {
	SigningKeys
	AddPasskey(ctx context.Context, p radio.Passkey, most int) error
	DropPasskey(ctx context.Context, person radio.UserID, kid string, at radio.Millis) error
}

// Presence asks whether it is the person who sits before their session (People).
type Presence interface {
	Prove(ctx context.Context, by radio.Person, shown radio.Proof) error
}

const (
	// passkeyLife is how long a person has to make a passkey.
	passkeyLife = 5 * time.Minute
	// mostBegun bounds what is begun and not ended.
	mostBegun = 1000
	// Bounds of what a browser sends, in characters.
	maxCredentialID, maxMadeClientData, maxAttestation = 1400, 4 << 10, 16 << 10
)

// Passkeys registers the passkeys of persons. That is a request only: a key signs nothing
// before the root has put it into the keyring. Safe for concurrent use.
type Passkeys struct {
	book  PasskeyBook
	ring  KeyringSource
	there Presence
	party *trust.RelyingParty
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	begun map[string]begun // by session
}

// begun is a passkey that a browser is making.
type begun struct {
	person  radio.UserID
	session webauthn.SessionData
	until   time.Time
}

// NewPasskeys stores what it is given. party is the console as browsers know it; nil where
// it has no name of its own, and then there are no passkeys.
func NewPasskeys(book PasskeyBook, ring KeyringSource, there Presence, party *trust.RelyingParty, now func() time.Time, log *slog.Logger) *Passkeys {
	return &Passkeys{book: book, ring: ring, there: there, party: party, now: now, log: log, begun: map[string]begun{}}
}

// holder is a person as the library asks for one.
type holder struct{ radio.Person }

func (h holder) WebAuthnID() []byte                         { return []byte(h.ID) }
func (h holder) WebAuthnName() string                       { return h.Login }
func (h holder) WebAuthnDisplayName() string                { return h.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return nil }

// Begin says what a browser needs to make a passkey for a person: an ES256 key, in an
// authenticator that verifies its user; which make it is, is not asked. The person proves
// to be there: the root may certify the key, and it outlives every session.
func (p *Passkeys) Begin(ctx context.Context, by radio.Person, shown radio.Proof) (radio.PasskeyOffer, error) {
	var none radio.PasskeyOffer
	site, err := p.site()
	if err != nil {
		return none, err
	}
	if err := p.there.Prove(ctx, by, shown); err != nil {
		return none, err
	}
	have, err := p.book.Passkeys(ctx, by.ID)
	if err != nil {
		return none, err
	}
	made, session, err := site.BeginRegistration(holder{by},
		webauthn.WithCredentialParameters([]protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256}}),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired}))
	if err != nil {
		return none, fmt.Errorf("begin a passkey: %w", err)
	}
	if err := p.keep(by, *session); err != nil {
		return none, err
	}
	offer := radio.PasskeyOffer{Challenge: made.Response.Challenge.String(), RelyingParty: p.party.ID, Console: site.Config.RPDisplayName,
		User: base64.RawURLEncoding.EncodeToString([]byte(by.ID)), Login: by.Login, Name: by.Name, Known: []string{}}
	for _, x := range have {
		offer.Known = append(offer.Known, x.Credential)
	}
	return offer, nil
}

func (p *Passkeys) site() (*webauthn.WebAuthn, error) {
	if p.party == nil {
		return nil, radio.Refuse(radio.ErrUnavailable, "Chưa dùng được passkey: máy chủ chưa có địa chỉ công khai (people.public trong tệp cấu hình).",
			"no passkeys yet: the centre has no public address (people.public in its configuration)")
	}
	site, err := webauthn.New(&webauthn.Config{RPID: p.party.ID, RPDisplayName: "Loa Xã", RPOrigins: p.party.Origins})
	if err != nil {
		return nil, fmt.Errorf("relying party %s: %w", p.party.ID, err)
	}
	return site, nil
}

// keep remembers what was begun in a session, the last alone.
func (p *Passkeys) keep(by radio.Person, session webauthn.SessionData) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for k, b := range p.begun {
		if !now.Before(b.until) {
			delete(p.begun, k)
		}
	}
	if _, again := p.begun[by.Session]; !again && len(p.begun) >= mostBegun {
		return &radio.Busy{What: "too many make a passkey at once", Wait: passkeyLife}
	}
	p.begun[by.Session] = begun{by.ID, session, now.Add(passkeyLife)}
	return nil
}

// take gives what was begun in a session, once.
func (p *Passkeys) take(by radio.Person) (webauthn.SessionData, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.begun[by.Session]
	delete(p.begun, by.Session)
	if !ok || b.person != by.ID || !p.now().Before(b.until) {
		return webauthn.SessionData{}, radio.Refuse(radio.ErrConflict, "Lần đăng ký passkey này đã quá lâu. Hãy làm lại.", "this passkey was begun too long ago: begin again")
	}
	return b.session, nil
}

// Register keeps a passkey that a browser has made.
func (p *Passkeys) Register(ctx context.Context, by radio.Person, made radio.PasskeyMade) (radio.Passkey, error) {
	none := radio.Passkey{}
	var e radio.Invalid
	made.Name = radio.TidyLine(made.Name)
	radio.CheckLine(&e, "name", made.Name, 1, radio.MaxPasskeyName)
	if err := e.Err(); err != nil {
		return none, err
	}
	site, err := p.site()
	if err != nil {
		return none, err
	}
	session, err := p.take(by)
	if err != nil {
		return none, err
	}
	key, credential, err := proveMade(site, by, session, made)
	if err != nil {
		p.log.Warn("passkey refused", "person", by.ID, "error", err)
		return none, radio.Refuse(radio.ErrInvalid, "Máy chủ không nhận passkey này. Hãy thử lại, hoặc dùng thiết bị khác.", "the centre does not take this passkey")
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		return none, fmt.Errorf("write a passkey's key: %w", err)
	}
	kept := radio.Passkey{KID: key.KID, Person: by.ID, Credential: credential, JWK: jwk, Name: made.Name, CreatedAt: radio.At(p.now())}
	return kept, p.book.AddPasskey(ctx, kept, radio.MaxPasskeys)
}

// proveMade is WebAuthn §7.1, by the library; the key is then named as trust names keys.
func proveMade(site *webauthn.WebAuthn, by radio.Person, session webauthn.SessionData, made radio.PasskeyMade) (key trust.PublicKey, credential string, err error) {
	if len(made.Credential) > maxCredentialID || len(made.ClientData) > maxMadeClientData || len(made.Attestation) > maxAttestation {
		return key, "", fmt.Errorf("%w: credential of %d, %d and %d characters", radio.ErrInvalid, len(made.Credential), len(made.ClientData), len(made.Attestation))
	}
	body, err := json.Marshal(map[string]any{"type": "public-key", "id": made.Credential, "rawId": made.Credential,
		"response": map[string]string{"clientDataJSON": made.ClientData, "attestationObject": made.Attestation}})
	if err != nil {
		return key, "", fmt.Errorf("write a credential: %w", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil {
		return key, "", fmt.Errorf("read a credential: %w", err)
	}
	got, err := site.CreateCredential(holder{by}, session, parsed)
	if err != nil {
		return key, "", fmt.Errorf("prove a credential: %w", err)
	}
	cose, err := webauthncose.ParsePublicKey(got.PublicKey)
	if err != nil {
		return key, "", fmt.Errorf("read a credential's key: %w", err)
	}
	ec, ok := cose.(webauthncose.EC2PublicKeyData)
	if !ok || ec.Algorithm != int64(webauthncose.AlgES256) {
		return key, "", fmt.Errorf("%w: want an ES256 key, got %T", radio.ErrInvalid, cose)
	}
	// SEC 1 §2.3.3.
	point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, ec.XCoord, ec.YCoord))
	if err != nil {
		return key, "", fmt.Errorf("read a credential's key: %w", err)
	}
	key, err = trust.NewPasskey(point)
	return key, base64.RawURLEncoding.EncodeToString(got.ID), err
}

// Drop forgets a passkey that waits for its key.
func (p *Passkeys) Drop(ctx context.Context, by radio.Person, kid string) error {
	return p.book.DropPasskey(ctx, by.ID, kid, radio.At(p.now()))
}

// Offered says whether the console has a name for which passkeys can be made.
func (p *Passkeys) Offered() bool { return p.party != nil }

// Held lists the keys of a person with what becomes of them: those that sign first, then
// those that wait, then the others; in each the newest first.
func (p *Passkeys) Held(ctx context.Context, person radio.UserID) ([]radio.HeldKey, error) {
	rows, err := p.book.PersonKeys(ctx, person)
	if err != nil {
		return nil, err
	}
	passkeys, err := p.book.Passkeys(ctx, person)
	if err != nil {
		return nil, err
	}
	_, ring := p.ring.Keyring()
	return HeldKeys(ring, rows, passkeys, radio.At(p.now())), nil
}

// HeldKeys says what becomes of the keys and passkeys that the centre keeps, by what the
// root has signed.
func HeldKeys(ring trust.Keyring, rows []radio.PersonKeyRow, passkeys []radio.Passkey, now radio.Millis) []radio.HeldKey {
	names := map[string]string{}
	for _, x := range passkeys {
		names[x.KID] = x.Name
	}
	var out []radio.HeldKey
	for _, r := range rows {
		k := radio.HeldKey{KID: r.KID, Person: r.Person, Name: names[r.KID], Passkey: len(r.Sealed) == 0, Scope: r.Scope, May: r.May, CreatedAt: r.CreatedAt}
		delete(names, r.KID)
		if certify(&k, ring, now); r.RevokedAt != 0 {
			k.State = radio.KeyRevoked
		}
		out = append(out, k)
	}
	for _, x := range passkeys {
		if _, left := names[x.KID]; left {
			k := radio.HeldKey{KID: x.KID, Person: x.Person, Name: x.Name, Passkey: true, CreatedAt: x.CreatedAt}
			certify(&k, ring, now)
			out = append(out, k)
		}
	}
	order := []radio.KeyState{radio.KeyWorks, radio.KeyWaits, radio.KeyEnded, radio.KeyRevoked}
	slices.SortStableFunc(out, func(a, b radio.HeldKey) int {
		if d := slices.Index(order, a.State) - slices.Index(order, b.State); d != 0 {
			return d
		}
		if a.CreatedAt != b.CreatedAt {
			return int(min(max(b.CreatedAt-a.CreatedAt, -1), 1))
		}
		return strings.Compare(a.KID, b.KID)
	})
	return out
}

// certify fills in what the keyring says of a key.
func certify(k *radio.HeldKey, ring trust.Keyring, now radio.Millis) {
	i := slices.IndexFunc(ring.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == k.KID })
	switch {
	case slices.Contains(ring.Revoked, k.KID):
		k.State = radio.KeyRevoked
		return
	case i < 0 || ring.Persons[i].ID != k.Person:
		k.State = radio.KeyWaits
		return
	}
	p := ring.Persons[i]
	k.State, k.Scope, k.May, k.NotAfter = radio.KeyWorks, p.Scope, p.May, p.NotAfter
	if p.NotAfter != 0 && p.NotAfter <= now {
		k.State = radio.KeyEnded
	}
}
