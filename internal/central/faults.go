package central

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/fault"
	"loaxa/internal/central/notify"
	"loaxa/internal/central/web"
	"loaxa/internal/config"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// FaultsConfig is what counts as trouble.
type FaultsConfig struct {
	// OfflineAfter without a sign of life a device is missed.
	OfflineAfter config.Duration `yaml:"offline_after"`
	// AssumedClocks accepts devices whose time is only assumed (demo, tests).
	AssumedClocks bool `yaml:"assumed_clocks"`
}

// NotifyConfig says who is told of faults, and how.
type NotifyConfig struct {
	// BaseURL is the console's address as people reach it, for links in messages.
	BaseURL string            `yaml:"base_url"`
	SMTP    SMTPConfig        `yaml:"smtp"`
	To      []RecipientConfig `yaml:"to"`
}

// SMTPConfig is the mail server that takes the centre's mails.
type SMTPConfig struct {
	// Server is a name or address, with a port when it is not the usual one.
	Server string `yaml:"server"`
	// Security is starttls, tls (from the first byte) or none (this machine only with a
	// password).
	Security string          `yaml:"security"`
	User     string          `yaml:"user"`
	Password config.Secret   `yaml:"password"`
	From     string          `yaml:"from"`
	CA       string          `yaml:"ca"` // PEM file of the authority that signed the server, if not a public one
	Timeout  config.Duration `yaml:"timeout"`
	// Gap between two mails to one address: what happens meanwhile goes together.
	Gap config.Duration `yaml:"gap"`
}

// RecipientConfig is one e-mail address or one webhook.
type RecipientConfig struct {
	Email     string        `yaml:"email"`
	Webhook   string        `yaml:"webhook"`
	Secret    config.Secret `yaml:"secret"` // signs the webhook
	AllowHTTP bool          `yaml:"allow_http"`
	// Areas are codes of the province or of communes, Kinds of faults; none means all.
	Areas []string `yaml:"areas"`
	Kinds []string `yaml:"kinds"`
	// Language of mails: vi, en; both when empty.
	Language string `yaml:"language"`
}

// options reads what notify needs, and says what cannot work.
func (c NotifyConfig) options() (notify.Options, error) {
	o := notify.Options{BaseURL: c.BaseURL, MailGap: c.SMTP.Gap.D()}
	s := notify.SMTP{Host: c.SMTP.Server, Security: c.SMTP.Security, User: c.SMTP.User, Password: c.SMTP.Password.Reveal(), From: c.SMTP.From, Timeout: c.SMTP.Timeout.D()}
	if c.SMTP.Gap.D() < time.Second || c.SMTP.Gap.D() > 24*time.Hour {
		return o, fmt.Errorf("%w: smtp.gap: %s, want 1s to 24h", radio.ErrInvalid, c.SMTP.Gap.D())
	}
	if host, port, err := net.SplitHostPort(c.SMTP.Server); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%w: smtp.server %q: want host or host:port", radio.ErrInvalid, c.SMTP.Server)
		}
		s.Host, s.Port = host, n
	}
	if c.SMTP.CA != "" {
		pem, err := os.ReadFile(c.SMTP.CA)
		if err != nil {
			return o, fmt.Errorf("smtp.ca: %w", err)
		}
		s.Roots = x509.NewCertPool()
		if !s.Roots.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("%w: smtp.ca: no certificate in %s", radio.ErrInvalid, c.SMTP.CA)
		}
	}
	o.SMTP = s
	for _, r := range c.To {
		to := notify.Recipient{Email: r.Email, Webhook: r.Webhook, Secret: r.Secret.Reveal(), AllowHTTP: r.AllowHTTP, Areas: r.Areas, Language: r.Language}
		for _, k := range r.Kinds {
			to.Kinds = append(to.Kinds, radio.FaultKind(k))
		}
		o.Recipients = append(o.Recipients, to)
	}
	return o, o.Check()
}

// watching is what looks after the devices.
type watching struct {
	fleet  *fault.Fleet
	watch  *fault.Watch
	notify *notify.Notify
	// letters tell people of their own accounts.
	letters *notify.Letters
}

// watching composes fault and notify. changed is told after faults changed.
func (c *Central) watching(ctx context.Context, zone timetable.Zone, out *outlet, changed func()) (watching, error) {
	opts, err := c.cfg.Notify.options()
	if err != nil {
		return watching{}, err
	}
	opts.Zone = zone
	if err := c.knownAreas(ctx, opts); err != nil {
		return watching{}, err
	}
	n, err := notify.New(c.store, opts, c.now, c.log.With("component", "notify"))
	if err != nil {
		return watching{}, err
	}
	log := c.log.With("component", "fault")
	fleet := fault.NewFleet(c.store, c.now, log)
	watch := fault.New(c.store, c.store, fleet, n, fault.Options{
		OfflineAfter: c.cfg.Faults.OfflineAfter.D(), AssumedClocks: c.cfg.Faults.AssumedClocks, Zone: zone,
		Connected: c.connected(out), Changed: changed,
	}, c.now, log)
	return watching{fleet, watch, n, notify.NewLetters(c.store, opts, c.now, c.log.With("component", "notify"))}, nil
}

// connected says whether devices can be heard; nil with the embedded broker, which is
// there whenever the centre is.
func (c *Central) connected(out *outlet) func() bool {
	if len(c.cfg.MQTT.External) == 0 {
		return nil
	}
	return func() bool {
		p := out.to.Load()
		if p == nil {
			return false
		}
		b, external := (*p).(*broker.External)
		return !external || b.Connected("")
	}
}

// knownAreas warns of codes that are not there: nobody would ever be told, and nobody
// would notice.
func (c *Central) knownAreas(ctx context.Context, o notify.Options) error {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, a := range areas {
		known[a.Code] = a.Kind == radio.Province || a.Kind == radio.Commune
	}
	for _, r := range o.Recipients {
		for _, code := range r.Areas {
			if !known[code] {
				c.log.Warn("notify.to: no province or commune has this code", "recipient", r.Name(), "area", code)
			}
		}
	}
	return nil
}

// told is set by every commit of what devices say; alerts by what they say of alerts.
type told struct{ news, alerts atomic.Bool }

// run passes the news on to open pages, at most once a second however much comes in.
func (t *told) run(ctx context.Context, live *web.Live, heard func()) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if t.news.Swap(false) {
				live.Changed(web.TopicDevices, web.TopicLog)
			}
			if t.alerts.Swap(false) {
				heard()
				live.Changed(web.TopicAlerts)
			}
		}
	}
}
