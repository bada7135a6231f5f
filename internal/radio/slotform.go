package radio

import (
	"fmt"
	"slices"
	"time"
)

// FormVariant is what the clusters of one place play at a position: an area or a device,
// by code, and the code of a bulletin.
type FormVariant struct {
	FormTarget
	Bulletin string `json:"bulletin"`
}

// Starts gives all times of day at which the slot begins, in order: each of Times, and
// Again times more EveryMinutes apart. What is no time of day is left out.
func (s FormSlot) Starts() []TimeOfDay {
	var out []TimeOfDay
	for _, text := range s.Times {
		t, err := ParseTimeOfDay(text)
		if err != nil {
			continue
		}
		for k := range min(max(s.Again, 0), MaxAgain) + 1 {
			if at := t + TimeOfDay(k*s.EveryMinutes); at >= 0 && at < 24*60 {
				out = append(out, at)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// EndsAfter gives for each of Starts when it is over, the slot sounding for so long:
// "05:12:30", with " +1" on the next day.
func (s FormSlot) EndsAfter(length time.Duration) []string {
	var out []string
	for _, t := range s.Starts() {
		end := time.Duration(t)*time.Minute + length.Round(time.Second)
		text := fmt.Sprintf("%02d:%02d:%02d", int(end.Hours())%24, int(end.Minutes())%60, int(end.Seconds())%60)
		if days := int(end.Hours()) / 24; days > 0 {
			text += fmt.Sprintf(" +%d", days)
		}
		out = append(out, text)
	}
	return out
}

// Length is how long the slot sounds where it sounds the longest, by the lengths of the
// bulletins' audio; ok is false when one of them is not known.
func (s FormSlot) Length(seconds func(bulletin string) float64) (total time.Duration, ok bool) {
	for _, it := range s.Items {
		longest := seconds(it.Bulletin)
		if longest <= 0 {
			return 0, false
		}
		for _, v := range it.Variants {
			longest = max(longest, seconds(v.Bulletin))
		}
		n := max(it.Repeat, 1)
		total += time.Duration(float64(n)*longest*float64(time.Second)) + time.Duration(n-1)*time.Duration(it.GapMS)*time.Millisecond
	}
	return total, len(s.Items) > 0
}
