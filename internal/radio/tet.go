package radio

import "time"

// tetAhead is how long before Tết a policy is asked what it says of it.
const tetAhead = 200 * 24 * time.Hour

// Tet gives the first day of Tết Nguyên đán (mùng 1 tháng Giêng) of a year, by the
// VIETNAMESE calendar (UTC+7, Quyết định 121-CP of 8 August 1967); false outside the
// table, 2020 to 2050. Each is the local date of the new moon at which the year begins, as
// a test computes it anew; none of them lies nearer than 50 minutes to midnight. That of
// 2030 falls on 2 February in Vietnam and on 3 February in China, so that a Chinese
// calendar (UTC+8) must never be used in its place.
func Tet(year int) (Date, bool) {
	table := map[int]Date{
		2020: "2020-01-25", 2021: "2021-02-12", 2022: "2022-02-01", 2023: "2023-01-22", 2024: "2024-02-10",
		2025: "2025-01-29", 2026: "2026-02-17", 2027: "2027-02-06", 2028: "2028-01-26", 2029: "2029-02-13",
		2030: "2030-02-02", 2031: "2031-01-23", 2032: "2032-02-11", 2033: "2033-01-31", 2034: "2034-02-19",
		2035: "2035-02-08", 2036: "2036-01-28", 2037: "2037-02-15", 2038: "2038-02-04", 2039: "2039-01-24",
		2040: "2040-02-12", 2041: "2041-02-01", 2042: "2042-01-22", 2043: "2043-02-10", 2044: "2044-01-30",
		2045: "2045-02-17", 2046: "2046-02-06", 2047: "2047-01-26", 2048: "2048-02-14", 2049: "2049-02-02",
		2050: "2050-01-23",
	}
	d, ok := table[year]
	return d, ok
}

// NextTet gives the next Tết from a local date on; false past the table.
func NextTet(today Date) (year int, first Date, ok bool) {
	t, err := time.Parse(time.DateOnly, string(today))
	if err != nil {
		return 0, "", false
	}
	for year = t.Year(); year <= t.Year()+1; year++ {
		if d, known := Tet(year); known && d >= today {
			return year, d, true
		}
	}
	return 0, "", false
}

// NoWordOfTet tells whether the policy would sound on the first day of the next Tết as
// on any other day: neither an exception nor mourning names it, and there are windows.
// It is asked from some months before on; today is a local date.
func (p Policy) NoWordOfTet(today Date) (year int, first Date, nothing bool) {
	t, err := time.Parse(time.DateOnly, string(today))
	if err != nil || len(p.On(today).Windows) == 0 {
		return 0, "", false
	}
	year, first, ok := NextTet(today)
	day, err := time.Parse(time.DateOnly, string(first))
	if !ok || err != nil || day.Sub(t) > tetAhead {
		return 0, "", false
	}
	return year, first, p.dateVeto(first) == VetoHours
}
