package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestPeopleList(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		query string
		names []string
	}{
		{"", []string{"Nguyễn Thị Lan", "Trần Văn Bình", "Phan Thị Cúc", "Đặng Minh Đức", "Hoàng Thị Em", "Lê Văn Giáp"}},
		{"?role=operator", []string{"Nguyễn Thị Lan", "Hoàng Thị Em"}},
		{"?commune=" + id[string]('c', 16), []string{"Trần Văn Bình", "Hoàng Thị Em"}},
		{"?state=invited", []string{"Phan Thị Cúc", "Lê Văn Giáp"}},
		{"?state=disabled&role=operator", []string{"Hoàng Thị Em"}},
		{"?state=disabled&role=viewer", nil},
	} {
		if c.query == "?state=invited" { // an account without a password and one without a role differ
			h.staff.all[5].PasswordHash = ""
		}
		page := h.ask(t, http.MethodGet, "/people"+c.query, "")
		want(t, page, http.StatusOK, "Tạo tài khoản")
		for _, a := range h.staff.all {
			_, table, _ := strings.Cut(page.Body.String(), "<tbody>")
			if got := strings.Contains(table, a.Name); got != slices.Contains(c.names, a.Name) {
				t.Errorf("%q shows %s: %v", c.query, a.Name, got)
			}
		}
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/people?rolle=x", ""), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodGet, "/people", ""), http.StatusOK, "Biên tập viên · Phường Thành Sen", "Người duyệt · toàn tỉnh", "chưa có vai trò", "đã khóa")
	api := h.ask(t, http.MethodGet, "/api/v1/people?state=disabled", "")
	want(t, api, http.StatusOK, `"login":"hai-xa"`, `"state":"disabled"`)
	if strings.Contains(api.Body.String(), "hash") {
		t.Error("the password's hash goes out")
	}
}

// TestInviteForm: the code is on the page that answers, and nowhere after.
func TestInviteForm(t *testing.T) {
	h := newHouse(t)
	form := url.Values{"login": {" Moi.BT "}, "name": {"Mới"}, "email": {"moi@x.vn"}, "role": {"editor"}, "area": {id[string]('c', 16)}}
	w := h.ask(t, http.MethodPost, "/people", form.Encode())
	want(t, w, http.StatusOK, `>/invite/`+goodCode+`<`, "chưa được khai báo địa chỉ", "09:30:00 29/11/2025", "Mới")
	if want := fmt.Sprintf("invite moi.bt {Mới moi@x.vn } [{editor %s}]", id[string]('c', 16)); len(h.staff.changes) != 1 || h.staff.changes[0] != want {
		t.Errorf("%q", h.staff.changes)
	}
	api := h.ask(t, http.MethodPost, "/api/v1/people", `{"login":"moi","name":"Mới","grants":[{"role":"viewer","area":"*"}]}`)
	want(t, api, http.StatusCreated, `"code":"`+goodCode+`"`, `"link":"/invite/`+goodCode+`"`, `"state":"invited"`)
	secure := newHouse(t, func(d *Deps) { d.Secure, d.Public = true, "https://loa.hatinh.example" })
	// A review found it: the link took the host that the request names, so that the code
	// went wherever a stranger's Host header said.
	secureCookie := func(r *http.Request) {
		r.Host = "evil.example"
		r.Header.Set("Cookie", "__Host-loaxa="+sessionToken)
	}
	want(t, secure.ask(t, http.MethodPost, "/people", form.Encode(), secureCookie), http.StatusOK, `>https://loa.hatinh.example/invite/`)

	h.people.is(&radio.Person{ID: id[radio.UserID]('u', 77), Grants: []radio.Grant{{Role: radio.RoleAdmin, Area: id[radio.AreaID]('c', 16)}}})
	form.Set("area", id[string]('c', 12))
	want(t, h.ask(t, http.MethodPost, "/people", form.Encode()), http.StatusForbidden, "Ngoài địa bàn quản trị.")
	page := h.ask(t, http.MethodGet, "/people", "").Body.String()
	if strings.Contains(page, "Cẩm Xuyên") || strings.Contains(page, "toàn tỉnh") || !strings.Contains(page, "Phường Thành Sen") {
		t.Error("the form offers areas that the administrator does not have")
	}
}

