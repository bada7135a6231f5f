package web

import (
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// From the commune's bulletin to the province's draft, in the browser's forms: sent by the
// commune, listened to and taken by the province, or sent back with a reason.
func TestSubmissionWalk(t *testing.T) {
	h := newHouse(t)
	h.plan.playable()
	parts := bulletinIn(radio.Approved, sau)(h, own)
	address := "/bulletins/" + parts[1] + "/" + parts[3]
	as := func(area radio.AreaID) {
		h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleEditor, Area: area}}})
	}
	as(h.area(own))
	want(t, h.ask(t, http.MethodGet, address, ""), http.StatusOK, address+"/hand-up", "Lời nhắn cho tỉnh")
	sent := h.ask(t, http.MethodPost, address+"/hand-up", "why=Dự thi <tỉnh>")
	want(t, sent, http.StatusSeeOther)
	at := sent.Header().Get("Location")
	page := h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "chờ tỉnh xem", "Dự thi &lt;tỉnh&gt;", `value="withdraw"`, "Nguyễn Thị Lan")
	for _, not := range []string{`value="take"`, "/listened"} {
		if strings.Contains(page.Body.String(), not) {
			t.Errorf("the commune is offered %s", not)
		}
	}
	want(t, h.ask(t, http.MethodPost, address+"/hand-up", ""), http.StatusConflict, "đang chờ")
	if page := h.ask(t, http.MethodGet, address, "").Body.String(); strings.Contains(page, "/hand-up") || !strings.Contains(page, at) {
		t.Error("what waits is offered to be handed up again, or its page does not lead on")
	}

	as(h.area(common))
	want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusOK, "1 bài địa phương gửi lên chờ bạn nghe", `href="/submissions"`)
	want(t, h.ask(t, http.MethodGet, "/submissions", ""), http.StatusOK, at, "nghe hết rồi nhận", "Bản tin để hỏi quyền")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, `data-report="/api/v1`+at+`/listened"`, `value="take" disabled`, address+"/audio")
	want(t, h.ask(t, http.MethodPost, at, "do=take"), http.StatusConflict, "Phải nghe hết")
	want(t, h.ask(t, http.MethodPost, at, "do=return&why="), http.StatusUnprocessableEntity, "Lý do", "không được để trống")
	want(t, h.ask(t, http.MethodPost, at, "do=burn"), http.StatusUnprocessableEntity, "chọn nhận, trả lại hoặc rút lại")
	if len(h.handed.taken) != 0 || len(h.handed.steps) != 1 {
		t.Fatalf("refused, but kept %+v", h.handed.steps)
	}
	want(t, sendJSON(h, t, http.MethodPost, "/api/v1"+at+"/listened", listenedJSON), http.StatusOK)
	h.desk.hearing = radio.Hearing{Percent: 100, Done: true}
	want(t, h.ask(t, http.MethodPost, at, "do=take"), http.StatusSeeOther)
	if b := h.handed.taken; len(b) != 1 || b[0].Area != h.area(common) || b[0].State != radio.Draft || b[0].CreatedBy != lan.ID {
		t.Fatalf("taken %+v", b)
	}
	h.plan.bulletins = append(h.plan.bulletins, h.handed.taken[0])
	page = h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "tỉnh đã nhận", "Bản nháp của tỉnh", bulletinAddress(h.handed.taken[0]))
	if n := page.Body.Len(); n > 100_000 {
		t.Errorf("the page is %d bytes", n)
	}
	h.inEnglish(t, at, "taken by the province", "Steps", "The province&#39;s draft")
	want(t, h.ask(t, http.MethodPost, at, "do=return&why=muộn"), http.StatusConflict)

	as(h.area(own))
	if page := h.ask(t, http.MethodGet, at, "").Body.String(); strings.Contains(page, bulletinAddress(h.handed.taken[0])) {
		t.Error("the commune is led to a draft it may not see")
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/submissions", ""), http.StatusOK, `"state":"taken"`)
	as(h.area(foreign))
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusNotFound)
	if list := h.ask(t, http.MethodGet, "/api/v1/submissions", "").Body.String(); strings.Contains(list, "Bản tin để hỏi quyền") {
		t.Error("another commune reads what was handed up")
	}
}
