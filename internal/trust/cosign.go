package trust

import (
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Payload of an envelope, for who is asked to sign it too. Nothing of it is proven.
func Payload(data []byte, maxPayload int) ([]byte, error) {
	env, err := parseEnvelope(data, maxPayload)
	if err != nil {
		return nil, err
	}
	return payloadOf(env)
}

// CoSign puts one more signature, made over the very bytes that an envelope carries, into
// it. No key signs twice. Nothing is proven by it: that does who opens the envelope.
func CoSign(data []byte, maxPayload int, s Signature) ([]byte, error) {
	env, err := parseEnvelope(data, maxPayload)
	if err != nil {
		return nil, fmt.Errorf("sign too: %w", err)
	}
	kids, err := KIDs(data, maxPayload)
	if err != nil {
		return nil, fmt.Errorf("sign too: %w", err)
	}
	h, err := parseHeader(s.Protected)
	if err != nil {
		return nil, fmt.Errorf("sign too: %w", err)
	}
	if slices.Contains(kids, h.Kid) {
		return nil, fmt.Errorf("%w: key %s has signed already", radio.ErrConflict, clip(h.Kid))
	}
	if len(env.Signatures) == MaxSignatures {
		return nil, fmt.Errorf("%w: %d have signed already", radio.ErrConflict, MaxSignatures)
	}
	env.Signatures = append(env.Signatures, s)
	return env.write()
}
