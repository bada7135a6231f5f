package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	"loaxa/internal/radio"
)

// How a mail server is spoken to.
const (
	StartTLS = "starttls" // required, port 587
	TLS      = "tls"      // from the first byte, port 465
	Plain    = "none"     // not encrypted: a server on this machine, port 25
)

// SMTP is the mail server that takes our mails.
type SMTP struct {
	Host     string
	Port     int // 0 for that of the security
	Security string
	User     string
	Password string
	From     string
	Timeout  time.Duration
	// Roots are trusted beside none of the system's; nil means the system's.
	Roots *x509.CertPool
}

// Check says what cannot work.
func (s SMTP) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: smtp: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	if s.Host == "" {
		bad("no server")
	}
	if s.Port < 0 || s.Port > 65535 {
		bad("port %d", s.Port)
	}
	if !validEmail(s.From) {
		bad("from %q is not an e-mail address", s.From)
	}
	switch s.Security {
	case StartTLS, TLS:
	case Plain:
		if s.User != "" && !loopback(s.Host) {
			bad("a password must not be sent to %s in clear: use starttls or tls", s.Host)
		}
	default:
		bad("security %q, want starttls, tls or none", s.Security)
	}
	if (s.User == "") != (s.Password == "") {
		bad("user and password go together")
	}
	return errors.Join(errs...)
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && len(s) <= 254
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mail sends one message to one address.
func (n *Notify) mail(ctx context.Context, r Recipient, m message) error {
	news := make([]radio.FaultNews, len(m.notices))
	for i, d := range m.notices {
		news[i] = d.News
	}
	at := instants(n.opts.Zone)
	first := vietnamese
	if r.Language == "en" {
		first = english
	}
	body := first.body(news, n.opts.BaseURL, n.opts.Zone)
	if r.Language == "" {
		body += "\n-- English --\n\n" + english.body(news, n.opts.BaseURL, n.opts.Zone)
	}
	return n.opts.SMTP.send(ctx, note{to: r.Email, id: m.id, subject: first.subject(news, at), body: body, at: n.now()})
}

// note is one mail.
type note struct {
	to, id, subject, body string
	at                    time.Time
}

func (s SMTP) send(ctx context.Context, l note) error {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat("Loa Xã", s.From), msg.To(l.to)); err != nil {
		return fmt.Errorf("make a mail to %s: %w", l.to, err)
	}
	msg.Subject(l.subject)
	msg.SetDateWithValue(l.at)
	msg.SetMessageIDWithValue(l.id + "@loaxa." + domain(s.From))
	// RFC 3834: no answering machine shall answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.body)
	client, err := s.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout())
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail to %s: %w", l.to, err)
	}
	return nil
}

func domain(email string) string {
	for i := len(email) - 1; i >= 0; i-- {
		if email[i] == '@' {
			return email[i+1:]
		}
	}
	return email
}

func (s SMTP) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return 30 * time.Second
}

func (s SMTP) client() (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithTimeout(s.timeout()), gomail.WithoutNoop(),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12})}
	port := s.Port
	switch s.Security {
	case TLS:
		opts = append(opts, gomail.WithSSL())
		if port == 0 {
			port = 465
		}
	case StartTLS:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
		if port == 0 {
			port = 587
		}
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
		if port == 0 {
			port = 25
		}
	}
	opts = append(opts, gomail.WithPort(port))
	if s.User != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if s.Security == Plain {
			auth = gomail.SMTPAuthPlainNoEnc // checked: this machine
		}
		opts = append(opts, gomail.WithSMTPAuth(auth), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	c, err := gomail.NewClient(s.Host, opts...)
	if err != nil {
		return nil, fmt.Errorf("mail server %s: %w", s.Host, err)
	}
	return c, nil
}
