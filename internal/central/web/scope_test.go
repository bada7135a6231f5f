package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"loaxa/internal/radio"
)

// TestAdmit is the gate's own table: what a route asks for, where the thing stands, and
// who asks.
func TestAdmit(t *testing.T) {
	const province, own, foreign = radio.AreaID("P"), radio.AreaID("C"), radio.AreaID("D")
	at := func(chain ...radio.AreaID) areaOf {
		return func(*http.Request) ([]radio.AreaID, error) { return chain, nil }
	}
	gone := func(*http.Request) ([]radio.AreaID, error) { return nil, notFound("thing") }
	person := func(role radio.Role, area radio.AreaID) radio.Person {
		return radio.Person{ID: "U", Grants: []radio.Grant{{Role: role, Area: area}}}
	}
	for _, c := range []struct {
		name   string
		who    radio.Person
		may    radio.Action
		of     areaOf
		status int
	}{
		{"write in the own commune", person(radio.RoleEditor, own), radio.WriteBulletins, at(province, own), 200},
		{"write in another commune: it does not exist", person(radio.RoleEditor, own), radio.WriteBulletins, at(province, foreign), 404},
		{"read in another commune: it does not exist", person(radio.RoleEditor, own), radio.ReadBulletins, at(province, foreign), 404},
		{"read what the province made", person(radio.RoleEditor, own), radio.ReadBulletins, at(province), 200},
		{"write what the province made", person(radio.RoleEditor, own), radio.WriteBulletins, at(province), 403},
		{"the role may only read, own commune", person(radio.RoleViewer, own), radio.WriteBulletins, at(province, own), 403},
		{"the role may only read, another commune", person(radio.RoleViewer, own), radio.WriteBulletins, at(province, foreign), 404},
		{"the role has nothing to do with it", person(radio.RoleEditor, own), radio.WritePeople, at(province, own), 403},
		{"everywhere", person(radio.RoleEditor, radio.Everywhere), radio.WriteBulletins, at(province, foreign), 200},
		{"no thing in the address, right somewhere", person(radio.RoleEditor, own), radio.WriteBulletins, nil, 200},
		{"no thing in the address, no right", person(radio.RoleViewer, own), radio.WriteBulletins, nil, 403},
		{"a thing that is not there", person(radio.RoleEditor, own), radio.WriteBulletins, gone, 404},
		{"no grants", radio.Person{ID: "U"}, radio.ReadBulletins, at(province), 403},
		{"no grants, own account", radio.Person{ID: "U"}, radio.Self, nil, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.people.is(&c.who)
			route := route{pattern: "GET /x", as: h.page, may: c.may, of: c.of, do: func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(http.StatusOK)
				return nil
			}}
			r := httptest.NewRequest(http.MethodGet, "/x", nil)
			r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
			w := httptest.NewRecorder()
			h.signedIn(route).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%d, want %d", w.Code, c.status)
			}
		})
	}
}
