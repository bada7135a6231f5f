package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// The table of permissions: every route × every role × where the thing stands. What a
// route must ask for is written out by hand in the fixtures, beside the routes' own
// word, so that a slip in either shows. A new route needs one row in fixtures of its
// resource's *_fixtures_test.go; without it TestPermissions fails.

// where a thing stands, seen from a person of one commune.
type where string

const (
	own     where = "own"      // in the person's commune
	foreign where = "foreign"  // in another commune
	common  where = "province" // it belongs to the whole province
)

// fixture is how to ask one route, and what it must ask for.
type fixture struct {
	pattern string
	// may is the right; "" says that the route is open to strangers.
	may radio.Action
	// thing gives name and value of each {part} of the pattern, for a thing that stands
	// at w; nil where no such thing can be. Without thing the route is a list or makes
	// something new.
	thing func(h *house, w where) []string
	// body is JSON when it begins with "{", else a form. "{area}" becomes the id of an
	// area at w: then the route makes something new there, and the right is needed there.
	body string
	// kind is the content type of a body that is neither.
	kind string
	// program lets API tokens in where the right is Self.
	program bool
	// person keeps API tokens out whatever the right.
	person bool
	// leaky marks a list that is not narrowed to the reader's communes yet. The mark is
	// wrong, and fails, as soon as it is.
	leaky bool
	// status is the answer for those let in, where it is not a success.
	status int
	// except: what a handler narrows further. The key is "role where" for a person of one
	// commune, "role* where" for one of the province; 0 lets through.
	except map[string]int
}

// fixtures lists every row, a function for each resource, as table does.
func fixtures() []fixture {
	return slices.Concat(
		sessionFixtures(),
		overviewFixtures(),
		bulletinFixtures(),
		scheduleFixtures(),
		rulesFixtures(),
		weekFixtures(),
		rehearsalFixtures(),
		offerFixtures(),
		submissionFixtures(),
		timelineFixtures(),
		explainFixtures(),
		campaignFixtures(),
		alertFixtures(),
		passkeyFixtures(),
		commandFixtures(),
		setupFixtures(),
		areaFixtures(),
		logFixtures(),
		monthFixtures(),
		peopleFixtures(),
		accountFixtures(),
		secondFixtures(),
		auditFixtures(),
		houseFixtures(),
	)
}

// writes counts what the fakes were asked to change; a forbidden request adds nothing.
func (h *house) writes() int {
	return len(h.plan.saved) + len(h.desk.uploads) + len(h.desk.decisions) + len(h.people.ended) + len(h.staff.changes) +
		len(h.watch.added) + len(h.watch.codes) + len(h.watch.ends) + len(h.plans.acts) + len(h.alerts.acts) + len(h.orders.audit) + len(h.setups.acts) + len(h.rules.acts) + len(h.passkeys.acts) + len(h.months.acts) + len(h.offers.words) + len(h.offers.rules) + len(h.lives.acts) + len(h.handed.steps)
}

// area is a commune at w, or the province.
func (h *house) area(w where) radio.AreaID {
	return map[where]radio.AreaID{own: h.plan.places[0].Chain[1].ID, foreign: h.plan.places[2].Chain[1].ID, common: h.plan.places[0].Chain[0].ID}[w]
}

// readFor is the right to see what another right changes.
var readFor = map[radio.Action]radio.Action{
	radio.ReadBulletins: radio.ReadBulletins, radio.WriteBulletins: radio.ReadBulletins, radio.DecideBulletins: radio.ReadBulletins,
	radio.ReadSchedules: radio.ReadSchedules, radio.WriteSchedules: radio.ReadSchedules, radio.PublishSchedules: radio.ReadSchedules, radio.DecideOffers: radio.ReadSchedules,
	radio.CloseLog:      radio.ReadLog,
	radio.ReadCampaigns: radio.ReadCampaigns, radio.WriteCampaigns: radio.ReadCampaigns,
	radio.ReadDevices: radio.ReadDevices, radio.WriteDevices: radio.ReadDevices, radio.ControlDevices: radio.ReadDevices,
	radio.ReadPeople: radio.ReadPeople, radio.WritePeople: radio.ReadPeople,
	radio.ReadLog: radio.ReadLog, radio.ReadAudit: radio.ReadAudit,
	radio.ReadAlerts: radio.ReadAlerts, radio.WriteAlerts: radio.ReadAlerts, radio.SignAlerts: radio.ReadAlerts,
	radio.WriteContacts: radio.ReadAlerts,
}

