package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestOverview: the first page tells what is wrong, what waits for the reader, how today
// went and what comes.
func TestOverview(t *testing.T) {
	h := newHouse(t)
	h.handIn(1, h.area(own), h.area(own), sau)
	want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusOK, "<b>5</b> cụm loa", "<b>3</b> đang kết nối", "<b>1</b> ⚠ mất kết nối", "<b>1</b> đang phát", `href="/devices?state=offline"`,
		"mất kết nối", "kéo theo 1 lỗi khác", "đã kết nối lại 2 trong 3", "đầu ra âm thanh bị lỗi", "no sound card", "đồng hồ không tin cậy", "Xã Cẩm Xuyên",
		"1 bản tin chờ bạn duyệt", "1 lịch phát chờ bạn duyệt", "16:30 22/11/2025", "Nghị quyết 57, bài 1", "1 thiếu âm thanh", `data-live="faults"`)
	english := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) }
	want(t, h.ask(t, http.MethodGet, "/", "", english), http.StatusOK, "Needs attention", "sound output failed", "1 bulletins await your decision")
	h.watch.faults = nil
	want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusOK, "Không có lỗi nào đang mở.")
}

// handIn puts a draft of a schedule before its desk.
func (h *house) handIn(n int, desk, target radio.AreaID, author radio.UserID) radio.ScheduleID {
	sid := id[radio.ScheduleID]('w', n)
	h.plans.drafts[sid] = radio.ScheduleDraft{Revision: 7, State: radio.DraftSubmitted, Authors: []radio.UserID{author},
		Doc: radio.Schedule{ID: sid, Code: "cho-" + strings.ToLower(string(sid)), Title: "Chờ", Version: 1, Area: desk, Zone: "Asia/Ho_Chi_Minh", Targets: []radio.Target{{Area: target}}}}
	return sid
}

// What waits for somebody is what they may decide: it goes by the desk that owns the
// draft, not by the places it is for.
func TestWaitingIsTheDesksOwn(t *testing.T) {
	const waits = "lịch phát chờ bạn duyệt"
	province := func(h *house) radio.AreaID { return h.plan.places[0].Chain[0].ID }
	for name, c := range map[string]struct {
		desk, target func(h *house) radio.AreaID
		author       radio.UserID
		everywhere   bool
		waits        bool
	}{
		"the province's, for the commune":       {province, func(h *house) radio.AreaID { return h.area(own) }, sau, false, false},
		"the commune's own":                     {func(h *house) radio.AreaID { return h.area(own) }, func(h *house) radio.AreaID { return h.area(own) }, sau, false, true},
		"another commune's":                     {func(h *house) radio.AreaID { return h.area(foreign) }, func(h *house) radio.AreaID { return h.area(foreign) }, sau, false, false},
		"the province's, for its approver":      {province, func(h *house) radio.AreaID { return h.area(own) }, sau, true, true},
		"what the approver wrote, or wrote too": {province, province, id[radio.UserID]('u', 77), true, false},
	} {
		h := newHouse(t)
		h.people.is(h.person(asker{role: radio.RoleApprover, everywhere: c.everywhere}))
		h.handIn(1, c.desk(h), c.target(h), c.author)
		page := h.ask(t, http.MethodGet, "/", "")
		want(t, page, http.StatusOK)
		if got := strings.Contains(page.Body.String(), waits); got != c.waits {
			t.Errorf("%s: waiting %v", name, got)
		}
	}
}

// Everything is narrowed to the reader's communes, the counters too.
func TestOverviewOfACommune(t *testing.T) {
	h := newHouse(t)
	h.people.is(h.person(asker{role: radio.RoleOperator}))
	w := h.ask(t, http.MethodGet, "/", "")
	want(t, w, http.StatusOK, "<b>2</b> cụm loa", "đầu ra âm thanh bị lỗi")
	if page := w.Body.String(); strings.Contains(page, "đồng hồ không tin cậy") || strings.Contains(page, "Xã Cẩm Xuyên") {
		t.Error("the page tells of other communes")
	}
}

