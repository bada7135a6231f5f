package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestSecondFactorPages: from nothing to recovery codes; what is told once stands on one
// answer only, and nothing is fetched from an address of its own.
func TestSecondFactorPages(t *testing.T) {
	h := newHouse(t)
	want(t, h.ask(t, http.MethodGet, "/account", ""), http.StatusOK, "Xác thực hai lớp", "Chưa cài", `href="/account/second"`)
	first := h.ask(t, http.MethodGet, "/account/second", "")
	want(t, first, http.StatusOK, "Hiện mã QR", `name="password"`)
	if strings.Contains(first.Body.String(), `name="code"`) {
		t.Error("a code is asked for before there is any")
	}
	shown := h.ask(t, http.MethodPost, "/account/second", "password=x")
	want(t, shown, http.StatusOK, newTOTP.Secret, `<svg class="qr"`, "Mã 6 số mà ứng dụng đang hiện")
	if strings.Contains(shown.Body.String(), "otpauth:") || strings.Contains(shown.Body.String(), "data:image") {
		t.Error("the page holds what its policy forbids, or the secret in an address")
	}
	wrong := h.ask(t, http.MethodPost, "/account/second/confirm", "code=000000")
	want(t, wrong, http.StatusUnprocessableEntity, "mã không đúng", "/account/second/confirm")
	for _, page := range []string{wrong.Body.String(), h.ask(t, http.MethodGet, "/account/second", "").Body.String()} {
		if strings.Contains(page, newTOTP.Secret) || strings.Contains(page, "000000") {
			t.Error("the secret is told twice, or the code comes back")
		}
	}
	want(t, h.ask(t, http.MethodPost, "/account/second/confirm", "code="+rightCode), http.StatusOK, freshRecovery[0], freshRecovery[1])
	set := h.ask(t, http.MethodGet, "/account/second", "")
	want(t, set, http.StatusOK, "Đang bật", "Còn 2 mã khôi phục", `name="code"`)
	if strings.Contains(set.Body.String(), freshRecovery[0]) {
		t.Error("recovery codes are told twice")
	}
	want(t, h.ask(t, http.MethodPost, "/account/second", "password=x"), http.StatusUnprocessableEntity, "mã không đúng")
	want(t, h.ask(t, http.MethodPost, "/account/second/recovery", "code=1"), http.StatusUnprocessableEntity)
	want(t, h.ask(t, http.MethodPost, "/account/second/recovery", "code="+rightCode), http.StatusOK, freshRecovery[0])
	want(t, h.ask(t, http.MethodGet, "/api/v1/account/second", ""), http.StatusOK, `{"set":true,"since":`)
}

