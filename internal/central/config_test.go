package central

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"loaxa/internal/config"
	"loaxa/internal/radio"
)

func TestConfigCheck(t *testing.T) {
	if err := DefaultConfig().Check(); err != nil {
		t.Fatalf("the default cannot work: %v", err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		says   string // "" when it works
	}{
		{"another folder", func(c *Config) { c.Data = "/var/lib/loaxa" }, ""},
		{"no folder", func(c *Config) { c.Data = "" }, "data: no folder"},
		{"no port", func(c *Config) { c.MQTT.Listen = "localhost" }, "mqtt.listen"},
		{"certificate without key", func(c *Config) { c.People.Certificate = "a.pem" }, "go together"},
		{"open to the network without HTTPS", func(c *Config) { c.People.Listen = "0.0.0.0:8080" }, "is not loopback"},
		{"every address without HTTPS", func(c *Config) { c.People.Listen = ":8080" }, "is not loopback"},
		{"a name without HTTPS", func(c *Config) { c.People.Listen = "phat.hatinh.example:8080" }, "is not loopback"},
		{"PostgreSQL", func(c *Config) { c.Database = "postgresql://loaxa@db/loaxa" }, ""},
		{"a database of another kind", func(c *Config) { c.Database = "mysql://loaxa@db/loaxa" }, "database: want postgres://"},
		{"behind a proxy that is named", func(c *Config) {
			c.People.Listen, c.People.BehindProxy, c.People.TrustedProxies = ":8080", true, []string{"10.1.0.7"}
		}, ""},
		{"behind a proxy on this machine", func(c *Config) { c.People.BehindProxy = true }, ""},
		{"behind any proxy", func(c *Config) { c.People.Listen, c.People.BehindProxy = ":8080", true }, "name the proxy"},
		{"ACME", func(c *Config) {
			c.People.Listen, c.People.Redirect, c.People.ACME = ":443", ":80", ACMEConfig{Hosts: []string{"loa.hatinh.example"}, AcceptTerms: true}
		}, ""},
		{"ACME whose terms nobody read", func(c *Config) { c.People.ACME.Hosts = []string{"loa.hatinh.example"} }, "accept_terms"},
		{"ACME for every host", func(c *Config) { c.People.ACME = ACMEConfig{Hosts: []string{"*.example"}, AcceptTerms: true} }, "people.acme.hosts"},
		{"ACME in clear", func(c *Config) {
			c.People.ACME = ACMEConfig{Hosts: []string{"a.example"}, AcceptTerms: true, Directory: "http://ca.example"}
		}, "people.acme.directory"},
		{"ACME and a certificate", func(c *Config) {
			c.People.Certificate, c.People.Key, c.People.ACME = "a.pem", "a.key", ACMEConfig{Hosts: []string{"a.example"}, AcceptTerms: true}
		}, "there is a certificate already"},
		{"redirect to nowhere", func(c *Config) { c.People.Redirect = ":80" }, "no HTTPS"},
		{"redirect without a name", func(c *Config) {
			c.People.Certificate, c.People.Key, c.People.Redirect = "a.pem", "a.key", ":80"
		}, "people.public"},
		{"with HTTPS", func(c *Config) {
			c.People.Listen, c.People.Certificate, c.People.Key = ":443", "a.pem", "a.key"
		}, ""},
		{"proxies", func(c *Config) {
			c.People.BehindProxy, c.People.TrustedProxies = true, []string{"127.0.0.1", "10.1.0.0/24", "fd00::/64", "::1"}
		}, ""},
		{"a proxy by name", func(c *Config) { c.People.TrustedProxies = []string{"proxy.example"} }, "people.trusted_proxies"},
		{"everybody is a proxy", func(c *Config) { c.People.TrustedProxies = []string{"0.0.0.0/0"} }, "people.trusted_proxies"},
		{"more proxies than there are", func(c *Config) { c.People.TrustedProxies = make([]string, 17) }, "at most 16"},
		{"a public address", func(c *Config) { c.People.Public = "https://loa.hatinh.example:8443/" }, ""},
		{"a public address in clear, at home", func(c *Config) { c.People.Public = "http://localhost:8080" }, ""},
		{"a public address in clear", func(c *Config) { c.People.BehindProxy, c.People.Public = true, "http://loa.hatinh.example" }, "people.public"},
		{"a public address with a path", func(c *Config) { c.People.Public = "https://loa.hatinh.example/x" }, "people.public"},
		{"no address", func(c *Config) { c.People.Public = "loa.hatinh.example" }, "people.public"},
		{"a script", func(c *Config) { c.People.Public = "javascript:alert(1)" }, "people.public"},
		{"a sign-in service", func(c *Config) {
			c.People.Public, c.People.OIDC = "https://loa.hatinh.example", OIDCConfig{Issuer: "https://login.hatinh.example/realms/so", ClientID: "loaxa", Claim: "email", Match: "email"}
		}, ""},
		{"a sign-in service at home", func(c *Config) {
			c.People.Public, c.People.OIDC = "http://localhost:8080", OIDCConfig{Issuer: "http://localhost:9000", ClientID: "loaxa"}
		}, ""},
		{"a sign-in service in clear", func(c *Config) {
			c.People.Public, c.People.OIDC = "https://loa.hatinh.example", OIDCConfig{Issuer: "http://login.hatinh.example", ClientID: "loaxa"}
		}, "people.oidc.issuer"},
		{"a sign-in service without a name of ours", func(c *Config) {
			c.People.Public, c.People.OIDC = "https://loa.hatinh.example", OIDCConfig{Issuer: "https://login.hatinh.example"}
		}, "people.oidc.client_id"},
		{"a sign-in service without its address", func(c *Config) { c.People.OIDC = OIDCConfig{ClientID: "loaxa"} }, "people.oidc.issuer"},
		{"a sign-in service that knows no way back", func(c *Config) { c.People.OIDC = OIDCConfig{Issuer: "https://login.hatinh.example", ClientID: "loaxa"} }, "people.public"},
		{"a sign-in service that is matched by telephone", func(c *Config) {
			c.People.Public, c.People.OIDC = "https://loa.hatinh.example", OIDCConfig{Issuer: "https://login.hatinh.example", ClientID: "loaxa", Match: "phone"}
		}, "people.oidc.match"},
		{"loopback by name", func(c *Config) { c.People.Listen = "localhost:8080" }, ""},
		{"loopback of IPv6", func(c *Config) { c.People.Listen = "[::1]:8080" }, ""},
		{"no host for devices", func(c *Config) { c.Devices.Hosts = nil }, "devices.hosts"},
		{"no transfer", func(c *Config) { c.Devices.Transfers = 0 }, "devices.transfers"},
		{"external broker", func(c *Config) { c.MQTT.External = []string{"mqtts://broker.example:8883"} }, ""},
		{"external broker in clear", func(c *Config) { c.MQTT.External = []string{"mqtt://broker.example:1883"} }, "want mqtts://"},
		{"endless jitter", func(c *Config) { c.Jitter = config.Duration(2 * time.Hour) }, "jitter"},
		{"negative jitter", func(c *Config) { c.Jitter = -1 }, "jitter"},
		{"silent at once", func(c *Config) { c.SilentAfter = 0 }, "silent_after"},
		{"fetch at no hour", func(c *Config) { c.FetchTo = "25:00" }, "fetch_to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.change(&cfg)
			err := cfg.Check()
			switch {
			case c.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.says != "" && (!errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	// All problems are reported together.
	err := Config{}.Check()
	for _, field := range []string{"data", "people.listen", "devices.listen", "mqtt.listen", "devices.hosts", "devices.transfers", "silent_after", "fetch_from"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("an empty configuration: no word of %s in %v", field, err)
		}
	}
}

func TestLink(t *testing.T) {
	if got := (PeopleConfig{Listen: ":8080", Public: "https://loa.hatinh.example/"}).link("/invite/X"); got != "https://loa.hatinh.example/invite/X" {
		t.Errorf("public: %s", got)
	}
	if got := (PeopleConfig{Listen: ":8080"}).link("/invite/X"); got != "http://127.0.0.1:8080/invite/X" {
		t.Errorf("without: %s", got)
	}
}

func TestAddress(t *testing.T) {
	for listen, want := range map[string]string{
		":8080": "http://127.0.0.1:8080", "0.0.0.0:8080": "http://127.0.0.1:8080", "[::]:8080": "http://[::1]:8080",
		"127.0.0.1:8080": "http://127.0.0.1:8080", "[::1]:8080": "http://[::1]:8080", "10.0.0.0:80": "http://10.0.0.0:80", "phat.example:8080": "http://phat.example:8080",
	} {
		if got := (PeopleConfig{Listen: listen}).Address(); got != want {
			t.Errorf("%s is found at %s, want %s", listen, got, want)
		}
	}
	if got := (PeopleConfig{Listen: ":443", Certificate: "a.pem"}).Address(); got != "https://127.0.0.1:443" {
		t.Errorf("with a certificate: %s", got)
	}
}

func TestOutletBeforeTheBroker(t *testing.T) {
	var o outlet
	if err := o.Publish(t.Context(), "loaxa/v1/d/x/down/programme", nil, true); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("%v, want unavailable", err)
	}
	to := &recorder{}
	o.set(to)
	if err := o.Publish(t.Context(), "loaxa/v1/d/x/down/programme", []byte("p"), true); err != nil || len(to.topics) != 1 {
		t.Errorf("%v, topics %v", err, to.topics)
	}
}

type recorder struct{ topics []string }

func (r *recorder) Publish(_ context.Context, topic string, _ []byte, _ bool) error {
	r.topics = append(r.topics, topic)
	return nil
}

// TestRelyingParty: passkeys are for the console's public name, or for this machine in a
// trial on it; a bare address has none.
func TestRelyingParty(t *testing.T) {
	for _, c := range []struct {
		name   string
		people PeopleConfig
		id     string // "": no passkeys
		origin string
	}{
		{"a public name", PeopleConfig{Listen: ":443", Certificate: "a", Key: "b", Public: "https://loa.hatinh.example/"}, "loa.hatinh.example", "https://loa.hatinh.example"},
		{"with a port", PeopleConfig{Listen: ":8080", BehindProxy: true, Public: "https://Loa.HaTinh.example:8443"}, "loa.hatinh.example", "https://loa.hatinh.example:8443"},
		{"a trial", PeopleConfig{Listen: "127.0.0.1:8080"}, "localhost", "http://localhost:8080"},
		{"a trial by name", PeopleConfig{Listen: "localhost:8080", Public: "http://localhost:9090"}, "localhost", "http://localhost:9090"},
		{"no name said", PeopleConfig{Listen: ":443", Certificate: "a", Key: "b"}, "", ""},
		{"behind a proxy, no name said", PeopleConfig{Listen: "127.0.0.1:8080", BehindProxy: true}, "", ""},
		{"an address", PeopleConfig{Listen: ":443", Certificate: "a", Key: "b", Public: "https://10.1.2.3"}, "", ""},
		{"in clear", PeopleConfig{Listen: "127.0.0.1:8080", Public: "http://loa.example"}, "", ""},
		{"any port", PeopleConfig{Listen: "127.0.0.1:0"}, "", ""},
	} {
		got := c.people.relyingParty()
		switch {
		case (got == nil) != (c.id == ""):
			t.Errorf("%s: %+v", c.name, got)
		case got != nil && (got.ID != c.id || len(got.Origins) != 1 || got.Origins[0] != c.origin):
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