// asker is who asks: one role, in the own commune or in the whole province, at a screen
// or by a token.
type asker struct {
	role       radio.Role
	everywhere bool
	token      radio.TokenUse
}

func (a asker) String() string {
	s := string(a.role)
	if a.everywhere {
		s += "*"
	}
	return s
}

func (a asker) has(act radio.Action) bool {
	read := readFor[act] == act
	return a.role.May(act) && (a.token == "" || a.token == radio.TokenReads && read || a.token == radio.TokenWrites && act != radio.WritePeople && act != radio.SignAlerts)
}

// expected is the answer: 0 for being let through.
func (f fixture) expected(a asker, w where) int {
	if status, ok := f.except[fmt.Sprint(a, " ", w)]; ok && (a.token == "" || a.has(f.may)) {
		return status
	}
	inside := a.everywhere || w == own
	read := readFor[f.may]
	switch {
	case f.may == radio.Self:
		if a.token != "" && !f.program {
			return http.StatusForbidden
		}
		return f.status
	case (f.may == radio.WritePeople || f.may == radio.SignAlerts || f.person) && a.token != "":
		return http.StatusForbidden // whatever the thing: no program changes people, signs, or listens for them
	case f.thing == nil && strings.Contains(f.body, "{area}"):
		if !a.has(f.may) || !inside {
			return http.StatusForbidden
		}
	case f.thing == nil:
		if !a.has(f.may) {
			return http.StatusForbidden
		}
	case !a.has(f.may) && !a.has(read):
		return http.StatusForbidden
	case !a.has(read) || !inside && w != common:
		return http.StatusNotFound
	case f.may != read && (!a.has(f.may) || !inside):
		return http.StatusForbidden
	}
	return f.status
}

// ask sends the fixture's request for a thing at w; ok is false when there is none.
func (f fixture) ask(t *testing.T, h *house, w where) (status int, page string, ok bool) {
	t.Helper()
	method, path, cut := strings.Cut(f.pattern, " ")
	if !cut {
		method, path = http.MethodGet, f.pattern+"nowhere"
	}
	pairs := []string{"{$}", "", "{name}", "style.css", "{area}", string(h.area(w))}
	if f.thing != nil {
		parts := f.thing(h, w)
		if parts == nil {
			return 0, "", false
		}
		for i := 0; i < len(parts); i += 2 {
			pairs = append(pairs, "{"+parts[i]+"}", parts[i+1])
		}
	}
	fill := strings.NewReplacer(pairs...)
	if path = fill.Replace(path); strings.Contains(path, "{") {
		t.Fatalf("the fixture does not fill %s", path)
	}
	answer := h.ask(t, method, path, fill.Replace(f.body), func(r *http.Request) {
		switch {
		case f.kind != "":
			r.Header.Set("Content-Type", f.kind)
		case strings.HasPrefix(f.body, "{"):
			r.Header.Set("Content-Type", "application/json")
		}
	})
	if answer.Code == http.StatusSeeOther && answer.Header().Get("Location") == "/login" && method == http.MethodGet {
		return http.StatusUnauthorized, "", true
	}
	return answer.Code, answer.Body.String(), true
}

