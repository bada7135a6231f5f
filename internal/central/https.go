package central

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/sync/errgroup"
)

// ACMEConfig gets the console's certificate from a CA that speaks ACME (RFC 8555).
type ACMEConfig struct {
	// Hosts are the names of the console; for no other a certificate is asked for.
	Hosts []string `yaml:"hosts"`
	// AcceptTerms says that the CA's terms were read; without it nothing is asked for.
	AcceptTerms bool `yaml:"accept_terms"`
	// Email is where the CA writes, Directory its address; empty is Let's Encrypt.
	Email     string `yaml:"email"`
	Directory string `yaml:"directory"`
}

func (a ACMEConfig) on() bool { return len(a.Hosts) > 0 }

// secure says that people reach the console by HTTPS.
func (c PeopleConfig) secure() bool { return c.ownTLS() || c.BehindProxy }

// ownTLS says that the console itself speaks HTTPS.
func (c PeopleConfig) ownTLS() bool { return c.Certificate != "" || c.ACME.on() }

// checkHTTPS lists what stands against HTTPS as it is set up.
func (c PeopleConfig) checkHTTPS(bad func(format string, args ...any)) {
	if (c.Certificate == "") != (c.Key == "") {
		bad("people: certificate and key go together")
	}
	if c.Certificate != "" && c.ACME.on() {
		bad("people.acme: there is a certificate already")
	}
	if c.ACME.on() && !c.ACME.AcceptTerms {
		bad("people.acme.accept_terms: read the CA's terms, then set it")
	}
	for _, h := range c.ACME.Hosts {
		if h == "" || strings.ContainsAny(h, "/:* ") || !strings.Contains(h, ".") {
			bad("people.acme.hosts: %q is no name of a host", h)
		}
	}
	if u, err := url.Parse(c.ACME.Directory); c.ACME.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		bad("people.acme.directory: %q, want https://…", c.ACME.Directory)
	}
	if c.Redirect != "" {
		if _, _, err := net.SplitHostPort(c.Redirect); err != nil {
			bad("people.redirect: %v", err)
		}
		if !c.ownTLS() {
			bad("people.redirect: there is no HTTPS to send people to")
		}
		if c.Public == "" && !c.ACME.on() {
			bad("people.redirect: say in people.public where people are sent")
		}
	}
	if !c.ownTLS() && !loopback(c.Listen) && !(c.BehindProxy && len(c.TrustedProxies) > 0) {
		bad("people.listen: %s is not loopback: give a certificate and key or people.acme; or set behind_proxy and name the proxy that speaks HTTPS before it in trusted_proxies", c.Listen)
	}
}

// certificates gives the console's certificate, and reads it again when its files change:
// a renewed one needs no restart.
type certificates struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	held    *tls.Certificate
	stamps  [2]fileStamp
	checked time.Time
}

type fileStamp struct {
	size int64
	at   time.Time
}

// certificateCheck is how often the files are looked at.
const certificateCheck = 10 * time.Second

func openCertificates(c PeopleConfig, log *slog.Logger, now func() time.Time) (*certificates, error) {
	x := &certificates{cert: c.Certificate, key: c.Key, log: log, now: now}
	return x, x.read()
}

// read takes both files, or neither: between two writes they may not fit.
func (x *certificates) read() error {
	var stamps [2]fileStamp
	for i, path := range []string{x.cert, x.key} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("the console's certificate: %w", err)
		}
		stamps[i] = fileStamp{info.Size(), info.ModTime()}
	}
	if x.held != nil && stamps == x.stamps {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(x.cert, x.key)
	if err != nil {
		return fmt.Errorf("the console's certificate: %w", err)
	}
	if x.held != nil {
		x.log.Info("the console's certificate was read anew", "until", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	x.held, x.stamps = &pair, stamps
	return nil
}

// get is tls.Config.GetCertificate. A pair that cannot be read leaves the one before.
func (x *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := x.now(); now.Sub(x.checked) >= certificateCheck || now.Before(x.checked) {
		x.checked = now
		if err := x.read(); err != nil {
			x.log.Error("the new certificate cannot be used, the one before goes on", "error", err)
		}
	}
	return x.held, nil
}

// peopleTLS makes the console's HTTPS; plain answers plain HTTP on people.redirect.
func (c *Central) peopleTLS() (cfg *tls.Config, plain http.Handler, err error) {
	p := c.cfg.People
	plain = toHTTPS(p)
	switch {
	case p.ACME.on():
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(c.cfg.dir("acme")), HostPolicy: autocert.HostWhitelist(p.ACME.Hosts...), Email: p.ACME.Email,
		}
		if p.ACME.Directory != "" {
			m.Client = &acme.Client{DirectoryURL: p.ACME.Directory}
		}
		cfg, plain = m.TLSConfig(), m.HTTPHandler(plain)
	case p.Certificate != "":
		x, err := openCertificates(p, c.log.With("component", "web"), c.now)
		if err != nil {
			return nil, nil, err
		}
		cfg = &tls.Config{GetCertificate: x.get, NextProtos: []string{"h2", "http/1.1"}}
	default:
		return nil, nil, nil
	}
	cfg.MinVersion = tls.VersionTLS12
	return cfg, plain, nil
}

// toHTTPS sends people to the same page under HTTPS: to the public name, or to the one they
// asked for.
func toHTTPS(p PeopleConfig) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := ""
		if u, err := url.Parse(p.Public); p.Public != "" && err == nil {
			host = u.Host
		} else if slices.Contains(p.ACME.Hosts, r.Host) {
			host = r.Host
		}
		if host == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			// Whatever a stranger writes into Host is no place to send people to.
			http.Error(w, "use HTTPS", http.StatusMisdirectedRequest)
			return
		}
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// serveConsole serves the console, and plain HTTP for the redirect and for ACME's challenge.
func (c *Central) serveConsole(ctx context.Context, console *http.Server, plain http.Handler) error {
	log := c.log.With("component", "web")
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, console, c.cfg.People.Listen, console.TLSConfig != nil, log) })
	if c.cfg.People.Redirect != "" {
		g.Go(func() error { return c.redirectToHTTPS(ctx, plain) })
	}
	return g.Wait()
}

func (c *Central) redirectToHTTPS(ctx context.Context, plain http.Handler) error {
	s := &http.Server{Handler: plain, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return serve(ctx, s, c.cfg.People.Redirect, false, c.log.With("component", "web"))
}

// behind puts next behind the proxy that the configuration promises.
func (c PeopleConfig) behind(next http.Handler, proxies []netip.Prefix) http.Handler {
	if c.BehindProxy && !c.ownTLS() {
		return onlyProxies(next, proxies)
	}
	return next
}

// onlyProxies lets nobody but the proxies, and this machine, in by plain HTTP: behind_proxy
// promises that HTTPS stands before it.
func onlyProxies(next http.Handler, proxies []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := netip.ParseAddrPort(r.RemoteAddr)
		addr := at.Addr().Unmap().WithZone("")
		if err != nil || !addr.IsLoopback() && !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			http.Error(w, "this address is reached through its proxy only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
