package export

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

// XLSX writes the log as a workbook: the rows with true dates, times and numbers, a
// heading that stays in sight and filters, and a sheet that says what was asked for,
// the sums, and as of when. The file is made (in the system's temporary folder, when it
// is large) before begin is called, so what goes wrong is told before the first byte.
func (e *Exporter) XLSX(ctx context.Context, r Request, begin Begin) error {
	if err := check(r); err != nil {
		return err
	}
	return e.turn(ctx, r.Owner, func(ctx context.Context) error { return e.workbook(ctx, r, begin) })
}

func (e *Exporter) workbook(ctx context.Context, r Request, begin Begin) (err error) {
	book := excelize.NewFile()
	defer func() { err = errors.Join(err, book.Close()) }()
	var knownAt time.Time
	err = e.log(ctx, func(log Reader) error {
		totals, err := log.LogTotals(ctx, r.Filter)
		if err != nil {
			return err
		}
		knownAt = e.now()
		n := totals.Planned + totals.Unplanned
		if n > MaxRows {
			return tooMany(n)
		}
		return errors.Join(writeRows(ctx, book, log, r, n), writeAbout(book, r, totals, knownAt))
	})
	if err != nil {
		return err
	}
	out, err := begin(knownAt)
	if err != nil {
		return err
	}
	// By itself the library packs the whole file in memory first: its packer writes to
	// whoever asks instead, and what it would send afterwards is empty.
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(out) })
	if err := book.Write(io.Discard); err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	return nil
}

// formats of the kinds, as Excel writes them.
var formats = map[kind]string{date: "dd/mm/yyyy", clock: "hh:mm", moment: "dd/mm/yyyy hh:mm:ss", whole: "0", fraction: "0.000"}

func styles(book *excelize.File) (head int, of map[kind]int, err error) {
	of = map[kind]int{}
	for k, f := range formats {
		if of[k], err = book.NewStyle(&excelize.Style{CustomNumFmt: &f}); err != nil {
			return 0, nil, err
		}
	}
	head, err = book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"EEF1F5"}},
		Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	return head, of, err
}

// writeRows fills the first sheet with n rows.
func writeRows(ctx context.Context, book *excelize.File, log Reader, r Request, n int64) error {
	sheet := label(r, "Nhật ký", "Log")
	if err := book.SetSheetName("Sheet1", sheet); err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	head, style, err := styles(book)
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	w, err := book.NewStreamWriter(sheet)
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	line := make([]any, len(columns))
	for i, c := range columns {
		line[i] = excelize.Cell{StyleID: head, Value: c.name(r)}
		if err := w.SetColWidth(i+1, i+1, c.width); err != nil {
			return fmt.Errorf("write XLSX: %w", err)
		}
	}
	last, err := excelize.ColumnNumberToName(len(columns))
	if err == nil {
		err = errors.Join(
			w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
			book.AutoFilter(sheet, fmt.Sprintf("A1:%s%d", last, n+1), nil),
			w.SetRow("A1", line))
	}
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	at := 1
	err = rows(ctx, log, r.Filter, func(a radio.AsRun) error {
		at++
		for i, c := range columns {
			line[i] = sheetCell(c.of(r, a), style)
		}
		return w.SetRow(fmt.Sprintf("A%d", at), line)
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	return nil
}

func sheetCell(c cell, style map[kind]int) any {
	if !c.set {
		return nil
	}
	switch c.kind {
	case date, moment:
		return excelize.Cell{StyleID: style[c.kind], Value: serial(c.at.Round(time.Second))}
	case fraction:
		return excelize.Cell{StyleID: style[c.kind], Value: math.Round(c.num*1000) / 1000}
	case clock, whole:
		return excelize.Cell{StyleID: style[c.kind], Value: c.num}
	}
	return sheetText(c.text)
}

// serial is a day number as Excel counts, from the digits of the local clock.
func serial(t time.Time) float64 {
	local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return local.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Seconds() / 86400
}

// sheetText leaves out what XML cannot hold; a text cell is never a formula. Text longer
// than a cell holds (32,767 characters) is cut by the library.
func sheetText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// writeAbout fills the second sheet: what the first one holds.
func writeAbout(book *excelize.File, r Request, totals radio.LogTotals, knownAt time.Time) error {
	sheet := label(r, "Về tệp này", "About")
	if _, err := book.NewSheet(sheet); err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	_, style, err := styles(book)
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	lines := [][]any{
		{label(r, "Theo số liệu máy chủ biết lúc", "As known at the centre at"), excelize.Cell{StyleID: style[moment], Value: serial(knownAt.In(r.Zone))}},
		{label(r, "Múi giờ", "Time zone"), r.Zone.String()},
		{label(r, "Người xuất", "Exported by"), sheetText(r.By)},
	}
	for _, a := range r.About {
		lines = append(lines, []any{sheetText(a[0]), sheetText(a[1])})
	}
	lines = append(lines, nil, []any{label(r, "Kế hoạch (lượt phát)", "Planned (airings)"), totals.Planned})
	for o, n := range totals.Each() {
		lines = append(lines, []any{r.Words.Outcome(o), n})
	}
	lines = append(lines, []any{label(r, "Ngoài kế hoạch", "Not planned"), totals.Unplanned})
	w, err := book.NewStreamWriter(sheet)
	if err == nil {
		err = errors.Join(w.SetColWidth(1, 1, 36), w.SetColWidth(2, 2, 48))
	}
	for i, l := range lines {
		if err == nil {
			err = w.SetRow(fmt.Sprintf("A%d", i+1), l)
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("write XLSX: %w", err)
	}
	return nil
}

func label(r Request, vi, en string) string {
	if r.Words.English() {
		return en
	}
	return vi
}
