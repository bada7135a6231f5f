package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"loaxa/internal/radio"
)

const campaignColumns = `id, code, title, document, issued, issuer, first_day, last_day, version, area, summary, units, themes,
	target, commune_target, closed_at`

func scanCampaign(r scanner) (radio.Campaign, error) {
	var c radio.Campaign
	var units, themes string
	err := r.Scan(&c.ID, &c.Code, &c.Title, &c.Document, &c.Issued, &c.Issuer, &c.From, &c.Until, &c.Version, &c.Area, &c.Summary,
		&units, &themes, &c.Target, &c.CommuneTarget, &c.ClosedAt)
	if err != nil {
		return c, err
	}
	if err := errors.Join(json.Unmarshal([]byte(units), &c.Units), json.Unmarshal([]byte(themes), &c.Themes)); err != nil {
		return c, fmt.Errorf("words of campaign %s: %w", c.Code, err)
	}
	return c, nil
}

// Campaigns lists every campaign by code.
func (s *Store) Campaigns(ctx context.Context) ([]radio.Campaign, error) {
	out, err := campaigns(ctx, s.read)
	return out, s.kind(err)
}

func campaigns(ctx context.Context, q querier) ([]radio.Campaign, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (radio.Campaign, error) { return scanCampaign(r) },
		`SELECT `+campaignColumns+` FROM campaign ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return out, nil
}

// Campaign gives one.
func (s *Store) Campaign(ctx context.Context, id radio.CampaignID) (radio.Campaign, error) {
	c, err := scanCampaign(s.read.QueryRowContext(ctx, `SELECT `+campaignColumns+` FROM campaign WHERE id = $1`, id))
	if err != nil {
		return radio.Campaign{}, s.kind(fmt.Errorf("campaign %s: %w", id, err))
	}
	return c, nil
}

// PutCampaign keeps a new campaign (version 1) or the next version of one. ErrConflict
// when the code is taken or the stored version is not the one before. action is what the
// audit calls it.
func (s *Store) PutCampaign(ctx context.Context, c radio.Campaign, action string, by radio.UserID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		facts := radio.AuditFacts{Code: c.Code, Title: c.Title, Version: c.Version}
		if c.Version > 1 {
			was, err := scanCampaign(tx.QueryRowContext(ctx, `SELECT `+campaignColumns+` FROM campaign WHERE id = $1`, c.ID))
			if err != nil {
				return fmt.Errorf("campaign %s: %w", c.ID, err)
			}
			if facts.Values, err = changedMembers(was, c, "version"); err != nil {
				return err
			}
		}
		if err := putCampaign(ctx, tx, c); err != nil {
			return err
		}
		return audit(ctx, tx, at, string(by), action, string(c.ID), facts)
	})
}

// putCampaign writes a campaign over the version before it.
func putCampaign(ctx context.Context, tx *sql.Tx, c radio.Campaign) error {
	// Never null: readers tell an empty list and nothing apart.
	units, err1 := json.Marshal(append([]string{}, c.Units...))
	themes, err2 := json.Marshal(append([]radio.CampaignTheme{}, c.Themes...))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("write campaign %s: %w", c.Code, err)
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO campaign (`+campaignColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, title = excluded.title, document = excluded.document,
			issued = excluded.issued, issuer = excluded.issuer, first_day = excluded.first_day, last_day = excluded.last_day,
			version = excluded.version, area = excluded.area, summary = excluded.summary, units = excluded.units, themes = excluded.themes,
			target = excluded.target, commune_target = excluded.commune_target, closed_at = excluded.closed_at
		WHERE campaign.version = excluded.version - 1`,
		c.ID, c.Code, c.Title, c.Document, c.Issued, c.Issuer, c.From, c.Until, c.Version, c.Area, c.Summary, string(units), string(themes),
		c.Target, c.CommuneTarget, c.ClosedAt)
	if err != nil {
		return fmt.Errorf("write campaign %s: %w", c.Code, err)
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: it was changed meanwhile", radio.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("write campaign %s version %d: %w", c.Code, c.Version, err)
	}
	return nil
}
