package schedule

import (
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// Pos is a place in a file; line and column count from 1, 0 when the whole file
// is meant.
type Pos struct {
	File      string
	Line, Col int
	// Cell names a place that is not found by its line: a cell of a sheet, a field of
	// a form. Line and Col then only keep the order.
	Cell string
}

// String gives file:line:col, or the cell.
func (p Pos) String() string {
	switch {
	case p.Cell != "":
		return p.Cell
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Problem is one thing wrong in a file, in both languages.
type Problem struct {
	At     Pos
	VI, EN string
}

// String gives "file:line:col: Vietnamese / English".
func (p Problem) String() string { return p.At.String() + ": " + p.VI + " / " + p.EN }

const (
	// maxProblems bounds what one import reports.
	maxProblems = 200
	// maxKept bounds what is kept of it: some problems in every line of the longest table.
	maxKept = 3 * maxPlaceRows
)

// Problems is everything wrong in the files at once, in file order; it is an
// error of kind radio.ErrInvalid.
type Problems []Problem

// Error gives one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is makes errors.Is(err, radio.ErrInvalid) true.
func (ps Problems) Is(target error) bool { return target == radio.ErrInvalid }

// add notes one problem; what exceeds the bound is dropped, the first ones are
// enough to work on.
func (ps *Problems) add(at Pos, vi, en string) {
	if len(*ps) < maxKept {
		*ps = append(*ps, Problem{At: at, VI: vi, EN: en})
	}
}

// err gives nil when nothing is wrong, else the first of what is.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	ps.sort()
	return ps[:min(len(ps), maxProblems)]
}

// sort puts problems in the order of their files and lines.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if c := strings.Compare(a.At.File, b.At.File); c != 0 {
			return c
		}
		if a.At.Line != b.At.Line {
			return a.At.Line - b.At.Line
		}
		return a.At.Col - b.At.Col
	})
}
