package web

import "loaxa/internal/radio"

// Rows of TestPermissions for the routes of the first rooms; a resource that grows gets
// a file of its own, <resource>_fixtures_test.go.

func sessionFixtures() []fixture {
	return []fixture{
		{pattern: "GET /login"},
		{pattern: "POST /login"},
		{pattern: "POST /login/code"},
		{pattern: "GET /login/oidc"},
		{pattern: "GET /login/oidc/callback"},
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

// airingThing is a row of the log.
func airingThing(h *house, w where) []string {
	for _, row := range h.log.rows {
		if w != common && row.Commune == h.area(w) {
			return []string{"device", string(row.Key.Device), "airing", string(row.Airing)}
		}
	}
	return nil
}

func houseFixtures() []fixture {
	return []fixture{
		{pattern: "POST /language"},
		{pattern: "GET /events", may: radio.Self},
		{pattern: "GET /api/v1/openapi.json"},
		{pattern: "GET /metrics", may: radio.ReadDevices, status: 404},
		{pattern: "GET /healthz"},
		{pattern: "GET /readyz"},
		{pattern: "GET /static/{name}"},
		{pattern: "/api/", may: radio.Self, status: 404, program: true},
		{pattern: "/", may: radio.Self, status: 404},
	}
}
