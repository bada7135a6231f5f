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

// theCampaign is the address of the one campaign of the small province.
var theCampaign = "/campaigns/" + id[string]('g', 1)

// from gives a session to a person with these grants.
func (h *house) from(grants ...radio.Grant) {
	h.people.is(&radio.Person{ID: sau, Login: "sau", Name: "Trần Văn Sáu", Grants: grants})
}

func asEnglish(r *http.Request) { r.AddCookie(&http.Cookie{Name: languageCookie, Value: "en"}) }

// The bulletins of a campaign are those in its schedules and those handed in for it, as
// far as the reader may see them.
func TestCampaignContent(t *testing.T) {
	h := newHouse(t)
	c := withCampaign(h)
	root := h.plan.places[0].Chain[0].ID
	h.plan.bulletins[3].Campaign, h.plan.bulletins[3].Area = c.ID, root // waits for approval
	h.plan.schedules[1].Campaign, h.plan.schedules[1].Area = c.ID, h.plan.places[3].Chain[1].ID
	titles := []string{"Nhạc hiệu", "Tin dự báo áp thấp nhiệt đới", "Thông báo của thôn"}
	want(t, h.ask(t, http.MethodGet, theCampaign, ""), http.StatusOK, titles...)
	h.from(radio.Grant{Role: radio.RoleEditor, Area: h.plan.places[0].Commune().ID})
	w := h.ask(t, http.MethodGet, theCampaign, "")
	want(t, w, http.StatusOK, titles[0])
	for _, hidden := range titles[1:] {
		if strings.Contains(w.Body.String(), hidden) {
			t.Errorf("another desk's %q is shown", hidden)
		}
	}
}

// A campaign lists the schedules that the list of schedules shows the reader, no others:
// of the province's, a commune sees those that reach it.
func TestCampaignSchedulesAreTheReaders(t *testing.T) {
	h := newHouse(t)
	c := withCampaign(h)
	root, mine, other := h.plan.places[0].Chain[0].ID, h.plan.places[0].Commune().ID, h.plan.places[3].Chain[1].ID
	for i, target := range []radio.AreaID{mine, other} {
		s := &h.plan.schedules[i]
		s.Campaign, s.Area, s.Title, s.Targets = c.ID, root, []string{"Đến xã mình", "Đến xã khác"}[i], []radio.Target{{Area: target}}
	}
	h.from(radio.Grant{Role: radio.RoleEditor, Area: mine})
	for _, path := range []string{theCampaign, "/schedules"} {
		w := h.ask(t, http.MethodGet, path, "")
		want(t, w, http.StatusOK, "Đến xã mình")
		if strings.Contains(w.Body.String(), "Đến xã khác") {
			t.Errorf("%s shows a schedule that does not reach the reader", path)
		}
	}
	want(t, h.ask(t, http.MethodGet, theCampaign, ""), http.StatusOK, `href="/schedules/`+string(h.plan.schedules[0].ID)+`"`)
}

func asJSON(r *http.Request) { r.Header.Set("Content-Type", "application/json") }

