package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// A person without JavaScript takes an identity, and sees on the page who did it and why.
func TestDeviceRevoked(t *testing.T) {
	h := newHouse(t)
	at := "/devices/" + string(h.plan.places[0].Device.ID)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, `action="`+at+`/revoke"`, `action="`+at+`/retire"`, "nhiều nhất 35 ngày")
	want(t, h.ask(t, http.MethodPost, at+"/revoke", "why="+strings.Repeat("x", 301)), http.StatusUnprocessableEntity, "dài quá 300 ký tự", "<details open>")
	want(t, h.ask(t, http.MethodPost, at+"/revoke", "why=+tủ+loa+bị+cạy+"), http.StatusSeeOther)
	if len(h.watch.ends) != 1 || h.watch.ends[0].Retire || h.watch.ends[0].Why != "tủ loa bị cạy" || h.watch.ends[0].Actor != string(lan.ID) {
		t.Fatalf("ends %+v", h.watch.ends)
	}
	w := h.ask(t, http.MethodGet, at, "")
	want(t, w, http.StatusOK, "⚠ Đã thu hồi danh tính", "tủ loa bị cạy", lan.Name, `action="`+at+`/code"`)
	if strings.Contains(w.Body.String(), at+"/revoke") || strings.Contains(w.Body.String(), "Chưa đăng ký</span>") {
		t.Error("there is no identity left to take, nor is the device a new one")
	}
	h.inEnglish(t, at, "Identity revoked")
	want(t, h.ask(t, http.MethodGet, "/devices?state=revoked", ""), http.StatusOK, h.plan.places[0].Device.Name)
	want(t, h.ask(t, http.MethodPost, at+"/revoke", "why="), http.StatusConflict)

	want(t, h.ask(t, http.MethodPost, at+"/retire", "why=dỡ+bỏ"), http.StatusSeeOther)
	w = h.ask(t, http.MethodGet, at, "")
	want(t, w, http.StatusOK, "Ngừng sử dụng</span>", "dỡ bỏ")
	if strings.Contains(w.Body.String(), at+"/retire") {
		t.Error("it is out of use already")
	}
	want(t, h.ask(t, http.MethodGet, "/devices?state=retired", ""), http.StatusOK, h.plan.places[0].Device.Name)
	w = h.ask(t, http.MethodGet, "/devices?state=new", "")
	if strings.Contains(w.Body.String(), at) {
		t.Error("it counts as one that was never enrolled")
	}
}

func TestDeviceRevokedByAPI(t *testing.T) {
	h := newHouse(t)
	at := "/api/v1/devices/" + string(h.plan.places[0].Device.ID)
	want(t, sendJSON(h, t, http.MethodPost, at+"/revoke", `{"why":"x","what":1}`), http.StatusBadRequest)
	w := sendJSON(h, t, http.MethodPost, at+"/retire", `{"why":"dỡ"}`)
	want(t, w, http.StatusOK, `"ended":"retired"`)
	var d deviceAnswer
	if err := json.Unmarshal(h.ask(t, http.MethodGet, at, "").Body.Bytes(), &d); err != nil || d.Device.Enrolled || d.Device.Retired == 0 {
		t.Errorf("%+v %v", d.Device, err)
	}
}

// The code is shown for eyes, for a scanner, and for paper.
func TestEnrolmentCard(t *testing.T) {
	h := newHouse(t)
	at := "/devices/" + string(h.plan.places[0].Device.ID)
	w := h.ask(t, http.MethodPost, at+"/code", "a=b")
	want(t, w, http.StatusOK, "01234-56789-0123-4567-89ab-cdef", `<svg class="qr" viewBox="0 0 41 41"`, `<path d="M4 4h7v1h-7z`,
		"loaxa-agent enrol LOAXA-ENROL:LOA.HATINH.EXAMPLE:8443/01234-56789-0123-4567-89AB-CDEF", "--server https://loa.hatinh.example:8443", `id="print"`, "/print.")
	var c codeAnswer
	w = sendJSON(h, t, http.MethodPost, "/api/v1"+at+"/enrolment-code", "")
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c.Ticket != "LOAXA-ENROL:LOA.HATINH.EXAMPLE:8443/01234-56789-0123-4567-89AB-CDEF" || c.Server != "https://loa.hatinh.example:8443" {
		t.Errorf("%+v %v", c, err)
	}
}

// Whoever reads of a copied card reads what to do.
func TestClonedShown(t *testing.T) {
	h := newHouse(t)
	d := h.plan.places[0]
	at := "/devices/" + string(d.Device.ID)
	w := h.ask(t, http.MethodGet, at, "")
	if strings.Contains(w.Body.String(), "nhân bản") || strings.Contains(w.Body.String(), "bo mạch đã dùng") {
		t.Error("an alarm for nothing")
	}
	h.watch.set(radio.Fault{ID: id[radio.FaultID]('t', 70), Device: d.Device.ID, Commune: d.Commune().ID, Kind: radio.FaultCloned, OpenedAt: radio.At(now), Cause: radio.FaultCause{Why: "machine", Count: 4}})
	h.watch.machines = []radio.DeviceMachine{{Device: d.Device.ID, Machine: "AAAAAAAAAAAAAAAAAAAAAA", FirstAt: radio.At(now), LastAt: radio.At(now), Returns: 2}, {Device: d.Device.ID, Machine: "BBBBBBBBBBBBBBBBBBBBBB", FirstAt: radio.At(now), LastAt: radio.At(now)}}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "nghi nhân bản danh tính", "hai bộ điều khiển thay nhau dùng một danh tính, đã đổi qua lại 4 lần",
		"thu hồi danh tính (người quản trị, ở cuối trang này)", "AAAAAAAAAAAAAAAAAAAAAA", "quay lại 2 lần")
	want(t, h.ask(t, http.MethodGet, "/faults", ""), http.StatusOK, "nghi nhân bản danh tính")
	h.inEnglish(t, at, "identity perhaps copied", "two controllers use one identity by turns, 4 changes back so far", "came back 2 times")
}
