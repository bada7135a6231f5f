package player

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness of the player: a board that downloads and hashes must not tear holes into
// what sounds (measured: a busy machine does).
const niceness = -11

// raisePriority of every thread there is; later ones inherit it. Fails without the
// right to, and the sound goes on.
func raisePriority() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("thread %q: %w", t.Name(), err)
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, id, niceness); err != nil {
			return fmt.Errorf("set priority: %w", err)
		}
	}
	return nil
}
