package central

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// admission is at which listeners somebody is let in: the embedded broker's, mosquitto's
// two, and the centre's for media.
type admission struct{ embedded, devices, centre, media bool }

// identities are all that can knock, each with what is right.
var identities = map[string]struct {
	in admission
	// mute is let in by a broker that knows certificates only, and may do nothing there.
	mute bool
}{
	"a device":                      {in: admission{embedded: true, devices: true, centre: true, media: true}},
	"a device enrolled again":       {in: admission{embedded: true, devices: true, centre: true, media: true}},
	"the certificate it had before": {},
	"a device the centre forgot":    {in: admission{devices: true, centre: true}, mute: true},
	"the centre":                    {in: admission{devices: true, centre: true}},
	"the centre's server":           {},
	"a device of another province":  {},
	"an expired certificate":        {},
	"a device under TLS 1.2":        {},
	"nobody":                        {},
	"a device without TLS":          {},
}

// knocker is one of them with what it shows.
type knocker struct {
	id     radio.DeviceID
	cert   *tls.Certificate
	change func(*tls.Config)
	plain  bool
}

func (b *wardBroker) knockers(t *testing.T) map[string]knocker {
	t.Helper()
	before := b.of["far"].cert
	b.enrol(t, "far")
	b.reload(t)
	open := func(dir string, now func() time.Time) *identity.CA {
		ca, err := identity.OpenCA(dir, "Nghệ An", now)
		if err != nil {
			t.Fatal(err)
		}
		return ca
	}
	issued := func(ca *identity.CA, id radio.DeviceID) *tls.Certificate {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := ca.Device(id, pub)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	}
	centre, err := b.ca.Centre()
	if err != nil {
		t.Fatal(err)
	}
	server, err := b.ca.Server(b.cfg.Devices.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	own, far, stranger := b.of["own"], b.of["far"], radio.NewID[radio.DeviceID]()
	longAgo := open(b.cfg.dir("ca"), func() time.Time { return time.Now().AddDate(-2, 0, 0) })
	return map[string]knocker{
		"a device":                      {id: own.id, cert: own.cert},
		"a device enrolled again":       {id: far.id, cert: far.cert},
		"the certificate it had before": {id: far.id, cert: before},
		"a device the centre forgot":    {id: stranger, cert: issued(b.ca, stranger)},
		"the centre":                    {id: identity.CentreName, cert: &centre},
		"the centre's server":           {id: own.id, cert: server},
		"a device of another province":  {id: own.id, cert: issued(open(t.TempDir()+"/ca", time.Now), own.id)},
		"an expired certificate":        {id: own.id, cert: issued(longAgo, own.id)},
		"a device under TLS 1.2": {id: own.id, cert: own.cert, change: func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		}},
		"nobody":               {id: own.id},
		"a device without TLS": {id: own.id, plain: true},
	}
}

// knock joins at one listener.
func (b *wardBroker) knock(addr string, k knocker) (*rawClient, error) {
	if !k.plain {
		return b.join(addr, k.cert, string(k.id), k.change)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return join(conn, string(k.id))
}

func TestWhoIsLetIn(t *testing.T) {
	bothBrokers(t, func(t *testing.T, b *wardBroker) {
		knockers := b.knockers(t)
		for name := range identities {
			if _, ok := knockers[name]; !ok {
				t.Errorf("nobody knocks as %q", name)
			}
		}
		for name, k := range knockers {
			right, ok := identities[name]
			if !ok {
				t.Errorf("nobody has said whether %q is let in", name)
			}
			at := map[string]bool{b.listen: right.in.embedded}
			if b.centre != "" {
				at = map[string]bool{b.listen: right.in.devices, b.centre: right.in.centre}
			}
			for addr, want := range at {
				c, err := b.knock(addr, k)
				if (err == nil) != want {
					t.Errorf("%s at %s: %v, want in %v", name, addr, err, want)
				}
				if err != nil {
					continue
				}
				if right.mute {
					b.mute(t, name, k.id, c)
				}
				c.conn.Close()
			}
		}
	})
}

// TestWhoGetsAudio: the same at the listener for media, which asks the centre itself.
func TestWhoGetsAudio(t *testing.T) {
	b := embeddedBroker(t)
	knockers := b.knockers(t)
	server, err := b.deviceServer(b.ca, b.devices)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	path := wire.MediaPath + strings.Repeat("ab", 32) // nobody has it: 404 for those let in
	for name, k := range knockers {
		address := "https://" + l.Addr().String() + path
		conf := trust.ClientTLS(b.ca.Certificate(), k.cert, b.cfg.Devices.Hosts[0], time.Now)
		if k.change != nil {
			k.change(conf)
		}
		if k.plain {
			address = strings.Replace(address, "https", "http", 1)
		}
		transport := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: transport, Timeout: hangs}).Get(address)
		in := err == nil && resp.StatusCode == http.StatusNotFound
		if err == nil {
			if !in && resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %s", name, resp.Status)
			}
			resp.Body.Close()
		}
		if in != identities[name].in.media {
			t.Errorf("%s: let in %v (%v), want %v", name, in, err, identities[name].in.media)
		}
	}
}

