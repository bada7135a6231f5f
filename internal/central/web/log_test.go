package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestLogFilter(t *testing.T) {
	device, commune := id[string]('d', 1), id[string]('c', 16)
	for _, c := range []struct {
		name, query string
		want        radio.LogFilter
		fields      []string // with a problem
	}{
		{"nothing", "", radio.LogFilter{}, nil},
		{"all", "from=2025-11-20&to=2025-11-22&commune=" + commune + "&device=" + device + "&outcome=missed&campaign=" + id[string]('g', 1) + "&bulletin=" + id[string]('b', 1),
			radio.LogFilter{From: "2025-11-20", To: "2025-11-22", Commune: radio.AreaID(commune), Device: radio.DeviceID(device), Outcome: radio.Missed, Campaign: id[radio.CampaignID]('g', 1), Bulletin: id[radio.BulletinID]('b', 1)}, nil},
		{"an empty form", "from=&to=&commune=&device=&outcome=", radio.LogFilter{}, nil},
		{"days that are none", "from=2025-02-30&to=hôm nay", radio.LogFilter{}, []string{"from", "to"}},
		{"days in the wrong order", "from=2025-11-22&to=2025-11-20", radio.LogFilter{}, []string{"to"}},
		{"ids that are none", "commune=1&device=%27+OR+1%3D1--&campaign=x&bulletin=" + strings.Repeat("A", 100), radio.LogFilter{}, []string{"commune", "device", "campaign", "bulletin"}},
		{"no such outcome", "outcome=heard", radio.LogFilter{}, []string{"outcome"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			h := newHouse(t)
			if len(c.fields) == 0 {
				f := logFilter(q)
				if back := logFilter(filterQuery(f)); !reflect.DeepEqual(f, c.want) || !reflect.DeepEqual(back, f) {
					t.Errorf("%+v, round trip %+v", f, back)
				}
				want(t, h.ask(t, http.MethodGet, "/log?"+q.Encode(), ""), http.StatusOK)
				return
			}
			page, twin := h.ask(t, http.MethodGet, "/log?"+q.Encode(), ""), h.ask(t, http.MethodGet, "/api/v1/log?"+q.Encode(), "")
			for _, field := range c.fields {
				want(t, page, http.StatusUnprocessableEntity, fieldText(field))
				want(t, twin, http.StatusUnprocessableEntity, `"field":"`+field+`"`)
			}
		})
	}
}

func FuzzLogFilter(f *testing.F) {
	f.Add("from=2025-11-20&to=2025-11-22&outcome=missed")
	f.Add("device=" + id[string]('d', 1) + "&commune=%27")
	f.Add("%zz&&=&from=from")
	f.Fuzz(func(t *testing.T, query string) {
		// As net/http does, what cannot be read of a query is left out.
		q, _ := url.ParseQuery(query)
		filter := logFilter(q)
		if back := logFilter(filterQuery(filter)); !reflect.DeepEqual(back, filter) {
			t.Fatalf("round trip of %+v: %+v", filter, back)
		}
	})
}

func TestCursor(t *testing.T) {
	for _, bad := range []string{"x", "-1." + id[string]('a', 1)} {
		want(t, newHouse(t).ask(t, http.MethodGet, "/log?after="+bad, ""), http.StatusUnprocessableEntity, "Trang:")
	}
}

