package central

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// OIDCConfig is a service that people sign in with (OpenID Connect); none without an
// issuer. It makes no accounts, and takes no second factor's place.
type OIDCConfig struct {
	// Issuer is its address, such as https://login.hatinh.example/realms/so.
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"client_id"`
	// SecretFile holds the client's secret, one line; empty for a client without one.
	SecretFile string `yaml:"secret_file"`
	// Claim of the ID token finds the account: its value is a login or an e-mail address
	// (match).
	Claim string `yaml:"claim"`
	Match string `yaml:"match"`
	// Name is what people call the service, on the button.
	Name string `yaml:"name"`
}

func (c OIDCConfig) name() string {
	if c.Issuer == "" {
		return ""
	}
	return cmp.Or(c.Name, "OpenID Connect")
}

func (c OIDCConfig) claim() string { return cmp.Or(c.Claim, "preferred_username") }
func (c OIDCConfig) match() string { return cmp.Or(c.Match, identity.MatchLogin) }

func (c PeopleConfig) checkOIDC() error {
	o := c.OIDC
	if o == (OIDCConfig{}) {
		return nil
	}
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Host) && !loopback(u.Host+":80")):
		return fmt.Errorf("%w: people.oidc.issuer: %q, want https://…", radio.ErrInvalid, o.Issuer)
	case o.ClientID == "":
		return fmt.Errorf("%w: people.oidc.client_id: missing", radio.ErrInvalid)
	case o.match() != identity.MatchLogin && o.match() != identity.MatchEmail:
		return fmt.Errorf("%w: people.oidc.match: %q, want %s or %s", radio.ErrInvalid, o.Match, identity.MatchLogin, identity.MatchEmail)
	case c.Public == "":
		return fmt.Errorf("%w: people.oidc: people.public must say where the service sends people back to", radio.ErrInvalid)
	}
	return nil
}

// oidc is the service configured, nil for none.
func (c *Central) oidc() (web.OIDC, error) {
	o := c.cfg.People.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	secret := ""
	if o.SecretFile != "" {
		b, err := os.ReadFile(o.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("people.oidc.secret_file: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	return identity.NewOIDC(identity.OIDCConfig{Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: secret, Claim: o.claim(), Match: o.match(),
		Redirect: web.OIDCRedirect(strings.TrimRight(c.cfg.People.Public, "/"))}, c.people, http.DefaultTransport)
}
