package player

import (
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// slack by which the player's timers may be late: the ring is fifty times longer.
// With it the kernel wakes the player for several things at once, and the runtime's
// thread that watches the others every 20 µs while they work becomes cheap (measured: it
// took a fifth of the player's time, and as much again by handing the work from thread to
// thread whenever libasound took its time).
const slack = 10 * time.Millisecond

// spawn starts a command with this slack in all its threads: a process has that of the
// thread that has made it, and asks nobody's leave for it.
func spawn(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // back to what it was
	}
	return cmd.Start()
}
