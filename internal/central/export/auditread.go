package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

// maxAuditLine bounds one line of a file of the audit: its heading holds a keyring.
const maxAuditLine = 1 << 20

// AuditFile is what a file of the audit says, before anything of it is proven.
type AuditFile struct {
	// Heading is empty for CSV and XLSX, which have none.
	Heading AuditHeading
	Records []radio.AuditRecord
	// Whole says that no filter has left entries out.
	Whole bool
	// Seal is the signature over the file; nil for CSV, XLSX and files from before there was
	// one.
	Seal json.RawMessage
	// sum is over every line before the last.
	sum string
}

// Signs says whether this is the file of which w speaks.
func (f AuditFile) Signs(w radio.AuditFileWord) bool {
	return w == radio.AuditFileWord{Whole: f.Whole, Entries: int64(len(f.Records)), Head: f.Heading.Head, SHA256: f.sum}
}

// ReadAuditFile reads a file that Write made; which of the three it is, it tells from how
// it begins.
func ReadAuditFile(r io.Reader) (AuditFile, error) {
	in := bufio.NewReader(r)
	begin, err := in.Peek(len(bom))
	if err != nil {
		return AuditFile{}, fmt.Errorf("%w: the file is empty or cannot be read: %v", radio.ErrInvalid, err)
	}
	switch {
	case begin[0] == '{':
		return readLines(in)
	case bytes.HasPrefix(begin, []byte("PK")):
		return readSheet(in)
	}
	if string(begin) == bom {
		if _, err := in.Discard(len(bom)); err != nil {
			return AuditFile{}, err
		}
	}
	c := csv.NewReader(in)
	c.ReuseRecord = true
	return readTable(func() ([]string, error) {
		line, err := c.Read()
		for i := range line {
			line[i] = strings.TrimPrefix(line[i], "'") // which quoted has put there
		}
		return line, err
	})
}

func readLines(in io.Reader) (f AuditFile, err error) {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxAuditLine)
	bad := func(format string, args ...any) (AuditFile, error) {
		return f, fmt.Errorf("%w: line %d: "+format, append([]any{radio.ErrInvalid, len(f.Records) + 2}, args...)...)
	}
	if !s.Scan() || json.Unmarshal(s.Bytes(), &f.Heading) != nil || f.Heading.Form != auditKind {
		return f, fmt.Errorf("%w: the first line is not that of an audit's export (%v)", radio.ErrInvalid, s.Err())
	}
	f.Whole = f.Heading.Whole
	sum := sha256.New()
	count := func() { sum.Write(s.Bytes()); sum.Write([]byte{'\n'}) } // a hash takes all
	count()
	for s.Scan() {
		var l auditLine
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			return bad("%v", err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return bad("more than one value")
		}
		if l.End != nil {
			switch {
			case *l.End != int64(len(f.Records)):
				return f, fmt.Errorf("%w: the file holds %d entries, its last line says %d: lines are missing", radio.ErrConflict, len(f.Records), *l.End)
			case s.Scan():
				return bad("something follows the end")
			}
			f.Seal, f.sum = l.Seal, hex.EncodeToString(sum.Sum(nil))
			return f, s.Err()
		}
		if l.Seal != nil {
			return bad("an entry with a signature")
		}
		count()
		f.Records = append(f.Records, radio.AuditRecord{Seq: l.Seq, At: l.At, Actor: l.Actor, From: radio.Source{Via: l.Via, Address: l.Address, Token: l.Token},
			Action: l.Action, Subject: l.Subject, Detail: l.Detail, Prev: l.Prev, Hash: l.Hash})
	}
	if err := s.Err(); err != nil {
		return bad("%v", err)
	}
	return f, fmt.Errorf("%w: the file has no last line: it was cut off after %d entries", radio.ErrConflict, len(f.Records))
}

func readSheet(in io.Reader) (f AuditFile, err error) {
	book, err := excelize.OpenReader(in, excelize.Options{UnzipSizeLimit: 1 << 30, RawCellValue: true})
	if err != nil {
		return f, fmt.Errorf("%w: the workbook: %v", radio.ErrInvalid, err)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	rows, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return f, fmt.Errorf("%w: the workbook: %v", radio.ErrInvalid, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return readTable(func() ([]string, error) {
		if !rows.Next() {
			return nil, errors.Join(rows.Error(), io.EOF)
		}
		return rows.Columns()
	})
}

// readTable reads the columns of the chain, wherever they stand.
func readTable(next func() ([]string, error)) (f AuditFile, err error) {
	head, err := next()
	if err != nil {
		return f, fmt.Errorf("%w: the heading: %v", radio.ErrInvalid, err)
	}
	at := make([]int, len(auditColumns))
	for i, name := range auditColumns {
		if at[i] = slices.Index(head, name); at[i] < 0 {
			return f, fmt.Errorf("%w: there is no column %q: is this an export of the audit?", radio.ErrInvalid, name)
		}
	}
	f.Whole = !slices.Contains(head, filtered)
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, fmt.Errorf("%w: row %d: %v", radio.ErrInvalid, len(f.Records)+2, err)
		}
		fields := make([]string, len(at))
		for i, column := range at {
			if column < len(line) { // a sheet leaves out what is empty at the end
				fields[i] = strings.Clone(line[column])
			}
		}
		e, err := auditRecord(fields)
		if err != nil {
			return f, fmt.Errorf("row %d: %w", len(f.Records)+2, err)
		}
		f.Records = append(f.Records, e)
	}
}

func auditRecord(v []string) (e radio.AuditRecord, err error) {
	seq, err1 := strconv.ParseInt(v[0], 10, 64)
	at, err2 := strconv.ParseInt(v[1], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return e, fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	e = radio.AuditRecord{Seq: seq, At: radio.Millis(at), Actor: v[2], From: radio.Source{Via: radio.Via(v[3]), Address: v[4], Token: radio.TokenID(v[5])},
		Action: v[6], Subject: v[7], Detail: v[8], Prev: v[9], Hash: v[10]}
	return e, nil
}

// Check walks the records. heads are those that are known from elsewhere: signed ones.
func (f AuditFile) Check(heads ...radio.AuditHead) (*radio.AuditChain, error) {
	c := &radio.AuditChain{Picked: !f.Whole}
	for _, h := range heads {
		c.Expect(h)
	}
	for i, e := range f.Records {
		err := c.Add(e)
		var broken *radio.BrokenAudit
		if errors.As(err, &broken) && broken.Seq < e.Seq {
			// What is missing may only stand in another place.
			if slices.ContainsFunc(f.Records[i+1:], func(x radio.AuditRecord) bool { return x.Seq == broken.Seq }) {
				return c, &radio.BrokenAudit{Seq: broken.Seq, Why: fmt.Sprintf("stands after entry %d: the order was changed", e.Seq)}
			}
		}
		if err != nil {
			return c, err
		}
	}
	return c, c.End()
}
