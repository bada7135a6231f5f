package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// IssuedTo tells, for each receipt, whether the centre has issued what it speaks of: an
// alert, or a command to that very device.
func (t *LogTx) IssuedTo(ctx context.Context, receipts []radio.Receipt) ([]bool, error) {
	if len(receipts) == 0 {
		return nil, nil
	}
	args := make([]any, len(receipts))
	for i, r := range receipts {
		args[i] = r.ID
	}
	in := placeholders(1, len(args))
	type to struct{ id, device string } // device "": everybody
	known := map[to]bool{}
	_, err := collect(ctx, t.q, func(r *sql.Rows) (struct{}, error) {
		var k to
		err := r.Scan(&k.id, &k.device)
		known[k] = true
		return struct{}{}, err
	}, `SELECT id, '' FROM alert WHERE id IN (`+in+`) UNION ALL SELECT id, device FROM command WHERE id IN (`+in+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("look what receipts speak of: %w", err)
	}
	out := make([]bool, len(receipts))
	for i, r := range receipts {
		out[i] = known[to{id: r.ID}] || known[to{r.ID, string(r.Device)}]
	}
	return out, nil
}
