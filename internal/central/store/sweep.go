package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// AudioInUse lists, sorted, the audio that any version of any bulletin refers to, in
// whatever state it is.
func (s *Store) AudioInUse(ctx context.Context) (renditions, originals []radio.SHA256, err error) {
	all, err := listBulletins(ctx, s.read, ``)
	if err != nil {
		return nil, nil, s.kind(fmt.Errorf("list the audio in use: %w", err))
	}
	for _, b := range all {
		if b.SourceSHA256 != "" {
			originals = append(originals, b.SourceSHA256)
		}
		for _, r := range b.Renditions {
			renditions = append(renditions, r.SHA256)
		}
	}
	slices.Sort(renditions)
	slices.Sort(originals)
	return slices.Compact(renditions), slices.Compact(originals), nil
}

// NoteSweep leaves word in the audit of how much audio was removed that nothing refers to.
func (s *Store) NoteSweep(ctx context.Context, files int, bytes int64, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		return audit(ctx, tx, at, "centre", "centre.sweep", "centre", radio.AuditFacts{Counts: map[string]int{"swept": files, "swept_bytes": int(bytes)}})
	})
}
