package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestModesByForm writes dates, repeated times and a variant by the page without a script;
// the page shows them in words, the edit form brings them back, the API tells the ends.
func TestModesByForm(t *testing.T) {
	h := newHouse(t)
	q := inputs(t, h.ask(t, http.MethodGet, "/schedules/new", "").Body.String())
	press := func(do string, status int) string {
		t.Helper()
		q.Set("do", do)
		w := h.ask(t, http.MethodPost, "/schedules", q.Encode())
		want(t, w, status)
		if status == http.StatusSeeOther {
			return w.Header().Get("Location")
		}
		q = inputs(t, w.Body.String())
		return w.Body.String()
	}
	press("add-variant.0.0", http.StatusOK)
	press("add-variant.0.0", http.StatusOK)
	q.Set("title", "Chuyên đề")
	q.Set("code", "chuyen-de")
	q.Set("area", "ha-tinh")
	q["target"] = []string{"area xa-16", "device loa-04"}
	q.Set("s0.times", "5h")
	q.Set("s0.again", "2")
	q.Set("s0.every", "20")
	q.Set("s0.days", "dates")
	q.Set("s0.dates", "20/12/2025; 24/12/2025")
	q.Set("s0.i0.bulletin", "bt-0")
	q.Set("s0.i0.v0.place", "cụm:loa-04")
	q.Set("s0.i0.v0.bulletin", "bt-1")
	if body := press("ends", http.StatusOK); !strings.Contains(body, "05:00–05:0") || !strings.Contains(body, "05:40–05:4") {
		t.Error("the form does not tell when the repeated times end")
	}
	q.Set("s0.i0.v1.bulletin", "bt-1")
	if body := press("save", http.StatusUnprocessableEntity); !strings.Contains(body, "Khung 1, mục 1: Bản riêng: hãy chọn nơi phát bản này") {
		t.Error("a variant without a place is not told")
	}
	press("drop-variant.0.0.1", http.StatusOK)
	page := press("save", http.StatusSeeOther)
	schedule := radio.ScheduleID(strings.TrimPrefix(page, "/schedules/"))
	sl := h.plans.drafts[schedule].Doc.Slots
	if len(sl) != 1 || sl[0].Cron != "0,20,40 5 20,24 12 *" || !slices.Equal(sl[0].Dates, []radio.Date{"2025-12-20", "2025-12-24"}) || sl[0].Again != 2 || len(sl[0].Items[0].Variants) != 1 {
		t.Fatalf("%+v", sl)
	}
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "05:00 (thêm 2 lần, cách nhau 20 phút) · 20/12/2025, 24/12/2025", "phát bản riêng: ", "05:40–05:4")
	back := inputs(t, h.ask(t, http.MethodGet, page+"/edit", "").Body.String())
	for key, value := range map[string]string{"s0.times": "05:00", "s0.again": "2", "s0.every": "20", "s0.days": "dates", "s0.dates": "20/12/2025, 24/12/2025",
		"s0.i0.v0.place": "cụm:loa-04", "s0.i0.v0.bulletin": "bt-1", "s0.i0.variants": "1"} {
		if back.Get(key) != value {
			t.Errorf("the form comes back with %s %q, want %q", key, back.Get(key), value)
		}
	}
	answer := h.ask(t, http.MethodGet, "/api/v1"+page, "")
	want(t, answer, http.StatusOK, `"again":2`, `"dates":["2025-12-20","2025-12-24"]`, `"ends":["05:0`, `"variants":[{"device":"loa-04","bulletin":"bt-1"}]`)

	// A rule takes the place of all that.
	back.Set("do", "save")
	back.Set("s0.days", "cron")
	back.Set("s0.cron", "*/20 5 * * 1")
	want(t, h.ask(t, http.MethodPost, page+"/edit", back.Encode()), http.StatusSeeOther)
	if sl := h.plans.drafts[schedule].Doc.Slots; sl[0].Cron != "*/20 5 * * 1" || len(sl[0].Dates) != 0 || sl[0].Again != 0 {
		t.Errorf("%+v", sl)
	}
}

// Play now is one of the kinds of days; a time left in the form from another kind is not read.
func TestPlayNowByForm(t *testing.T) {
	h := newHouse(t)
	q := inputs(t, h.ask(t, http.MethodGet, "/schedules/new", "").Body.String())
	for key, value := range map[string]string{"title": "Thông báo mất nước", "code": "mat-nuoc", "area": "ha-tinh", "s0.times": "5h", "s0.again": "2", "s0.every": "20", "s0.days": "now", "s0.i0.bulletin": "bt-0"} {
		q.Set(key, value)
	}
	q["target"] = []string{"area xa-16"}
	q.Set("do", "ends")
	want(t, h.ask(t, http.MethodPost, "/schedules", q.Encode()), http.StatusOK, "Phát trong: ngay sau khi phát hành, dài ")
	q.Set("do", "save")
	w := h.ask(t, http.MethodPost, "/schedules", q.Encode())
	want(t, w, http.StatusSeeOther)
	page := w.Header().Get("Location")
	if sl := h.plans.drafts[radio.ScheduleID(strings.TrimPrefix(page, "/schedules/"))].Doc.Slots; len(sl) != 1 || !sl[0].Now || sl[0].Again != 0 {
		t.Fatalf("%+v", sl)
	}
	want(t, h.ask(t, http.MethodGet, page, ""), http.StatusOK, "phát ngay khi được phát hành")
	h.inEnglish(t, page, "plays as soon as it is published")
	if back := inputs(t, h.ask(t, http.MethodGet, page+"/edit", "").Body.String()); back.Get("s0.days") != "now" || back.Get("s0.times") != "" {
		t.Errorf("the form comes back with %q %q", back.Get("s0.days"), back.Get("s0.times"))
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1"+page, ""), http.StatusOK, `"now":true`)
}

// Rows beyond the bounds were not made by our page.
func TestEditBoundsVariants(t *testing.T) {
	e := readEdit(url.Values{"slots": {"1"}, "s0.items": {"1"}, "s0.i0.variants": {"99999999"}})
	if n := len(e.Slots[0].Items[0].Variants); n != radio.MaxVariants {
		t.Errorf("%d variants", n)
	}
	for _, do := range []string{"add-variant.0.0", "add-variant.0.7", "drop-variant.0.0.99", "drop-variant.0.0.-1", "drop-variant.0.0", "add-variant"} {
		e.change(do)
	}
	if n := len(e.Slots[0].Items[0].Variants); n != radio.MaxVariants {
		t.Errorf("%d variants after the buttons", n)
	}
}
