package web

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// borne is what TestPermissions cannot see from the address: an area or a cluster that a
// request names in its body. The body speaks of {foreign} (another commune), {device} (a
// cluster there) or {hamlet} (a hamlet there); who may write in the own commune only gets
// status, and nothing changes. A route whose body can name one has a row here; elsewhere
// names the test of the room that judges it instead.
var borne = map[string]struct {
	body      string
	status    int
	elsewhere string
}{
	"POST /api/v1/alerts":               {body: strings.ReplaceAll(alertJSON, "{area}", "{foreign}"), status: http.StatusForbidden},
	"PUT /api/v1/alerts/{alert}":        {body: `{"version":1,"wish":` + strings.ReplaceAll(alertJSON, "{area}", "{foreign}") + `}`, status: http.StatusForbidden},
	"POST /api/v1/areas/changes/{kind}": {elsewhere: "TestPermissions: whoever has the right, has it in the whole province"},
	"POST /api/v1/commands":             {body: `{"do":"stop","confirm":1,"devices":["{device}"]}`, status: http.StatusUnprocessableEntity},
	"POST /api/v1/devices":              {body: `{"code":"cum-moi","name":"Cụm mới","hamlet":"{hamlet}"}`, status: http.StatusForbidden},
	"POST /api/v1/people":               {body: `{"login":"moi.bt","name":"Mới","grants":[{"role":"editor","area":"{foreign}"}]}`, status: http.StatusForbidden},
	"PUT /api/v1/people/{id}/grants":    {body: `{"grants":[{"role":"viewer","area":"{foreign}"}]}`, status: http.StatusForbidden},
	"POST /api/v1/schedules":            {elsewhere: "central/schedule TestRightsByArea"},
	"PUT /api/v1/schedules/{id}":        {elsewhere: "central/schedule TestRightsByArea"},
	"POST /api/v1/conflicts":            {body: `{"schedules":[{"targets":[{"area":"{foreign}"}]}]}`, status: http.StatusForbidden},
}

// namesPlace says whether a JSON body of this type can name an area or a cluster.
func namesPlace(t reflect.Type, seen []reflect.Type) bool {
	switch t {
	case reflect.TypeFor[radio.AreaID](), reflect.TypeFor[radio.DeviceID](), reflect.TypeFor[radio.Target](), reflect.TypeFor[radio.FormTarget]():
		return true
	}
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return namesPlace(t.Elem(), seen)
	case reflect.Map:
		return namesPlace(t.Key(), seen) || namesPlace(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("json") != "-" && namesPlace(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

func TestBodiesNameNothingForeign(t *testing.T) {
	rows := map[string]fixture{}
	for _, f := range fixtures() {
		rows[f.pattern] = f
	}
	known := map[string]bool{}
	for _, r := range newHouse(t).table() {
		if r.doc.In == nil || !namesPlace(reflect.TypeOf(r.doc.In), nil) {
			continue
		}
		known[r.pattern] = true
		row, ok := borne[r.pattern]
		switch {
		case !ok:
			t.Errorf("the body of %s can name an area or a cluster: what becomes of a foreign one?", r.pattern)
		case row.elsewhere == "":
			t.Run(r.pattern, func(t *testing.T) {
				f := rows[r.pattern]
				f.body, f.kind = row.body, ""
				h := newHouse(t)
				asked := false
				for _, role := range radio.Roles() {
					if !role.May(r.may) {
						continue
					}
					h.people.is(h.person(asker{role: role}))
					before := h.writes()
					f.body = strings.NewReplacer("{foreign}", string(h.area(foreign)), "{device}", string(h.plan.places[2].Device.ID),
						"{hamlet}", string(h.plan.places[2].Chain[2].ID)).Replace(row.body)
					status, page, ok := f.ask(t, h, own)
					if !ok {
						t.Fatal("the row of TestPermissions has no thing in the own commune")
					}
					asked = true
					if status != row.status {
						t.Errorf("%s: %d, want %d\n%s", role, status, row.status, clip(page, 600))
					}
					if h.writes() != before {
						t.Errorf("%s: something was changed", role)
					}
				}
				if !asked {
					t.Error("nobody may use this route")
				}
			})
		}
	}
	for pattern := range borne {
		if !known[pattern] {
			t.Errorf("a row for %s, whose body names no area", pattern)
		}
	}
}
