package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// CodeLife is how long an enrolment code can be used.
const CodeLife = 7 * 24 * time.Hour

// Register keeps devices' codes and certificates.
type Register interface {
	AddEnrolmentCode(ctx context.Context, c radio.EnrolmentCode) error
	EnrolmentDevice(ctx context.Context, secretHash string, now radio.Millis) (d radio.DeviceID, used bool, err error)
	// Enrol uses up the code and keeps the certificate, in one transaction.
	Enrol(ctx context.Context, secretHash string, c radio.Certificate) error
	Place(ctx context.Context, d radio.DeviceID) (radio.Place, error)
	CurrentCertificate(ctx context.Context, d radio.DeviceID) (radio.Certificate, error)
}

// Devices enrols devices and knows who they are. Safe for concurrent use.
type Devices struct {
	ca       *CA
	keys     *Keys
	register Register
	now      func() time.Time
	log      *slog.Logger
	onEnrol  func(ctx context.Context, d radio.DeviceID)

	mu     sync.Mutex
	known  map[radio.DeviceID]member
	limits map[string]*rate.Limiter
	all    *rate.Limiter
}

type member struct {
	serial string
	key    trust.PublicKey
	areas  []radio.AreaID
	until  time.Time
}

// cacheFor bounds how long a decision about a device is kept without asking the
// store again.
const cacheFor = 30 * time.Second

// NewDevices stores what it is given; onEnrol is called after a device got its
// certificate, so that its documents can be made.
func NewDevices(ca *CA, keys *Keys, register Register, now func() time.Time, log *slog.Logger, onEnrol func(context.Context, radio.DeviceID)) *Devices {
	return &Devices{
		ca: ca, keys: keys, register: register, now: now, log: log, onEnrol: onEnrol,
		known: map[radio.DeviceID]member{}, limits: map[string]*rate.Limiter{},
		// 50 bits of secret at 20 tries a second stay out of reach for the week a code lives.
		all: rate.NewLimiter(20, 40),
	}
}

// NewCode makes a one-time code for a device; an earlier unused one ends.
func (d *Devices) NewCode(ctx context.Context, device radio.DeviceID, actor string) (wire.EnrolCode, radio.Millis, error) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, wire.SecretLen)
	if _, err := rand.Read(b); err != nil {
		return wire.EnrolCode{}, 0, fmt.Errorf("make a code: %w", err)
	}
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	code := wire.EnrolCode{Secret: string(b), Pin: d.ca.Pin()}
	now := d.now()
	expires := radio.At(now.Add(CodeLife))
	kept := radio.EnrolmentCode{SecretHash: secretHash(code.Secret), Device: device, CreatedBy: actor, CreatedAt: radio.At(now), ExpiresAt: expires}
	if err := d.register.AddEnrolmentCode(ctx, kept); err != nil {
		return wire.EnrolCode{}, 0, err
	}
	return code, expires, nil
}

func secretHash(secret string) string {
	sum := sha256.Sum256([]byte("loaxa enrol " + secret))
	return hex.EncodeToString(sum[:])
}

// Key is the public key a device signs with; ErrNotFound before it enrolled.
func (d *Devices) Key(ctx context.Context, id radio.DeviceID) (trust.PublicKey, error) {
	m, err := d.member(ctx, id)
	return m.key, err
}

// Areas is the device's area chain, root first.
func (d *Devices) Areas(ctx context.Context, id radio.DeviceID) ([]radio.AreaID, error) {
	m, err := d.member(ctx, id)
	return m.areas, err
}

// Admit says whether the holder of a verified certificate is a device that may
// speak now: enrolled, and this is its current certificate.
func (d *Devices) Admit(ctx context.Context, leaf *x509.Certificate) (radio.DeviceID, error) {
	id := radio.DeviceID(leaf.Subject.CommonName)
	m, err := d.member(ctx, id)
	if err != nil {
		return "", err
	}
	if m.serial != leaf.SerialNumber.Text(16) {
		return "", fmt.Errorf("%w: certificate %s of device %s was replaced or revoked", radio.ErrForbidden, leaf.SerialNumber.Text(16), id)
	}
	return id, nil
}

func (d *Devices) member(ctx context.Context, id radio.DeviceID) (member, error) {
	if !radio.ValidID(id) {
		return member{}, fmt.Errorf("device: %w", radio.ErrNotFound)
	}
	d.mu.Lock()
	m, ok := d.known[id]
	d.mu.Unlock()
	if ok && d.now().Before(m.until) {
		return m, nil
	}
	cert, err := d.register.CurrentCertificate(ctx, id)
	if err != nil {
		return member{}, err
	}
	var key trust.PublicKey
	if err := key.UnmarshalJSON([]byte(cert.JWK)); err != nil {
		return member{}, fmt.Errorf("key of device %s: %w", id, err)
	}
	place, err := d.register.Place(ctx, id)
	if err != nil {
		return member{}, err
	}
	m = member{serial: cert.Serial, key: key, until: d.now().Add(cacheFor)}
	for _, a := range place.Chain {
		m.areas = append(m.areas, a.ID)
	}
	d.mu.Lock()
	d.known[id] = m
	d.mu.Unlock()
	return m, nil
}

// Forget drops what is remembered of a device, after its place or key changed.
func (d *Devices) Forget(id radio.DeviceID) {
	d.mu.Lock()
	delete(d.known, id)
	d.mu.Unlock()
}

// ServeHTTP answers POST /enrol.
func (d *Devices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, refusal, status := d.enrol(w, r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	var body any = answer
	if refusal.Code != "" {
		body = refusal
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "30")
		}
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		d.log.Info("enrolment answer not delivered", "error", err)
	}
}

