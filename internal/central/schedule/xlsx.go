package schedule

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

const (
	// maxUnzipped bounds what an XLSX file, which is a ZIP, may unfold to: a table of
	// maxRows takes a fifth of it.
	maxUnzipped = 24 << 20
	// maxSheetCell is a little below what a cell of a sheet can hold.
	maxSheetCell = 32_000
	// sheetName is the sheet that is read, where there is one of that name.
	sheetName = "Lịch phát"
)

// sheetEscape finds what a sheet would take for a character's number (ECMA-376 part 1,
// 22.9.2.19, ST_Xstring): its underscore is written as a number itself.
var sheetEscape = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// xlsxGrid reads the sheet "Lịch phát", else the first one. Formulas are not evaluated:
// what the spreadsheet left as their value counts.
func (r *reader) xlsxGrid(data []byte) (g grid, where func(row, col int) Pos) {
	sheet := sheetName
	where = func(row, col int) Pos {
		cell, err := excelize.CoordinatesToCellName(col+1, row+1)
		if err != nil {
			cell = strconv.Itoa(row + 1)
		}
		return Pos{File: r.file, Line: row + 1, Col: col + 1, Cell: sheet + "!" + cell}
	}
	// The library is foreign code fed with files of strangers: a panic in it is a file
	// that cannot be read, not the end of the program.
	defer func() {
		if p := recover(); p != nil {
			r.problems.add(Pos{File: r.file}, "không đọc được tệp XLSX", fmt.Sprintf("cannot be read as XLSX (%v)", p))
			g = nil
		}
	}()
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped,
	})
	if err != nil {
		r.problems.add(Pos{File: r.file}, "không đọc được tệp XLSX (hỏng, có mật khẩu hoặc quá lớn)", "cannot be read as XLSX (damaged, protected or too large): "+err.Error())
		return nil, where
	}
	defer f.Close() // read only: nothing is kept on disk below the size limit
	sheets := f.GetSheetList()
	if len(sheets) == 0 {
		r.problems.add(Pos{File: r.file}, "tệp không có trang tính nào", "the file has no sheet")
		return nil, where
	}
	if !slices.Contains(sheets, sheet) {
		sheet = sheets[0]
	}
	epoch1904 := false
	if p, err := f.GetWorkbookProps(); err == nil && p.Date1904 != nil {
		epoch1904 = *p.Date1904
	}
	rows, err := f.Rows(sheet)
	if err != nil {
		r.problems.add(Pos{File: r.file}, "không đọc được trang tính", "cannot read the sheet: "+err.Error())
		return nil, where
	}
	g = r.sheetRows(rows, where)
	if err := rows.Close(); err != nil {
		r.problems.add(Pos{File: r.file}, "không đọc được trang tính", "cannot read the sheet: "+err.Error())
	}
	r.sheetDates(g, epoch1904)
	return g, where
}

func (r *reader) sheetRows(rows *excelize.Rows, where func(row, col int) Pos) grid {
	var g grid
	for n := 0; rows.Next(); n++ {
		cells, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			r.problems.add(where(n, 0), "không đọc được dòng này", "cannot read this row: "+err.Error())
			return g
		}
		cells = cells[:min(len(cells), maxColumns)]
		filled := slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" })
		if !filled && n >= len(g) {
			continue // empty rows at the end take no room
		}
		if n >= r.rows() {
			r.problems.add(where(n, 0), fmt.Sprintf("quá %d dòng", r.rows()), fmt.Sprintf("more than %d rows", r.rows()))
			return g
		}
		for len(g) < n {
			g = append(g, nil)
		}
		row := make([]text, len(cells))
		for i, s := range cells {
			if s = strings.TrimSpace(s); s != "" {
				row[i] = text{s: s, at: where(n, i)}
			}
		}
		g = append(g, row)
	}
	return g
}

// sheetDates turns what a sheet keeps as numbers into dates and times of day, in the
// columns that hold them.
func (r *reader) sheetDates(g grid, epoch1904 bool) {
	head := slices.IndexFunc(g, func(row []text) bool { return slices.ContainsFunc(row, text.filled) })
	if head < 0 {
		return
	}
	kinds := map[int]string{}
	for i, h := range g[head] {
		for _, c := range columns {
			if fold(h.s) == fold(c.vi) || fold(h.s) == c.en {
				kinds[i] = c.key
			}
		}
	}
	for _, row := range g[head+1:] {
		for i := range row {
			n, err := strconv.ParseFloat(row[i].s, 64)
			if err != nil || math.IsNaN(n) || n < 0 {
				continue
			}
			switch kinds[i] {
			case "from", "until", "except", "days":
				if t, err := excelize.ExcelDateToTime(n, epoch1904); err == nil && n >= 1000 && n < 200_000 && n == math.Trunc(n) {
					row[i].s = t.Format(time.DateOnly)
				}
			case "times":
				if s := math.Round(n * 24 * 60 * 60); n < 1 && math.Mod(s, 60) == 0 {
					row[i].s = radio.TimeOfDay(int(s) / 60).String()
				}
			}
		}
	}
}

// writeXLSX writes a table as a sheet of text, with a second sheet of explanations
// when there are any.
func writeXLSX(rows [][]string, notes []string) (out []byte, err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write XLSX: %w", e)
		}
	}()
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("write XLSX: %w", err) }
	if err := f.SetSheetName("Sheet1", sheetName); err != nil {
		return fail(err)
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return fail(err)
	}
	// Text format, so that a spreadsheet does not turn codes and times into numbers.
	plain, err := f.NewStyle(&excelize.Style{NumFmt: 49})
	if err != nil {
		return fail(err)
	}
	last, err := excelize.ColumnNumberToName(len(columns))
	if err != nil {
		return fail(err)
	}
	if err := f.SetColStyle(sheetName, "A:"+last, plain); err != nil {
		return fail(err)
	}
	if err := f.SetColWidth(sheetName, "A", last, 18); err != nil {
		return fail(err)
	}
	for i, row := range rows {
		for j, s := range row {
			if len(s) > maxSheetCell {
				return nil, fmt.Errorf("%w: a cell of %d characters does not fit a sheet; take YAML", radio.ErrInvalid, len(s))
			}
			if s == "" {
				continue
			}
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			if err != nil {
				return fail(err)
			}
			if err := f.SetCellStr(sheetName, cell, sheetEscape.ReplaceAllString(s, "_x005F$0")); err != nil {
				return fail(err)
			}
		}
	}
	if err := f.SetRowStyle(sheetName, 1, 1, bold); err != nil {
		return fail(err)
	}
	if err := f.SetPanes(sheetName, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return fail(err)
	}
	if len(notes) > 0 {
		const sheet = "Hướng dẫn"
		if _, err := f.NewSheet(sheet); err != nil {
			return fail(err)
		}
		for i, s := range notes {
			if err := f.SetCellStr(sheet, "A"+strconv.Itoa(i+1), s); err != nil {
				return fail(err)
			}
		}
		if err := f.SetColWidth(sheet, "A", "A", 120); err != nil {
			return fail(err)
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return fail(err)
	}
	return b.Bytes(), nil
}