func TestGrantsForm(t *testing.T) {
	h := newHouse(t)
	path := "/people/" + id[string]('u', 14)
	own, other := id[string]('c', 16), id[string]('c', 12)
	page := h.ask(t, http.MethodGet, path, "")
	want(t, page, http.StatusOK, `name="grant" value="operator@`+own+`" checked`, `name="seen" value="operator@`+other+`"`, "Mở lại tài khoản", "Thay đổi của tài khoản này", "Đã giao vai trò")
	form := url.Values{"seen": {"operator@" + own, "operator@" + other}, "grant": {"operator@" + own}, "role": {"editor"}, "area": {own}}
	w := h.ask(t, http.MethodPost, path+"/grants", form.Encode())
	want(t, w, http.StatusSeeOther)
	if to := w.Header().Get("Location"); to != path {
		t.Errorf("sent to %s", to)
	}
	if want := fmt.Sprintf("grants [{operator %s} {editor %s}] hai-xa", own, own); h.staff.changes[0] != want {
		t.Errorf("%q", h.staff.changes)
	}
	// The same form again, sent from a page that was open before: editor was not seen.
	want(t, h.ask(t, http.MethodPost, path+"/grants", form.Encode()), http.StatusConflict, "vừa được người khác thay đổi")
	if len(h.staff.changes) != 1 {
		t.Errorf("%q", h.staff.changes)
	}
	want(t, h.ask(t, http.MethodGet, "/people/"+string(lan.ID), ""), http.StatusOK, "Không ai tự đổi vai trò của mình")
	want(t, h.ask(t, http.MethodPost, "/people/"+string(lan.ID)+"/disable", ""), http.StatusForbidden)
	want(t, h.ask(t, http.MethodGet, "/people/nobody", ""), http.StatusNotFound)
}

func TestResetDisableEnable(t *testing.T) {
	h := newHouse(t)
	path := "/people/" + id[string]('u', 11)
	want(t, h.ask(t, http.MethodPost, path+"/reset", ""), http.StatusOK, goodCode, "chờ đặt mật khẩu")
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, "Cấp đường dẫn mới")
	want(t, h.ask(t, http.MethodPost, path+"/disable", ""), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, "/api/v1"+path+"/enable", ""), http.StatusOK, `"login":"thanh-sen.bt"`)
	want(t, h.ask(t, http.MethodPut, "/api/v1"+path, `{"name":"Trần Văn Bình An","phone":"0239 3855 999"}`), http.StatusOK, "Trần Văn Bình An", "0239 3855 999")
	if got := strings.Join(h.staff.changes, ","); got != "reset thanh-sen.bt,disable thanh-sen.bt,enable thanh-sen.bt,profile thanh-sen.bt" {
		t.Errorf("%q", got)
	}
	h.staff.err = fmt.Errorf("%w: the last administrator", radio.ErrConflict)
	want(t, h.ask(t, http.MethodPost, "/api/v1"+path+"/disable", ""), http.StatusConflict)
}

// TestKeyOutlivesAccount: the keyring outlives the account, and who disables one is told of
// the other.
func TestKeyOutlivesAccount(t *testing.T) {
	h := newHouse(t)
	path := "/people/" + id[string]('u', 11)
	const revoke = "loaxa key person revoke --root FILE --user thanh-sen.bt"
	for _, c := range []struct {
		name           string
		disabled, tell bool
		listed         []radio.UserID
	}{
		{"works, with a key", false, false, []radio.UserID{id[radio.UserID]('u', 11)}},
		{"disabled, with a key", true, true, []radio.UserID{id[radio.UserID]('u', 11)}},
		{"disabled, without one", true, false, []radio.UserID{id[radio.UserID]('u', 1)}},
	} {
		h.alerts.listed = c.listed
		what := map[bool]string{true: "/disable", false: "/enable"}[c.disabled]
		want(t, h.ask(t, http.MethodPost, path+what, ""), http.StatusSeeOther)
		if told := strings.Contains(h.ask(t, http.MethodGet, path, "").Body.String(), revoke); told != c.tell {
			t.Errorf("%s: told to revoke %v", c.name, told)
		}
	}
}

