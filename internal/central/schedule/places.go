package schedule

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// The table of places: a row is an area or a cluster, as administrations keep them in a
// spreadsheet. What a row leaves empty stays as it is stored.
var placeColumns = []column{
	{"kind", "Loại", "kind"},
	{"code", "Mã", "code"},
	{"name", "Tên", "name"},
	{"parent", "Mã cấp trên", "parent"},
	{"zone", "Múi giờ", "zone"},
	{"rendition", "Tốc độ (kbit/s)", "rendition"},
	{"latitude", "Vĩ độ", "latitude"},
	{"longitude", "Kinh độ", "longitude"},
	{"contact", "Người liên hệ", "contact"},
	{"phone", "Điện thoại", "phone"},
}

// maxPlaceRows bounds one table of places, headings included: a large province.
const maxPlaceRows = 20_000

// placeKinds are the words for what a row is.
var placeKinds = map[string]string{
	"tỉnh": "province", "thành phố": "province", "province": "province",
	"xã": "commune", "phường": "commune", "đặc khu": "commune", "commune": "commune",
	"thôn": "hamlet", "tổ dân phố": "hamlet", "tdp": "hamlet", "xóm": "hamlet", "bản": "hamlet", "ấp": "hamlet", "buôn": "hamlet", "khu phố": "hamlet", "hamlet": "hamlet",
	"cụm loa": "device", "cụm": "device", "device": "device",
}

// PlaceStore is where places come from and go to (store).
type PlaceStore interface {
	Plan(ctx context.Context) (radio.Plan, error)
	Contacts(ctx context.Context) ([]radio.AreaContact, error)
	// ApplyPlaces writes areas, devices, their setups and contacts in one transaction, or
	// nothing: radio.ErrConflict when something moved since it was read.
	ApplyPlaces(ctx context.Context, change radio.PlanChange) error
}

// Places brings the tree of areas and the clusters in from a table.
type Places struct {
	store PlaceStore
	now   func() time.Time
}

// NewPlaces makes one.
func NewPlaces(store PlaceStore, now func() time.Time) *Places { return &Places{store, now} }

// Import reads a table (CSV or XLSX) of areas and clusters and writes what it says: all of
// it, or nothing where any line is bad; dry writes nothing at all. Everything wrong comes
// back together as Problems, each with its line and column. What the table does not name
// stays as it is.
func (p *Places) Import(ctx context.Context, name string, data []byte, by radio.UserID, dry bool) (radio.PlaceImport, error) {
	out := radio.PlaceImport{File: cleanName(name), Lines: []radio.PlaceLine{}}
	plan, err := p.store.Plan(ctx)
	if err != nil {
		return out, fmt.Errorf("read the stored plan: %w", err)
	}
	f := &folder{zones: map[string]string{}}
	for _, a := range plan.Areas {
		f.zones[a.Code] = a.Zone
	}
	readPlaces(f, out.File, data)
	b := newBuilder(&Source{Name: out.File}, f, plan, nil)
	if b.contacts, err = p.store.Contacts(ctx); err != nil {
		return out, fmt.Errorf("read whom to call: %w", err)
	}
	b.buildAreas()
	b.buildDevices()
	b.buildContacts()
	if len(b.problems) > 0 {
		b.problems.sort()
		return out, problemsAsInvalid(b.problems)
	}
	b.diff.Changes = slices.DeleteFunc(b.diff.Changes, func(c Change) bool { return c.Action == Left })
	for _, c := range b.diff.Changes {
		out.Lines = append(out.Lines, radio.PlaceLine{Action: string(c.Action), What: c.What, Code: c.Code, Title: c.Title, Fields: c.Fields})
	}
	out.Counts = b.diff.Counts()
	if dry || !b.diff.Changed() {
		return out, nil
	}
	c := b.change
	c.Author, c.Approver, c.At = by, by, radio.At(p.now())
	c.Facts = radio.AuditFacts{File: out.File, Counts: out.Counts}
	if err := p.store.ApplyPlaces(ctx, c); err != nil {
		return out, fmt.Errorf("import places from %s: %w", out.File, err)
	}
	out.Written = true
	return out, nil
}

// PlaceDiff is what a table changes, as the import of a folder shows it.
func PlaceDiff(p radio.PlaceImport) Diff {
	d := Diff{Source: p.File}
	for _, l := range p.Lines {
		d.Changes = append(d.Changes, Change{Action: Action(l.Action), What: l.What, Code: l.Code, Title: l.Title, Fields: l.Fields})
	}
	return d
}

