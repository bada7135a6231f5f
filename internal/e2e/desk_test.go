package e2e

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/e2e/browser"
)

// desk is a person's browser at the pages of a house. Each page it comes to is looked at.
type desk struct {
	t     *testing.T
	h     *house
	b     *browser.Browser
	begun time.Time
	who   string // signed in
}

func newDesk(t *testing.T, h *house) *desk {
	t.Helper()
	return &desk{t: t, h: h, b: browser.Open(t), begun: time.Now()}
}

// phone is the width of the screens we ask every page to fit.
const phone = 360

// look holds the page that is open against what a phone's reader needs, and against
// the browser's own complaints.
func (d *desk) look() {
	d.t.Helper()
	for _, fault := range d.b.Faults(phone) {
		d.t.Errorf("%s: %s", d.b.Address(), fault)
	}
	refused := d.b.Status() >= http.StatusBadRequest
	for _, line := range d.b.Complaints() {
		// The console notes every answer of status 400 and more.
		if !refused || !strings.Contains(line, "the server responded with a status of") {
			d.t.Errorf("%s: the console says: %s", d.b.Address(), line)
		}
	}
}

// visit opens a whole address, open one of the house, click what leads to another page.
func (d *desk) visit(address string) {
	d.t.Helper()
	d.b.Visit(address)
	d.arrive()
}

func (d *desk) open(path string) {
	d.t.Helper()
	d.visit(d.h.url(path))
}

func (d *desk) click(css string) {
	d.t.Helper()
	d.b.Click(css)
	d.arrive()
}

// arrive is for pages that should be there.
func (d *desk) arrive() {
	d.t.Helper()
	if status := d.b.Status(); status != http.StatusOK {
		d.t.Fatalf("%s: status %d\n%s", d.b.Address(), status, d.b.Text())
	}
	d.look()
}

// refused is for those that should not.
func (d *desk) refused(want int) {
	d.t.Helper()
	if status := d.b.Status(); status != want {
		d.t.Errorf("%s: status %d, want %d\n%s", d.b.Address(), status, want, d.b.Text())
	}
	d.look()
}

// says fails the test when the page does not show the words.
func (d *desk) says(words ...string) {
	d.t.Helper()
	text := d.b.Text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			d.t.Errorf("%s does not show %q:\n%s", d.b.Address(), w, text)
		}
	}
}

// as signs in as somebody else.
func (d *desk) as(login string) {
	d.t.Helper()
	d.t.Logf("%3.0f s: %s", time.Since(d.begun).Seconds(), login)
	d.open("/login")
	d.b.Type("[name=login]", login)
	d.b.Type("[name=password]", secret)
	d.click("main button")
	d.who = login
	if d.b.Has("[name=ticket]") {
		d.b.Type("[name=code]", d.h.code(login))
		d.click("main button")
	}
	if d.b.Has("[name=password]") {
		d.t.Fatalf("%s cannot sign in:\n%s", login, d.b.Text())
	}
}

// path is where the browser stands.
func (d *desk) path() string {
	d.t.Helper()
	u, err := url.Parse(d.b.Address())
	if err != nil {
		d.t.Fatal(err)
	}
	return u.Path
}

// file lays down a file that a form can send.
func (d *desk) file(name string, content []byte) string {
	d.t.Helper()
	path := filepath.Join(d.h.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// program asks as a program in the browser's session would; an answer of the API is
// held against its description.
func (d *desk) program(method, path, body string) (int, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.h.url(path), strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, c := range d.b.Cookies() {
		req.AddCookie(c)
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		d.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/api/") {
		d.h.asDescribed(req, resp, b)
	}
	return resp.StatusCode, b
}

// files takes what the log's page offers as files and reads it back: the page's rows,
// each of them aired.
func (d *desk) files(rows int) {
	d.t.Helper()
	var links []string
	d.b.Eval(`return [...document.querySelectorAll('a[href^="/log.csv"], a[href^="/log.xlsx"]')].map(a => a.getAttribute('href'))`, &links)
	if len(links) != 2 {
		d.t.Fatalf("files of the log: %q", links)
	}
	for _, link := range links {
		status, raw := d.program("GET", link, "")
		if status != http.StatusOK {
			d.t.Errorf("%s: %d %s", link, status, raw)
			continue
		}
		read := sheet
		if strings.Contains(link, ".csv") {
			read = separated
		}
		table, err := read(raw)
		if err != nil {
			d.t.Errorf("%s: %v", link, err)
			continue
		}
		d.aired(link, table, rows)
	}
}

func (d *desk) aired(link string, table [][]string, rows int) {
	d.t.Helper()
	if len(table) != rows+1 {
		d.t.Errorf("%s: %d lines, want a heading and %d rows", link, len(table), rows)
		return
	}
	columns := map[string]int{}
	for _, name := range []string{"Ngày", "Xã/phường", "Mã cụm loa", "Nội dung", "Kết quả", "Đã phát (giây)", "SHA-256"} {
		if columns[name] = slices.Index(table[0], name); columns[name] < 0 {
			d.t.Errorf("%s: no column %q in %q", link, name, table[0])
			return
		}
	}
	for _, row := range table[1:] {
		if row[columns["Kết quả"]] != "Đã phát" || row[columns["Nội dung"]] == "" || !strings.HasPrefix(row[columns["Mã cụm loa"]], "loa-") || len(row[columns["SHA-256"]]) != 64 {
			d.t.Errorf("%s: %q", link, row)
		}
	}
}

// sheet reads the first sheet of a workbook.
func sheet(raw []byte) (rows [][]string, err error) {
	book, err := excelize.OpenReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	return book.GetRows(book.GetSheetName(0))
}

// separated reads CSV as Excel does: by its byte order mark it knows UTF-8.
func separated(raw []byte) ([][]string, error) {
	text, ok := bytes.CutPrefix(raw, []byte("\ufeff"))
	if !ok {
		return nil, errors.New("no byte order mark")
	}
	r := csv.NewReader(bytes.NewReader(text))
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	return r.ReadAll()
}
