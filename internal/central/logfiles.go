package central

import (
	"context"
	"fmt"
	"io"
	"time"

	"loaxa/internal/central/export"
	"loaxa/internal/central/store"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// exportLog gives export snapshots of store's log.
func exportLog(s *store.Store) export.Log {
	return func(ctx context.Context, f func(export.Reader) error) error {
		return s.LogSnapshot(ctx, func(v *store.LogView) error { return f(v) })
	}
}

// logFiles gives web the files of export.
type logFiles struct{ *export.Exporter }

func (l logFiles) CSV(ctx context.Context, f web.LogFile, begin func(time.Time) (io.Writer, error)) error {
	return l.Exporter.CSV(ctx, request(f), begin)
}

func (l logFiles) XLSX(ctx context.Context, f web.LogFile, begin func(time.Time) (io.Writer, error)) error {
	return l.Exporter.XLSX(ctx, request(f), begin)
}

// auditFiles gives web the files of the audit.
type auditFiles struct{ *export.Audits }

func (a auditFiles) Write(ctx context.Context, f web.AuditFile, begin func(time.Time) (io.Writer, error)) error {
	return a.Audits.Write(ctx, export.AuditRequest{Filter: f.Filter, Kind: export.AuditKind(f.Kind), Heads: f.Heads, Row: f.Row, By: f.By, Owner: string(f.Owner)}, begin)
}

func request(f web.LogFile) export.Request {
	return export.Request{Filter: f.Filter, Zone: f.Zone, Words: f.Words, About: f.About, By: f.By, Owner: string(f.Owner)}
}

// WriteLogCSV writes what a filter lets through as CSV, with the codes of the log itself
// and times in a zone: for commands.
func (c *Central) WriteLogCSV(ctx context.Context, w io.Writer, f radio.LogFilter, zone *time.Location) error {
	return export.New(exportLog(c.store), c.now).CSV(ctx, export.Request{Filter: f, Zone: zone, Words: codes{}, By: "command"},
		func(time.Time) (io.Writer, error) { return w, nil })
}

// LogZone is the province's civil time, in which the log's days are counted.
func (c *Central) LogZone(ctx context.Context) (*time.Location, error) {
	p, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	return time.LoadLocation(p.Zone)
}

// codes are the words of the log as it holds them.
type codes struct{}

func (codes) English() bool                    { return true }
func (codes) Outcome(o radio.Outcome) string   { return string(o) }
func (codes) Reason(r radio.Reason) string     { return string(r) }
func (codes) Priority(p radio.Priority) string { return string(p) }
func (codes) Origin(o radio.Origin) string     { return string(o) }
func (codes) Proof(p string) string            { return p }

// BulletinByCode finds a bulletin.
func (c *Central) BulletinByCode(ctx context.Context, code string) (radio.BulletinID, error) {
	b, err := c.store.BulletinByCode(ctx, code)
	return b.ID, err
}

// CampaignByCode finds a campaign.
func (c *Central) CampaignByCode(ctx context.Context, code string) (radio.CampaignID, error) {
	all, err := c.store.Campaigns(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range all {
		if x.Code == code {
			return x.ID, nil
		}
	}
	return "", fmt.Errorf("%w: no campaign with code %q", radio.ErrNotFound, code)
}
