package export

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// bom tells Excel that the file is UTF-8; without it Vietnamese is garbled there.
const bom = "\ufeff"

// CSV writes the log as RFC 4180 with CRLF, commas, and times in the local zone. It
// writes while it reads; begin opens the way out. The text of a cell that a spreadsheet
// would take for a formula (it begins with = + - @, a tab or a line end) gets an
// apostrophe in front: what people typed as a title must not run on the reader's machine.
func (e *Exporter) CSV(ctx context.Context, r Request, begin Begin) error {
	if err := check(r); err != nil {
		return err
	}
	return e.turn(ctx, r.Owner, func(ctx context.Context) error {
		return e.log(ctx, func(log Reader) error {
			// The snapshot stands with its first statement, not before.
			if _, err := log.LogTotals(ctx, r.Filter); err != nil {
				return err
			}
			out, err := begin(e.now())
			if err != nil {
				return err
			}
			return writeCSV(ctx, log, r, out)
		})
	})
}

func writeCSV(ctx context.Context, log Reader, r Request, out io.Writer) error {
	if _, err := io.WriteString(out, bom); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = c.name(r)
	}
	if err := w.Write(line); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	err := rows(ctx, log, r.Filter, func(a radio.AsRun) error {
		for i, c := range columns {
			line[i] = csvText(c.of(r, a))
		}
		return w.Write(line)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	if err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func csvText(c cell) string {
	if !c.set {
		return ""
	}
	switch c.kind {
	case date:
		return c.at.Format("2006-01-02")
	case moment:
		return c.at.Round(time.Second).Format("2006-01-02 15:04:05")
	case whole:
		return strconv.FormatInt(int64(c.num), 10)
	case fraction:
		return strconv.FormatFloat(math.Round(c.num*1000)/1000, 'f', -1, 64)
	case clock:
		return c.text
	}
	return harmless(c.text)
}

// harmless keeps a spreadsheet from taking text for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
