package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const issuedColumns = `device, document, revision, issued_at, not_after, digest, payload, envelope, declined`

func scanIssued(r scanner) (radio.Issued, error) {
	var i radio.Issued
	err := r.Scan(&i.Device, &i.Document, &i.Revision, &i.IssuedAt, &i.NotAfter, &i.Digest, &i.Payload, &i.Envelope, &i.Declined)
	return i, err
}

// AddIssued keeps a newly signed document and drops those of its kind that were
// superseded long ago. ErrConflict unless its revision is higher than every stored
// one: a revision never goes back (design §8).
func (s *Store) AddIssued(ctx context.Context, i radio.Issued) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		// One statement, so that two writers cannot both find their revision higher; the
		// primary key refuses the second of two equal ones.
		err := one(tx.ExecContext(ctx, `
			INSERT INTO issued (`+issuedColumns+`) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
			WHERE NOT EXISTS (SELECT 1 FROM issued WHERE device = $1 AND document = $2 AND revision >= $3)`,
			i.Device, i.Document, i.Revision, i.IssuedAt, i.NotAfter, i.Digest, i.Payload, i.Envelope, i.Declined))
		if err != nil {
			return fmt.Errorf("keep %s revision %d of device %s: %w", i.Document, i.Revision, i.Device, err)
		}
		if err := notePlayed(ctx, tx, i); err != nil {
			return fmt.Errorf("note what %s revision %d of device %s plays: %w", i.Document, i.Revision, i.Device, err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM issued WHERE device = $1 AND document = $2 AND revision < $3 AND issued_at < $4`,
			i.Device, i.Document, i.Revision, i.IssuedAt.Add(-radio.KeepIssued))
		if err != nil {
			return fmt.Errorf("drop old %s of device %s: %w", i.Document, i.Device, err)
		}
		return nil
	})
}

// CurrentIssued gives the newest of each kind of document of a device, by kind;
// none when nothing was issued yet.
func (s *Store) CurrentIssued(ctx context.Context, d radio.DeviceID) ([]radio.Issued, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Issued, error) { return scanIssued(r) },
		`SELECT `+issuedColumns+` FROM issued i WHERE device = $1 AND revision =
			(SELECT MAX(revision) FROM issued WHERE device = i.device AND document = i.document) ORDER BY document`, d)
	if err != nil {
		return nil, s.kind(fmt.Errorf("documents of device %s: %w", d, err))
	}
	return out, nil
}

// Issued gives one revision of a document; ErrNotFound when it was never issued or
// was dropped.
func (s *Store) Issued(ctx context.Context, d radio.DeviceID, document string, revision int64) (radio.Issued, error) {
	i, err := scanIssued(s.read.QueryRowContext(ctx,
		`SELECT `+issuedColumns+` FROM issued WHERE device = $1 AND document = $2 AND revision = $3`, d, document, revision))
	if err != nil {
		return radio.Issued{}, s.kind(fmt.Errorf("%s revision %d of device %s: %w", document, revision, d, err))
	}
	return i, nil
}
