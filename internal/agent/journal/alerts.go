package journal

import (
	"bytes"
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// SetAlert keeps what is known of one alert, with the records of the steps that led
// there, in one transaction.
func (s *Store) SetAlert(_ context.Context, a radio.KeptAlert, steps ...radio.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.locked(true, func(t *tx) error {
		for _, r := range steps {
			if _, err := s.append(t, r); err != nil {
				return err
			}
		}
		return t.store(key(keyAlert, string(a.ID)), append([]byte{overMark(a.Over)}, a.State...))
	})
	if err != nil {
		return fmt.Errorf("keep alert %s: %w", a.ID, err)
	}
	if len(steps) > 0 {
		s.signal()
	}
	return nil
}

func overMark(over bool) byte {
	if over {
		return 1
	}
	return 0
}

// Alerts gives all that is kept, in the order of the ids.
func (s *Store) Alerts(context.Context) ([]radio.KeptAlert, error) {
	var list []radio.KeptAlert
	err := s.view(func(t *tx) error {
		list = nil
		return t.each([]byte{keyAlert}, func(k, data []byte) (bool, error) {
			if len(data) == 0 {
				return false, &damage{why: "an alert without its mark"}
			}
			list = append(list, radio.KeptAlert{ID: radio.AlertID(k[1:]), Over: data[0] == 1, State: bytes.Clone(data[1:])})
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	return list, nil
}

// ForgetAlert forgets one; one that is not there is no error.
func (s *Store) ForgetAlert(_ context.Context, id radio.AlertID) error {
	if err := s.update(func(t *tx) error { return t.Delete(key(keyAlert, string(id))) }); err != nil {
		return fmt.Errorf("forget alert %s: %w", id, err)
	}
	return nil
}
