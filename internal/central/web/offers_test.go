package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// A person of the commune without JavaScript: from the list to an answer that counts, and a
// refusal that says what to do.
func TestOffersPage(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}})
	want(t, h.ask(t, http.MethodGet, "/offers", ""), http.StatusSeeOther)
	at := "/offers/" + string(h.area(own))
	page := h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "Phòng cháy mùa khô", "sẽ phát", "tự động nhận", `name="to"`, "Cấp trên gửi", "17:00")
	if n := page.Body.Len(); n > 100_000 {
		t.Errorf("the page is %d bytes", n)
	}
	h.inEnglish(t, at, "Sent from above", "Accept", "Decline", "every date")
	form := url.Values{"schedule": {string(offeredSchedule)}, "slot": {string(offeredSlot)}}
	say := func(do string, more ...string) url.Values {
		f := url.Values{"do": {do}}
		for k, v := range form {
			f[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	want(t, h.ask(t, http.MethodPost, at, say("decline").Encode()), http.StatusUnprocessableEntity, "Lý do", "không được để trống")
	want(t, h.ask(t, http.MethodPost, at, say("move", "to", "").Encode()), http.StatusUnprocessableEntity, "chọn giờ mới")
	if len(h.offers.words) != 0 {
		t.Fatalf("refused, but kept %+v", h.offers.words)
	}
	want(t, h.ask(t, http.MethodPost, at, say("move", "to", "18:30", "reason", "Bà con đi làm về").Encode()), http.StatusSeeOther)
	// What belongs to a move is left out of another word.
	want(t, h.ask(t, http.MethodPost, at, say("decline", "to", "07:00", "reason", "Lễ <hội> đền").Encode()), http.StatusSeeOther)
	if w := h.offers.words; len(w) != 2 || w[0].To != 18*60+30 || w[1].To != 0 || w[1].Area != h.area(own) {
		t.Fatalf("kept %+v", w)
	}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "không nhận", "sẽ không phát", "Lễ &lt;hội&gt; đền", "Bà con đi làm về", "18:30")
	// A colleague has had the page open since before that; what they send is not kept, and
	// the page they get back has seen it.
	want(t, h.ask(t, http.MethodPost, at, say("accept", "seen", "0").Encode()), http.StatusConflict, "câu trả lời mới hơn", `name="seen" value="2"`)
	want(t, h.ask(t, http.MethodPost, at, say("accept", "seen", "hai").Encode()), http.StatusUnprocessableEntity)
	if len(h.offers.words) != 2 {
		t.Fatalf("kept %+v", h.offers.words)
	}
	want(t, h.ask(t, http.MethodPost, at+"/rule", "default=hold&deadline_hours=24"), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, at+"/rule", "default=hold&deadline_hours=nhiều"), http.StatusUnprocessableEntity, "số giờ từ 0 đến 336")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Giữ lại: chỉ phát khi đã nhận.", `value="24"`)
	// A move without its new time is no move to midnight.
	for _, body := range []string{`{"do":"move","schedule":"` + string(offeredSchedule) + `","slot":"` + string(offeredSlot) + `"}`} {
		got := sendJSON(h, t, http.MethodPost, "/api/v1/offers/"+string(h.area(own))+"/decisions", `{"decisions":[`+body+`]}`)
		want(t, got, http.StatusUnprocessableEntity, `"field":"to"`)
	}
	api := sendJSON(h, t, http.MethodPost, "/api/v1/offers/"+string(h.area(own))+"/decisions", `{"decisions":[{"schedule":"`+string(offeredSchedule)+`","do":"undo","seen":1}]}`)
	want(t, api, http.StatusConflict, "newer answer")
	api = sendJSON(h, t, http.MethodPost, "/api/v1/offers/"+string(h.area(own))+"/decisions", `{"decisions":[{"schedule":"`+string(offeredSchedule)+`","do":"undo","seen":2}]}`)
	want(t, api, http.StatusOK, `"state":"by_default"`)
	// The province reads, and does not answer.
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(common)}}})
	page = h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "Phòng cháy mùa khô")
	if strings.Contains(page.Body.String(), `value="decline"`) {
		t.Error("the province is offered to decline")
	}
	want(t, h.ask(t, http.MethodPost, at, say("accept").Encode()), http.StatusForbidden, "chính xã/phường này")
}

