package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// A person without JavaScript: from the device's page over the confirmation to the
// result, which grows old as time tells.
func TestOrderOneDevice(t *testing.T) {
	h := newHouse(t)
	device := string(h.plan.places[0].Device.ID)
	want(t, h.ask(t, http.MethodGet, "/devices/"+device, ""), http.StatusOK, "Điều khiển từ xa", "Dừng phát", "Phát âm thử", "Khởi động lại bộ điều khiển", `value="-6"`)
	want(t, h.ask(t, http.MethodGet, "/devices/"+device+"/order?do=volume&gain_db=-6", ""), http.StatusOK, "Đặt âm lượng: −6 dB", "Gửi lệnh", "Không gửi",
		`name="gain_db" value="-6"`, h.plan.places[0].Device.Name)
	if len(h.orders.batches) != 0 {
		t.Fatal("looking at an order has sent it")
	}
	w := h.ask(t, http.MethodPost, "/devices/"+device+"/commands", "do=volume&gain_db=-6")
	want(t, w, http.StatusSeeOther)
	at := w.Header().Get("Location")
	want(t, h.ask(t, http.MethodGet, at, ""), http.StatusOK, "đã gửi, chưa trả lời", `data-live="devices"`, lan.Name)
	b := h.orders.batches[0]
	if b.Do != radio.CommandVolume || b.GainDB != -6 || b.By != lan.ID || !strings.HasPrefix(h.orders.audit[0], "volume by "+string(lan.ID)) {
		t.Errorf("%+v, audit %q", b, h.orders.audit)
	}
	h.orders.say(h.orders.targets[b.ID][0].ID, radio.ReceiptRejected, radio.ReasonClock)
	page := h.ask(t, http.MethodGet, at, "")
	want(t, page, http.StatusOK, "bị từ chối", "đồng hồ không tin cậy")
	if strings.Contains(page.Body.String(), "data-live") {
		t.Error("a page of what is over asks again and again")
	}
	want(t, h.ask(t, http.MethodGet, "/devices/"+device, ""), http.StatusOK, "Lệnh điều khiển gần đây", "bị từ chối")
	want(t, h.ask(t, http.MethodGet, "/commands", ""), http.StatusOK, "Đặt âm lượng −6 dB")
	for _, bad := range []string{"do=format", "do=volume&gain_db=5", "do=volume&gain_db=x", ""} {
		want(t, h.ask(t, http.MethodPost, "/devices/"+device+"/commands", "a=b&"+bad), http.StatusUnprocessableEntity)
	}
	h.inEnglish(t, "/commands/"+string(b.ID), "Set the volume", "rejected")
}

func (h *house) inEnglish(t *testing.T, path string, texts ...string) {
	t.Helper()
	want(t, h.ask(t, http.MethodGet, path, "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) }), http.StatusOK, texts...)
}

// Many at once: choose, see how many, confirm; another number by then is a conflict.
func TestOrderManyDevices(t *testing.T) {
	h := newHouse(t)
	root := string(h.area(common))
	enrolled := 0
	for _, p := range h.plan.places {
		if p.Device.Enrolled != 0 {
			enrolled++
		}
	}
	want(t, h.ask(t, http.MethodGet, "/devices", ""), http.StatusOK, "Điều khiển nhiều cụm loa")
	want(t, h.ask(t, http.MethodGet, "/commands/new?area="+root, ""), http.StatusOK, "Xem lại lệnh", h.plan.places[0].Commune().Name, "Bỏ qua, phát mục tiếp theo")
	want(t, h.ask(t, http.MethodGet, "/commands/new?do=stop&gain_db=0&area="+root, ""), http.StatusOK, "Dừng phát", "Gửi tới "+strconv.Itoa(enrolled)+" cụm loa.", `name="confirm" value="`+strconv.Itoa(enrolled)+`"`)
	w := h.ask(t, http.MethodPost, "/commands", "do=stop&area="+root+"&confirm=1")
	want(t, w, http.StatusConflict)
	w = h.ask(t, http.MethodPost, "/commands", "do=stop&area="+root+"&confirm="+strconv.Itoa(enrolled))
	want(t, w, http.StatusSeeOther)
	b := h.orders.batches[0]
	if b.Devices != enrolled || b.Area != h.area(common) {
		t.Errorf("%+v", b)
	}
	// Two have answered; a reader of one commune sees the own ones only.
	h.orders.say(h.orders.targets[b.ID][0].ID, radio.ReceiptDone, "")
	h.orders.say(h.orders.targets[b.ID][1].ID, radio.ReceiptFailed, radio.ReasonOff)
	var all struct {
		Counts  []commandCount        `json:"counts"`
		Results []radio.CommandResult `json:"results"`
	}
	read := func() {
		t.Helper()
		answer := h.ask(t, http.MethodGet, "/api/v1/commands/"+string(b.ID), "")
		want(t, answer, http.StatusOK)
		if err := json.Unmarshal(answer.Body.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if len(all.Results) != enrolled || all.Results[0].State != radio.ReceiptFailed || all.Results[len(all.Results)-1].State != radio.ReceiptDone || all.Counts[0].Count != 1 {
		t.Errorf("what needs a person does not come first: %+v", all)
	}
	h.people.who = h.person(asker{role: radio.RoleViewer})
	read()
	for _, r := range all.Results {
		if r.Commune != h.area(own) {
			t.Errorf("a viewer of another commune sees %s", r.Name)
		}
	}
}
