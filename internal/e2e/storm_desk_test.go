package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var pictures = flag.String("pictures", "", "keep pictures of the alert pages in this `folder`")

// desktop is the width of an office's screen, paper that of A4 within its margins.
const desktop, paper = 1280, 718

// shows looks at the page that is open on a phone and on a desk, keeps a picture of both
// when asked to, and looks for words.
func (d *desk) shows(name string, words ...string) {
	d.t.Helper()
	for _, width := range []int{desktop, phone} {
		for _, fault := range d.b.Faults(width) {
			d.t.Errorf("%s at %d: %s", name, width, fault)
		}
		if *pictures != "" {
			d.b.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
		}
	}
	d.light(name)
	d.says(words...)
}

// mostBytes is what the first view of a page may weigh, all told, before compression.
const mostBytes = 100_000

// light holds what the page has fetched against that.
func (d *desk) light(name string) {
	d.t.Helper()
	var bytes int
	d.b.Eval(`return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
		.filter(e => e.initiatorType !== 'fetch').reduce((n, e) => n + e.decodedBodySize, 0)`, &bytes)
	if bytes == 0 || bytes > mostBytes {
		d.t.Errorf("%s: the first view weighs %d bytes", name, bytes)
	}
}

// TestDutyOfficer works a drill as an officer on duty would, frightened and with the mouse
// only: raise, confirm who hears it, sign, see who has it, print whom to call for those who
// have not; then the scorecard. Then a real alert of the province with its two persons and
// its cancel, and what people at the device may do with the PIN.
func TestDutyOfficer(t *testing.T) {
	lane(t, short)
	s := newStorm(t, "tay1", "tay2", "dong1")
	const pin = "271828"
	here := s.device("tay1", `driver: "null"`)
	here.setPIN(pin)
	here.start()
	s.device("tay2", `driver: "null"`) // enrolled, and without power
	far := s.agent("dong1", `driver: "null"`)
	here.armed()
	far.armed()
	d := newDesk(t, s.house)
	drill := d.drill()
	d.callList(drill)
	// What sounded comes behind the receipts, with the journal.
	s.as(second)
	s.eventually(20*time.Second, "both cycles in the log", func() bool {
		rows := s.cyclesOf("tay1")
		return len(rows) == 2 && rows[0].Outcome == radio.Aired && rows[1].Outcome == radio.Aired
	})
	d.scorecard(drill)
	d.bothPersons(far)
	d.remote()
	d.atTheDevice(s, here, pin)
}

// setPIN gives a device that does not run its PIN.
func (a *agentProcess) setPIN(pin string) {
	a.h.t.Helper()
	cmd := exec.CommandContext(a.h.t.Context(), programs.agent, "pin", "--config", a.config(), "set")
	cmd.Stdin = strings.NewReader(pin + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		a.h.t.Fatalf("set the PIN: %v\n%s", err, out)
	}
}

// page is the address of the device's own page.
func (a *agentProcess) page() string {
	a.h.t.Helper()
	b, err := os.ReadFile(a.log)
	if err != nil {
		a.h.t.Fatal(err)
	}
	all := regexp.MustCompile(`local page.*address=(http://127\.0\.0\.1:\d+)/`).FindAllSubmatch(b, -1)
	if len(all) == 0 {
		a.h.t.Fatal("the agent has no page")
	}
	return string(all[len(all)-1][1])
}

// signHere types the password of the key into the form and sends it.
func (d *desk) signHere(form, login string) {
	d.t.Helper()
	d.b.Type(form+" [name=key_password]", keyWord(login))
	d.b.Type(form+" [name=code]", d.h.code(login))
	d.click(form + " button")
}

// drill: the chairman says whom to call, raises a drill, signs it and sees it arrive, on a
// page that nobody loads again.
func (d *desk) drill() string {
	d.t.Helper()
	d.as(chairman)
	d.open("/contacts")
	var id string
	d.b.Eval(`return [...document.querySelectorAll('form.contact')].find(f => f.innerText.includes('Thôn Núi')).id`, &id)
	nui := `form[id="` + id + `"]`
	d.b.Type(nui+" [name=name]", "Giàng A Trưởng")
	d.b.Type(nui+" [name=phone]", "0912 345 678")
	d.click(nui + " button")
	d.shows("contacts", "Thôn Tây", "Còn 1 thôn")

	d.open("/alerts")
	d.shows("alerts-empty", "Chưa có thông báo khẩn cấp nào")
	d.click(`a[href="/alerts/new?kind=drill"]`)
	d.b.Choose("[name=area]", "– Xã Tây")
	d.b.Type("[name=headline]", "Diễn tập lũ quét")
	d.b.Type("[name=text]", "Bà con ven suối lên cao ngay.")
	d.number("repeats", "2")
	d.number("interval_s", "2")
	d.number("life_minutes", "15")
	d.shows("alert-form", "DIỄN TẬP", "Chưa có gì được phát ở bước này")
	d.b.Press("[name=sound_siren]") // shorter so
	d.b.Press("[name=sound_lead_in]")
	d.click(".alertform button")
	d.shows("alert-draft", "DIỄN TẬP", "2 cụm loa", "Xã Tây", "Bà con ven suối lên cao ngay.", "Ký xong là loa kêu ngay")
	path := d.path()
	d.b.Type("form.danger [name=key_password]", "khong-phai-mat-khau")
	d.b.Type("form.danger [name=code]", "123456")
	d.b.Click("form.danger button")
	d.refused(http.StatusUnprocessableEntity)
	d.shows("alert-wrong-password", "không đúng")
	d.signHere("form.danger", chairman)
	d.b.Eval(`document.sameDocument = true`, nil)
	d.b.AwaitWithin(10*time.Second, "the first word of a device, by itself", `return parseInt(document.querySelector('.word-silent').innerText) === 1`)
	d.shows("alert-board", "Đã tới đâu", "Thôn Núi", "1/2 cụm loa đã có tin")
	d.b.AwaitWithin(60*time.Second, "a device that is done, by itself", `return parseInt(document.querySelector('.word-done').innerText) === 1`)
	d.shows("alert-board-done", "Đã phát xong")
	var same bool
	d.b.Eval(`return document.sameDocument === true`, &same)
	if !same {
		d.t.Error("the board was loaded again instead of renewed")
	}
	return path
}

