package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// auditOf is an audit in memory.
type auditOf []radio.AuditRecord

func (a auditOf) Head(context.Context) (radio.AuditHead, error) {
	return radio.AuditHead{Seq: a[len(a)-1].Seq, Hash: a[len(a)-1].Hash}, nil
}

func (a auditOf) Walk(_ context.Context, f radio.AuditFilter, each func(radio.AuditRecord) error) error {
	for _, e := range a {
		if f.Actor == "" || e.Actor == f.Actor {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func audit() auditOf {
	var out auditOf
	prev := radio.AuditStart()
	for i, text := range []string{"{}", `{"why":"=HYPERLINK(\"http://evil\")"}`, "=cmd()", "'=quoted", "-1, +2\nnext", "@x", `{"title":"Bản tin \"sáng\", số 1"}`} {
		e := radio.AuditRecord{Seq: int64(i + 1), At: radio.Millis(i), Actor: []string{"lan", "@hung"}[i%2], From: radio.Source{Via: radio.ViaWeb, Address: "192.0.2.1"},
			Action: "bulletin.add", Subject: "-B", Detail: text, Prev: prev}
		e.Hash = e.Chain(prev)
		prev = e.Hash
		out = append(out, e)
	}
	return out
}

// plainStamp signs nothing: its seals say openly what a real one proves.
type plainStamp struct{}

func (plainStamp) Head(_ context.Context, h radio.AuditHead) (json.RawMessage, json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"seq":%d}`, h.Seq)), json.RawMessage(`{"root":"x"}`), nil
}

func (plainStamp) File(w radio.AuditFileWord) (json.RawMessage, error) { return json.Marshal(w) }

func auditFile(t testing.TB, all auditOf, r AuditRequest) []byte {
	t.Helper()
	var out bytes.Buffer
	r.Heads, r.Row = []string{"Ai", "Gì"}, func(e radio.AuditRecord) []string { return []string{e.Actor, "=" + e.Action} }
	a := NewAudits(func(_ context.Context, f func(AuditReader) error) error { return f(all) }, plainStamp{}, exporter(airings(1)), func() time.Time { return noon })
	if err := a.Write(t.Context(), r, func(time.Time) (io.Writer, error) { return &out, nil }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestAuditFiles: each form comes back as it was, and proves itself; also after a filter.
func TestAuditFiles(t *testing.T) {
	all := audit()
	for _, kind := range []AuditKind{AuditLines, AuditCSV, AuditXLSX} {
		t.Run(string(kind), func(t *testing.T) {
			f, err := ReadAuditFile(bytes.NewReader(auditFile(t, all, AuditRequest{Kind: kind})))
			if err != nil || len(f.Records) != len(all) || !f.Whole {
				t.Fatalf("%+v %v", f, err)
			}
			for i := range all {
				if f.Records[i] != all[i] {
					t.Errorf("%+v became %+v", all[i], f.Records[i])
				}
			}
			if c, err := f.Check(); err != nil || c.Head().Hash != all[len(all)-1].Hash {
				t.Error(err)
			}
			some, err := ReadAuditFile(bytes.NewReader(auditFile(t, all, AuditRequest{Kind: kind, Filter: radio.AuditFilter{Actor: "lan"}})))
			if err != nil || len(some.Records) != 4 || some.Whole {
				t.Fatalf("%+v %v", some, err)
			}
			if c, err := some.Check(); err != nil {
				t.Error(err)
			} else if _, gaps := c.Count(); gaps != 3 {
				t.Errorf("%d gaps", gaps)
			}
			// A row that is taken out of a whole file is missed, one that moved is found.
			gone := f
			gone.Records = append(f.Records[:2:2], f.Records[3:]...)
			moved := f
			moved.Records = append(append(f.Records[:2:2], f.Records[3], f.Records[2]), f.Records[4:]...)
			for why, file := range map[string]AuditFile{"missing": gone, "order": moved} {
				_, err := file.Check()
				var broken *radio.BrokenAudit
				if !errors.As(err, &broken) || broken.Seq != 3 || !strings.Contains(broken.Why, why) {
					t.Errorf("%s: %v", why, err)
				}
			}
		})
	}
}

// TestAuditFileSeen: no character of a file in JSON lines changes unseen, no line of it goes,
// whether a filter has left entries out or not.
func TestAuditFileSeen(t *testing.T) {
	for name, filter := range map[string]radio.AuditFilter{"whole": {}, "of one actor": {Actor: "lan"}} {
		t.Run(name, func(t *testing.T) {
			auditFileSeen(t, auditFile(t, audit(), AuditRequest{Kind: AuditLines, Filter: filter}))
		})
	}
}

func auditFileSeen(t *testing.T, file []byte) {
	first, err := ReadAuditFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	// What the last line says is signed.
	var word radio.AuditFileWord
	if err := json.Unmarshal(first.Seal, &word); err != nil {
		t.Fatal(err)
	}
	proven := func(b []byte) error {
		f, err := ReadAuditFile(bytes.NewReader(b))
		if err != nil {
			return err
		}
		if !f.Signs(word) {
			return errors.New("another file")
		}
		_, err = f.Check(f.Heading.Head)
		return err
	}
	if err := proven(file); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	for i := range lines {
		if proven(bytes.Join(append(lines[:i:i], lines[i+1:]...), nil)) == nil {
			t.Errorf("line %d went unseen", i+1)
		}
		if proven(bytes.Join(lines[:i], nil)) == nil {
			t.Errorf("a file cut off at line %d is whole", i)
		}
	}
	last := len(file) - len(lines[len(lines)-1]) - 1
	for i := range last {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if proven(changed) == nil {
			t.Errorf("a bit at %d (%q) was not seen", i, file[i])
		}
	}
}

func FuzzReadAuditFile(f *testing.F) {
	for _, kind := range []AuditKind{AuditLines, AuditCSV, AuditXLSX} {
		f.Add(auditFile(f, audit(), AuditRequest{Kind: kind}))
	}
	f.Add([]byte("{}"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if file, err := ReadAuditFile(bytes.NewReader(b)); err == nil {
			_, _ = file.Check(file.Heading.Head) // whatever it says, it ends
		}
	})
}
