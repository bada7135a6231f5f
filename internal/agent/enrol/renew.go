package enrol

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Card is the device's identity in use: every new connection shows the certificate that
// it holds then.
type Card struct {
	mu sync.Mutex
	id Identity
}

// NewCard holds an identity that Load gave.
func NewCard(id Identity) *Card { return &Card{id: id} }

// Identity is the one in use.
func (c *Card) Identity() Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

func (c *Card) set(id Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = id
}

// TLS is Identity.TLS, also for connections made after a renewal.
func (c *Card) TLS(now func() time.Time, hosts ...string) *tls.Config {
	cfg := c.Identity().TLS(now, hosts...)
	cfg.Certificates = nil
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		own := c.Identity().certificate()
		return &own, nil
	}
	return cfg
}

// RenewStore keeps a renewed identity: the journal, whole or not at all.
type RenewStore interface {
	RenewIdentity(ctx context.Context, identity []byte) error
}

// Faults are the device's troubles.
type Faults interface {
	Raise(ctx context.Context, code, text string)
	Clear(ctx context.Context, code string)
}

// FaultCertificate is the code of the trouble that the certificate has ended.
const FaultCertificate = "certificate"

// RenewOptions of a Renewal.
type RenewOptions struct {
	Card    *Card
	Store   RenewStore
	Version string
	// Now is max(clock, build time, floor).
	Now func() time.Time
	// Media lists where the centre may be found, https://host:port, the likeliest first.
	Media func() []string
	// Connected says whether the centre hears the device.
	Connected func() bool
	// Refused says whether the broker turned the device away: then the centre is asked at
	// once whether its identity still holds; nil: never. The centre's own word counts alone.
	Refused func() bool
	// Jitter bounds the random wait before a request.
	Jitter func() time.Duration
	// Renewed is called when connections should be made anew.
	Renewed func()
	Faults  Faults
	// Dial opens the connection; nil means as usual.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *slog.Logger
}

const (
	lookEvery = time.Minute
	// lonelyAfter without the centre the certificate may have ended by the centre's clock,
	// whatever the own one says: then the centre is asked.
	lonelyAfter = 5 * time.Minute
	// askedFor is how long an answer counts that there is no other certificate.
	askedFor  = 6 * time.Hour
	retryFrom = time.Minute
	retryMost = time.Hour
	// renewWithin bounds one conversation.
	renewWithin = time.Minute
)

// renewAt is when a certificate is to be renewed: at two thirds of its life, some of them
// up to 16 days later, so that a province that was enrolled in one week does not come
// back in one day.
func renewAt(id Identity) time.Time {
	h := fnv.New64a()
	h.Write(id.leaf.SerialNumber.Bytes()) // never fails
	spread := time.Duration(float64(wire.CertificateLife/24) * float64(h.Sum64()%1000) / 1000)
	return id.leaf.NotAfter.Add(-wire.CertificateLife/3 + spread)
}

// Renewal keeps the device's certificate from ending, and brings back a device whose
// certificate ended while it was away.
type Renewal struct {
	opts     RenewOptions
	log      *slog.Logger
	failures int
	next     time.Time // not before; the process's own time, which no clock step moves
	met      time.Time // when the centre heard us last
}

// NewRenewal only stores.
func NewRenewal(opts RenewOptions) *Renewal {
	return &Renewal{opts: opts, log: opts.Log.With("component", "enrol")}
}

