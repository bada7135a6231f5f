package firmware

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var update = flag.Bool("update", false, "write the access list anew from wire's rules")

// hangs is when a test gives up waiting for a real process.
const hangs = 20 * time.Second

const aclHeader = `# Who may use which topic; goes to /etc/mosquitto/acl. Made from the same rules as the
# centre's own broker: go test ./firmware-config -run TestAccessList -update
#
# %u is the common name of the client's certificate: the device id. Mosquitto grants
# every subscription and filters what it delivers, so a device that subscribes to more
# simply receives no more. But a shared subscription deals each message to one of its
# members before this list is asked, and whoever knows its name is a member. So the centre
# subscribes plainly; several that share the work do it under a long random name
# ($share/RANDOM/loaxa/v1/d/+/up/+), or a broken-into device could draw journals away.

# The centre, all its processes.
user ` + identity.CentreName + `
topic readwrite loaxa/v1/#

# Each device: its own words up, what is meant for it down.
`

const aclAreas = `
# Alerts of areas. Which areas a device lies in is known to the province only; a list
# with exactly its own (` + "`user DEVICE`, `topic read loaxa/v1/a/AREA/down/alert`" + `) is made
# there. Until then every device of the province may read every area's alerts: they are
# signed for their area and about to be spoken in public, so reading them gives no power.
# (Mosquitto warns that this pattern names no client. It is meant for all.)
`

// accessList is mosquitto's form of wire's rules.
func accessList() string {
	var b strings.Builder
	b.WriteString(aclHeader)
	for _, r := range wire.Rules() {
		access := "read"
		if r.Write {
			access = "write"
		}
		fmt.Fprintf(&b, "pattern %s %s\n", access, r.Topic)
	}
	b.WriteString(aclAreas)
	fmt.Fprintf(&b, "pattern read %s\n", wire.Topic{Area: "+", Kind: wire.Alert})
	return b.String()
}

// TestAccessList: the shipped list and the rules in code cannot drift apart.
func TestAccessList(t *testing.T) {
	file := filepath.Join("mosquitto", "acl")
	want := accessList()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from wire.Rules; run with -update and look at the difference\n%s", file, want)
	}
}

// broker is a mosquitto that runs with the shipped files.
type broker struct {
	ca              *identity.CA
	caDir           string
	devices, centre string // addresses of the two listeners
}

// startMosquitto starts the installed mosquitto with the shipped configuration; only
// paths and ports are put into the test's own tree.
func startMosquitto(t *testing.T) *broker {
	t.Helper()
	program := tool(t, "mosquitto")
	dir := t.TempDir()
	b := &broker{caDir: filepath.Join(dir, "certs"), devices: freePort(t), centre: freePort(t)}
	b.ca = openCA(t, b.caDir, time.Now)
	if _, err := b.ca.Server([]string{"localhost"}); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	acl, err := filepath.Abs(filepath.Join("mosquitto", "acl"))
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	conf := read(t, filepath.Join("mosquitto", "mosquitto.conf"))
	for _, r := range [][2]string{
		{"acl_file /etc/mosquitto/acl", "acl_file " + acl},
		{"file /etc/mosquitto/certs/", "file " + b.caDir + "/"},
		{"persistence_location /var/lib/mosquitto/", "persistence_location " + state + "/"},
		{"\nlistener 8883\n", "\nlistener " + listenArgs(b.devices) + "\n"},
		{"\nlistener 8884 127.0.0.1\n", "\nlistener " + listenArgs(b.centre) + "\n"},
	} {
		if !strings.Contains(conf, r[0]) {
			t.Fatalf("mosquitto.conf says nowhere %q", r[0])
		}
		conf = strings.ReplaceAll(conf, r[0], r[1])
	}
	file := filepath.Join(dir, "mosquitto.conf")
	// As root mosquitto would become its own user, who may not read our tree.
	write(t, file, conf+"\nuser "+me.Username+"\n")

	cmd := exec.Command(program, "-c", file)
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		// It may have gone already; then the signal finds nobody.
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("stop mosquitto: %v", err)
		}
		if err := <-exited; err != nil {
			t.Errorf("mosquitto: %v", err)
		}
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", log)
		}
	})
	for _, addr := range []string{b.devices, b.centre} {
		eventually(t, "mosquitto listening on "+addr, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close() // only a knock
			}
			return err == nil
		})
	}
	return b
}

func openCA(t *testing.T, dir string, now func() time.Time) *identity.CA {
	t.Helper()
	ca, err := identity.OpenCA(dir, "Hà Tĩnh", now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// certificate as an agent gets it: an Ed25519 key of its own, signed by the CA.
func certificate(t *testing.T, ca *identity.CA, name string) *tls.Certificate {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Device(radio.DeviceID(name), pub)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// peer is a client of the broker.
type peer struct {
	*mqtt.Client
	got         chan mqtt.Message
	connections atomic.Int32
}

// device joins as what its certificate says.
func (b *broker) device(t *testing.T, id radio.DeviceID, filters ...string) *peer {
	t.Helper()
	return b.join(t, b.devices, certificate(t, b.ca, string(id)), string(id), filters...)
}

// office joins as one process of the centre.
func (b *broker) office(t *testing.T, clientID string, filters ...string) *peer {
	t.Helper()
	cert, err := b.ca.Centre()
	if err != nil {
		t.Fatal(err)
	}
	return b.join(t, b.centre, &cert, clientID, filters...)
}

// join connects and waits until the subscriptions stand.
func (b *broker) join(t *testing.T, addr string, cert *tls.Certificate, clientID string, filters ...string) *peer {
	t.Helper()
	p := &peer{got: make(chan mqtt.Message, 256)}
	up := make(chan struct{}, 16)
	client, err := mqtt.New(mqtt.Options{
		Servers: []string{"mqtts://" + addr}, ClientID: clientID,
		TLS:           trust.ClientTLS(b.ca.Certificate(), cert, "localhost", time.Now),
		Subscriptions: func() []string { return filters },
		OnConnect:     func(context.Context) { p.connections.Add(1); up <- struct{}{} },
		Handle:        func(_ context.Context, m mqtt.Message) { m.Ack(); p.got <- m },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Client = client
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", clientID, err)
		}
	})
	select {
	case <-up:
	case <-time.After(hangs):
		t.Fatalf("%s cannot connect", clientID)
	}
	return p
}

func (p *peer) say(t *testing.T, topic, payload string, retained bool) {
	t.Helper()
	if err := p.Publish(t.Context(), topic, []byte(payload), retained); err != nil {
		t.Fatalf("publish to %s: %v", topic, err)
	}
}

const end = "the end"

// heard gives the topics that arrived before the message with the payload end.
func (p *peer) heard(t *testing.T) []string {
	t.Helper()
	var topics []string
	patience := time.After(hangs)
	for {
		select {
		case m := <-p.got:
			if string(m.Payload) == end {
				return topics
			}
			topics = append(topics, m.Topic)
		case <-patience:
			t.Fatalf("the last message does not come; before it %q", topics)
		}
	}
}
