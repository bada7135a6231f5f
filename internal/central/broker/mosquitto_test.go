package broker

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func startMosquitto(t *testing.T, r *recorder) *subject {
	return startExternal(t, r, "loaxa/v1/d/+/up/#")
}

func startMosquittoShared(t *testing.T, r *recorder) *subject {
	return startExternal(t, r, "$share/centre/loaxa/v1/d/+/up/#")
}

func startExternal(t *testing.T, r *recorder, filter string) *subject {
	t.Helper()
	addr := mosquitto(t)
	b, err := NewExternal(ExternalOptions{
		Servers: []string{"mqtt://" + addr}, ClientID: "centre", Username: "centre",
		Filter: filter, Ingest: r, Logger: testLogger(t), RetryFrom: 50 * time.Millisecond,
		Device: func(topic string) (string, bool) {
			levels := strings.Split(topic, "/")
			return levels[3], len(levels) > 5
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	eventually(t, "link to mosquitto", func() bool { return b.Connected("one") })
	return &subject{link: b, addr: addr}
}

const mosquittoACL = `user centre
topic readwrite loaxa/#
pattern write loaxa/v1/d/%u/up/#
pattern read loaxa/v1/d/%u/down/#
pattern read loaxa/v1/a/north/down/alert
`

func mosquitto(t *testing.T) string {
	t.Helper()
	addr := freePort(t)
	stop := startMosquittoAt(t, addr)
	t.Cleanup(stop)
	return addr
}

func freePort(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	return probe.Addr().String()
}

func startMosquittoAt(t *testing.T, addr string) (stop func()) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: needs mosquitto")
	}
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		// Debian keeps it outside a user's PATH.
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Fatal("mosquitto is missing: run `make deps`")
		}
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	acl, conf := filepath.Join(dir, "acl"), filepath.Join(dir, "conf")
	for name, text := range map[string]string{
		acl: mosquittoACL,
		conf: fmt.Sprintf("user %s\nlistener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\nmax_packet_size %d\n"+
			"max_inflight_messages 1000\nmax_queued_messages 200000\n", me.Username, port, acl, MaxPacket),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-c", conf)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "mosquitto listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed: its exit code is an error
		if t.Failed() {
			t.Logf("mosquitto says:\n%s", out.String())
		}
	}
}
