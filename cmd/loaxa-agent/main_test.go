package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/agent"
	"loaxa/internal/radio"
)

// beAgent makes the test's own program act as loaxa-agent, so that real processes,
// also the player's child, run the code under test.
const beAgent = "TEST_BE_LOAXA_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(beAgent) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// call runs a command in this process.
func call(t *testing.T, environ []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = dispatch(t.Context(), &env{in: strings.NewReader(""), out: &o, err: &e, environ: environ}, args)
	return code, o.String(), e.String()
}

// configFile writes a configuration with the null output and an assumed clock that
// shows the local hour given in Hà Tĩnh, where a device stands that nobody enrolled.
func configFile(t *testing.T, dir, local string) string {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	hour, err := time.ParseInLocation("15:04", local, zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	// In the middle of that minute, so that it is still the same when it is looked at.
	offset := time.Date(now.Year(), now.Month(), now.Day(), hour.Hour(), hour.Minute(), 30, 0, zone).Sub(now)
	text := fmt.Sprintf("data: %q\noutput:\n  driver: \"null\"\nclock:\n  assumed: true\n  offset: %s\nstatus:\n  listen: \"127.0.0.1:0\"\n",
		filepath.Join(dir, "data"), offset.Round(time.Second))
	path := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shortDir is short enough for a unix socket, whose path has 108 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestExitCodes(t *testing.T) {
	day, night := configFile(t, shortDir(t), "10:00"), configFile(t, shortDir(t), "03:15")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("colour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	noise := filepath.Join(t.TempDir(), "noise.mp3")
	if err := os.WriteFile(noise, bytes.Repeat([]byte("noise"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string // on either
	}{
		"nothing":             {nil, 2, "usage"},
		"unknown command":     {[]string{"dance"}, 2, "usage"},
		"help":                {[]string{"help"}, 0, "exit codes"},
		"help of a command":   {[]string{"status", "-h"}, 0, "-json"},
		"unknown flag":        {[]string{"run", "--loud"}, 2, "loud"},
		"too many arguments":  {[]string{"run", "--config", day, "now"}, 2, "want 0 arguments"},
		"version":             {[]string{"version"}, 0, radio.Version},
		"bad configuration":   {[]string{"check", "--config", bad}, 1, "colour"},
		"no file":             {[]string{"check", "--config", bad + "x"}, 1, "no such file"},
		"not enrolled":        {[]string{"run", "--config", day}, 3, "loaxa-agent enrol"},
		"check, not enrolled": {[]string{"check", "--config", day}, 3, "driver: \"null\""},
		"no agent answers":    {[]string{"status", "--config", day}, 4, "is loaxa-agent running"},
		"enrol without code":  {[]string{"enrol", "--config", day, "--server", "https://localhost:1"}, 2, "--code"},
		"enrol, bad code":     {[]string{"enrol", "--config", day, "--server", "https://localhost:1", "--code", "x"}, 1, "26"},
		"enrol, bad ticket":   {[]string{"enrol", "loaxa-enrol:localhost/x", "--config", day}, 1, "enrolment ticket"},
		"ticket and code":     {[]string{"enrol", "LOAXA-ENROL:LOCALHOST:1/01234-ABCDE-0123-4567-89AB-CDEF", "--config", day, "--code", "x"}, 2, "the ticket says"},
		"ticket behind flags": {[]string{"enrol", "--config", day, "LOAXA-ENROL:127.0.0.1:1/01234-ABCDE-0123-4567-89AB-CDEF"}, 1, "127.0.0.1:1"},
		"ticket among flags":  {[]string{"enrol", "--config", day, "LOAXA-ENROL:127.0.0.1:1/01234-ABCDE-0123-4567-89AB-CDEF", "--force"}, 1, "127.0.0.1:1"},
		"two tickets":         {[]string{"enrol", "LOAXA-ENROL:A:1/01234-ABCDE-0123-4567-89AB-CDEF", "--force", "LOAXA-ENROL:B:1/01234-ABCDE-0123-4567-89AB-CDEF"}, 2, "two enrolment codes"},
		"ticket as code":      {[]string{"enrol", "--config", day, "--code", "loaxa-enrol:127.0.0.1:1/01234-abcde-0123-4567-89ab-cdef"}, 1, "127.0.0.1:1"},
		"tone at night":       {[]string{"test-tone", "--config", night}, 5, "03:15 is outside the permitted hours"},
		"play without a file": {[]string{"play", "--config", day}, 2, "FILE"},
		"play what is not it": {[]string{"play", "--config", day, noise}, 1, "not house format"},
		"amplifier on":        {[]string{"amplifier", "--config", day, "on"}, 2, "only off"},
		"no amplifier":        {[]string{"amplifier", "--config", day, "off"}, 0, ""},
		"pin, no number":      {[]string{"pin", "--config", day, "set"}, 1, "6 to 12 digits"},
		"player by hand":      {[]string{"player", "x"}, 2, "started by the agent"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := call(t, nil, c.args...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit %d, want %d\nout %s\nerr %s", code, c.code, out, errs)
			}
		})
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	path := configFile(t, shortDir(t), "10:00")
	code, out, errs := call(t, []string{"LOAXA_AGENT_CONFIG=" + path, "LOAXA_AGENT_LOG_LEVEL=warn"}, "check")
	if code != 3 || !strings.Contains(out, "log_level: warn") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// process starts this program as the agent.
func process(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), beAgent+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, &out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// groupIsGone: no process of the group is left.
func groupIsGone(pgid int) bool { return errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) }

func TestToneSounds(t *testing.T) {
	if testing.Short() {
		t.Skip("plays five seconds through a real player child")
	}
	path := configFile(t, shortDir(t), "10:00")
	cmd, out := process(t, "test-tone", "--config", path)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out.String(), "aired") || !strings.Contains(out.String(), "(paced)") {
		t.Errorf("said %s", out)
	}
	if !groupIsGone(cmd.Process.Pid) {
		t.Error("a process was left")
	}
}

// A real agent, enrolled, with no centre in reach: it answers, and a signal ends it
// with nothing left behind.
func TestAgentWithoutACentre(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real agent process")
	}
	dir := shortDir(t)
	path := configFile(t, dir, "10:00")
	c := newCentre(t)
	if code, out, errs := call(t, nil, "enrol", "--config", path, "--server", c.url, "--code", c.code); code != 0 || !strings.Contains(out, "Cụm loa thử") {
		t.Fatalf("enrol: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := call(t, nil, "check", "--config", path); code != 0 || !strings.Contains(out, "Cụm loa thử") {
		t.Fatalf("check: exit %d\n%s%s", code, out, errs)
	}
	cmd, log := process(t, "run", "--config", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		// Fails when it is gone, as it should be.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}()
	var s radio.Status
	eventually(t, "status answers", func() bool {
		code, out, _ := call(t, nil, "status", "--json", "--config", path)
		return code == 0 && json.Unmarshal([]byte(out), &s) == nil
	})
	if s.Device != c.device || s.Clock.Source != "assumed" || s.Link.Connected || s.Zone != "Asia/Ho_Chi_Minh" || s.Revisions.Keys != 1 {
		t.Errorf("status %+v", s)
	}
	if code, out, _ := call(t, nil, "status", "--config", path); code != 0 || !strings.Contains(out, "GIẢ ĐỊNH") {
		t.Errorf("text status: exit %d\n%s", code, out)
	}
	if code, out, _ := call(t, nil, "check", "--config", path); code != 0 || !strings.Contains(out, "the agent is running") {
		t.Errorf("check beside an agent: exit %d\n%s", code, out)
	}
	if code, _, errs := call(t, nil, "test-tone", "--config", path); code != 1 || !strings.Contains(errs, "stop it first") {
		t.Errorf("tone beside an agent: exit %d, %s", code, errs)
	}
	if code, _, errs := call(t, nil, "run", "--config", path); code != 1 {
		t.Errorf("a second agent on the same folder: exit %d, %s", code, errs)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the agent does not end")
	}
	if !groupIsGone(cmd.Process.Pid) {
		t.Error("a process was left")
	}
	for _, left := range []string{"status.sock", "running"} {
		if _, err := os.Stat(filepath.Join(dir, "data", left)); err == nil {
			t.Errorf("%s was left", left)
		}
	}
}

// The same in one process, where a leak of goroutines or files would show as a hang
// or a locked file at the second start.
func TestRunTwiceInOneProcess(t *testing.T) {
	dir := shortDir(t)
	path := configFile(t, dir, "10:00")
	c := newCentre(t)
	if code, out, errs := call(t, nil, "enrol", "--config", path, "--server", c.url, "--code", c.code); code != 0 {
		t.Fatalf("enrol: exit %d\n%s%s", code, out, errs)
	}
	for range 2 {
		cfg, err := agent.LoadConfig(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		log := (&env{err: new(bytes.Buffer)}).log(0)
		go func() { ended <- agent.New(cfg, []string{"/nowhere/player"}, log).Run(ctx) }()
		eventually(t, "status answers", func() bool {
			code, _, _ := call(t, nil, "status", "--config", path)
			return code == 0
		})
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}
