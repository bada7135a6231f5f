package firmware

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// tool finds a program the test needs; Debian keeps some outside a user's PATH.
func tool(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("short: needs " + name)
	}
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: run `make deps-test`", name)
	return ""
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hangs is when a test gives up waiting for a real process.
const hangs = 20 * time.Second

// eventually polls where a real process is involved.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(hangs)
	for !ok() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("%s: not within %s", what, hangs)
		}
	}
}
