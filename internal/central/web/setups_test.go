package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// A person without JavaScript: from the form on the device's page to the history beside it.
func TestSetUpOneDevice(t *testing.T) {
	h := newHouse(t)
	at := "/devices/" + string(h.plan.places[0].Device.ID)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Lệch giờ và vị trí", `name="seen" value="0/0/"`, "Khử vọng giữa các cụm loa", `name="offset_ms"`)
	form := url.Values{"seen": {"0/0/"}, "offset_ms": {"−20"}, "stagger_ms": {"2500"}, "position": {" 18.3432104, 105.905 "}}
	want(t, h.ask(t, http.MethodPost, at+"/setup", form.Encode()), http.StatusSeeOther)
	is := radio.Setup{OffsetMS: -20, StaggerMS: 2500, Position: radio.Position{Latitude: 18.34321, Longitude: 105.905}}
	if got := h.plan.places[0].Device.Setup; got != is {
		t.Fatalf("kept %+v", got)
	}
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, `value="-20/2500/18.34321, 105.905"`, "Ai đã sửa", lan.Name, "Bù giờ (ms): 0 → -20 · Lệch giờ (ms): 0 → 2500 · Tọa độ: – → 18.34321, 105.905")
	h.inEnglish(t, at, "Stagger (ms)", "Against the echo of overlapping clusters", "Position: – → 18.34321, 105.905")

	// Saved again as it is: nobody is named for nothing.
	form.Set("seen", "-20/2500/18.34321, 105.905")
	want(t, h.ask(t, http.MethodPost, at+"/setup", form.Encode()), http.StatusSeeOther)
	if len(h.setups.acts) != 1 {
		t.Errorf("acts %q", h.setups.acts)
	}
	// Two people: the second one is told, with what they typed.
	form.Set("seen", "0/0/")
	form.Set("stagger_ms", "777")
	want(t, h.ask(t, http.MethodPost, at+"/setup", form.Encode()), http.StatusConflict, "vừa được người khác sửa", `value="777"`, `name="seen" value="-20/2500/18.34321, 105.905"`)
	h.setups.err = fmt.Errorf("device: %w", radio.ErrConflict) // between the look and the write
	form.Set("seen", "-20/2500/18.34321, 105.905")
	want(t, h.ask(t, http.MethodPost, at+"/setup", form.Encode()), http.StatusConflict)
	h.setups.err = nil
	for field, value := range map[string]string{"offset_ms": "60001", "stagger_ms": "-1", "position": "105.9, 18.3"} {
		bad := url.Values{"seen": {form.Get("seen")}, "offset_ms": {"0"}, "stagger_ms": {"0"}, "position": {""}}
		bad.Set(field, value)
		w := h.ask(t, http.MethodPost, at+"/setup", bad.Encode())
		want(t, w, http.StatusUnprocessableEntity, `value="`+value+`" aria-invalid="true"`, fieldText(field)+": ")
	}
	want(t, h.ask(t, http.MethodPost, at+"/setup", "offset_ms=muộn&position=ở+đình"), http.StatusUnprocessableEntity, "phải là số nguyên mili giây", "viết vĩ độ rồi kinh độ")
	if len(h.setups.acts) != 1 {
		t.Errorf("refused, but acts are %q", h.setups.acts)
	}
}

func sendJSON(h *house, t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	return h.ask(t, method, path, body, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
}

func TestSetUpByAPI(t *testing.T) {
	h := newHouse(t)
	at := "/api/v1/devices/" + string(h.plan.places[0].Device.ID)
	want(t, sendJSON(h, t, http.MethodPut, at+"/setup", `{"offset_ms":0,"stagger_ms":900,"position":{"latitude":18.5,"longitude":105.25}}`), http.StatusOK, `"stagger_ms":900`, `"latitude":18.5`)
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, `"setup":{"offset_ms":0,"stagger_ms":900,"position":{"latitude":18.5,"longitude":105.25}}`)
	want(t, sendJSON(h, t, http.MethodPut, at+"/setup", `{"offset_ms":0,"stagger_ms":900}`), http.StatusOK)
	if got := h.plan.places[0].Device.Setup; got != (radio.Setup{StaggerMS: 900}) {
		t.Errorf("without a position: %+v", got)
	}
	want(t, sendJSON(h, t, http.MethodPut, at+"/setup", `{"offset_ms":0,"stagger_ms":60001}`), http.StatusUnprocessableEntity, `"stagger_ms"`)
	want(t, sendJSON(h, t, http.MethodPut, at+"/setup", `{"stagger":1}`), http.StatusBadRequest)
}

var printOf = regexp.MustCompile(`name="print" value="([0-9a-f]+)"`)

