package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestRehearsalPage(t *testing.T) {
	h := weekHouse(t)
	// now is Saturday 22 November, 09:30.
	w := h.ask(t, http.MethodGet, "/schedules/rehearsal", "")
	want(t, w, http.StatusOK, "22/11/2025 – 28/11/2025", "Từng xã/phường", "/schedules/rehearsal?commune="+h.communeOf(0), "Phường Thành Sen", "Âm thanh còn phải tải",
		"Lượt sẽ không phát", "<b>Cách xử lý:</b> Duyệt bản tin hoặc thay bản tin khác.", "chưa đo")
	if n := w.Body.Len(); n > 100_000 {
		t.Errorf("page of %d bytes", n)
	}
	w = h.ask(t, http.MethodGet, "/schedules/rehearsal?from=2025-11-24&to=2025-11-24&commune="+h.communeOf(0), "")
	want(t, w, http.StatusOK, "Phường Thành Sen · 2 cụm loa", "Từng thôn, tổ dân phố", "Phát gì, lúc nào", "phát trễ 1 phút 17 giây", "sẽ không phát", `<tr class="night">`)
	w = h.ask(t, http.MethodGet, "/schedules/rehearsal?device="+h.deviceOf(0), "")
	want(t, w, http.StatusOK, "Cụm loa nhà văn hóa tổ dân phố 1</h2>", "64 kbit/s")
	if strings.Contains(w.Body.String(), "Từng thôn") {
		t.Error("one device has no list of hamlets")
	}
	english := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: languageCookie, Value: "en"}) }
	want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal", "", english), http.StatusOK, "What to do:", "Approve the bulletin or choose another one.", "Audio still to be downloaded")
	if strings.Contains(w.Body.String(), `id="night"`) {
		t.Error("a night on which nothing sounds")
	}
	// Where the night is permitted it sounds: in red.
	h.plan.rules = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: h.plan.places[0].Commune().ID}, Zone: "Asia/Ho_Chi_Minh", Windows: []radio.Window{{From: 0, To: 1440}}}}
	w = h.ask(t, http.MethodGet, "/schedules/rehearsal", "")
	want(t, w, http.StatusOK, `id="night"`, `<ul class="bad"><li>03:15 23/11/2025 · Bản tin phường · dem`, `<dd class="bad">12</dd>`)
	// What has been is not rehearsed, and the page says so.
	want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal", ""), http.StatusOK, "Tính từ 09:30:00 22/11/2025 trở đi")
	w = h.ask(t, http.MethodGet, "/schedules/rehearsal?from=2025-11-17&to=2025-11-21", "")
	want(t, w, http.StatusOK, "Các ngày này đã qua", "/log?from=2025-11-17&amp;to=2025-11-21")
	if strings.Contains(w.Body.String(), "Tính từ") {
		t.Error("days that have passed are counted from now on")
	}
	if w = h.ask(t, http.MethodGet, "/schedules/rehearsal?from=2025-11-23", ""); strings.Contains(w.Body.String(), "Tính từ") || strings.Contains(w.Body.String(), "đã qua nên") {
		t.Error("days to come are said to have passed")
	}
	for _, q := range []string{"?from=x", "?from=2025-11-24&to=2025-11-23", "?from=2025-11-24&to=2026-01-24", "?commune=x"} {
		want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal"+q, ""), http.StatusUnprocessableEntity)
	}
}

