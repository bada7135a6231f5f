package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

const noticeColumns = `id, recipient, news, created_at, next_at, tries, sent_at, failed_at, error`

func scanNotice(rows *sql.Rows) (radio.Notice, error) {
	var n radio.Notice
	var news []byte
	if err := rows.Scan(&n.ID, &n.Recipient, &news, &n.CreatedAt, &n.NextAt, &n.Tries, &n.SentAt, &n.FailedAt, &n.Error); err != nil {
		return n, err
	}
	if err := json.Unmarshal(news, &n.News); err != nil {
		return n, fmt.Errorf("news of notice %s: %w", n.ID, err)
	}
	return n, nil
}

// putNotices puts news into the outbox; what a recipient has been told is not told again.
func putNotices(ctx context.Context, t *LogTx, notices []radio.Notice) error {
	rows := make([][]any, len(notices))
	for i, n := range notices {
		news, err := json.Marshal(n.News)
		if err != nil {
			return fmt.Errorf("news %s: %w", n.News.Key, err)
		}
		rows[i] = []any{n.ID, n.Recipient, n.News.Key, string(news), int64(n.CreatedAt), int64(n.NextAt)}
	}
	return t.put(ctx, noticeRows, rows)
}

// DueNotices lists what has to be sent now, the oldest first, at most limit for each
// recipient: what waits for one must not stand before what waits for others.
func (s *Store) DueNotices(ctx context.Context, now radio.Millis, limit int) ([]radio.Notice, error) {
	out, err := collect(ctx, s.read, scanNotice, `SELECT `+noticeColumns+` FROM (
			SELECT `+noticeColumns+`, ROW_NUMBER() OVER (PARTITION BY recipient ORDER BY next_at, id) AS place
			FROM notice WHERE sent_at = 0 AND failed_at = 0 AND next_at <= $1) AS due
		WHERE place <= $2 ORDER BY next_at, id`, int64(now), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list due notices: %w", err))
	}
	return out, nil
}

// keepSent is how long a notice that was sent stays, so that the same news is known.
const keepSent = 30 * 24 * time.Hour

// EndNotices keeps how sending went: SentAt, FailedAt, or when to try again.
func (s *Store) EndNotices(ctx context.Context, notices []radio.Notice, now radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, n := range notices {
			if err := one(tx.ExecContext(ctx, `
				UPDATE notice SET next_at = $1, tries = $2, sent_at = $3, failed_at = $4, error = $5 WHERE id = $6 AND sent_at = 0 AND failed_at = 0`,
				int64(n.NextAt), n.Tries, int64(n.SentAt), int64(n.FailedAt), n.Error, n.ID)); err != nil {
				return fmt.Errorf("end notice %s: %w", n.ID, err)
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM notice WHERE sent_at <> 0 AND sent_at < $1`, int64(now.Add(-keepSent))); err != nil {
			return fmt.Errorf("drop old notices: %w", err)
		}
		return nil
	})
}

// FailedNotices lists what could not be delivered, the newest first.
func (s *Store) FailedNotices(ctx context.Context, limit int) ([]radio.Notice, error) {
	out, err := collect(ctx, s.read, scanNotice, `SELECT `+noticeColumns+` FROM notice WHERE failed_at <> 0 ORDER BY failed_at DESC, id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list undelivered notices: %w", err))
	}
	return out, nil
}