func TestInvitePage(t *testing.T) {
	h := newHouse(t)
	form := func(a, b string) string { return url.Values{"password": {a}, "again": {b}}.Encode() }
	want(t, h.ask(t, http.MethodGet, "/invite/"+goodCode, "", stranger), http.StatusOK, "Lê Văn Giáp", `value="moi"`, `autocomplete="new-password"`)
	bad := h.ask(t, http.MethodGet, "/invite/x", "", stranger)
	want(t, bad, http.StatusNotFound, "đã được dùng hoặc đã hết hạn")
	if posted := h.ask(t, http.MethodPost, "/invite/y", form("a", "a"), stranger); posted.Code != bad.Code || strings.ReplaceAll(posted.Body.String(), "/invite/y", "/invite/x") != bad.Body.String() {
		t.Errorf("another answer for another wrong code: %d %s", posted.Code, posted.Body)
	}
	want(t, h.ask(t, http.MethodPost, "/invite/"+goodCode, form("một câu dài", "một câu khác"), stranger), http.StatusUnprocessableEntity, "không giống nhau", "<form")
	var e radio.Invalid
	e.Add("password", "mật khẩu này quá phổ biến", "too common")
	h.staff.err = e.Err()
	want(t, h.ask(t, http.MethodPost, "/invite/"+goodCode, form("1234567890", "1234567890"), stranger), http.StatusUnprocessableEntity, "quá phổ biến", "<form")
	h.staff.err = nil
	w := h.ask(t, http.MethodPost, "/invite/"+goodCode, form("một câu dài", "một câu dài"), stranger)
	want(t, w, http.StatusSeeOther)
	if w.Header().Get("Location") != "/login" || strings.Join(h.staff.changes, ",") != "accept một câu dài" {
		t.Errorf("%q %q", w.Header(), h.staff.changes)
	}
	want(t, h.ask(t, http.MethodPost, "/api/v1/invite", `{"code":"x","password":"y"}`, stranger), http.StatusNotFound, `"code":"not_found"`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/invite", `{"code":"`+goodCode+`","password":"một câu dài"}`, stranger), http.StatusNoContent)
}

// TestCodesStayOutOfTheLog: an address that sets a password is not written down.
func TestCodesStayOutOfTheLog(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(d *Deps) { d.Logger = textLogger(&log) })
	h.staff.err = errBroken
	want(t, h.ask(t, http.MethodPost, "/invite/"+goodCode, "password=a&again=a", stranger), http.StatusInternalServerError)
	h.ask(t, http.MethodGet, "/invite/"+goodCode[:25], "", stranger)
	if strings.Contains(log.String(), goodCode[:20]) || !strings.Contains(log.String(), "/invite/…") {
		t.Errorf("%s", log.String())
	}
}

func TestAccountPage(t *testing.T) {
	h := newHouse(t)
	want(t, h.ask(t, http.MethodGet, "/account", ""), http.StatusOK, lan.Name, "Quản trị viên · toàn tỉnh", "phiên này", "Báo cáo tháng", "chỉ đọc", "đã hủy", "đã hết hạn", `href="/audit"`)
	prove := func() (asks [2]int) {
		page := h.ask(t, http.MethodGet, "/account", "").Body.String()
		return [2]int{strings.Count(page, `name="password" type="password" autocomplete="current-password"`), strings.Count(page, `name="code"`)}
	}
	if got := prove(); got != [2]int{2, 0} {
		t.Errorf("the forms of tokens and passkeys ask for %v", got)
	}
	h.staff.second = radio.SecondState{Set: true}
	if got := prove(); got != [2]int{2, 2} {
		t.Errorf("with a second factor they ask for %v", got)
	}
	pass := func(again string) string {
		return url.Values{"old": {"cũ"}, "password": {"một câu mới"}, "again": {again}}.Encode()
	}
	want(t, h.ask(t, http.MethodPost, "/account/password", pass("khác")), http.StatusUnprocessableEntity, "không giống nhau")
	want(t, h.ask(t, http.MethodPost, "/account/password", pass("một câu mới")), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, "/account", "name=Lan+Anh"), http.StatusSeeOther)
	w := h.ask(t, http.MethodPost, "/account/tokens", "name=b%C3%A1o+c%C3%A1o&days=30&read=1&password=m%E1%BA%ADt&code=123456")
	want(t, w, http.StatusOK, newSecret, "nó chỉ hiện một lần")
	want(t, h.ask(t, http.MethodPost, "/api/v1/tokens", `{"name":"x","days":365,"use":"write","password":"khẩu","code":"123456"}`), http.StatusCreated, `"secret":"`+newSecret+`"`)
	if strings.Contains(h.ask(t, http.MethodGet, "/account", "").Body.String()+h.ask(t, http.MethodGet, "/api/v1/tokens", "").Body.String(), newSecret) {
		t.Error("a token is shown again")
	}
	want(t, h.ask(t, http.MethodPost, "/account/tokens/"+id[string]('t', 1)+"/revoke", ""), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodDelete, "/api/v1/tokens/nothing", ""), http.StatusNotFound)
	w = h.ask(t, http.MethodPost, "/account/sign-out", "")
	want(t, w, http.StatusSeeOther)
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("cookies %v", c)
	}
	want := []string{"password of lan at " + sessionToken + ": cũ → một câu mới", "profile lan", "token báo cáo 30 read shown {mật 123456}", "token x 365 write shown {khẩu 123456}", "revoke", "sign out lan"}
	if !slices.Equal(h.staff.changes, want) {
		t.Errorf("%q", h.staff.changes)
	}
}

