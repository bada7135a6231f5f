package clock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Mono is the time since the machine started (CLOCK_MONOTONIC): never set, and the
// same in every process of one machine, so the agent and its player child agree.
func Mono() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		// The kernel always has this clock; without it nothing here can work.
		panic(fmt.Sprintf("read CLOCK_MONOTONIC: %v", err))
	}
	return time.Duration(ts.Nano())
}

// kernelSync asks adjtimex, changing nothing. The kernel sets STA_UNSYNC itself when
// nobody has disciplined the clock until the error bound reached 16 s.
func kernelSync() sync {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err != nil || state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0 {
		return sync{}
	}
	return sync{synced: true, bound: time.Duration(tx.Maxerror) * time.Microsecond}
}

// stepTimer is a timerfd that the kernel cancels when CLOCK_REALTIME is set.
type stepTimer struct{ file *os.File }

func armStepTimer(until time.Time) (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("%w: create timerfd: %w", errNoTimer, err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	// Zero would disarm the timer; an instant before 1970 is simply due.
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(until.UnixNano(), 1))}
	const flags = unix.TFD_TIMER_ABSTIME | unix.TFD_TIMER_CANCEL_ON_SET
	// ECANCELED here: set between create and arm; the read below reports it.
	if err := unix.TimerfdSettime(fd, flags, &spec, nil); err != nil && !errors.Is(err, unix.ECANCELED) {
		return nil, errors.Join(fmt.Errorf("%w: arm timerfd: %w", errNoTimer, err), file.Close())
	}
	return &stepTimer{file: file}, nil
}

func (t *stepTimer) close() error { return t.file.Close() }

func (t *stepTimer) wait(ctx context.Context, changed <-chan struct{}) (Woke, error) {
	fired := make(chan error, 1)
	go func() {
		_, err := t.file.Read(make([]byte, 8))
		fired <- err
	}()
	var woke Woke
	var failed error
	select {
	case err := <-fired:
		switch {
		case err == nil:
			return Due, nil
		case errors.Is(err, unix.ECANCELED):
			return Stepped, nil
		}
		return 0, fmt.Errorf("wait on timerfd: %w", err)
	case <-ctx.Done():
		failed = ctx.Err()
	case <-changed:
		woke = Stepped
	}
	// Ends the reader, which must not outlive this call.
	if err := t.file.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return 0, fmt.Errorf("stop timerfd: %w", err)
	}
	<-fired
	return woke, failed
}
