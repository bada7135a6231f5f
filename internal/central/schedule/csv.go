package schedule

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"loaxa/internal/radio"
)

// csvGrid reads a CSV file: UTF-8, or UTF-16 with its mark; comma, semicolon or tab.
func (r *reader) csvGrid(data []byte) (grid, func(row, col int) Pos) {
	nowhere := func(row, _ int) Pos { return Pos{File: r.file, Line: row + 1, Col: 1} }
	data, ok := r.csvText(data)
	if !ok {
		return nil, nowhere
	}
	comma, skip := csvComma(data)
	in := csv.NewReader(bytes.NewReader(data[skip:]))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = comma, -1, true
	lines := 0
	if skip > 0 {
		lines = 1
	}
	var g grid
	var at []int
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			r.problems.add(Pos{File: r.file, Line: broken.Line + lines, Col: 1}, "dấu nháy kép đặt sai chỗ", "a quote stands where it must not: "+broken.Err.Error())
			break
		}
		if err != nil {
			r.problems.add(Pos{File: r.file}, "không đọc được CSV", err.Error())
			break
		}
		line, _ := in.FieldPos(0)
		if len(g) == r.rows() {
			r.problems.add(Pos{File: r.file, Line: line + lines, Col: 1}, fmt.Sprintf("quá %d dòng", r.rows()), fmt.Sprintf("more than %d rows", r.rows()))
			break
		}
		g, at = append(g, r.csvRow(in, record, lines)), append(at, line+lines)
	}
	return g, func(row, _ int) Pos {
		if row < len(at) {
			return Pos{File: r.file, Line: at[row], Col: 1}
		}
		return nowhere(row, 0)
	}
}

func (r *reader) csvRow(in *csv.Reader, record []string, lines int) []text {
	row := make([]text, min(len(record), maxColumns))
	for i := range row {
		s := strings.TrimSpace(record[i])
		if s == "" {
			continue
		}
		// People count cells in a row, not bytes.
		line, _ := in.FieldPos(i)
		row[i] = text{s: unguard(s), at: Pos{File: r.file, Line: line + lines, Col: i + 1}}
		if len(s) > maxCellBytes {
			r.problems.add(row[i].at, "ô quá dài", "the cell is too long")
			row[i].s = ""
		}
	}
	return row
}

// csvText gives the file as UTF-8 without a mark.
func (r *reader) csvText(data []byte) ([]byte, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		if err != nil {
			r.problems.add(Pos{File: r.file}, "không đọc được UTF-16", "not readable as UTF-16")
			return nil, false
		}
		data = text
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	}
	line := 1
	for s := range bytes.Lines(data) {
		if !utf8.Valid(s) {
			r.problems.add(Pos{File: r.file, Line: line, Col: 1}, "chữ không đúng mã UTF-8; trong Excel hãy lưu dạng “CSV UTF-8”",
				"not valid UTF-8; in Excel save as “CSV UTF-8”")
			return nil, false
		}
		line++
	}
	return data, true
}

// csvComma finds what separates the cells: what the first line has most of, outside
// quotes. A first line "sep=;" of Excel says it, and is skipped.
func csvComma(data []byte) (comma rune, skip int) {
	for line := range bytes.Lines(data) {
		trimmed := strings.TrimSpace(string(line))
		if rest, ok := strings.CutPrefix(trimmed, "sep="); ok && skip == 0 && len(rest) == 1 && strings.ContainsAny(rest, ",;") {
			return rune(rest[0]), len(line)
		}
		if trimmed == "" {
			continue
		}
		counts, quoted := map[rune]int{}, false
		for _, c := range trimmed {
			if c == '"' {
				quoted = !quoted
			} else if !quoted {
				counts[c]++
			}
		}
		comma = ','
		for _, c := range []rune{';', '\t'} {
			if counts[c] > counts[comma] {
				comma = c
			}
		}
		return comma, 0
	}
	return ',', 0
}

// guard keeps a spreadsheet from taking text for a formula, as OWASP advises; unguard
// takes it off again.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@'", rune(s[0])) {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@'", rune(s[1])) {
		return s[1:]
	}
	return s
}

// writeCSV writes a table for spreadsheets: UTF-8 with its mark, comma, CRLF.
func writeCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\xef\xbb\xbf")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	for _, row := range rows {
		guarded := make([]string, len(row))
		for i, s := range row {
			guarded[i] = guard(s)
		}
		if err := w.Write(guarded); err != nil {
			return nil, fmt.Errorf("write CSV: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// tableRows writes schedules as the flat table, headings first.
func tableRows(forms []radio.ScheduleForm) [][]string {
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.vi
	}
	rows := [][]string{head}
	for _, f := range forms {
		rows = append(rows, formRows(f)...)
	}
	return rows
}