// A person of one commune rehearses it, and no other; the province is not theirs.
func TestRehearsalIsNarrow(t *testing.T) {
	h := weekHouse(t)
	h.onlyIn(0)
	w := h.ask(t, http.MethodGet, "/schedules/rehearsal", "")
	want(t, w, http.StatusOK, "Phường Thành Sen · 2 cụm loa")
	if page := w.Body.String(); strings.Contains(page, "Xã Cẩm Xuyên") || strings.Contains(page, "cả tỉnh") {
		t.Error("another commune, or the province, can be chosen")
	}
	for path, status := range map[string]int{
		"/schedules/rehearsal?commune=" + h.communeOf(2):                                                            404,
		"/schedules/rehearsal?device=" + h.deviceOf(2):                                                              404,
		"/schedules/rehearsal?device=" + h.deviceOf(1):                                                              200,
		"/api/v1/rehearsal":                                                                                         422,
		"/api/v1/rehearsal?commune=" + h.communeOf(0):                                                               200,
		"/api/v1/rehearsal?commune=" + h.communeOf(2):                                                               404,
		"/api/v1/rehearsal?device=" + h.deviceOf(2):                                                                 404,
		"/api/v1/rehearsal?commune=" + string(h.plan.places[0].Province().ID):                                       404,
		"/api/v1/rehearsal?device=" + h.deviceOf(0) + "&commune=" + h.communeOf(0):                                  422,
		"/api/v1/rehearsal?from=2025-11-24&to=2025-12-31&commune=" + h.communeOf(0):                                 422,
		"/schedules/rehearsal?commune=" + h.communeOf(0) + "&device=" + h.deviceOf(2):                               404,
		"/schedules/rehearsal?from=2025-11-24&to=2025-11-30&device=" + h.deviceOf(0) + "&commune=" + h.communeOf(0): 200,
	} {
		want(t, h.ask(t, http.MethodGet, path, ""), status)
	}
	// Rights in a hamlet reach its devices, not the commune around it.
	h.people.who.Grants[0].Area = h.plan.places[0].Hamlet().ID
	want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal", ""), http.StatusOK, "Chọn xã/phường để chạy thử")
	want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal?device="+h.deviceOf(0), ""), http.StatusOK)
	want(t, h.ask(t, http.MethodGet, "/schedules/rehearsal?device="+h.deviceOf(1), ""), http.StatusNotFound)
}

func TestRehearsalAPI(t *testing.T) {
	h := weekHouse(t)
	w := h.ask(t, http.MethodGet, "/api/v1/rehearsal?from=2025-11-24&to=2025-11-24&commune="+h.communeOf(0), "")
	want(t, w, http.StatusOK)
	var r radio.Rehearsal
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Devices != 2 || r.Sum.Airings != 3 || r.Sum.Dropped != 2 || len(r.Loads) != 2 || len(r.Hamlets) == 0 || len(r.Conflicts) == 0 || r.Conflicts[0].FixVI == "" {
		t.Errorf("%s", w.Body)
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/rehearsal", ""), http.StatusOK, `"from":"2025-11-22"`, `"to":"2025-11-28"`)
}

// The page of a draft shows what its publication changes, and says who, when and how.
func TestPublicationShowsTheDifference(t *testing.T) {
	h := newHouse(t)
	x := scheduleIn(radio.DraftSubmitted, false)(h, own)[1]
	h.plans.difference = radio.RehearsalDifference{From: "2025-11-22", To: "2025-11-28", Devices: 2,
		Before: radio.RehearsalSum{Airings: 14, Bytes: 5_000_000}, After: radio.RehearsalSum{Airings: 28, Night: 3, Bytes: 9_000_000, Late: 1}, MostBefore: 60 * radio.SampleRate, MostAfter: 120 * radio.SampleRate}
	h.plans.clashes = []radio.Conflict{{Kind: radio.ConflictOverlap, VI: "trùng giờ với lịch khác", EN: "overlaps", FixVI: "Dời khung giờ.", FixEN: "Move the slot.", At: radio.At(now),
		Devices: []radio.DeviceID{h.plan.places[0].Device.ID}, DeviceCount: 3}}
	w := h.ask(t, http.MethodGet, "/schedules/"+x, "")
	want(t, w, http.StatusOK, "Sau khi phát hành", "22/11/2025 – 28/11/2025", ">14<", ">28<", `class="bad">3<`, "5 MB", "9 MB", "1 phút", "2 phút",
		"<b>Cách xử lý:</b> Dời khung giờ.", "Cụm loa nhà văn hóa tổ dân phố 1", "và 2 cụm loa nữa")
	want(t, h.ask(t, http.MethodGet, "/api/v1/schedules/"+x+"/difference", ""), http.StatusOK, `"airings":28`, `"most_samples_after":`)
}
