package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// The headers of a webhook. The signature is "t=<unix seconds>,v1=<hex>", where v1 is
// HMAC-SHA256 with the recipient's secret over the seconds, a dot, and the body. A
// receiver checks it, that t is not older than a few minutes, and whether it has had
// the message before.
const (
	SignatureHeader = "Loaxa-Signature"
	MessageHeader   = "Loaxa-Message"
)

// Payload is the body of a webhook.
type Payload struct {
	Version int    `json:"version"` // 1
	Message string `json:"message"` // the same whenever the same news is sent again
	// Zone is the IANA name of the zone of the times in text_vi and text_en; instants in
	// fields are UTC in milliseconds since 1970.
	Zone string        `json:"zone"`
	News []PayloadNews `json:"news"`
}

// PayloadNews is one piece of news with its words.
type PayloadNews struct {
	radio.FaultNews
	VI   string `json:"text_vi"`
	EN   string `json:"text_en"`
	Link string `json:"link,omitempty"`
}

func (n *Notify) payload(m message) Payload {
	p := Payload{Version: 1, Message: m.id, Zone: n.opts.Zone.String()}
	at := instants(n.opts.Zone)
	for _, d := range m.notices {
		p.News = append(p.News, PayloadNews{d.News, vietnamese.headline(d.News, at), english.headline(d.News, at), link(n.opts.BaseURL, d.News)})
	}
	return p
}

// hookTimeout bounds a whole request.
const hookTimeout = 10 * time.Second

// hook sends webhooks.
type hook struct {
	client *http.Client
	now    func() time.Time
}

func newHook(now func() time.Time) *hook {
	return &hook{now: now, client: &http.Client{
		Timeout: hookTimeout,
		// The news is for the address configured, and for no other that it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
	}}
}

func checkWebhook(r Recipient) error {
	u, err := url.Parse(r.Webhook)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: webhook: want an address https://host/…", radio.ErrInvalid)
	case u.User != nil:
		return fmt.Errorf("%w: webhook: no name and password in the address, the signature says who we are", radio.ErrInvalid)
	case u.Scheme == "http" && !r.AllowHTTP && !loopback(u.Hostname()):
		return fmt.Errorf("%w: webhook to %s: only https, unless allow_http", radio.ErrInvalid, u.Host)
	case len(r.Secret) < 16:
		return fmt.Errorf("%w: webhook to %s: a secret of at least 16 characters", radio.ErrInvalid, u.Host)
	}
	return nil
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// sign is the signature of a body sent at an instant.
func sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

func (h *hook) send(ctx context.Context, r Recipient, p Payload) (err error) {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("make a webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Webhook, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "loaxa/"+radio.Version)
	req.Header.Set(MessageHeader, p.Message)
	req.Header.Set(SignatureHeader, sign(r.Secret, h.now(), body))
	res, err := h.client.Do(req)
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the address may hold a secret
	}
	if err != nil {
		return fmt.Errorf("webhook to %s: %w", req.URL.Host, err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		why, rerr := io.ReadAll(io.LimitReader(res.Body, 200))
		return errors.Join(fmt.Errorf("%w: webhook to %s answered %s: %s", radio.ErrUnavailable, req.URL.Host, res.Status, why), rerr)
	}
	return nil
}
