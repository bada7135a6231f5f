package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

var errOverRSS = errors.New("the process group used too much memory")

// rssInterval is how often the group's memory is looked at.
const rssInterval = 100 * time.Millisecond

// runGroup runs a command as the leader of its own process group, gives it input
// (and keeps its stdin open as a sign of life), and returns its output. When it
// ends, for whatever reason, nothing of its group is left.
func runGroup(ctx context.Context, command []string, input []byte, maxRSS int64) ([]byte, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = toolEnv()
	out, errs := capWriter{max: maxAnswer}, capWriter{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &out, &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the intake child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: start the intake child: %w", radio.ErrUnavailable, err)
	}
	group := cmd.Process.Pid
	ended, watched := make(chan struct{}), make(chan error, 1)
	go func() { watched <- watchGroup(ctx, group, maxRSS, ended) }()
	if _, err := stdin.Write(input); err != nil {
		killGroup(group) // it ended before reading; how is told below
	}
	awaitEnd(group)
	close(ended)
	stopped := <-watched
	// The leader is not reaped yet, so the number still names this group only.
	killGroup(group)
	err = cmd.Wait()
	switch {
	case stopped != nil:
		return nil, stopped
	case err != nil:
		return nil, fmt.Errorf("%w: intake child: %w: %s", radio.ErrUnavailable, err, bytes.TrimSpace(errs.kept))
	case out.lost > 0:
		return nil, fmt.Errorf("intake child: an answer of over %d bytes", maxAnswer)
	}
	return out.kept, nil
}

// watchGroup kills the group when ctx ends or its memory passes maxRSS, and says so.
func watchGroup(ctx context.Context, group int, maxRSS int64, ended <-chan struct{}) error {
	tick := time.NewTicker(rssInterval)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			killGroup(group)
			return ctx.Err()
		case <-tick.C:
			if groupRSS(group) > maxRSS {
				killGroup(group)
				return errOverRSS
			}
		}
	}
}

// awaitEnd waits until the process has ended, without reaping it.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return // ended; any other error means there is nothing to wait for
		}
	}
}

func killGroup(group int) {
	// ESRCH, the only error possible here, means that nobody is left.
	_ = unix.Kill(-group, unix.SIGKILL)
}

// endGroup ends this process and all it started.
func endGroup() {
	if pid := unix.Getpid(); unix.Getpgrp() == pid {
		killGroup(pid)
	}
	os.Exit(1)
}

// groupRSS sums the resident memory of all processes of a group (proc(5)).
func groupRSS(group int) int64 {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0 // without /proc the address space limits still hold
	}
	var pages int64
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		// The name in brackets may hold anything; fields are counted behind it.
		_, rest, _ := strings.Cut(string(stat[max(bytes.LastIndexByte(stat, ')'), 0):]), " ")
		fields := strings.Fields(rest)
		if len(fields) < 22 || fields[2] != strconv.Itoa(group) {
			continue
		}
		rss, err := strconv.ParseInt(fields[21], 10, 64)
		if err == nil {
			pages += rss
		}
	}
	return pages * int64(os.Getpagesize())
}

// limitSelf puts the job's limits on this process; the tools inherit them.
func limitSelf(l Limits) error {
	set := func(what string, resource int, value, over uint64) error {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value + over}); err != nil {
			return fmt.Errorf("limit the intake's %s: %w", what, err)
		}
		return nil
	}
	// Go reserves address space far beyond its use; the limit counts from there.
	var pages uint64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(statm), &pages)
	}
	if err != nil {
		return fmt.Errorf("read the intake's address space: %w", err)
	}
	return errors.Join(
		set("address space", unix.RLIMIT_AS, pages*uint64(os.Getpagesize())+uint64(max(l.Memory, childMemory)), 0),
		// Between the two values a tool may still end by itself; after it, it is killed.
		set("processor time", unix.RLIMIT_CPU, uint64(max(l.CPU/time.Second, 1)), 2),
		set("file size", unix.RLIMIT_FSIZE, uint64(l.maxFile()), 0),
		set("core size", unix.RLIMIT_CORE, 0, 0),
	)
}

// limitMemory narrows the address space of a tool just started. Between its start and
// this call it has the child's wider limit.
func limitMemory(pid int, bytes int64) error {
	r := unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	if err := unix.Prlimit(pid, unix.RLIMIT_AS, &r, nil); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("limit a tool's address space: %w", err)
	}
	return nil
}

// limitCPU says when a tool gets its first signal to end; the child's own limit,
// which it inherited, kills it.
func limitCPU(pid int, cpu time.Duration) error {
	var r unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_CPU, nil, &r)
	if err == nil {
		r.Cur = min(uint64(max(cpu/time.Second, 1)), r.Max)
		err = unix.Prlimit(pid, unix.RLIMIT_CPU, &r, nil)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("limit a tool's processor time: %w", err)
	}
	return nil
}
