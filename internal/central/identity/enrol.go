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
	"net/netip"
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
	// Certificates lists those that hold, the newest first.
	Certificates(ctx context.Context, d radio.DeviceID) ([]radio.Certificate, error)
	// DeviceCertificates lists all that a device ever had, those that have ended too.
	DeviceCertificates(ctx context.Context, d radio.DeviceID) ([]radio.Certificate, error)
	// Renew keeps a certificate that continues another; ErrForbidden when that has ended.
	Renew(ctx context.Context, serial string, c radio.Certificate) error
	// UseCertificate notes that a renewed certificate was shown: the ones before it end.
	UseCertificate(ctx context.Context, d radio.DeviceID, serial string, at radio.Millis) error
	// KnowsCertificate: one with this serial was ever kept.
	KnowsCertificate(ctx context.Context, serial string) (bool, error)
	// AdoptCertificate keeps one that was made before the centre was restored from an older
	// copy; ErrForbidden unless the device has another one for the same key.
	AdoptCertificate(ctx context.Context, c radio.Certificate) error
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
	round  int // counts the changes of places
	limits map[string]*rate.Limiter
	all    *rate.Limiter
	// renewing bounds renewals by device, and renewals all of them.
	renewing map[radio.DeviceID]*rate.Limiter
	renewals *rate.Limiter
}