func TestAuditPage(t *testing.T) {
	h := newHouse(t)
	page := h.ask(t, http.MethodGet, "/audit?from=2025-11-01&to=2025-11-22&action=person.&actor="+string(lan.ID), "")
	want(t, page, http.StatusOK, "Đã giao vai trò", "something.new", "lệnh trên máy chủ (root)", "Người thực hiện: "+lan.Name, `rel="next"`, "before=961")
	day := func(s string) radio.Millis {
		var e radio.Invalid
		return h.midnight(&e, "", s, 0)
	}
	if f := h.staff.asked[0]; f.From != day("2025-11-01") || f.To != day("2025-11-23") || f.Action != "person." || f.Actor != string(lan.ID) {
		t.Errorf("%+v", f)
	}
	want(t, h.ask(t, http.MethodGet, "/audit?before=961", ""), http.StatusOK, "Trang đầu")
	for _, bad := range []string{"from=x", "to=1500-01-01", "before=0", "before=-1", "from=2025-11-01&from=2025-11-02"} {
		want(t, h.ask(t, http.MethodGet, "/audit?"+bad, ""), http.StatusUnprocessableEntity)
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/audit?limit=2", ""), http.StatusOK, `"seq":1000`, `"next":"/api/v1/audit?before=999\u0026limit=2"`)
	want(t, h.ask(t, http.MethodGet, "/api/v1/audit?before=870", ""), http.StatusOK, `{"entries":[]}`)
	h.staff.readErr = errBroken
	want(t, h.ask(t, http.MethodGet, "/audit", ""), http.StatusInternalServerError)
}

// TestAuditSearch: what the address asks for reaches the filter, and files take the same.
func TestAuditSearch(t *testing.T) {
	h := newHouse(t)
	commune := h.area(own)
	h.staff.audit[0].From = radio.Source{Via: radio.ViaAPI, Address: "203.0.113.7", Token: "01TOKEN"}
	page := h.ask(t, http.MethodGet, "/audit?q=duong&area="+string(commune)+"&via=api&address=203.0.113.", "")
	want(t, page, http.StatusOK, "API, 203.0.113.7, mã “01TOKEN”", `href="/audit?address=203.0.113.7"`, `href="/audit.csv?address=203.0.113.&amp;area=`+string(commune), `value="duong"`)
	f := h.staff.asked[0]
	if f.Text != "duong" || f.Via != radio.ViaAPI || f.Address != "203.0.113." || !slices.Contains(f.Areas, commune) || len(f.Areas) < 2 || slices.Contains(f.Areas, h.area(foreign)) {
		t.Errorf("%+v", f)
	}
	file := h.ask(t, http.MethodGet, "/audit.csv?q=duong&via=api", "")
	want(t, file, http.StatusOK, "lệnh trên máy chủ (root)", "Đã giao vai trò")
	if h := file.Header(); h.Get("Content-Type") != csvType || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; ") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	if f := h.staff.asked[1]; f.Text != "duong" || f.Via != radio.ViaAPI {
		t.Errorf("%+v", f)
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/audit.jsonl", ""), http.StatusOK)
	for _, bad := range []string{"area=nowhere", "q=" + strings.Repeat("a", 201), "address=%00", "before=5", "x=1"} {
		want(t, h.ask(t, http.MethodGet, "/audit.csv?"+bad, ""), http.StatusUnprocessableEntity)
	}
	// Who reads the audit of one commune takes away what is theirs to see, no more.
	h.people.is(&radio.Person{ID: lan.ID, Grants: []radio.Grant{{Role: radio.RoleAdmin, Area: commune}}})
	mine := h.ask(t, http.MethodGet, "/audit.jsonl", "")
	want(t, mine, http.StatusOK)
	if strings.Count(mine.Body.String(), "\n") == len(h.staff.audit) {
		t.Error("the file of one commune's administrator holds everything")
	}
}

// TestEveryChangeHasWords: what any room writes into the audit is said in words.
func TestEveryChangeHasWords(t *testing.T) {
	var found int
	form := regexp.MustCompile(`"((?:person|token|bulletin|schedule|campaign|plan|policy|device|alert|contact|key|centre|offer|submission|area|command|log)\.[a-z_]*)"`)
	for _, pattern := range []string{"../store/*.go", "../schedule/*.go", "../library/*.go", "../fault/*.go", "../*.go", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range form.FindAllStringSubmatch(string(b), -1) {
				if strings.HasSuffix(m[1], ".html") {
					continue
				}
				if found++; actionText(m[1]) == m[1] && !strings.HasSuffix(m[1], ".") {
					t.Errorf("%s: the audit's page has no words for %s", f, m[1])
				}
				if group, _, _ := strings.Cut(m[1], "."); !slices.Contains(auditGroups, group+".") {
					t.Errorf("%s: the audit's filter does not offer %s", f, m[1])
				}
			}
		}
	}
	for name, step := range constants(t, "bulletin_steps.go", "BulletinStep") {
		if actionText("bulletin."+step) == "bulletin."+step {
			t.Errorf("the audit's page has no words for %s", name)
		}
	}
	if found < 20 {
		t.Fatalf("only %d changes found: the search is broken", found)
	}
	for _, group := range auditGroups {
		if groupText(group) == group {
			t.Errorf("no words for %s", group)
		}
	}
}