// The proposal of a commune: shown with its pairs, applied when a person says so and as
// they have seen it, once.
func TestStaggerOfACommune(t *testing.T) {
	h := newHouse(t)
	at := "/stagger/" + string(h.area(own))
	want(t, h.ask(t, http.MethodGet, "/stagger", ""), http.StatusOK, "Phường Thành Sen", "2 cụm loa, 0 đã có tọa độ")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "Không có cặp cụm loa nào", "Chưa có tọa độ, nên không xét", h.plan.places[0].Device.Name)
	h.placeThem()
	want(t, h.ask(t, http.MethodGet, "/stagger", ""), http.StatusOK, "2 cụm loa, 2 đã có tọa độ")
	page := h.ask(t, http.MethodGet, at+"?earshot_m=400&width_ms=", "")
	// 400 m take 1.17 s; with 0.3 s and up to the half second that is 1.5 s. The other
	// commune's cluster speaks at 0 and stays so.
	want(t, page, http.StatusOK, "2 cặp trong tầm nghe, 2 cặp đang nói cùng lúc.", "Cần 2 nấc.", `value="1500"`, "289 m", "(Xã Cẩm Xuyên, giữ nguyên)", h.plan.places[2].Device.Name, "Áp dụng sẽ đổi 1 cụm loa")
	h.inEnglish(t, at+"?earshot_m=400", "2 pairs within earshot, 2 of them speak at once now.", "Apply the proposal")
	print := printOf.FindStringSubmatch(page.Body.String())[1]
	form := url.Values{"earshot_m": {"400"}, "width_ms": {"1500"}, "print": {"0123"}}
	want(t, h.ask(t, http.MethodPost, at, form.Encode()), http.StatusConflict, "Đề xuất đã khác", print)
	form.Set("print", print)
	w := h.ask(t, http.MethodPost, at, form.Encode())
	want(t, w, http.StatusSeeOther)
	if len(h.setups.acts) != 1 || !strings.HasPrefix(h.setups.acts[0], "loa-02 {OffsetMS:0 StaggerMS:1500") {
		t.Errorf("applied %q", h.setups.acts)
	}
	want(t, h.ask(t, http.MethodGet, w.Header().Get("Location"), ""), http.StatusOK, "0 cặp đang nói cùng lúc", "Không cần đổi gì.")
	want(t, h.ask(t, http.MethodPost, at, form.Encode()), http.StatusConflict) // it is another plan by now
	if len(h.setups.acts) != 1 {
		t.Errorf("applied twice: %q", h.setups.acts)
	}
	for _, bad := range []string{"earshot_m=x", "earshot_m=10", "width_ms=0", "width_ms=70000"} {
		want(t, h.ask(t, http.MethodGet, at+"?"+bad, ""), http.StatusUnprocessableEntity, "aria-invalid")
	}
	for _, no := range []string{"/stagger/" + string(h.area(common)), "/stagger/" + string(h.plan.places[0].Hamlet().ID), "/stagger/nothing"} {
		want(t, h.ask(t, http.MethodGet, no, ""), http.StatusNotFound)
	}
}

// Who reads one commune sees that a neighbour stands beyond the border, and not which.
func TestStaggerNamesNobodyBeyondTheBorder(t *testing.T) {
	h := newHouse(t)
	h.placeThem()
	h.people.is(h.person(asker{role: radio.RoleOperator}))
	page := h.ask(t, http.MethodGet, "/stagger/"+string(h.area(own))+"?earshot_m=400", "")
	want(t, page, http.StatusOK, "một cụm loa", "(Xã Cẩm Xuyên, giữ nguyên)", "Người quản trị của xã, phường")
	answer := h.ask(t, http.MethodGet, "/api/v1/stagger/"+string(h.area(own))+"?earshot_m=400", "")
	want(t, answer, http.StatusOK, `"b_commune":"Xã Cẩm Xuyên"`)
	for _, text := range []string{page.Body.String(), answer.Body.String()} {
		if name := h.leaks(text); name != "" {
			t.Errorf("names %s", name)
		}
		if strings.Contains(text, "Áp dụng đề xuất") {
			t.Error("offers what the reader may not do")
		}
	}
}

