package web

import "loaxa/internal/radio"

// Rows of TestPermissions for the routes of the first rooms; a resource that grows gets
// a file of its own, <resource>_fixtures_test.go.

func sessionFixtures() []fixture {
	return []fixture{
		{pattern: "GET /login"},
		{pattern: "POST /login"},
		{pattern: "POST /logout", may: radio.Self},
		{pattern: "POST /api/v1/login"},
		{pattern: "POST /api/v1/logout", may: radio.Self},
	}
}

// deviceThing is a cluster.
func deviceThing(h *house, w where) []string {
	switch w {
	case own:
		return []string{"device", string(h.plan.places[0].Device.ID)}
	case foreign:
		return []string{"device", string(h.plan.places[2].Device.ID)}
	}
	return nil
}

func overviewFixtures() []fixture {
	return []fixture{
		{pattern: "GET /{$}", may: radio.ReadDevices, leaky: true},
		{pattern: "GET /api/v1/devices", may: radio.ReadDevices, leaky: true},
	}
}

// bulletinThing: a bulletin belongs to the whole province.
func bulletinThing(h *house, w where) []string {
	if w != common {
		return nil
	}
	return []string{"id", string(h.plan.bulletins[2].ID), "version", "1"}
}

const decideForm, decideJSON = "to=rejected&why=thử", `{"to":"rejected","why":"thử"}`

func bulletinFixtures() []fixture {
	return []fixture{
		{pattern: "GET /bulletins", may: radio.ReadBulletins},
		{pattern: "POST /bulletins", may: radio.WriteBulletins, status: 400},
		{pattern: "POST /bulletins/{id}/{version}/decision", may: radio.DecideBulletins, thing: bulletinThing, body: decideForm},
		{pattern: "GET /bulletins/{id}/{version}/audio", may: radio.ReadBulletins, thing: bulletinThing},
		{pattern: "GET /api/v1/bulletins", may: radio.ReadBulletins},
		{pattern: "POST /api/v1/bulletins", may: radio.WriteBulletins, status: 400},
		{pattern: "POST /api/v1/bulletins/{id}/{version}/decision", may: radio.DecideBulletins, thing: bulletinThing, body: decideJSON},
	}
}

func scheduleFixtures() []fixture {
	return []fixture{
		{pattern: "GET /schedules", may: radio.ReadSchedules, leaky: true},
		{pattern: "GET /api/v1/schedules", may: radio.ReadSchedules, leaky: true},
	}
}

// airingThing is a row of the log.
func airingThing(h *house, w where) []string {
	for _, row := range h.log.rows {
		if w != common && row.Commune == h.area(w) {
			return []string{"device", string(row.Key.Device), "airing", string(row.Airing)}
		}
	}
	return nil
}

func logFixtures() []fixture {
	return []fixture{
		{pattern: "GET /log", may: radio.ReadLog, leaky: true},
		{pattern: "GET /log/{device}/{airing}", may: radio.ReadLog, thing: airingThing},
		{pattern: "GET /api/v1/log", may: radio.ReadLog, leaky: true},
		{pattern: "GET /api/v1/log/{device}/{airing}", may: radio.ReadLog, thing: airingThing},
	}
}

func houseFixtures() []fixture {
	return []fixture{
		{pattern: "POST /language"},
		{pattern: "GET /events", may: radio.Self},
		{pattern: "GET /healthz"},
		{pattern: "GET /readyz"},
		{pattern: "GET /static/{name}"},
		{pattern: "/api/", may: radio.Self, status: 404, program: true},
		{pattern: "/", may: radio.Self, status: 404},
	}
}
