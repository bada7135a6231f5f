package e2e

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestPasskeySignsAnAlert walks a person's way in a real browser: they register a passkey,
// which signs nothing before the root has certified it; then it sends an alert and cancels
// it, and the device, which knows the keyring alone, believes both. An answer given for
// another version of the alert sends nothing.
func TestPasskeySignsAnAlert(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	const editor, signer = "xa-soan", "xa-ky"
	h.command(secret, "user", "add", "--login", editor, "--name", "Biên tập xã", "--role", "editor@xa", "--password-stdin")
	h.command(secret, "user", "add", "--login", signer, "--name", "Lãnh đạo xã", "--role", "approver@xa", "--password-stdin")
	h.serve()
	a := h.agent("a", `driver: "null"`)
	root := filepath.Join(h.dir, "root.jwk")
	// Browsers give no passkeys to a bare address.
	site := "http://localhost:" + strconv.Itoa(h.ports.people)
	d := newDesk(t, h)
	d.b.Authenticator()
	d.visit(site + "/login")
	d.b.Type("[name=login]", signer)
	d.b.Type("[name=password]", secret)
	d.click("main button")

	d.visit(site + "/account")
	d.b.Press("details:has(#passkey) summary")
	d.b.Type("#passkey [name=name]", "điện thoại")
	d.b.Type("#passkey [name=password]", secret)
	d.b.Press("#passkey button")
	d.b.AwaitWithin(20*time.Second, "the passkey is registered", `return document.querySelector('#keys .key-waits') !== null`)
	for _, line := range d.b.Complaints() {
		// Chromium would rather be offered RSA too: devices prove ES256 alone.
		if !strings.Contains(line, "pubKeyCredParams is missing at least one of the default algorithm identifiers") {
			t.Errorf("the console says: %s", line)
		}
	}
	d.shows("account-passkey", "Passkey “điện thoại”", "chờ cấp khóa")
	kid := d.b.Texts("#keys code.secret")[0]
	if said := h.command("", "key", "person", "list"); !strings.Contains(said, kid) || !strings.Contains(said, "waits") {
		t.Errorf("the keeper of the root key sees no request for %s:\n%s", kid, said)
	}

	d.visit(site + "/alerts/new")
	d.b.Choose("[name=area]", "– Xã thử")
	d.b.Type("[name=headline]", "Lũ quét")
	d.b.Type("[name=text]", "Lên cao ngay.")
	d.number("repeats", "20")
	d.number("interval_s", "2")
	d.click(".alertform button")
	alert := d.path()
	d.shows("alert-uncertified", "Bạn chưa có khóa ký")
	h.command("", "key", "person", "add", "--root", root, "--user", signer, "--area", "xa", "--may", "alert,approve", "--until", "2099-12-31", "--passkey", kid)
	if said := h.command("", "key", "person", "list"); !strings.Contains(said, "works until 2") {
		t.Errorf("the passkey is certified and the list says:\n%s", said)
	}
	h.eventually(20*time.Second, "the running centre knows the key", func() bool {
		d.visit(site + alert)
		return d.b.Has("form.danger [data-passkey]")
	})
	d.shows("alert-to-sign", "Ký bằng passkey “điện thoại”", "Ký xong là loa kêu ngay")

	d.refusesStale(alert)
	d.visit(site + alert)
	d.b.Press("form.danger [data-passkey]")
	d.b.AwaitWithin(20*time.Second, "the alert is out", `return document.querySelector('#board .tiles') !== null`)
	d.b.AwaitWithin(30*time.Second, "the device sounds it", `return parseInt(document.querySelector('.word-running').innerText) === 1`)
	a.sounds("Lũ quét ở suối", 5*time.Second)
	d.shows("alert-by-passkey", "Đang phát đi")

	tin := h.handIn(editor, "tin-xa", "Tin của xã", tone(t, 3, 440))
	d.visit(site + "/bulletins/" + string(tin.ID) + "/1")
	if !d.b.Has("[data-passkey]:disabled") || d.b.Has("#approve") || d.b.Has("[name=key_password]") {
		t.Error("a bulletin may be approved unheard, or with a password that there is not")
	}
	d.b.Press(".wave") // a browser begins to play only for a person's click
	d.b.Await("the bulletin to be heard", `return document.querySelector('[data-passkey]:enabled') !== null`)
	d.b.Press("[data-passkey]")
	d.b.Await("the bulletin is approved", `return document.body.innerText.includes('Đã duyệt')`)
	var approved struct {
		Approval struct {
			KID   string `json:"kid"`
			Holds bool   `json:"holds"`
		} `json:"approval"`
	}
	h.get("/api/v1/bulletins/"+string(tin.ID)+"/1", &approved)
	if approved.Approval.KID != kid || !approved.Approval.Holds {
		t.Errorf("approved by passkey: %+v", approved)
	}

	d.visit(site + alert)
	d.b.Press("details:has(form[action$='/cancel']) summary")
	d.b.Type("[name=why]", "Nước đã rút")
	d.b.Press("form[action$='/cancel'] [data-passkey]")
	d.b.AwaitWithin(20*time.Second, "the alert is cancelled", `return document.body.innerText.includes('Đã hủy phát')`)
	a.sounds("", 5*time.Second)

	if said := h.command("", "key", "person", "retire", "--root", root, "--user", signer, "--key", kid); !strings.Contains(said, "1 keys") {
		t.Errorf("retire: %s", said)
	}
	h.eventually(20*time.Second, "the key has ended", func() bool {
		d.visit(site + "/account")
		return d.b.Has("#keys .key-ended")
	})
	// It has only ended: what it approved goes on.
	if h.get("/api/v1/bulletins/"+string(tin.ID)+"/1", &approved); !approved.Approval.Holds {
		t.Error("what an ended key approved counts no more")
	}
}

// refusesStale: what the passkey has answered about version 1 neither sends version 2 nor
// the version that is no more.
func (d *desk) refusesStale(alert string) {
	d.t.Helper()
	var answer string
	d.b.Eval(`return (async () => {
const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const said = await (await fetch("/api/v1" + arguments[0] + "/sign-ask", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"version":1}'})).json();
const ask = said.asks[0];
const got = await navigator.credentials.get({publicKey: {challenge: bytes(ask.challenge), rpId: ask.relying_party, userVerification: "required",
	allowCredentials: [{type: "public-key", id: bytes(ask.credential)}]}});
return JSON.stringify({kid: ask.kid, at: ask.at, signature: text(got.response.signature),
	authenticator_data: text(got.response.authenticatorData), client_data: text(got.response.clientDataJSON)});
})()`, &answer, alert)
	d.click(`a[href="` + alert + `/edit"]`)
	d.b.Type("[name=headline]", " ở suối")
	d.click(".alertform button")
	for _, version := range []string{"1", "2"} {
		var status int
		d.b.Eval(`return (async () => (await fetch(arguments[0] + "/sign", {method: "POST", redirect: "manual", body: new URLSearchParams({version: arguments[1], passkey: arguments[2]})})).status)()`,
			&status, alert, version, answer)
		if status != http.StatusConflict {
			d.t.Errorf("an answer about version 1, sent for version %s: status %d", version, status)
		}
	}
	d.b.Complaints() // the console notes both
	var a radio.AlertRecord
	d.h.get("/api/v1"+alert, &a)
	if a.State != radio.AlertDraft || a.Version != 2 || len(a.Paper.Signatures) != 0 {
		d.t.Errorf("after what was refused the alert is %s, version %d, signed by %d", a.State, a.Version, len(a.Paper.Signatures))
	}
}
