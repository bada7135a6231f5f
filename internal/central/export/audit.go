package export

import (
	"archive/zip"
	"bufio"
	"context"
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
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

// AuditReader reads the audit as it stands at one instant.
type AuditReader interface {
	Head(ctx context.Context) (radio.AuditHead, error)
	Walk(ctx context.Context, f radio.AuditFilter, each func(radio.AuditRecord) error) error
}

// AuditLog runs f on the audit as it stands at one instant.
type AuditLog func(ctx context.Context, f func(AuditReader) error) error

// Stamp signs what is exported; proof is what lets a reader believe it.
type Stamp interface {
	// Head signs the head of the audit and keeps that.
	Head(ctx context.Context, h radio.AuditHead) (seal, proof json.RawMessage, err error)
	// File signs the file that was written.
	File(w radio.AuditFileWord) (seal json.RawMessage, err error)
}

// AuditKind is the form of a file of the audit.
type AuditKind string

// Forms. JSON lines hold everything that proves them; CSV and XLSX are for people and hold
// the chain, but no signed head.
const (
	AuditLines AuditKind = "jsonl"
	AuditCSV   AuditKind = "csv"
	AuditXLSX  AuditKind = "xlsx"
)

// AuditRequest is one file of the audit.
type AuditRequest struct {
	Filter radio.AuditFilter
	Kind   AuditKind
	// Heads and Row are the columns for people, which stand before those of the chain.
	Heads []string
	Row   func(radio.AuditRecord) []string
	By    string
	Owner string
}

// auditColumns are the columns of the chain, the same in every language: verifying reads
// them.
var auditColumns = []string{"seq", "at_ms", "actor", "via", "address", "token", "action", "subject", "detail", "prev", "hash"}

// filtered is the heading of one more, empty column, where a filter has left entries out.
const filtered = "filtered"

func (r AuditRequest) headings() []string {
	out := slices.Concat(r.Heads, auditColumns)
	if !r.Filter.Whole() {
		out = append(out, filtered)
	}
	return out
}

func (r AuditRequest) line(e radio.AuditRecord) []string {
	out := slices.Concat(r.Row(e), auditFields(e))
	if !r.Filter.Whole() {
		out = append(out, "")
	}
	return out
}

// quoted is harmless, but can be undone: what begins with an apostrophe gets another one.
func quoted(s string) string {
	if strings.HasPrefix(s, "'") {
		return "'" + s
	}
	return harmless(s)
}

func auditFields(e radio.AuditRecord) []string {
	return []string{strconv.FormatInt(e.Seq, 10), strconv.FormatInt(int64(e.At), 10), e.Actor, string(e.From.Via), e.From.Address, string(e.From.Token),
		e.Action, e.Subject, e.Detail, e.Prev, e.Hash}
}

// auditKind names the form in a file's first line.
const auditKind = "loaxa.audit.v1"

// AuditHeading is the first line of a file in JSON lines.
type AuditHeading struct {
	Form   string       `json:"form"`
	MadeAt radio.Millis `json:"made_at"`
	By     string       `json:"by"`
	// Whole says that no filter left entries out.
	Whole  bool               `json:"whole"`
	Filter *radio.AuditFilter `json:"filter,omitempty"`
	Head   radio.AuditHead    `json:"head"`
	Seal   json.RawMessage    `json:"seal,omitempty"`
	Proof  json.RawMessage    `json:"proof,omitempty"`
}

// auditLine is an entry in JSON lines; the last line has End, the number of entries, and
// the signature over all lines before it.
type auditLine struct {
	Seq     int64         `json:"seq,omitempty"`
	At      radio.Millis  `json:"at,omitempty"`
	Actor   string        `json:"actor,omitempty"`
	Via     radio.Via     `json:"via,omitempty"`
	Address string        `json:"address,omitempty"`
	Token   radio.TokenID `json:"token,omitempty"`
	Action  string        `json:"action,omitempty"`
	Subject string        `json:"subject,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Prev    string        `json:"prev,omitempty"`
	Hash    string        `json:"hash,omitempty"`
	End     *int64        `json:"end,omitempty"`
	// Seal stands in the last line: radio.AuditFileWord.
	Seal json.RawMessage `json:"seal,omitempty"`
}

// Audits makes files of the audit. Safe for concurrent use.
type Audits struct {
	log   AuditLog
	stamp Stamp
	now   func() time.Time
	turns *Exporter
}

// NewAudits only stores. stamp may be nil: the files then are not signed. The turns
// are those of the log's files.
func NewAudits(log AuditLog, stamp Stamp, turns *Exporter, now func() time.Time) *Audits {
	return &Audits{log: log, stamp: stamp, now: now, turns: turns}
}

// Write makes one file; begin is told before the first byte.
func (a *Audits) Write(ctx context.Context, r AuditRequest, begin Begin) error {
	write, ok := map[AuditKind]func(context.Context, AuditReader, AuditRequest, Begin) error{AuditLines: a.lines, AuditCSV: a.csv, AuditXLSX: a.xlsx}[r.Kind]
	if !ok {
		return fmt.Errorf("%w: no form of the audit called %q", radio.ErrInvalid, r.Kind)
	}
	return a.turns.turn(ctx, r.Owner, func(ctx context.Context) error {
		return a.log(ctx, func(log AuditReader) error { return write(ctx, log, r, begin) })
	})
}

func (a *Audits) lines(ctx context.Context, log AuditReader, r AuditRequest, begin Begin) error {
	head, err := log.Head(ctx)
	if err != nil {
		return err
	}
	h := AuditHeading{Form: auditKind, MadeAt: radio.At(a.now()), By: r.By, Whole: r.Filter.Whole(), Head: head}
	if !h.Whole {
		h.Filter = &r.Filter
	}
	if a.stamp != nil && head.Seq > 0 {
		if h.Seal, h.Proof, err = a.stamp.Head(ctx, head); err != nil {
			return err
		}
	}
	out, err := begin(a.now())
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	sum := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(w, sum))
	if err := lines.Encode(h); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	var n int64
	if err := log.Walk(ctx, r.Filter, func(e radio.AuditRecord) error {
		n++
		return lines.Encode(auditLine{Seq: e.Seq, At: e.At, Actor: e.Actor, Via: e.From.Via, Address: e.From.Address, Token: e.From.Token,
			Action: e.Action, Subject: e.Subject, Detail: e.Detail, Prev: e.Prev, Hash: e.Hash})
	}); err != nil {
		return err
	}
	end := auditLine{End: &n}
	if h.Seal != nil {
		if end.Seal, err = a.stamp.File(radio.AuditFileWord{Whole: h.Whole, Entries: n, Head: head, SHA256: hex.EncodeToString(sum.Sum(nil))}); err != nil {
			return err
		}
	}
	if err := errors.Join(json.NewEncoder(w).Encode(end), w.Flush()); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

func (a *Audits) csv(ctx context.Context, log AuditReader, r AuditRequest, begin Begin) error {
	if _, err := log.Head(ctx); err != nil { // the snapshot stands with its first statement
		return err
	}
	out, err := begin(a.now())
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, bom); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(r.headings()); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	err = log.Walk(ctx, r.Filter, func(e radio.AuditRecord) error {
		line := r.line(e)
		for i := range line {
			line[i] = quoted(line[i])
		}
		return w.Write(line)
	})
	w.Flush()
	if err := errors.Join(err, w.Error()); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

func (a *Audits) xlsx(ctx context.Context, log AuditReader, r AuditRequest, begin Begin) (err error) {
	book := excelize.NewFile()
	defer func() { err = errors.Join(err, book.Close()) }()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	row := int64(0)
	put := func(texts []string) error {
		row++
		cells := make([]any, len(texts))
		for i, t := range texts {
			cells[i] = sheetText(t)
		}
		return w.SetRow(fmt.Sprintf("A%d", row), cells)
	}
	if err := errors.Join(w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
		put(r.headings())); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	if err := log.Walk(ctx, r.Filter, func(e radio.AuditRecord) error {
		if row > MaxRows {
			return tooMany(row)
		}
		return put(r.line(e))
	}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	out, err := begin(a.now())
	if err != nil {
		return err
	}
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(out) })
	if err := book.Write(io.Discard); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}
