package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// relayed adds an amplifier to a configuration whose programs write down each call when
// it has had its effect; on takes its time.
func relayed(t *testing.T, dir, config string) (isOn func() bool, told func() string) {
	t.Helper()
	script, calls := filepath.Join(dir, "relay"), filepath.Join(dir, "calls")
	if err := os.WriteFile(script, []byte("[ $1 = off ] || sleep 1.4\necho $1 >> "+calls+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "amplifier:\n  driver: command\n  on: [/bin/sh, %q, \"on\"]\n  off: [/bin/sh, %[1]q, \"off\"]\n  warm_up_ms: 200\n", script)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	told = func() string {
		b, err := os.ReadFile(calls)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(b)), " ")
	}
	return func() bool { return strings.HasSuffix(told(), "on") }, told
}

// childOf finds the player of a process; 0 when it has none.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for _, f := range strings.Fields(string(b)) {
			cmdline, err := os.ReadFile("/proc/" + f + "/cmdline")
			if n, perr := strconv.Atoi(f); err == nil && perr == nil && strings.HasSuffix(string(cmdline), "player\x00") {
				return n
			}
		}
	}
	return 0
}

// TestAmplifierAfterARandomKill: at any moment of a sound, from before the amplifier is
// on to after its end, the parent, the player or both are killed. What is left switches
// off; after both it is what a service unit runs. The "on" of a dead parent, which may
// still run, does not come last.
func TestAmplifierAfterARandomKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills real processes")
	}
	const seeds = 18
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 8))
			victim := []string{"parent", "player", "both"}[seed%3]
			wait := time.Duration(rnd.Int64N(int64(4 * time.Second)))
			dir := shortDir(t)
			config := configFile(t, dir, "10:00")
			isOn, told := relayed(t, dir, config)
			cmd, out := process(t, "test-tone", "--config", config)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			<-time.After(wait)
			pid := cmd.Process.Pid
			kill := func(who int) {
				if err := syscall.Kill(who, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Error(err)
				}
			}
			switch victim {
			case "parent":
				kill(pid)
			case "player":
				if child := childOf(t, pid); child != 0 {
					kill(child)
				}
			case "both":
				kill(-pid)
			}
			<-ended // one that was killed, or has lost its player, has failed
			if victim == "both" {
				if code, _, errs := call(t, nil, "amplifier", "--config", config, "off"); code != 0 {
					t.Errorf("off: exit %d, %s", code, errs)
				}
			}
			eventually(t, "all are gone", func() bool { return groupIsGone(pid) })
			if isOn() {
				t.Errorf("%s killed after %s: %s\n%s", victim, wait, told(), out)
			}
			t.Logf("%s killed after %s: %q", victim, wait, told())
		})
	}
}
