package web

import "loaxa/internal/radio"

// rehearsalFixtures: what an address asks for stands in its query; TestRehearsalIsNarrow
// walks it.
func rehearsalFixtures() []fixture {
	return []fixture{
		{pattern: "GET /schedules/rehearsal", may: radio.ReadSchedules},
		{pattern: "GET /api/v1/rehearsal", may: radio.ReadSchedules},
	}
}
