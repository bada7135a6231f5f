package library

import (
	"log/slog"
	"os"
	"os/exec"
	"testing"
)

// childArg makes the test binary an intake child, as the hidden subcommand makes the
// centre's binary one. It goes by argument, since children get no environment.
const childArg = "-intake-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(ChildMain(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// newIntake makes an intake whose child is this test binary.
func newIntake(t testing.TB, change func(*Options)) *Intake {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under -race a process sleeps a second before it ends, unless told not to.
	command := []string{"env", "GORACE=atexit_sleep_ms=0", exe, childArg}
	opt := Options{Command: command, WorkDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
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