// TestSignInWithACode: the second form, and what it says of everything that can be wrong.
func TestSignInWithACode(t *testing.T) {
	h := newHouse(t)
	h.people.second = true
	asks := h.ask(t, http.MethodPost, "/login", loginForm("lan", password), stranger)
	want(t, asks, http.StatusOK, "/login/code", goodTicket)
	if len(asks.Result().Cookies()) != 0 || strings.Contains(asks.Body.String(), password) {
		t.Error("half a sign-in gives a cookie, or carries the password")
	}
	for _, c := range []struct {
		name, body string
		err        error
		status     int
		says       string
	}{
		{"right", "ticket=" + goodTicket + "&code=" + rightCode, nil, http.StatusSeeOther, ""},
		{"wrong", "ticket=" + goodTicket + "&code=000000", nil, http.StatusUnprocessableEntity, "mã không đúng"},
		{"waits", "ticket=" + goodTicket + "&code=000000", lockedOut(5e9), http.StatusTooManyRequests, "Hãy chờ 5 giây"},
		{"no ticket", "ticket=x&code=" + rightCode, nil, http.StatusForbidden, "nhập lại mật khẩu"},
		{"nothing", "", nil, http.StatusForbidden, "nhập lại mật khẩu"},
		{"hostile", `ticket="><script>alert(1)</script>&code=1`, nil, http.StatusForbidden, "nhập lại mật khẩu"},
		{"our failure", "ticket=" + goodTicket + "&code=" + rightCode, errBroken, http.StatusInternalServerError, "Máy chủ gặp lỗi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.people.err = c.err
			w := h.ask(t, http.MethodPost, "/login/code", c.body, stranger)
			want(t, w, c.status, c.says)
			if (len(w.Result().Cookies()) == 2) != (c.status == http.StatusSeeOther) || strings.Contains(w.Body.String(), "<script") {
				t.Errorf("cookies %v:\n%s", w.Result().Cookies(), w.Body)
			}
			if c.name == "wrong" && !strings.Contains(w.Body.String(), goodTicket) {
				t.Error("no other try")
			}
		})
	}
	h.people.err = nil
	for body, status := range map[string]int{
		`{"login":"lan","password":"` + password + `"}`: 422, `{"login":"lan","password":"` + password + `","code":"1"}`: 422,
		`{"login":"lan","password":"` + password + `","code":"` + rightCode + `"}`: 200,
	} {
		w := h.ask(t, http.MethodPost, "/api/v1/login", body, stranger)
		want(t, w, status)
		if status == 422 && !strings.Contains(w.Body.String(), `"field":"code"`) || (len(w.Result().Cookies()) == 2) != (status == 200) {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
}

// TestSecondFactorOfAnother: what an administrator sees at each step of taking it away.
func TestSecondFactorOfAnother(t *testing.T) {
	h := newHouse(t)
	page := "/people/" + id[string]('u', 11)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Người này chưa cài xác thực hai lớp.")
	h.staff.theirs = radio.SecondState{Set: true, Since: radio.At(now)}
	without := h.ask(t, http.MethodGet, page, "")
	want(t, without, http.StatusOK, "Đề nghị gỡ xác thực hai lớp", `<a href="/account/second">Cài ngay</a>`)
	if strings.Contains(without.Body.String(), `name="code"`) {
		t.Error("a code is asked of who has no second factor")
	}
	h.staff.second = radio.SecondState{Set: true}
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, page+"/second/ask", `name="code"`)
	want(t, h.ask(t, http.MethodPost, page+"/second/ask", "code=1"), http.StatusUnprocessableEntity, "mã không đúng")
	want(t, h.ask(t, http.MethodPost, page+"/second/ask", "code="+rightCode), http.StatusSeeOther)
	// A first one that does not count yet, the person's and then the reader's.
	h.staff.theirs.CountsAt = radio.At(now.AddDate(0, 0, 1))
	fresh := h.ask(t, http.MethodGet, page, "")
	want(t, fresh, http.StatusOK, page+"/second/count", "23/11", fmt.Sprintf(`name="since" value="%d"`, radio.At(now)), "Xác nhận là của người này")
	h.staff.second.CountsAt = radio.At(now.AddDate(0, 0, 1))
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "Xác thực hai lớp của bạn mới cài")
	want(t, h.ask(t, http.MethodGet, "/account/second", ""), http.StatusOK, "loaxa user confirm-second --login lan", "23/11")
	want(t, h.ask(t, http.MethodGet, "/api/v1/account/second", ""), http.StatusOK, `"counts_at":`)
	h.staff.second.CountsAt = 0
	want(t, h.ask(t, http.MethodPost, page+"/second/count", "since=5&code=1"), http.StatusUnprocessableEntity, "mã không đúng")
	want(t, h.ask(t, http.MethodPost, page+"/second/count", "since=77&code="+rightCode), http.StatusSeeOther)
	if last := h.staff.changes[len(h.staff.changes)-1]; !strings.Contains(last, "second factor of 77") {
		t.Errorf("asked for %q", last)
	}
	want(t, h.ask(t, http.MethodPost, "/api/v1"+page+"/second/count", `{"since":77,"code":"`+rightCode+`"}`), http.StatusNoContent)
	h.staff.theirs.CountsAt = 0
	if strings.Contains(h.ask(t, http.MethodGet, page, "").Body.String(), "/second/count") {
		t.Error("what counts already is confirmed")
	}
	h.staff.wish = radio.SecondReset{Person: id[radio.UserID]('u', 11), AskedBy: lan.ID, AskedAt: radio.At(now), ExpiresAt: radio.At(now.AddDate(0, 0, 1))}
	mine := h.ask(t, http.MethodGet, page, "")
	want(t, mine, http.StatusOK, "Cần một quản trị viên khác xác nhận.", lan.Name)
	if strings.Contains(mine.Body.String(), "/second/confirm") {
		t.Error("who has asked may confirm")
	}
	h.staff.wish.AskedBy = id[radio.UserID]('u', 13)
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, page+"/second/confirm", `name="code"`)
	want(t, h.ask(t, http.MethodGet, "/api/v1"+page+"/second", ""), http.StatusOK, `"asked_by":"`+id[string]('u', 13))
	want(t, h.ask(t, http.MethodPost, "/api/v1"+page+"/second/confirm", `{"code":"`+rightCode+`"}`), http.StatusNoContent)
	// One's own page offers nothing of it.
	own := h.ask(t, http.MethodGet, "/people/"+string(lan.ID), "")
	want(t, own, http.StatusOK, "Xác thực hai lớp")
	if strings.Contains(own.Body.String(), "/second/ask") || strings.Contains(own.Body.String(), "/second/confirm") {
		t.Error("one may take the own second factor away")
	}
}
