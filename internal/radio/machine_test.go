package radio

import (
	"strings"
	"testing"
	"time"
)

// TestNoteMachine: letters are boards that speak by turns, an hour apart; a blank is a week.
func TestNoteMachine(t *testing.T) {
	for name, c := range map[string]struct {
		said  string
		count int // returns of all boards within the last week
		held  int
	}{
		"one board":                     {"aaaa", 0, 1},
		"a board replaced":              {"aaabbb", 0, 2},
		"tried in another, put back":    {"aba", 1, 2},
		"two by turns":                  {"abab", 2, 2},
		"two by turns for a day":        {"ababababab", 8, 2},
		"put back, a year later again":  {"aba  aba", 1, 2},
		"by turns, a week and more":     {"ab a b a", 0, 2},
		"a card carried from pole to p": {"abcdefgh", 0, 8},
		"more than are remembered":      {"abcdefghi", 0, 8},
		"the oldest was forgotten":      {"abcdefghia", 0, 8},
	} {
		t.Run(name, func(t *testing.T) {
			held := map[string]DeviceMachine{}
			at := Millis(1_700_000_000_000)
			for _, r := range c.said {
				if r == ' ' {
					at = at.Add(8 * 24 * time.Hour)
					continue
				}
				at = at.Add(time.Hour)
				var list []DeviceMachine
				for _, m := range held {
					list = append(list, m)
				}
				now, gone := NoteMachine(list, "D", string(r), at)
				for _, g := range gone {
					delete(held, g.Machine)
				}
				held[now.Machine] = now
				if now.LastAt != at || now.FirstAt > at || now.Device != "D" {
					t.Fatalf("noted %+v", now)
				}
			}
			count := 0
			for _, m := range held {
				if m.ReturnedAt != 0 && at.Sub(m.ReturnedAt) <= ReturnsWithin {
					count += m.Returns
				}
			}
			if count != c.count || len(held) != c.held {
				t.Errorf("%d returns, want %d; %d boards, want %d", count, c.count, len(held), c.held)
			}
		})
	}
}

func TestDeviceEndChecked(t *testing.T) {
	e := DeviceEnd{Why: " thẻ nhớ \n bị lấy "}
	if err := e.Check(); err != nil || e.Why != "thẻ nhớ   bị lấy" {
		t.Errorf("%q %v", e.Why, err)
	}
	for _, why := range []string{strings.Repeat("x", 301), "a\x00b"} {
		if err := (&DeviceEnd{Why: why}).Check(); err == nil {
			t.Errorf("%.20q was taken", why)
		}
	}
}
