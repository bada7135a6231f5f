package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

// readerIn makes the reader one of a single commune.
func (h *house) readerIn(commune radio.AreaID) {
	h.people.is(&radio.Person{ID: id[radio.UserID]('u', 78), Name: "Cán bộ xã", Grants: []radio.Grant{{Role: radio.RoleOperator, Area: commune}}})
}

// TestDaysEqualTheLog: the cells, the rows and the columns of a day sum up to what the
// log says of it.
func TestDaysEqualTheLog(t *testing.T) {
	h := newHouse(t)
	for _, commune := range []radio.AreaID{"", h.area(own)} {
		if commune != "" {
			h.readerIn(commune)
		}
		var m radio.LogMatrix
		w := h.ask(t, http.MethodGet, "/api/v1/log/days?day=2025-11-21", "")
		want(t, w, http.StatusOK)
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		var totals radio.LogTotals
		w = h.ask(t, http.MethodGet, "/api/v1/log/totals?from=2025-11-21&to=2025-11-21", "")
		want(t, w, http.StatusOK)
		if err := json.Unmarshal(w.Body.Bytes(), &totals); err != nil {
			t.Fatal(err)
		}
		var cells, rows, columns int64
		for _, r := range m.Rows {
			rows += r.Totals.Planned
			for _, c := range r.Cells {
				cells += c.Planned
			}
		}
		for _, c := range m.Sums {
			columns += c.Planned
		}
		if totals.Planned == 0 || fmt.Sprint(m.Totals) != fmt.Sprint(totals) || rows != totals.Planned || cells != totals.Planned || columns != totals.Planned {
			t.Errorf("the log %+v, the day %+v: rows %d, cells %d, columns %d", totals, m.Totals, rows, cells, columns)
		}
		if commune != "" && (len(m.Rows) != 1 || m.Rows[0].Commune != commune) {
			t.Errorf("a reader of one commune sees %d", len(m.Rows))
		}
		// Each cell of the page leads to the airings it counts.
		page := h.ask(t, http.MethodGet, "/log/days?day=2025-11-21", "")
		want(t, page, http.StatusOK, "21/11/2025", "Tất cả xã/phường", `href="/log/days?day=2025-11-20"`)
		links := regexp.MustCompile(`data-mark="([a-z]+)"><a href="(/log\?[^"]*commune=[^"]*slot=[^"]*)">(\S+) (\d+)/(\d+)</a>`).FindAllStringSubmatch(page.Body.String(), -1)
		if len(links) == 0 {
			t.Fatalf("no cells:\n%s", page.Body)
		}
		for _, l := range links {
			w := h.ask(t, http.MethodGet, "/api/v1"+strings.ReplaceAll(l[2], "&amp;", "&"), "")
			var got logJSON
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got.Totals.Outcomes[radio.Aired]) != l[4] || fmt.Sprint(got.Totals.Planned) != l[5] {
				t.Errorf("cell %s/%s, its airings %+v", l[4], l[5], got.Totals)
			}
		}
	}
	for query, status := range map[string]int{"day=x": 422, "day=2030-01-01": 200, "": 200, "day=2025-11-21&campaign=" + id[string]('g', 1): 200} {
		want(t, h.ask(t, http.MethodGet, "/log/days?"+query, ""), status)
		want(t, h.ask(t, http.MethodGet, "/api/v1/log/days?"+query, ""), status)
	}
}

// TestDayOfAProvince: a hundred communes with their own slots stay a small page.
func TestDayOfAProvince(t *testing.T) {
	h := newHouse(t)
	row := h.log.rows[1]
	for n := range 100 * 14 {
		row.Airing, row.Day = id[radio.AiringID]('m', n), "2025-11-10"
		row.Commune, row.CommuneName = id[radio.AreaID]('m', n%100), fmt.Sprintf("Xã Thạch Hà số %d", n%100)
		row.SlotTime = radio.TimeOfDay(300 + n/100*60 + n%4*15)
		h.log.rows = append(h.log.rows, row)
	}
	w := h.ask(t, http.MethodGet, "/log/days?day=2025-11-10", "")
	want(t, w, http.StatusOK, "1–30 trong 100")
	if n := w.Body.Len(); n > 100_000 {
		t.Errorf("a page of %d bytes", n)
	}
}

