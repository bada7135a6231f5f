package timetable

import (
	"fmt"
	"sync"
	"time"
	// A controller or a container may lack the zone files.
	_ "time/tzdata"

	"loaxa/internal/radio"
)

// Zone is the civil time of a place. The zero Zone is UTC.
//
// Inside this package a civil time is a time.Time in UTC that carries the digits
// of the local clock: arithmetic on it knows no clock changes.
type Zone struct{ loc *time.Location }

// zones are those found so far, *time.Location by name: the system's file is read once.
var zones sync.Map

// LoadZone finds an IANA zone by name. "Local" and "" are refused: both would mean
// another thing on another machine.
func LoadZone(name string) (Zone, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return Zone{}, fmt.Errorf("%w: time zone %.64q, want an IANA name such as Asia/Ho_Chi_Minh", radio.ErrInvalid, name)
	}
	if loc, ok := zones.Load(name); ok {
		return Zone{loc.(*time.Location)}, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return Zone{}, fmt.Errorf("%w: time zone: %v", radio.ErrInvalid, err)
	}
	zones.Store(name, loc)
	return Zone{loc}, nil
}

// String is the zone's IANA name.
func (z Zone) String() string {
	if z.loc == nil {
		return "UTC"
	}
	return z.loc.String()
}

// In shows t with the zone's digits, for screens.
func (z Zone) In(t time.Time) time.Time {
	if z.loc == nil {
		return t.UTC()
	}
	return t.In(z.loc)
}

// Date is the local date of t.
func (z Zone) Date(t time.Time) radio.Date { return radio.DateOf(z.In(t)) }

// TimeOfDay is the local time of t.
func (z Zone) TimeOfDay(t time.Time) radio.TimeOfDay {
	l := z.In(t)
	return radio.TimeOfDay(l.Hour()*60 + l.Minute())
}

// Day gives the first instant of a local date and the first instant after it.
func (z Zone) Day(d radio.Date) (from, to time.Time, err error) {
	civil, ok := civilDay(d)
	if !ok {
		return from, to, fmt.Errorf("%w: date %.64q, want YYYY-MM-DD", radio.ErrInvalid, d)
	}
	return z.firstFrom(civil), z.firstFrom(civil.AddDate(0, 0, 1)), nil
}

// civil gives the local digits of t.
func (z Zone) civil(t time.Time) time.Time {
	_, offset := z.In(t).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant gives the first instant that shows the civil time; false when the local
// clock leaps over it.
func (z Zone) instant(civil time.Time) (time.Time, bool) {
	at := z.firstFrom(civil)
	return at, z.civil(at).Equal(civil)
}

// firstFrom gives the first instant at which the local clock shows civil or later.
// time.Date would not say which of two instants it picks, nor that there is none.
func (z Zone) firstFrom(civil time.Time) time.Time {
	// Walk the spans of equal offset; a day and a bit covers every offset and change.
	for t := civil.Add(-26 * time.Hour); ; {
		local := z.In(t)
		_, offset := local.Zone()
		at := civil.Add(time.Duration(-offset) * time.Second)
		if at.Before(t) {
			return t // the clock leapt over it: the first instant after the leap
		}
		_, end := local.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end.UTC()
	}
}
