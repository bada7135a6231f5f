package journal

import (
	"bytes"
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// SetCommand keeps what is known of one command, with the records of the steps that led
// there, in one transaction.
func (s *Store) SetCommand(_ context.Context, c radio.KeptCommand, steps ...radio.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.locked(true, func(t *tx) error {
		for _, r := range steps {
			if _, err := s.append(t, r); err != nil {
				return err
			}
		}
		return t.store(key(keyCommand, string(c.ID)), c.State)
	})
	if err != nil {
		return fmt.Errorf("keep command %s: %w", c.ID, err)
	}
	if len(steps) > 0 {
		s.signal()
	}
	return nil
}

// Commands gives all that is kept, in the order of the ids.
func (s *Store) Commands(context.Context) ([]radio.KeptCommand, error) {
	var list []radio.KeptCommand
	err := s.view(func(t *tx) error {
		list = nil
		return t.each([]byte{keyCommand}, func(k, data []byte) (bool, error) {
			list = append(list, radio.KeptCommand{ID: radio.CommandID(k[1:]), State: bytes.Clone(data)})
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the commands: %w", err)
	}
	return list, nil
}

// ForgetCommand forgets one; one that is not there is no error.
func (s *Store) ForgetCommand(_ context.Context, id radio.CommandID) error {
	if err := s.update(func(t *tx) error { return t.Delete(key(keyCommand, string(id))) }); err != nil {
		return fmt.Errorf("forget command %s: %w", id, err)
	}
	return nil
}