func TestMarks(t *testing.T) {
	o := func(aired, pending, missed, off int64) radio.LogTotals {
		return radio.LogTotals{Planned: aired + pending + missed + 2*off, Outcomes: map[radio.Outcome]int64{radio.Aired: aired, radio.PendingOutcome: pending, radio.Missed: missed,
			radio.Cancelled: off, radio.Declined: off}}
	}
	for _, c := range []struct {
		name   string
		totals radio.LogTotals
		soon   int64
		want   dayMark
	}{
		{"nothing planned", radio.LogTotals{}, 0, dayMark{}},
		{"all aired", o(3, 0, 0, 0), 0, dayMark{"full", "✓"}},
		{"all awaited", o(0, 3, 0, 0), 0, dayMark{"wait", "…"}},
		{"some awaited", o(1, 2, 0, 0), 0, dayMark{"wait", "◔"}},
		{"some awaited, some soon", o(0, 3, 0, 0), 2, dayMark{"wait", "…"}},
		{"all soon", o(0, 3, 0, 0), 3, dayMark{"soon", "◷"}},
		{"some aired, the rest soon", o(1, 3, 0, 0), 3, dayMark{"wait", "◔"}},
		{"some missed, none aired", o(0, 1, 2, 0), 0, dayMark{"none", "✗"}},
		{"some missed, the rest soon", o(1, 1, 1, 0), 1, dayMark{"part", "◐"}},
		{"all called off", o(0, 0, 0, 2), 0, dayMark{"off", "⊘"}},
		{"the rest called off", o(2, 0, 0, 1), 0, dayMark{"full", "✓"}},
		{"soon, the rest called off", o(0, 2, 0, 1), 2, dayMark{"soon", "◷"}},
		{"missed, the rest called off", o(0, 0, 1, 1), 0, dayMark{"none", "✗"}},
	} {
		if got := (daysData{}).Mark(c.totals, c.soon); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	w := newHouse(t).ask(t, http.MethodGet, "/log/days", "")
	for _, sign := range []string{"✓", "…", "◔", "◷", "✗", "◐", "⊘"} {
		want(t, w, http.StatusOK, sign+" ") // the legend
	}
}

// TestWhatIsStillToCome: it is half past nine; the slots of the evening, and the days to
// come, are not awaited. Both pages say the same, and the parts sum up to the plan.
func TestWhatIsStillToCome(t *testing.T) {
	h := newHouse(t)
	row := h.log.rows[1]
	row.Outcome, row.StartedAt, row.Consumed, row.Campaign = radio.PendingOutcome, 0, 0, ""
	add := func(n int, day radio.Date, slot radio.TimeOfDay) {
		row.Airing, row.Day, row.SlotTime = id[radio.AiringID]('z', n), day, slot
		row.DeviceName, row.Key.Device = "Cụm thử", id[radio.DeviceID]('z', 1)
		h.log.rows = append(h.log.rows, row)
	}
	add(1, "2025-11-22", 5*60)
	add(2, "2025-11-22", 9*60+30)
	add(3, "2025-11-22", 17*60)
	add(4, "2025-11-22", 17*60)
	add(5, "2025-11-23", 5*60)
	for query, want := range map[string][2]string{
		"from=2025-11-22&to=2025-11-22":        {"Chờ xác nhận: 2", "Chưa đến giờ: 2"},
		"from=2025-11-22":                      {"Chờ xác nhận: 2", "Chưa đến giờ: 3"},
		"":                                     {"Chờ xác nhận: 2", "Chưa đến giờ: 3"},
		"from=2025-11-23":                      {"", "Chưa đến giờ: 1"},
		"to=2025-11-21":                        {"", ""},
		"from=2025-11-22&slot=05:00":           {"Chờ xác nhận: 1", "Chưa đến giờ: 1"},
		"from=2025-11-22&outcome=missed":       {"", ""},
		"from=2025-11-23&to=2025-11-23&after=": {"", "Chưa đến giờ: 1"},
	} {
		page := h.ask(t, http.MethodGet, "/log?device="+string(row.Key.Device)+"&"+query, "")
		sums := page.Body.String()
		sums = sums[strings.Index(sums, "Kế hoạch:"):]
		sums = sums[:strings.Index(sums, "</p>")]
		for i, label := range []string{"Chờ xác nhận", "Chưa đến giờ"} {
			if want[i] == "" && strings.Contains(sums, label) || !strings.Contains(sums, want[i]) {
				t.Errorf("%q: %q, want %q", query, sums, want)
			}
		}
	}
	cells := h.ask(t, http.MethodGet, "/log/days?day=2025-11-23", "")
	want(t, cells, http.StatusOK, `data-mark="soon"`, "◷ 0/1", "Ngày này chưa tới", "Chưa đến giờ: 1")
	empty := h.ask(t, http.MethodGet, "/log/days?day=2025-12-24", "")
	want(t, empty, http.StatusOK, "Ngày này chưa tới", `href="/schedules/week"`)
	if strings.Contains(empty.Body.String(), "Kế hoạch: 0") {
		t.Error("a day to come looks as if nothing were planned")
	}
	want(t, h.ask(t, http.MethodGet, "/log?from=2025-12-24", ""), http.StatusOK, "Ngày này chưa tới")
}

func TestBulletinInTheLog(t *testing.T) {
	h := newHouse(t)
	b := id[string]('b', 1)
	w := h.ask(t, http.MethodGet, "/api/v1/log/bulletin/"+b, "")
	var got radio.BulletinReport
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d, %v", w.Code, err)
	}
	var lacking int64
	for _, a := range h.log.rows {
		if string(a.Bulletin) == b && a.Planned() && a.Outcome != radio.Aired && a.Outcome != radio.PendingOutcome {
			lacking++
		}
	}
	if got.Totals.Planned == 0 || lacking == 0 || int64(len(got.Missing)) != lacking || got.More {
		t.Errorf("%d missing named, %d lack: %+v", len(got.Missing), lacking, got.Totals)
	}
	want(t, h.ask(t, http.MethodGet, "/log/bulletin/"+b, ""), http.StatusOK, "Nghị quyết 57, bài 1", fmt.Sprintf("Thiếu %d lượt.", lacking), got.Missing[0].DeviceName, "/log?bulletin="+b)
	want(t, h.ask(t, http.MethodGet, "/log/bulletin/"+b+"?from=2030-01-01", ""), http.StatusOK, "Đã phát 0 trên 0")
	want(t, h.ask(t, http.MethodGet, "/log/bulletin/"+id[string]('b', 99), ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/log/bulletin/x", ""), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/log/bulletin/"+b+"?from=x", ""), http.StatusUnprocessableEntity)
}

