package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// demoAgent is one real loaxa-agent process with its own folder.
type demoAgent struct {
	code   string
	dir    string
	wav    string
	driver string
	ended  chan error

	mu       sync.Mutex
	cmd      *exec.Cmd
	stopping bool
}

// exitRestart is how loaxa-agent ends when the centre has ordered a restart.
const exitRestart = 6

func (a *demoAgent) config() string { return filepath.Join(a.dir, "agent.yaml") }

// startAgents enrols three agents with one-time codes and starts them.
func (d *demoRun) startAgents(ctx context.Context) error {
	for i, code := range demoDevices {
		a := &demoAgent{code: code, dir: filepath.Join(d.dir, code), driver: "null", ended: make(chan error, 1)}
		a.wav = filepath.Join(a.dir, "recorded")
		if i == 0 && soundCard() {
			a.driver = "alsa"
		}
		if err := d.configure(a); err != nil {
			return err
		}
		if err := d.enrol(ctx, a); err != nil {
			return err
		}
		if err := a.start(d.agent); err != nil {
			return err
		}
		d.agents = append(d.agents, a)
	}
	d.tell("Three agents enrolled: own key, certificate of the province's CA, root pinned; they run as processes")
	for _, a := range d.agents {
		d.note("%s: output %s, folder %s", a.code, a.driver, a.dir)
	}
	return nil
}

// soundCard says whether ALSA's default device can be expected to sound: a card, or
// a sound server that takes its place.
func soundCard() bool {
	cards, err := os.ReadFile("/proc/asound/cards")
	if err == nil && !bytes.Contains(cards, []byte("no soundcards")) && len(bytes.TrimSpace(cards)) > 0 {
		return true
	}
	return os.Getenv("PULSE_SERVER") != ""
}

// configure writes the agent's file. The clock is assumed: a machine for trying out
// need not have a time service; pages show it in red.
func (d *demoRun) configure(a *demoAgent) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(`data: %q
output:
  driver: %q
  tee: %q
clock:
  assumed: true
status:
  socket: %q
  listen: "127.0.0.1:0"
`, filepath.Join(a.dir, "data"), a.driver, a.wav, filepath.Join(a.dir, "status.sock"))
	return os.WriteFile(a.config(), []byte(text), 0o600)
}

func (d *demoRun) enrol(ctx context.Context, a *demoAgent) error {
	dev, err := d.centre.DeviceByCode(ctx, a.code)
	if err != nil {
		return err
	}
	once, _, err := d.centre.EnrolCode(ctx, dev.ID, "demo")
	if err != nil {
		return err
	}
	// The centre has only just begun to listen.
	for try := 0; ; try++ {
		cmd := exec.CommandContext(ctx, d.agent, "enrol", "--config", a.config(), "--server", "https://"+d.cfg.Devices.Listen, "--code", once.String())
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		if try == 20 || ctx.Err() != nil || !strings.Contains(string(out), "connect") {
			return fmt.Errorf("enrol %s: %w: %s", a.code, err, bytes.TrimSpace(out))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (a *demoAgent) start(program string) error {
	logFile, err := os.OpenFile(filepath.Join(a.dir, "agent.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	cmd, err := a.spawn(program, logFile)
	if err != nil {
		return errors.Join(err, logFile.Close())
	}
	go func() {
		err := cmd.Wait()
		// What a service manager does for one that was told to start again.
		for err != nil && cmd.ProcessState.ExitCode() == exitRestart {
			next, again := a.spawn(program, logFile)
			if next == nil {
				err = again
				break
			}
			cmd = next
			err = cmd.Wait()
		}
		a.ended <- errors.Join(err, logFile.Close())
	}()
	return nil
}

// spawn starts the process; nothing when it is to stop.
func (a *demoAgent) spawn(program string, logFile *os.File) (*exec.Cmd, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopping {
		return nil, nil
	}
	cmd := exec.Command(program, "run", "--config", a.config())
	cmd.Stdout, cmd.Stderr = logFile, logFile
	// Its own group: Ctrl-C in the terminal reaches the demo, which stops the agents
	// in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", a.code, err)
	}
	a.cmd = cmd
	return cmd, nil
}

// signal asks its process to end, for good.
func (a *demoAgent) signal(sig os.Signal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopping = true
	return a.cmd.Process.Signal(sig)
}

// stopAgents asks each to end, and insists after ten seconds.
func (d *demoRun) stopAgents() error {
	var errs []error
	for _, a := range d.agents {
		if err := a.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("stop %s: %w", a.code, err))
		}
	}
	for _, a := range d.agents {
		select {
		case err := <-a.ended:
			if err != nil {
				errs = append(errs, fmt.Errorf("agent %s: %w", a.code, err))
			}
		case <-time.After(10 * time.Second):
			errs = append(errs, fmt.Errorf("agent %s did not end within 10 s", a.code), syscall.Kill(-a.cmd.Process.Pid, syscall.SIGKILL), <-a.ended)
		}
	}
	return errors.Join(errs...)
}