func (d *Devices) enrol(w http.ResponseWriter, r *http.Request) (wire.EnrolAnswer, wire.EnrolRefusal, int) {
	refuse := func(status int, code, vi, en string) (wire.EnrolAnswer, wire.EnrolRefusal, int) {
		d.log.Warn("enrolment refused", "code", code, "reason", en, "from", r.RemoteAddr)
		return wire.EnrolAnswer{}, wire.EnrolRefusal{Code: code, ReasonVI: vi, ReasonEN: en}, status
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "method", "chỉ nhận POST", "only POST")
	}
	if !d.allow(r.RemoteAddr) {
		return refuse(http.StatusTooManyRequests, "too_many", "thử lại sau 30 giây", "too many tries, wait 30 seconds")
	}
	var req wire.EnrolRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, wire.MaxEnrol))
	if err := dec.Decode(&req); err != nil {
		return refuse(http.StatusBadRequest, "form", "yêu cầu không đúng mẫu", "the request is not of the agreed form")
	}
	csr, err := parseCSR(req.CSR)
	if err != nil {
		return refuse(http.StatusBadRequest, "csr", "yêu cầu chứng thư không hợp lệ", err.Error())
	}
	answer, err := d.admitNew(r.Context(), req.Secret, csr)
	switch {
	case errors.Is(err, radio.ErrNotFound):
		return refuse(http.StatusForbidden, "code", "mã đăng ký sai, đã dùng hoặc hết hạn; xin mã mới", "the code is wrong, used or expired; ask for a new one")
	case err != nil:
		d.log.Error("enrolment", "error", err)
		return refuse(http.StatusServiceUnavailable, "centre", "máy chủ chưa trả lời được, thử lại", "the centre could not do it now, try again")
	}
	d.log.Info("device enrolled", "device", answer.Device, "version", req.Version)
	return answer, wire.EnrolRefusal{}, http.StatusOK
}

func (d *Devices) admitNew(ctx context.Context, secret string, csr *x509.CertificateRequest) (wire.EnrolAnswer, error) {
	now := d.now()
	hash := secretHash(secret)
	id, used, err := d.register.EnrolmentDevice(ctx, hash, radio.At(now))
	if err != nil {
		return wire.EnrolAnswer{}, err
	}
	key, err := trust.NewPublicKey(csr.PublicKey)
	if err != nil {
		return wire.EnrolAnswer{}, err
	}
	place, err := d.register.Place(ctx, id)
	if err != nil {
		return wire.EnrolAnswer{}, fmt.Errorf("place of device %s: %w", id, err)
	}
	var cert radio.Certificate
	if used {
		// The answer may have been lost on the way: whoever holds the very key that was
		// enrolled with this code gets the same one again, and nobody else.
		if cert, err = d.register.CurrentCertificate(ctx, id); err == nil && cert.KID != key.KID {
			err = fmt.Errorf("the code was used with another key: %w", radio.ErrNotFound)
		}
	} else {
		cert, err = d.certify(ctx, hash, id, key, radio.At(now))
	}
	if err != nil {
		return wire.EnrolAnswer{}, err
	}
	envelope, keyring := d.keys.Keyring()
	answer := wire.EnrolAnswer{
		Device: id, Name: place.Device.Name, Certificate: cert.PEM, CA: d.ca.PEM(), Root: d.keys.Root(),
		Province: keyring.Province, Zone: place.Province().Zone, Keyring: string(envelope), Time: radio.At(now),
	}
	for _, a := range place.Chain {
		answer.Areas = append(answer.Areas, a.ID)
	}
	d.onEnrol(ctx, id)
	return answer, nil
}

// certify makes the device's certificate and uses up the code, in one transaction.
func (d *Devices) certify(ctx context.Context, codeHash string, id radio.DeviceID, key trust.PublicKey, now radio.Millis) (radio.Certificate, error) {
	cert, err := d.ca.Device(id, key.Ed25519())
	if err != nil {
		return radio.Certificate{}, err
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		return radio.Certificate{}, fmt.Errorf("key of device %s: %w", id, err)
	}
	c := radio.Certificate{
		Serial: cert.SerialNumber.Text(16), Device: id, KID: key.KID, JWK: string(jwk), PEM: string(certPEM(cert.Raw)),
		IssuedAt: now, NotAfter: radio.At(cert.NotAfter),
	}
	if err := d.register.Enrol(ctx, codeHash, c); err != nil {
		return radio.Certificate{}, err
	}
	d.Forget(id)
	return c, nil
}

func parseCSR(text string) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%w: not one PEM certificate request", radio.ErrInvalid)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate request: %v", radio.ErrInvalid, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: certificate request is not signed by its key: %v", radio.ErrInvalid, err)
	}
	if csr.PublicKeyAlgorithm != x509.Ed25519 {
		return nil, fmt.Errorf("%w: certificate request for a %s key, want Ed25519", radio.ErrInvalid, csr.PublicKeyAlgorithm)
	}
	return csr, nil
}

// allow bounds tries: ten at once and one in three seconds for one address, and
// twenty a second for all together.
func (d *Devices) allow(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.limits) > 10_000 {
		clear(d.limits)
	}
	l := d.limits[host]
	if l == nil {
		l = rate.NewLimiter(rate.Every(3*time.Second), 10)
		d.limits[host] = l
	}
	now := d.now()
	return l.AllowN(now, 1) && d.all.AllowN(now, 1)
}
