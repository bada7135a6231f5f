package web

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	chromium "loaxa/internal/e2e/browser"
	"loaxa/internal/radio"
)

// TestBrowserSchedules works at the desk for schedules in a real browser, on a phone's
// screen and on a desk's: the form with its script, a draft with its conflicts, an upload.
func TestBrowserSchedules(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	h := newHouse(t)
	h.plan.schedules[1].Slots[0].Cron = "*/20 6 * 3 *"
	site := httptest.NewServer(h)
	defer site.Close()
	defer h.Live.Close() // pages listen as long as they are open
	b := chromium.Open(t)
	look := func(name string, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			b.Resize(width, 800)
			for _, text := range b.Faults(width) {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		text := b.Text()
		for _, s := range says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the page lacks %q:\n%s", name, s, text)
			}
		}
		for _, line := range b.Complaints() {
			if !strings.Contains(line, "the server responded with a status of") || !strings.Contains(name, "error") {
				t.Errorf("%s: the console says: %s", name, line)
			}
		}
	}
	b.Resize(360, 800)
	b.Visit(site.URL + "/schedules")
	b.Type("[name=login]", "lan")
	b.Type("[name=password]", password)
	b.Click("main button")
	b.Visit(site.URL + "/schedules")
	look("schedules-list", "Lịch mới", "Đang áp dụng")
	b.Visit(site.URL + schedulePath(h, ""))
	b.Eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil)
	look("schedule", "Thu hồi lịch", "Cụm loa đã đồng bộ: 0 / 5")

	b.Visit(site.URL + "/schedules/new")
	b.Type("[name=title]", "Thông báo tiêm phòng")
	b.Type("[name=code]", "tiem-phong")
	b.Press(`[value="area xa-16"]`)
	b.Type("[name='s0.times']", "05:00, 17:30")
	b.Type("[name='s0.i0.bulletin']", "bt-1")
	b.Press(`[value="add-item.0"]`)
	b.Await("the second row", `return document.querySelectorAll('.items li').length === 2`)
	b.Type("[name='s0.i1.bulletin']", "bt-0")
	b.Press(`[value="up-item.0.1"]`)
	b.Await("rows and the end time", `return document.querySelector("[name='s0.i0.bulletin']").value === 'bt-0' && document.querySelector('.ends').textContent.includes('05:01')`)
	b.Eval(`const s = document.querySelector("select[name='s0.days']"); s.value = 'weekdays'; s.dispatchEvent(new Event('change', {bubbles: true}))`, nil)
	b.Press(`[name="s0.dow"][value="2"]`)
	look("schedule-form", "Phát trong: 05:00–05:01", "T2", "Lưu bản nháp")
	b.Eval(`const s = document.querySelector("select[name='s0.days']"); s.value = 'now'; s.dispatchEvent(new Event('change', {bubbles: true}))`, nil)
	b.Await("no time is asked for what plays now", `return document.querySelector("[name='s0.times']").closest('label').hidden && !document.querySelector('[data-days=now]').hidden && document.querySelector('.ends').textContent.includes('ngay sau khi phát hành')`)
	look("schedule-form-now", "trong khoảng hai phút")
	b.Eval(`const s = document.querySelector("select[name='s0.days']"); s.value = 'weekdays'; s.dispatchEvent(new Event('change', {bubbles: true}))`, nil)
	b.Click(`[value="save"]`)
	look("schedule-draft", "Bản nháp", "Thông báo tiêm phòng", "Không có xung đột")
	b.Click(`form[action$="/submit"] button`)

	h.as(personWith("duyet", radio.RoleApprover, radio.Everywhere))
	h.plans.clashes = []radio.Conflict{
		{Kind: radio.ConflictOverlap, VI: "Trùng giờ với lịch “Tuyên truyền Nghị quyết 57 hằng ngày”: bắt đầu trễ 2 phút", EN: "overlaps", At: radio.At(now), Times: 12, DeviceCount: 5},
		{Kind: radio.ConflictHours, VI: "Ngoài khung giờ được phép của Phường Thành Sen", EN: "hours", At: radio.At(now), Times: 1, DeviceCount: 1},
	}
	b.Eval(`location.reload()`, nil)
	b.Await("the approver's page", `return document.body.innerText.includes('Duyệt và phát hành')`)
	look("schedule-approve", "Xung đột (2)", "Tôi đã xem và chấp nhận")
	b.Press(`[name=accept]`)
	b.Click(`form[action$="/publish"] button`)
	look("schedule-air", "Đang áp dụng: bản 1", "Cụm loa đã đồng bộ: 0 / 2")

	h.as(lan)
	b.Visit(site.URL + schedulePath(h, "/edit"))
	b.Eval(`document.querySelector('[name=title]').value = ''`, nil)
	b.Click(`[value="save"]`)
	look("schedule-form-error", "Chưa lưu", "Tên lịch: không được để trống")
	b.Visit(site.URL + "/schedules/upload")
	look("schedule-upload", "Kiểm tra tệp", "Tệp mẫu")
	b.Eval(`const d = new DataTransfer(); d.items.add(new File([arguments[0]], 'lịch tuần.csv')); document.querySelector('[type=file]').files = d.files`, nil, uploadCSV)
	b.Click("main form button")
	look("schedule-upload-shown", "Lưu 1 bản nháp", "Lịch <mới>")
	b.Visit(site.URL + schedulePath(h, "/devices"))
	look("schedule-devices", "máy chủ chưa phát hành")
}