// number replaces what a field says.
func (d *desk) number(name, value string) {
	d.t.Helper()
	d.b.Eval(`document.querySelector('[name='+arguments[0]+']').value = arguments[1]`, nil, name, value)
}

// callList: the hamlet whose cluster is silent stands on it, with whom to call.
func (d *desk) callList(drill string) {
	d.t.Helper()
	d.open(drill)
	d.click(`a[href$="/calls"]`)
	d.shows("alert-calls", "Thôn Núi", "Giàng A Trưởng", "0912 345 678", "Đây là diễn tập. Bà con ven suối lên cao ngay. Đây là diễn tập.")
	if rows := d.b.Texts("#calls tbody tr"); len(rows) != 1 {
		d.t.Errorf("the call list: %q", rows)
	}
	d.b.Paper(true)
	d.b.Resize(paper, 1000)
	var table, menu string
	d.b.Eval(`return getComputedStyle(document.querySelector('#calls table')).display`, &table)
	d.b.Eval(`return getComputedStyle(document.querySelector('header')).display`, &menu)
	if table != "table" || menu != "none" || !d.b.Has("#print:not([hidden])") {
		d.t.Errorf("on paper the list is %s, the menu %s", table, menu)
	}
	if *pictures != "" {
		d.b.Photograph(filepath.Join(*pictures, "alert-calls-paper.png"))
	}
	d.b.Paper(false)
	d.click(`form[action="/language"] button`)
	d.shows("alert-calls-en", "Call", "DRILL", "Đây là diễn tập. Bà con")
	d.click(`form[action="/language"] button`)
}

// scorecard: as soon as the drill is over, its numbers stand on the page and in the file.
func (d *desk) scorecard(drill string) {
	d.t.Helper()
	d.open(drill + "/scorecard")
	d.shows("alert-scorecard", "DIỄN TẬP", "1/2", "2/4", "Cụm loa tay1", "Cụm loa tay2")
	status, raw := d.program("GET", drill+"/scorecard.csv", "")
	table, err := separated(raw)
	if status != http.StatusOK || err != nil || len(table) != 3 {
		d.t.Fatalf("scorecard.csv: %d %v %q", status, err, raw)
	}
	for _, row := range table[1:] {
		switch row[2] {
		case "tay1":
			if row[4] != "Đã phát xong" || row[6] == "" || row[7] == "" || row[8] == "" || row[9] != "1: Đã phát; 2: Đã phát" {
				d.t.Errorf("scorecard: %q", row)
			}
		case "tay2":
			if row[4] != "Chưa có tin" || row[6] != "" || row[9] != "" {
				d.t.Errorf("scorecard: %q", row)
			}
		default:
			d.t.Errorf("scorecard: %q", row)
		}
	}
	for _, r := range d.h.cyclesOf("tay1") {
		if r.Outcome != radio.Aired || r.Title != "Diễn tập lũ quét" {
			d.t.Errorf("log: %s %q", r.Outcome, r.Title)
		}
	}
}