// problemsAsInvalid gives the places of problems as fields: of every bad line.
func problemsAsInvalid(ps Problems) error {
	var e radio.Invalid
	for _, p := range ps {
		e.Add(p.At.String(), p.VI, p.EN)
	}
	return e.Err()
}

func readPlaces(f *folder, name string, data []byte) {
	r := &reader{file: name, problems: &f.problems, form: tableFile, maxRows: maxPlaceRows}
	whole := Pos{File: name}
	var g grid
	var where func(row, col int) Pos
	switch ext := strings.ToLower(path.Ext(name)); {
	case len(data) == 0:
		f.problems.add(whole, "tệp trống", "the file is empty")
		return
	case len(data) > MaxUploadBytes:
		f.problems.add(whole, "tệp lớn hơn 5 MB", "file larger than 5 MB")
		return
	case ext == ".xls" && !bytes.HasPrefix(data, []byte("PK\x03\x04")):
		f.problems.add(whole, "tệp XLS đời cũ: hãy mở bằng Excel và lưu dạng XLSX", "an old XLS file: open it in Excel and save it as XLSX")
		return
	case ext == ".xlsx" || bytes.HasPrefix(data, []byte("PK\x03\x04")):
		g, where = r.xlsxGrid(data)
	case ext == ".csv" || ext == ".tsv" || ext == ".txt":
		g, where = r.csvGrid(data)
	default:
		f.problems.add(whole, "tệp phải là .csv hoặc .xlsx", "want a .csv or .xlsx file")
		return
	}
	if g == nil && len(f.problems) > 0 {
		return
	}
	// The name of the list may stand above its headings.
	head := slices.IndexFunc(g[:min(len(g), maxTitleRows)], func(row []text) bool { return headings(row) > 1 })
	if head < 0 {
		head = slices.IndexFunc(g, func(row []text) bool { return slices.ContainsFunc(row, text.filled) })
	}
	if head < 0 {
		f.problems.add(whole, "bảng trống", "the table is empty")
		return
	}
	t := &tableReader{r: r, cols: map[string]int{}}
	if !t.find(g[head], where(head, 0), placeColumns, "kind", "code", "name") {
		return
	}
	if at := slices.IndexFunc(g, func(row []text) bool { return slices.ContainsFunc(row, oldLetters) }); at >= 0 {
		cell := g[at][slices.IndexFunc(g[at], oldLetters)]
		f.problems.add(cell.at, fmt.Sprintf("%q là chữ của bảng mã cũ (TCVN3, phông .VnTime); hãy chuyển cả tệp sang Unicode", clip(cell.s)),
			fmt.Sprintf("%q is in an old code of letters (TCVN3); convert the whole file to Unicode", clip(cell.s)))
		return
	}
	rows := 0
	for i, row := range g[head+1:] {
		if slices.ContainsFunc(row, text.filled) {
			rows++
			f.place(t, row, where(head+1+i, 0))
		}
	}
	if rows == 0 && len(f.problems) == 0 {
		f.problems.add(whole, "bảng không có dòng nào", "the table has no row")
	}
}

// maxTitleRows is how many rows may stand above the headings.
const maxTitleRows = 10

// headings counts the cells of a row that are one.
func headings(row []text) (n int) {
	for _, v := range row {
		if slices.ContainsFunc(placeColumns, func(c column) bool { return fold(v.s) == fold(c.vi) || fold(v.s) == c.en }) {
			n++
		}
	}
	return n
}

