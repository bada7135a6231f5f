package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// Of the schedules in the fake plan: the province's, and the second one.
func schedulePath(h *house, rest string) string {
	return "/schedules/" + string(h.plan.schedules[0].ID) + rest
}

// as signs another person in.
func (h *house) as(p radio.Person) *house {
	h.people.is(&p)
	return h
}

func personWith(login string, role radio.Role, area radio.AreaID) radio.Person {
	return radio.Person{ID: radio.NewID[radio.UserID](), Login: login, Name: login, Grants: []radio.Grant{{Role: role, Area: area}}}
}

func TestSchedulePages(t *testing.T) {
	h := newHouse(t)
	h.plan.schedules[1].Slots[0].Cron = "*/20 6 * 3 *"
	english := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) }
	want(t, h.ask(t, http.MethodGet, "/schedules", ""), http.StatusOK, "05:00, 17:00 · thứ Hai đến thứ Bảy", "Tỉnh Hà Tĩnh", "Cụm loa trạm y tế", id[string]('x', 1), "Ưu tiên",
		"phút */20, giờ 6, ngày mọi, tháng 3, thứ mọi", "17:00:00 22/11/2025")
	want(t, h.ask(t, http.MethodGet, "/schedules", "", english), http.StatusOK, "05:00, 17:00 · Monday to Saturday", "Next airing")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, ""), ""), http.StatusOK, "phát 2 lần", "30/11/2025", "tối đa 120 giây", "phát trong 05:00–05:02:48, 17:00–17:02:48",
		"Cụm loa đã đồng bộ: 0 / 5", "máy chủ chưa phát hành", "Soạn bản mới", "Thu hồi lịch", "Trần Văn Sáu")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, ""), "", english), http.StatusOK, "Loudspeakers in sync: 0 / 5", "Withdraw the schedule")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, "/devices?state=lacking"), ""), http.StatusOK, "Cụm loa trạm y tế")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, "/edit"), ""), http.StatusOK, `value="05:00, 17:00"`, `name="s0.dow" value="6" checked`, "Phát trong: 05:00–05:02:48")
	want(t, h.ask(t, http.MethodGet, "/schedules/"+string(h.plan.schedules[1].ID)+"/edit", ""), http.StatusOK, `value="*/20 6 * 3 *"`, "nâng cao (cron)")
	want(t, h.ask(t, http.MethodGet, "/schedules/new", ""), http.StatusOK, "Khung 1", "Lưu bản nháp")
	want(t, h.ask(t, http.MethodGet, "/schedules/upload", ""), http.StatusOK, "Tệp mẫu")
	for path, n := range map[string]int{"?state=on_air": 2, "?state=draft": 0, "?q=THONG+bao": 1, "?q=nghi%20quyet": 1, "?area=" + id[string]('p', 1): 2, "?area=" + id[string]('c', 3): 0} {
		w := h.ask(t, http.MethodGet, "/schedules"+path, "")
		want(t, w, http.StatusOK)
		if got := strings.Count(w.Body.String(), `<td class="wide"><a href="/schedules/`); got != n {
			t.Errorf("%s: %d rows, want %d", path, got, n)
		}
	}
	want(t, h.ask(t, http.MethodGet, "/schedules?state=x", ""), 422, "không có tình trạng này")
	want(t, h.ask(t, http.MethodGet, "/schedules/none", ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/schedules/"+id[string]('s', 77), ""), http.StatusNotFound)
	for format, begin := range map[string]string{"yaml": "schedules:\n", "csv": "\xef\xbb\xbfMã lịch,", "xlsx": "PK\x03\x04"} {
		for _, path := range []string{schedulePath(h, "/export?format="), "/schedules/upload/template?format="} {
			w := h.ask(t, http.MethodGet, path+format, "")
			want(t, w, http.StatusOK)
			if !strings.HasPrefix(w.Body.String(), begin) || !strings.Contains(w.Header().Get("Content-Disposition"), "."+format) {
				t.Errorf("%s%s: %v %q", path, format, w.Header(), w.Body.String()[:20])
			}
		}
	}
	want(t, h.ask(t, http.MethodGet, schedulePath(h, "/export?format=exe"), ""), http.StatusBadRequest)
}

// inputs are the values of a page's form, as a browser would send them.
func inputs(t *testing.T, page string) url.Values {
	t.Helper()
	q := url.Values{}
	attr := func(tag, name string) (string, bool) {
		m := regexp.MustCompile(`[ ]` + name + `="([^"]*)"`).FindStringSubmatch(tag)
		if m == nil {
			return "", false
		}
		return html.UnescapeString(m[1]), true
	}
	_, page, ok := strings.Cut(page, `<form id="schedule-form"`)
	if !ok {
		t.Fatal("no form")
	}
	for _, tag := range regexp.MustCompile(`<input[^>]*>`).FindAllString(page, -1) {
		name, named := attr(tag, "name")
		value, _ := attr(tag, "value")
		if kind, _ := attr(tag, "type"); !named || kind == "checkbox" && !strings.Contains(tag, " checked") {
			continue
		}
		q.Add(name, value)
	}
	for _, m := range regexp.MustCompile(`(?s)<select name="([^"]*)">(.*?)</select>`).FindAllStringSubmatch(page, -1) {
		options := regexp.MustCompile(`<option[^>]*>`).FindAllString(m[2], -1)
		for i, o := range options {
			if value, _ := attr(o, "value"); strings.Contains(o, " selected") || i == 0 && !strings.Contains(m[2], " selected") {
				q.Set(html.UnescapeString(m[1]), value)
			}
		}
	}
	if m := regexp.MustCompile(`(?s)<textarea name="note"[^>]*>(.*?)</textarea>`).FindStringSubmatch(page); m != nil {
		q.Set("note", html.UnescapeString(m[1]))
	}
	return q
}

// TestScheduleByForm walks the desk by its pages, without a script: write, add rows,
// hand in, see conflicts, publish by another person, withdraw.
func TestScheduleByForm(t *testing.T) {
	h := newHouse(t)
	q := inputs(t, h.ask(t, http.MethodGet, "/schedules/new", "").Body.String())
	press := func(do string) *httptest.ResponseRecorder {
		t.Helper()
		q.Set("do", do)
		return h.ask(t, http.MethodPost, "/schedules", q.Encode())
	}
	again := func(do string) {
		t.Helper()
		w := press(do)
		want(t, w, http.StatusOK)
		q = inputs(t, w.Body.String())
	}
	again("add-item.0")
	again("add-slot")
	again("ends") // the script asks while people type: an unfinished form is no error
	q.Set("title", "Thông báo <của> xã & \"loa\"")
	q.Set("s0.times", "5h, 17:30")
	q.Set("s0.days", "weekdays")
	q["s0.dow"] = []string{"7", "1"}
	q.Set("s0.i0.bulletin", "bt-1")
	q.Set("s0.i1.bulletin", "bt-0")
	q.Set("s0.i1.repeat", "2")
	q.Set("s0.i1.gap", "1,5")
	again("down-item.0.0")
	if q.Get("s0.i0.bulletin") != "bt-0" || q.Get("s0.i0.gap") != "1,5" || q.Get("s0.i1.bulletin") != "bt-1" {
		t.Fatalf("rows did not change places: %v", q)
	}
	again("drop-slot.1")

	w := press("save")
	want(t, w, http.StatusUnprocessableEntity, "Chưa lưu", "Mã: không được để trống", "phải có ít nhất một địa bàn hoặc cụm loa", `value="Thông báo &lt;của&gt; xã &amp; &#34;loa&#34;"`)
	q.Set("code", "tb-xa")
	q.Set("area", "ha-tinh")
	q["target"] = []string{"area xa-16"}
	q.Set("more_targets", "cụm:loa-04")
	w = press("save")
	want(t, w, http.StatusSeeOther)
	page := w.Header().Get("Location")
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Bản nháp", "Thông báo &lt;của&gt; xã", "Trình duyệt", "Không có xung đột", "05:00, 17:30 · thứ Hai, Chủ nhật")
	schedule := radio.ScheduleID(strings.TrimPrefix(page, "/schedules/"))
	revision := func() url.Values { return url.Values{"revision": {fmt.Sprint(h.plans.drafts[schedule].Revision)}} }
	if d := h.plans.drafts[schedule].Doc; len(d.Slots) != 2 || d.Slots[1].Cron != "30 17 * * 0,1" || d.Slots[1].Code != "khung-1-2" || d.Slots[0].Items[0].GapMS != 1500 || len(d.Targets) != 2 {
		t.Errorf("draft %+v", d)
	}
	want(t, h.ask(t, http.MethodPost, page+"/submit", revision().Encode()), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Người soạn không tự duyệt")
	want(t, h.ask(t, http.MethodPost, page+"/publish", revision().Encode()), http.StatusForbidden, "người soạn không tự duyệt")

	h.as(personWith("duyet", radio.RoleApprover, radio.Everywhere))
	h.plans.clashes = []radio.Conflict{{Kind: radio.ConflictOverlap, VI: "trùng giờ với lịch khác", EN: "overlaps", At: radio.At(now), Times: 3, DeviceCount: 2}}
	want(t, h.ask(t, http.MethodPost, page+"/publish", revision().Encode()), http.StatusConflict, "Chưa phát hành", "trùng giờ với lịch khác", "chấp nhận")
	accept := revision()
	accept.Set("accept", "1")
	// It reaches both communes of this province: without a second factor the page says how
	// to set one up, with one it takes a code.
	want(t, h.ask(t, http.MethodPost, page+"/publish", accept.Encode()), http.StatusForbidden, "Cần xác thực hai lớp", `<a href="/account/second">Cài ngay</a>`)
	h.staff.second = radio.SecondState{Set: true}
	want(t, h.ask(t, http.MethodPost, page+"/publish", accept.Encode()), http.StatusUnprocessableEntity, "mã không đúng", `name="code"`)
	accept.Set("code", rightCode)
	want(t, h.ask(t, http.MethodPost, page+"/publish", accept.Encode()), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Đang áp dụng: bản 1", "Cụm loa đã đồng bộ: 0 /", "duyệt và phát hành")
	if h.plans.released != 1 {
		t.Errorf("dispatch was told %d times", h.plans.released)
	}
	want(t, h.ask(t, http.MethodPost, page+"/withdraw", url.Values{"version": {"1"}}.Encode()), http.StatusUnprocessableEntity, "phải nêu lý do")
	want(t, h.ask(t, http.MethodPost, page+"/withdraw", url.Values{"version": {"1"}, "why": {"nội dung cũ"}}.Encode()), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Thu hồi: bản 2", "nội dung cũ")
	want(t, h.ask(t, http.MethodGet, page+"/edit", ""), http.StatusForbidden) // approvers do not write
}

// TestFormKeepsWhatItCannotShow: opening and saving a schedule changes nothing in it.
func TestFormKeepsWhatItCannotShow(t *testing.T) {
	h := newHouse(t)
	other := h.plan.schedules[1]
	other.ID, other.Code, other.Slots = id[radio.ScheduleID]('s', 3), "la", []radio.Slot{other.Slots[0]}
	other.Slots[0].Cron = "*/20 6 * 3 *"
	h.plan.schedules = append(h.plan.schedules, other)
	h.plan.schedules[2].Targets = other.Targets[:1]
	h.plan.schedules[1].Targets = h.plan.schedules[1].Targets[:1] // the other is of an area that is gone
	for _, s := range h.plan.schedules {
		path := "/schedules/" + string(s.ID) + "/edit"
		q := inputs(t, h.ask(t, http.MethodGet, path, "").Body.String())
		q.Set("do", "save")
		want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusUnprocessableEntity, "không có gì khác với lịch đang áp dụng")
		q.Set("title", "Tên mới")
		want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusSeeOther)
		got := h.plans.drafts[s.ID].Doc
		if got.Title != "Tên mới" || !reflect.DeepEqual(got.Slots, s.Slots) || !reflect.DeepEqual(got.Targets, s.Targets) || got.GraceSeconds != s.GraceSeconds || got.Campaign != s.Campaign {
			t.Errorf("saved\n %+v\nwas\n %+v", got, s)
		}
	}
}

// TestSaveOverAnotherDraft: who saves over something they have not seen is told, and may
// do it knowingly.
func TestSaveOverAnotherDraft(t *testing.T) {
	h := newHouse(t)
	path := schedulePath(h, "/edit")
	q := inputs(t, h.ask(t, http.MethodGet, path, "").Body.String())
	q.Set("do", "save")
	q.Set("title", "Một")
	want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusSeeOther)
	q.Set("title", "Hai")
	w := h.ask(t, http.MethodPost, path, q.Encode())
	want(t, w, http.StatusConflict, "đã có bản khác được lưu", `value="Hai"`)
	q = inputs(t, w.Body.String())
	q.Set("do", "save")
	want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusSeeOther)
	if d := h.plans.drafts[h.plan.schedules[0].ID]; d.Doc.Title != "Hai" {
		t.Errorf("draft %+v", d.Doc)
	}
	// Two editors, one of them throws the draft away while the other looks at it.
	want(t, h.ask(t, http.MethodPost, schedulePath(h, "/drop"), "revision=1"), http.StatusConflict, "Lịch đã thay đổi")
	want(t, h.ask(t, http.MethodPost, schedulePath(h, "/drop"), url.Values{"revision": {fmt.Sprint(h.plans.drafts[h.plan.schedules[0].ID].Revision)}}.Encode()), http.StatusSeeOther)
}