func TestDeviceList(t *testing.T) {
	h := newHouse(t)
	ward := string(h.plan.places[0].Commune().ID)
	for query, rows := range map[string]int{"": 5, "state=online": 3, "state=offline": 1, "state=faulty": 3, "state=sounding": 1, "state=new": 1,
		"commune=" + ward: 2, "state=online&commune=" + ward: 2, "q=nha+van+hoa+THON": 1, "q=Cẩm Xuyên": 1, "q=cam+xuyen+to": 0, "q=loa-04": 1, "version=0.1.0": 3, "version=9": 0,
		"hamlet=" + string(h.plan.places[1].Hamlet().ID): 1} {
		address := "/devices?" + strings.ReplaceAll(query, " ", "%20")
		w := h.ask(t, http.MethodGet, address, "")
		want(t, w, http.StatusOK)
		if n := strings.Count(w.Body.String(), `<a href="/devices/01`); n != rows {
			t.Errorf("%s: %d rows, want %d", query, n, rows)
		}
		if got := h.apiDevicesOf(t, strings.TrimPrefix(address, "/devices?")); len(got.Devices) != rows || got.Next != "" {
			t.Errorf("%s: %d devices, next %q", query, len(got.Devices), got.Next)
		}
	}
	want(t, h.ask(t, http.MethodGet, "/devices", ""), http.StatusOK, "Đang phát: Tin dự báo", "Mất kết nối", "Chưa đăng ký", "chưa có báo cáo", "1/2 sẵn sàng", "16:30 22/11/2025", "Thêm một cụm loa")
	want(t, h.ask(t, http.MethodGet, "/devices?state=sleepy", ""), 422, "Tình trạng")
	want(t, h.ask(t, http.MethodGet, "/devices?commune=1", ""), 422, "Xã/phường")
	want(t, h.ask(t, http.MethodGet, "/devices?color=red", ""), http.StatusOK, "Đã bỏ qua", "color")
	want(t, h.ask(t, http.MethodGet, "/api/v1/devices?color=red", ""), 422, "color")
	h.plan.states[0].Reported = []byte("{broken")
	want(t, h.ask(t, http.MethodGet, "/devices", ""), http.StatusOK, "chưa có báo cáo")
}

func (h *house) apiDevicesOf(t *testing.T, query string) devicesAnswer {
	t.Helper()
	var out devicesAnswer
	w := h.ask(t, http.MethodGet, "/api/v1/devices?"+query, "")
	want(t, w, http.StatusOK)
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A program reads page after page until there is no next one, and gets every cluster once.
func TestDevicesPageByPage(t *testing.T) {
	h := newHouse(t)
	var got []string
	for query := "limit=2&q=loa"; query != ""; {
		page := h.apiDevicesOf(t, query)
		if len(page.Devices) > 2 {
			t.Fatalf("%d at once", len(page.Devices))
		}
		for _, d := range page.Devices {
			got = append(got, d.Code)
		}
		_, query, _ = strings.Cut(page.Next, "?")
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"loa-01", "loa-02", "loa-03", "loa-04", "loa-05"}) {
		t.Errorf("got %v", got)
	}
	for _, bad := range []string{"limit=0", "limit=x", "limit=1001", "after=" + id[string]('d', 99)} {
		want(t, h.ask(t, http.MethodGet, "/api/v1/devices?"+bad, ""), 422)
	}
}

func TestDeviceTree(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodGet, "/devices/tree", "")
	want(t, w, http.StatusOK, "Phường Thành Sen", "2 cụm loa", "1 mất kết nối", "1 chưa đăng ký")
	if strings.Contains(w.Body.String(), "Tổ dân phố 1") {
		t.Error("closed communes show their hamlets")
	}
	want(t, h.ask(t, http.MethodGet, "/devices/tree?commune="+string(h.area(own)), ""), http.StatusOK, "Tổ dân phố 1", "Cụm loa nhà văn hóa tổ dân phố 2", `aria-expanded="true"`)
	h.people.is(h.person(asker{role: radio.RoleOperator}))
	if w := h.ask(t, http.MethodGet, "/devices/tree", ""); w.Code != http.StatusSeeOther {
		t.Errorf("a person of one commune gets %d", w.Code)
	}
}

