package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/journal"
	"loaxa/internal/central/identity"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// TestManInTheMiddle: who sits on the way between a device and its centre's broker cannot
// show it another certificate; who holds the broker itself, with all rights there, cannot
// make a sound of what is signed for another device, or was right once.
func TestManInTheMiddle(t *testing.T) {
	lane(t, short)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	centrePort := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, []string{"a", "b"}, "LOAXA_MQTT_EXTERNAL=mqtts://127.0.0.1:"+strconv.Itoa(centrePort))
	m := newMiddle(t, "127.0.0.1:"+strconv.Itoa(h.ports.mqtt))
	h.command("", "key", "sign", "--root", filepath.Join(h.dir, "root.jwk"), "--broker", "mqtts://"+m.address(), "--media", h.devicesURL())
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 3, 440))
	h.upload("hai", "Bản tin hai", tone(t, 3, 660))
	a, b := h.device("a", `driver: "null"`), h.device("b", `driver: "null"`)
	h.mosquitto(centrePort)
	a.start()
	b.start()
	// What was right once: slots soon. What is right: one tomorrow, of another bulletin.
	soon := dueMinute(40 * time.Second)
	h.schedule(soon, "mot")
	a.ready(soon)
	b.ready(soon)
	later := soon.Add(12 * time.Hour)
	h.schedule(later, "hai")
	holds := func(who *agentProcess) bool {
		s, ok := who.status()
		return ok && s.Link.Connected && len(s.Next) > 0 && s.Next[0].Start == radio.At(later)
	}
	h.eventually(30*time.Second, "both devices to hold the new programme", func() bool { return holds(a) && holds(b) })
	before, _ := a.status()

	thief := h.thief(centrePort)
	mine, theirs := h.issued("a"), h.issued("b")
	if len(mine) < 2 || len(theirs) < 2 {
		t.Fatalf("%d and %d programmes were issued", len(mine), len(theirs))
	}
	for range 3 {
		for _, old := range mine {
			thief.says("a", old) // rolled back, and replayed
		}
		for _, other := range theirs {
			thief.says("a", other) // of another device
		}
	}
	text := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("told at the centre:\n" + text)
		}
	})
	h.eventually(75*time.Second, "the refusals to be told at the centre", func() bool {
		text = h.refusals("a")
		return strings.Contains(text, "programme") && strings.Contains(text, "revision") && strings.Contains(text, "it is for typ")
	})

	// On the way to the broker, as anybody, and as one who has a device's key and certificate.
	for name, shown := range map[string]tls.Certificate{"a stranger's certificate": m.stranger(), "a stolen device's certificate": b.identity()} {
		m.show(&shown)
		h.eventually(40*time.Second, "the device to refuse "+name, func() bool {
			s, ok := a.status()
			return ok && !s.Link.Connected && strings.Contains(s.Link.Error, "chứng thư của máy chủ không phải của tỉnh")
		})
		if n := m.overheard(); n != 0 {
			t.Errorf("%s: the device said %d bytes behind the handshake", name, n)
		}
		if said := string(a.run("status", "--config", a.config())); !strings.Contains(said, "chứng thư của máy chủ không phải của tỉnh") {
			t.Errorf("the status does not say why: %s", said)
		}
	}
	m.show(nil)
	h.eventually(70*time.Second, "the device to be back, with what is right", func() bool { return holds(a) })
	h.until(soon.Add(4 * time.Second)) // when what was right once would sound
	after, _ := a.status()
	if after.Revisions.Programme != before.Revisions.Programme || len(after.Last) != 0 {
		t.Errorf("runs on revision %d, before %d; played %+v", after.Revisions.Programme, before.Revisions.Programme, after.Last)
	}
	// A stream may have been open for the slot before it was called off; it is silent.
	streams, err := filepath.Glob(filepath.Join(a.dir, "recorded", "*.wav"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range streams {
		const header = 44
		b, err := os.ReadFile(name)
		if err != nil || len(b) < header || len(bytes.Trim(b[header:], "\x00")) != 0 {
			t.Errorf("%s is not silent (%v)", name, err)
		}
	}
}

// issued are the programmes of a device, the oldest first, as they were signed.
func (h *house) issued(code string) (out [][]byte) {
	h.t.Helper()
	h.rows(func(scan func(...any) error) error {
		var b []byte
		err := scan(&b)
		out = append(out, b)
		return err
	}, `SELECT i.envelope FROM issued i JOIN device d ON d.id = i.device WHERE d.code = $1 AND i.document = 'programme' ORDER BY i.revision`, code)
	return out
}

// refusals is what a device has told the centre of what it refused.
func (h *house) refusals(code string) (text string) {
	h.t.Helper()
	h.rows(func(scan func(...any) error) error {
		var b []byte
		err := scan(&b)
		text += string(b) + "\n"
		return err
	}, `SELECT r.bytes FROM journal_record r JOIN device d ON d.id = r.device WHERE d.code = $1 AND r.kind = 'security'`, code)
	return text
}

// rows reads the centre's database beside it.
func (h *house) rows(take func(scan func(...any) error) error, query string, args ...any) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.data(), "loaxa.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(h.t.Context(), query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows.Scan); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
}

