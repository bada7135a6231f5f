package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestPlacesReport: the page names lines and fields in the reader's words, and says that
// there are more problems than it shows.
func TestPlacesReport(t *testing.T) {
	h := newHouse(t)
	send := func(path, content string) *httptest.ResponseRecorder {
		body, kind := multipartFile(t, "noi.csv", content)
		return h.ask(t, http.MethodPost, path, body, func(r *http.Request) { r.Header.Set("Content-Type", kind) })
	}
	device := h.plan.places[0].Device
	const head = "Loại;Mã;Tên;Mã cấp trên;Tốc độ (kbit/s)\n"
	w := send("/areas/import/check", head+fmt.Sprintf("cụm loa;%s;Cụm mới;%s;32\n", device.Code, h.plan.places[0].Hamlet().Code))
	want(t, w, http.StatusOK, "Tệp đúng; chưa lưu gì.", "Tên: "+device.Name+" → Cụm mới", "Tốc độ (kbit/s): 64 → 32")
	for _, word := range []string{"name: ", "rendition", "hamlet"} {
		if strings.Contains(w.Body.String(), word) {
			t.Errorf("the page says %q", word)
		}
	}
	many := head + strings.Repeat("thôn;;A;xa-1;\n", 700)
	w = send("/areas/import/check", many)
	want(t, w, http.StatusUnprocessableEntity, "Tệp có 700 lỗi; chưa lưu gì.", "Dưới đây là 300 lỗi đầu", "Dòng 2, cột 1", "thiếu mã")
	if n := w.Body.Len(); n > 100_000 {
		t.Errorf("the page has %d bytes", n)
	}
	if n := strings.Count(send("/api/v1/areas/import/check", many).Body.String(), "noi.csv:"); n != 700 {
		t.Errorf("a program is told of %d lines, want 700", n)
	}
}

// TestLogOfMergedCommunes: the rows of before a merger stand under the old names, so the log
// of a commune leads to them, and back; the old one stays chosen in the filter.
func TestLogOfMergedCommunes(t *testing.T) {
	h := newHouse(t)
	old := h.plan.places[0].Chain[1]
	now := radio.Area{ID: id[radio.AreaID]('n', 7), Code: "xa-moi", Kind: radio.Commune, Name: "Xã Mới Lập", Parent: old.Parent, ValidFrom: "2025-11-20"}
	for i, p := range h.plan.places {
		if p.Chain[1].ID != old.ID {
			continue
		}
		was := p.Chain[1]
		was.Parent, was.ValidTo = now.ID, "2025-11-19"
		h.plan.places[i].Chain = append([]radio.Area{p.Chain[0], now, was}, p.Chain[2:]...)
	}
	link := func(a radio.AreaID) string { return fmt.Sprintf(`<a href="/log?commune=%s&amp;from=2025-11-01">`, a) }
	want(t, h.ask(t, http.MethodGet, "/log?from=2025-11-01&commune="+string(now.ID), ""), http.StatusOK, "đứng tên xã, phường của ngày phát", link(old.ID)+old.Name+"</a>", "(đến ngày 2025-11-19)")
	want(t, h.ask(t, http.MethodGet, "/log?from=2025-11-01&commune="+string(old.ID), ""), http.StatusOK,
		link(now.ID)+"Xã Mới Lập</a>", fmt.Sprintf(`<option value="%s" selected>%s → Xã Mới Lập</option>`, old.ID, old.Name))
	if w := h.ask(t, http.MethodGet, "/log?commune="+string(h.area(foreign)), ""); strings.Contains(w.Body.String(), "đứng tên xã, phường của ngày phát") {
		t.Error("a commune that took nobody has other days")
	}
	// The clusters are found by the old name and code, and by an address kept from before.
	h.lives.names = []radio.AreaName{{Area: now.ID, Code: "xa-tam", Name: "Xã Tạm Gọi", Until: "2025-11-19"}}
	for _, q := range []string{"q=" + url.QueryEscape(radio.Fold(old.Name)), "q=" + old.Code, "q=xa-tam", "q=tam+goi", "commune=" + string(old.ID), "commune=" + string(now.ID)} {
		want(t, h.ask(t, http.MethodGet, "/api/v1/devices?"+q, ""), http.StatusOK, `"code":"`+h.plan.places[0].Device.Code+`"`)
	}
	// Whoever reads the old one alone goes on to see its clusters, and no other.
	h.readerIn(old.ID)
	if w := h.ask(t, http.MethodGet, "/api/v1/devices", ""); strings.Count(w.Body.String(), `"commune":`) != 2 {
		t.Errorf("the old commune's operator sees %d clusters", strings.Count(w.Body.String(), `"commune":`))
	}
	// Who may not read the new one is not led there.
	h.readerIn(h.area(foreign))
	if w := h.ask(t, http.MethodGet, "/log", ""); strings.Contains(w.Body.String(), "Xã Mới Lập") {
		t.Error("a commune's reader sees another one")
	}
}

// TestUndoneChangeOfAreas: what could not be done on its day stands on the first page of who
// can mend it, and of nobody else. It stood on the page of the areas alone.
func TestUndoneChangeOfAreas(t *testing.T) {
	h := newHouse(t)
	h.lives.changes = []radio.AreaChange{
		{ID: id[radio.AreaChangeID]('q', 1), Kind: radio.RenameArea, From: "2025-11-20", Name: "X", Failed: "Mã đã có."},
		{ID: id[radio.AreaChangeID]('q', 2), Kind: radio.RenameArea, From: "2025-11-20", Name: "Y", Failed: "Mã đã có.", DroppedAt: 1},
		{ID: id[radio.AreaChangeID]('q', 3), Kind: radio.RenameArea, From: "2030-01-01", Name: "Z"},
	}
	const said = "1 quyết định về địa bàn chưa thực hiện được"
	want(t, h.ask(t, http.MethodGet, "/", ""), http.StatusOK, said, `href="/areas#changes"`)
	h.readerIn(h.area(own))
	if w := h.ask(t, http.MethodGet, "/", ""); strings.Contains(w.Body.String(), "quyết định về địa bàn") {
		t.Error("a commune's operator is told of it")
	}
}
