package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// weekHouse has bulletins that can be expanded, and a schedule of one commune that meets
// the province's on one of its two devices, one at night, and one without audio.
func weekHouse(t testing.TB) *house {
	h := newHouse(t)
	h.plan.playable()
	slotOf := func(n int, code, rule string, bulletin int) radio.Slot {
		return radio.Slot{ID: id[radio.SlotID]('l', n), Code: code, Cron: rule, Items: []radio.Entry{
			{ID: id[radio.EntryID]('e', n), Code: "bai", Kind: radio.KindAudio, Bulletin: h.plan.bulletins[bulletin].ID, Repeat: 1}}}
	}
	commune := radio.Schedule{ID: id[radio.ScheduleID]('s', 11), Code: "phuong", Title: "Bản tin phường", Version: 1, Priority: radio.Normal, Zone: "Asia/Ho_Chi_Minh",
		Targets: []radio.Target{{Area: h.plan.places[0].Commune().ID}}, GraceSeconds: 120,
		Slots: []radio.Slot{slotOf(11, "sang", "0 5 * * *", 1), slotOf(12, "dem", "15 3 * * *", 0), slotOf(13, "trua", "0 11 * * *", 2)}}
	hamlet := commune
	hamlet.ID, hamlet.Code, hamlet.Title, hamlet.Priority = id[radio.ScheduleID]('s', 12), "to-1", "Tin của tổ 1", radio.Prior
	hamlet.Targets, hamlet.Slots = []radio.Target{{Device: h.plan.places[0].Device.ID}}, []radio.Slot{slotOf(14, "som", "0 5 * * 1", 1)}
	h.plan.schedules = []radio.Schedule{commune, hamlet}
	return h
}

func (h *house) communeOf(n int) string { return string(h.plan.places[n].Commune().ID) }
func (h *house) deviceOf(n int) string  { return string(h.plan.places[n].Device.ID) }

// onlyIn makes the reader an operator of the commune of place n.
func (h *house) onlyIn(n int) {
	h.people.is(&radio.Person{ID: lan.ID, Login: "hoa", Name: "Trần Hoa", Grants: []radio.Grant{{Role: radio.RoleEditor, Area: h.plan.places[n].Commune().ID}}})
}

func TestWeekPage(t *testing.T) {
	h := weekHouse(t)
	// now is Saturday 22 November, 09:30.
	w := h.ask(t, http.MethodGet, "/schedules/week?from=2025-11-26&commune="+h.communeOf(0), "")
	want(t, w, http.StatusOK, "Phường Thành Sen · 2 cụm loa", "24/11/2025 – 30/11/2025", "from=2025-11-17", "from=2025-12-01",
		"T2 <span>24/11/2025</span>", "CN <span>30/11/2025</span>", "<b>05:00–05:02</b>", "<b>05:01:17–05:03</b>", "giờ đêm", "sẽ không phát", "ngoài khung giờ được phép",
		"phát trễ 1 phút 17 giây", "nhường Tin của tổ 1", "chỉ 1 cụm loa: Cụm loa nhà văn hóa tổ dân phố 1",
		"Không vào được chương trình", "đang chờ duyệt", "2 cụm loa</small>")
	if page := w.Body.String(); strings.Contains(page, "hôm nay") || strings.Contains(page, "xem nhật ký") {
		t.Error("next week has a today or a past")
	}
	// This week: what has been stands in the log.
	w = h.ask(t, http.MethodGet, "/schedules/week?device="+h.deviceOf(0), "")
	want(t, w, http.StatusOK, "Cụm loa nhà văn hóa tổ dân phố 1</h2>", "17/11/2025 – 23/11/2025", "hôm nay", "/log?device="+h.deviceOf(0)+"&amp;from=2025-11-22&amp;to=2025-11-22", "Không có lượt phát nào nữa.")
	if n := strings.Count(w.Body.String(), "Đã qua"); n != 6 {
		t.Errorf("%d days have a past, want 6", n)
	}
	page := w.Body.String()
	for _, row := range h.log.pick(radio.LogFilter{Device: h.plan.places[0].Device.ID, From: "2025-11-17", To: "2025-11-23"}) {
		told, err := outcomeText(row.Outcome)
		if err != nil {
			t.Fatal(err)
		}
		if row.Start < radio.At(now) && row.Planned() && !strings.Contains(page, told+"</span>") {
			t.Errorf("%s at %s is not shown", row.Outcome, row.Start.Time())
		}
	}
	if past, coming, _ := strings.Cut(page, "CN <span>"); strings.Contains(past, "sẽ ") || !strings.Contains(past, "Đã phát</span>") || !strings.Contains(coming, "sẽ phát") {
		t.Error("what has been comes from the log, what is to come from the plan")
	}
	w = h.ask(t, http.MethodGet, "/schedules/week?commune="+h.communeOf(0), "")
	if want(t, w, http.StatusOK); strings.Contains(w.Body.String(), "Đã phát</span>") {
		t.Error("a commune's past stands in the log, not here")
	}
	want(t, h.ask(t, http.MethodGet, "/schedules/week", ""), http.StatusOK, "Chọn xã/phường, rồi")
	// A device of another commune is left over from before the form was changed.
	want(t, h.ask(t, http.MethodGet, "/schedules/week?device="+h.deviceOf(2)+"&commune="+h.communeOf(0), ""), http.StatusOK, "Phường Thành Sen · 2 cụm loa")
	english := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: languageCookie, Value: "en"}) }
	want(t, h.ask(t, http.MethodGet, "/schedules/week?from=2025-11-26&commune="+h.communeOf(0), "", english), http.StatusOK,
		"Mon <span>", "will not sound", "begins late, by 1 min 17 s", "gives way to", "cannot be aired")
	for _, path := range []string{"?from=x", "?from=1999-01-01", "?commune=x", "?device=x"} {
		want(t, h.ask(t, http.MethodGet, "/schedules/week"+path, ""), http.StatusUnprocessableEntity)
	}
	for _, path := range []string{"?commune=" + id[string]('z', 1), "?device=" + id[string]('z', 1), "?commune=" + string(h.plan.places[0].Hamlet().ID)} {
		want(t, h.ask(t, http.MethodGet, "/schedules/week"+path, ""), http.StatusNotFound)
	}
}