// TestLogQueryIsStrict: what is not understood must not answer with the whole log.
func TestLogQueryIsStrict(t *testing.T) {
	for _, c := range []struct {
		query  string
		status int
		says   []string // in JSON
		page   int      // status of the page; 0 for the same; what it does not know it leaves out, and says so
	}{
		{"bogus=1", 422, []string{`"field":"bogus"`, "không có bộ lọc này", "no such parameter"}, 200},
		{"day=xx", 422, []string{`"field":"day"`}, 200},
		{"bogus=1&from=2025-11-20&" + strings.Repeat("x", 300) + "=1", 422, []string{`"field":"bogus"`, `xxx…"`}, 200},
		{"from=2025-11-20&from=2025-11-21", 422, []string{`"field":"from"`, "chỉ được ghi một lần", "given more than once"}, 0},
		{"commune=%00%27;drop", 400, []string{"semicolon", "không đọc được"}, 0},
		{"commune=%00%27%3Bdrop", 422, []string{`"field":"commune"`, "not a value of this filter"}, 0},
		{"from=%zz", 400, []string{"invalid URL escape", "không đọc được"}, 0},
		{"limit=-1", 422, []string{`"field":"limit"`, "số dòng từ 1 đến 1000", "want 1 to 1000"}, 200},
		{"limit=0", 422, []string{`"field":"limit"`}, 200},
		{"limit=1001", 422, []string{`"field":"limit"`}, 200},
		{"limit=", 422, []string{`"field":"limit"`}, 200},
		{"limit=99999999999999999999", 422, []string{`"field":"limit"`}, 200},
		{"limit=1000", 200, nil, 200},
		{"limit=x&after=y", 422, []string{`"field":"limit"`, `"field":"after"`, "not a place in the log"}, 0},
	} {
		h := newHouse(t)
		want(t, h.ask(t, http.MethodGet, "/api/v1/log?"+c.query, ""), c.status, c.says...)
		want(t, h.ask(t, http.MethodGet, "/log?"+c.query, ""), cmp.Or(c.page, c.status))
	}
	many := newHouse(t).ask(t, http.MethodGet, "/api/v1/log?a&b&c&d&e&f&g&h&i&j&k&l&m&n", "")
	want(t, many, 422)
	if n := strings.Count(many.Body.String(), `"field"`); n != maxProblems {
		t.Errorf("%d problems", n)
	}
}

// TestPagesSayWhatTheyLeaveOut: an address with a mailer's marks shows the log it asks
// for, and names what was left out; what filters, but wrongly, is refused by its label.
func TestPagesSayWhatTheyLeaveOut(t *testing.T) {
	h := newHouse(t)
	const left = "Đã bỏ qua phần không dùng được trong địa chỉ:"
	w := h.ask(t, http.MethodGet, "/log?from=2025-11-20&utm_source=zalo&fbclid=%3Cb%3E", "")
	want(t, w, http.StatusOK, left+" fbclid, utm_source", `value="2025-11-20"`)
	if next := w.Body.String(); strings.Contains(next, "utm_source=") && strings.Contains(next, `href="/log.csv?from=2025-11-20&amp;utm`) {
		t.Error("a way out keeps what was left out")
	}
	if f := h.log.asked(); f.From != "2025-11-20" {
		t.Errorf("asked for %+v", f)
	}
	want(t, h.ask(t, http.MethodGet, "/log?utm_source=zalo", ""), http.StatusOK, left+" utm_source", `value="2025-11-22"`)
	if w := h.ask(t, http.MethodGet, "/log?from=2025-11-20", ""); strings.Contains(w.Body.String(), left) {
		t.Error("said although nothing was left out")
	}
	for _, path := range []string{"/log/days", "/faults", "/devices", "/bulletins", "/schedules"} {
		want(t, h.ask(t, http.MethodGet, path+"?utm_source=zalo", ""), http.StatusOK, left)
	}
	// Files and programs have no place to say it.
	for _, path := range []string{"/log.csv", "/log.xlsx", "/api/v1/log", "/api/v1/log.csv"} {
		want(t, h.ask(t, http.MethodGet, path+"?utm_source=zalo", ""), http.StatusUnprocessableEntity, "không có bộ lọc này")
	}
	want(t, h.ask(t, http.MethodGet, "/log?slot=x&origin=x", ""), http.StatusUnprocessableEntity, "<b>Khung giờ:</b>", "<b>Nguồn phát:</b>")
	en := h.ask(t, http.MethodGet, "/log?slot=x&origin=x", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) })
	want(t, en, http.StatusUnprocessableEntity, "<b>Slot:</b>", "<b>Origin:</b>")
}

// TestFiltersHaveLabels: what an address may hold has a name for people, in both languages.
func TestFiltersHaveLabels(t *testing.T) {
	en, err := readWords(assets)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Concat(logKeys, bulletinKeys, deviceKeys, faultKeys, auditKeys, peopleKeys, scheduleKeys, previewKeys, []string{"day", "limit", "page"}) {
		if label := fieldText(key); label == key || en[label] == "" {
			t.Errorf("%s: %q, in English %q", key, label, en[label])
		}
	}
}

