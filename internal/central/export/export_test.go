package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// codes are words for tests: the codes themselves.
type codes struct{ en bool }

func (c codes) English() bool                    { return c.en }
func (c codes) Outcome(o radio.Outcome) string   { return string(o) }
func (c codes) Reason(r radio.Reason) string     { return string(r) }
func (c codes) Priority(p radio.Priority) string { return string(p) }
func (c codes) Origin(o radio.Origin) string     { return string(o) }
func (c codes) Proof(p string) string            { return p }

// fakeLog pages through rows as the store does, and counts the pages.
type fakeLog struct {
	rows   []radio.AsRun
	totals radio.LogTotals
	filter radio.LogFilter
	pages  int
	onPage func()
}

func (f *fakeLog) AsRuns(_ context.Context, filter radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	f.filter = filter
	f.pages++
	if f.onPage != nil {
		f.onPage()
	}
	rows := f.rows
	if after != (radio.LogCursor{}) {
		rows = rows[1+slices.IndexFunc(rows, func(a radio.AsRun) bool { return a.Cursor() == after }):]
	}
	return rows[:min(limit, len(rows))], nil
}

func (f *fakeLog) LogTotals(context.Context, radio.LogFilter) (radio.LogTotals, error) {
	return f.totals, nil
}

func airings(n int) *fakeLog {
	f := &fakeLog{totals: radio.LogTotals{Planned: int64(n), Outcomes: map[radio.Outcome]int64{radio.Partial: int64(n)}}}
	for i := range n {
		start := radio.At(noon.Add(-time.Duration(i) * time.Minute))
		f.rows = append(f.rows, radio.AsRun{Airing: radio.NewID[radio.AiringID](), Day: "2026-11-23", SlotTime: 12 * 60, Start: start, Samples: 10 * radio.SampleRate,
			Origin: radio.FromSchedule, FrozenAt: 1, Priority: radio.Normal, CommuneName: "Xã Thạch Hà", Title: "Bản tin sáng, số 1 \"đặc biệt\"",
			Outcome: radio.Partial, Reason: radio.ReasonOff, StartedAt: start - 40, Consumed: 5 * radio.SampleRate, Proof: "consumed", KnownAt: start + 9000, Revision: 7})
	}
	return f
}

func exporter(f *fakeLog) *Exporter {
	return New(func(_ context.Context, do func(Reader) error) error { return do(f) }, func() time.Time { return noon })
}

func request(en bool) Request {
	return Request{Zone: time.FixedZone("Asia/Ho_Chi_Minh", 7*3600), Words: codes{en}, By: "Nguyễn Văn A", About: [][2]string{{"Xã/phường", "Xã Thạch Hà"}}}
}

func into(w io.Writer) Begin {
	return func(at time.Time) (io.Writer, error) {
		if at != noon {
			return nil, errors.New("as known at another time")
		}
		return w, nil
	}
}

func column1(name string) int {
	return slices.IndexFunc(columns, func(c column) bool { return c.vi == name })
}

