package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
)

// TestBrokerConfig: the exit codes are what systemd's ExecCondition goes by.
func TestBrokerConfig(t *testing.T) {
	data, out := t.TempDir(), filepath.Join(t.TempDir(), "broker")
	t.Setenv("LOAXA_DATA", data)
	t.Setenv("LOAXA_CONFIG", "")
	run := func(want int, args ...string) string {
		t.Helper()
		var said bytes.Buffer
		code, err := brokerConfig(t.Context(), &env{out: &said, err: &said}, args)
		if code != want || (err != nil) != (want == brokerFailed) {
			t.Errorf("%q: code %d, %v; want %d\n%s", args, code, err, want, &said)
		}
		return said.String()
	}
	run(brokerFailed)
	run(brokerFailed, "rabbitmq")
	run(brokerFailed, "mosquitto")
	run(brokerFailed, "mosquitto", "--out", out) // no centre yet
	if _, err := os.Stat(out); err == nil {
		t.Error("a failure left a folder")
	}
	layDown(t, data)
	run(brokerFailed, "mosquitto", "--out", out, "--devices", "nowhere")
	if said := run(brokerChanged, "mosquitto", "--out", out); !strings.Contains(said, out) {
		t.Errorf("said %q", said)
	}
	run(brokerUnchanged, "mosquitto", "--out", out)
	run(brokerChanged, "mosquitto", "--out", out, "--devices", "10.0.0.1:8883")
	seen := filepath.Join(t.TempDir(), "seen")
	run(brokerChanged, "mosquitto", "--out", out, "--devices", "10.0.0.1:8883", "--seen", seen)
	run(brokerUnchanged, "mosquitto", "--out", out, "--devices", "10.0.0.1:8883", "--seen", seen)

	conf, err := os.ReadFile(filepath.Join(out, "mosquitto.conf"))
	if err != nil || !strings.Contains(string(conf), "\nlistener 8883 10.0.0.1\n") || !strings.Contains(string(conf), "\nacl_file "+out+"/acl\n") {
		t.Errorf("%v\n%s", err, conf)
	}
	for name, mode := range map[string]os.FileMode{"mosquitto.conf": 0o640, "acl": 0o640, "crl.pem": 0o640, "ca.pem": 0o640, "server-key.pem": 0o600} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

// layDown makes a centre with a province.
func layDown(t *testing.T, data string) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, "loaxa.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.ApplyPlan(t.Context(), storetest.SamplePlan()), db.Close()); err != nil {
		t.Fatal(err)
	}
}
