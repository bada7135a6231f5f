package timetable

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Typed reads a local time as forms send it (2026-11-23T08:00, or with seconds). A time
// the local clock shows twice is the first of the two; one it leaps over is refused.
func (z Zone) Typed(text string) (time.Time, error) {
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		civil, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if at, ok := z.instant(civil); ok {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: time %.40q, want YYYY-MM-DDTHH:MM", radio.ErrInvalid, text)
}