func TestFilesOfTheLog(t *testing.T) {
	h := newHouse(t)
	query := "?from=2025-11-21&to=2025-11-21&outcome=lacking&priority=priority&origin=schedule&slot=05:00&bulletin=" + id[string]('b', 1)
	for _, path := range []string{"/log.csv", "/log.xlsx", "/api/v1/log.csv", "/api/v1/log.xlsx"} {
		h.files.asked = nil
		w := h.ask(t, http.MethodGet, path+query, "")
		want(t, w, http.StatusOK)
		f := h.files.asked[0]
		if f.Filter.Slot != "05:00" || f.Filter.Outcome != radio.Lacking || f.Filter.Communes != nil || f.By == "" || f.Words.English() || f.Words.Outcome(radio.Silent) != "Không phản hồi" {
			t.Errorf("%s asked for %+v", path, f)
		}
		if !slices.Contains(f.About, [2]string{"Kết quả", "Phát thiếu hoặc không phát"}) || !slices.Contains(f.About, [2]string{"Bản tin", "Nghị quyết 57, bài 1 - vì sao khoa học, công nghệ là đột phá hàng đầu"}) {
			t.Errorf("%s: about %q", path, f.About)
		}
		kind, params, err := mime.ParseMediaType(w.Header().Get("Content-Disposition"))
		if name := params["filename"]; err != nil || kind != "attachment" || !norm.NFC.IsNormalString(name) ||
			name != "Nhật ký phát sóng 2025-11-21, số liệu lúc 2025-11-22 09.30"+path[strings.LastIndex(path, "."):] {
			t.Errorf("%s: %s %q, %v", path, kind, name, err)
		}
		want(t, h.ask(t, http.MethodGet, path+"?after=x", ""), http.StatusUnprocessableEntity)
		want(t, h.ask(t, http.MethodGet, path+"?outcome=x", ""), http.StatusUnprocessableEntity)
		h.files.err = radio.ErrUnavailable
		if w := h.ask(t, http.MethodGet, path, ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("busy: %d %q", w.Code, w.Header().Get("Content-Disposition"))
		}
		h.files.err = nil
	}
	if got := disposition("Đợt \"5\"\\ý🎵.csv"); got != `attachment; filename="dot _5__y_.csv"; filename*=UTF-8''%C4%90%E1%BB%A3t%20%225%22%5C%C3%BD%F0%9F%8E%B5.csv` {
		t.Error(got)
	}
	h.readerIn(h.area(own))
	w := h.ask(t, http.MethodGet, "/log.csv", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "lang", Value: "en"}) })
	want(t, w, http.StatusOK, "Aired")
	if f := h.files.asked[len(h.files.asked)-1]; !slices.Equal(f.Filter.Communes, []radio.AreaID{h.area(own)}) || !f.Words.English() {
		t.Errorf("a reader of one commune asked for %+v", f.Filter)
	}
}

