package radio

import (
	"encoding/json"
	"fmt"
	"time"
)

// Date is a civil date, "2006-01-02".
type Date string

// ParseDate checks the form and the calendar.
func ParseDate(s string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%w: date %q, want YYYY-MM-DD", ErrInvalid, clip(s))
	}
	return Date(s), nil
}

// DateOf is the civil date of t in t's own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// TimeOfDay is minutes since midnight, 0 to 1440 (24:00); "HH:MM" in JSON.
type TimeOfDay int

// ParseTimeOfDay reads "HH:MM", 00:00 to 24:00.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	var h, m int
	if len(s) != 5 || s[2] != ':' {
		return 0, fmt.Errorf("%w: time of day %q, want HH:MM", ErrInvalid, clip(s))
	}
	for i, c := range s {
		if i == 2 {
			continue
		}
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: time of day %q, want HH:MM", ErrInvalid, clip(s))
		}
		if i < 2 {
			h = h*10 + int(c-'0')
		} else {
			m = m*10 + int(c-'0')
		}
	}
	if m > 59 || h > 24 || (h == 24 && m != 0) {
		return 0, fmt.Errorf("%w: time of day %q is not between 00:00 and 24:00", ErrInvalid, s)
	}
	return TimeOfDay(h*60 + m), nil
}

// String gives "HH:MM".
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// MarshalJSON writes "HH:MM".
func (t TimeOfDay) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON reads "HH:MM".
func (t *TimeOfDay) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseTimeOfDay(s)
	if err != nil {
		return err
	}
	*t = v
	return nil
}
