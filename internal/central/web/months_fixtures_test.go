package web

import "loaxa/internal/radio"

// monthThing is a month that has ended; months are the province's.
func monthThing(_ *house, w where) []string {
	if w != common {
		return nil
	}
	return []string{"month", "2025-10"}
}

func monthFixtures() []fixture {
	return []fixture{
		{pattern: "GET /log/months", may: radio.ReadLog},
		{pattern: "GET /log/months/{month}", may: radio.ReadLog, thing: monthThing},
		{pattern: "POST /log/months/{month}/closed", may: radio.CloseLog, person: true, thing: monthThing},
		{pattern: "GET /log/evidence", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/months", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/months/{month}", may: radio.ReadLog, thing: monthThing},
		{pattern: "PUT /api/v1/log/months/{month}/closed", may: radio.CloseLog, person: true, thing: monthThing},
		{pattern: "GET /api/v1/log/checkpoints", may: radio.ReadLog},
		{pattern: "GET /api/v1/log/evidence", may: radio.ReadLog},
	}
}
