package firmware

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"loaxa/internal/agent"
)

const plain = "no-systemd"

// TestAmplifierIsSwitchedOffAfterTheAgent: what runs when agent and player are dead names
// the same file as the agent itself.
func TestAmplifierIsSwitchedOffAfterTheAgent(t *testing.T) {
	unit := settings(read(t, filepath.Join(board, "loaxa-agent.service")), "#")
	start := slices.IndexFunc(unit, func(l string) bool { return strings.HasPrefix(l, "ExecStart=") })
	if start < 0 {
		t.Fatal("the unit starts nothing")
	}
	program, config, ok := strings.Cut(strings.TrimPrefix(unit[start], "ExecStart="), " run --config ")
	if want := "ExecStopPost=" + program + " amplifier --config " + config + " off"; !ok || !slices.Contains(unit, want) {
		t.Errorf("the unit lacks %q", want)
	}
	if !slices.Contains(unit, "DeviceAllow=char-gpiochip rw") {
		t.Error("the unit keeps the agent from the GPIO lines")
	}
}

// TestAmplifierExamples loads what agent.yaml shows in comments.
func TestAmplifierExamples(t *testing.T) {
	text := read(t, filepath.Join(board, "agent.yaml"))
	example := regexp.MustCompile(`(?m)(^  #   .*\n)+`)
	drivers := map[string]int{}
	for _, block := range example.FindAllString(text, -1) {
		section, rest := "amplifier", strings.Replace(text, "driver: none", "", 1)
		if strings.Contains(block, "modem") {
			section, rest = "clock", text
		}
		lines := regexp.MustCompile(`(?m)^  #   `).ReplaceAllString(block, "  ")
		file := filepath.Join(t.TempDir(), "agent.yaml")
		write(t, file, strings.Replace(rest, "\n"+section+":\n", "\n"+section+":\n"+lines, 1))
		cfg, err := agent.LoadConfig(file, nil)
		if err != nil {
			t.Errorf("%s%v", lines, err)
			continue
		}
		drivers[cfg.Amplifier.Driver] += 1 + len(cfg.Clock.Modem)
	}
	if drivers["gpio"] != 1 || drivers["command"] != 1 || drivers["none"] != 2 {
		t.Errorf("examples %v", drivers)
	}
}

func TestGPIORules(t *testing.T) {
	rules := settings(read(t, filepath.Join(board, "60-loaxa-gpio.rules")), "#")
	form := regexp.MustCompile(`^[A-Z]+(==|=)"[^"]+"(, [A-Z]+(==|=)"[^"]+")*$`)
	for _, r := range rules {
		if !form.MatchString(r) {
			t.Errorf("udev does not read %q", r)
		}
	}
	users := read(t, filepath.Join(board, "sysusers.conf"))
	if len(rules) != 1 || !strings.Contains(rules[0], `GROUP="loaxa"`) || !regexp.MustCompile(`(?m)^u loaxa `).MatchString(users) {
		t.Errorf("rules %q give the lines to nobody of sysusers.conf", rules)
	}
}

// TestWithoutSystemd: the wrapper switches off before the agent, after a death of it, and
// after a stop, in which the agent comes first.
func TestWithoutSystemd(t *testing.T) {
	if testing.Short() {
		t.Skip("short: starts processes")
	}
	cfg, err := agent.LoadConfig(filepath.Join(plain, "agent.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Amplifier.Driver != "gpio" || cfg.Clock.Assumed {
		t.Errorf("%+v", cfg)
	}
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	// The agent: writes down that it was called, and the first time dies at once.
	fake := filepath.Join(dir, "loaxa-agent")
	write(t, fake, `#!/bin/sh
trap 'echo stopped >> "`+calls+`"; exit 0' TERM
echo "$*" >> "`+calls+`"
[ "$1" = run ] || exit 0
[ -e "`+dir+`/again" ] || { : > "`+dir+`/again"; kill -KILL $$; }
while :; do sleep 0.1; done
`)
	if err := os.Chmod(fake, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", filepath.Join(plain, "loaxa-agent.sh"))
	cmd.Env = append(os.Environ(), "LOAXA_AGENT_PROGRAM="+fake, "LOAXA_AGENT_FILE=/etc/x.yaml", "LOAXA_AGENT_PAUSE=0.1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	})
	said := func() []string {
		b, err := os.ReadFile(calls)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	eventually(t, "the second run", func() bool { return len(said()) == 4 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	const run, off = "run --config /etc/x.yaml", "amplifier --config /etc/x.yaml off"
	if got, want := said(), []string{off, run, off, run, "stopped", off}; !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}
