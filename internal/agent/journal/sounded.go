package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Sounded gives what the newest results (at most so many are read) mean for the caps of
// a policy, by their planned start. The counters of a day are not kept beside the
// records: they are what the records prove, so that after a reboot, a power cut or a
// rescue they cannot say less or anything else.
func (s *Store) Sounded(_ context.Context, most int) ([]radio.Sounded, error) {
	var list []radio.Sounded
	err := s.view(func(t *tx) error {
		list = nil
		return t.results(most, func(c radio.Confirmation) {
			if h, counts := c.Sounded(); counts {
				list = append(list, h)
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read what has sounded: %w", err)
	}
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b radio.Sounded) int { return cmp.Compare(a.Start, b.Start) })
	return list, nil
}

// results walks the newest confirmations, newest first.
func (t *tx) results(most int, fn func(radio.Confirmation)) error {
	c := t.Cursor()
	k, _ := c.Seek([]byte{keyResult + 1})
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	for ; k != nil && k[0] == keyResult && most > 0; k, _ = c.Prev() {
		_, _, b, err := t.record(seqOf(k))
		if err != nil {
			return err
		}
		r, err := radio.ParseRecord(b)
		if err != nil {
			return &damage{why: err.Error()}
		}
		fn(*r.Result)
		most--
	}
	return nil
}
