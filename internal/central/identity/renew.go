package identity

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Dismiss ends at once all that a device may do, whatever is remembered of it, but for
// hearing for so long: the last word to it is on its way.
func (d *Devices) Dismiss(ctx context.Context, id radio.DeviceID, hears time.Duration) {
	areas, err := d.chain(ctx, id)
	if err != nil {
		d.log.Warn("a dismissed device hears no last word", "device", id, "error", err)
		d.Forget(id)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[id] = member{areas: areas, until: d.now().Add(hears), leaving: true}
}

// Retire ends an identity that nobody has misused: the device hears its last word, and is
// heard out for so long, so that what it recorded to the end gets into the log. at is when
// it was retired; one whose identity had ended before that is not heard.
func (d *Devices) Retire(ctx context.Context, id radio.DeviceID, at radio.Millis, speaks time.Duration) error {
	areas, err := d.chain(ctx, id)
	if err != nil {
		return fmt.Errorf("retire device %s: %w", id, err)
	}
	certs, err := d.register.DeviceCertificates(ctx, id)
	if err != nil {
		return fmt.Errorf("retire device %s: %w", id, err)
	}
	m := member{areas: areas, until: d.now().Add(speaks), leaving: true, serials: map[string]bool{}}
	for _, c := range certs {
		if c.RevokedAt != at {
			continue
		}
		if err := m.key.UnmarshalJSON([]byte(c.JWK)); err != nil {
			return fmt.Errorf("key of device %s: %w", id, err)
		}
		m.serials[c.Serial], m.heard = true, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[id] = m
	return nil
}

// ServeRenewal answers /renew: POST makes a new certificate for the device whose
// certificate, expired or not, the client shows; GET takes one into use.
func (d *Devices) ServeRenewal(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	answer, refusal, status := d.renewal(w, r)
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var body any = answer
	if refusal.Code != "" {
		body = refusal
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "60")
		}
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		d.log.Info("renewal answer not delivered", "error", err)
	}
}

func (d *Devices) renewal(w http.ResponseWriter, r *http.Request) (wire.RenewAnswer, wire.EnrolRefusal, int) {
	refuse := func(status int, code, vi, en string) (wire.RenewAnswer, wire.EnrolRefusal, int) {
		d.log.Warn("renewal refused", "code", code, "reason", en, "from", r.RemoteAddr)
		return wire.RenewAnswer{}, wire.EnrolRefusal{Code: code, ReasonVI: vi, ReasonEN: en}, status
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return refuse(http.StatusUnauthorized, "certificate", "cần chứng thư của thiết bị", "a device's certificate is needed")
	}
	leaf := r.TLS.PeerCertificates[0]
	// TLS has asked the same; a listener that one day does not must not open this door.
	if err := d.ca.verifyIssued(leaf); err != nil || !radio.ValidID(radio.DeviceID(leaf.Subject.CommonName)) {
		return refuse(http.StatusForbidden, "certificate", "chứng thư này không phải của thiết bị trong tỉnh", "this certificate is none of a device of the province")
	}
	if !d.mayRenew(radio.DeviceID(leaf.Subject.CommonName)) {
		return refuse(http.StatusTooManyRequests, "too_many", "thử lại sau 60 giây", "too many tries, wait 60 seconds")
	}
	gone := func(err error) (wire.RenewAnswer, wire.EnrolRefusal, int) {
		return refuse(http.StatusForbidden, wire.RefusedRevoked, "danh tính này đã bị thu hồi hoặc thay thế: hãy đăng ký lại thiết bị bằng mã mới", err.Error())
	}
	failed := func(err error) (wire.RenewAnswer, wire.EnrolRefusal, int) {
		if errors.Is(err, radio.ErrForbidden) || errors.Is(err, radio.ErrNotFound) {
			return gone(err)
		}
		d.log.Error("renewal", "error", err)
		return refuse(http.StatusServiceUnavailable, "centre", "máy chủ chưa trả lời được, thử lại", "the centre could not do it now, try again")
	}
	switch r.Method {
	case http.MethodGet:
		if _, err := d.Admit(r.Context(), leaf); err != nil {
			return failed(err)
		}
		return wire.RenewAnswer{}, wire.EnrolRefusal{}, http.StatusNoContent
	case http.MethodPost:
	default:
		return refuse(http.StatusMethodNotAllowed, "method", "chỉ nhận POST và GET", "only POST and GET")
	}
	csr, err := readRenewal(http.MaxBytesReader(w, r.Body, wire.MaxEnrol))
	if err != nil {
		return refuse(http.StatusBadRequest, "form", "yêu cầu không đúng mẫu", err.Error())
	}
	answer, err := d.renew(r.Context(), leaf, csr)
	if errors.Is(err, errOtherKey) {
		return refuse(http.StatusForbidden, "key", "yêu cầu này dành cho một khóa khác: khóa mới phải đăng ký bằng mã mới", err.Error())
	}
	if err != nil {
		return failed(err)
	}
	return answer, wire.EnrolRefusal{}, http.StatusOK
}

