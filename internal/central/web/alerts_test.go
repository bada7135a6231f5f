package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// onlyAt makes lan a person of the own commune, with the roles given.
func (h *house) onlyAt(w where, roles ...radio.Role) {
	p := lan
	p.Grants = nil
	for _, r := range roles {
		p.Grants = append(p.Grants, radio.Grant{Role: r, Area: h.area(w)})
	}
	h.people.who = &p
}

func parts(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if name == "audio" {
			name += "\"; filename=\"loi.mp3"
		}
		fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", name, pairs[i+1])
	}
	return b.String() + "--x--\r\n"
}

func asForm(r *http.Request) { r.Header.Set("Content-Type", alertForm) }

func alertFields(h *house) []string {
	return []string{"kind", "drill", "area", string(h.area(own)), "headline", "Diễn tập lũ", "text", "Lên cao\r\nngay", "document", "12/CV", "sound_siren", "1", "repeats", "2", "interval_s", "10", "life_minutes", "30"}
}

// TestAlertComposed: the form makes a draft, the voice last; what is wrong comes back
// with what was written, and no voice is taken in for it.
func TestAlertComposed(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodPost, "/alerts", parts(append(alertFields(h), "audio", "sound")...), asForm)
	want(t, w, http.StatusSeeOther)
	a := h.alerts.all[0]
	if fmt.Sprint(h.alerts.acts) != "[voice of 5 bytes compose Diễn tập lũ by lan]" || !a.Wish.Drill || fmt.Sprint(a.Wish.Sounds) != "[drill siren drill]" ||
		a.Wish.Voice == nil || a.Wish.Text != "Lên cao\nngay" || a.Wish.LifeMinutes != 30 {
		t.Errorf("%v %+v", h.alerts.acts, a.Wish)
	}
	want(t, h.ask(t, http.MethodGet, w.Header().Get("Location"), ""), http.StatusOK, "DIỄN TẬP", "Lên cao", "Giọng đọc", "Mật khẩu của khóa ký",
		`<audio controls preload="none" src="/alerts/`+string(a.ID)+`/voice"`)
	want(t, h.ask(t, http.MethodGet, "/alerts/"+string(a.ID)+"/edit", ""), http.StatusOK, `value="Diễn tập lũ"`, `value="drill" checked`, "Bỏ giọng đọc đang có")

	h.alerts.acts = nil
	w = h.ask(t, http.MethodPost, "/alerts", parts(alertFields(h)[2:]...), asForm)
	want(t, w, http.StatusUnprocessableEntity, "hãy chọn loại")
	if strings.Contains(w.Body.String(), "checked> <b class") {
		t.Error("a form that does not say what it is comes back as one of the kinds")
	}
	bad := alertFields(h)
	bad[5], bad[13] = "", "nhiều"
	want(t, h.ask(t, http.MethodPost, "/alerts", parts(append(bad, "audio", "sound")...), asForm), http.StatusUnprocessableEntity, "phải là số nguyên", `value="nhiều"`, "12/CV")
	bad[13] = "2"
	want(t, h.ask(t, http.MethodPost, "/alerts", parts(append(bad, "audio", "sound")...), asForm), http.StatusUnprocessableEntity, "không được để trống")
	if len(h.alerts.acts) != 0 {
		t.Errorf("done for a wrong form: %v", h.alerts.acts)
	}

	again := append(alertFields(h), "version", "1", "without_voice", "1")
	want(t, h.ask(t, http.MethodPost, "/alerts/"+string(a.ID), parts(again...), asForm), http.StatusSeeOther)
	if a := h.alerts.all[0]; a.Version != 2 || a.Wish.Voice != nil {
		t.Errorf("changed: %+v", a)
	}
	want(t, h.ask(t, http.MethodPost, "/alerts/"+string(a.ID), parts(again...), asForm), http.StatusConflict)
}

