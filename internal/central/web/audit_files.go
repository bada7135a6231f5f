package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// AuditFiles makes files of the audit (export). It calls begin before the first byte.
type AuditFiles interface {
	Write(ctx context.Context, file AuditFile, begin func(at time.Time) (io.Writer, error)) error
}

// AuditFile is one file of the audit.
type AuditFile struct {
	Filter radio.AuditFilter
	Kind   string // jsonl, csv or xlsx
	// Heads and Row are columns in the reader's words.
	Heads []string
	Row   func(radio.AuditRecord) []string
	By    string
	Owner radio.UserID // one file at a time for each
}

const linesType = "application/x-ndjson; charset=utf-8"

// auditFileKeys are the keys of a file's address: a file has no pages.
func auditFileKeys() []string {
	return slices.DeleteFunc(slices.Clone(auditKeys), func(k string) bool { return k == "before" })
}

// fileQuery is the filter of a page as its files take it, with the mark before it.
func fileQuery(q url.Values) string {
	to := url.Values{}
	for key := range q {
		if key != "before" && q.Get(key) != "" {
			to.Set(key, q.Get(key))
		}
	}
	if len(to) == 0 {
		return ""
	}
	return "?" + to.Encode()
}

// auditFile sends what a filter lets through as a file, with the chain that proves it.
func (s *Server) auditFile(kind, content string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := strictQuery(exact(r), auditFileKeys()...)
		if err != nil {
			return err
		}
		var e radio.Invalid
		f, err := s.auditFilter(r, &e, q)
		if err == nil {
			err = e.Err()
		}
		if err != nil {
			return err
		}
		f, names, err := s.Staff.AuditView(r.Context(), who(r), f)
		if err != nil {
			return err
		}
		row, err := s.auditFileRow(r, names)
		if err != nil {
			return err
		}
		file := AuditFile{Filter: f, Kind: kind, Row: row, By: who(r).Name, Owner: who(r).ID}
		for _, words := range []string{"Lúc", "Người thực hiện", "Việc đã làm", "Đối tượng", "Chi tiết", "Từ đâu"} {
			file.Heads = append(file.Heads, s.say(r, words))
		}
		file.Heads[0] += " (" + s.zone.String() + ")"
		return s.download(w, content, func(at time.Time) string {
			return norm.NFC.String(s.say(r, "Nhật ký hệ thống")+", "+s.say(r, "số liệu lúc %s", at.In(s.zone).Format("2006-01-02 15.04"))) + "." + kind
		}, func(begin func(time.Time) (io.Writer, error)) error {
			return s.AuditFiles.Write(r.Context(), file, begin)
		})
	}
}

// auditFileRow tells an entry as the page does.
func (s *Server) auditFileRow(r *http.Request, names map[string]string) (func(radio.AuditRecord) []string, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	sp, area := s.pages.speech[languageOf(r)], s.areaNames(r, tree)
	return func(x radio.AuditRecord) []string {
		e := x.Entry()
		e.ActorName, e.SubjectName = names[e.Actor], names[e.Subject]
		return []string{formatAt(e.At, s.zone, "2006-01-02 15:04:05"), s.actorName(r, e), sp.say(actionText(e.Action)), subjectName(e), sp.facts(e, s.zone, area), sp.source(e.From)}
	}, nil
}

// auditAreas offers the province's communes.
func (s *Server) auditAreas(r *http.Request, chosen radio.AreaID) ([]choice, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	var out []choice
	for _, a := range tree.All() {
		if a.Kind == radio.Commune {
			out = append(out, choice{string(a.ID), a.Name, a.ID == chosen})
		}
	}
	alphabet.Sort(out, func(c choice) string { return c.Words })
	return out, nil
}

// download sends a file that produce writes. What goes wrong before it calls begin is told
// as on a page; after that the connection breaks, so that nobody takes a part for the whole.
func (s *Server) download(w http.ResponseWriter, kind string, name func(at time.Time) string, produce func(begin func(time.Time) (io.Writer, error)) error) error {
	begun := false
	out := http.NewResponseController(w)
	err := produce(func(at time.Time) (io.Writer, error) {
		begun = true
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Disposition", disposition(name(at)))
		return &pacedWriter{pace: s.pace, to: w, control: out, begun: time.Now()}, nil
	})
	if err != nil && begun {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	if err == nil {
		// What is still in a buffer goes out within the last deadline; the connection's next
		// request has none.
		err = fit(out.Flush())
	}
	if err == nil {
		err = fit(out.SetWriteDeadline(time.Time{}))
	}
	if err != nil && begun {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	return err
}