// place reads one row.
func (f *folder) place(t *tableReader, row []text, at Pos) {
	r := t.r
	want := func(key, vi, en string) text {
		v := t.cell(row, key)
		if !v.set() {
			r.problems.add(at, "thiếu "+vi, "missing "+en)
		}
		return v
	}
	for _, v := range row {
		if formulaError(v.s) {
			r.problems.add(v.at, fmt.Sprintf("ô chứa lỗi công thức %s; hãy ghi giá trị", v.s), "the cell holds the error "+v.s+" of a formula; write the value")
		}
	}
	kind := want("kind", "loại (tỉnh, xã, phường, thôn, tổ dân phố, cụm loa)", "kind (province, commune, hamlet, device)")
	what, known := placeKinds[fold(kind.s)]
	if kind.set() && !known {
		r.problems.add(kind.at, fmt.Sprintf("loại %q: phải là tỉnh, xã, phường, thôn, tổ dân phố hoặc cụm loa", clip(kind.s)),
			fmt.Sprintf("kind %q: want province, commune, hamlet or device", clip(kind.s)))
	}
	code := r.checkCode(want("code", "mã", "code"))
	name := r.checkLength(want("name", "tên", "name"), 200)
	parent := r.checkCode(t.cell(row, "parent"))
	zone, rendition := t.cell(row, "zone"), t.cell(row, "rendition")
	latitude, longitude := decimalWord(t.cell(row, "latitude")), decimalWord(t.cell(row, "longitude"))
	contact, phone := t.cell(row, "contact"), phoneWord(t.cell(row, "phone"))
	if what == "province" && !zone.set() {
		if v := f.zones[code.s]; v != "" {
			zone = text{s: v, at: at}
		}
	}
	only := func(v text, vi, en string) {
		if v.set() {
			r.problems.add(v.at, vi, en)
		}
	}
	if !known || !code.set() {
		return
	}
	if what != "province" && !parent.set() {
		r.problems.add(at, "thiếu mã cấp trên", "missing the code of the area above")
		return
	}
	if what == "device" {
		only(zone, "cụm loa không có múi giờ riêng", "a device has no zone of its own")
		only(contact, "người liên hệ ghi ở dòng của thôn, xã", "whom to call stands in the row of a hamlet or commune")
		only(phone, "điện thoại ghi ở dòng của thôn, xã", "the phone stands in the row of a hamlet or commune")
		d := deviceDecl{code: code, name: name, hamlet: parent, partial: !rendition.set()}
		switch d.rendition = radio.MainKbps; rendition.s {
		case "", "64":
		case "32":
			d.rendition = radio.LightKbps
		default:
			r.problems.add(rendition.at, fmt.Sprintf("tốc độ %q: phải là 64 hoặc 32", clip(rendition.s)), fmt.Sprintf("rendition %q: want 64 or 32", clip(rendition.s)))
		}
		d.setup = r.position(latitude, longitude)
		f.devices = append(f.devices, d)
		return
	}
	only(rendition, "tốc độ chỉ ghi cho cụm loa", "only a device has a rendition")
	only(latitude, "tọa độ chỉ ghi cho cụm loa", "only a device has a position")
	only(longitude, "tọa độ chỉ ghi cho cụm loa", "only a device has a position")
	if a, ok := r.area(areaDecl{code: code, name: name, parent: parent, zone: zone, kind: radio.AreaKind(what)}, at); ok {
		f.areas = append(f.areas, a)
	}
	if contact.set() || phone.set() {
		f.contact(r, code, contact, phone, at)
	}
}

// oldLetters finds text typed for the fonts of TCVN3, which came into Unicode letter by
// letter: ã is the middle dot there, ô the quotation mark, ư the soft hyphen. No Vietnamese
// name has these signs in a word.
func oldLetters(t text) bool { return oldWord.MatchString(t.s) }

var oldWord = regexp.MustCompile(`\pL[¨©ª«¬\x{ad}®µ¶·¸¹»¼½¾×÷Þþ]|[¨©ª«¬\x{ad}®µ¶·¸¹»¼½¾×÷Þþ]\pL`)

// formulaError finds what a spreadsheet shows where a formula has no value.
func formulaError(s string) bool {
	return slices.Contains([]string{"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"}, s)
}

// phoneWord gives a number its first zero back, which a spreadsheet takes off what it holds
// for a number: mobile numbers have nine digits without it, landlines ten.
func phoneWord(t text) text {
	digits := strings.Trim(t.s, "0123456789") == "" && t.s != ""
	if digits && (len(t.s) == 9 && strings.ContainsAny(t.s[:1], "35789") || len(t.s) == 10 && t.s[0] == '2') {
		t.s = "0" + t.s
	}
	return t
}

// decimalWord takes a comma for the point, as spreadsheets here write numbers.
func decimalWord(t text) text {
	if strings.Count(t.s, ",") == 1 && !strings.Contains(t.s, ".") {
		t.s = strings.Replace(t.s, ",", ".", 1)
	}
	return t
}

// contact reads whom to call in the area of a row.
func (f *folder) contact(r *reader, area, name, phone text, at Pos) {
	if !name.set() || !phone.set() {
		r.problems.add(at, "người liên hệ phải có cả họ tên và điện thoại", "whom to call needs a name and a phone")
		return
	}
	c, err := radio.AreaContact{Name: name.s, Phone: phone.s}.Normal()
	r.invalid(err, func(field string) Pos {
		if field == "phone" {
			return phone.at
		}
		return name.at
	})
	if err == nil {
		f.contacts = append(f.contacts, contactDecl{area: area, contact: c})
	}
}
