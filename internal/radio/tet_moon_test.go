package radio

import (
	"math"
	"testing"
	"time"
)

// The Vietnamese calendar as Hồ Ngọc Đức describes it (informatik.uni-leipzig.de/~duc/amlich),
// from the formulas of Meeus: a month begins on the local day of the new moon, the eleventh
// holds the winter solstice, and in a year of thirteen months the first without a principal
// term is the leap month. Days are Julian day numbers, hours are of UTC+zone.

const degree = math.Pi / 180

// moonAt is the instant of the k-th new moon after 1 January 1900, as a Julian date (UT).
func moonAt(k float64) float64 {
	t := k / 1236.85
	t2, t3 := t*t, t*t*t
	jd := 2415020.75933 + 29.53058868*k + 0.0001178*t2 - 0.000000155*t3 + 0.00033*math.Sin((166.56+132.87*t-0.009173*t2)*degree)
	m := (359.2242 + 29.10535608*k - 0.0000333*t2 - 0.00000347*t3) * degree
	p := (306.0253 + 385.81691806*k + 0.0107306*t2 + 0.00001236*t3) * degree
	f := (21.2964 + 390.67050646*k - 0.0016528*t2 - 0.00000239*t3) * degree
	jd += (0.1734-0.000393*t)*math.Sin(m) + 0.0021*math.Sin(2*m) - 0.4068*math.Sin(p) + 0.0161*math.Sin(2*p) - 0.0004*math.Sin(3*p) +
		0.0104*math.Sin(2*f) - 0.0051*math.Sin(m+p) - 0.0074*math.Sin(m-p) + 0.0004*math.Sin(2*f+m) - 0.0004*math.Sin(2*f-m) -
		0.0006*math.Sin(2*f+p) + 0.0010*math.Sin(2*f-p) + 0.0005*math.Sin(2*p+m)
	return jd - (-0.000278 + 0.000265*t + 0.000262*t2) // of ephemeris time
}

func moonDay(k, zone float64) float64 { return math.Floor(moonAt(k) + 0.5 + zone/24) }

// term is which of the twelve principal terms the sun has passed at the midnight that begins
// a day: 9 from the winter solstice on.
func term(day, zone float64) int {
	t := (day - 0.5 - zone/24 - 2451545) / 36525
	m := (357.52910 + 35999.05030*t - 0.0001559*t*t - 0.00000048*t*t*t) * degree
	l := 280.46645 + 36000.76983*t + 0.0003032*t*t + (1.914600-0.004817*t-0.000014*t*t)*math.Sin(m) + (0.019993-0.000101*t)*math.Sin(2*m) + 0.000290*math.Sin(3*m)
	return int(math.Mod(math.Mod(l, 360)+360, 360) / 30)
}

const julianUnix = 2440588 // the Julian day number of 1 January 1970

// winter is the new moon that begins the eleventh month, which reaches into a year's end.
func winter(year int, zone float64) float64 {
	last := float64(time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC).Unix()/86400 + julianUnix)
	k := math.Floor((last - 2415021) / 29.530588853)
	if term(moonDay(k, zone), zone) >= 9 {
		k--
	}
	return k
}

func computedTet(year int, zone float64) Date {
	from, to := winter(year-1, zone), winter(year, zone)
	months := 2.0 // the twelfth, then the first
	if to-from == 13 {
		leap := 1.0
		for term(moonDay(from+leap, zone), zone) != term(moonDay(from+leap+1, zone), zone) {
			leap++
		}
		if leap <= 2 {
			months = 3
		}
	}
	return DateOf(time.Unix(int64(moonDay(from+months, zone)-julianUnix)*86400, 0).UTC())
}

// Every date of the table, and none but those, is what the calendar computes.
func TestTetAgainstTheMoon(t *testing.T) {
	for year := 2020; year <= 2050; year++ {
		got, ok := Tet(year)
		if want := computedTet(year, 7); !ok || got != want {
			t.Errorf("Tết %d: table %q, the calendar says %s", year, got, want)
		}
	}
	for _, year := range []int{2019, 2051} {
		if d, ok := Tet(year); ok {
			t.Errorf("%d stands in the table as %s", year, d)
		}
	}
	// Dates on which people agree: that the computation itself is right.
	for year, want := range map[int]Date{1968: "1968-01-29", 1985: "1985-01-21", 2007: "2007-02-17", 2025: "2025-01-29", 2034: "2034-02-19"} {
		if got := computedTet(year, 7); got != want {
			t.Errorf("computed %s, people kept %s", got, want)
		}
	}
	if vn, cn := computedTet(2030, 7), computedTet(2030, 8); vn != "2030-02-02" || cn != "2030-02-03" {
		t.Errorf("2030 begins on %s in Vietnam, on %s in China", vn, cn)
	}
}
