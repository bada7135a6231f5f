package verify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Tables are what the database holds beside the evidence, to find rows by and to show
// people: all of it must be what the evidence says. A bundle has none of it.
type Tables interface {
	KeyringVersions(ctx context.Context) (map[int64][]byte, error)
	// StrayColumns names rows of the log whose columns to find them by are not their own.
	StrayColumns(ctx context.Context, each func(device radio.DeviceID, airing radio.AiringID, column, is, want string)) error
	// OrphanWords counts words about rows that are not there, with the first airing.
	BookEnds(ctx context.Context) ([]radio.BookEnd, error)
	OrphanWords(ctx context.Context) (int64, radio.AiringID, error)
}

// Columns checks the database's tables beside the evidence that Walk hands out.
func (s Source) Columns(ctx context.Context, t Tables) ([]Finding, error) {
	var out []Finding
	bad := func(kind Kind, what string, is, want any) {
		if a, b := fmt.Sprint(is), fmt.Sprint(want); a != b {
			out = append(out, Finding{Kind: kind, Text: fmt.Sprintf("%s is %s in the table, %s in what was signed", what, clip(a), clip(b))})
		}
	}
	if err := s.checkpointColumns(ctx, bad); err != nil {
		return nil, err
	}
	if err := s.monthColumns(ctx, bad); err != nil {
		return nil, err
	}
	rings, err := t.KeyringVersions(ctx)
	if err != nil {
		return nil, err
	}
	for version, envelope := range rings {
		var p trust.Keyring
		if err := readPayload(envelope, &p); err == nil {
			bad(Keys, fmt.Sprintf("version of keyring %d", version), version, p.Version)
		}
	}
	if err := s.certificateColumns(ctx, bad); err != nil {
		return nil, err
	}
	if err := s.bookColumns(ctx, t, bad); err != nil {
		return nil, err
	}
	err = t.StrayColumns(ctx, func(d radio.DeviceID, a radio.AiringID, column, is, want string) {
		if len(out) < most {
			out = append(out, Finding{Kind: LogRow, Device: d, Code: s.Names[d].Code, Airing: a, Text: fmt.Sprintf("column %s is %q, the row itself says %q", column, clip(is), clip(want))})
		}
	})
	if err != nil {
		return nil, err
	}
	n, first, err := t.OrphanWords(ctx)
	if n > 0 {
		out = append(out, Finding{Kind: LogRow, Airing: first, Text: fmt.Sprintf("%d words are about rows that are not in the log", n)})
	}
	return out, err
}

func readPayload(envelope []byte, out any) error {
	payload, err := payloadOf(envelope)
	if err != nil {
		return err
	}
	return json.Unmarshal(payload, out)
}

// checkpointColumns: what does not parse is named by the walk.
func (s Source) checkpointColumns(ctx context.Context, bad func(Kind, string, any, any)) error {
	return s.eachCheckpoint(ctx, 1<<62, func(k radio.KeptCheckpoint) error {
		var p wire.CheckpointPayload
		payload, err := payloadOf(k.Envelope)
		if err != nil || json.Unmarshal(payload, &p) != nil {
			return nil
		}
		what := func(column string) string { return fmt.Sprintf("%s of checkpoint %d", column, p.Number) }
		bad(Signed, what("number"), k.Number, p.Number)
		bad(Signed, what("at"), int64(k.At), int64(p.At))
		bad(Signed, what("size"), k.Size, p.Size)
		bad(Signed, what("digest"), trust.Hash(k.Digest), trust.Hash(sha256.Sum256(payload)))
		return nil
	})
}