// TestForeignLog: what is outside the reader's communes is absent whatever the address
// asks for.
func TestForeignLog(t *testing.T) {
	h := newHouse(t)
	h.readerIn(h.area(own))
	i := slices.IndexFunc(h.log.rows, func(a radio.AsRun) bool { return a.Commune == h.area(foreign) })
	strange := h.log.rows[i]
	for _, query := range []string{"", "commune=" + string(strange.Commune), "device=" + string(strange.Key.Device), "bulletin=" + string(strange.Bulletin), "from=2025-01-01"} {
		w := h.ask(t, http.MethodGet, "/api/v1/log?"+query, "")
		want(t, w, http.StatusOK)
		if name := h.leaks(w.Body.String()); name != "" {
			t.Errorf("%s shows %s", query, name)
		}
		if strings.Contains(query, "commune") || strings.Contains(query, "device") {
			want(t, w, http.StatusOK, `"airings":[]`, `"planned":0`)
		}
	}
	want(t, h.ask(t, http.MethodGet, "/log/"+string(strange.Key.Device)+"/"+string(strange.Airing), ""), http.StatusNotFound)
	// A file's sheet about itself, and the form of the page, name nothing either.
	query := "?device=" + string(strange.Key.Device) + "&commune=" + string(strange.Commune)
	want(t, h.ask(t, http.MethodGet, "/log.xlsx"+query, ""), http.StatusOK)
	for _, line := range h.files.asked[len(h.files.asked)-1].About {
		if strings.Contains(line[1], strange.DeviceName) || strings.Contains(line[1], strange.CommuneName) {
			t.Errorf("a file tells %q", line)
		}
	}
	if page := h.ask(t, http.MethodGet, "/log"+query, "").Body.String(); strings.Contains(page, strange.DeviceName) || strings.Contains(page, strange.CommuneName) {
		t.Error("the page tells a name")
	}
}