// TestAlertSignedOnThePage: how many must sign is said before, a wrong password after.
func TestAlertSignedOnThePage(t *testing.T) {
	h := newHouse(t)
	draft, out := "/alerts/"+string(h.alerts.all[0].ID), "/alerts/"+string(h.alerts.all[1].ID)
	want(t, h.ask(t, http.MethodGet, draft, ""), http.StatusOK, "KHẨN CẤP – PHÁT THẬT", "Cần hai người khác nhau ký", "Ký, PHÁT KHẨN CẤP")
	h.alerts.need = 1
	want(t, h.ask(t, http.MethodGet, draft, ""), http.StatusOK, "Ký xong là loa kêu ngay.")
	want(t, h.ask(t, http.MethodPost, draft+"/sign", "version=1&key_password=sai"), http.StatusUnprocessableEntity, "mật khẩu của khóa ký không đúng",
		`data-at="`+draft+`"`) // the page stays live
	want(t, h.ask(t, http.MethodPost, draft+"/sign", signBodyForm), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, out+"/cancel", signBodyForm+"&why=+nh%E1%BA%A7m+"), http.StatusSeeOther)
	if fmt.Sprint(h.alerts.acts) != `[sign 1 by lan cancel "nhầm" by lan]` {
		t.Errorf("%v", h.alerts.acts)
	}
	h.alerts.ways = radio.SignWays{}
	page := h.ask(t, http.MethodGet, draft, "").Body.String()
	if !strings.Contains(page, "Bạn chưa có khóa ký") || strings.Contains(page, `name="key_password"`) {
		t.Error("who holds no key is asked for its password")
	}
	page = h.ask(t, http.MethodGet, out, "").Body.String()
	if !strings.Contains(page, "Bạn chưa có khóa ký") || strings.Contains(page, `name="key_password"`) || strings.Contains(page, out+"/cancel") {
		t.Error("who holds no key is asked for its password to cancel")
	}
	h.onlyAt(own, radio.RoleOperator)
	page = h.ask(t, http.MethodGet, draft, "").Body.String()
	if strings.Contains(page, `/sign"`) || !strings.Contains(page, "/edit") {
		t.Error("an operator edits a draft and does not sign it")
	}
}

// TestSignsTheVersionRead: the form to sign stays as it was read; one that renewed itself
// would have a person sign what somebody has changed meanwhile.
func TestSignsTheVersionRead(t *testing.T) {
	h := newHouse(t)
	_, rest, found := strings.Cut(h.ask(t, http.MethodGet, "/alerts/"+string(h.alerts.all[0].ID), "").Body.String(), `<form class="card danger"`)
	before, _, _ := strings.Cut(h.ask(t, http.MethodGet, "/alerts/"+string(h.alerts.all[0].ID), "").Body.String(), `<form class="card danger"`)
	if !found || !strings.Contains(rest, `name="version" value="1"`) {
		t.Fatal("no form to sign")
	}
	// What holds the form: nothing live is open before it.
	for _, tag := range []string{"section", "div"} {
		opened, closed := strings.Count(before, "<"+tag), strings.Count(before, "</"+tag+">")
		if last := before[strings.LastIndex(before, "<"+tag):]; opened > closed && strings.Contains(last, "data-live") {
			t.Errorf("the form to sign renews itself: %s", last)
		}
	}
}

// TestReach: the board counts by word, names the silent ones, and a reader of one commune
// sees that commune only.
func TestReach(t *testing.T) {
	h := newHouse(t)
	all := "/alerts/" + string(h.alerts.all[5].ID)
	w := h.ask(t, http.MethodGet, all, "")
	want(t, w, http.StatusOK, `id="board" data-live="alerts"`, "<b>1</b> Đã nhận", "<b>1</b> Đang phát", "<b>1</b> Đã phát xong", "<b>2</b> Chưa có tin", h.plan.places[0].Device.Name, "3/5 cụm loa đã có tin")
	h.onlyAt(own, radio.RoleViewer)
	want(t, h.ask(t, http.MethodGet, all, ""), http.StatusOK, "1/2 cụm loa đã có tin")
	if name := h.leaks(h.ask(t, http.MethodGet, all, "").Body.String()); name != "" {
		t.Errorf("the board of a commune names %s", name)
	}
}