func TestDevicePage(t *testing.T) {
	h := newHouse(t)
	page := func(n int) string { return "/devices/" + string(h.plan.places[n].Device.ID) }
	want(t, h.ask(t, http.MethodGet, page(1), ""), http.StatusOK, "theo báo cáo lúc 09:29:40 22/11/2025", "chưa đồng bộ", "đang dùng bản 1763700000, đã gửi bản 1763700001", "Còn thiếu", "Bài 1 <small>600 kB / 600 kB",
		"GIẢ ĐỊNH", "no sound card", "còn trống 5300 MB trong 16000 MB", "ghi 812, máy chủ đã nhận 810", "Khung giờ chung của tỉnh", "tối đa 3 phiên một ngày, hôm nay đã có 1", "tối đa 45 phút một ngày, hôm nay đã phát 10 phút",
		"05/02/2027 – 09/02/2027: Tết Đinh Mùi, 07:00–07:30", "02/09/2027: Quốc khánh, không phát", "không nói gì về Tết 2028", "hết hạn lúc", "cùng một bản ghi có hai nội dung", "not JSON", "Tạo mã đăng ký")
	want(t, h.ask(t, http.MethodGet, page(0), ""), http.StatusOK, "Lỗi đã hết", "bad flash", "Đang phát: Tin dự báo")
	want(t, h.ask(t, http.MethodGet, page(4), ""), http.StatusOK, "Chưa đăng ký", "chưa có báo cáo", "chưa có")
	want(t, h.ask(t, http.MethodGet, "/devices/"+id[string]('d', 99), ""), http.StatusNotFound)

	// What is not measured is said to be so, and never a number.
	h.plan.states[0].Reported = []byte(`{"version":"1","clock":{"state":"trusted","source":"rtc","bound_ms":-1}}`)
	w := h.ask(t, http.MethodGet, page(0), "")
	want(t, w, http.StatusOK, "không đo", "không rõ")
	if strings.Contains(w.Body.String(), "0 MB") || strings.Contains(w.Body.String(), "sai số") {
		t.Error("a constant stands for what is not measured")
	}

	var got deviceAnswer
	if err := json.Unmarshal(h.ask(t, http.MethodGet, "/api/v1"+page(1), "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Device.Code != "loa-02" || len(got.Faults) != 2 || got.Issued["programme"].Revision != 1_763_700_001 || got.Certificate == 0 || len(got.Area) != 3 || len(got.Journal) != 2 {
		t.Errorf("%+v", got)
	}
}

// A cluster is added below a hamlet; its code is shown once, and only on the answer.
func TestDeviceAdded(t *testing.T) {
	h := newHouse(t)
	hamlet := string(h.plan.places[0].Hamlet().ID)
	want(t, h.ask(t, http.MethodGet, "/devices/new", ""), http.StatusOK, "Tổ dân phố 1", hamlet)
	form := url.Values{"code": {"cum-moi"}, "name": {"  Cụm  mới\t"}, "hamlet": {hamlet}, "rendition": {"32"}}
	w := h.ask(t, http.MethodPost, "/devices", form.Encode())
	want(t, w, http.StatusSeeOther)
	if len(h.watch.added) != 1 {
		t.Fatalf("added %+v", h.watch.added)
	}
	d := h.watch.added[0]
	if w.Header().Get("Location") != "/devices/"+string(d.ID) || d.Code != "cum-moi" || d.Name != "Cụm  mới" || d.Rendition != 32 || d.Enrolled != 0 {
		t.Errorf("added %+v, to %s", d, w.Header().Get("Location"))
	}
	want(t, h.ask(t, http.MethodPost, "/devices", form.Encode()), http.StatusConflict)
	for field, body := range map[string]string{
		"code":      `{"code":"Cụm 1","name":"a","hamlet":"` + hamlet + `"}`,
		"name":      `{"code":"a","name":" \t ","hamlet":"` + hamlet + `"}`,
		"hamlet":    `{"code":"a","name":"a","hamlet":"` + string(h.area(own)) + `"}`,
		"rendition": `{"code":"a","name":"a","hamlet":"` + hamlet + `","rendition":48}`,
	} {
		w := h.ask(t, http.MethodPost, "/api/v1/devices", body, asJSON)
		want(t, w, 422, `"field":"`+field+`"`)
	}
	want(t, h.ask(t, http.MethodPost, "/api/v1/devices", `{"code":"a","name":"a","hamlet":"x","id":"y"}`, asJSON), 400)
	want(t, h.ask(t, http.MethodPost, "/api/v1/devices", `{"code":"b","name":"Loa \u0007","hamlet":"`+hamlet+`"}`, asJSON), 422)

	code := "/devices/" + string(h.plan.places[4].Device.ID) + "/code"
	want(t, h.ask(t, http.MethodPost, code, "a=b"), http.StatusOK, "01234-56789-0123-4567-89ab-cdef", "09:30 29/11/2025")
	want(t, h.ask(t, http.MethodGet, code, ""), http.StatusMethodNotAllowed)
	want(t, h.ask(t, http.MethodPost, "/api/v1/devices/"+string(h.plan.places[4].Device.ID)+"/enrolment-code", ""), http.StatusCreated, `"code":"01234-56789-0123-4567-89ab-cdef"`)
	if len(h.watch.codes) != 2 {
		t.Errorf("codes for %v", h.watch.codes)
	}
}

func TestFaultsPage(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodGet, "/faults", "")
	want(t, w, http.StatusOK, "mất kết nối", "từ 08:50 22/11/2025", "Thông báo không gửi được", "truc@ha-tinh.example", "28 lần", "no such host")
	if n := strings.Count(w.Body.String(), `<li class="card`); n != 4 {
		t.Errorf("%d lines, want the outage, two faults of a ward and a clock", n)
	}
	want(t, h.ask(t, http.MethodGet, "/faults?state=closed", ""), http.StatusOK, "máy chủ đã ngừng", "thiết bị báo lỗi: bộ nhớ âm thanh", "bad flash")
	want(t, h.ask(t, http.MethodGet, "/faults?outage="+string(h.watch.outages[0].ID), ""), http.StatusOK, "chưa sẵn sàng", "đang mở")
	want(t, h.ask(t, http.MethodGet, "/faults?state=shut", ""), 422)

	h.people.is(h.person(asker{role: radio.RoleAdmin}))
	if page := h.ask(t, http.MethodGet, "/faults", "").Body.String(); strings.Contains(page, "truc@ha-tinh.example") {
		t.Error("an administrator of one commune reads addresses of others")
	}
}

