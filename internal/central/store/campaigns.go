package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const campaignColumns = `id, code, title, document, issued, issuer, first_day, last_day`

// Campaigns lists every campaign by code.
func (s *Store) Campaigns(ctx context.Context) ([]radio.Campaign, error) {
	out, err := campaigns(ctx, s.read)
	return out, s.kind(err)
}

func campaigns(ctx context.Context, q querier) ([]radio.Campaign, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (c radio.Campaign, err error) {
		return c, r.Scan(&c.ID, &c.Code, &c.Title, &c.Document, &c.Issued, &c.Issuer, &c.From, &c.Until)
	}, `SELECT `+campaignColumns+` FROM campaign ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return out, nil
}

func putCampaign(ctx context.Context, tx *sql.Tx, c radio.Campaign) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO campaign (`+campaignColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, title = excluded.title, document = excluded.document,
			issued = excluded.issued, issuer = excluded.issuer, first_day = excluded.first_day, last_day = excluded.last_day`,
		c.ID, c.Code, c.Title, c.Document, c.Issued, c.Issuer, c.From, c.Until)
	if err != nil {
		return fmt.Errorf("write campaign %s: %w", c.Code, err)
	}
	return nil
}
