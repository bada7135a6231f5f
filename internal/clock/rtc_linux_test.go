package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadingsOfTheHardwareClock(t *testing.T) {
	for text, want := range map[string]int64{"1795402128\n": 1795402128, "0": 0, "": -1, "-5": -1, "12:00": -1, "99999999999999999999": -1, "34359738369": -1} {
		got, err := parseSinceEpoch([]byte(text))
		if (err == nil) != (want >= 0) || err == nil && got.Unix() != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	got := civilRTC(&unix.RTCTime{Year: 126, Mon: 10, Mday: 23, Hour: 2, Min: 48, Sec: 48})
	if want := time.Date(2026, 11, 23, 2, 48, 48, 0, time.UTC); !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
}
