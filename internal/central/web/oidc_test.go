package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// fakeOIDC lets in who brings its one answer.
type fakeOIDC struct {
	backs  []radio.OIDCReturn
	err    error
	second bool
}

func (f *fakeOIDC) Begin(context.Context) (string, string, error) {
	return "https://login.example/auth?state=s", "sealed", f.err
}

func (f *fakeOIDC) Finish(_ context.Context, back radio.OIDCReturn) (radio.SignedIn, error) {
	f.backs = append(f.backs, back)
	switch {
	case f.err != nil:
		return radio.SignedIn{}, f.err
	case back.Keep != "sealed" || back.State != "s" || back.Code != "c":
		return radio.SignedIn{}, fmt.Errorf("%w: the nonce of lan is wrong", radio.Refuse(radio.ErrForbidden, "Không đăng nhập được bằng hệ thống đăng nhập chung.", "no"))
	case f.second:
		return radio.SignedIn{Ticket: goodTicket}, nil
	}
	return radio.SignedIn{Person: lan, Session: sessionToken, Device: "known"}, nil
}

func TestOIDCPages(t *testing.T) {
	none := newHouse(t)
	for _, path := range []string{"/login/oidc", oidcPath + "?state=s&code=c"} {
		want(t, none.ask(t, http.MethodGet, path, "", stranger), http.StatusNotFound)
	}
	if strings.Contains(none.ask(t, http.MethodGet, "/login", "", stranger).Body.String(), "/login/oidc") {
		t.Error("a service is offered that there is not")
	}

	f := &fakeOIDC{}
	h := newHouse(t, func(d *Deps) { d.OIDC, d.OIDCName, d.Secure = f, "Cổng <tỉnh>", true })
	want(t, h.ask(t, http.MethodGet, "/login", "", stranger), http.StatusOK, "Đăng nhập bằng Cổng &lt;tỉnh&gt;", `href="/login/oidc"`)
	begin := h.ask(t, http.MethodGet, "/login/oidc", "", stranger)
	want(t, begin, http.StatusSeeOther)
	cookies := begin.Result().Cookies()
	if begin.Header().Get("Location") != "https://login.example/auth?state=s" || len(cookies) != 1 || cookies[0].Name != "__Host-loaxa-oidc" || !cookies[0].HttpOnly || !cookies[0].Secure ||
		cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].MaxAge != 600 || cookies[0].Path != "/" {
		t.Fatalf("%v %+v", begin.Header(), cookies)
	}
	back := func(query string, cookie bool) *httptest.ResponseRecorder {
		return h.ask(t, http.MethodGet, oidcPath+query, "", stranger, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site") // it comes from the service
			if cookie {
				r.AddCookie(cookies[0])
			}
		})
	}
	in := back("?state=s&code=c", true)
	want(t, in, http.StatusSeeOther)
	names := map[string]int{}
	for _, c := range in.Result().Cookies() {
		names[c.Name] = c.MaxAge
	}
	if names["__Host-loaxa-oidc"] >= 0 || names["__Host-loaxa"] != sessionSeconds || len(names) != 3 || in.Header().Get("Location") != "/" {
		t.Errorf("cookies %v", names)
	}
	for query, cookie := range map[string]bool{"?state=s&code=c": false, "?state=x&code=c": true, "?error=access_denied&state=s": true, "": true, "?state=%00&code=%ff%fe&code=2": true} {
		w := back(query, cookie)
		want(t, w, http.StatusForbidden, "Không đăng nhập được bằng hệ thống đăng nhập chung", `name="password"`)
		if _, session := names["__Host-loaxa"]; !session || strings.Contains(w.Body.String(), "nonce of lan") {
			t.Errorf("%s: tells a stranger why:\n%s", query, w.Body)
		}
		for _, c := range w.Result().Cookies() {
			if c.Name == "__Host-loaxa" {
				t.Errorf("%s: a session", query)
			}
		}
	}
	f.second = true
	second := back("?state=s&code=c", true)
	want(t, second, http.StatusOK, "/login/code", goodTicket)
	if n := len(second.Result().Cookies()); n != 1 {
		t.Errorf("%d cookies before the code", n)
	}
	f.err = radio.Refuse(radio.ErrUnavailable, "Hệ thống đăng nhập chung chưa trả lời.", "the service does not answer")
	want(t, h.ask(t, http.MethodGet, "/login/oidc", "", stranger), http.StatusServiceUnavailable, "chưa trả lời", `name="password"`)
}