// bothPersons: one raises an alert of the province and signs; when the other has signed at
// another desk, the page of the first shows where it arrives. Then both cancel it.
func (d *desk) bothPersons(far *agentProcess) {
	d.t.Helper()
	d.as("ky1")
	d.open("/alerts")
	d.click(`a[href="/alerts/new"]`)
	d.b.Choose("[name=area]", "Tỉnh thử")
	d.b.Type("[name=headline]", "Bão số 5")
	d.b.Type("[name=text]", "Về nơi tránh trú.")
	d.number("repeats", "20")
	d.number("interval_s", "2")
	d.click(".alertform button")
	d.shows("alert-province-draft", "KHẨN CẤP – PHÁT THẬT", "3 cụm loa", "Cần hai người khác nhau ký")
	path := d.path()
	d.signHere("form.danger", "ky1")
	d.shows("alert-half-signed", "người thứ hai phải ký trước", "Bạn đã ký")
	d.h.as("ky2") // at another desk
	d.h.post("/api/v1"+path+"/signatures", map[string]any{"version": 1, "sign": radio.SignWith{Password: keyWord("ky2"), Code: d.h.code("ky2")}}, nil)
	far.sounds("Bão số 5", 5*time.Second)
	d.b.AwaitWithin(10*time.Second, "the board on the page of the first person, by itself",
		`const w = document.querySelector('.word-running'); return w !== null && parseInt(w.innerText) === 2`)
	d.shows("alert-province-board", "2/3 cụm loa đã có tin", "Hủy phát")
	if d.b.Has("form.danger") {
		d.t.Error("what is sent can still be signed")
	}
	d.b.Press("details:has(form[action$='/cancel']) summary")
	d.b.Type("[name=why]", "Bão đã tan")
	d.signHere("form[action$='/cancel']", "ky1")
	d.shows("alert-half-cancelled", "Người ký hủy", "Bạn đã ký", "Đang phát đi")
	d.as("ky2")
	d.open("/alerts")
	d.shows("alerts", "Bão số 5", "Đang phát đi")
	d.click(`a[href="` + path + `"]`)
	d.signHere("form[action$='/cancel']", "ky2")
	far.sounds("", 3*time.Second)
	d.b.AwaitWithin(15*time.Second, "the devices that have stopped", `return parseInt(document.querySelector('.word-stopped').innerText) === 2`)
	d.shows("alert-cancelled", "Đã hủy phát", "Bão đã tan")
}

// remote: the centre's pages of remote control.
func (d *desk) remote() {
	d.t.Helper()
	d.as(second)
	d.open("/devices?q=tay1")
	d.click("#devices tbody a")
	d.shows("device", "Điều khiển từ xa")
	d.click(`form.inline[action$="/order"] button`)
	d.shows("order", "Gửi lệnh", "Cụm loa tay1")
	d.click(`form[action$="/commands"] button`)
	d.b.AwaitWithin(15*time.Second, "the result", `return document.querySelector('#batch').innerText.includes('đã xong')`)
	d.shows("order-result", "đã xong")
	d.open("/commands/new")
	d.shows("orders-new", "Xem lại lệnh")
	d.open("/commands")
	d.shows("orders", "Đặt âm lượng")
}

// atTheDevice: a standing alert is started and stopped with the PIN on the device's own
// page; both stand in the centre's log. After five wrong ones even the right one waits.
func (d *desk) atTheDevice(s *storm, a *agentProcess, pin string) {
	d.t.Helper()
	// A long cycle: the stop must come while it sounds, and not between two.
	id := s.flood("--standing", "--life", "48h", "--repeats", "20", "--interval", "2s", "--sounds", "siren,lead_in,all_ok")
	s.eventually(10*time.Second, "the device keeps the standing alert", func() bool {
		v, ok := a.status()
		return ok && slices.ContainsFunc(v.Alerts, func(x radio.AlertStatus) bool { return x.ID == id && x.Standing && x.State == radio.ReceiptAccepted })
	})
	enter := func(form, pin string) {
		d.b.Visit(a.page() + "/control")
		d.b.Type(`form[action="`+form+`"] [name=pin]`, pin)
		d.b.Click(`form[action="` + form + `"] button`)
	}
	d.b.Visit(a.page() + "/control")
	d.shows("control", "DỪNG PHÁT", "Lũ quét")
	d.look()
	enter("/control/start", pin)
	a.sounds("Lũ quét", 5*time.Second)
	d.b.Visit(a.page() + "/")
	d.shows("device-page", "PHÁT KHẨN CẤP", "Lũ quét")
	enter("/control/stop", pin)
	a.sounds("", 3*time.Second)
	for i := range 5 {
		enter("/control/start", "999999")
		if status := d.b.Status(); i < 4 && status != http.StatusForbidden || i == 4 && status != http.StatusForbidden && status != http.StatusTooManyRequests {
			d.t.Errorf("wrong PIN number %d: status %d", i+1, status)
		}
	}
	enter("/control/start", pin)
	if status := d.b.Status(); status != http.StatusTooManyRequests {
		d.t.Errorf("the right PIN after five wrong ones: status %d", status)
	}
	d.shows("control-locked", "Hãy chờ", "Too many wrong PINs")
	d.b.Complaints() // every refusal is one
	if v, ok := a.status(); !ok || v.Sounding != nil {
		d.t.Errorf("it sounds %+v", v.Sounding)
	}
	s.as(second)
	s.eventually(20*time.Second, "start and stop in the log", func() bool {
		rows := slices.DeleteFunc(s.cyclesOf("tay1"), func(r radio.AsRun) bool { return r.Origin != radio.FromLocal })
		return len(rows) > 0 && rows[len(rows)-1].Reason == radio.ReasonLocalStop && rows[len(rows)-1].Outcome == radio.Partial
	})
	d.as(second)
	d.open("/log?origin=local")
	d.shows("log-local", "Lũ quét")
}
