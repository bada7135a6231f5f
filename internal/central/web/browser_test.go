package web

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/e2e/browser"
)

var pictures = flag.String("pictures", "", "folder in which TestBrowser leaves a picture of every page")

// TestBrowser walks through the pages in a real browser, on a phone's screen of 360
// pixels and on a desk's of 1280.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	h := newHouse(t)
	withCampaign(h)
	site := httptest.NewServer(h)
	defer site.Close()
	defer h.Live.Close() // pages listen as long as they are open
	b := browser.Open(t)
	row := h.log.rows[62]
	look := func(name string, rows int, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			for _, text := range b.Faults(width) {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		var page struct {
			Text string
			Rows int
		}
		b.Eval(`return {Text: document.body.innerText, Rows: document.querySelectorAll('tbody tr').length}`, &page)
		for _, text := range says {
			if !strings.Contains(page.Text, text) {
				t.Errorf("%s: the page lacks %q:\n%s", name, text, page.Text)
			}
		}
		if page.Rows != rows {
			t.Errorf("%s: %d rows, want %d", name, page.Rows, rows)
		}
		for _, line := range b.Complaints() {
			// The console notes every answer of status 400 and more; those are asked for here.
			if !strings.Contains(line, "the server responded with a status of") || !strings.Contains(name, "error") {
				t.Errorf("%s: the console says: %s", name, line)
			}
		}
	}

	b.Resize(360, 800)
	b.Visit(site.URL + "/log") // a stranger is sent to the form
	look("login", 0, "Đăng nhập")
	b.Type("[name=login]", "Lan")
	b.Type("[name=password]", "sai rồi")
	b.Click("main button")
	look("login-error", 0, "Sai tên đăng nhập hoặc mật khẩu.")
	b.Type("[name=password]", password)
	b.Click("main button")
	look("overview", 1, "Nguyễn Thị Lan", "mất kết nối", "Cần xử lý")

	b.Click(`nav a[href="/bulletins"]`)
	b.Eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil)
	look("bulletins", 5, "Bản tin mới", "Tin dự báo áp thấp nhiệt đới", "Chờ duyệt")
	b.Click(`nav a[href="/schedules"]`)
	look("schedules", 2, "05:00, 17:00 · thứ Hai đến thứ Bảy")
	b.Click(`nav a[href="/campaigns"]`)
	look("campaigns", 0, "Đang thực hiện", "12.000 lượt")
	b.Click("main h2 a")
	look("campaign", 4, "Theo xã/phường", "Kỹ năng số")
	b.Click(`main a[href$="/edit"]`)
	look("campaign-form", 0, "Đến hết ngày", "Chuyên đề 4")

	was := *h.plan
	*h.plan = *weekHouse(t).plan
	b.Visit(site.URL + "/schedules/week")
	look("week-choose", 0, "Chọn xã/phường, rồi")
	b.Visit(site.URL + "/schedules/week?from=2025-11-26&commune=" + string(h.plan.places[0].Commune().ID))
	look("week", 16, "giờ đêm", "sẽ không phát", "chỉ 1 cụm loa", "Không vào được chương trình")
	b.Click(`[rel=prev]`)
	look("week-this", 2, "hôm nay", "Đã qua: xem nhật ký phát sóng")
	b.Visit(site.URL + "/schedules/rehearsal")
	look("rehearsal", strings.Count(h.ask(t, "GET", "/schedules/rehearsal", "").Body.String(), "<tr>")-3, "Từng xã/phường", "Cách xử lý:", "Âm thanh còn phải tải, từng cụm loa")
	commune := "/schedules/rehearsal?from=2025-11-24&to=2025-11-26&commune=" + string(h.plan.places[0].Commune().ID)
	b.Visit(site.URL + commune)
	look("rehearsal-commune", strings.Count(h.ask(t, "GET", commune, "").Body.String(), "<tr")-4, "Từng thôn, tổ dân phố", "Phát gì, lúc nào", "sẽ không phát")
	device := "/schedules/week?device=" + string(h.plan.places[0].Device.ID)
	b.Visit(site.URL + device)
	look("week-device", strings.Count(h.ask(t, "GET", device, "").Body.String(), `<td class="wide"><b>`), "Phát thiếu", "sẽ phát")
	*h.plan = was

	b.Click(`nav a[href="/log"]`)
	look("log", len(h.log.pick(h.log.asked())), "Chưa đến giờ", "Phát thiếu", "Phường Thành Sen")
	b.Eval(`document.querySelector('[name=from]').value = ''; document.querySelector('[name=to]').value = ''; document.querySelector('[name=outcome]').value = 'missed'`, nil)
	b.Click("main form button")
	filter := h.log.asked()
	if filter.Outcome != "missed" || filter.From != "" {
		t.Errorf("the form asks for %+v", filter)
	}
	look("log-missed", len(h.log.pick(filter)), "Không phát")
	b.Visit(site.URL + "/log?from=2025-11-01")
	look("log-many", logRows, "Trang sau")
	b.Click(`[rel=next]`)
	look("log-next", logRows, "Trang đầu")
	b.Visit(site.URL + "/log/" + string(row.Key.Device) + "/" + string(row.Airing))
	look("history", 2+3, "Không phản hồi", "Các lần xác nhận", "giữ lô có chữ ký", "Ai chịu trách nhiệm")
	b.Visit(site.URL + "/log/days?day=2025-11-21")
	look("days", 1+2, "✓", "✗", "Tất cả xã/phường")
	b.Click(`tbody tr:nth-child(2) td a`)
	look("days-cell", len(h.log.pick(h.log.asked())), "Khung giờ")
	b.Visit(site.URL + "/log/bulletin/" + string(h.plan.bulletins[0].ID))
	look("log-bulletin", strings.Count(h.ask(t, "GET", "/log/bulletin/"+string(h.plan.bulletins[0].ID), "").Body.String(), "<tr>")-2, "Những nơi thiếu", "Theo xã/phường")
	b.Visit(site.URL + "/log?outcome=x&from=y")
	look("error", 0, "Thông tin chưa hợp lệ.", "Kết quả:")

	b.Visit(site.URL + "/bulletins")
	b.Click(".who button")
	look("logged-out", 0, "Đăng nhập")
	b.Visit(site.URL + "/")
	look("still-out", 0, "Đăng nhập")
}