func multipartFile(t *testing.T, name, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	w, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), m.FormDataContentType()
}

const uploadCSV = "Mã lịch,Tên lịch,Địa bàn quản lý,Nơi phát,Mã khung,Giờ phát,Ngày phát,Mã bản tin\n" +
	"moi,\"Lịch <mới>\",ha-tinh,\"xa-16, cụm:loa-04\",s,\"05:00, 17:00\",T2-T6,bt-1\n"

func TestScheduleUpload(t *testing.T) {
	h := newHouse(t)
	send := func(path, name, content string) *httptest.ResponseRecorder {
		body, kind := multipartFile(t, name, content)
		return h.ask(t, http.MethodPost, path, body, func(r *http.Request) { r.Header.Set("Content-Type", kind) })
	}
	want(t, send("/schedules/upload", "lịch.csv", strings.Replace(uploadCSV, "bt-1", "ghost", 1)), http.StatusUnprocessableEntity, "Tệp có 1 lỗi; chưa lưu gì.", "lịch.csv:2:8", "không có bản tin mã &#34;ghost&#34;")
	w := send("/schedules/upload", "lịch.csv", uploadCSV)
	want(t, w, http.StatusOK, "Lưu 1 bản nháp", "Lịch &lt;mới&gt;", "05:00, 17:00 · thứ Hai đến thứ Sáu", "Cụm loa trạm y tế")
	if len(h.plans.drafts) != 0 {
		t.Fatal("looking saved something")
	}
	q := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`).FindAllStringSubmatch(w.Body.String(), -1) {
		q.Set(m[1], html.UnescapeString(m[2]))
	}
	want(t, h.ask(t, http.MethodPost, "/schedules/upload/save", q.Encode()), http.StatusSeeOther)
	if len(h.plans.drafts) != 1 {
		t.Fatalf("drafts %+v", h.plans.drafts)
	}
	want(t, h.ask(t, http.MethodPost, "/schedules/upload/save", q.Encode()), http.StatusConflict, "Tệp không thay đổi gì.")
	want(t, send("/schedules/upload", "lịch.csv", uploadCSV), http.StatusOK, "Tệp không thay đổi gì.")
	want(t, send("/api/v1/schedules/upload", "lịch.csv", uploadCSV), http.StatusOK, `"action":"unchanged"`)
	want(t, send("/api/v1/schedules/upload?save=1", "lịch.csv", strings.ReplaceAll(uploadCSV, "moi", "moi-2")), http.StatusOK, `"action":"created"`)
	if len(h.plans.drafts) != 2 {
		t.Errorf("%d drafts", len(h.plans.drafts))
	}
	want(t, send("/api/v1/schedules/upload", "a.csv", "x"), http.StatusUnprocessableEntity, `"field":"a.csv:1:1"`)
	want(t, h.ask(t, http.MethodPost, "/schedules/upload/save", "forms=x"), http.StatusBadRequest)
	want(t, h.ask(t, http.MethodPost, "/schedules/upload", "file=x"), http.StatusBadRequest)
}

func (h *house) json(t *testing.T, method, path string, in any) *httptest.ResponseRecorder {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return h.ask(t, method, path, string(b), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
}

func TestScheduleAPI(t *testing.T) {
	h := newHouse(t)
	form := radio.ScheduleForm{
		Code: "api-1", Title: "Từ API", Targets: []radio.FormTarget{{Area: "xa-16"}},
		Slots: []radio.FormSlot{{Code: "s", Times: []string{"05:00"}, Weekdays: []int{1, 3}, Items: []radio.FormItem{{Code: "a", Bulletin: "bt-1"}}}},
	}
	decode := func(w *httptest.ResponseRecorder, v any) {
		t.Helper()
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatal(err)
		}
	}
	bad := form
	bad.Priority, bad.Title = radio.Emergency, ""
	want(t, h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: bad}), http.StatusUnprocessableEntity,
		`"field":"title"`, `"field":"priority"`, "an emergency goes out only as an alert")
	var x radio.ScheduleDraft
	w := h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: form, Note: "ghi chú"})
	want(t, w, http.StatusCreated, `"state":"draft"`)
	decode(w, &x)
	path := "/api/v1/schedules/" + string(x.Doc.ID)
	want(t, h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: form}), http.StatusUnprocessableEntity, "belongs to another schedule")
	want(t, h.ask(t, http.MethodGet, "/api/v1/schedules?state=draft", ""), http.StatusOK, `"code":"api-1"`, `"state":"new"`)
	want(t, h.ask(t, http.MethodGet, "/api/v1/schedules?colour=red", ""), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, `"pending":{"code":"api-1"`, `"weekdays":[1,3]`, `"history":[{`)
	form.Slots[0].Times = []string{"05:00", "17:45"}
	w = h.json(t, http.MethodPut, path, scheduleUpdate{Revision: x.Revision, Form: form})
	want(t, w, http.StatusOK)
	want(t, h.json(t, http.MethodPut, path, scheduleUpdate{Revision: x.Revision, Form: form}), http.StatusConflict)
	decode(w, &x)
	want(t, h.json(t, http.MethodPost, path+"/publish", publishBody{Revision: x.Revision}), http.StatusForbidden)
	w = h.json(t, http.MethodPost, path+"/submit", scheduleDraftBody{x.Revision})
	want(t, w, http.StatusOK, `"state":"submitted"`)
	decode(w, &x)

	approver := personWith("duyet", radio.RoleApprover, radio.Everywhere)
	h.as(approver)
	w = h.json(t, http.MethodPost, path+"/return", returnBody{x.Revision, "sai giờ"})
	want(t, w, http.StatusOK, `"returned_why":"sai giờ"`)
	decode(w, &x)
	h.as(lan)
	w = h.json(t, http.MethodPost, path+"/submit", scheduleDraftBody{x.Revision})
	want(t, w, http.StatusOK)
	decode(w, &x)
	h.as(approver)
	h.plans.clashes = []radio.Conflict{{Kind: radio.ConflictSlot, Blocking: true, VI: "không tính được", EN: "cannot be expanded"}}
	want(t, h.ask(t, http.MethodGet, path+"/conflicts", ""), http.StatusOK, `"kind":"slot"`)
	for _, accept := range []bool{false, true} {
		w = h.json(t, http.MethodPost, path+"/publish", publishBody{Revision: x.Revision, AcceptConflicts: accept, Code: rightCode})
		want(t, w, http.StatusConflict, `"conflicts":[{"kind":"slot","blocking":true`, `"code":"conflict"`, "Còn 1 xung đột")
	}
	h.plans.clashes[0].Blocking = false
	want(t, h.json(t, http.MethodPost, path+"/publish", publishBody{Revision: x.Revision}), http.StatusConflict)
	want(t, h.json(t, http.MethodPost, path+"/publish", publishBody{Revision: x.Revision, AcceptConflicts: true, Code: rightCode}), http.StatusOK, `"version":1`)
	want(t, h.ask(t, http.MethodGet, path+"/devices", ""), http.StatusOK, `"total":2,"synced":0,"devices":[{`)
	want(t, h.ask(t, http.MethodGet, path+"/export?format=yaml", ""), http.StatusOK, "schedules:")
	want(t, h.json(t, http.MethodPost, path+"/withdraw", withdrawBody{1, "cũ"}), http.StatusOK, `"withdrawn_at":`)
	want(t, h.json(t, http.MethodPost, path+"/withdraw", withdrawBody{2, "cũ"}), http.StatusConflict)

	h.as(lan)
	form.Code = "api-2"
	w = h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: form})
	decode(w, &x)
	path = "/api/v1/schedules/" + string(x.Doc.ID) + "/draft"
	want(t, h.ask(t, http.MethodDelete, path, ""), http.StatusUnprocessableEntity, "name the draft's revision")
	want(t, h.ask(t, http.MethodDelete, path+"?revision=1", ""), http.StatusConflict)
	want(t, h.ask(t, http.MethodDelete, fmt.Sprintf("%s?revision=%d", path, x.Revision), ""), http.StatusNoContent)
	want(t, h.ask(t, http.MethodGet, strings.TrimSuffix(path, "/draft"), ""), http.StatusNotFound)
}

// TestScheduleRights: a commune's desk writes for itself, reads the province's, and does
// not learn of its neighbour's.
func TestScheduleRights(t *testing.T) {
	h := newHouse(t)
	commune, neighbour := id[radio.AreaID]('c', 16), id[radio.AreaID]('c', 12)
	h.as(personWith("bt", radio.RoleEditor, commune))
	form := radio.ScheduleForm{
		Code: "xa-1", Title: "Của xã", Targets: []radio.FormTarget{{Area: "thon-1"}},
		Slots: []radio.FormSlot{{Code: "s", Times: []string{"05:00"}, Items: []radio.FormItem{{Code: "a", Bulletin: "bt-1"}}}},
	}
	w := h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: form})
	want(t, w, http.StatusCreated)
	var x radio.ScheduleDraft
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || x.Doc.Area != commune {
		t.Fatalf("%+v, %v", x.Doc, err)
	}
	own := "/schedules/" + string(x.Doc.ID)
	want(t, h.ask(t, http.MethodGet, own, ""), http.StatusOK, "Của xã")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, ""), ""), http.StatusOK, "Đang áp dụng")
	want(t, h.ask(t, http.MethodGet, schedulePath(h, "/edit"), ""), http.StatusForbidden)
	want(t, h.ask(t, http.MethodPost, schedulePath(h, "/withdraw"), "version=2&why=x"), http.StatusForbidden)
	form.Code, form.Targets = "xa-2", []radio.FormTarget{{Area: "ha-tinh"}}
	want(t, h.json(t, http.MethodPost, "/api/v1/schedules", scheduleCreate{Form: form}), http.StatusUnprocessableEntity, `"field":"targets[0]"`)
	page := h.ask(t, http.MethodGet, "/schedules/new", "").Body.String()
	if !strings.Contains(page, `value="device loa-01"`) || strings.Contains(page, `value="area ha-tinh"`) || strings.Contains(page, `value="device loa-03"`) {
		t.Error("the form offers another's places, or not its own")
	}
	if w := h.ask(t, http.MethodGet, schedulePath(h, "/devices"), ""); strings.Contains(w.Body.String(), "Cụm loa trạm y tế") || !strings.Contains(w.Body.String(), "tổ dân phố 1") {
		t.Error("the list of devices is not narrowed to the commune")
	}

	h.as(personWith("hx", radio.RoleEditor, neighbour))
	for _, path := range []string{own, own + "/edit", own + "/devices", own + "/export", "/api/v1" + own, "/api/v1" + own + "/conflicts"} {
		want(t, h.ask(t, http.MethodGet, path, ""), http.StatusNotFound)
	}
	if page := h.ask(t, http.MethodGet, "/schedules?state=all", "").Body.String(); strings.Contains(page, "Của xã") || !strings.Contains(page, "hằng ngày") {
		t.Error("the list is not narrowed")
	}
	h.as(personWith("xem", radio.RoleViewer, radio.Everywhere))
	want(t, h.ask(t, http.MethodGet, own, ""), http.StatusOK)
	want(t, h.ask(t, http.MethodGet, "/schedules/new", ""), http.StatusForbidden)
	want(t, h.ask(t, http.MethodPost, own+"/submit", "revision=1"), http.StatusForbidden)
}

// naughtyWords are what forms, pages and JSON trip over.
var naughtyWords = []string{
	"<b>&amp;\"'`", "{{.}} %s %d %%", "‘’“”…", "a\u200db", "🎙📢", "tiếng Việt ạẫể", "=1+1", "-1", "null", "true", "0", "a,b;c\\d|e",
}

func TestNaughtyWordsThroughTheForm(t *testing.T) {
	h := newHouse(t)
	path := schedulePath(h, "/edit")
	for _, text := range naughtyWords {
		q := inputs(t, h.ask(t, http.MethodGet, path, "").Body.String())
		q.Set("do", "save")
		q.Set("title", text)
		q.Set("note", text+"\n"+text)
		want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusSeeOther)
		d := h.plans.drafts[h.plan.schedules[0].ID]
		again := inputs(t, h.ask(t, http.MethodGet, path, "").Body.String())
		if d.Doc.Title != text || d.Note != text+"\n"+text || again.Get("title") != text || again.Get("note") != text+"\n"+text {
			t.Errorf("%q: kept %q and %q, shown %q and %q", text, d.Doc.Title, d.Note, again.Get("title"), again.Get("note"))
		}
		var v radio.ScheduleView
		if err := json.Unmarshal(h.ask(t, http.MethodGet, "/api/v1"+schedulePath(h, ""), "").Body.Bytes(), &v); err != nil || v.Pending.Title != text {
			t.Errorf("%q: %+v, %v", text, v.Pending, err)
		}
	}
}

// FuzzScheduleForm: no form stops the server, and what is read of one is read of what it
// became, too.
func FuzzScheduleForm(f *testing.F) {
	f.Add("title=x&slots=1&s0.times=5h,17:30&s0.days=weekdays&s0.dow=1&s0.items=1&s0.i0.bulletin=b&s0.i0.gap=1,5", "add-item.0")
	f.Add("slots=999999999&s127.items=64", "drop-slot.0")
	f.Add("except=1/1/2026;2.2.2026&grace=-1&base=-1&revision=x&target=area+x&more_targets=cụm:a", "up-item.0.1")
	f.Fuzz(func(t *testing.T, query, do string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		e := readEdit(q)
		e.change(do)
		e.name()
		form, problems := e.form()
		if len(e.Slots) > radio.MaxSlots {
			t.Fatalf("%d slots", len(e.Slots))
		}
		if len(problems) > 0 {
			return
		}
		back, problems := editOf(form).form()
		for i := range form.Slots { // what a form leaves out is its default
			for j := range form.Slots[i].Items {
				form.Slots[i].Items[j].Repeat = max(form.Slots[i].Items[j].Repeat, 1)
			}
			if len(form.Slots[i].Times) == 0 {
				form.Slots[i].Weekdays, form.Slots[i].MonthDays, form.Slots[i].Day = nil, nil, ""
			}
		}
		if form.GraceSeconds == nil {
			form.GraceSeconds = back.GraceSeconds
		}
		a, errA := json.Marshal(form)
		b, errB := json.Marshal(back)
		if errA != nil || errB != nil || len(problems) == 0 && string(a) != string(b) {
			t.Fatalf("%v %v\n%s\n%s", errA, errB, a, b)
		}
	})
}

// TestScheduleCheck: the button that checks says what saving would say, loses no input,
// and keeps nothing.
func TestScheduleCheck(t *testing.T) {
	h := newHouse(t)
	form := url.Values{"code": {"lich-thu"}, "title": {"Lịch thử của tôi"}, "priority": {"normal"}, "target": {"area khong-co"}, "from": {"2026-02-30"}, "slots": {"1"},
		"s0.times": {"05:00"}, "s0.days": {daysDaily}, "s0.items": {"1"}, "s0.i0.bulletin": {"khong-co"}, "s0.i0.repeat": {"2"}, "grace": {"90"}}
	problems := regexp.MustCompile(`(?s)<div class="card bad" role="alert">.*?</div>`)
	told := map[string]string{}
	for _, do := range []string{"save", "check"} {
		form.Set("do", do)
		w := h.ask(t, http.MethodPost, "/schedules", form.Encode())
		want(t, w, 422, "Lịch thử của tôi", `value="khong-co"`, `value="90"`)
		told[do] = problems.FindString(w.Body.String())
	}
	if told["save"] == "" || told["check"] != told["save"] {
		t.Errorf("saving says\n%s\nchecking says\n%s", told["save"], told["check"])
	}
	form.Set("from", "2026-02-28")
	form.Set("target", "area "+h.plan.places[0].Chain[0].Code)
	form.Set("s0.i0.bulletin", h.plan.bulletins[0].Code)
	want(t, h.ask(t, http.MethodPost, "/schedules", form.Encode()), http.StatusOK, "Chưa thấy lỗi nào", "Lịch thử của tôi")
	// What would stand between it and the air is told before anything is saved: who, when,
	// and how to solve it.
	h.plans.clashes = []radio.Conflict{{Kind: radio.ConflictHours, VI: "ngoài khung giờ", EN: "outside", FixVI: "Dời khung giờ.", FixEN: "Move the slot.", At: radio.At(now),
		Devices: []radio.DeviceID{h.plan.places[0].Device.ID}, DeviceCount: 3}}
	w := h.ask(t, http.MethodPost, "/schedules", form.Encode())
	want(t, w, http.StatusOK, "Có xung đột: xem lại trước khi lưu", "ngoài khung giờ", "<b>Cách xử lý:</b> Dời khung giờ.", h.plan.places[0].Device.Name, "Lịch thử của tôi")
	if strings.Contains(w.Body.String(), "Chưa thấy lỗi nào") {
		t.Error("nothing is said to be wrong beside a list of conflicts")
	}
	h.plans.clashes[0].Blocking = true
	want(t, h.ask(t, http.MethodPost, "/schedules", form.Encode()), http.StatusOK, "Có xung đột phải sửa trước khi phát hành", "phải sửa:")
	if len(h.plans.drafts) != 0 {
		t.Error("checking saved a draft")
	}
}