type logJSON struct {
	Airings []radio.AsRun   `json:"airings"`
	Totals  radio.LogTotals `json:"totals"`
	Next    string          `json:"next"`
}

// TestLogPagesJoin follows the next link from the first page to the last: every row
// once, in order, with the same totals on each, and the filter kept.
func TestLogPagesJoin(t *testing.T) {
	h := newHouse(t)
	for name, start := range map[string]string{
		"JSON": "/api/v1/log", "JSON of one priority": "/api/v1/log?campaign=" + id[string]('g', 1) + "&limit=7", "JSON of a commune": "/api/v1/log?commune=" + string(h.plan.places[0].Commune().ID),
	} {
		u, err := url.Parse(start)
		if err != nil {
			t.Fatal(err)
		}
		all := h.log.pick(logFilter(u.Query()))
		var got []radio.AsRun
		for path := start; path != ""; {
			w := h.ask(t, http.MethodGet, path, "")
			want(t, w, http.StatusOK)
			var page logJSON
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, n := range page.Totals.Outcomes {
				sum += n
			}
			if sum != page.Totals.Planned || sum+page.Totals.Unplanned != int64(len(all)) || page.Totals.Unplanned == 0 {
				t.Errorf("%s: totals %+v of %d rows", name, page.Totals, len(all))
			}
			got, path = append(got, page.Airings...), page.Next
			if u.Query().Has("limit") && (len(page.Airings) > 7 || path != "" && !strings.Contains(path, "limit=7")) {
				t.Errorf("%s: %d rows, next %s", name, len(page.Airings), path)
			}
		}
		if len(got) != len(all) {
			t.Fatalf("%s: %d rows, want %d", name, len(got), len(all))
		}
		for i := range got {
			if got[i] != all[i] {
				t.Fatalf("%s: row %d", name, i)
			}
		}
	}
	// The page's own link.
	next := regexp.MustCompile(`href="(/log\?[^"]*after=[^"]*)" rel="next"`)
	path, seen := "/log?from=2025-11-20&to=2025-11-22", 0
	for path != "" {
		w := h.ask(t, http.MethodGet, path, "")
		want(t, w, http.StatusOK, "/static/style.")
		seen += strings.Count(w.Body.String(), `data-label="Ngày, giờ phát"`)
		if strings.Contains(path, "after") {
			want(t, w, http.StatusOK, "Trang đầu")
		}
		path = ""
		if m := next.FindStringSubmatch(w.Body.String()); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if all := len(h.log.pick(radio.LogFilter{From: "2025-11-20", To: "2025-11-22"})); seen != all || all <= logRows {
		t.Errorf("%d rows on the pages, want %d", seen, all)
	}
}

func TestLogPage(t *testing.T) {
	h := newHouse(t)
	w := h.ask(t, http.MethodGet, "/log", "")
	want(t, w, http.StatusOK, `value="2025-11-22"`, "Chưa đến giờ", "quá hạn xác nhận", "ngoài kế hoạch, phát theo lệnh", "đã hủy nhưng thiết bị vẫn phát",
		"Phường Thành Sen", "22/11/2025", "Chờ xác nhận: ", "Đã phát: ", "Cụm loa trạm y tế (loa-04)")
	if f := h.log.filters[0]; f.From != "2025-11-22" || f.To != "2025-11-22" {
		t.Errorf("the first look is at %+v, want today in Hà Tĩnh", f)
	}
	w = h.ask(t, http.MethodGet, "/log?from=&to=&outcome=partial&bulletin="+id[string]('b', 1)+"&campaign="+id[string]('g', 1), "")
	want(t, w, http.StatusOK, `<option value="`+id[string]('b', 1)+`" selected>Nghị quyết 57, bài 1`, `<option value="`+id[string]('g', 1)+`" selected>Tuyên truyền Nghị quyết số 57`, `value="partial" selected`)
	want(t, h.ask(t, http.MethodGet, "/log?device="+id[string]('d', 77), ""), http.StatusOK, "Không có lượt phát nào như vậy.")
}

// TestLogOfAProvince: with thousands of devices the filter offers those of one commune.
func TestLogOfAProvince(t *testing.T) {
	h := newHouse(t)
	for n := range 3000 {
		p := place(100+n, "Xã "+strings.Repeat("A", n%60), "Thôn", "Cụm loa")
		h.plan.places = append(h.plan.places, p)
	}
	for _, path := range []string{"/log", "/log?commune=" + string(h.plan.places[1234].Commune().ID), "/"} {
		w := h.ask(t, http.MethodGet, path, "")
		want(t, w, http.StatusOK)
		if n := w.Body.Len(); n > 100_000 {
			t.Errorf("%s: a page of %d bytes", path, n)
		}
	}
	one := h.ask(t, http.MethodGet, "/log?device="+string(h.plan.places[7].Device.ID), "")
	want(t, one, http.StatusOK, `value="`+string(h.plan.places[7].Device.ID)+`" selected`)
}

func TestHistory(t *testing.T) {
	h := newHouse(t)
	row := h.log.rows[62]
	path := "/log/" + string(row.Key.Device) + "/" + string(row.Airing)
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusOK, row.Title, "Máy chủ", "Thiết bị", "Không phản hồi", "thiết bị âm thanh đã nhận hết", "bản ghi 641", string(row.SHA256))
	w := h.ask(t, http.MethodGet, "/api/v1"+path, "")
	want(t, w, http.StatusOK, `"history":[{`)
	quiet := h.log.rows[1]
	want(t, h.ask(t, http.MethodGet, "/log/"+string(quiet.Key.Device)+"/"+string(quiet.Airing), ""), http.StatusOK, "Chưa có xác nhận nào")
	want(t, h.ask(t, http.MethodGet, "/api/v1/log/"+string(quiet.Key.Device)+"/"+string(quiet.Airing), ""), http.StatusOK, `"history":[]`)
	for _, bad := range []string{"/log/x/y", "/log/" + id[string]('d', 1) + "/" + id[string]('a', 1), "/log/" + string(row.Key.Device) + "/" + strings.ToLower(string(row.Airing))} {
		want(t, h.ask(t, http.MethodGet, bad, ""), http.StatusNotFound, "Không tìm thấy.", lan.Name)
		want(t, h.ask(t, http.MethodGet, "/api/v1"+bad, ""), http.StatusNotFound, `"code":"not_found"`)
	}
}

