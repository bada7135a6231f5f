package library

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// childArg makes the test binary an intake child, as the hidden subcommand makes the
// centre's binary one. It goes by argument, since children get no environment.
const childArg = "-intake-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(ChildMain(os.Stdin, os.Stdout))
	}
	os.Exit(run(m))
}

// childDir takes the built child, once for all tests.
var childDir string

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "intake-child-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	childDir = dir
	return m.Run()
}

// builtChild is testdata/child, a child without the race detector.
var builtChild = sync.OnceValues(func() (string, error) {
	path := filepath.Join(childDir, "child")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/child").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the intake child: %w\n%s", err, out)
	}
	return path, nil
})

// selfAsChild is this test binary, race detector and all.
func selfAsChild(t testing.TB) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under -race a process sleeps a second before it ends, unless told not to.
	return []string{"env", "GORACE=atexit_sleep_ms=0", exe, childArg}
}

// newIntake makes an intake with a real child: this binary under -short, else one
// built without the race detector.
func newIntake(t testing.TB, change func(*Options)) *Intake {
	t.Helper()
	opt := Options{WorkDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	if testing.Short() {
		opt.Command = selfAsChild(t)
	} else {
		child, err := builtChild()
		if err != nil {
			t.Fatal(err)
		}
		opt.Command = []string{child}
	}
	if change != nil {
		change(&opt)
	}
	in, err := NewIntake(opt)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// needTools skips under -short, and fails without the tools otherwise.
func needTools(t testing.TB, names ...string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("needs %v; left out of -short", names)
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is missing: run `make deps`", name)
		}
	}
}

// tool runs a program in a folder to make a fixture.
func tool(t testing.TB, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}
