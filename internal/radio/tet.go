package radio

import "time"

// tetAhead is how long before Tết a policy is asked what it says of it.
const tetAhead = 200 * 24 * time.Hour

// Tet gives the first day of Tết Nguyên đán (mùng 1 tháng Giêng) of a year, by the
// VIETNAMESE calendar (UTC+7, Quyết định 121-CP of 8 August 1967); false outside the
// table. These are facts, not computed: each is the local date of the new moon at
// which the year begins (17 February 2026 12:01 UT, 6 February 2027 15:56, 26 January
// 2028 15:12, 13 February 2029 10:31, 2 February 2030 16:07). The last falls on 2
// February in Vietnam and on 3 February in China, so that a Chinese calendar (UTC+8)
// must never be used in its place.
func Tet(year int) (Date, bool) {
	table := map[int]Date{2026: "2026-02-17", 2027: "2027-02-06", 2028: "2028-01-26", 2029: "2029-02-13", 2030: "2030-02-02"}
	d, ok := table[year]
	return d, ok
}

// NoWordOfTet tells whether the policy would sound on the first day of the next Tết as
// on any other day: neither an exception nor mourning names it, and there are windows.
// It is asked from some months before on; today is a local date.
func (p Policy) NoWordOfTet(today Date) (year int, first Date, nothing bool) {
	t, err := time.Parse(time.DateOnly, string(today))
	if err != nil || len(p.On(today).Windows) == 0 {
		return 0, "", false
	}
	for year = t.Year(); year <= t.Year()+1; year++ {
		d, known := Tet(year)
		if !known || d < today {
			continue
		}
		first, err := time.Parse(time.DateOnly, string(d))
		if err != nil || first.Sub(t) > tetAhead {
			return 0, "", false
		}
		return year, d, p.dateVeto(d) == VetoHours
	}
	return 0, "", false
}
