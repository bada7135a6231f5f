package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// relay is a device's amplifier: a program that writes down each call and when.
type relay struct {
	t    *testing.T
	file string
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	r := &relay{t: t, file: filepath.Join(t.TempDir(), "relay")}
	text := "set -eu\nread up rest < /proc/uptime\necho \"$1 $up\" >> " + r.file + ".calls\n"
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *relay) env() []string {
	return []string{"LOAXA_AGENT_AMPLIFIER_DRIVER=command", "LOAXA_AGENT_AMPLIFIER_WARM_UP_MS=1000",
		"LOAXA_AGENT_AMPLIFIER_ON=/bin/sh," + r.file + ",on", "LOAXA_AGENT_AMPLIFIER_OFF=/bin/sh," + r.file + ",off"}
}

// call of the relay, on Mono; /proc/uptime counts in hundredths.
type call struct {
	on bool
	at time.Duration
}

func (r *relay) calls() []call {
	r.t.Helper()
	b, err := os.ReadFile(r.file + ".calls")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	var out []call
	for line := range strings.Lines(string(b)) {
		word, up, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, err := strconv.ParseFloat(up, 64)
		if err != nil {
			r.t.Fatalf("call %q", line)
		}
		out = append(out, call{word == "on", time.Duration(s * float64(time.Second))})
	}
	return out
}

func (r *relay) isOn() bool {
	c := r.calls()
	return len(c) > 0 && c[len(c)-1].on
}

func (r *relay) String() string {
	var b strings.Builder
	for _, c := range r.calls() {
		fmt.Fprintf(&b, " %v@%s", c.on, c.at)
	}
	return b.String()
}

// child is the player of an agent: the one process it has.
func (a *agentProcess) child() int {
	a.h.t.Helper()
	// Each thread has its own children.
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", a.cmd.Process.Pid))
	if err != nil {
		a.h.t.Fatal(err)
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for _, f := range strings.Fields(string(b)) {
			cmdline, err := os.ReadFile("/proc/" + f + "/cmdline")
			if pid, perr := strconv.Atoi(f); err == nil && perr == nil && strings.HasSuffix(string(cmdline), "player\x00") {
				return pid
			}
		}
	}
	return 0
}

// amplifierCut is what befalls an agent while a bulletin sounds: cut does it, judge says
// afterwards what became of the amplifier.
type amplifierCut struct {
	code string
	cut  func(t *testing.T, a *agentProcess)
	// judge may wait; lane by lane, in order.
	judge func(t *testing.T, a *agentProcess, r *relay)
}

// TestAmplifierAfterAKill: agent, player or both are killed while a bulletin sounds.
// Whoever is left switches off; after both it is what the service unit runs.
func TestAmplifierAfterAKill(t *testing.T) {
	lane(t, short)
	const seconds = 20
	var player int
	var killed time.Duration
	cases := []amplifierCut{
		// The first: it is judged while the bulletin goes on.
		{"player", func(t *testing.T, a *agentProcess) {
			if player = a.child(); player == 0 {
				t.Fatal("no player sounds")
			}
			if err := syscall.Kill(player, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, a *agentProcess, r *relay) {
			a.h.eventually(10*time.Second, "another player", func() bool { p := a.child(); return p != 0 && p != player })
			if !r.isOn() {
				t.Errorf("off while it goes on:%s", r)
			}
			a.h.eventually((seconds+15)*time.Second, "off after the end", func() bool { return !r.isOn() })
		}},
		{"agent", func(t *testing.T, a *agentProcess) {
			if err := a.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed = clock.Mono()
			<-a.done
		}, func(t *testing.T, a *agentProcess, r *relay) {
			a.h.eventually(10*time.Second, "the player is gone", func() bool {
				return errors.Is(syscall.Kill(-a.cmd.Process.Pid, 0), syscall.ESRCH)
			})
			if r.isOn() {
				t.Fatalf("left on:%s", r)
			}
			c := r.calls()
			if late := c[len(c)-1].at - killed; late > 5*time.Second {
				t.Errorf("off %s after the death of the agent", late)
			}
		}},
		{"both", func(t *testing.T, a *agentProcess) {
			a.kill(t) // the group: the player with it
			a.run("amplifier", "--config", a.config(), "off")
		}, func(t *testing.T, a *agentProcess, r *relay) {
			if r.isOn() {
				t.Errorf("left on:%s", r)
			}
		}},
		{"none", func(t *testing.T, a *agentProcess) { a.stop(t) }, func(t *testing.T, a *agentProcess, r *relay) {
			if r.isOn() {
				t.Errorf("left on after a stop:%s", r)
			}
		}},
	}
	var codes []string
	for _, c := range cases {
		codes = append(codes, c.code)
	}
	h := newHouse(t, codes)
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, seconds, 440))
	type lane struct {
		a *agentProcess
		r *relay
	}
	lanes := map[string]lane{}
	for _, code := range codes {
		r := newRelay(t)
		lanes[code] = lane{h.agent(code, `driver: "null"`, r.env()...), r}
	}
	due := dueMinute(30 * time.Second)
	h.schedule(due, "mot")
	for code, l := range lanes {
		l.a.ready(due)
		h.eventually(10*time.Second, code+" has switched off at its start", func() bool { return len(l.r.calls()) == 1 })
		if l.r.isOn() {
			t.Errorf("%s: on at its start", code)
		}
	}
	planned := clock.Mono() + time.Until(due)
	for code, l := range lanes {
		h.eventually(time.Until(due)+15*time.Second, code+" sounds", func() bool {
			s, ok := l.a.status()
			return ok && s.Sounding != nil && s.Output.Amplifier == radio.AmplifierOn
		})
		c := l.r.calls()
		if early := planned - c[len(c)-1].at; len(c) != 2 || !c[1].on || early < time.Second || early > 5*time.Second {
			t.Errorf("%s: calls%s, planned at %s", code, l.r, planned)
		}
	}
	for _, c := range cases {
		c.cut(t, lanes[c.code].a)
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) { c.judge(t, lanes[c.code].a, lanes[c.code].r) })
	}
}