// A person of one commune sees it at once, and no other.
func TestWeekIsNarrow(t *testing.T) {
	h := weekHouse(t)
	h.onlyIn(0)
	w := h.ask(t, http.MethodGet, "/schedules/week", "")
	want(t, w, http.StatusOK, "Phường Thành Sen · 2 cụm loa")
	if strings.Contains(w.Body.String(), "Xã Cẩm Xuyên") {
		t.Error("another commune can be chosen")
	}
	candidate := func(target string) string {
		return `{"schedules":[{"id":"` + id[string]('s', 20) + `","code":"moi","title":"Mới","priority":"normal","zone":"Asia/Ho_Chi_Minh","grace_seconds":120,"targets":[` + target +
			`],"slots":[{"code":"sang","cron":"0 5 * * *","items":[{"code":"bai","kind":"audio","bulletin":"` + string(h.plan.bulletins[0].ID) + `","repeat":1}]}]}]}`
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"own commune", "GET", "/schedules/week?commune=" + h.communeOf(0), "", 200},
		{"own device", "GET", "/schedules/week?device=" + h.deviceOf(1), "", 200},
		{"foreign commune", "GET", "/schedules/week?commune=" + h.communeOf(2), "", 404},
		{"foreign device", "GET", "/schedules/week?device=" + h.deviceOf(2), "", 404},
		{"foreign device, own commune", "GET", "/schedules/week?device=" + h.deviceOf(2) + "&commune=" + h.communeOf(0), "", 404},
		{"own device, foreign commune", "GET", "/schedules/week?device=" + h.deviceOf(0) + "&commune=" + h.communeOf(2), "", 404},
		{"own commune, API", "GET", "/api/v1/preview?commune=" + h.communeOf(0), "", 200},
		{"foreign commune, API", "GET", "/api/v1/preview?commune=" + h.communeOf(2), "", 404},
		{"foreign device, API", "GET", "/api/v1/preview?device=" + h.deviceOf(2), "", 404},
		{"the province, API", "GET", "/api/v1/preview?commune=" + string(h.plan.places[0].Province().ID), "", 404},
		{"conflicts in the own commune", "POST", "/api/v1/conflicts", candidate(`{"area":"` + h.communeOf(0) + `"}`), 200},
		{"conflicts on the own device", "POST", "/api/v1/conflicts", candidate(`{"device":"` + h.deviceOf(1) + `"}`), 200},
		{"conflicts elsewhere", "POST", "/api/v1/conflicts", candidate(`{"area":"` + h.communeOf(0) + `"},{"area":"` + h.communeOf(2) + `"}`), 403},
		{"conflicts on a foreign device", "POST", "/api/v1/conflicts", candidate(`{"device":"` + h.deviceOf(2) + `"}`), 403},
		{"conflicts in the whole province", "POST", "/api/v1/conflicts", candidate(`{"area":"` + string(h.plan.places[0].Province().ID) + `"}`), 403},
		{"conflicts nowhere", "POST", "/api/v1/conflicts", candidate(`{"area":"` + id[string]('z', 9) + `"}`), 403},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, h.ask(t, c.method, c.path, c.body), c.status) })
	}
	// Rights in a hamlet reach its devices, not the commune around it.
	h.people.who.Grants[0].Area = h.plan.places[0].Hamlet().ID
	w = h.ask(t, http.MethodGet, "/schedules/week", "")
	want(t, w, http.StatusOK, "Chọn xã/phường, rồi", h.deviceOf(0))
	if strings.Contains(w.Body.String(), h.deviceOf(1)) {
		t.Error("a device of another hamlet can be chosen")
	}
	want(t, h.ask(t, http.MethodGet, "/schedules/week?device="+h.deviceOf(0), ""), http.StatusOK)
	want(t, h.ask(t, http.MethodGet, "/schedules/week?device="+h.deviceOf(1), ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/schedules/week?commune="+h.communeOf(0), ""), http.StatusNotFound)
}

func TestPreviewAPI(t *testing.T) {
	h := weekHouse(t)
	w := h.ask(t, http.MethodGet, "/api/v1/preview?from=2025-11-24&days=1&device="+h.deviceOf(0), "")
	want(t, w, http.StatusOK)
	var p radio.Preview
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) != 3 || p.Rows[0].Outcome != radio.Refused || p.Rows[0].Reason != radio.ReasonPolicy || !p.Rows[0].Odd || p.Rows[2].ShiftMS != 77_000 ||
		p.Rows[2].With[0] != h.plan.schedules[1].ID || !radio.ValidID(p.Rows[0].ID) || p.Days[0].Samples != 2*77*radio.SampleRate || len(p.Conflicts) != 1 {
		t.Errorf("%s", w.Body)
	}
	// From today on, a week.
	w = h.ask(t, http.MethodGet, "/api/v1/preview?commune="+h.communeOf(3), "")
	want(t, w, http.StatusOK, `"from":"2025-11-22"`, `"day":"2025-11-28"`, `"airings":[]`, `"conflicts":[]`)
	for _, q := range []string{"", "?days=7", "?device=" + h.deviceOf(0) + "&commune=" + h.communeOf(0), "?days=32&device=" + h.deviceOf(0), "?days=x&device=" + h.deviceOf(0),
		"?from=22/11/2025&device=" + h.deviceOf(0), "?to=2025-11-22&device=" + h.deviceOf(0)} {
		want(t, h.ask(t, http.MethodGet, "/api/v1/preview"+q, ""), http.StatusUnprocessableEntity, `"problems":[`)
	}
}

