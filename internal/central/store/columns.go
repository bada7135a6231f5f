package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"loaxa/internal/radio"
)

// KeyringVersions gives every keyring kept by the version that its row has.
func (s *Store) KeyringVersions(ctx context.Context) (map[int64][]byte, error) {
	out := map[int64][]byte{}
	_, err := collect(ctx, s.read, func(r *sql.Rows) (struct{}, error) {
		var version int64
		var envelope []byte
		err := r.Scan(&version, &envelope)
		out[version] = envelope
		return struct{}{}, err
	}, `SELECT version, envelope FROM keyring_kept`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("keyrings: %w", err))
	}
	return out, nil
}

// StrayColumns names the rows of the log whose columns to find them by are not what the
// rows themselves say, and captions that are not what their id names.
func (s *Store) StrayColumns(ctx context.Context, each func(device radio.DeviceID, airing radio.AiringID, column, is, want string)) error {
	stray := map[string]bool{}
	err := s.eachText(ctx, func(id string, body []byte) {
		sum := sha256.Sum256(body)
		if want := hex.EncodeToString(sum[:16]); want != id {
			stray[id] = true
			each("", "", "id of a caption", id, want)
		}
	})
	if err != nil {
		return s.kind(fmt.Errorf("captions: %w", err))
	}
	rows, err := s.read.QueryContext(ctx, `SELECT a.month, a.device, a.airing, a.origin, a.slot_at, a.start, a.priority, a.alert, a.place, a.item, p.id IS NOT NULL,
		COALESCE(i.body, ''), i.id IS NOT NULL FROM airing a LEFT JOIN caption p ON p.id = a.place LEFT JOIN caption i ON i.id = a.item`)
	if err != nil {
		return s.kind(fmt.Errorf("rows of the log: %w", err))
	}
	for rows.Next() {
		var a radio.AsRun
		var month int64
		var priority, alert, place, item string
		var body []byte
		var hasPlace, hasItem bool
		if err := rows.Scan(&month, &a.Key.Device, &a.Airing, &a.Origin, &a.Key.SlotAt, &a.Start, &priority, &alert, &place, &item, &hasPlace, &body, &hasItem); err != nil {
			return s.kind(errors.Join(fmt.Errorf("rows of the log: %w", err), rows.Close()))
		}
		for column, held := range map[string]bool{"place": hasPlace, "item": hasItem} {
			if !held {
				each(a.Key.Device, a.Airing, column, map[string]string{"place": place, "item": item}[column], "a caption that is there")
			}
		}
		c, err := readCaption(body)
		if err != nil || stray[item] {
			continue
		}
		a.Key.Schedule = c.item.Schedule
		for _, x := range [][3]string{{"month", strconv.FormatInt(month, 10), strconv.FormatInt(monthOf(a.Ref().At), 10)},
			{"priority", priority, string(c.item.Priority)}, {"alert", alert, alertOf(a)}} {
			if x[1] != x[2] {
				each(a.Key.Device, a.Airing, x[0], x[1], x[2])
			}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return s.kind(fmt.Errorf("rows of the log: %w", err))
	}
	return nil
}

// eachText hands out the captions as they are kept.
func (s *Store) eachText(ctx context.Context, each func(id string, body []byte)) error {
	_, err := collect(ctx, s.read, func(r *sql.Rows) (struct{}, error) {
		var id string
		var body []byte
		err := r.Scan(&id, &body)
		each(id, body)
		return struct{}{}, err
	}, `SELECT id, body FROM caption`)
	return err
}

// OrphanWords counts words about rows that are not in the log, with the first airing.
func (s *Store) OrphanWords(ctx context.Context) (n int64, first radio.AiringID, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(w.airing), '') FROM airing_word w
		WHERE NOT EXISTS (SELECT 1 FROM airing a WHERE a.month = w.month AND a.device = w.device AND a.airing = w.airing)`).Scan(&n, &first)
	if err != nil {
		return 0, "", s.kind(fmt.Errorf("words without a row: %w", err))
	}
	return n, first, nil
}
