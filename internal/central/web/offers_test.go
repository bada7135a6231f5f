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
	want(t, h.ask(t, http.MethodPost, at+"/rule", "default=hold&deadline_hours=24"), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, at+"/rule", "default=hold&deadline_hours=nhiều"), http.StatusUnprocessableEntity, "số giờ từ 0 đến 336")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Giữ lại: chỉ phát khi đã nhận.", `value="24"`)
	api := sendJSON(h, t, http.MethodPost, "/api/v1/offers/"+string(h.area(own))+"/decisions", `{"decisions":[{"schedule":"`+string(offeredSchedule)+`","do":"undo"}]}`)
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