// TestHostileNames: what people write into an account is shown, and never runs.
func TestHostileNames(t *testing.T) {
	const evil = `<script>alert("x")</script><img src=x onerror=alert(1)>'"`
	h := newHouse(t)
	for i := range h.staff.all {
		a := &h.staff.all[i]
		a.Login, a.Name, a.Email, a.Phone = evil, evil, evil, evil
	}
	for i := range h.staff.tokens {
		h.staff.tokens[i].Name = evil
	}
	for i := range h.staff.audit {
		e := &h.staff.audit[i]
		e.ActorName, e.SubjectName, e.Detail, e.Action, e.Actor = evil, evil, evil, evil, evil
	}
	for _, path := range []string{"/people", "/people/" + id[string]('u', 11), "/account", "/audit", "/audit?actor=" + url.QueryEscape(evil) + "&action=" + url.QueryEscape(evil)} {
		w := h.ask(t, http.MethodGet, path, "")
		page := w.Body.String()
		if w.Code != http.StatusOK || strings.Count(page, "<script") != strings.Count(page, `<script src="/static/`) || strings.Contains(page, "<img src=x") || !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s: %d\n%s", path, w.Code, page)
		}
	}
}

// TestHome: everybody finds a first page that they may see.
func TestHome(t *testing.T) {
	h := newHouse(t)
	for role, to := range map[radio.Role]string{radio.RoleEditor: "", radio.RoleViewer: "", radio.RoleAdmin: "", radio.RoleProvider: "/bulletins"} {
		h.people.is(&radio.Person{ID: "U", Grants: []radio.Grant{{Role: role, Area: radio.Everywhere}}})
		w := h.ask(t, http.MethodGet, "/", "")
		if got := w.Header().Get("Location"); got != to || (to == "") != (w.Code == http.StatusOK) {
			t.Errorf("%s: %d %q", role, w.Code, got)
		}
	}
	h.people.is(&radio.Person{ID: "U"})
	want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusForbidden, "chưa được giao vai trò")
	want(t, h.ask(t, http.MethodGet, "/api/v1/account", ""), http.StatusNotFound) // the fake knows no U; the gate let it through
	if errors.Is(noRole(), radio.ErrNotFound) {
		t.Error("no role is no 404")
	}
}
