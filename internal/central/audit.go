package central

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// sealEvery is how often the head of the audit is signed: what was cut off since the last
// time shows, what was written after it and cut off again does not. Entries are sealed after
// sealedAfter at the latest; older ones without a seal are a finding.
const (
	sealEvery   = time.Hour
	sealedAfter = 2 * sealEvery
)

// sealAudit signs the head of the audit now and every hour. The line in the system's log
// is a second place that remembers it, which who cuts the database short does not reach.
func (c *Central) sealAudit(ctx context.Context, keys *identity.Keys) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	var last int64
	for {
		head, err := c.auditHead(ctx)
		if err == nil && head.Seq > last {
			if _, err = c.seal(ctx, keys, head); err == nil {
				last = head.Seq
				c.log.Info("audit sealed", "entry", head.Seq, "hash", head.Hash)
			}
		}
		if err != nil && ctx.Err() == nil {
			c.log.Error("the head of the audit is not signed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Central) auditHead(ctx context.Context) (head radio.AuditHead, err error) {
	err = c.store.ReadAudit(ctx, func(r *store.AuditReading) error {
		head, err = r.Head(ctx)
		return err
	})
	return head, err
}

// seal signs a head; one for an entry is enough while its key counts.
func (c *Central) seal(ctx context.Context, keys *identity.Keys, head radio.AuditHead) (radio.AuditSeal, error) {
	notary, err := keys.Notary()
	if err != nil {
		return radio.AuditSeal{}, err
	}
	seals, err := notary.Open()
	if err != nil {
		return radio.AuditSeal{}, err
	}
	head.At = radio.At(c.now())
	return c.store.AddAuditSeal(ctx, func(newest radio.AuditSeal) (radio.AuditSeal, error) {
		if newest.Head.Seq == head.Seq && newest.Head.Hash == head.Hash {
			if _, _, err := seals.Check(newest.Envelope); err == nil {
				return newest, nil
			}
		}
		return keys.SealAudit(head, newest)
	})
}

// stamp signs exports with the online key.
type stamp struct {
	c    *Central
	keys *identity.Keys
}

func (s stamp) Head(ctx context.Context, h radio.AuditHead) (json.RawMessage, json.RawMessage, error) {
	seal, err := s.c.seal(ctx, s.keys, h)
	if err != nil {
		return nil, nil, err
	}
	notary, err := s.keys.Notary()
	if err != nil {
		return nil, nil, err
	}
	proof, err := json.Marshal(notary)
	return seal.Envelope, proof, err
}

func (s stamp) File(w radio.AuditFileWord) (json.RawMessage, error) { return s.keys.SealAuditFile(w) }

// audits makes files of the audit, signed by keys; nil leaves them unsigned.
func (c *Central) audits(keys *identity.Keys, turns *export.Exporter) *export.Audits {
	var by export.Stamp
	if keys != nil {
		by = stamp{c, keys}
	}
	log := func(ctx context.Context, f func(export.AuditReader) error) error {
		return c.store.ReadAudit(ctx, func(r *store.AuditReading) error { return f(r) })
	}
	return export.NewAudits(log, by, turns, c.now)
}

// ExportAudit writes the whole audit as JSON lines, for commands.
func (c *Central) ExportAudit(ctx context.Context, w io.Writer) error {
	keys, err := c.openKeys(ctx)
	if err != nil {
		return err
	}
	return c.audits(keys, export.New(exportLog(c.store), c.now)).Write(ctx, export.AuditRequest{Kind: export.AuditLines, By: radio.SourceOf(ctx).Operator()},
		func(time.Time) (io.Writer, error) { return w, nil })
}

func (c *Central) openKeys(ctx context.Context) (*identity.Keys, error) {
	province, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	return identity.OpenKeys(c.cfg.dir("keys"), province.ID)
}

// AuditVerdict is what was proven of an audit.
type AuditVerdict struct {
	Entries int64
	// Gaps are places where a filter has left entries out.
	Gaps int64
	Head radio.AuditHead
	// Sealed is the newest signed head that was proven, Key who signed it, Root the key from
	// which that was proven.
	Sealed    radio.AuditHead
	Key, Root string
	// Proven and Unproven count the signed heads; the key of an unproven one has left the
	// keyring since.
	Proven, Unproven int
	// Signed says that the centre has signed this very file, with what its filter let
	// through.
	Signed bool
}

// VerifyAudit walks the audit in the database. The error names the first entry that cannot
// be right (radio.BrokenAudit). earlier, when not nil, is an export whose signed head must
// still stand in it.
func (c *Central) VerifyAudit(ctx context.Context, earlier io.Reader) (v AuditVerdict, err error) {
	keys, err := c.openKeys(ctx)
	if err != nil {
		return v, err
	}
	notary, err := keys.Notary()
	if err != nil {
		return v, err
	}
	seals, err := notary.Open()
	if err != nil {
		return v, err
	}
	v.Root = seals.Root
	chain := &radio.AuditChain{}
	if earlier != nil {
		f, err := export.ReadAuditFile(earlier)
		if err != nil {
			return v, fmt.Errorf("the earlier export: %w", err)
		}
		seal, _, err := seals.Check(f.Heading.Seal)
		if err != nil {
			return v, fmt.Errorf("the earlier export: %w", err)
		}
		chain.Expect(seal.Head)
	}
	err = c.store.ReadAudit(ctx, func(r *store.AuditReading) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		chain.Expect(head)
		kept, err := r.Seals(ctx)
		if err != nil {
			return err
		}
		var row radio.AuditSeals
		for _, x := range kept {
			said, err := v.take(seals, x.Envelope)
			if err != nil {
				return err
			}
			if err := row.Add(x, said); err != nil {
				return err
			}
			chain.Expect(x.Head)
		}
		late := radio.At(c.now().Add(-sealedAfter))
		var unsealed error
		if err := r.Walk(ctx, radio.AuditFilter{}, func(e radio.AuditRecord) error {
			if unsealed == nil && e.Seq > v.Sealed.Seq && e.At < late {
				unsealed = &radio.BrokenAudit{Seq: e.Seq, Why: fmt.Sprintf("is older than %s and under no seal that can be proven: seals were taken away, or the centre has not run since (it seals when it starts)", sealedAfter)}
			}
			return chain.Add(e)
		}); err != nil {
			return err
		}
		if err := chain.End(); err != nil {
			return err
		}
		return unsealed
	})
	v.Entries, v.Gaps = chain.Count()
	v.Head = chain.Head()
	return v, err
}

// take proves one seal and gives what it says; nil when its key has left the keyring.
func (v *AuditVerdict) take(seals identity.Seals, envelope []byte) (*radio.AuditSeal, error) {
	seal, kid, err := seals.Check(envelope)
	if errors.Is(err, radio.ErrNotFound) {
		v.Unproven++
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v.Proven++
	if seal.Head.Seq >= v.Sealed.Seq {
		v.Sealed, v.Key = seal.Head, kid
	}
	return &seal, nil
}

// VerifyAuditFile proves an export, without a database. root is the public half of the
// province's first root key, as it was kept elsewhere; without it the file's own is taken,
// and the verdict names it for comparing.
func VerifyAuditFile(r io.Reader, root []byte) (v AuditVerdict, err error) {
	f, err := export.ReadAuditFile(r)
	if err != nil {
		return v, err
	}
	var heads []radio.AuditHead
	if f.Heading.Form != "" {
		heads = append(heads, f.Heading.Head)
	}
	seals, err := v.heading(f, root)
	if err != nil {
		return v, err
	}
	if v.Proven > 0 {
		heads = append(heads, v.Sealed)
	}
	// The chain first: it names the entry.
	chain, err := f.Check(heads...)
	v.Entries, v.Gaps = chain.Count()
	v.Head = chain.Head()
	if err != nil || f.Seal == nil || f.Heading.Seal == nil {
		return v, err
	}
	word, err := seals.CheckFile(f.Seal)
	if err != nil {
		return v, err
	}
	if !f.Signs(word) {
		return v, fmt.Errorf("%w: this is not the file that was signed: its heading or its entries were changed, or some were left out", radio.ErrConflict)
	}
	v.Signed = true
	return v, nil
}

// heading proves the head in the heading of an export. Where a filter has left entries out,
// no chain leads from it to the others: without a signature over the file it says nothing.
func (v *AuditVerdict) heading(f export.AuditFile, root []byte) (seals identity.Seals, err error) {
	bare := f.Heading.Seal == nil || f.Seal == nil && !f.Whole
	if bare && root != nil {
		return seals, fmt.Errorf("%w: nothing in this export is signed that would prove its entries; JSON lines of the console or of `loaxa audit export` are", radio.ErrInvalid)
	}
	if bare {
		return seals, nil
	}
	var n identity.Notary
	if err := json.Unmarshal(f.Heading.Proof, &n); err != nil {
		return seals, fmt.Errorf("%w: the proof in the heading: %v", radio.ErrInvalid, err)
	}
	if root != nil && !bytes.Equal(bytes.TrimSpace(root), bytes.TrimSpace(n.Root)) {
		return seals, fmt.Errorf("%w: the export names another root key than the one given", radio.ErrForbidden)
	}
	if seals, err = n.Open(); err != nil {
		return seals, err
	}
	v.Root = seals.Root
	if _, err := v.take(seals, f.Heading.Seal); err != nil {
		return seals, err
	}
	if v.Proven > 0 && (v.Sealed.Seq != f.Heading.Head.Seq || v.Sealed.Hash != f.Heading.Head.Hash) {
		return seals, fmt.Errorf("%w: the heading names another head than its seal", radio.ErrConflict)
	}
	return seals, nil
}
