package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// One person drafts rules in the form, sees what they would do, and hands them in; another
// approves them.
func TestRulesFromDraftToApproval(t *testing.T) {
	h := newHouse(t)
	commune := h.area(own)
	at := "/rules/" + string(commune)
	writer, approver := personWith("soan", radio.RoleEditor, commune), personWith("duyet", radio.RoleApprover, commune)
	h.as(writer)
	want(t, h.ask(t, http.MethodGet, "/rules", ""), http.StatusOK, "Quy chế hoạt động", "chưa có quy chế riêng", at)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Đang theo giờ mặc định: không phát từ 21:00 đến 05:00.", at+"/edit")
	want(t, h.ask(t, http.MethodGet, at+"/edit", ""), http.StatusOK, `name="windows1_from"`, `name="base" value="0"`)

	form := url.Values{"base": {"0"}, "revision": {"0"}, "number": {"57/QĐ-UBND"}, "issued": {"2020-11-02"}, "issuer": {"UBND xã"}, "from": {"2026-12-01"},
		"windows1_from": {"05:00"}, "windows1_to": {"06:30"}, "windows1_day": {"1", "2"}, "windows3_from": {"17:00"}, "windows3_to": {"24:00"},
		"volume1_from": {"05:00"}, "volume1_to": {"05:30"}, "volume1_db": {"−6,5"}, "mourning": {"9/12/2026\r\n2026-12-08"},
		"exceptions1_label": {"Tết"}, "exceptions1_from": {"2026-12-20"}, "exceptions1_hours": {"07:00-07:30, 8:00–9 giờ"}, "max_minutes": {"x"}}
	// What is wrong comes back as typed, all of it told.
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusUnprocessableEntity, "Số phút tối đa một ngày: phải là số nguyên", "Ngày lễ, Tết 1: viết giờ dạng 05:00", `value="07:00-07:30, 8:00–9 giờ"`, `value="−6,5"`)
	form.Set("max_minutes", "45")
	form.Set("exceptions1_hours", "7h-7h30, 8:00–09:00")
	form.Set("from", "2020-01-01")
	form.Set("number", "")
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusUnprocessableEntity, "Có hiệu lực từ ngày: ngày có hiệu lực phải từ hôm nay trở đi", "Số quyết định: phải nêu số của quyết định")
	if len(h.rules.acts) != 0 {
		t.Fatalf("kept %q", h.rules.acts)
	}
	form.Set("from", "2026-12-01")
	form.Set("number", "57/QĐ-UBND")
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusSeeOther)
	x := h.rules.drafts[radio.Target{Area: commune}]
	r := x.Rule
	if len(r.Windows) != 2 || r.Windows[0].From != 300 || len(r.Windows[0].Days) != 2 || r.Windows[1].To != 1440 || r.Volume[0].GainDB != -6.5 || r.MaxMinutes != 45 ||
		len(r.Mourning) != 2 || r.Mourning[0] != "2026-12-08" || len(r.Exceptions) != 1 || r.Exceptions[0].Until != "2026-12-20" || len(r.Exceptions[0].Windows) != 2 || !r.Desk || r.Profile || x.State != radio.DraftOpen {
		t.Fatalf("kept %+v", x)
	}
	h.rules.effects = radio.RulesEffects{From: "2026-12-01", Days: 14, DeviceCount: 3, Silent: 3, Quieter: 1, Effects: []radio.RulesEffect{
		{Start: radio.At(now), Samples: 441000, Title: "Bản tin sáng", Silent: true, Veto: radio.VetoHours, DeviceCount: 3, Devices: []radio.DeviceID{}},
		{Start: radio.At(now), Samples: 441000, Title: "Bản tin chiều", IsDB: -6.5, DeviceCount: 1, Devices: []radio.DeviceID{}}}}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "57/QĐ-UBND (02/11/2020)", "3 lượt sẽ không phát", "Bản tin sáng", "ngoài khung giờ được phép", "0 dB → −6,5 dB", "Tối đa 45 phút một ngày", "05:00–06:30 T2 T3", "Trình duyệt")
	h.inEnglish(t, at, "3 airings would fall silent", "In force", "Submit")
	h.inEnglish(t, at+"/edit", "Number of the decision")
	h.inEnglish(t, "/rules", "Operating rules")
	revision := func() string {
		return "revision=" + strconv.FormatInt(h.rules.drafts[radio.Target{Area: commune}].Revision, 10)
	}
	// Somebody else's old page changes nothing.
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusConflict, "đã thay đổi từ khi bạn mở trang", `value="−6,5"`)
	want(t, h.ask(t, http.MethodPost, at+"/submit", "revision=1"), http.StatusConflict)
	want(t, h.ask(t, http.MethodPost, at+"/submit", revision()), http.StatusSeeOther)

	both := writer
	both.Grants = append([]radio.Grant{{Role: radio.RoleApprover, Area: commune}}, writer.Grants...)
	h.as(both)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "không ai duyệt quy chế do mình soạn")
	want(t, h.ask(t, http.MethodPost, at+"/approve", revision()), http.StatusForbidden, "người soạn không tự duyệt quy chế của mình")
	h.as(approver)
	want(t, h.ask(t, http.MethodPost, at+"/return", revision()+"&why=+"), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodPost, at+"/return", revision()+"&why=thiếu+chiều"), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "thiếu chiều")
	want(t, h.ask(t, http.MethodPost, at+"/approve", revision()), http.StatusConflict) // not handed in
	h.as(writer)
	want(t, h.ask(t, http.MethodPost, at+"/submit", revision()), http.StatusSeeOther)
	h.as(approver)
	want(t, h.ask(t, http.MethodPost, at+"/approve", revision()), http.StatusSeeOther)
	if len(h.rules.approved) != 1 || h.rules.approved[0].Approver != approver.ID || h.rules.approved[0].Author != writer.ID {
		t.Fatalf("approved %+v", h.rules.approved)
	}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Áp dụng từ ngày 01/12/2026", "Bản 1: 57/QĐ-UBND")
}

