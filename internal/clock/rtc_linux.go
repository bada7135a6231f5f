package clock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

// readRTC asks the kernel for a hardware clock, which keeps UTC. The file under /sys
// needs no right; a kernel without it has the device.
func readRTC(name string) (time.Time, error) {
	b, err := os.ReadFile("/sys/class/rtc/" + name + "/since_epoch")
	if err == nil {
		return parseSinceEpoch(b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, fmt.Errorf("read %s: %w", name, err)
	}
	f, err := os.Open("/dev/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, fmt.Errorf("%w: hardware clock %s", radio.ErrNotFound, name)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", name, err)
	}
	t, err := unix.IoctlGetRTCTime(int(f.Fd()))
	if err = errors.Join(err, f.Close()); err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", name, err)
	}
	return civilRTC(t), nil
}

// civilRTC reads the kernel's struct rtc_time, which counts years from 1900 and months
// from 0.
func civilRTC(t *unix.RTCTime) time.Time {
	return time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
}

func parseSinceEpoch(b []byte) (time.Time, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n < 0 || n > 1<<35 {
		return time.Time{}, fmt.Errorf("%w: hardware clock says %.40q", radio.ErrInvalid, b)
	}
	return time.Unix(n, 0).UTC(), nil
}
