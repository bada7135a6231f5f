package web

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

var pictures = flag.String("pictures", "", "folder in which TestBrowser leaves a picture of every page")

// faults looks at a page as a person on a phone would have to use it, and lists what
// is wrong: WCAG 2.2 contrast (1.4.3), names of inputs (4.1.2), size of targets (2.5.8,
// where we ask for 44 pixels of what is pressed often), and no sideways scrolling.
const faults = `
const out = [];
const root = document.documentElement;
if (root.scrollWidth > arguments[0]) out.push('the page is ' + root.scrollWidth + ' wide');
if (root.lang !== 'vi') out.push('no language');
if (document.querySelectorAll('h1').length !== 1) out.push('not one h1');
const shown = e => e.checkVisibility() && e.getClientRects().length > 0;
const name = e => e.tagName.toLowerCase() + ' "' + (e.name || e.textContent || '').trim().slice(0, 40) + '"';
for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
	const label = [...(e.labels || [])].map(l => l.textContent.trim()).join('') || e.getAttribute('aria-label');
	if (!label) out.push(name(e) + ' has no label');
}
for (const e of document.querySelectorAll('button, input:not([type=hidden]), select, header nav a, .button, .tiles a, summary')) {
	if (shown(e) && e.getBoundingClientRect().height < 43.5) out.push(name(e) + ' is ' + e.getBoundingClientRect().height + ' high');
}
for (const e of document.querySelectorAll('a')) {
	if (shown(e) && e.getBoundingClientRect().height < 24 && !e.closest('p, dd, .skip')) out.push(name(e) + ' is a link of ' + e.getBoundingClientRect().height);
}
for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) out.push('an image without alt');
for (const e of document.querySelectorAll('.tag')) if (!e.textContent.trim()) out.push('a state by colour alone');
const rgb = c => c.match(/[\d.]+/g).map(Number);
const light = c => rgb(c).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
	const e = texts.currentNode.parentElement;
	if (!texts.currentNode.textContent.trim() || !shown(e) || e.closest('.skip, :disabled')) continue;
	const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
	const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	if (contrast < 4.5) out.push(name(e) + ' has a contrast of ' + contrast.toFixed(2));
}
return [...new Set(out)];`

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
	b := openBrowser(t)
	row := h.log.rows[62]
	look := func(name string, rows int, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			b.resize(width, 800)
			var bad []string
			b.eval(faults, &bad, width)
			for _, text := range bad {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		var page struct {
			Text string
			Rows int
		}
		b.eval(`return {Text: document.body.innerText, Rows: document.querySelectorAll('tbody tr').length}`, &page)
		for _, text := range says {
			if !strings.Contains(page.Text, text) {
				t.Errorf("%s: the page lacks %q:\n%s", name, text, page.Text)
			}
		}
		if page.Rows != rows {
			t.Errorf("%s: %d rows, want %d", name, page.Rows, rows)
		}
		for _, line := range b.complaints() {
			// The console notes every answer of status 400 and more; those are asked for here.
			if !strings.Contains(line, "the server responded with a status of") || !strings.Contains(name, "error") {
				t.Errorf("%s: the console says: %s", name, line)
			}
		}
	}

	b.resize(360, 800)
	b.open(site.URL + "/log") // a stranger is sent to the form
	look("login", 0, "Đăng nhập")
	b.typeIn("[name=login]", "Lan")
	b.typeIn("[name=password]", "sai rồi")
	b.click("main button")
	look("login-error", 0, "Sai tên đăng nhập hoặc mật khẩu.")
	b.typeIn("[name=password]", password)
	b.click("main button")
	look("overview", 1, "Nguyễn Thị Lan", "mất kết nối", "Cần xử lý")

	b.click(`nav a[href="/bulletins"]`)
	b.eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil)
	look("bulletins", 5, "Bản tin mới", "Tin dự báo áp thấp nhiệt đới", "Chờ duyệt")
	b.click(`nav a[href="/schedules"]`)
	look("schedules", 2, "05:00, 17:00 · thứ Hai đến thứ Bảy")
	b.click(`nav a[href="/campaigns"]`)
	look("campaigns", 0, "Đang thực hiện", "12.000 lượt")
	b.click("main h2 a")
	look("campaign", 4, "Theo xã/phường", "Kỹ năng số")
	b.click(`main a[href$="/edit"]`)
	look("campaign-form", 0, "Đến hết ngày", "Chuyên đề 4")

	was := *h.plan
	*h.plan = *weekHouse(t).plan
	b.open(site.URL + "/schedules/week")
	look("week-choose", 0, "Chọn xã/phường, rồi")
	b.open(site.URL + "/schedules/week?from=2025-11-26&commune=" + string(h.plan.places[0].Commune().ID))
	look("week", 16, "giờ đêm", "sẽ không phát", "chỉ 1 cụm loa", "Không vào được chương trình")
	b.click(`[rel=prev]`)
	look("week-this", 2, "hôm nay", "Đã qua: xem nhật ký phát sóng")
	device := "/schedules/week?device=" + string(h.plan.places[0].Device.ID)
	b.open(site.URL + device)
	look("week-device", strings.Count(h.ask(t, "GET", device, "").Body.String(), `<td class="wide"><b>`), "Phát thiếu", "sẽ phát")
	*h.plan = was

	b.click(`nav a[href="/log"]`)
	look("log", len(h.log.pick(h.log.asked())), "Chưa đến giờ", "Phát thiếu", "Phường Thành Sen")
	b.eval(`document.querySelector('[name=from]').value = ''; document.querySelector('[name=to]').value = ''; document.querySelector('[name=outcome]').value = 'missed'`, nil)
	b.click("main form button")
	filter := h.log.asked()
	if filter.Outcome != "missed" || filter.From != "" {
		t.Errorf("the form asks for %+v", filter)
	}
	look("log-missed", len(h.log.pick(filter)), "Không phát")
	b.open(site.URL + "/log?from=2025-11-01")
	look("log-many", logRows, "Trang sau")
	b.click(`[rel=next]`)
	look("log-next", logRows, "Trang đầu")
	b.open(site.URL + "/log/" + string(row.Key.Device) + "/" + string(row.Airing))
	look("history", 2, "Không phản hồi", "Các lần xác nhận", "giữ lô có chữ ký")
	b.open(site.URL + "/log/days?day=2025-11-21")
	look("days", 1+2, "✓", "✗", "Tất cả xã/phường")
	b.click(`tbody tr:nth-child(2) td a`)
	look("days-cell", len(h.log.pick(h.log.asked())), "Khung giờ")
	b.open(site.URL + "/log/bulletin/" + string(h.plan.bulletins[0].ID))
	look("log-bulletin", strings.Count(h.ask(t, "GET", "/log/bulletin/"+string(h.plan.bulletins[0].ID), "").Body.String(), "<tr>")-2, "Những nơi thiếu", "Theo xã/phường")
	b.open(site.URL + "/log?outcome=x&from=y")
	look("error", 0, "Thông tin chưa hợp lệ.", "Kết quả:")

	b.open(site.URL + "/bulletins")
	b.click(".who button")
	look("logged-out", 0, "Đăng nhập")
	b.open(site.URL + "/")
	look("still-out", 0, "Đăng nhập")
}