// A hamlet may only tighten; a commune's desk sees nothing of another's drafts.
func TestRulesOfAPlaceNearASchool(t *testing.T) {
	h := newHouse(t)
	commune := h.area(own)
	h.as(personWith("soan", radio.RoleEditor, commune))
	hamlet := string(h.plan.places[0].Hamlet().ID)
	at := "/rules/" + hamlet
	w := h.ask(t, http.MethodGet, at+"/edit", "")
	want(t, w, http.StatusOK, "gần Trường Tiểu học", `name="quiet1_from"`)
	if strings.Contains(w.Body.String(), `name="windows1_from"`) {
		t.Error("a hamlet is offered hours of its own")
	}
	form := url.Values{"base": {"0"}, "revision": {"0"}, "label": {"gần Trường Tiểu học"}, "from": {"2026-12-01"}}
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusUnprocessableEntity, "chưa đặt gì")
	wide := url.Values{"windows1_from": {"00:00"}, "windows1_to": {"24:00"}}
	for k, v := range form {
		wide[k] = v
	}
	want(t, h.ask(t, http.MethodPost, at+"/edit", wide.Encode()), http.StatusUnprocessableEntity, "thôn, cụm loa theo khung giờ của xã")
	form["quiet1_from"], form["quiet1_to"], form["quiet1_day"] = []string{"07:00"}, []string{"11:00"}, []string{"1", "2", "3", "4", "5"}
	want(t, h.ask(t, http.MethodPost, at+"/edit", form.Encode()), http.StatusSeeOther)
	if r := h.rules.drafts[radio.Target{Area: radio.AreaID(hamlet)}].Rule; !r.Profile || len(r.Quiet) != 1 || len(r.Windows) != 0 {
		t.Errorf("%+v", r)
	}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "07:00–11:00 T2 T3 T4 T5 T6")
	want(t, h.ask(t, http.MethodGet, "/rules/"+string(h.plan.places[0].Device.ID), ""), http.StatusOK, "chỉ siết chặt thêm")

	rulesIn(radio.DraftSubmitted)(h, common)
	w = h.ask(t, http.MethodGet, "/api/v1/rules/"+string(h.area(common)), "")
	want(t, w, http.StatusOK)
	if strings.Contains(w.Body.String(), `"draft"`) {
		t.Error("a commune reads the province's draft")
	}
	want(t, h.ask(t, http.MethodGet, "/rules/"+string(h.area(foreign)), ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/rules/nowhere", ""), http.StatusNotFound)
}

// Dates and hours are written as people write them, and come back so; what is none is told.
func TestRulesFormReadsPeoplesDates(t *testing.T) {
	for text, want := range map[string]string{"9/12/2099": "2099-12-09", "09.12.2099; 2099-12-10": "2099-12-09 2099-12-10"} {
		_, b, err := readRulesForm(url.Values{"mourning": {text}})
		got := make([]string, len(b.Mourning))
		for i, d := range b.Mourning {
			got[i] = string(d)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"32/12/2099", "hôm nay", "9/12/99"} {
		if _, _, err := readRulesForm(url.Values{"mourning": {text}}); err == nil || !strings.Contains(err.Error(), "31/12/2026") {
			t.Errorf("%q: %v", text, err)
		}
	}
	var f rulesForm
	f.fill(radio.RulesBody{Mourning: []radio.Date{"2099-12-09"}})
	if f.Mourning != "09/12/2099" {
		t.Errorf("shown as %q", f.Mourning)
	}
}

// What counts, and what is drafted, is held against the Tết that is near; rules that begin
// before it, the province's days of mourning and the profile of a hamlet count too.
func TestRulesTellOfTet(t *testing.T) {
	open := radio.PolicyRule{Windows: []radio.Window{{From: 300, To: 420}}}
	said := open
	said.From, said.Exceptions = "2027-01-01", []radio.PolicyException{{From: "2027-02-05", Until: "2027-02-09", Label: "Tết"}}
	late := said
	late.From = "2027-03-01"
	commune := radio.RulesView{RulesCard: radio.RulesCard{Kind: "commune"}}
	mourned, hamlet := commune, commune
	mourned.Mourning, hamlet.Kind = []radio.Date{"2027-02-06"}, "hamlet"
	for name, c := range map[string]struct {
		v      radio.RulesView
		r      *radio.PolicyRule
		coming []radio.PolicyRule
		warned bool
	}{
		"nothing said":         {commune, &open, nil, true},
		"said":                 {commune, &said, nil, false},
		"said by what follows": {commune, &open, []radio.PolicyRule{said}, false},
		"said too late":        {commune, &open, []radio.PolicyRule{late}, true},
		"mourning":             {mourned, &open, nil, false},
		"a hamlet":             {hamlet, &open, nil, false},
		"no rules":             {commune, nil, nil, false},
	} {
		if got := tetOf(c.v, c.r, "2026-11-24", c.coming); (got != nil) != c.warned || got != nil && (got.Year != 2027 || got.First != "2027-02-06") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Who is to approve rules is told on the first page; who wrote them is not, nor another desk.
func TestRulesWaitOnTheFirstPage(t *testing.T) {
	h := newHouse(t)
	commune := h.area(own)
	const waits = "1 quy chế hoạt động chờ bạn duyệt"
	rulesIn(radio.DraftSubmitted)(h, own)
	h.as(personWith("duyet", radio.RoleApprover, commune))
	want(t, h.ask(t, http.MethodGet, "/overview", ""), http.StatusOK, waits, `href="/rules"`)
	h.inEnglish(t, "/overview", "1 operating rules await your approval")
	author := personWith("soan", radio.RoleApprover, commune)
	author.ID = h.rules.drafts[radio.Target{Area: commune}].Authors[0]
	for who, p := range map[string]radio.Person{"the author": author, "an editor": personWith("bien-tap", radio.RoleEditor, commune), "another commune": personWith("khac", radio.RoleApprover, h.area(foreign))} {
		h.as(p)
		if body := h.ask(t, http.MethodGet, "/overview", "").Body.String(); strings.Contains(body, "quy chế hoạt động chờ") {
			t.Errorf("told to %s", who)
		}
	}
	rulesIn(radio.DraftOpen)(h, own)
	h.as(personWith("duyet", radio.RoleApprover, commune))
	if body := h.ask(t, http.MethodGet, "/overview", "").Body.String(); strings.Contains(body, waits) {
		t.Error("told of a draft that is not handed in")
	}
}

// A draft that devices could not obey still has its page: it is told there, and can be mended
// or dropped.
func TestRulesNoDeviceCouldObey(t *testing.T) {
	h := newHouse(t)
	rulesIn(radio.DraftOpen)(h, own)
	h.as(personWith("soan", radio.RoleEditor, h.area(own)))
	at := "/rules/" + string(h.area(own))
	e := &radio.Invalid{}
	e.Add("rules", "cụm loa không giữ hết được", "the device cannot hold them")
	for _, err := range []error{e, fmt.Errorf("policy: %w: too large", radio.ErrInvalid)} {
		h.rules.refused = err
		want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, at+"/edit", at+"/drop", `<p class="bad">Bản nháp: `)
	}
	h.rules.refused = errors.New("the disk is gone")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusInternalServerError)
}

// The page of a commune leads to all its hamlets, also to those of a commune it took, and not
// to that one; always in the same order.
func TestRulesOfPlacesAfterAMerger(t *testing.T) {
	h := newHouse(t)
	old := radio.Area{ID: "01JD00000000000000000000AQ", Kind: radio.Commune, Code: "xa-cu", Name: "Xã cũ", ValidTo: "2025-06-30"}
	var hamlets []string
	for i, p := range h.plan.places {
		if p.Commune().ID != h.area(own) {
			continue
		}
		if id := string(p.Hamlet().ID); !slices.Contains(hamlets, id) {
			hamlets = append(hamlets, id)
		}
		n := len(p.Chain) - 1
		h.plan.places[i].Chain = []radio.Area{p.Chain[0], p.Chain[1], old, p.Chain[n]}
	}
	h.as(personWith("soan", radio.RoleEditor, h.area(own)))
	page := func() string { return h.ask(t, http.MethodGet, "/rules/"+string(h.area(own)), "").Body.String() }
	body := page()
	for _, id := range hamlets {
		if !strings.Contains(body, `href="/rules/`+id+`"`) {
			t.Errorf("no way to hamlet %s", id)
		}
	}
	if len(hamlets) < 2 || strings.Contains(body, "/rules/"+string(old.ID)) {
		t.Errorf("%d hamlets; the merged commune is offered as a place near a school", len(hamlets))
	}
	for range 20 {
		if page() != body {
			t.Fatal("another order at every look")
		}
	}
}