func TestCampaignPages(t *testing.T) {
	h := newHouse(t)
	withCampaign(h)
	h.plan.places[4].Chain[1].ID = id[radio.AreaID]('c', 99)
	want(t, h.ask(t, http.MethodGet, "/campaigns", ""), http.StatusOK,
		"Đang thực hiện", "còn 40 ngày", "trên chỉ tiêu 12.000 lượt", `href="`+theCampaign+`"`, "Tạo đợt tuyên truyền")
	w := h.ask(t, http.MethodGet, theCampaign, "")
	want(t, w, http.StatusOK, "Kế hoạch số …/KH-UBND", "Ủy ban nhân dân tỉnh Hà Tĩnh", "từ 01/11/2025", "Sở A; Sở B", "Dòng một\nDòng hai",
		"Kỹ năng số", "Tổ chuyển đổi số cộng đồng", "thường xuyên", "Theo xã/phường", "Phường Thành Sen", "Theo tháng", "11/2025",
		"Tuyên truyền Nghị quyết 57 hằng ngày", "Nhạc hiệu", "Kết thúc đợt", "outcome=aired")
	// The commune whose loudspeakers are reached and have aired nothing is listed too.
	want(t, w, http.StatusOK, "Xã Hương Sơn")
	want(t, h.ask(t, http.MethodGet, theCampaign, "", asEnglish), http.StatusOK, "Governing document", "target of 12,000 airings", "40 days left", "By commune")
	want(t, h.ask(t, http.MethodGet, "/campaigns/"+id[string]('g', 9), ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/campaigns/x", ""), http.StatusNotFound)
}

// The numbers on the page are those of the log: every planned airing in one column.
func TestCampaignNumbers(t *testing.T) {
	h := newHouse(t)
	withCampaign(h)
	var p campaignProgress
	w := h.ask(t, http.MethodGet, "/api/v1"+theCampaign+"/progress", "")
	want(t, w, http.StatusOK)
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	var planned, aired, coming int64
	for _, row := range h.log.rows {
		if row.Planned() && row.Outcome == radio.PendingOutcome && row.Start > radio.At(now) {
			coming++
		} else if row.Planned() {
			planned++
			if row.Outcome == radio.Aired {
				aired++
			}
		}
	}
	if p.Totals.Planned != planned || p.Aired() != aired || p.Totals.Coming != coming || planned == 0 || aired == 0 || coming == 0 {
		t.Errorf("planned %d aired %d coming %d, want %d, %d and %d", p.Totals.Planned, p.Aired(), p.Totals.Coming, planned, aired, coming)
	}
	if !p.Whole || p.Target != 12000 || p.CommuneTarget != 40 || p.DaysLeft == nil || *p.DaysLeft != 40 || p.State != radio.CampaignRunning {
		t.Errorf("%+v", p)
	}
	var sum int64
	for _, c := range p.Communes {
		n := summed(c.Totals)
		if n.Aired+n.Partial+n.Lacking+n.Waiting != n.Planned || n.Lacking < 0 {
			t.Errorf("%s: %+v", c.CommuneName, n)
		}
		sum += n.Planned
	}
	if sum != planned {
		t.Errorf("the communes have %d, the campaign %d", sum, planned)
	}
}

// A commune sees its own communes' progress, and what the province aims at.
func TestCampaignOfACommune(t *testing.T) {
	h := newHouse(t)
	withCampaign(h)
	mine := h.plan.places[0].Commune()
	h.from(radio.Grant{Role: radio.RoleEditor, Area: mine.ID})
	w := h.ask(t, http.MethodGet, theCampaign, "")
	want(t, w, http.StatusOK, "Phường Thành Sen", "chỉ tiêu cả tỉnh là 12.000 lượt", "trên chỉ tiêu 40 lượt")
	for _, other := range []string{"Xã Cẩm Xuyên", "Xã Hương Khê", "Xã Hương Sơn", "Kết thúc đợt", "/edit"} {
		if strings.Contains(w.Body.String(), other) {
			t.Errorf("the page of a commune shows %q", other)
		}
	}
	var p campaignProgress
	if err := json.Unmarshal(h.ask(t, http.MethodGet, "/api/v1"+theCampaign+"/progress", "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Whole || len(p.Communes) != 1 || p.Communes[0].Commune != mine.ID || p.Totals.Planned != p.Communes[0].Totals.Planned {
		t.Errorf("%+v", p)
	}
	list := h.ask(t, http.MethodGet, "/campaigns", "")
	if strings.Contains(list.Body.String(), "/campaigns/new") {
		t.Error("a commune is offered to make a campaign")
	}
	form := url.Values{"title": {"x"}, "code": {"x"}}.Encode()
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/campaigns/new", ""}, {http.MethodPost, "/campaigns", form}, {http.MethodGet, theCampaign + "/edit", ""},
		{http.MethodPost, theCampaign, form}, {http.MethodPost, theCampaign + "/closed", "closed=true"},
		{http.MethodPost, "/api/v1/campaigns", `{"title":"x"}`}, {http.MethodPut, "/api/v1" + theCampaign, `{"title":"x"}`},
		{http.MethodPut, "/api/v1" + theCampaign + "/closed", `{"closed":true}`},
	} {
		want(t, h.ask(t, c.method, c.path, c.body), http.StatusForbidden)
	}
	if len(h.plan.saved) != 0 {
		t.Errorf("a commune did %v", h.plan.saved)
	}
}

func TestCampaignForms(t *testing.T) {
	h := newHouse(t)
	withCampaign(h)
	h.from(radio.Grant{Role: radio.RoleEditor, Area: radio.Everywhere})
	want(t, h.ask(t, http.MethodGet, "/campaigns/new", ""), http.StatusOK, `name="code"`, "Chuyên đề 3")
	form := url.Values{
		"code": {"tet"}, "title": {"Tết an toàn"}, "document": {"Công văn số 1"}, "issued": {"2026-01-05"}, "from": {"2026-01-10"}, "until": {"2026-02-20"},
		"target": {"1.500"}, "commune_target": {""}, "summary": {"Một\r\nHai"}, "units": {"Công an tỉnh\r\n\r\nSở Y tế"},
		"theme_title": {"Pháo", "", ""}, "theme_unit": {"Công an tỉnh", "", ""}, "theme_with": {"", "", ""}, "theme_due": {"Tết", "", ""}, "theme_note": {"", "", ""},
	}
	w := h.ask(t, http.MethodPost, "/campaigns", form.Encode())
	want(t, w, http.StatusSeeOther)
	made := h.plan.campaigns[1]
	if w.Header().Get("Location") != "/campaigns/"+string(made.ID) || made.Code != "tet" || made.Version != 1 || made.Target != 1500 || made.Summary != "Một\nHai" ||
		!slices.Equal(made.Units, []string{"Công an tỉnh", "Sở Y tế"}) || len(made.Themes) != 1 || made.Themes[0].Due != "Tết" || made.Area != h.plan.places[0].Chain[0].ID {
		t.Errorf("%s %+v", w.Header().Get("Location"), made)
	}
	// What is wrong is told at the form, with everything that was typed.
	for field, change := range map[string]struct{ value, says string }{
		"code": {"tet", "mã này đã có đợt khác dùng"}, "target": {"nhiều", "phải là số nguyên"}, "until": {"2025-01-01", "ngày cuối đứng trước ngày đầu"},
		"title": {"", "không được để trống"}, "issued": {"5/1/2026", "ngày phải có dạng"},
	} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set("code", "khac")
		bad.Set(field, change.value)
		want(t, h.ask(t, http.MethodPost, "/campaigns", bad.Encode()), http.StatusUnprocessableEntity, change.says, "Pháo", "Công an tỉnh")
	}
	if len(h.plan.campaigns) != 2 {
		t.Errorf("%d campaigns", len(h.plan.campaigns))
	}

	want(t, h.ask(t, http.MethodGet, theCampaign+"/edit", ""), http.StatusOK, `name="version" value="3"`, "Kỹ năng số", "Sở A\nSở B", "Chuyên đề 4")
	form.Set("version", "3")
	want(t, h.ask(t, http.MethodPost, theCampaign, form.Encode()), http.StatusSeeOther)
	if c := h.plan.campaigns[0]; c.Code != "nq57" || c.Version != 4 || c.Title != "Tết an toàn" {
		t.Errorf("%+v", c)
	}
	want(t, h.ask(t, http.MethodPost, theCampaign, form.Encode()), http.StatusConflict, "vừa được người khác sửa")
	want(t, h.ask(t, http.MethodPost, theCampaign+"/closed", "closed=true"), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, theCampaign+"/closed", "closed=true"), http.StatusConflict)
	want(t, h.ask(t, http.MethodGet, theCampaign, ""), http.StatusOK, "Đã kết thúc", "Mở lại đợt này")
	want(t, h.ask(t, http.MethodPost, theCampaign+"/closed", "closed=false"), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, theCampaign+"/closed", "closed=x"), http.StatusUnprocessableEntity)
	wantSaved := []string{"campaign.add tet 1 ", "campaign.change nq57 4 ", "campaign.close nq57 5 ", "campaign.open nq57 6 "}
	for i, s := range wantSaved {
		wantSaved[i] = s + string(sau)
	}
	if !slices.Equal(h.plan.saved, wantSaved) {
		t.Errorf("%v", h.plan.saved)
	}
}

