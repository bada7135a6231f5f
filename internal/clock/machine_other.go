//go:build !linux

package clock

import "time"

// started fixes Mono's zero for this process.
var started = time.Now()

// Mono is the time since 1970 as it was when this process started, plus what has
// passed since. Processes of one machine agree as long as nobody sets the clock
// between their starts; good enough where only developers run the agent.
func Mono() time.Duration {
	return time.Duration(started.UnixNano()) + time.Since(started)
}

// kernelSync: these systems do not say whether their clock is disciplined.
func kernelSync() sync { return sync{} }

func armStepTimer(time.Time) (timer, error) { return nil, errNoTimer }
