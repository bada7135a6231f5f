package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// Who works for one commune begins with its week; others do not.
func TestFirstPageOfACommune(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	for name, c := range map[string]struct {
		grants []radio.Grant
		week   bool
	}{
		"an editor":            {[]radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}, true},
		"an approver too":      {[]radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}, {Role: radio.RoleApprover, Area: h.area(own)}}, true},
		"an operator":          {[]radio.Grant{{Role: radio.RoleOperator, Area: h.area(own)}}, false},
		"of two communes":      {[]radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}, {Role: radio.RoleEditor, Area: h.area(foreign)}}, false},
		"of the province":      {[]radio.Grant{{Role: radio.RoleEditor, Area: h.area(common)}}, false},
		"of both":              {[]radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}, {Role: radio.RoleViewer, Area: h.area(common)}}, false},
		"everywhere, any role": {lan.Grants, false},
	} {
		h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: c.grants})
		page := h.ask(t, http.MethodGet, "/", "")
		want(t, page, http.StatusOK)
		if got := strings.Contains(page.Body.String(), `id="timeline"`); got != c.week {
			t.Errorf("%s: the week first: %v", name, got)
		}
		if c.week {
			want(t, page, http.StatusOK, `href="/overview"`)
			want(t, h.ask(t, http.MethodGet, "/overview", ""), http.StatusOK, `id="counters"`)
		}
	}
}

func TestTimelinePage(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}})
	want(t, h.ask(t, http.MethodGet, "/timeline", ""), http.StatusSeeOther)
	at := "/timeline/" + string(h.area(own))
	page := h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "hôm nay", "cấp trên gửi", "sẽ phát", "Phòng cháy mùa khô", "17:00", "theo mặc định")
	if n := page.Body.Len(); n > 100_000 {
		t.Errorf("the page is %d bytes", n)
	}
	say := "do=decline&schedule=" + string(offeredSchedule) + "&slot=" + string(offeredSlot) + "&reason=Lễ <hội> đền"
	want(t, h.ask(t, http.MethodPost, "/offers/"+string(h.area(own)), say), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "sẽ không phát", "địa phương đã trả lời không nhận", "Lễ &lt;hội&gt; đền")
	h.inEnglish(t, at, "The commune&#39;s week", "from above", "declined")
	want(t, h.ask(t, http.MethodGet, at+"?from=x", ""), http.StatusUnprocessableEntity, "2026-12-31")
	api := "/api/v1" + at
	// What the commune declined is told once a day, by its bulletin.
	var week radio.Timeline
	if err := json.Unmarshal(h.ask(t, http.MethodGet, api+"?days=3&from="+string(radio.DateOf(now.AddDate(0, 0, 1))), "").Body.Bytes(), &week); err != nil {
		t.Fatal(err)
	}
	told := map[radio.Millis]int{}
	for _, r := range week.Rows {
		if r.Schedule == offeredSchedule {
			if told[r.At]++; r.Sounds || r.Offer != radio.OfferDeclined || r.Word != "Lễ <hội> đền" || r.Reason != radio.ReasonCommune || r.Devices != 2 {
				t.Errorf("%+v", r)
			}
		}
	}
	for at, n := range told {
		if n != 1 {
			t.Errorf("%s is told %d times", at.Time(), n)
		}
	}
	if len(told) != 3 {
		t.Errorf("%d days told", len(told))
	}
	want(t, h.ask(t, http.MethodGet, api+"?days=2", ""), http.StatusOK, `"offer":"declined"`, `"kind":"above"`, `"sounds":false`)
	want(t, h.ask(t, http.MethodGet, api+"?days=15", ""), http.StatusUnprocessableEntity, "1 to 14 days")
	want(t, h.ask(t, http.MethodGet, api+"?days=x", ""), http.StatusUnprocessableEntity, "1 to 14 days")
	want(t, h.ask(t, http.MethodGet, "/timeline/"+string(h.area(foreign)), ""), http.StatusNotFound)
}
