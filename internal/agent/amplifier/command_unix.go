//go:build unix

package amplifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command calls a program for each change. Programs take their time, and the process
// that called one may be killed meanwhile; so each runs with the lock in its hands,
// and the next one, whoever calls it, waits for it. Otherwise the "off" of a player
// could be overtaken by the "on" of its dead agent.
type command struct {
	cfg   Config
	log   *slog.Logger
	owner int // of the power that may be taken away; 0: anybody
}

func newCommand(c Config, log *slog.Logger) (driver, error) { return &command{cfg: c, log: log}, nil }

func (c *command) only(owner int) { c.owner = owner }

func (c *command) close() error { return nil }

const (
	lockEvery = 20 * time.Millisecond
	// maxSaid is how much of a program's words goes into an error.
	maxSaid = 200
)

func (c *command) set(ctx context.Context, on bool) error {
	lock := c.lock(ctx)
	if lock != nil {
		defer func() {
			if err := lock.Close(); err != nil {
				c.log.Debug("close the amplifier's lock", "error", err)
			}
		}()
	}
	if !on && c.owner != 0 && lock != nil {
		if h := holder(lock); h != 0 && h != c.owner {
			return nil
		}
	}
	if on && lock != nil {
		// Before the program runs: it may be the last thing this process does.
		if _, err := lock.WriteAt([]byte(fmt.Sprintf("%-20d\n", os.Getpid())), 0); err != nil {
			c.log.Warn("amplifier's lock does not take the owner", "error", err)
		}
	}
	argv := c.cfg.Off
	if on {
		argv = c.cfg.On
	}
	return c.call(ctx, argv, lock)
}

// call runs one program to its end or its timeout.
func (c *command) call(ctx context.Context, argv []string, lock *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// A group of its own: Ctrl-C is for the agent, and a timeout is for all it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = minCall
	if lock != nil {
		cmd.ExtraFiles = []*os.File{lock}
	}
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it has ended well, but left something running that holds its output
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %s", argv[0], c.cfg.Timeout)
	case err != nil:
		return fmt.Errorf("%s: %w: %s", argv[0], err, said.String())
	}
	return nil
}

// lock gives the locked file, or nil when there is none, it cannot be had, or somebody
// holds it for longer than any program may run: then switching matters more.
func (c *command) lock(ctx context.Context) *os.File {
	if c.cfg.Lock == "" {
		return nil
	}
	f, err := os.OpenFile(c.cfg.Lock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		c.log.Warn("amplifier is switched without a lock", "error", err)
		return nil
	}
	late := time.NewTimer(c.cfg.Timeout + minCall)
	defer late.Stop()
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f
		}
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			select {
			case <-tick.C:
				continue
			case <-late.C:
			case <-ctx.Done():
			}
		}
		c.log.Warn("amplifier is switched without its lock", "error", errors.Join(err, f.Close()))
		return nil
	}
}

// holder is the process that switched on last; 0 when nobody knows.
func holder(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0) // what cannot be read names nobody
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// tail keeps the last words of a program.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-maxSaid):]
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(strings.TrimSpace(string(t.b)), "?") }