var errOtherKey = fmt.Errorf("%w: the request is for another key than the certificate's", radio.ErrForbidden)

// renew makes the next certificate of a device, for the same key. What was made lately
// is handed out again: the answer may have been lost on the way, or the device's clock
// runs ahead.
func (d *Devices) renew(ctx context.Context, leaf *x509.Certificate, csr *x509.CertificateRequest) (wire.RenewAnswer, error) {
	now, id, serial := d.now(), radio.DeviceID(leaf.Subject.CommonName), leaf.SerialNumber.Text(16)
	// Not from memory: here a revocation counts at once.
	certs, err := d.register.Certificates(ctx, id)
	if err != nil {
		return wire.RenewAnswer{}, err
	}
	held := func(c radio.Certificate) bool { return c.Serial == serial }
	i := slices.IndexFunc(certs, held)
	if i < 0 && len(certs) > 0 {
		if err := d.adopt(ctx, leaf); err != nil {
			return wire.RenewAnswer{}, err
		}
		if certs, err = d.register.Certificates(ctx, id); err != nil {
			return wire.RenewAnswer{}, err
		}
		i = slices.IndexFunc(certs, held)
	}
	if i < 0 {
		return wire.RenewAnswer{}, fmt.Errorf("%w: certificate %s of device %s was replaced or revoked", radio.ErrForbidden, serial, id)
	}
	key, err := trust.NewPublicKey(csr.PublicKey)
	if err != nil {
		return wire.RenewAnswer{}, err
	}
	if own, err := trust.NewPublicKey(leaf.PublicKey); err != nil || own.KID != key.KID || certs[i].KID != key.KID {
		return wire.RenewAnswer{}, errOtherKey
	}
	answer := wire.RenewAnswer{Certificate: certs[0].PEM, Time: radio.At(now)}
	if certs[0].NotAfter.Sub(radio.At(now)) > wire.CertificateLife/2 {
		return answer, nil
	}
	c, err := d.issue(id, key, radio.At(now))
	if err != nil {
		return wire.RenewAnswer{}, err
	}
	if err := d.register.Renew(ctx, serial, c); err != nil {
		return wire.RenewAnswer{}, err
	}
	d.Forget(id)
	d.log.Info("certificate renewed", "device", id, "serial", c.Serial, "expired", now.After(leaf.NotAfter))
	answer.Certificate = c.PEM
	return answer, nil
}

// adopt takes a certificate that this CA made and the store has never seen: the centre
// was restored from a copy older than the renewal, and the device has dropped the one
// that the copy knows. One that was revoked or replaced is known, and stays out.
func (d *Devices) adopt(ctx context.Context, leaf *x509.Certificate) error {
	id, serial := radio.DeviceID(leaf.Subject.CommonName), leaf.SerialNumber.Text(16)
	known, err := d.register.KnowsCertificate(ctx, serial)
	if err == nil && known {
		err = fmt.Errorf("%w: certificate %s of device %s was replaced or revoked", radio.ErrForbidden, serial, id)
	}
	if err != nil {
		return err
	}
	key, err := trust.NewPublicKey(leaf.PublicKey)
	if err != nil {
		return err
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		return fmt.Errorf("key of device %s: %w", id, err)
	}
	now := radio.At(d.now())
	c := radio.Certificate{Serial: serial, Device: id, KID: key.KID, JWK: string(jwk), PEM: string(certPEM(leaf.Raw)), IssuedAt: now, NotAfter: radio.At(leaf.NotAfter), UsedAt: now}
	if err := d.register.AdoptCertificate(ctx, c); err != nil {
		return err
	}
	d.Forget(id)
	d.log.Warn("a certificate from after this copy of the centre was made is taken on", "device", id, "serial", serial)
	return nil
}

// mayRenew bounds tries: a device needs two requests a year, and six at once are for
// answers that were lost.
func (d *Devices) mayRenew(id radio.DeviceID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.renewing) > 20_000 {
		clear(d.renewing)
	}
	l := d.renewing[id]
	if l == nil {
		l = rate.NewLimiter(rate.Every(time.Minute), 6)
		d.renewing[id] = l
	}
	now := d.now()
	return l.AllowN(now, 1) && d.renewals.AllowN(now, 1)
}

// readRenewal reads a request, within the bounds of its reader.
func readRenewal(body io.Reader) (*x509.CertificateRequest, error) {
	var req wire.RenewRequest
	if err := json.NewDecoder(body).Decode(&req); err != nil {
		return nil, fmt.Errorf("%w: not a renewal: %v", radio.ErrInvalid, err)
	}
	return parseCSR(req.CSR)
}
