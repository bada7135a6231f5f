// Package enrol makes a controller a member of its province: the key is made on the
// device and never leaves it, a one-time code proves it to the centre, and the code's
// last 16 characters prove the centre's CA to the device before anything is believed
// (design §8). It receives the code from the installer and leaves the identity in the
// journal; Load hands it to the rest of the agent at every start, and Renewal keeps its
// certificate from ending, or brings back a device that was away when it ended.
package enrol

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Store keeps the identity; the journal.
type Store interface {
	Identity() ([]byte, error)
	// SetIdentity writes the identity with its first keyring and forgets the values
	// named, in one transaction; what else is held outlives it as far as how says.
	SetIdentity(ctx context.Context, identity []byte, keys radio.Issued, how radio.Rejoin, forget ...string) error
	Keep(ctx context.Context, name string, value []byte) error
	Kept(name string) ([]byte, error)
}

// Options of an enrolment.
type Options struct {
	Server  string // https://host:port of the centre's listener for devices
	Code    string
	Version string
	// Force enrols a device again that has an identity.
	Force bool
	Store Store
	// Now is max(clock, build time, floor): a new board may stand at 1970.
	Now func() time.Time
	// Dial opens the connection; nil means as usual.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Refused is the centre's answer to a request it does not grant.
type Refused struct {
	wire.EnrolRefusal
	Status int
}

// Error gives the reason in both languages: it is shown to the installer.
func (r *Refused) Error() string {
	return fmt.Sprintf("the centre refuses the enrolment (%s): %s / %s", r.Code, r.ReasonVI, r.ReasonEN)
}

// Unwrap is the kind.
func (r *Refused) Unwrap() error { return radio.ErrForbidden }

// pendingKey is the name of the key that has no certificate yet.
const pendingKey = "enrol-key"

// within bounds the whole conversation.
const within = time.Minute

// Enrol asks the centre for membership and stores the identity. A device that has
// one is refused (ErrConflict) unless Force is set.
func Enrol(ctx context.Context, opts Options) (wire.EnrolAnswer, error) {
	var none wire.EnrolAnswer
	code, err := wire.ParseEnrolCode(opts.Code)
	if err != nil {
		return none, err
	}
	server, err := url.Parse(opts.Server)
	if err != nil || server.Scheme != "https" || server.Hostname() == "" || server.User != nil {
		return none, fmt.Errorf("%w: server %.100q, want https://host:port", radio.ErrInvalid, opts.Server)
	}
	old, err := Load(opts.Store)
	switch {
	case err == nil && !opts.Force:
		return none, fmt.Errorf("%w: this device is enrolled as %s (%s); use --force to enrol it anew", radio.ErrConflict, old.Device, old.Name)
	case err != nil && !errors.Is(err, radio.ErrNotFound) && !opts.Force:
		return none, fmt.Errorf("%w; use --force to enrol the device anew", err)
	}
	key, err := ownKey(ctx, opts.Store)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	body, ca, err := ask(ctx, opts, server, code, key)
	if err != nil {
		return none, fmt.Errorf("enrol at %s: %w", server.Host, err)
	}
	answer, id, ring, err := readAnswer(body, key, ca, opts.Now())
	if err != nil {
		return none, fmt.Errorf("enrol at %s: %w", server.Host, err)
	}
	raw, err := json.Marshal(id)
	if err != nil {
		return none, fmt.Errorf("write the identity: %w", err)
	}
	// A device whose identity was lost keeps its unsent records: it is mostly the same. So
	// does one that comes back to its own centre after that has lost its root key.
	// Documents and alerts that the root before has vouched for do not outlive it: whoever has
	// its keys may have made them, and their revisions would keep the centre's own out.
	how := radio.RejoinSame
	switch {
	case old.Device == "":
	case old.Device != id.Device || old.CA != id.CA || old.Province != id.Province:
		how = radio.RejoinOther
	case old.Root.KID != id.Root.KID:
		how = radio.RejoinRoot
	}
	payload, err := json.Marshal(ring)
	if err != nil {
		return none, fmt.Errorf("write the keyring: %w", err)
	}
	keys := radio.Issued{Device: id.Device, Document: string(wire.Keys), Revision: ring.Version, Payload: payload, Envelope: []byte(answer.Keyring)}
	if err := opts.Store.SetIdentity(ctx, raw, keys, how, pendingKey); err != nil {
		return none, err
	}
	return answer, nil
}

// ownKey makes the device's key, on disk before it is used. One from an attempt that
// came to nothing is used again: the centre may know it already.
func ownKey(ctx context.Context, store Store) (trust.Key, error) {
	if b, err := store.Kept(pendingKey); err == nil {
		if key, err := trust.ParseKey(b); err == nil {
			return key, nil
		}
	} else if !errors.Is(err, radio.ErrNotFound) {
		return trust.Key{}, err
	}
	key, err := trust.Generate()
	if err != nil {
		return key, err
	}
	b, err := key.Marshal()
	if err != nil {
		return key, fmt.Errorf("write the device's key: %w", err)
	}
	return key, store.Keep(ctx, pendingKey, b)
}

// request is the certificate request. The name is the centre's to give.
func request(key trust.Key) (string, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key.Signer())
	if err != nil {
		return "", fmt.Errorf("write the certificate request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// ask sends the request over a connection to whoever holds a certificate of the CA
// that the code pins, and gives the answer's bytes and that CA.
func ask(ctx context.Context, opts Options, server *url.URL, code wire.EnrolCode, key trust.Key) ([]byte, *x509.Certificate, error) {
	csr, err := request(key)
	if err != nil {
		return nil, nil, err
	}
	body, err := json.Marshal(wire.EnrolRequest{Secret: code.Secret, CSR: csr, Version: opts.Version})
	if err != nil {
		return nil, nil, fmt.Errorf("write the request: %w", err)
	}
	var ca *x509.Certificate
	transport := &http.Transport{DisableKeepAlives: true, DialContext: opts.Dial, TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The CA is not known yet: VerifyConnection finds it by the pin, and then does
		// the whole verification under it.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			found, err := pinned(cs.PeerCertificates, code.Pin)
			if err != nil {
				return err
			}
			ca = found
			return trust.ServerCheck(found, server.Hostname(), opts.Now)(cs)
		},
	}}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.JoinPath(wire.EnrolPath).String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		if errors.Is(err, radio.ErrForbidden) {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("%w: %w", radio.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxEnrol+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: read the answer: %w", radio.ErrUnavailable, err)
	case len(answer) > wire.MaxEnrol:
		return nil, nil, fmt.Errorf("%w: answer of more than %d bytes", radio.ErrInvalid, wire.MaxEnrol)
	case resp.StatusCode != http.StatusOK:
		return nil, nil, readRefusal(resp.StatusCode, answer)
	}
	return answer, ca, nil
}

func readRefusal(status int, body []byte) error {
	r := &Refused{Status: status}
	if status >= 500 || json.Unmarshal(body, &r.EnrolRefusal) != nil || r.Code == "" {
		if status >= 400 && status < 500 {
			return fmt.Errorf("%w: the server answers %d", radio.ErrForbidden, status)
		}
		return fmt.Errorf("%w: the server answers %d", radio.ErrUnavailable, status)
	}
	return r
}

// pinned finds the CA of a chain by the first digits of its fingerprint.
func pinned(chain []*x509.Certificate, pin string) (*x509.Certificate, error) {
	for _, c := range chain {
		if c.IsCA && strings.HasPrefix(trust.Fingerprint(c), pin) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: this server does not belong to the centre that issued the code (no CA certificate begins with %s)", radio.ErrForbidden, pin)
}

// readAnswer holds the centre's answer against what the code pinned and the key that
// was sent, and makes the identity of it.
func readAnswer(body []byte, key trust.Key, ca *x509.Certificate, now time.Time) (wire.EnrolAnswer, Identity, trust.Keyring, error) {
	var a wire.EnrolAnswer
	fail := func(err error) (wire.EnrolAnswer, Identity, trust.Keyring, error) {
		return wire.EnrolAnswer{}, Identity{}, trust.Keyring{}, fmt.Errorf("the centre's answer: %w", err)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return fail(fmt.Errorf("%w: %v", radio.ErrInvalid, err))
	}
	private, err := key.Marshal()
	if err != nil {
		return fail(err)
	}
	id := Identity{Device: a.Device, Name: a.Name, Key: private, Certificate: a.Certificate, CA: a.CA, Root: a.Root, RootNumber: a.RootNumber,
		Province: a.Province, Areas: a.Areas, Zone: a.Zone}
	if err := id.read(now); err != nil {
		return fail(err)
	}
	if !id.ca.Equal(ca) {
		return fail(fmt.Errorf("%w: another CA than the code pins", radio.ErrForbidden))
	}
	ring, err := trust.OpenKeyring([]byte(a.Keyring), a.Province, a.Root, 0)
	if err != nil {
		return fail(err)
	}
	if a.Time < 0 {
		return fail(fmt.Errorf("%w: time %d", radio.ErrInvalid, a.Time))
	}
	return a, id, ring, nil
}
