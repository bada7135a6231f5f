// Package export makes files of the confirmation log for people: CSV and XLSX. It reads
// the log page by page from one snapshot of store, so a file is of one instant and costs
// the same memory however long it is, and writes to whoever asks: web's downloads and
// commands. What the words on the screen are it is told by them.
package export

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Reader reads the log as it stands at one instant.
type Reader interface {
	AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error)
	LogTotals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error)
}

// Log runs f on the log as it stands at one instant.
type Log func(ctx context.Context, f func(Reader) error) error

// Words are the words of one language for what the log holds as codes.
type Words interface {
	English() bool
	Outcome(o radio.Outcome) string
	Reason(r radio.Reason) string
	Priority(p radio.Priority) string
	Origin(o radio.Origin) string
	Proof(p string) string
}

// Request is one file.
type Request struct {
	Filter radio.LogFilter
	Zone   *time.Location
	Words  Words
	// About are the filters in words, for the sheet beside the rows.
	About [][2]string
	// By is who asks, Owner that person's id: one makes one file at a time.
	By    string
	Owner string
}

const (
	// page is how many rows are read at a time.
	page = 500
	// MaxRows is what one sheet of XLSX holds below its heading.
	MaxRows = 1<<20 - 1
)

// Exporter is safe for concurrent use.
type Exporter struct {
	log     Log
	now     func() time.Time
	longest time.Duration

	mu     sync.Mutex
	making []string // whose files are being made
}

// New only stores.
func New(log Log, now func() time.Time) *Exporter {
	return &Exporter{log: log, now: now, longest: longest}
}

// rows hands the rows of a filter to each, newest first, until ctx ends.
func rows(ctx context.Context, log Reader, f radio.LogFilter, each func(radio.AsRun) error) error {
	var cursor radio.LogCursor
	for {
		part, err := log.AsRuns(ctx, f, cursor, page)
		if err != nil {
			return err
		}
		for _, a := range part {
			if err := each(a); err != nil {
				return err
			}
		}
		if len(part) < page {
			return nil
		}
		cursor = part[page-1].Cursor()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Begin is told before the first byte: the instant the file speaks of. An error ends it.
type Begin func(knownAt time.Time) (io.Writer, error)

func check(r Request) error { return r.Filter.Check() }

func tooMany(n int64) error {
	var e radio.Invalid
	e.Add("rows", fmt.Sprintf("%d dòng là quá nhiều cho một tệp Excel (nhiều nhất %d); hãy chọn ít ngày hơn hoặc tải CSV", n, MaxRows),
		fmt.Sprintf("%d rows are too many for one Excel file (%d at the most): choose fewer days, or CSV", n, MaxRows))
	return e.Err()
}