func TestCampaignAPI(t *testing.T) {
	h := newHouse(t)
	withCampaign(h)
	want(t, h.ask(t, http.MethodGet, "/api/v1/campaigns", ""), http.StatusOK, `"code":"nq57"`)
	want(t, h.ask(t, http.MethodGet, "/api/v1/campaigns?state=x", ""), http.StatusUnprocessableEntity, "state")
	want(t, h.ask(t, http.MethodGet, "/api/v1"+theCampaign, ""), http.StatusOK, `"target":12000`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/campaigns", `{"code":"tet","title":"Tết","target":5,"themes":[{"title":"Pháo","unit":"","with":"","due":"","note":""}]}`, asJSON),
		http.StatusCreated, `"version":1`, `"units":[]`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/campaigns", `{"code":"Tết","title":""}`, asJSON), http.StatusUnprocessableEntity, `"field":"code"`, `"field":"title"`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/campaigns", `{"code":"x","colour":"red"}`, asJSON), http.StatusBadRequest, "colour")
	want(t, h.ask(t, http.MethodPut, "/api/v1"+theCampaign, `{"title":"Hai","version":2}`, asJSON), http.StatusConflict)
	want(t, h.ask(t, http.MethodPut, "/api/v1"+theCampaign, `{"title":"Hai","version":3}`, asJSON), http.StatusOK, `"version":4`, `"code":"nq57"`)
	want(t, h.ask(t, http.MethodPut, "/api/v1"+theCampaign+"/closed", `{"closed":true}`, asJSON), http.StatusOK, `"closed_at"`)
	want(t, h.ask(t, http.MethodPut, "/api/v1"+theCampaign, `{"title":"Ba","version":5}`, asJSON), http.StatusConflict)
}

