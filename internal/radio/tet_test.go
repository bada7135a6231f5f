package radio

import "testing"

func TestNoWordOfTet(t *testing.T) {
	open := Policy{Windows: []Window{{From: 300, To: 420}}}
	said := Policy{Windows: open.Windows, Exceptions: []PolicyException{{From: "2027-02-05", Until: "2027-02-09", Label: "Tết"}}}
	mourning := Policy{Windows: open.Windows, Mourning: []Date{"2027-02-06"}}
	for name, c := range map[string]struct {
		p     Policy
		today Date
		year  int
	}{
		"nothing said":         {open, "2026-11-23", 2027},
		"on the day itself":    {open, "2027-02-06", 2027},
		"far ahead":            {open, "2026-03-01", 0},
		"the next one":         {said, "2027-10-01", 2028},
		"said":                 {said, "2026-11-23", 0},
		"silent for mourning":  {mourning, "2026-11-23", 0},
		"never sounds":         {Policy{}, "2026-11-23", 0},
		"Vietnam's date, 2030": {Policy{Windows: open.Windows, Exceptions: []PolicyException{{From: "2030-02-03", Until: "2030-02-05", Label: "x"}}}, "2029-12-01", 2030},
		"past the table":       {open, "2050-12-01", 0},
		"2050 is in it":        {open, "2049-12-01", 2050},
		"no date":              {open, "x", 0},
	} {
		year, first, nothing := c.p.NoWordOfTet(c.today)
		if nothing != (c.year != 0) || nothing && year != c.year {
			t.Errorf("%s: %d %s %v", name, year, first, nothing)
		}
	}
}