// TestTimesToTheSecond: what began a millisecond early began on the second; the airing's
// own page has the milliseconds. A clock that is only assumed is not called trusted.
func TestTimesToTheSecond(t *testing.T) {
	h := newHouse(t)
	i := slices.IndexFunc(h.log.rows, func(a radio.AsRun) bool { return a.StartedAt != 0 && a.Day == "2025-11-22" })
	row := &h.log.rows[i]
	row.StartedAt, row.Clock = row.Start-1, radio.ClockAssumed
	second := row.Start.Time().In(h.zone).Format("15:04:05")
	w := h.ask(t, http.MethodGet, "/log?device="+string(row.Key.Device)+"&from=2025-11-22&outcome="+string(row.Outcome)+"&slot="+row.SlotTime.String(), "")
	want(t, w, http.StatusOK, "bắt đầu "+second)
	early := (row.Start - 1).Time().In(h.zone).Format("15:04:05.000 02/01/2006")
	w = h.ask(t, http.MethodGet, "/log/"+string(row.Key.Device)+"/"+string(row.Airing), "")
	want(t, w, http.StatusOK, early, "lệch -1 ms", `<span class="bad">⚠ GIẢ ĐỊNH, chỉ để thử</span>`)
	for at, text := range map[radio.Millis]string{1763780399_999: "10:00:00", 1763780400_499: "10:00:00", 1763780400_500: "10:00:01", 1763780400_000: "10:00:00"} {
		if got := formatAt(at, h.zone, "15:04:05"); got != text {
			t.Errorf("%d is %s, want %s", at, got, text)
		}
	}
}
