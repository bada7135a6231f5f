package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"loaxa/internal/radio"
)

// MaxSignatures of one envelope: two persons and the centre are the most any rule asks for.
const MaxSignatures = 4

// maxSignature bounds one signature in bytes, with a passkey's assertion.
const maxSignature = 3 << 10

// Envelope is a JWS in general JSON serialization (RFC 7515 §7.2.1): payload
// base64url, no unprotected header, `typ`, `aud` and `kid` in every protected one.
type Envelope struct {
	Payload    string      `json:"payload"`
	Signatures []Signature `json:"signatures"`
}

// Signature is one signer's part. WebAuthn is there when a passkey signed.
type Signature struct {
	Protected string           `json:"protected"`
	Signature string           `json:"signature"`
	WebAuthn  *radio.Assertion `json:"webauthn,omitempty"`
}

// header is the protected header; any other member is refused, `crit` by RFC 7515
// §4.1.11 because we understand no extension.
type header struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Aud string `json:"aud"`
	Kid string `json:"kid"`
}

// Sign wraps payload for one audience (device or area), signed by every key given.
func Sign(typ, aud string, payload []byte, keys ...Key) ([]byte, error) {
	if len(keys) == 0 || len(keys) > MaxSignatures {
		return nil, fmt.Errorf("%w: sign with %d keys", radio.ErrInvalid, len(keys))
	}
	env := Envelope{Payload: base64.RawURLEncoding.EncodeToString(payload)}
	for _, k := range keys {
		s, err := k.sign(typ, aud, payload)
		if err != nil {
			return nil, err
		}
		env.Signatures = append(env.Signatures, s)
	}
	return env.write()
}

func (env Envelope) write() ([]byte, error) {
	out, err := json.Marshal(env)
	if err != nil {
		return nil, fmt.Errorf("write envelope: %w", err)
	}
	return out, nil
}

// SignDetached signs a payload that travels apart, or is put together with the signatures
// of others by Wrap.
func SignDetached(typ, aud string, payload []byte, key Key) (Signature, error) {
	return key.sign(typ, aud, payload)
}

// sign is one signer's part over a payload.
func (k Key) sign(typ, aud string, payload []byte) (Signature, error) {
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("aud", aud)
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.priv, KeyID: k.kid},
	}, opts)
	if err != nil {
		return Signature{}, fmt.Errorf("make a signer: %w", err)
	}
	obj, err := signer.Sign(payload)
	if err != nil {
		return Signature{}, fmt.Errorf("sign %s: %w", typ, err)
	}
	compact, err := obj.CompactSerialize()
	if err != nil {
		return Signature{}, fmt.Errorf("serialize %s: %w", typ, err)
	}
	// go-jose writes the flattened form for a single signature; the decided
	// format is the general one, so the parts are taken from the compact form.
	parts := strings.Split(compact, ".")
	return Signature{Protected: parts[0], Signature: parts[2]}, nil
}

// Lookup finds a key by its kid, or says that there is none that may sign this.
type Lookup func(kid string) (PublicKey, error)

// Open verifies an envelope: its form, the typ and audience wanted, and every
// signature against the key its kid names. It returns the payload and the kids that
// signed, only when all of that holds. maxPayload bounds the payload in bytes. The
// payload has not been parsed.
func Open(data []byte, typ, aud string, maxPayload int, lookup Lookup) (payload []byte, kids []string, err error) {
	env, err := parseEnvelope(data, maxPayload)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range env.Signatures {
		kid, err := s.prove(typ, aud, env.Payload, lookup)
		if err != nil {
			return nil, nil, fmt.Errorf("signature %d: %w", i, err)
		}
		if slices.Contains(kids, kid) {
			return nil, nil, fmt.Errorf("%w: key %s signed twice", radio.ErrForbidden, clip(kid))
		}
		kids = append(kids, kid)
	}
	if payload, err = payloadOf(env); err != nil {
		return nil, nil, err
	}
	return payload, kids, nil
}

