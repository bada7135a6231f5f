//go:build unix

package amplifier

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hooks writes a word for each call into a file; on takes the shell line before it.
func hooks(t *testing.T, before string) (Config, func() string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "calls")
	sh := func(line, word string) []string {
		return []string{"/bin/sh", "-c", line + `echo ` + word + ` >> "$0"`, file}
	}
	cfg := Config{Driver: DriverCommand, On: sh(before, "on"), Off: sh("", "off"), Timeout: 2 * time.Second, Lock: filepath.Join(dir, "lock")}
	return cfg, func() string {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(b)), " ")
	}
}

func newSwitch(t *testing.T, cfg Config) driver {
	t.Helper()
	d, err := newDriver(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCommand(t *testing.T) {
	t.Run("no shell is between", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "x; touch y")
		d := newSwitch(t, Config{Driver: DriverCommand, On: []string{"/bin/touch", file}, Off: []string{"/bin/rm", file}, Timeout: time.Second})
		for _, on := range []bool{true, false} {
			if err := d.set(t.Context(), on); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(file); (err == nil) != on {
				t.Errorf("%v: %v", on, err)
			}
		}
	})
	t.Run("says what went wrong", func(t *testing.T) {
		sh := []string{"/bin/sh", "-c", "echo no such relay >&2; exit 3"}
		err := newSwitch(t, Config{Driver: DriverCommand, On: sh, Off: sh, Timeout: time.Second}).set(t.Context(), true)
		if err == nil || !strings.Contains(err.Error(), "no such relay") || !strings.Contains(err.Error(), "exit status 3") {
			t.Error(err)
		}
		err = newSwitch(t, Config{Driver: DriverCommand, On: []string{"/nowhere/amp"}, Off: sh, Timeout: time.Second}).set(t.Context(), true)
		if !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("one that hangs is ended with all it started", func(t *testing.T) {
		dir := t.TempDir()
		sh := []string{"/bin/sh", "-c", `sleep 600 & echo $! > "$0"; wait`, filepath.Join(dir, "pid")}
		d := newSwitch(t, Config{Driver: DriverCommand, On: sh, Off: sh, Timeout: 300 * time.Millisecond})
		if err := d.set(t.Context(), true); err == nil || !strings.Contains(err.Error(), "did not end within") {
			t.Error(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(b), &pid); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the grandchild is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) })
	})
	t.Run("a flood of words is bounded", func(t *testing.T) {
		sh := []string{"/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; exit 1"}
		err := newSwitch(t, Config{Driver: DriverCommand, On: sh, Off: sh, Timeout: 5 * time.Second}).set(t.Context(), true)
		if err == nil || len(err.Error()) > 2*maxSaid {
			t.Errorf("%.300v", err)
		}
	})
}

// zombie: in a container nobody may collect orphans.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// An agent is killed while its "on" runs: the "off" of who is left comes after it.
func TestOffWaitsForTheOnOfTheDead(t *testing.T) {
	cfg, calls := hooks(t, "sleep 0.5; ")
	lock, err := os.OpenFile(cfg.Lock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	// What the dead agent left: its program, with the lock in its hands.
	orphan := exec.Command(cfg.On[0], cfg.On[1:]...)
	orphan.ExtraFiles = []*os.File{lock}
	if err := errors.Join(orphan.Start(), lock.Close()); err != nil {
		t.Fatal(err)
	}
	if err := Off(t.Context(), cfg, 0, quiet); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != "on off" {
		t.Errorf("calls %q", got)
	}
	if err := orphan.Wait(); err != nil {
		t.Error(err)
	}
}

func TestLockOfAProgramThatNeverEnds(t *testing.T) {
	cfg, calls := hooks(t, "")
	cfg.Timeout = 200 * time.Millisecond
	lock, err := os.OpenFile(cfg.Lock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := Off(t.Context(), cfg, 0, quiet); err != nil || calls() != "off" {
		t.Errorf("%v, calls %q", err, calls())
	}
}

// A player outlives its agent by a second; meanwhile another agent may have come.
func TestOffLeavesThePowerOfAnother(t *testing.T) {
	cfg, calls := hooks(t, "")
	if err := Off(t.Context(), cfg, 4711, quiet); err != nil || calls() != "off" {
		t.Errorf("nobody has switched on yet: %v, calls %q", err, calls())
	}
	if err := newSwitch(t, cfg).set(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := Off(t.Context(), cfg, os.Getpid()+1, quiet); err != nil || calls() != "off on" {
		t.Errorf("another's: %v, calls %q", err, calls())
	}
	if err := Off(t.Context(), cfg, os.Getpid(), quiet); err != nil || calls() != "off on off" {
		t.Errorf("its own: %v, calls %q", err, calls())
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
