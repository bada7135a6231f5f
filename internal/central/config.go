package central

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loaxa/internal/central/fault"
	"loaxa/internal/central/notify"
	"loaxa/internal/config"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Config is the centre's file, overridden by LOAXA_… environment variables.
type Config struct {
	// Data is the folder of everything the centre keeps.
	Data string `yaml:"data"`
	// Database is a postgres:// address; empty means SQLite in the data folder.
	Database config.Secret `yaml:"database"`
	People   PeopleConfig  `yaml:"people"`
	Devices  DevicesConfig `yaml:"devices"`
	MQTT     MQTTConfig    `yaml:"mqtt"`
	// Jitter bounds the random delay with which devices send their journals.
	Jitter config.Duration `yaml:"jitter"`
	// FetchFrom and FetchTo bound, in local time, fetches that are not urgent; equal
	// means any hour.
	FetchFrom string `yaml:"fetch_from"`
	FetchTo   string `yaml:"fetch_to"`
	// SilentAfter a planned end without a word the outcome is silent.
	SilentAfter config.Duration `yaml:"silent_after"`
	// Faults is what counts as trouble, Notify who is told of it.
	Faults FaultsConfig `yaml:"faults"`
	Notify NotifyConfig `yaml:"notify"`
	Months MonthsConfig `yaml:"months"`
	// LogLevel is debug, info, warn or error.
	LogLevel string `yaml:"log_level"`
}

// PeopleConfig is the web console.
type PeopleConfig struct {
	Listen string `yaml:"listen"`
	// Certificate and Key are PEM files, read again when they change; without them, and
	// without ACME, the console answers plain HTTP, which is allowed on loopback only, or
	// behind a proxy that is named and speaks HTTPS.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	BehindProxy bool   `yaml:"behind_proxy"`
	// ACME gets the certificate from a CA.
	ACME ACMEConfig `yaml:"acme"`
	// Redirect, when set, is where plain HTTP is answered with the way to HTTPS (":80").
	Redirect string `yaml:"redirect"`
	// TrustedProxies are the addresses, or networks such as 10.1.0.0/24, of the proxies
	// that stand before the console: of them alone X-Forwarded-For is believed. Without
	// them everybody behind a proxy counts as one client when passwords are guessed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Public is where everybody finds the console, such as https://loa.hatinh.example: the
	// links by which people set their passwords begin with it.
	Public string `yaml:"public"`
	// OIDC lets people sign in with a service they know, beside their passwords.
	OIDC OIDCConfig `yaml:"oidc"`
}

// DevicesConfig is the devices' HTTPS listener: enrolment and media.
type DevicesConfig struct {
	Listen string `yaml:"listen"`
	// Hosts are the names and addresses under which devices reach the centre; they
	// stand in its certificate.
	Hosts []string `yaml:"hosts"`
	// Transfers bounds the audio files sent at once.
	Transfers int `yaml:"transfers"`
}

// MQTTConfig is the embedded broker, or an external one.
type MQTTConfig struct {
	Listen string `yaml:"listen"`
	// External, when set, names standard MQTT 3.1.1 brokers (mqtts://host:port) used in
	// place of the embedded one; they trust the province's CA.
	External []string `yaml:"external"`
}

// DefaultConfig is what holds where the file says nothing.
func DefaultConfig() Config {
	return Config{
		Data:        "data",
		People:      PeopleConfig{Listen: "127.0.0.1:8080"},
		Devices:     DevicesConfig{Listen: ":8443", Hosts: []string{"localhost", "127.0.0.1"}, Transfers: 64},
		MQTT:        MQTTConfig{Listen: ":8883"},
		Jitter:      config.Duration(time.Minute),
		FetchFrom:   "00:00",
		FetchTo:     "04:00",
		SilentAfter: config.Duration(24 * time.Hour),
		Faults:      FaultsConfig{OfflineAfter: config.Duration(fault.OfflineAfter)},
		Notify:      NotifyConfig{SMTP: SMTPConfig{Security: notify.StartTLS, Timeout: config.Duration(30 * time.Second), Gap: config.Duration(notify.MailGap)}},
		Months:      MonthsConfig{CloseOn: 10, Keep: 24},
		LogLevel:    "info",
	}
}