func TestStaggerByAPI(t *testing.T) {
	h := newHouse(t)
	h.placeThem()
	at := "/api/v1/stagger/" + string(h.area(own))
	var plan struct {
		Slots   int
		Print   string
		Devices []radio.StaggerDevice
		Pairs   []neighbourPair
	}
	read := func() {
		t.Helper()
		w := h.ask(t, http.MethodGet, at, "")
		want(t, w, http.StatusOK)
		if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil {
			t.Fatal(err)
		}
	}
	read() // within 600 m the next commune's cluster hears both
	if plan.Slots != 2 || len(plan.Pairs) != 3 || plan.Devices[0].ThenMS != 2500 || plan.Devices[1].ThenMS != 5000 || !plan.Pairs[2].Beyond || plan.Pairs[2].Metres != 578 {
		t.Fatalf("%+v", plan)
	}
	want(t, sendJSON(h, t, http.MethodPost, at, `{"earshot_m":600,"width_ms":0,"print":"x"}`), http.StatusConflict)
	want(t, sendJSON(h, t, http.MethodPost, at, `{"earshot_m":600,"width_ms":2500,"print":"`+plan.Print+`"}`), http.StatusOK)
	read()
	if plan.Devices[0].NowMS != 2500 || plan.Devices[1].NowMS != 5000 {
		t.Errorf("applied: %+v", plan.Devices)
	}
	h.setups.err = errors.New("disk on fire")
	h.plan.places[0].Device.Setup.StaggerMS = 0
	read()
	want(t, sendJSON(h, t, http.MethodPost, at, `{"earshot_m":600,"width_ms":2500,"print":"`+plan.Print+`"}`), http.StatusInternalServerError)
}

// Ticked boxes of the list: some clusters, a whole commune, or both; the order shows how
// many they are before it goes out, and goes to each of them once.
func TestOrderPickedDevices(t *testing.T) {
	h := newHouse(t)
	ids := func(n int) string { return string(h.plan.places[n].Device.ID) }
	page := h.ask(t, http.MethodGet, "/devices", "")
	want(t, page, http.StatusOK, `name="device" value="`+ids(0)+`"`, `name="area" value="`+string(h.area(own))+`"`, "Chọn cả Phường Thành Sen: 2 cụm loa", "Điều khiển các cụm loa đã chọn")
	if strings.Contains(page.Body.String(), `value="`+ids(4)+`"`) {
		t.Error("a cluster that is not enrolled can be chosen")
	}
	both := "area=" + string(h.area(own)) + "&device=" + ids(0) + "&device=" + ids(2) + "&device=" + ids(2)
	want(t, h.ask(t, http.MethodGet, "/commands/new?"+both, ""), http.StatusOK, "Đã chọn 3 cụm loa.", `name="device" value="`+ids(2)+`"`, "Xem lại lệnh")
	want(t, h.ask(t, http.MethodGet, "/commands/new?do=stop&gain_db=0&"+both, ""), http.StatusOK, "Gửi tới 3 cụm loa.", `name="confirm" value="3"`, `name="area" value="`+string(h.area(own))+`"`, h.plan.places[2].Device.Name)
	if len(h.orders.batches) != 0 {
		t.Fatal("looking at an order has sent it")
	}
	want(t, h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=2&"+both), http.StatusConflict)
	w := h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=3&"+both)
	want(t, w, http.StatusSeeOther)
	b := h.orders.batches[0]
	if b.Devices != 3 || b.Area != h.area(common) || len(h.orders.targets[b.ID]) != 3 {
		t.Errorf("%+v to %+v", b, h.orders.targets[b.ID])
	}
	want(t, h.ask(t, http.MethodGet, w.Header().Get("Location"), ""), http.StatusOK, "3 đã gửi, chưa trả lời")

	// One commune alone is an order to that area, one cluster alone needs no counting.
	want(t, h.ask(t, http.MethodGet, "/commands/new?area="+string(h.area(own)), ""), http.StatusOK, `value="`+string(h.area(own))+`" selected`)
	want(t, h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=2&area="+string(h.area(own))), http.StatusSeeOther)
	want(t, h.ask(t, http.MethodPost, "/commands", "do=stop&device="+ids(0)), http.StatusSeeOther)
	if h.orders.batches[1].Area != h.area(own) || h.orders.batches[2].Devices != 1 {
		t.Errorf("%+v", h.orders.batches[1:])
	}
	want(t, h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=2&device="+ids(0)+"&device="+ids(4)), http.StatusUnprocessableEntity, "chưa đăng ký")
	want(t, h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=2&device="+ids(0)+"&device=x"), http.StatusUnprocessableEntity)

	// An operator of one commune sees boxes there, and reaches no further by hand.
	h.people.is(h.person(asker{role: radio.RoleOperator}))
	page = h.ask(t, http.MethodGet, "/devices", "")
	want(t, page, http.StatusOK, `name="device" value="`+ids(0)+`"`)
	for _, reach := range []string{"device=" + ids(0) + "&device=" + ids(2), "device=" + ids(0) + "&area=" + string(h.area(foreign))} {
		n := len(h.orders.batches)
		if w := h.ask(t, http.MethodPost, "/commands", "do=stop&confirm=2&"+reach); w.Code != http.StatusForbidden && w.Code != http.StatusUnprocessableEntity || len(h.orders.batches) != n {
			t.Errorf("%s: %d", reach, w.Code)
		}
	}
	h.people.is(h.person(asker{role: radio.RoleViewer}))
	if page := h.ask(t, http.MethodGet, "/devices", "").Body.String(); strings.Contains(page, "checkbox") {
		t.Error("a viewer is offered boxes")
	}
}
