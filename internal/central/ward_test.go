package central

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/mosquitto"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// ward is a centre with devices in three hamlets of two communes, as the brokers see it.
type ward struct {
	*Central
	ca      *identity.CA
	devices *identity.Devices
	areas   map[string]radio.AreaID
	names   []string // of the devices, in the order of their enrolment
	of      map[string]*resident
}

// resident is a device with the certificate it holds.
type resident struct {
	id    radio.DeviceID
	chain []radio.AreaID
	cert  *tls.Certificate
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{Central: opened(t), areas: map[string]radio.AreaID{}, of: map[string]*resident{}}
	plan := storetest.SamplePlan()
	area := func(kind radio.AreaKind, code string, parent radio.AreaID) radio.AreaID {
		a := radio.Area{ID: radio.NewID[radio.AreaID](), Code: code, Kind: kind, Name: code, Parent: parent}
		plan.Areas = append(plan.Areas, a)
		return a.ID
	}
	w.areas["province"], w.areas["commune"], w.areas["hamlet"] = plan.Areas[0].ID, plan.Areas[1].ID, plan.Areas[2].ID
	w.areas["next hamlet"] = area(radio.Hamlet, "thon-2", w.areas["commune"])
	w.areas["far commune"] = area(radio.Commune, "thach-ha", w.areas["province"])
	w.areas["far hamlet"] = area(radio.Hamlet, "thon-3", w.areas["far commune"])
	chains := map[string][]string{
		"own": {"province", "commune", "hamlet"}, "neighbour": {"province", "commune", "hamlet"},
		"next": {"province", "commune", "next hamlet"}, "far": {"province", "far commune", "far hamlet"},
		"gone": {"province", "commune", "hamlet"},
	}
	w.names = []string{"own", "neighbour", "next", "far", "gone"}
	for _, name := range w.names {
		r := &resident{id: radio.NewID[radio.DeviceID]()}
		for _, a := range chains[name] {
			r.chain = append(r.chain, w.areas[a])
		}
		w.of[name] = r
		plan.Devices = append(plan.Devices, radio.Device{ID: r.id, Code: name, Name: name, Hamlet: r.chain[2], Rendition: radio.MainKbps})
	}
	if err := w.store.ApplyPlan(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.ca, err = w.openCA(t.Context(), plan.Areas[0]); err != nil {
		t.Fatal(err)
	}
	w.devices = identity.NewDevices(w.ca, nil, w.store, time.Now, slog.New(slog.DiscardHandler), nil)
	for _, name := range w.names {
		w.enrol(t, name)
	}
	return w
}

// enrol gives a device a certificate for a new key; an earlier one ends.
func (w *ward) enrol(t *testing.T, name string) {
	t.Helper()
	r := w.of[name]
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := w.ca.Device(r.id, pub)
	if err != nil {
		t.Fatal(err)
	}
	known, err := trust.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := known.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	now, secret := radio.At(time.Now()), rand.Text()
	err = errors.Join(
		w.store.AddEnrolmentCode(t.Context(), radio.EnrolmentCode{SecretHash: secret, Device: r.id, CreatedBy: "test", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}),
		w.store.Enrol(t.Context(), secret, radio.Certificate{
			Serial: cert.SerialNumber.Text(16), Device: r.id, KID: known.KID, JWK: string(jwk), PEM: "-", IssuedAt: now, NotAfter: radio.At(cert.NotAfter),
		}))
	if err != nil {
		t.Fatal(err)
	}
	w.devices.Forget(r.id)
	r.cert = &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// revoke takes a device's identity, as the console does, and lets the running parts know.
func (w *ward) revoke(t *testing.T, name string) {
	t.Helper()
	end := radio.DeviceEnd{Device: w.of[name].id, Why: "mất thiết bị", Actor: "test", At: radio.At(time.Now())}
	if err := w.store.EndDevice(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	w.devices.Forget(end.Device)
}

// said is one message that reached the centre.
type said struct{ topic, payload string }

// earRecorder notes what reaches the centre.
type earRecorder struct {
	mu  sync.Mutex
	got []said
}

func (e *earRecorder) Message(_ context.Context, _, topic string, payload []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, said{topic, string(payload)})
	return nil
}

func (e *earRecorder) heard() []said {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

// wardBroker is one of the two brokers, run as the centre runs it.
type wardBroker struct {
	*ward
	runner
	ear    *earRecorder
	listen string // the address of the devices' listener
	centre string // of the centre's; "" for the embedded broker
	// reload lets the broker learn what changed at the centre.
	reload func(t *testing.T)
	// spied are all messages that passed, where there is somebody to see them.
	spied func() []said
}

// serve runs the broker of a configuration until the test ends.
func (w *ward) serve(t *testing.T) *wardBroker {
	t.Helper()
	b := &wardBroker{ward: w, ear: &earRecorder{}}
	var err error
	if b.runner, err = w.broker(w.ca, w.devices, b.ear); err != nil {
		t.Fatal(err)
	}
	b.run(t, b.runner)
	return b
}

// run runs a part until the test ends.
func (w *ward) run(t *testing.T, part interface{ Run(context.Context) error }) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- part.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// leafOf parses a certificate as a server sees it.
func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	return x509.ParseCertificate(c.Certificate[0])
}

// centreTLS is how a process of the centre connects.
func (w *ward) centreTLS(t *testing.T) *tls.Config {
	t.Helper()
	own, err := w.ca.Centre()
	if err != nil {
		t.Fatal(err)
	}
	return trust.ClientTLS(w.ca.Certificate(), &own, w.cfg.Devices.Hosts[0], time.Now)
}

func embeddedBroker(t *testing.T) *wardBroker {
	w := newWard(t)
	w.cfg.MQTT.Listen = "127.0.0.1:0"
	b := w.serve(t)
	e := b.runner.(*broker.Embedded)
	<-e.Ready()
	b.listen, b.spied, b.reload = e.Addr().String(), b.ear.heard, func(*testing.T) {}
	return b
}

// mosquittoBroker runs the installed mosquitto with the files that the centre makes for it.
func mosquittoBroker(t *testing.T) *wardBroker {
	t.Helper()
	if testing.Short() {
		t.Skip("short: needs mosquitto")
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil { // Debian keeps it outside a user's PATH
			t.Fatal("mosquitto is missing: run `make deps-test`")
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	w := newWard(t)
	dir, devices, centre := t.TempDir(), freeAddress(t), freeAddress(t)
	w.cfg.MQTT.External = []string{"mqtts://" + centre}
	files := filepath.Join(dir, "files")
	write := func(t *testing.T) {
		t.Helper()
		_, err := w.Mosquitto(t.Context(), files, filepath.Join(files, mosquitto.SeenFile), mosquitto.Options{
			Devices: devices, Centre: centre, At: files, State: dir, User: me.Username, Connections: 100,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t)
	log := &lockedText{}
	cmd := exec.Command(program, "-c", filepath.Join(files, mosquitto.ConfFile))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop mosquitto: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("mosquitto: %v", err)
		}
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", log.String())
		}
	})
	for _, addr := range []string{devices, centre} {
		eventually(t, "mosquitto listens", func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close() // only a knock
			}
			return err == nil
		})
	}
	b := w.serve(t)
	b.listen, b.centre = devices, centre
	link := b.runner.(*broker.External)
	eventually(t, "the centre's link", func() bool { return link.Connected("") })
	spy := b.office(t, "spy", wire.Prefix+"/#")
	b.spied = func() []said {
		var out []said
		for _, m := range spy.messages() {
			out = append(out, said{m.topic, m.payload})
		}
		return out
	}
	b.reload = func(t *testing.T) {
		t.Helper()
		write(t)
		before := strings.Count(log.String(), "Reloading config")
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "mosquitto reloads", func() bool { return strings.Count(log.String(), "Reloading config") > before })
		// It says so before it does it, in the loop that also answers.
		if err := spy.ping(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// lockedText is a process's output, read while it grows.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dial opens TLS as a client with this certificate does; change may spoil it.
func (b *wardBroker) dial(addr string, cert *tls.Certificate, change func(*tls.Config)) (net.Conn, error) {
	conf := trust.ClientTLS(b.ca.Certificate(), cert, b.cfg.Devices.Hosts[0], time.Now)
	if change != nil {
		change(conf)
	}
	return tls.DialWithDialer(&net.Dialer{Timeout: hangs}, "tcp", addr, conf)
}

func (b *wardBroker) join(addr string, cert *tls.Certificate, clientID string, change func(*tls.Config)) (*rawClient, error) {
	conn, err := b.dial(addr, cert, change)
	if err != nil {
		return nil, err
	}
	return join(conn, clientID)
}

// device joins as one of the ward's.
func (b *wardBroker) device(t *testing.T, name string) *rawClient {
	t.Helper()
	r := b.of[name]
	c, err := b.join(b.listen, r.cert, string(r.id), nil)
	if err != nil {
		t.Fatalf("%s is not let in: %v", name, err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// office joins an external broker as a process of the centre.
func (b *wardBroker) office(t *testing.T, clientID string, filters ...string) *rawClient {
	t.Helper()
	cert, err := b.ca.Centre()
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.join(b.centre, &cert, clientID, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	for _, f := range filters {
		if code, err := c.subscribe(f); err != nil || code > 2 {
			t.Fatalf("subscribe to %s: %d %v", f, code, err)
		}
	}
	return c
}

// tell publishes as the centre does; a device's full window is waited for.
func (b *wardBroker) tell(t *testing.T, topic, payload string, retained bool) {
	t.Helper()
	eventually(t, "publish to "+topic, func() bool { return b.Publish(t.Context(), topic, []byte(payload), retained) == nil })
}

// bothBrokers runs a test on the embedded broker and on mosquitto.
func bothBrokers(t *testing.T, test func(t *testing.T, b *wardBroker)) {
	for name, start := range map[string]func(*testing.T) *wardBroker{"embedded": embeddedBroker, "mosquitto": mosquittoBroker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func (s said) String() string { return fmt.Sprintf("%s: %s", s.topic, s.payload) }