// TestOneAiringOnThePage: of a slot that comes twice a day one airing is chosen by its date and
// time; what the commune moves into the night is told not to sound.
func TestOneAiringOnThePage(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	h.plan.schedules[len(h.plan.schedules)-1].Slots[0].Cron = "30 6,17 * * *"
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}})
	at := "/offers/" + string(h.area(own))
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, `<select name="time">`, "<option>06:30</option>", "<option>17:30</option>", "mọi lượt")
	tomorrow := radio.DateOf(now.AddDate(0, 0, 1))
	form := func(do, date, time, to string) string {
		return url.Values{"do": {do}, "schedule": {string(offeredSchedule)}, "slot": {string(offeredSlot)}, "date": {date}, "time": {time}, "to": {to}}.Encode()
	}
	want(t, h.ask(t, http.MethodPost, at, form("move", "", "", "18:30")), http.StatusUnprocessableEntity, "hãy chọn ngày và lượt muốn đổi")
	want(t, h.ask(t, http.MethodPost, at, form("move", "", "17:30", "18:30")), http.StatusUnprocessableEntity, "chọn ngày của lượt phát đó", "<option selected>17:30</option>")
	want(t, h.ask(t, http.MethodPost, at, form("move", string(tomorrow), "17:30", "23:30")), http.StatusSeeOther)
	if w := h.offers.words; len(w) != 1 || w[0].Time != "17:30" || w[0].Date != tomorrow {
		t.Fatalf("kept %+v", w)
	}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "riêng lượt này", "sẽ không phát được", "17:30")
	h.inEnglish(t, at, "this airing alone", "will not sound", "every airing")
}

// TestAnswersOnThePageOfASchedule: who publishes it sees which communes decline it, hold it
// back or have not answered, of those whose schedules the reader may see.
func TestAnswersOnThePageOfASchedule(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	h.offerSomething()
	at := "/schedules/" + string(offeredSchedule)
	page := func() string {
		t.Helper()
		got := h.ask(t, http.MethodGet, at, "")
		want(t, got, http.StatusOK, "Địa phương trả lời")
		return got.Body.String()
	}
	before := page()
	if !strings.Contains(before, "0 không nhận, 0 giữ lại") || !strings.Contains(before, "chưa trả lời, sẽ phát theo giờ đã đặt") {
		t.Errorf("nobody has answered: %s", before)
	}
	h.offers.words = append(h.offers.words, radio.Decision{N: 1, Area: h.area(own), Schedule: offeredSchedule, Do: radio.DecideDecline, Reason: "Lễ <hội>", By: lan.ID, At: 1})
	h.offers.rules = append(h.offers.rules, radio.OfferRule{N: 1, Area: h.area(foreign), Default: radio.OfferHold, Hours: 1, At: 1})
	if after := page(); !strings.Contains(after, "1 không nhận, 1 giữ lại") || !strings.Contains(after, "Lễ &lt;hội&gt;") || !strings.Contains(after, "giữ lại, chưa nhận") {
		t.Errorf("declined and held: %s", after)
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1"+at+"/answers", ""), http.StatusOK, `"declined_count":1`, `"held_count":1`)
	// The editor of one commune sees that alone.
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.area(own)}}})
	got := h.ask(t, http.MethodGet, "/api/v1"+at+"/answers", "")
	if got.Code == http.StatusOK && strings.Contains(got.Body.String(), string(h.area(foreign))) {
		t.Errorf("another commune's answer: %s", got.Body)
	}
}

// TestOffersOfAMergedCommune: whoever works for the commune of today is led to it, and not
// asked to choose among those it took; whoever has a role in one of these alone still reads
// there what was said.
func TestOffersOfAMergedCommune(t *testing.T) {
	h := newHouse(t)
	now, was := h.area(own), h.area(foreign)
	for i, p := range h.plan.places {
		if p.Commune().ID == was {
			old := p.Chain[1]
			old.ValidTo = "2025-11-20"
			h.plan.places[i].Chain = []radio.Area{p.Chain[0], h.plan.places[0].Chain[1], old, p.Chain[2]}
		}
	}
	led := func(to radio.AreaID, areas ...radio.AreaID) {
		t.Helper()
		p := &radio.Person{ID: lan.ID, Name: lan.Name}
		for _, a := range areas {
			p.Grants = append(p.Grants, radio.Grant{Role: radio.RoleEditor, Area: a})
		}
		h.people.is(p)
		w := h.ask(t, http.MethodGet, "/offers", "")
		if want(t, w, http.StatusSeeOther); w.Header().Get("Location") != "/offers/"+string(to) {
			t.Errorf("%v is led to %s", areas, w.Header().Get("Location"))
		}
	}
	led(now, now)
	led(now, now, was)
	led(was, was)
}