// TestCallList: who is silent, whom to call, what to read, with a drill said loud.
func TestCallList(t *testing.T) {
	h := newHouse(t)
	path := "/alerts/" + string(h.alerts.all[5].ID) + "/calls"
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, "DIỄN TẬP", "Đây là diễn tập. Bà con lên cao ngay.", "Ông Trưởng", `href="tel:0912%20345%20678"`, h.plan.places[0].Device.Name)
	h.alerts.contacts = []radio.AreaContact{{Area: h.area(own), Name: "Bà Chủ tịch", Phone: "0239 1"}}
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, "Bà Chủ tịch", "(của xã/phường)")
	want(t, h.ask(t, http.MethodGet, "/api/v1"+path, ""), http.StatusOK, `"commune_contact":true`)
	h.alerts.contacts = nil
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, "chưa có số điện thoại")
}

// TestScorecard: page and file say the same of each device.
func TestScorecard(t *testing.T) {
	h := newHouse(t)
	for i := range h.plan.places {
		h.plan.places[i].Device.Name = "=1+1"
	}
	path := "/alerts/" + string(h.alerts.all[5].ID) + "/scorecard"
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, "Phiếu điểm diễn tập", "1,0 giây / 1,0 giây", "1: Đã phát", "1/15")
	w := h.ask(t, http.MethodGet, path+".csv", "")
	want(t, w, http.StatusOK)
	if !strings.Contains(w.Header().Get("Content-Disposition"), ".csv") {
		t.Error(w.Header())
	}
	text, bom := strings.CutPrefix(w.Body.String(), "\ufeff")
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !bom || len(lines) != 1+len(h.plan.places) {
		t.Fatalf("%d lines, BOM %v: %v", len(lines), bom, err)
	}
	words := map[string]string{}
	for _, line := range lines[1:] {
		words[line[4]] = strings.Join(line[6:], "|")
		if line[3] != "'=1+1" {
			t.Errorf("a formula in a cell: %q", line[3])
		}
	}
	for state, times := range map[string]string{"Chưa có tin": "|||", "Đã nhận": "1000|||", "Đang phát": "1000|2000||", "Đã phát xong": "1000|2000|3000|1: Đã phát"} {
		if words[state] != times {
			t.Errorf("%s: %q, want %q", state, words[state], times)
		}
	}
}

// TestContactsPage: an operator changes those of the own commune.
func TestContactsPage(t *testing.T) {
	h := newHouse(t)
	h.onlyAt(own, radio.RoleOperator)
	hamlet := string(h.plan.places[0].Hamlet().ID)
	want(t, h.ask(t, http.MethodGet, "/contacts", ""), http.StatusOK, `value="Ông Trưởng"`, `action="/contacts/`+hamlet+`"`)
	want(t, h.ask(t, http.MethodPost, "/contacts/"+hamlet, "name=Ông+Hai&phone=0912-345-678"), http.StatusSeeOther)
	wrong := h.ask(t, http.MethodPost, "/contacts/"+hamlet, "name=Ông+Hai&phone=gọi+tôi")
	want(t, wrong, http.StatusUnprocessableEntity, `value="Ông Hai"`, `value="gọi tôi"`, `aria-describedby="contact-`+hamlet+`-reason"`,
		`data-at="/contacts?commune=`+string(h.area(own)))
	if n := strings.Count(wrong.Body.String(), "aria-invalid"); n != 1 {
		t.Errorf("%d fields are marked, want the one at fault", n)
	}
	want(t, h.ask(t, http.MethodPost, "/contacts/"+hamlet, "name=Ông+Hai&phone="), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodPost, "/contacts/"+hamlet, "name=&phone="), http.StatusSeeOther)
	if len(h.alerts.acts) != 2 {
		t.Errorf("%v", h.alerts.acts)
	}
	h.onlyAt(own, radio.RoleViewer)
	if page := h.ask(t, http.MethodGet, "/contacts", "").Body.String(); strings.Contains(page, "<input name=\"phone\"") || !strings.Contains(page, "Ông Trưởng") {
		t.Error("a viewer reads, and changes nothing")
	}
}