func TestCSV(t *testing.T) {
	f := airings(2*page + 3)
	f.rows[1].Title = "=HYPERLINK(\"http://evil\")"
	f.rows[2].Title, f.rows[2].StartedAt, f.rows[2].CommuneName = "dòng 1\ndòng 2", 0, "-Xã"
	var out bytes.Buffer
	r := request(false)
	r.Filter = radio.LogFilter{From: "2026-11-01", Communes: []radio.AreaID{"C"}}
	if err := exporter(f).CSV(t.Context(), r, into(&out)); err != nil {
		t.Fatal(err)
	}
	if f.filter.From != r.Filter.From || len(f.filter.Communes) != 1 || f.pages != 3 {
		t.Errorf("asked %d times for %+v", f.pages, f.filter)
	}
	body, ok := strings.CutPrefix(out.String(), "\ufeff")
	if !ok || strings.Count(body, "\r\n") < len(f.rows) {
		t.Errorf("no byte order mark, or lines that do not end in CRLF: %.80q", out.String())
	}
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(lines) != len(f.rows)+1 || lines[0][0] != "Ngày" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for name, want := range map[string]string{"Ngày": "2026-11-23", "Khung giờ": "12:00", "Giờ phát dự kiến": "2026-11-23 12:00:00", "Nội dung": f.rows[0].Title,
		"Kết quả": "partial", "Lệch giờ (giây)": "-0.04", "Đã phát (giây)": "5", "Trong kế hoạch": "có", "Bản lịch": "7", "Mã lượt phát": string(f.rows[0].Airing)} {
		if got := lines[1][column1(name)]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := lines[2][column1("Nội dung")]; got != "'"+f.rows[1].Title {
		t.Errorf("a formula: %q", got)
	}
	if got := lines[3]; got[column1("Nội dung")] != "dòng 1\ndòng 2" || got[column1("Lệch giờ (giây)")] != "" || got[column1("Xã/phường")] != "'-Xã" {
		t.Errorf("row 3: %q", got)
	}
	out.Reset()
	if err := exporter(airings(1)).CSV(t.Context(), request(true), into(&out)); err != nil || !strings.HasPrefix(out.String(), bom+"Day,Slot (Asia/Ho_Chi_Minh),Planned start (Asia/Ho_Chi_Minh),Commune,") {
		t.Errorf("in English: %.40q, %v", out.String(), err)
	}
}

func TestXLSX(t *testing.T) {
	f := airings(page + 1)
	f.rows[1].Title = "=1+1"
	f.rows[2].Title = "Bản\x00 tin\x0b 🎵 \ufffe" + strings.Repeat("x", 40_000)
	var out bytes.Buffer
	if err := exporter(f).XLSX(t.Context(), request(false), into(&out)); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	if got := book.GetSheetList(); !slices.Equal(got, []string{"Nhật ký", "Về tệp này"}) {
		t.Errorf("sheets %q", got)
	}
	rows, err := book.GetRows("Nhật ký")
	if err != nil || len(rows) != page+2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := rows[0]; got[1] != "Khung giờ (Asia/Ho_Chi_Minh)" || got[column1("Ghi nhận lúc")] != "Ghi nhận lúc (Asia/Ho_Chi_Minh)" || got[column1("Đã phát (giây)")] != "Đã phát (giây)" {
		t.Errorf("headings %q", got)
	}
	for name, want := range map[string]string{"Ngày": "23/11/2026", "Khung giờ": "12:00", "Giờ phát dự kiến": "23/11/2026 12:00:00", "Lệch giờ (giây)": "-0.040",
		"Đã phát (giây)": "5.000", "Bản lịch": "7", "Nội dung": f.rows[0].Title} {
		if got := rows[1][column1(name)]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// True dates and numbers, and text that is no formula.
	raw, err := book.GetRows("Nhật ký", excelize.Options{RawCellValue: true})
	if err != nil || !strings.HasPrefix(raw[1][column1("Giờ phát dự kiến")], "46349.5") || raw[1][0] != "46349" || raw[1][column1("Khung giờ")] != "0.5" {
		t.Errorf("raw %q, %v", raw[1], err)
	}
	title, err := excelize.CoordinatesToCellName(column1("Nội dung")+1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if formula, err := book.GetCellFormula("Nhật ký", title); err != nil || formula != "" || rows[2][column1("Nội dung")] != "=1+1" {
		t.Errorf("formula %q, text %q, %v", formula, rows[2][column1("Nội dung")], err)
	}
	if got := rows[3][column1("Nội dung")]; !strings.HasPrefix(got, "Bản tin 🎵 x") || len([]rune(got)) < 32_000 {
		t.Errorf("naughty text: %.40q of %d", got, len([]rune(got)))
	}
	panes, err := book.GetPanes("Nhật ký")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes %+v, %v", panes, err)
	}
	if !slices.ContainsFunc(book.GetDefinedName(), func(d excelize.DefinedName) bool { return strings.Contains(d.RefersTo, "$A$1:$AD$502") }) {
		t.Errorf("no filter over the rows: %+v", book.GetDefinedName())
	}
	about, err := book.GetRows("Về tệp này")
	if err != nil || about[0][1] != "23/11/2026 12:00:00" || about[2][1] != "Nguyễn Văn A" || !slices.Equal(about[3], []string{"Xã/phường", "Xã Thạch Hà"}) ||
		!slices.ContainsFunc(about, func(l []string) bool { return slices.Equal(l, []string{"partial", "501"}) }) {
		t.Errorf("about %q, %v", about, err)
	}
}

func TestRefusals(t *testing.T) {
	never := func(time.Time) (io.Writer, error) {
		t.Error("an answer was begun")
		return io.Discard, nil
	}
	var invalid *radio.Invalid
	f := airings(0)
	f.totals.Planned = MaxRows
	f.totals.Unplanned = 1
	if err := exporter(f).XLSX(t.Context(), request(false), never); !errors.As(err, &invalid) || !strings.Contains(invalid.Problems[0].VI, "1048576 dòng") || f.pages != 0 {
		t.Errorf("too many rows: %v", err)
	}
	r := request(false)
	r.Filter.Outcome = "heard"
	e := exporter(airings(1))
	for _, do := range []func(context.Context, Request, Begin) error{e.CSV, e.XLSX} {
		if err := do(t.Context(), r, never); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("a wrong filter: %v", err)
		}
	}
}

// TestTurns: one file a person, two at once in all; who has no turn is told when to come.
func TestTurns(t *testing.T) {
	busy := exporter(airings(1))
	by := func(owner string) Request {
		r := request(false)
		r.Owner = owner
		return r
	}
	while := func(owner string, do func()) {
		t.Helper()
		if err := busy.CSV(t.Context(), by(owner), func(time.Time) (io.Writer, error) {
			do()
			return io.Discard, nil
		}); err != nil {
			t.Errorf("%s: %v", owner, err)
		}
	}
	refused := func(owner string, crowded bool) {
		t.Helper()
		for _, do := range []func(context.Context, Request, Begin) error{busy.CSV, busy.XLSX} {
			err := do(t.Context(), by(owner), func(time.Time) (io.Writer, error) {
				t.Error("an answer was begun")
				return io.Discard, nil
			})
			var no noTurn
			if !errors.As(err, &no) || !errors.Is(err, radio.ErrUnavailable) || no.Crowded() != crowded || no.RetryAfter() <= 0 || no.Vietnamese() == "" {
				t.Errorf("%s: %v", owner, err)
			}
		}
	}
	while("lan", func() {
		refused("lan", false)
		while("hoa", func() {
			refused("lan", false)
			refused("minh", true)
		})
		while("minh", func() {})
	})
	while("lan", func() {})
}

// TestTooLong: a file may take so long and no longer, and its turn ends with it.
func TestTooLong(t *testing.T) {
	for name, do := range map[string]func(*Exporter) func(context.Context, Request, Begin) error{
		"CSV":  func(e *Exporter) func(context.Context, Request, Begin) error { return e.CSV },
		"XLSX": func(e *Exporter) func(context.Context, Request, Begin) error { return e.XLSX },
	} {
		f := airings(10 * page)
		e := New(func(ctx context.Context, do func(Reader) error) error {
			f.onPage = func() {
				if f.pages == 2 {
					<-ctx.Done() // the database, or a reader who takes nothing
				}
			}
			return do(f)
		}, func() time.Time { return noon })
		e.longest = 20 * time.Millisecond
		err := do(e)(t.Context(), request(false), into(io.Discard))
		var long tooLong
		if !errors.As(err, &long) || !errors.Is(err, radio.ErrUnavailable) || long.Vietnamese() == "" || f.pages > 2 {
			t.Errorf("%s: %d pages read, %v", name, f.pages, err)
		}
		e.longest, f.pages, f.rows = longest, 0, f.rows[:1]
		if err := do(e)(t.Context(), request(false), into(io.Discard)); err != nil {
			t.Errorf("%s: the next one: %v", name, err)
		}
	}
}

// TestTimesAndUnits: instants to the nearest second, an airing that began a millisecond
// early too; seconds with three decimals at the most, and the unit in the heading.
func TestTimesAndUnits(t *testing.T) {
	f := airings(1)
	f.rows[0].StartedAt, f.rows[0].Samples, f.rows[0].Consumed = f.rows[0].Start-1, 10*radio.SampleRate+1, 441_001
	var out bytes.Buffer
	if err := exporter(f).CSV(t.Context(), request(false), into(&out)); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), bom))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Giờ bắt đầu thực tế": "2026-11-23 12:00:00", "Lệch giờ (giây)": "-0.001", "Thời lượng kế hoạch (giây)": "10", "Đã phát (giây)": "10"} {
		if got := lines[1][column1(name)]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestCancelled: who goes away stops the reading, within a page.
func TestCancelled(t *testing.T) {
	for name, do := range map[string]func(*Exporter) func(context.Context, Request, Begin) error{
		"CSV":  func(e *Exporter) func(context.Context, Request, Begin) error { return e.CSV },
		"XLSX": func(e *Exporter) func(context.Context, Request, Begin) error { return e.XLSX },
	} {
		f := airings(10 * page)
		ctx, cancel := context.WithCancel(t.Context())
		f.onPage = func() {
			if f.pages == 2 {
				cancel()
			}
		}
		if err := do(exporter(f))(ctx, request(false), into(io.Discard)); !errors.Is(err, context.Canceled) || f.pages > 2 {
			t.Errorf("%s: %d pages read, %v", name, f.pages, err)
		}
		f = airings(10 * page)
		if err := exporter(f).CSV(t.Context(), request(false), func(time.Time) (io.Writer, error) { return broken{}, nil }); err == nil || f.pages > 1 {
			t.Errorf("a reader that is gone: %d pages read, %v", f.pages, err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