func (s Source) monthColumns(ctx context.Context, bad func(Kind, string, any, any)) error {
	months, err := s.Store.ClosedMonths(ctx)
	if err != nil {
		return err
	}
	for _, m := range months {
		var p wire.MonthPayload
		if len(m.Envelope) == 0 || readPayload(m.Envelope, &p) != nil {
			continue
		}
		what := func(column string) string { return fmt.Sprintf("%s of closed month %s", column, p.Month) }
		bad(Signed, what("month"), m.Month, p.Month)
		bad(Signed, what("closed_at"), int64(m.ClosedAt), int64(p.KnownAt))
		bad(Signed, what("closed_by"), m.By, p.By)
		bad(Signed, what("log_rows"), m.Rows, p.Rows)
		bad(Signed, what("planned"), m.Planned, p.Planned)
		bad(Signed, what("unplanned"), m.Unplanned, p.Unplanned)
		bad(Signed, what("digest"), m.Digest, p.Digest)
		bad(Signed, what("checkpoint"), m.Checkpoint, p.Checkpoint)
	}
	return nil
}

// bookColumns: the ends of the books, to which the next days are added.
func (s Source) bookColumns(ctx context.Context, t Tables, bad func(Kind, string, any, any)) error {
	ends, err := t.BookEnds(ctx)
	if err != nil {
		return err
	}
	held := map[radio.DeviceID]radio.BookEnd{}
	devices, err := s.Store.JournalDevices(ctx)
	if err != nil {
		return err
	}
	for _, e := range ends {
		held[e.Device] = e
		devices = append(devices, e.Device)
	}
	slices.Sort(devices)
	for _, d := range slices.Compact(devices) {
		days, err := s.entries(ctx, d)
		if err != nil {
			return err
		}
		last, link := radio.BookEnd{}, bookStart(d)
		for _, x := range days {
			if link, err = bookLink(link, x); err != nil {
				return err
			}
			bad(Signed, fmt.Sprintf("link of settled day %d of device %s", x.N, d), trust.Hash(x.Link), link)
			last = radio.BookEnd{Device: d, N: x.N, Day: x.Day, Link: link}
		}
		bad(Signed, fmt.Sprintf("end of the book of days of device %s", d), bookEnd(held[d]), bookEnd(last))
	}
	return nil
}

func bookEnd(e radio.BookEnd) string { return fmt.Sprintf("%d %s %x", e.N, e.Day, e.Link) }

func (s Source) certificateColumns(ctx context.Context, bad func(Kind, string, any, any)) error {
	devices, err := s.Store.JournalDevices(ctx)
	if err != nil {
		return err
	}
	for _, d := range devices {
		list, err := s.Store.DeviceCertificates(ctx, d)
		if err != nil {
			return err
		}
		for _, c := range list {
			cert, err := parseCertificate(c.PEM)
			if err != nil {
				continue // named by the walk
			}
			key, err := trust.NewPublicKey(cert.PublicKey)
			if err != nil {
				continue
			}
			jwk, err := key.MarshalJSON()
			if err != nil {
				return err
			}
			what := func(column string) string {
				return fmt.Sprintf("%s of certificate %s of device %s", column, cert.SerialNumber.Text(16), d)
			}
			bad(Keys, what("serial"), c.Serial, cert.SerialNumber.Text(16))
			bad(Keys, what("kid"), c.KID, key.KID)
			bad(Keys, what("jwk"), c.JWK, string(jwk))
			bad(Keys, what("not_after"), int64(c.NotAfter), int64(radio.At(cert.NotAfter)))
		}
	}
	return nil
}

// Audited holds the audit against what the checkpoints say of it: walk goes along its chain
// past the heads that they name.
func (s Source) Audited(ctx context.Context, walk func(ctx context.Context, heads []radio.AuditHead) error) ([]Finding, error) {
	var heads []radio.AuditHead
	err := s.eachCheckpoint(ctx, 1<<62, func(k radio.KeptCheckpoint) error {
		var p wire.CheckpointPayload
		if err := readPayload(k.Envelope, &p); err == nil && p.Audit.Number > 0 {
			heads = append(heads, radio.AuditHead{Seq: p.Audit.Number, Hash: p.Audit.Hash})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = walk(ctx, heads)
	var broken *radio.BrokenAudit
	if errors.As(err, &broken) {
		return []Finding{{Kind: Rewritten, Seq: uint64(max(0, broken.Seq)), Text: broken.Error() + " (checkpoints name the audit's newest entry)"}}, nil
	}
	return nil, err
}