// noTurn is what export says to who has no turn.
type noTurn struct{ crowded bool }

func (noTurn) Error() string             { return radio.ErrUnavailable.Error() + ": no turn" }
func (noTurn) Unwrap() error             { return radio.ErrUnavailable }
func (noTurn) Vietnamese() string        { return "Hãy đợi." }
func (noTurn) RetryAfter() time.Duration { return 30 * time.Second }
func (n noTurn) Crowded() bool           { return n.crowded }

func TestNoTurnForAFile(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		err    noTurn
		status int
	}{{noTurn{false}, http.StatusTooManyRequests}, {noTurn{true}, http.StatusServiceUnavailable}} {
		h.files.err = c.err
		for _, path := range []string{"/log.csv", "/api/v1/log.csv", "/log.xlsx"} {
			w := h.ask(t, http.MethodGet, path, "")
			told := []string{"Hãy đợi."}
			if strings.HasPrefix(path, "/api/") {
				told = append(told, "no turn") // a page speaks its reader's language only
			}
			want(t, w, c.status, told...)
			if got := w.Header().Get("Retry-After"); got != "30" {
				t.Errorf("%s: Retry-After %q", path, got)
			}
		}
	}
	if f := h.files.asked[0]; f.Owner != lan.ID {
		t.Errorf("asked for %s", f.Owner)
	}
}

// TestPace: a reader who trickles cannot hold a file, however often bytes are taken.
func TestPace(t *testing.T) {
	begun := time.Date(2025, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		sent int64
		want time.Duration
	}{{0, time.Minute}, {4 << 10, time.Minute}, {1 << 20, 92 * time.Second}, {1 << 40, 15 * time.Minute}} {
		if got := filePace.until(begun, c.sent).Sub(begun); got != c.want {
			t.Errorf("after %d bytes: %s, want %s", c.sent, got, c.want)
		}
	}
}

// bottomless are files without an end.
type bottomless struct{ ended chan error }

func (f bottomless) CSV(_ context.Context, _ LogFile, begin func(time.Time) (io.Writer, error)) error {
	w, err := begin(now)
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	f.ended <- err
	return err
}

func (f bottomless) XLSX(ctx context.Context, file LogFile, begin func(time.Time) (io.Writer, error)) error {
	return f.CSV(ctx, file, begin)
}

// TestSlowReaders: one takes nothing, one keeps taking; both files end by themselves, and
// the reader sees that the file is not whole.
func TestSlowReaders(t *testing.T) {
	for name, p := range map[string]pace{
		"takes nothing":  {patience: 50 * time.Millisecond, rate: 1 << 30, longest: time.Hour},
		"takes too long": {patience: time.Hour, rate: 1, longest: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			files := bottomless{make(chan error, 1)}
			h := newHouse(t, func(d *Deps) { d.Files = files })
			h.pace = p
			site := httptest.NewUnstartedServer(h)
			site.Config.ErrorLog = log.New(io.Discard, "", 0)
			site.Start()
			defer site.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/log.csv", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
			answer, err := site.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if name == "takes nothing" {
				<-files.ended
			}
			if _, err := io.Copy(io.Discard, answer.Body); err == nil {
				t.Error("the file looks whole")
			}
			if name != "takes nothing" {
				<-files.ended
			}
		})
	}
}

// TestBrokenDownload: after the first byte nothing but the file is written.
func TestBrokenDownload(t *testing.T) {
	h := newHouse(t)
	w := &brokenWriter{header: http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/log.csv?from=2025-11-20", http.NoBody)
	r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the connection is not cut: the part looks whole")
			}
		}()
		h.ServeHTTP(w, r)
	}()
	if w.writes != 1 || len(w.statuses) > 1 {
		t.Errorf("%d writes, statuses %v", w.writes, w.statuses)
	}
}
