package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestFormsComeBack: a form that is refused comes back with what was typed, the field at
// fault marked and under the cursor, and never with a password.
func TestFormsComeBack(t *testing.T) {
	person := "/people/" + id[string]('u', 11)
	invalid := func(field string) error {
		var e radio.Invalid
		e.Add(field, "chưa được", "not so")
		return e.Err()
	}
	taken := radio.Refuse(radio.ErrConflict, "Tên này đã có người dùng.", "taken")
	device := func(change ...string) url.Values {
		v := url.Values{"name": {"Cụm loa \"bến\" đò"}, "code": {"ben-do"}, "hamlet": {id[string]('h', 9)}, "rendition": {"32"}}
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	profile := url.Values{"name": {"Lê <b>Thị</b> Mai"}, "email": {"mai@"}, "phone": {"0912 345 678"}}
	for _, c := range []struct {
		name, path string
		form       url.Values
		err        error
		status     int
		at         string   // the name of the field at fault
		holds      []string // in the page
	}{
		{"invite, bad field", "/people", url.Values{"name": {"Lê <b>Thị</b> Mai"}, "email": {"mai@"}, "phone": {"0912"}, "login": {"mai.le"}, "role": {"approver"}, "area": {id[string]('c', 16)}}, invalid("email"), 422, "email",
			[]string{`value="Lê &lt;b&gt;Thị&lt;/b&gt; Mai"`, `value="mai@"`, `value="0912"`, `value="mai.le"`, `value="approver" selected`, id[string]('c', 16) + `" selected`, "<details class=\"card\" open>"}},
		{"invite, login taken", "/people", url.Values{"name": {"Mai"}, "login": {"lan"}, "role": {"editor"}, "area": {"*"}}, taken, 409, "login", []string{`value="lan"`, "Tên này đã có người dùng."}},
		{"profile of another", person, profile, invalid("email"), 422, "email", []string{`value="mai@"`, `value="0912 345 678"`}},
		{"own profile", "/account", profile, invalid("email"), 422, "email", []string{`value="mai@"`, `value="0912 345 678"`}},
		{"roles", person + "/grants", url.Values{"seen": {"editor@" + id[string]('c', 16)}, "role": {"viewer"}, "area": {id[string]('c', 16)}}, invalid("grants"), 422, "role", []string{`value="viewer" selected`}},
		{"own password", "/account/password", url.Values{"old": {"bí mật cũ"}, "password": {"bí mật mới"}, "again": {"bí mật mới"}}, invalid("old"), 422, "old", []string{"Mật khẩu hiện tại: chưa được"}},
		{"own password twice", "/account/password", url.Values{"old": {"bí mật cũ"}, "password": {"bí mật mới"}, "again": {"bí mật khác"}}, nil, 422, "again", nil},
		{"token", "/account/tokens", url.Values{"name": {"Báo cáo \"quý\""}, "days": {"nhiều"}}, invalid("days"), 422, "days", []string{`value="Báo cáo &#34;quý&#34;"`, `value="nhiều"`, `name="read" value="1">`}},
		{"token, wrong password", "/account/tokens", url.Values{"name": {"Báo cáo"}, "days": {"9"}, "password": {"bí mật sai"}}, invalid("password"), 422, "password", []string{`value="Báo cáo"`, `value="9"`}},
		{"password by code", "/invite/" + goodCode, url.Values{"password": {"bí mật mới"}, "again": {"bí mật khác"}}, nil, 422, "again", nil},
		{"device, bad code", "/devices", device("code", "Bến Đò"), nil, 422, "code", []string{`value="Cụm loa &#34;bến&#34; đò"`, `value="Bến Đò"`, `value="32" selected`}},
		{"device, no such rendition", "/devices", device("rendition", "7"), nil, 422, "rendition", []string{"phải là 64 hoặc 32", `value="ben-do"`}},
		{"device, rendition in words", "/devices", device("rendition", "cao"), nil, 422, "rendition", nil},
		{"device, no rendition", "/devices", device("rendition", ""), nil, 422, "rendition", nil},
		{"device, code taken", "/devices", device(), fmt.Errorf("%w: taken", radio.ErrConflict), 409, "code", []string{"Mã này đã có"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.staff.err, h.watch.err = c.err, c.err
			hamlet := string(h.plan.places[1].Hamlet().ID)
			if c.form.Has("hamlet") {
				c.form.Set("hamlet", hamlet)
				c.holds = append(c.holds, hamlet+`" selected`)
			}
			w := h.ask(t, http.MethodPost, c.path, c.form.Encode())
			want(t, w, c.status, append(c.holds, `role="alert"`)...)
			page := w.Body.String()
			bad := regexp.MustCompile(`<(?:input|select)[^>]*aria-invalid="true"[^>]*>`).FindAllString(page, -1)
			if len(bad) != 1 || !strings.Contains(bad[0], ` name="`+c.at+`"`) || !strings.Contains(bad[0], " autofocus") {
				t.Errorf("at fault: %q, want %s", bad, c.at)
			}
			if m := regexp.MustCompile(`aria-describedby="([^"]+)"`).FindStringSubmatch(page); m == nil || !strings.Contains(page, `id="`+m[1]+`"`) {
				t.Error("the reason is not beside the field")
			}
			if strings.Contains(page, "bí mật") {
				t.Error("a password comes back")
			}
			if strings.Contains(page, "not so") || strings.Contains(page, ">taken") {
				t.Error("English on a Vietnamese page")
			}
		})
	}
}

// TestNothingIsMended: a value that is not one of those there are is refused by its name,
// in forms, addresses and JSON alike, and never taken for another one.
func TestNothingIsMended(t *testing.T) {
	h := newHouse(t)
	hamlet := string(h.plan.places[1].Hamlet().ID)
	for _, c := range []struct{ method, path, body, field string }{
		{"POST", "/api/v1/devices", `{"code":"a","name":"A","hamlet":"` + hamlet + `","rendition":0}`, "rendition"},
		{"POST", "/api/v1/devices", `{"code":"a","name":"A","hamlet":"` + hamlet + `","rendition":7}`, "rendition"},
		{"POST", "/language", "lang=fr", "lang"},
		{"POST", "/people", "name=A&login=a&role=editor", "grants"},
		{"POST", "/account/tokens", "name=A&days=9&read=no", "use"},
		{"GET", "/api/v1/people?role=chief", "", "role"},
		{"GET", "/api/v1/people?state=x", "", "state"},
		{"GET", "/people?commune=x", "", "commune"},
		{"GET", "/people?page=x", "", "page"},
		{"GET", "/devices?page=0", "", "page"},
		{"GET", "/devices?page=-1", "", "page"},
		{"GET", "/devices?q=" + strings.Repeat("x", mostSearch+1), "", "q"},
		{"GET", "/bulletins?q=" + strings.Repeat("x", mostSearch+1), "", "q"},
		{"GET", "/api/v1/bulletins?mine=yes", "", "mine"},
	} {
		w := h.ask(t, c.method, c.path, c.body)
		words := `"field":"` + c.field + `"`
		if !strings.HasPrefix(c.path, "/api/") {
			words = fieldText(c.field) + ":"
		}
		want(t, w, http.StatusUnprocessableEntity, words)
	}
	if h.writes() != 0 {
		t.Error("something was changed")
	}
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	for name, extra := range map[string]field{"submit": {"submit", "yes"}, "confirm_cut_off": {"confirm_cut_off", "1"}, "tittle": {"tittle", "x"}, "title": {"title", "hai"}} {
		kind, body := multipartForm(t, []field{{"title", "Tin"}, {"field", "1"}, extra, {"audio", "a"}})
		w := d.ask(t, http.MethodPost, "/api/v1/bulletins", string(body), func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		want(t, w, http.StatusUnprocessableEntity, `"field":"`+name+`"`)
	}
}

// TestErrorPage tells the reader's language only, and a reference that stands in the log.
func TestErrorPage(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(d *Deps) { d.Logger = textLogger(&log) })
	h.plan.err = fmt.Errorf("disk I/O error in table x")
	ref := regexp.MustCompile(`nhật ký hệ thống: ([A-Z2-7]{8})<`)
	w := h.ask(t, http.MethodGet, "/devices", "")
	want(t, w, http.StatusInternalServerError, "gặp lỗi")
	m := ref.FindStringSubmatch(w.Body.String())
	if m == nil || strings.Contains(w.Body.String(), "failed") || strings.Contains(w.Body.String(), "disk I/O") || strings.Contains(w.Body.String(), `lang="en">The`) {
		t.Fatalf("reference %v in %s", m, w.Body)
	}
	if !strings.Contains(log.String(), "ref="+m[1]) || !strings.Contains(log.String(), "disk I/O error") {
		t.Errorf("log %q lacks %s", log.String(), m[1])
	}
	h.plan.err = nil
	w = h.ask(t, http.MethodGet, "/devices?state=x", "")
	want(t, w, 422, "giá trị lọc không đúng")
	if strings.Contains(w.Body.String(), "not a value") {
		t.Error("English on a Vietnamese page")
	}
	w = h.ask(t, http.MethodGet, "/devices?state=x", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) })
	want(t, w, 422, "not a value of this filter")
	if strings.Contains(w.Body.String(), "giá trị lọc") {
		t.Error("Vietnamese on an English page")
	}
}

// TestWayBack: a page that answers a form leads back to one that can be opened.
func TestWayBack(t *testing.T) {
	h := newHouse(t)
	for path, back := range map[string]string{"/account/tokens": "/account", "/people": "/people", "/people/" + id[string]('u', 11) + "/grants": "/people/" + id[string]('u', 11), "/devices": "/devices", "/invite/" + goodCode: "/invite/" + goodCode} {
		w := h.ask(t, http.MethodPost, path, "name=&again=x")
		if !strings.Contains(w.Body.String(), `name="back" value="`+back+`"`) {
			t.Errorf("%s (%d): the way back is not %s", path, w.Code, back)
		}
	}
}