// Run renews when it is time, until ctx ends.
func (r *Renewal) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	r.met = time.Now()
	for {
		r.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look asks the centre if there is reason to.
func (r *Renewal) look(ctx context.Context) {
	now := time.Now()
	if r.opts.Connected() {
		r.met = now
	}
	id := r.opts.Card.Identity()
	due := !r.opts.Now().Before(renewAt(id))
	refused := r.opts.Refused != nil && r.opts.Refused()
	if now.Before(r.next) || !due && !id.Unshown && !refused && now.Sub(r.met) < lonelyAfter {
		return
	}
	if j := r.opts.Jitter(); j > 0 && !pause(ctx, rand.N(j)) {
		return
	}
	err := r.ask(ctx, id)
	if ctx.Err() != nil {
		return
	}
	r.note(ctx, err)
}

// note judges how the request ended, and when the next one may be.
func (r *Renewal) note(ctx context.Context, err error) {
	var refused *Refused
	switch {
	case err == nil:
		r.failures, r.next = 0, time.Time{}
		r.opts.Faults.Clear(ctx, FaultCertificate)
		return
	case errors.Is(err, errNoneYet):
		r.failures, r.next = 0, time.Now().Add(askedFor)
		r.log.Info("the centre has no other certificate for this device yet")
		return
	case errors.As(err, &refused) && refused.Code == wire.RefusedRevoked:
		r.next = time.Now().Add(askedFor)
		r.opts.Faults.Raise(ctx, FaultCertificate, endedText)
	default:
		r.failures++
		wait := min(retryFrom<<min(r.failures-1, 8), retryMost)
		r.next = time.Now().Add(wait + rand.N(wait/4))
		if r.opts.Now().After(r.opts.Card.Identity().CertificateEnds()) {
			r.opts.Faults.Raise(ctx, FaultCertificate, err.Error())
		}
	}
	r.log.Warn("certificate not renewed", "error", err, "again_in", time.Until(r.next).Round(time.Second))
}

// endedText is for who stands before the device: the centre itself has said so, under the
// certificate of the province.
const endedText = "MÁY CHỦ ĐÃ THU HỒI HOẶC THAY THẾ DANH TÍNH của thiết bị này (thu hồi, ngừng sử dụng hoặc đăng ký lại): không nhận thêm gì và không báo cáo được nữa; chỉ còn phát theo lịch đang giữ. Dùng lại: cần mã đăng ký mới / " +
	"the centre has revoked, retired or replaced this device's identity: it gets nothing more and is not heard; it plays only what it still holds. It needs a new enrolment code"

// errNoneYet: the centre gave the certificate that is in use.
var errNoneYet = errors.New("no other certificate yet")

// ask tries one address after the other.
func (r *Renewal) ask(ctx context.Context, id Identity) error {
	err := fmt.Errorf("%w: no address of the centre is known", radio.ErrUnavailable)
	for _, host := range r.opts.Media() {
		if id.Unshown {
			err = r.show(ctx, host)
		} else {
			err = r.renew(ctx, host, id)
		}
		if err == nil || errors.Is(err, errNoneYet) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// renew gets, proves and keeps the next certificate, then shows it.
func (r *Renewal) renew(ctx context.Context, host string, id Identity) error {
	csr, err := request(id.key)
	if err != nil {
		return err
	}
	body, err := json.Marshal(wire.RenewRequest{CSR: csr, Version: r.opts.Version})
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	answer, err := r.converse(ctx, host, http.MethodPost, body)
	if err != nil {
		return fmt.Errorf("renew at %s: %w", host, err)
	}
	next, err := id.renewed(answer, r.opts.Now())
	if err != nil {
		return fmt.Errorf("renew at %s: %w", host, err)
	}
	if err := r.keep(ctx, next); err != nil {
		return err
	}
	r.log.Info("certificate renewed", "until", next.leaf.NotAfter.UTC().Format(time.DateOnly))
	r.opts.Renewed()
	if err := r.show(ctx, host); err != nil {
		r.log.Info("the new certificate is not confirmed yet", "error", err)
	}
	return nil
}

// show tells the centre that the new certificate is in use; the one before ends then.
func (r *Renewal) show(ctx context.Context, host string) error {
	if _, err := r.converse(ctx, host, http.MethodGet, nil); err != nil {
		return fmt.Errorf("show the new certificate at %s: %w", host, err)
	}
	id := r.opts.Card.Identity()
	id.Unshown = false
	return r.keep(ctx, id)
}

// keep writes an identity and, once it is on disk, uses it.
func (r *Renewal) keep(ctx context.Context, id Identity) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("write the identity: %w", err)
	}
	if err := r.opts.Store.RenewIdentity(ctx, raw); err != nil {
		return err
	}
	r.opts.Card.set(id)
	return nil
}

// renewed is the identity with the certificate of an answer: for the same key and
// device, of the pinned CA, and not one that ends sooner.
func (id Identity) renewed(answer []byte, now time.Time) (Identity, error) {
	var a wire.RenewAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return Identity{}, fmt.Errorf("the centre's answer: %w: %v", radio.ErrInvalid, err)
	}
	next := id
	next.Certificate, next.Unshown = a.Certificate, true
	if err := next.read(time.Time{}); err != nil {
		return Identity{}, fmt.Errorf("the centre's answer: %w", err)
	}
	if next.leaf.Equal(id.leaf) {
		return Identity{}, errNoneYet
	}
	if err := next.checkCertificates(now); err != nil {
		return Identity{}, fmt.Errorf("the centre's answer: %w", err)
	}
	if !next.leaf.NotAfter.After(id.leaf.NotAfter) {
		return Identity{}, fmt.Errorf("the centre's answer: %w: a certificate until %s, the one in use lasts until %s", radio.ErrInvalid,
			next.leaf.NotAfter.Format(time.DateOnly), id.leaf.NotAfter.Format(time.DateOnly))
	}
	return next, nil
}

// converse makes one request with the certificate in use.
func (r *Renewal) converse(ctx context.Context, host, method string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(host, "/")+wire.RenewPath, bytes.NewReader(body))
	if err != nil || req.URL.Scheme != "https" {
		return nil, fmt.Errorf("%w: address %.100q (%v)", radio.ErrInvalid, host, err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: r.opts.Dial, TLSClientConfig: r.opts.Card.TLS(r.opts.Now, req.URL.Hostname())},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", radio.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxEnrol+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read the answer: %w", radio.ErrUnavailable, err)
	case len(answer) > wire.MaxEnrol:
		return nil, fmt.Errorf("%w: answer of more than %d bytes", radio.ErrInvalid, wire.MaxEnrol)
	case method == http.MethodGet && resp.StatusCode == http.StatusNoContent, method == http.MethodPost && resp.StatusCode == http.StatusOK:
		return answer, nil
	}
	return nil, readRefusal(resp.StatusCode, answer)
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