// Many clusters with one trouble are one line, which names some and counts all.
func TestFaultLineOfMany(t *testing.T) {
	h := newHouse(t)
	h.watch.faults, h.watch.outages[0].Devices = nil, 200
	for n := range 200 {
		p := place(100+n, "Xã Cẩm Xuyên", "Thôn 9", "Cụm thứ nhiều")
		h.plan.places = append(h.plan.places, p)
		h.watch.faults = append(h.watch.faults, radio.Fault{ID: id[radio.FaultID]('t', 100+n), Device: p.Device.ID, Commune: p.Commune().ID, Kind: radio.FaultOffline, OpenedAt: radio.At(now), Outage: h.watch.outages[0].ID})
	}
	w := h.ask(t, http.MethodGet, "/faults", "")
	want(t, w, http.StatusOK, "200 cụm loa", "và 160 cụm loa khác")
	if n := strings.Count(w.Body.String(), `<li class="card`); n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestFaultsAPI(t *testing.T) {
	h := newHouse(t)
	read := func(query string) (out faultsAnswer) {
		t.Helper()
		w := h.ask(t, http.MethodGet, "/api/v1/faults?"+query, "")
		want(t, w, http.StatusOK)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for query, rows := range map[string]int{"": 5, "state=open": 5, "state=closed": 2, "kind=not_ready": 2, "device=" + string(h.plan.places[1].Device.ID): 2,
		"commune=" + string(h.area(own)): 2, "outage=" + string(h.watch.outages[0].ID): 2} {
		if got := read(query); len(got.Faults) != rows {
			t.Errorf("%s: %d faults, want %d", query, len(got.Faults), rows)
		}
	}
	var all []radio.FaultID
	for query := "limit=2"; query != ""; {
		page := read(query)
		for _, f := range page.Faults {
			all = append(all, f.ID)
		}
		_, query, _ = strings.Cut(page.Next, "?")
	}
	if slices.Sort(all); len(slices.Compact(all)) != 5 {
		t.Errorf("page by page: %v", all)
	}
	if f := read("kind=clock").Faults[0]; f.DeviceName != "Cụm loa trạm y tế" || f.CommuneName == "" || f.Cause.Why != "assumed" {
		t.Errorf("%+v", f)
	}
	for _, bad := range []string{"kind=sleepy", "state=maybe", "device=1", "after=x", "limit=0", "since=1"} {
		want(t, h.ask(t, http.MethodGet, "/api/v1/faults?"+bad, ""), 422)
	}
	h.people.is(h.person(asker{role: radio.RoleViewer}))
	if got := read("commune=" + string(h.area(foreign))); len(got.Faults) != 0 {
		t.Errorf("another commune's faults: %+v", got)
	}
}

// TestTroubleHasWords: every kind has words of its own in both languages.
func TestTroubleHasWords(t *testing.T) {
	h := newHouse(t)
	for _, l := range languages {
		seen := map[string]radio.FaultKind{}
		for _, k := range radio.FaultKinds() {
			text := h.pages.speech[l].trouble(k, "programme")
			if other, twice := seen[text]; twice || text == "" || l == vietnamese && text == string(k) {
				t.Errorf("%s: %s says %q like %s", l, k, text, other)
			}
			seen[text] = k
			if urgency(k) < 0 {
				t.Errorf("%s has no place among the others", k)
			}
		}
	}
}

// TestEmergencySetShown: whether the sounds of an alert are on a device is on its page and
// among the counters.
func TestEmergencySetShown(t *testing.T) {
	h := newHouse(t)
	var s radio.Status
	if err := json.Unmarshal(h.plan.states[0].Reported, &s); err != nil {
		t.Fatal(err)
	}
	page := "/devices/" + string(s.Device)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Bộ âm thanh khẩn cấp</dt><dd>không rõ")
	for _, c := range []struct {
		set   []radio.EmergencyStatus
		words string
		rows  int
	}{
		{[]radio.EmergencyStatus{{Role: radio.RoleSiren, Ready: true}, {Role: radio.RoleLeadIn, Ready: true}}, "khẩn cấp</dt><dd>đủ", 0},
		{[]radio.EmergencyStatus{{Role: radio.RoleSiren, StandIn: true}, {Role: radio.RoleDrill, Ready: true}, {Role: radio.RoleAllOK}}, "thiếu: Còi báo động, Báo yên", 1},
	} {
		s.Emergency = c.set
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		h.plan.states[0].Reported = b
		w := h.ask(t, http.MethodGet, page, "")
		want(t, w, http.StatusOK, c.words)
		if got := strings.Contains(w.Body.String(), "còi dựng sẵn"); got != (c.rows > 0) {
			t.Errorf("built-in siren named: %t", got)
		}
		if got := h.apiDevicesOf(t, "state=unready"); len(got.Devices) != c.rows {
			t.Errorf("%d devices lack sounds, want %d", len(got.Devices), c.rows)
		}
	}
}

// TestAudioNotFetchedYet: what a connected device fetches in the night before is not called
// missing on any page.
func TestAudioNotFetchedYet(t *testing.T) {
	h := newHouse(t)
	const lacks, list = "⚠ thiếu âm thanh</span>", "/devices"
	pages := map[string]string{"/": "⚠ 1 thiếu âm thanh</span>", list: lacks, list + "/" + string(h.plan.places[1].Device.ID): lacks}
	for page, words := range pages {
		want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, words)
	}
	var s radio.Status
	if err := json.Unmarshal(h.plan.states[1].Reported, &s); err != nil {
		t.Fatal(err)
	}
	s.Link.Connected = true
	h.plan.states[1].Reported, _ = json.Marshal(s)
	for page, words := range pages {
		got := h.ask(t, http.MethodGet, page, "")
		if strings.Contains(got.Body.String(), words) {
			t.Errorf("%s calls audio missing that is fetched before its airing in seven hours", page)
		}
		if page != "/" {
			want(t, got, http.StatusOK, "sẽ tải âm thanh trước giờ phát")
		}
	}
}