// intruder is connected to the broker with the centre's own rights.
type intruder struct {
	h      *house
	client *mqtt.Client
}

// thief is whoever holds the broker: there it may say and hear everything.
func (h *house) thief(port int) *intruder {
	t := h.t
	t.Helper()
	ca, err := identity.OpenCA(filepath.Join(h.data(), "ca"), "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Centre()
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{}, 1)
	client, err := mqtt.New(mqtt.Options{
		Servers: []string{"mqtts://127.0.0.1:" + strconv.Itoa(port)}, ClientID: "thief", Username: identity.CentreName,
		TLS:       trust.ClientTLS(ca.Certificate(), &own, "127.0.0.1", time.Now),
		OnConnect: func(context.Context) { up <- struct{}{} },
		Handle:    func(_ context.Context, m mqtt.Message) { m.Ack() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-up:
	case <-time.After(30 * time.Second):
		t.Fatal("the thief does not get into the broker")
	}
	return &intruder{h, client}
}

// says puts a programme under a device's topic, for good.
func (i *intruder) says(code string, programme []byte) {
	i.h.t.Helper()
	var id radio.DeviceID
	i.h.rows(func(scan func(...any) error) error { return scan(&id) }, `SELECT id FROM device WHERE code = $1`, code)
	if err := i.client.Publish(i.h.t.Context(), wire.DownTopic(id, wire.Programme), programme, true); err != nil {
		i.h.t.Fatal(err)
	}
}

// identity is what a thief of the device's card has: its certificate and key.
func (a *agentProcess) identity() tls.Certificate {
	t := a.h.t
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(a.dir, "data", "journal.db"))
	path := filepath.Join(t.TempDir(), "journal.db")
	if err = errors.Join(err, os.WriteFile(path, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	id, err := enrol.Load(j)
	if err = errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	return id.TLS(time.Now).Certificates[0]
}

// middle sits between the devices and the broker: it hands on what it cannot read, or
// answers in the broker's place with a certificate of its own.
type middle struct {
	t      *testing.T
	listen net.Listener
	broker string

	mu    sync.Mutex
	shown *tls.Certificate
	open  map[net.Conn]bool
	said  int
}

func newMiddle(t *testing.T, broker string) *middle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &middle{t: t, listen: l, broker: broker, open: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		m.show(nil)
		serving.Wait()
	})
	return m
}

func (m *middle) address() string { return m.listen.Addr().String() }

// show answers with a certificate from now on, or hands on again; what is open is cut.
func (m *middle) show(c *tls.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown = c
	for c := range m.open {
		_ = c.Close() // it may be closed already
	}
}

// overheard is how many bytes devices have said to the one in the middle.
func (m *middle) overheard() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said
}

func (m *middle) serve(c net.Conn) {
	m.mu.Lock()
	shown := m.shown
	m.open[c] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.open, c)
		m.mu.Unlock()
		_ = c.Close() // it may be closed already
	}()
	if shown != nil {
		secure := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*shown}, ClientAuth: tls.RequestClientCert})
		if secure.HandshakeContext(m.t.Context()) != nil {
			return
		}
		var said bytes.Buffer
		_, _ = io.Copy(&said, io.LimitReader(secure, 1<<16)) // whatever it says is too much
		m.mu.Lock()
		m.said += said.Len()
		m.mu.Unlock()
		return
	}
	up, err := net.Dial("tcp", m.broker)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(up, c) // an end is an end, whyever
		_ = up.Close()
	})
	_, _ = io.Copy(c, up)
	_ = c.Close()
	_ = up.Close()
	both.Wait()
}

// stranger is a certificate for the broker's address that nobody in the province has signed.
func (m *middle) stranger() tls.Certificate {
	m.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, k.Public(), k)
	if err != nil {
		m.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}
