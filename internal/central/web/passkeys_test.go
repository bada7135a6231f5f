package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestKeysOnTheAccount: what a person signs with and what waits for the root is told, with
// the name they read out; only what waits can be dropped.
func TestKeysOnTheAccount(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodGet, "/account", "")
	want(t, w, http.StatusOK, "đang dùng", "phát khẩn cấp, duyệt bản tin", "chờ cấp khóa", waitingKey, "Passkey “điện thoại”", "khóa đã thu hồi", "Đăng ký passkey", "/static/passkey.")
	if n := strings.Count(w.Body.String(), "/drop"); n != 1 {
		t.Errorf("%d passkeys can be dropped", n)
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/account/keys", ""), http.StatusOK, `"kid":"kid-that-waits","name":"điện thoại","passkey":true,"state":"waits"`)
	want(t, h.ask(t, http.MethodPost, "/account/passkeys/"+waitingKey+"/drop", ""), http.StatusSeeOther)
	h.passkeys.err = radio.Refuse(radio.ErrConflict, "Passkey này đã được cấp khóa.", "a key was made of it")
	want(t, h.ask(t, http.MethodPost, "/account/passkeys/"+waitingKey+"/drop", ""), http.StatusConflict, "Passkey này đã được cấp khóa.")
	h.passkeys.err = nil
	want(t, h.ask(t, http.MethodDelete, "/api/v1/account/passkeys/"+waitingKey, ""), http.StatusNoContent)
	want(t, h.ask(t, http.MethodDelete, "/api/v1/account/passkeys/other", ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodPost, "/api/v1/account/passkeys/begin", `{"password":"mật","code":"123456"}`, asJSON), http.StatusOK, `"relying_party":"localhost"`, `"known":[]`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/account/passkeys", `{"name":"máy tính","credential":"AA","client_data":"AA","attestation":"AA"}`, asJSON), http.StatusCreated, `"name":"máy tính"`)
	if got, wanted := fmt.Sprint(h.passkeys.acts), "[drop kid-that-waits by lan drop kid-that-waits by lan begin by lan shown {mật 123456} register máy tính by lan]"; got != wanted {
		t.Errorf("%s", got)
	}
	h.passkeys.shut = true
	page := h.ask(t, http.MethodGet, "/account", "").Body.String()
	if !strings.Contains(page, "máy chủ chưa có địa chỉ công khai") || strings.Contains(page, `id="passkey"`) {
		t.Error("passkeys are offered by a centre without a name")
	}
}

const passkeyAnswer = `{"kid":"phone","at":5,"signature":"AA","authenticator_data":"AA","client_data":"AA"}`

// TestSignWithPasskeyOnThePage: a form is signed by what a passkey has answered; then no
// password is looked at. What is no answer is refused before the room sees it.
func TestSignWithPasskeyOnThePage(t *testing.T) {
	h := newHouse(t)
	draft := "/alerts/" + string(h.alerts.all[0].ID)
	h.staff.second = radio.SecondState{Set: true}
	h.alerts.ways = radio.SignWays{Password: true, Code: true, Passkeys: []radio.PasskeyName{{KID: "phone", Name: "điện thoại"}, {KID: "laptop", Name: "máy tính"}}}
	want(t, h.ask(t, http.MethodGet, draft, ""), http.StatusOK, `data-passkey="phone"`, "Ký bằng passkey “máy tính”", `name="code"`, `data-ask="/api/v1`+draft+`/sign-ask"`, "/static/sign.")
	h.staff.second = radio.SecondState{}
	if page := h.ask(t, http.MethodGet, draft, "").Body.String(); strings.Contains(page, `name="key_password"`) || !strings.Contains(page, "chưa cài") || !strings.Contains(page, `data-passkey="phone"`) {
		t.Error("who has no second factor is asked for a password that would not do")
	}
	h.alerts.ways.Password, h.alerts.ways.Code = false, false
	page := h.ask(t, http.MethodGet, draft, "").Body.String()
	if strings.Contains(page, `name="key_password"`) || strings.Contains(page, "Ký, PHÁT KHẨN CẤP") || !strings.Contains(page, `data-passkey="phone"`) {
		t.Error("who has passkeys alone is asked for a password")
	}
	want(t, h.ask(t, http.MethodPost, "/api/v1"+draft+"/sign-ask", `{"version":1}`, asJSON), http.StatusOK, `"kid":"phone"`, `"challenge":"AA"`)
	want(t, h.ask(t, http.MethodPost, "/api/v1/alerts/"+string(h.alerts.all[1].ID)+"/cancel-ask", ""), http.StatusOK, `"kid":"laptop"`)
	want(t, h.ask(t, http.MethodPost, draft+"/sign", "version=1&passkey="+passkeyAnswer), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, "/api/v1"+draft+"/signatures", `{"version":1,"sign":{"passkey":`+passkeyAnswer+`}}`, asJSON), http.StatusOK)
	if got, wanted := fmt.Sprint(h.alerts.acts), "[ask to sign 1 by lan ask to cancel by lan sign 1 by lan with passkey phone of 5 sign 1 by lan with passkey phone of 5]"; got != wanted {
		t.Errorf("%s", got)
	}
	for name, bad := range map[string]string{"no JSON": "x", "empty": "{}", "no signature": `{"kid":"phone","at":5}`, "long": `{"kid":"` + strings.Repeat("x", 100) + `","at":5,"signature":"AA"}`} {
		if w := h.ask(t, http.MethodPost, draft+"/sign", "version=1&passkey="+bad); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
