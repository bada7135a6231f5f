package mosquitto

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	one  = radio.DeviceID("01JD0000000000000000000DE1")
	two  = radio.DeviceID("01JD0000000000000000000DE2")
	area = radio.AreaID("01JD0000000000000000000AR1")
)

var good = Options{Devices: ":8883", Centre: "127.0.0.1:8884", At: "/etc/mosquitto/loaxa", State: "/var/lib/mosquitto", Connections: 10_000}

// TestGolden: whoever runs the broker sees in the history what a change of ours changes
// for them.
func TestGolden(t *testing.T) {
	conf, err := Conf(good)
	if err != nil {
		t.Fatal(err)
	}
	acl, err := ACL("centre", []Device{{ID: two}, {ID: one, Areas: []radio.AreaID{area}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{ConfFile: conf, ACLFile: acl} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s changed (%v); look at the difference and run with -update\n%s", name, err, got)
		}
	}
}

// TestPlainIsNotOffered: no option leads to a listener without a certificate.
func TestPlainIsNotOffered(t *testing.T) {
	conf, err := Conf(good)
	if err != nil {
		t.Fatal(err)
	}
	listeners := strings.Split(string(conf), "\nlistener ")[1:]
	if len(listeners) != 2 {
		t.Fatalf("%d listeners", len(listeners))
	}
	for _, l := range listeners {
		for _, line := range []string{"require_certificate true", "use_identity_as_username true", "tls_version tlsv1.3", "crlfile /etc/mosquitto/loaxa/crl.pem"} {
			if !strings.Contains(l, "\n"+line+"\n") {
				t.Errorf("a listener without %q:\n%s", line, l)
			}
		}
	}
	if !strings.Contains(string(conf), "\nallow_anonymous false\n") {
		t.Error("anonymous clients are let in")
	}
}

func TestOptions(t *testing.T) {
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no port":             func(o *Options) { o.Devices = "localhost" },
		"port 0":              func(o *Options) { o.Devices = ":0" },
		"port with a line":    func(o *Options) { o.Centre = "127.0.0.1:1\nallow_anonymous true" },
		"host with a line":    func(o *Options) { o.Centre = "a\nb:1" },
		"host with a space":   func(o *Options) { o.Centre = "a b:1" },
		"relative folder":     func(o *Options) { o.At = "loaxa" },
		"folder with a line":  func(o *Options) { o.State = "/a\nallow_anonymous true" },
		"user with a line":    func(o *Options) { o.User = "a\nallow_anonymous true" },
		"no place for anyone": func(o *Options) { o.Connections = 0 },
	} {
		o := good
		change(&o)
		if _, err := Conf(o); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACLRefuses(t *testing.T) {
	for name, devices := range map[string][]Device{
		"twice":             {{ID: one}, {ID: one}},
		"a wildcard":        {{ID: "+"}},
		"another line":      {{ID: one + "\ntopic readwrite #"}},
		"nobody":            {{}},
		"an area that is +": {{ID: one, Areas: []radio.AreaID{"+"}}},
		"an area of a line": {{ID: one, Areas: []radio.AreaID{area + "\n"}}},
	} {
		if _, err := ACL("centre", devices); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ACL(string(one), []Device{{ID: one}}); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a device under the centre's name: %v", err)
	}
}

// TestACLIsTheRules: per device as many lines as rules, in its own section.
func TestACLIsTheRules(t *testing.T) {
	acl, err := ACL("centre", []Device{{ID: one, Areas: []radio.AreaID{area}}, {ID: two}})
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(acl), "\nuser ")[1:]
	if len(sections) != 3 || !strings.HasPrefix(sections[0], "centre\n") {
		t.Fatalf("%q", sections)
	}
	for i, rules := range [][]wire.Rule{wire.Rules(one, []radio.AreaID{area}), wire.Rules(two, nil)} {
		var want strings.Builder
		for _, r := range rules {
			want.WriteString(map[bool]string{true: "topic write ", false: "topic read "}[r.Write] + r.Topic + "\n")
		}
		if _, got, _ := strings.Cut(strings.TrimSpace(sections[i+1])+"\n", "\n"); got != want.String() {
			t.Errorf("got\n%s\nwant\n%s", got, want.String())
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "broker")
	files := Files{"a": []byte("one"), "b": []byte("two")}
	seen := filepath.Join(dir, SeenFile)
	round := func(want bool) {
		t.Helper()
		changed, err := files.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		if seen, err := Seen(seen, files.Generation()); err != nil || changed != want || seen == want {
			t.Errorf("changed %v, seen %v, want changed %v (%v)", changed, seen, want, err)
		}
	}
	round(true)
	first, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if first.Mode().Perm() != 0o640 {
		t.Errorf("mode %o", first.Mode().Perm())
	}
	round(false)
	files["b"] = []byte("three")
	round(true)
	round(false)
	if again, err := os.Stat(filepath.Join(dir, "a")); err != nil || !os.SameFile(first, again) {
		t.Errorf("a file that was right was written again (%v)", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(b) != "three" {
		t.Errorf("%s %v", b, err)
	}
	// Changed by hand: put right, and told.
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("mine"), 0o640); err != nil {
		t.Fatal(err)
	}
	if changed, err := files.Write(dir); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	round(false)
	if b, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(b) != "one" {
		t.Errorf("%s %v", b, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%v %v", left, err)
	}
}

// TestCutShort: what a run wrote and did not tell, the next tells.
func TestCutShort(t *testing.T) {
	dir := t.TempDir()
	files := Files{"a": []byte("one")}
	if _, err := files.Write(dir); err != nil {
		t.Fatal(err)
	}
	if seen, err := Seen(filepath.Join(dir, SeenFile), files.Generation()); err != nil || seen {
		t.Errorf("seen %v, %v", seen, err)
	}
}