// Words that trip up pages and programs come back as they were written.
func TestCampaignWordsRoundTrip(t *testing.T) {
	for _, word := range []string{`<script>alert(1)</script>`, `' OR 1=1 --`, `{{.Title}}`, "%s%d%!", "Nghị quyết “57” & 'đột phá'", "🇻🇳 cờ", "ﬀ ｆｕｌｌ", `\\x00 \n`, "علي"} {
		h := newHouse(t)
		form := url.Values{"code": {"x"}, "title": {word}, "document": {word}, "issuer": {word}, "summary": {word}, "units": {word},
			"theme_title": {word}, "theme_unit": {word}, "theme_with": {word}, "theme_due": {word}, "theme_note": {word}}
		w := h.ask(t, http.MethodPost, "/campaigns", form.Encode())
		want(t, w, http.StatusSeeOther)
		c := h.plan.campaigns[1]
		theme := radio.CampaignTheme{Title: word, Unit: word, With: word, Due: word, Note: word}
		if c.Title != word || c.Document != word || c.Issuer != word || c.Summary != word || c.Units[0] != word || c.Themes[0] != theme {
			t.Errorf("%q: %+v", word, c)
		}
		page := h.ask(t, http.MethodGet, w.Header().Get("Location"), "")
		want(t, page, http.StatusOK)
		if strings.Contains(page.Body.String(), "<script>alert") {
			t.Error("the words run")
		}
	}
}

func TestCount(t *testing.T) {
	en := speech{language: english}
	for n, text := range map[int64]string{0: "0", 999: "999", 1000: "1.000", 80000: "80.000", 1234567: "1.234.567", -1234: "-1.234", -123: "-123"} {
		if got := vi.count(n); got != text {
			t.Errorf("%d: %s", n, got)
		}
		if got := en.count(n); got != strings.ReplaceAll(text, ".", ",") {
			t.Errorf("%d: %s", n, got)
		}
	}
}
