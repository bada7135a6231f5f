package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestExplainPage(t *testing.T) {
	h := newHouse(t)
	want(t, h.ask(t, http.MethodGet, "/explain", ""), http.StatusOK, "Chọn một cụm loa và một thời điểm", h.plan.places[0].Commune().Name)
	if len(h.why.asked) != 0 {
		t.Errorf("asked %q without a device", h.why.asked)
	}
	path := "/explain?device=" + h.deviceOf(0) + "&at="
	w := h.ask(t, http.MethodGet, path+"2026-11-23T05:00", "")
	want(t, w, http.StatusOK, "Bị chặn &lt;ở đây&gt;.", "Tin &lt;trưa&gt;", `href="/schedules/01S"`, "bản ghi 17", "chặn lại", "Ngoài giờ.", "Hai lượt liền không ra tiếng.", "Kiểm tra dây loa.",
		`value="2026-11-23T05:00"`, "← Lượt trước đó", `href="/log/`+h.deviceOf(0)+"/"+id[string]('x', 1))
	if w.Body.Len() > 100_000 {
		t.Errorf("page of %d bytes", w.Body.Len())
	}
	english := h.ask(t, http.MethodGet, path+"2026-11-23T05:00", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: languageCookie, Value: "en"}) })
	want(t, english, http.StatusOK, "Stopped &lt;here&gt;.", "Outside.", "stops it", "Check the speaker cable.")
	want(t, h.ask(t, http.MethodGet, "/api/v1/explain?device="+h.deviceOf(0)+"&at=2026-11-23T05:00", ""), http.StatusOK, `"kind":"policy"`, `"verdict":"stops"`, `"rule":"no_output"`)
	want(t, h.ask(t, http.MethodGet, "/api/v1/devices/"+h.deviceOf(0)+"/diagnosis", ""), http.StatusOK, `"rule":"no_output"`)
	for _, bad := range []string{"hôm qua", "2026-11-23", "25:00"} {
		want(t, h.ask(t, http.MethodGet, "/api/v1/explain?device="+h.deviceOf(0)+"&at="+strings.ReplaceAll(bad, " ", "+"), ""), http.StatusUnprocessableEntity, `"field":"at"`)
	}
	h.why.err = fmt.Errorf("explain: %w", radio.ErrNotFound)
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusNotFound)
}

// TestExplainInstants: forms send the local clock's time, programs an instant; without
// one it is now.
func TestExplainInstants(t *testing.T) {
	h := newHouse(t)
	at := radio.At(time.Date(2026, time.November, 22, 22, 0, 5, 0, time.UTC))
	for text, want := range map[string]radio.Millis{"": radio.At(now), "2026-11-23T05:00": at - 5000, "2026-11-23T05:00:05": at, "2026-11-23T05:00:05%2B07:00": at, "2026-11-22T22:00:05.250Z": at + 250} {
		h.why.asked = nil
		h.ask(t, http.MethodGet, "/api/v1/explain?device="+h.deviceOf(0)+"&at="+text, "")
		if got, ask := strings.Join(h.why.asked, ", "), fmt.Sprintf("%s %d", h.deviceOf(0), want); got != ask {
			t.Errorf("%q asks %q, want %q", text, got, ask)
		}
	}
}

// TestExplainIsNarrow: nobody is told about a device outside their areas, and whoever may
// not read about devices is not told of their health.
func TestExplainIsNarrow(t *testing.T) {
	h := newHouse(t)
	h.onlyIn(0)
	for _, c := range []struct {
		path   string
		status int
	}{
		{"/explain?device=" + h.deviceOf(0), 200},
		{"/explain?commune=" + h.communeOf(0), 200},
		{"/explain?device=" + h.deviceOf(2), 404},
		{"/explain?commune=" + h.communeOf(2), 404},
		{"/explain?device=" + h.deviceOf(2) + "&commune=" + h.communeOf(0), 404},
		{"/explain?device=nobody", 422},
		{"/api/v1/explain?device=" + h.deviceOf(0), 200},
		{"/api/v1/explain?device=" + h.deviceOf(2), 404},
		{"/api/v1/explain?device=" + id[string]('z', 9), 404},
		{"/api/v1/explain?device=" + h.deviceOf(2) + "&commune=" + h.communeOf(0), 404},
	} {
		h.why.asked = nil
		want(t, h.ask(t, http.MethodGet, c.path, ""), c.status)
		if c.status != 200 && len(h.why.asked) != 0 {
			t.Errorf("%s: refused, but %q was looked at", c.path, h.why.asked)
		}
	}
	h.people.is(h.person(asker{role: radio.RoleProvider}))
	w := h.ask(t, http.MethodGet, "/api/v1/explain?device="+h.deviceOf(0), "")
	want(t, w, http.StatusOK, `"kind":"policy"`)
	if strings.Contains(w.Body.String(), "no_output") {
		t.Error("a provider is told of the device's health")
	}
	// Who runs the loudspeakers of another commune is none the wiser here.
	h.people.is(&radio.Person{ID: lan.ID, Name: lan.Name, Grants: []radio.Grant{{Role: radio.RoleProvider, Area: h.area(own)}, {Role: radio.RoleOperator, Area: h.area(foreign)}}})
	for _, path := range []string{"/api/v1/explain?device=", "/explain?device="} {
		w = h.ask(t, http.MethodGet, path+h.deviceOf(0), "")
		want(t, w, http.StatusOK)
		if strings.Contains(w.Body.String(), "no_output") || strings.Contains(w.Body.String(), "Kiểm tra dây loa.") {
			t.Errorf("%s tells a provider, who is an operator elsewhere, of the device's health", path)
		}
	}
	want(t, h.ask(t, http.MethodGet, "/api/v1/explain?device="+h.deviceOf(2), ""), http.StatusOK, "no_output")
}

// TestWhyLinks: every row of the log, and every cell of the week, leads to its
// explanation.
func TestWhyLinks(t *testing.T) {
	h := weekHouse(t)
	row := h.log.rows[0]
	link := strings.ReplaceAll(whyPath("", row.Key.Device, row.Start), "&", "&amp;")
	page := h.ask(t, http.MethodGet, "/log?from="+string(row.Day)+"&to="+string(row.Day), "")
	want(t, page, http.StatusOK, `href="`+link+`"`)
	if rows, links := strings.Count(page.Body.String(), "<tr>\n  <td data-label"), strings.Count(page.Body.String(), `href="/explain?`); rows == 0 || rows != links {
		t.Errorf("%d rows with %d links", rows, links)
	}
	want(t, h.ask(t, http.MethodGet, "/log/"+string(row.Key.Device)+"/"+string(row.Airing), ""), http.StatusOK, `href="`+link+"#"+string(row.Airing)+`"`)
	week := h.ask(t, http.MethodGet, "/schedules/week?device="+h.deviceOf(0), "").Body.String()
	if cells, links := strings.Count(week, `<td class="wide"><b>`), strings.Count(week, `href="/explain?at=`); cells == 0 || cells != links || !strings.Contains(week, "device="+h.deviceOf(0)) {
		t.Errorf("%d cells with %d links", cells, links)
	}
	want(t, h.ask(t, http.MethodGet, "/schedules/week?commune="+h.communeOf(0), ""), http.StatusOK, "commune="+h.communeOf(0))
	want(t, h.ask(t, http.MethodGet, "/devices/"+h.deviceOf(0), ""), http.StatusOK, "Tự chẩn đoán", "Kiểm tra dây loa.", "đang kết nối tốt", `href="/explain?at=`)
}
