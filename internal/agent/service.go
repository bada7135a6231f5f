package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"loaxa/internal/agent/playout"
)

// watchdog tells the service manager that the agent is ready, and as long as the
// desk looks around in time, that it is alive (sd_notify). Without a service manager
// it only waits.
func (a *Agent) watchdog(ctx context.Context, r *rooms) error {
	a.notify(daemon.SdNotifyReady)
	defer a.notify(daemon.SdNotifyStopping)
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Warn("service manager's watchdog cannot be read", "error", err)
	}
	if within == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(within / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// One beat may be late on a slow disk; two mean that the desk hangs.
		if r.clock.Mono()-r.playout.Beat() < 2*playout.BeatEvery {
			a.notify(daemon.SdNotifyWatchdog)
		} else {
			a.log.Error("playout hangs; the service manager will start the agent again")
		}
	}
}

func (a *Agent) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		a.log.Warn("service manager not told", "state", state, "error", err)
	}
}

// marker is a file that stands while the agent runs: found at a start, it tells
// that the last run did not end in good order.
type marker string

func (c Config) marker() marker { return marker(filepath.Join(c.Data, "running")) }

func (m marker) set() (crashed bool, err error) {
	f, err := os.OpenFile(string(m), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("mark the start: %w", err)
	}
	return false, f.Close()
}

func (m marker) clear() error {
	if m == "" {
		return nil
	}
	if err := os.Remove(string(m)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mark the end: %w", err)
	}
	return nil
}