// TestAlertsOfManyPages: a reader of one commune pages through what they may see.
func TestAlertsOfManyPages(t *testing.T) {
	h := newHouse(t)
	var all []radio.AlertRecord
	for n := range 300 {
		a := h.alerts.all[[]int{0, 2}[n%2]] // own, foreign
		a.ID = id[radio.AlertID]('y', n)
		all = append(all, a)
	}
	h.alerts.all = all
	h.onlyAt(own, radio.RoleViewer)
	seen := map[string]bool{}
	for path := "/api/v1/alerts"; path != ""; {
		var answer alertsAnswer
		if err := json.Unmarshal(h.ask(t, http.MethodGet, path, "").Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		for _, a := range answer.Alerts {
			if a.Wish.Area != h.area(own) || seen[string(a.ID)] {
				t.Fatalf("%s of %s", a.ID, a.Wish.Area)
			}
			seen[string(a.ID)] = true
		}
		path = answer.Next
	}
	if len(seen) != 150 {
		t.Errorf("%d of 150", len(seen))
	}
	want(t, h.ask(t, http.MethodGet, "/alerts", ""), http.StatusOK, `rel="next"`)
}

// TestHostileAlert: what people write into an alert is shown, and never runs.
func TestHostileAlert(t *testing.T) {
	const evil = `<script>alert("x")</script><img src=x onerror=alert(1)>'"`
	h := newHouse(t)
	for i := range h.alerts.all {
		a := &h.alerts.all[i]
		a.Wish.Headline, a.Wish.Text, a.Wish.Document, a.Why, a.ComposedName = evil, evil, evil, evil, evil
	}
	h.alerts.contacts[0].Name, h.alerts.contacts[0].Phone = evil, `javascript:alert(1)"`
	one := "/alerts/" + string(h.alerts.all[5].ID)
	for _, path := range []string{"/alerts", one, "/alerts/" + string(h.alerts.all[4].ID), "/alerts/" + string(h.alerts.all[4].ID) + "/edit", one + "/calls", one + "/scorecard", "/contacts"} {
		page := h.ask(t, http.MethodGet, path, "").Body.String()
		if strings.Count(page, "<script") != strings.Count(page, `<script src="/static/`) || strings.Contains(page, "<img src=x") {
			t.Errorf("%s: not escaped:\n%s", path, page)
		}
		if !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s: the words are not shown", path)
		}
	}
}

// TestAlertWords: every sound, state and word of an alert has words for people.
func TestAlertWords(t *testing.T) {
	for _, r := range radio.EmergencyRoles() {
		if soundText(r) == string(r) {
			t.Errorf("no words for sound %s", r)
		}
	}
	for _, w := range radio.AlertWords() {
		if alertWordText(w) == string(w) {
			t.Errorf("no words for %s", w)
		}
	}
	for name, value := range constants(t, "alertdesk.go", "AlertState") {
		if alertStateText(radio.AlertState(value)) == value {
			t.Errorf("no words for %s", name)
		}
	}
	for name, value := range constants(t, "alert.go", "Reason") {
		if receiptReasonText(radio.Reason(value)) == value {
			t.Errorf("no words for %s", name)
		}
	}
	en, err := readWords(assets)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range slices.Concat([]string{alertStateText(radio.AlertDraft), alertStateText(radio.AlertDropped), alertStateText(radio.AlertIssued), alertStateText(radio.AlertCancelled)},
		texts(radio.EmergencyRoles(), soundText), texts(radio.AlertWords(), alertWordText)) {
		if en[text] == "" {
			t.Errorf("no English for %q", text)
		}
	}
}

func texts[T any](all []T, say func(T) string) []string {
	var out []string
	for _, x := range all {
		out = append(out, say(x))
	}
	return out
}