// mute fails the test when somebody who is let in is heard, or hears anything.
func (b *wardBroker) mute(t *testing.T, name string, id radio.DeviceID, c *rawClient) {
	t.Helper()
	words := rand.Text()
	for _, topic := range wire.Contract(id, b.areas["hamlet"], radio.SHA256(strings.Repeat("ab", 32))) {
		b.tell(t, topic.String(), "kept "+words, true)
		if _, err := c.subscribe(topic.String()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.publish(1, topic.String(), words); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := c.ping(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// Told after it on the same way: what was said before has come.
	b.tell(t, wire.DownTopic(b.of["own"].id, wire.Ack), "end "+words, false)
	eventually(t, "the centre's word", func() bool {
		return slices.ContainsFunc(b.spied(), func(s said) bool { return s.payload == "end "+words })
	})
	if got := c.messages(); len(got) != 0 {
		t.Errorf("%s hears %v", name, got)
	}
	for _, s := range b.spied() {
		if s.payload == words {
			t.Errorf("%s is heard on %s", name, s.topic)
		}
	}
}

// TestClientID: a client id that is not its own throws nobody out.
func TestClientID(t *testing.T) {
	bothBrokers(t, func(t *testing.T, b *wardBroker) {
		victim := b.device(t, "own")
		thief, err := b.join(b.listen, b.of["neighbour"].cert, string(b.of["own"].id), nil)
		if err == nil { // mosquitto gives it the id of its certificate
			defer thief.conn.Close()
		}
		if err := victim.ping(); err != nil || victim.closed() {
			t.Errorf("thrown out: %v", err)
		}
	})
}

// TestRevoked: who may no longer come in is told so at the next reload at the latest, and
// others notice nothing.
func TestRevoked(t *testing.T) {
	bothBrokers(t, func(t *testing.T, b *wardBroker) {
		r := b.of["gone"]
		gone, other := b.device(t, "gone"), b.device(t, "own")
		// A TLS session from before must not be a way in.
		tickets := tls.NewLRUClientSessionCache(4)
		keep := func(c *tls.Config) { c.ClientSessionCache = tickets }
		early, err := b.join(b.listen, r.cert, string(r.id), keep)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "its own second connection takes the first's place", gone.closed)
		gone = early
		for _, f := range wire.Subscriptions(r.id, r.chain) {
			if _, err := gone.subscribe(f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := other.subscribe(wire.DownTopic(b.of["own"].id, wire.Ack)); err != nil {
			t.Fatal(err)
		}
		b.tell(t, wire.DownTopic(r.id, wire.Command), "before", false)
		eventually(t, "it hears", func() bool { return gone.heard("before") })

		b.revoke(t, "gone")
		b.reload(t)
		if err := b.runner.(interface{ Disconnect(string) error }).Disconnect(string(r.id)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its connection is cut", gone.closed)
		if c, err := b.join(b.listen, r.cert, string(r.id), nil); err == nil {
			c.conn.Close()
			t.Error("let in again")
		}
		if c, err := b.join(b.listen, r.cert, string(r.id), keep); err == nil {
			c.conn.Close()
			t.Error("let in again on an earlier TLS session")
		}
		// Media and journals ask the centre itself.
		leaf, err := leafOf(r.cert)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.devices.Admit(t.Context(), leaf); !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("the media listener: %v", err)
		}
		if _, err := b.devices.Key(t.Context(), r.id); !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("what it signs: %v", err)
		}

		b.tell(t, wire.DownTopic(b.of["own"].id, wire.Ack), "after", false)
		eventually(t, "the others hear", func() bool { return other.heard("after") })
		if other.closed() {
			t.Error("another device was disconnected")
		}
	})
}

// TestRevokedIsMute: on a connection that was open when mosquitto read its lists anew, a
// revoked device is neither heard nor hears, before anybody cuts it.
func TestRevokedIsMute(t *testing.T) {
	b := mosquittoBroker(t)
	r := b.of["gone"]
	gone := b.device(t, "gone")
	for _, f := range wire.Subscriptions(r.id, r.chain) {
		if _, err := gone.subscribe(f); err != nil {
			t.Fatal(err)
		}
	}
	b.revoke(t, "gone")
	b.reload(t)
	if gone.closed() {
		t.Fatal("mosquitto has learned to cut connections on reload: say so where we say that it does not")
	}
	b.mute(t, "a revoked device", r.id, gone)
}

// TestShareKeepsJournals: mosquitto lets a device join the centres' shared subscription,
// deals messages to it and only then looks at the list, so that half the journals were lost
// (seen with 2.0.11). Hence the rule in the list: a plain subscription, or a secret name.
func TestShareKeepsJournals(t *testing.T) {
	b := mosquittoBroker(t)
	thief, honest := b.device(t, "neighbour"), b.device(t, "own")
	for _, f := range []string{"$share/centre/" + wire.AllUp(), "$share/+/" + wire.AllUp()} {
		if _, err := thief.subscribe(f); err != nil {
			t.Fatal(err)
		}
	}
	shared := b.office(t, "centre-2", "$share/"+rand.Text()+"/"+wire.AllUp())
	const count = 20
	for range count {
		if err := honest.publish(1, wire.UpTopic(b.of["own"].id, wire.Journal), "x"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "every journal reaches the plain subscription", func() bool { return len(b.ear.heard()) == count })
	eventually(t, "and the shared one of a secret name", func() bool { return len(shared.messages()) == count })
}

// TestMosquittoLimits: what the embedded broker bounds, mosquitto bounds too.
func TestMosquittoLimits(t *testing.T) {
	b := mosquittoBroker(t)
	r := b.of["own"]
	topic := wire.UpTopic(r.id, wire.Journal)

	t.Run("the largest packet", func(t *testing.T) {
		d := b.device(t, "own")
		if err := d.publish(1, topic, strings.Repeat("x", wire.MaxMessage-200)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it arrives", func() bool { return len(b.ear.heard()) == 1 })
		// Only the head of a larger one: refused before it is read.
		head := append([]byte{0x32, 0x81, 0x80, 0x10}, text(topic)...)
		if _, err := d.conn.Write(head); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the connection ends", d.closed)
	})
	t.Run("QoS 2", func(t *testing.T) {
		d := b.device(t, "own")
		if err := d.send(0x34, text(topic), []byte{0, 9}, []byte("x")); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		eventually(t, "the connection ends", d.closed)
	})
	t.Run("connections", func(t *testing.T) {
		// 100 in the test's files; each knocks without logging in.
		var open []net.Conn
		defer func() {
			for _, c := range open {
				c.Close()
			}
		}()
		for range 110 {
			c, err := net.Dial("tcp", b.listen)
			if err != nil {
				break
			}
			open = append(open, c)
		}
		if c, err := b.join(b.listen, r.cert, string(r.id), nil); err == nil {
			c.conn.Close()
			t.Error("one more than allowed is let in")
		}
	})
}

// TestEvictAgain: a device that comes back before mosquitto has read its lists is ended
// again.
func TestEvictAgain(t *testing.T) {
	b := mosquittoBroker(t)
	link, err := broker.NewExternal(broker.ExternalOptions{
		Servers: b.cfg.MQTT.External, ClientID: "centre-2", Username: identity.CentreName, TLS: b.centreTLS(t), Filter: wire.AllUp(), Ingest: b.ear,
		Device: func(string) (string, bool) { return "", false }, EvictEvery: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, link)
	eventually(t, "the second link", func() bool { return link.Connected("") })
	id := b.of["own"].id
	first, bystander := b.device(t, "own"), b.device(t, "neighbour")
	if err := link.Disconnect(string(id)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first connection is cut", first.closed)
	second := b.device(t, "own")
	eventually(t, "the second one too", second.closed)
	if err := bystander.ping(); err != nil {
		t.Error(err)
	}
}