// places says where a fixture's thing may stand; a list stands nowhere, so it is asked once.
func (f fixture) places() []where {
	if f.thing == nil && !strings.Contains(f.body, "{area}") {
		return []where{own}
	}
	return []where{own, foreign, common}
}

func TestPermissions(t *testing.T) {
	rows := map[string]fixture{}
	for _, f := range fixtures() {
		if _, twice := rows[f.pattern]; twice {
			t.Errorf("two rows for %s", f.pattern)
		}
		rows[f.pattern] = f
	}
	for _, r := range newHouse(t).table() {
		f, ok := rows[r.pattern]
		delete(rows, r.pattern)
		switch {
		case !ok:
			t.Errorf("route %s has no row: add it to the fixtures of its resource", r.pattern)
		case f.may != r.may || r.open != (f.may == ""):
			t.Errorf("route %s asks for %q (open: %v), its row says %q", r.pattern, r.may, r.open, f.may)
		case !r.open:
			t.Run(r.pattern, func(t *testing.T) { walkRoles(t, f) })
		}
	}
	for pattern := range rows {
		t.Errorf("a row for %s, which is no route", pattern)
	}
}

// walkRoles asks one route as everybody.
func walkRoles(t *testing.T, f fixture) {
	h := newHouse(t)
	h.Live.Close() // else the stream of events would go on
	tokens := []radio.TokenUse{""}
	if strings.Contains(f.pattern, "/api/") {
		tokens = append(tokens, radio.TokenReads, radio.TokenWrites)
	}
	asked, leaked := false, false
	for _, role := range radio.Roles() {
		for _, everywhere := range []bool{false, true} {
			for _, token := range tokens {
				for _, w := range f.places() {
					a := asker{role, everywhere, token}
					h.people.is(h.person(a))
					before := h.writes()
					status, page, ok := f.ask(t, h, w)
					if !ok {
						continue
					}
					asked = true
					switch want := f.expected(a, w); {
					case want != 0 && status != want, want == 0 && (status >= 500 || slices.Contains([]int{400, 401, 403, 404, 405, 415}, status)):
						t.Errorf("%s%s, thing %s: %d, want %d (0: let through)\n%s", a, token, w, status, want, clip(page, 1500))
					case want != 0 && h.writes() != before:
						t.Errorf("%s%s, thing %s: refused with %d, but something was changed", a, token, w, status)
					case !everywhere && status == http.StatusOK:
						if name := h.leaks(page); name != "" {
							if leaked = true; !f.leaky {
								t.Errorf("%s, thing %s: the answer names %s of another commune", a, w, name)
							}
						}
					}
					h.people.ended = nil
				}
			}
		}
	}
	if f.leaky && !leaked {
		t.Error("the row is marked leaky, but names nothing of another commune: take the mark away")
	}
	if !asked {
		t.Error("the row has no thing anywhere")
	}
}

// person has one role; nobody else of the tests is this person.
func (h *house) person(a asker) *radio.Person {
	area := h.area(own)
	if a.everywhere {
		area = radio.Everywhere
	}
	h.staff.mine = []radio.Grant{{Role: a.role, Area: area}}
	return &radio.Person{ID: id[radio.UserID]('u', 77), Login: "thu", Name: "Lê Văn Thử", Grants: []radio.Grant{{Role: a.role, Area: area}}, Token: a.token}
}

// leaks names a cluster or a person of another commune that stands in an answer.
func (h *house) leaks(page string) string {
	for _, p := range h.plan.places {
		if p.Commune().ID != h.area(own) && (strings.Contains(page, string(p.Device.ID)) || strings.Contains(page, p.Device.Name)) {
			return "the cluster " + p.Device.Code
		}
	}
	for _, a := range h.staff.all {
		inside := slices.ContainsFunc(a.Grants, func(g radio.Grant) bool { return g.Area == h.area(own) || g.Area == radio.Everywhere })
		if !inside && strings.Contains(page, string(a.ID)) {
			return "the person " + a.Login
		}
	}
	return ""
}