type member struct {
	// serials are those of the certificates that hold; true: the device has shown it.
	serials map[string]bool
	key     trust.PublicKey
	areas   []radio.AreaID
	round   int // of which areas are: see Moved
	until   time.Time
	leaving bool // see Dismiss
	heard   bool // though it leaves; see Retire
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
		all:      rate.NewLimiter(20, 40),
		renewing: map[radio.DeviceID]*rate.Limiter{}, renewals: rate.NewLimiter(20, 40),
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

// secretHash is what a secret is found by: a look-up by the hash of what a stranger sent
// tells by its time nothing of any secret.
func secretHash(secret string) string {
	sum := sha256.Sum256([]byte("loaxa enrol " + secret))
	return hex.EncodeToString(sum[:])
}

// Key is the public key a device signs with; ErrNotFound before it enrolled and after
// its identity was taken.
func (d *Devices) Key(ctx context.Context, id radio.DeviceID) (trust.PublicKey, error) {
	m, err := d.member(ctx, id)
	if err == nil && m.leaving && !m.heard {
		err = fmt.Errorf("device %s is dismissed: %w", id, radio.ErrNotFound)
	}
	return m.key, err
}

// Areas is the device's area chain, root first.
func (d *Devices) Areas(ctx context.Context, id radio.DeviceID) ([]radio.AreaID, error) {
	m, err := d.member(ctx, id)
	d.mu.Lock()
	round := d.round
	d.mu.Unlock()
	if err != nil || m.round == round {
		return m.areas, err
	}
	if m.areas, err = d.chain(ctx, id); err != nil {
		return nil, err
	}
	m.round = round
	d.mu.Lock()
	// A key that was taken meanwhile stays taken.
	if now, ok := d.known[id]; ok && now.round != round {
		now.areas, now.round = m.areas, round
		d.known[id] = now
	}
	d.mu.Unlock()
	return m.areas, nil
}

// Moved has every device's place looked up again, after areas or places changed.
func (d *Devices) Moved() {
	d.mu.Lock()
	d.round++
	d.mu.Unlock()
}

// Admit says whether the holder of a certificate, whose key TLS has proven, is a device
// that may speak now: the certificate is the province's and has not expired, and neither
// it nor the device has been revoked or replaced. The first time that a renewed one is
// shown the one before it ends.
func (d *Devices) Admit(ctx context.Context, leaf *x509.Certificate) (radio.DeviceID, error) {
	if err := d.ca.verify(leaf, d.now()); err != nil {
		return "", err
	}
	id, serial := radio.DeviceID(leaf.Subject.CommonName), leaf.SerialNumber.Text(16)
	m, err := d.member(ctx, id)
	if err != nil {
		return "", err
	}
	if _, holds := m.serials[serial]; !holds && !m.leaving {
		if err := d.adopt(ctx, leaf); err != nil {
			return "", err
		}
		if m, err = d.member(ctx, id); err != nil {
			return "", err
		}
	}
	if shown, holds := m.serials[serial]; holds && !shown {
		if err := d.register.UseCertificate(ctx, id, serial, radio.At(d.now())); err != nil {
			return "", err
		}
		d.log.Info("renewed certificate in use, the one before has ended", "device", id, "serial", serial)
		d.Forget(id)
		if m, err = d.member(ctx, id); err != nil {
			return "", err
		}
	}
	if !m.serials[serial] {
		return "", fmt.Errorf("%w: certificate %s of device %s was replaced or revoked", radio.ErrForbidden, serial, id)
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
	d.mu.Lock()
	round := d.round
	d.mu.Unlock()
	certs, err := d.register.Certificates(ctx, id)
	if err == nil && len(certs) == 0 {
		err = fmt.Errorf("certificate of device %s: %w", id, radio.ErrNotFound)
	}
	if err != nil {
		return member{}, err
	}
	m = member{serials: make(map[string]bool, len(certs)), until: d.now().Add(cacheFor), round: round}
	// A renewal is for the same key, so that all of them hold the same.
	if err := m.key.UnmarshalJSON([]byte(certs[0].JWK)); err != nil {
		return member{}, fmt.Errorf("key of device %s: %w", id, err)
	}
	for _, c := range certs {
		m.serials[c.Serial] = c.UsedAt != 0
	}
	if m.areas, err = d.chain(ctx, id); err != nil {
		return member{}, err
	}
	d.mu.Lock()
	d.known[id] = m
	d.mu.Unlock()
	return m, nil
}

func (d *Devices) chain(ctx context.Context, id radio.DeviceID) ([]radio.AreaID, error) {
	place, err := d.register.Place(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []radio.AreaID
	for _, a := range place.Chain {
		out = append(out, a.ID)
	}
	return out, nil
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
		cert, err = d.enrolled(ctx, id, key.KID)
	} else {
		cert, err = d.certify(ctx, hash, id, key, radio.At(now))
	}
	if err != nil {
		return wire.EnrolAnswer{}, err
	}
	envelope, keyring := d.keys.Keyring()
	root := d.keys.Root()
	answer := wire.EnrolAnswer{
		Device: id, Name: place.Device.Name, Certificate: cert.PEM, CA: d.ca.PEM(), Root: root.Key, RootNumber: root.Number,
		Province: keyring.Province, Zone: place.Province().Zone, Keyring: string(envelope), Time: radio.At(now),
	}
	for _, a := range place.Chain {
		answer.Areas = append(answer.Areas, a.ID)
	}
	d.onEnrol(ctx, id)
	return answer, nil
}

// enrolled is the certificate of a device that has this very key.
func (d *Devices) enrolled(ctx context.Context, id radio.DeviceID, kid string) (radio.Certificate, error) {
	certs, err := d.register.Certificates(ctx, id)
	if err == nil && (len(certs) == 0 || certs[0].KID != kid) {
		err = fmt.Errorf("the code was used with another key, or the device revoked since: %w", radio.ErrNotFound)
	}
	if err != nil {
		return radio.Certificate{}, err
	}
	return certs[0], nil
}

// certify makes the device's certificate and uses up the code, in one transaction.
func (d *Devices) certify(ctx context.Context, codeHash string, id radio.DeviceID, key trust.PublicKey, now radio.Millis) (radio.Certificate, error) {
	c, err := d.issue(id, key, now)
	if err != nil {
		return c, err
	}
	if err := d.register.Enrol(ctx, codeHash, c); err != nil {
		return radio.Certificate{}, err
	}
	d.Forget(id)
	return c, nil
}

// issue makes a certificate for a device's key.
func (d *Devices) issue(id radio.DeviceID, key trust.PublicKey, now radio.Millis) (radio.Certificate, error) {
	cert, err := d.ca.Device(id, key.Ed25519())
	if err != nil {
		return radio.Certificate{}, err
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		return radio.Certificate{}, fmt.Errorf("key of device %s: %w", id, err)
	}
	return radio.Certificate{
		Serial: cert.SerialNumber.Text(16), Device: id, KID: key.KID, JWK: string(jwk), PEM: string(certPEM(cert.Raw)),
		IssuedAt: now, NotAfter: radio.At(cert.NotAfter),
	}, nil
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

// whence is what tries are counted by: an address, or of IPv6, where everybody has more
// of them than could be counted, its network.
func whence(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return host
}

// allow bounds tries: ten at once and one in three seconds for one address, and
// twenty a second for all together.
func (d *Devices) allow(remote string) bool {
	host := whence(remote)
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