func TestConflictsAPI(t *testing.T) {
	h := weekHouse(t)
	in := h.plan.schedules[0]
	in.ID, in.Code, in.Priority, in.Slots = "", "moi", radio.Prior, slices.Clone(in.Slots)
	for i := range in.Slots {
		in.Slots[i].ID = ""
	}
	body, err := json.Marshal(conflictsBody{Schedules: []radio.Schedule{in}})
	if err != nil {
		t.Fatal(err)
	}
	w := h.ask(t, http.MethodPost, "/api/v1/conflicts", string(body))
	want(t, w, http.StatusOK, `"kind":"overlap"`, `"kind":"hours"`, `"kind":"no_audio"`, `"reason_en":`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/conflicts", `{"schedules":[]}`), http.StatusOK, `{"conflicts":[]}`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/conflicts", `{"schedule":[]}`), http.StatusBadRequest)
	h.people.is(&radio.Person{ID: lan.ID})
	want(t, h.ask(t, http.MethodPost, "/api/v1/conflicts", string(body)), http.StatusForbidden)
}

func TestWeekPageIsLight(t *testing.T) {
	h := weekHouse(t)
	// A busy commune: ten slots a day.
	for n := range 8 {
		sl := h.plan.schedules[0].Slots[0]
		sl.ID, sl.Cron = id[radio.SlotID]('l', 40+n), "0 "+[]string{"6", "7", "9", "10", "14", "15", "16", "19"}[n]+" * * *"
		h.plan.schedules[0].Slots = append(h.plan.schedules[0].Slots, sl)
	}
	w := h.ask(t, http.MethodGet, "/schedules/week?from=2025-11-26&commune="+h.communeOf(0), "")
	want(t, w, http.StatusOK)
	n := w.Body.Len()
	for _, b := range h.pages.assets {
		n += len(b)
	}
	if n > 100_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestWeekPageEscapes(t *testing.T) {
	h := weekHouse(t)
	for i := range h.plan.schedules {
		h.plan.schedules[i].Title, h.plan.schedules[i].Slots[0].Code = `<script>x</script>`, `<img src=x>`
	}
	for i := range h.plan.bulletins {
		h.plan.bulletins[i].Title = `<script>x</script>`
	}
	w := h.ask(t, http.MethodGet, "/schedules/week?from=2025-11-26&commune="+h.communeOf(0), "")
	want(t, w, http.StatusOK, "&lt;script&gt;x")
	if page := w.Body.String(); strings.Contains(page, "<script>x") || strings.Contains(page, "<img src=x>") {
		t.Error("not escaped")
	}
}
