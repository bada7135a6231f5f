package status

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0.0 kB", 400: "0.4 kB", 59_800: "59.8 kB", 99_900: "99.9 kB", 100_000: "0.1 MB", 480_000: "0.5 MB", 8e9: "8000.0 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// Audio that is refused is told in red, whether it is there or not, and so is its airing.
func TestRefusedAudioIsTold(t *testing.T) {
	s := radio.Status{At: radio.At(start), Link: radio.LinkStatus{Connected: true}, Clock: radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted"}}}
	text, bad := audioLine(s, radio.AudioStatus{Bytes: 5, Have: 5, Refused: true, Error: "nobody has approved it"})
	if !bad || !strings.Contains(text, "TỪ CHỐI") || !strings.Contains(text, "nobody has approved it") {
		t.Errorf("audio: %q, bad %v", text, bad)
	}
	text, bad = readiness(s, radio.NextAiring{Start: radio.At(start), Excluded: radio.ReasonSignature, Ready: true})
	if !bad || text != "không phát: không có chữ ký duyệt hợp lệ" {
		t.Errorf("airing: %q, bad %v", text, bad)
	}
	for _, code := range []string{"security", "approval"} {
		if vi(code) == code {
			t.Errorf("fault %s has no Vietnamese words", code)
		}
	}
}

// TestWhatWaitsIsCalm: audio that comes in the hours of fetching is no trouble, until
// its airing is near or nothing can be fetched.
func TestWhatWaitsIsCalm(t *testing.T) {
	at := func(d time.Duration) radio.Millis { return radio.At(start.Add(d)) }
	connected := radio.LinkStatus{Connected: true}
	trusted := radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted"}}
	for _, c := range []struct {
		name   string
		status radio.Status
		due    radio.Millis
		err    string
		want   string // of the audio
		bad    bool
	}{
		{"tomorrow", radio.Status{Link: connected, Clock: trusted}, at(20 * time.Hour), "", "sẽ tải trước giờ phát, có 60.0 kB / 0.5 MB", false},
		{"just over an hour", radio.Status{Link: connected, Clock: trusted}, at(time.Hour + time.Second), "", "sẽ tải trước giờ phát, có 60.0 kB / 0.5 MB", false},
		{"an hour", radio.Status{Link: connected, Clock: trusted}, at(time.Hour), "", "thiếu, có 60.0 kB / 0.5 MB", true},
		{"sounding now", radio.Status{Link: connected, Clock: trusted}, at(-time.Minute), "", "thiếu, có 60.0 kB / 0.5 MB", true},
		{"it failed", radio.Status{Link: connected, Clock: trusted}, at(20 * time.Hour), "404", "lỗi: 404", true},
		{"no connection", radio.Status{Clock: trusted}, at(20 * time.Hour), "", "thiếu, có 60.0 kB / 0.5 MB", true},
		{"no clock", radio.Status{Link: connected, Clock: radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "untrusted"}}}, at(20 * time.Hour), "", "thiếu, có 60.0 kB / 0.5 MB", true},
		{"disk full", radio.Status{Link: connected, Clock: trusted, Faults: []radio.FaultStatus{{Code: "disk"}}}, at(20 * time.Hour), "", "thiếu, có 60.0 kB / 0.5 MB", true},
		{"another fault", radio.Status{Link: connected, Clock: trusted, Faults: []radio.FaultStatus{{Code: "output"}}}, at(20 * time.Hour), "", "sẽ tải trước giờ phát, có 60.0 kB / 0.5 MB", false},
		{"not within two days", radio.Status{Link: connected, Clock: trusted}, 0, "", "sẽ tải trước giờ phát, có 60.0 kB / 0.5 MB", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.status.At = radio.At(start)
			got, bad := audioLine(c.status, radio.AudioStatus{Bytes: 480_000, Have: 60_000, Due: c.due, Error: c.err})
			if got != c.want || bad != c.bad {
				t.Errorf("audio: %q, bad %v", got, bad)
			}
			if c.due == 0 || c.err != "" {
				return
			}
			want := "sẽ tải trước giờ phát"
			if c.bad {
				want = "CHƯA có âm thanh"
			}
			if got, bad := readiness(c.status, radio.NextAiring{Start: c.due}); got != want || bad != c.bad {
				t.Errorf("airing: %q, bad %v", got, bad)
			}
			c.status.Next, c.status.Audio = []radio.NextAiring{{Start: c.due}}, []radio.AudioStatus{{Bytes: 480_000, Due: c.due}}
			p, err := NewPage("", func(context.Context) radio.Status { return c.status }, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if red := strings.Contains(get(p, "GET", "localhost", "/").Body.String(), `class="bad"`); red != c.bad {
				t.Errorf("page in red: %v", red)
			}
		})
	}
}
