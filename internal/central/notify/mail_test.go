package notify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"loaxa/internal/radio"
)

// letters is a mail server that keeps what it gets.
type letters struct {
	mu     sync.Mutex
	got    []letter
	users  map[string]string
	refuse error
}

// mail is what came so far.
func (l *letters) mail() []letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

type letter struct {
	from, to string
	user     string
	data     string
	tls      bool
}

type visit struct {
	*letters
	conn *smtp.Conn
	letter
}

func (l *letters) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &visit{letters: l, conn: c, letter: letter{tls: secure}}, nil
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password == "" || v.users[user] != password {
			return smtp.ErrAuthFailed
		}
		v.user = user
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	if len(v.users) > 0 && v.user == "" {
		return smtp.ErrAuthRequired
	}
	v.from = from
	return v.refuse
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error { v.to = to; return nil }
func (v *visit) Reset()                                    {}
func (v *visit) Logout() error                             { return nil }

func (v *visit) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.data = string(b)
	v.letters.mu.Lock()
	v.letters.got = append(v.letters.got, v.letter)
	v.letters.mu.Unlock()
	return nil
}

// serveMail starts a mail server; implicit TLS from the first byte or STARTTLS offered.
func serveMail(t *testing.T, l *letters, implicit, startTLS bool) (SMTP, func()) {
	t.Helper()
	cert, pool := selfSigned(t)
	ln, port := freePort(t)
	s := smtp.NewServer(l)
	s.Domain, s.ReadTimeout, s.WriteTimeout, s.AllowInsecureAuth = "localhost", 5*time.Second, 5*time.Second, true
	if startTLS {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	if implicit {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	return SMTP{Host: "127.0.0.1", Port: port, From: "loaxa@ha-tinh.example", Timeout: 5 * time.Second, Roots: pool}, func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestMail: over every kind of connection a mail arrives whole, in both languages.
func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		security           string
		implicit, startTLS bool
		user               string
		users              map[string]string
		fails              bool
	}{
		"starttls with a password":   {security: StartTLS, startTLS: true, user: "loaxa", users: map[string]string{"loaxa": secret}},
		"starttls":                   {security: StartTLS, startTLS: true},
		"tls with a password":        {security: TLS, implicit: true, user: "loaxa", users: map[string]string{"loaxa": secret}},
		"in clear on this machine":   {security: Plain},
		"wrong password":             {security: StartTLS, startTLS: true, user: "loaxa", users: map[string]string{"loaxa": "khác"}, fails: true},
		"a server without starttls":  {security: StartTLS, fails: true},
		"a server that wants a name": {security: StartTLS, startTLS: true, users: map[string]string{"x": "y"}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &letters{users: c.users}
			cfg, stop := serveMail(t, l, c.implicit, c.startTLS)
			defer stop()
			cfg.Security, cfg.User = c.security, c.user
			if c.user != "" {
				cfg.Password = secret
			}
			h := newHouse(t, cfg, Recipient{Email: "so@ha-tinh.example"})
			h.tell(lost("a", 40))
			n := h.outbox.all()[0]
			if c.fails {
				if len(l.mail()) != 0 || n.SentAt != 0 || n.Tries != 1 || n.Error == "" || strings.Contains(n.Error, secret) {
					t.Fatalf("%d letters, %+v", len(l.mail()), n)
				}
				return
			}
			if len(l.mail()) != 1 || n.SentAt == 0 {
				t.Fatalf("%d letters, %+v", len(l.mail()), n)
			}
			got := l.mail()[0]
			if got.tls != (c.security != Plain) || got.user != c.user || got.from != cfg.From || got.to != "so@ha-tinh.example" {
				t.Errorf("letter %+v", got)
			}
			subject, text := open(t, got.data)
			if want := "[Loa Xã] 40 cụm loa mất kết nối tại Xã Cẩm Xuyên từ 11:48 23/11/2026"; subject != want {
				t.Errorf("subject %q, want %q", subject, want)
			}
			for _, want := range []string{"Cụm nhà văn hóa (Thôn 1), cx-01", "… và 10 cụm loa khác", "https://loaxa.example/faults", "40 loudspeaker clusters offline in Xã Cẩm Xuyên since 11:48 23/11/2026",
				"Giờ ghi theo múi giờ Asia/Ho_Chi_Minh.", "Times are those of Asia/Ho_Chi_Minh."} {
				if !strings.Contains(text, want) {
					t.Errorf("the mail lacks %q:\n%s", want, text)
				}
			}
		})
	}
}

func open(t *testing.T, data string) (subject, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || !strings.Contains(m.Header.Get("Message-Id"), "@loaxa.ha-tinh.example") {
		t.Errorf("headers %v", m.Header)
	}
	return subject, decode(t, m)
}

func decode(t *testing.T, m *mail.Message) string {
	t.Helper()
	r := m.Body
	switch m.Header.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// What happens within minutes goes in one mail after the first; recovery as well.
func TestMailsAreFew(t *testing.T) {
	l := &letters{}
	cfg, stop := serveMail(t, l, false, false)
	defer stop()
	cfg.Security = Plain
	h := newHouse(t, cfg, Recipient{Email: "so@ha-tinh.example", Language: "vi"})
	h.tell(lost("a", 1))
	for i := range 20 {
		h.clock = h.clock.Add(10 * time.Second)
		h.tell(lost("b"+string(rune('a'+i)), 1))
	}
	if len(l.mail()) != 1 {
		t.Fatalf("%d letters within minutes", len(l.mail()))
	}
	h.clock = h.clock.Add(2 * time.Minute)
	h.deliver()
	if len(l.mail()) != 2 {
		t.Fatalf("%d letters", len(l.mail()))
	}
	subject, text := open(t, l.mail()[1].data)
	if subject != "[Loa Xã] 20 thông báo về cụm loa" || strings.Contains(text, "English") {
		t.Errorf("%q\n%s", subject, text)
	}
}

// Names come from people and devices: they must not make headers.
func TestMailNamesMakeNoHeaders(t *testing.T) {
	l := &letters{}
	cfg, stop := serveMail(t, l, false, false)
	defer stop()
	cfg.Security = Plain
	h := newHouse(t, cfg, Recipient{Email: "so@ha-tinh.example"})
	n := lost("a", 1)
	n.AreaName, n.Devices[0].Name = "Xã\r\nBcc: x@y.z", "Cụm\r\n.\r\nQUIT 🔊"
	h.tell(n)
	if len(l.mail()) != 1 || strings.Contains(l.mail()[0].data, "\nBcc:") {
		t.Fatalf("%+v", l.mail())
	}
	if subject, _ := open(t, l.mail()[0].data); !strings.Contains(subject, "Bcc: x@y.z") || !strings.Contains(subject, "🔊") {
		t.Errorf("subject %q", subject)
	}
}

// Somebody who is not configured any more is not waited for.
func TestRecipientTakenOut(t *testing.T) {
	h := newHouse(t, SMTP{}, Recipient{Webhook: "http://127.0.0.1:1/x", Secret: secret})
	h.outbox.rows["1"] = radio.Notice{ID: "1", Recipient: "old@example.vn", News: lost("a", 1), CreatedAt: radio.At(noon), NextAt: radio.At(noon)}
	h.deliver()
	if n := h.outbox.rows["1"]; n.FailedAt == 0 || !strings.Contains(n.Error, "not configured") {
		t.Fatalf("%+v", n)
	}
}