// Check lists every setting that cannot work.
func (c Config) Check() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%w: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	if c.Data == "" {
		bad("data: no folder")
	}
	// Anything else would be taken for the name of a new, empty SQLite file.
	if dsn := c.Database.Reveal(); dsn != "" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		bad("database: want postgres://…, or nothing for SQLite in the data folder")
	}
	for name, listen := range map[string]string{"people.listen": c.People.Listen, "devices.listen": c.Devices.Listen, "mqtt.listen": c.MQTT.Listen} {
		if _, _, err := net.SplitHostPort(listen); err != nil {
			bad("%s: %v", name, err)
		}
	}
	c.People.checkHTTPS(bad)
	if _, err := c.People.proxies(); err != nil {
		problems = append(problems, err)
	}
	if err := c.People.checkPublic(); err != nil {
		problems = append(problems, err)
	}
	if err := c.People.checkOIDC(); err != nil {
		problems = append(problems, err)
	}
	if len(c.Devices.Hosts) == 0 || c.Devices.Hosts[0] == "" {
		bad("devices.hosts: at least one name or address")
	}
	if c.Devices.Transfers < 1 {
		bad("devices.transfers: %d", c.Devices.Transfers)
	}
	for _, e := range c.MQTT.External {
		if u, err := url.Parse(e); err != nil || u.Host == "" || u.Scheme != "mqtts" {
			bad("mqtt.external: %q, want mqtts://host:port", e)
		}
	}
	if c.Jitter < 0 || c.Jitter.D() > time.Hour {
		bad("jitter: %s, want 0 to 1h", c.Jitter.D())
	}
	if c.SilentAfter.D() < time.Minute {
		bad("silent_after: %s, want at least 1m", c.SilentAfter.D())
	}
	if c.Faults.OfflineAfter.D() < time.Minute || c.Faults.OfflineAfter.D() > 24*time.Hour {
		bad("faults.offline_after: %s, want 1m to 24h", c.Faults.OfflineAfter.D())
	}
	if _, err := c.Notify.options(); err != nil {
		problems = append(problems, fmt.Errorf("notify: %w", err))
	}
	if err := new(slog.Level).UnmarshalText([]byte(c.LogLevel)); err != nil {
		bad("log_level: %q, want debug, info, warn or error", c.LogLevel)
	}
	if c.Months.CloseOn < 0 || c.Months.CloseOn > 28 {
		bad("months.close_on: %d, want a day of the month up to 28, or 0 for never", c.Months.CloseOn)
	}
	if c.Months.Keep < 0 || c.Months.Keep == 1 || c.Months.Keep == 2 {
		bad("months.keep: %d, want at least 3, or 0 to keep everything in the database", c.Months.Keep)
	}
	for name, t := range map[string]string{"fetch_from": c.FetchFrom, "fetch_to": c.FetchTo} {
		if _, err := radio.ParseTimeOfDay(t); err != nil {
			bad("%s: %v", name, err)
		}
	}
	return errors.Join(problems...)
}

// mostProxies stand before a console at most; more is a mistake.
const mostProxies = 16

// proxies reads TrustedProxies.
func (c PeopleConfig) proxies() ([]netip.Prefix, error) {
	if len(c.TrustedProxies) > mostProxies {
		return nil, fmt.Errorf("%w: people.trusted_proxies: %d, at most %d", radio.ErrInvalid, len(c.TrustedProxies), mostProxies)
	}
	var out []netip.Prefix
	for _, text := range c.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		// Whoever trusts everybody lets everybody name their own address.
		if err != nil || p.Bits() < 8 {
			return nil, fmt.Errorf("%w: people.trusted_proxies: %q, want an address, or a network such as 10.1.0.0/24", radio.ErrInvalid, text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (c PeopleConfig) checkPublic() error {
	if c.Public == "" {
		return nil
	}
	u, err := url.Parse(c.Public)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || c.secure()) {
		return fmt.Errorf("%w: people.public: %q, want https://name or https://name:port", radio.ErrInvalid, c.Public)
	}
	return nil
}

// link is an address of the console for everybody; where Public is not said, as it is
// found from this machine.
func (c PeopleConfig) link(path string) string {
	if c.Public != "" {
		return strings.TrimRight(c.Public, "/") + path
	}
	return c.Address() + path
}

// relyingParty is the console as passkeys know it (WebAuthn §4): its public name, or this
// machine's for a trial on it. nil where it has none, such as a bare address.
func (c PeopleConfig) relyingParty() *trust.RelyingParty {
	origin := strings.TrimRight(c.Public, "/")
	if origin == "" && loopback(c.Listen) && c.Certificate == "" && !c.BehindProxy {
		if _, port, err := net.SplitHostPort(c.Listen); err == nil && port != "0" {
			origin = "http://localhost:" + port
		}
	}
	u, err := url.Parse(origin)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return nil
	}
	party := trust.RelyingParty{ID: strings.ToLower(u.Hostname()), Origins: []string{strings.ToLower(origin)}}
	if party.Check() != nil {
		return nil
	}
	return &party
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// dsn is what store opens.
func (c Config) dsn() string {
	if c.Database != "" {
		return c.Database.Reveal()
	}
	return filepath.Join(c.Data, "loaxa.db")
}

// Exists says whether there is a centre in the data folder; with PostgreSQL the
// database says so itself.
func (c Config) Exists() error {
	if c.Database != "" {
		return nil
	}
	if _, err := os.Stat(c.dsn()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: no centre in %s yet; make its first account with `loaxa user add`", radio.ErrNotFound, c.Data)
	} else if err != nil {
		return fmt.Errorf("look for the centre: %w", err)
	}
	return nil
}

func (c Config) dir(name string) string { return filepath.Join(c.Data, name) }

// Address is where the console is found from this machine.
func (c PeopleConfig) Address() string {
	scheme := "http"
	if c.ownTLS() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return scheme + "://" + c.Listen
	}
	// A listener on every address is found on loopback.
	switch ip := net.ParseIP(host); {
	case host == "", ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