// prove verifies one signature over a payload in base64url, by the key it names.
func (s Signature) prove(typ, aud, payload string, lookup Lookup) (kid string, err error) {
	h, err := parseHeader(s.Protected)
	if err != nil {
		return "", err
	}
	if h.Typ != typ || h.Aud != aud {
		return "", fmt.Errorf("%w: it is for typ %q aud %q, want %q %q", radio.ErrForbidden, clip(h.Typ), clip(h.Aud), typ, aud)
	}
	key, err := lookup(h.Kid)
	if err != nil {
		return "", err
	}
	if err := verify(h, payload, s, key); err != nil {
		return "", fmt.Errorf("%w: signed by %s: %v", radio.ErrForbidden, h.Kid, err)
	}
	return h.Kid, nil
}

// KIDs names the claimed signers of an envelope without proving them, so that a
// receiver can look up whom to ask for.
func KIDs(data []byte, maxPayload int) ([]string, error) {
	env, err := parseEnvelope(data, maxPayload)
	if err != nil {
		return nil, err
	}
	var kids []string
	for _, s := range env.Signatures {
		h, err := parseHeader(s.Protected)
		if err != nil {
			return nil, err
		}
		kids = append(kids, h.Kid)
	}
	return kids, nil
}

// payloadOf decodes the payload; its base64 has one form only, so that the same bytes
// give the same envelope.
func payloadOf(env Envelope) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(env.Payload)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != env.Payload {
		return nil, fmt.Errorf("%w: payload is not base64url", radio.ErrInvalid)
	}
	return b, nil
}

func verify(h header, payload string, s Signature, key PublicKey) error {
	switch {
	case key.IsPasskey() != (h.Alg == string(jose.ES256)), key.IsPasskey() != (s.WebAuthn != nil):
		return fmt.Errorf("alg %s is not this key's", h.Alg)
	case key.IsPasskey():
		return verifyAssertion(s.Protected+"."+payload, s, key)
	}
	jws, err := jose.ParseSignedCompact(s.Protected+"."+payload+"."+s.Signature, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return err
	}
	_, err = jws.Verify(key.key)
	return err
}

func parseEnvelope(data []byte, maxPayload int) (Envelope, error) {
	var env Envelope
	// Base64 takes 4 bytes for 3; headers and signatures are small.
	if max := maxPayload/3*4 + 4 + MaxSignatures*maxSignature; len(data) > max {
		return env, fmt.Errorf("%w: envelope of %d bytes, at most %d", radio.ErrInvalid, len(data), max)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&env); err != nil {
		return env, fmt.Errorf("%w: envelope: %v", radio.ErrInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) { // More would pass a bracket
		return env, fmt.Errorf("%w: envelope: more than one JSON value", radio.ErrInvalid)
	}
	if n := len(env.Signatures); n == 0 || n > MaxSignatures {
		return env, fmt.Errorf("%w: envelope with %d signatures", radio.ErrInvalid, n)
	}
	if base64.RawURLEncoding.DecodedLen(len(env.Payload)) > maxPayload {
		return env, fmt.Errorf("%w: payload of %d bytes, at most %d", radio.ErrInvalid,
			base64.RawURLEncoding.DecodedLen(len(env.Payload)), maxPayload)
	}
	return env, nil
}

func parseHeader(protected string) (header, error) {
	var h header
	if len(protected) > 768 {
		return h, fmt.Errorf("%w: protected header of %d bytes", radio.ErrInvalid, len(protected))
	}
	raw, err := base64.RawURLEncoding.DecodeString(protected)
	if err != nil {
		return h, fmt.Errorf("%w: protected header: %v", radio.ErrInvalid, err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return h, fmt.Errorf("%w: protected header: %v", radio.ErrInvalid, err)
	}
	if h.Alg != string(jose.EdDSA) && h.Alg != string(jose.ES256) || h.Kid == "" || h.Typ == "" || h.Aud == "" {
		return h, fmt.Errorf("%w: protected header needs alg EdDSA or ES256, typ, aud and kid", radio.ErrInvalid)
	}
	return h, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// Audience is the one all signatures of an envelope claim to be for, without proving
// it: the receiver then opens the envelope for that one, if it is among its own.
func Audience(data []byte, maxPayload int) (string, error) {
	env, err := parseEnvelope(data, maxPayload)
	if err != nil {
		return "", err
	}
	h, err := parseHeader(env.Signatures[0].Protected)
	if err != nil {
		return "", err
	}
	return h.Aud, nil
}
