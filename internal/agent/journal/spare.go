package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"loaxa/internal/radio"
)

// The identity stands twice: in the journal, and as a spare in a small file beside
// it, which is written at enrolment and at a renewal and else only read. A journal damaged beyond
// rescue then costs some records, and not a ladder at the pole.

func (s *Store) sparePath() string { return s.path + ".identity" }

// saveSpare writes the spare: its SHA-256 in hexadecimal, a line break, the identity.
func (s *Store) saveSpare(identity []byte) error {
	tmp := s.sparePath() + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the spare identity: %w", err)
	}
	sum := sha256.Sum256(identity)
	_, err = f.Write(append(append([]byte(hex.EncodeToString(sum[:])), '\n'), identity...))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, s.sparePath())
	}
	if err == nil {
		err = syncDir(filepath.Dir(tmp))
	}
	if err != nil {
		return fmt.Errorf("write the spare identity: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// loadSpare reads the spare back into the journal; ErrNotFound when there is none.
func (s *Store) loadSpare(ctx context.Context) ([]byte, error) {
	b, err := os.ReadFile(s.sparePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("identity: %w", radio.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read the spare identity: %w", err)
	}
	sum, identity, ok := bytes.Cut(b, []byte{'\n'})
	want := sha256.Sum256(identity)
	if !ok || string(sum) != hex.EncodeToString(want[:]) {
		s.log.Error("the spare identity is damaged too: enrol the device again", "file", s.sparePath())
		return nil, fmt.Errorf("identity: %w", radio.ErrNotFound)
	}
	s.log.Warn("identity taken from its spare", "file", s.sparePath())
	if err := s.Keep(ctx, keptIdentity, identity); err != nil {
		s.log.Error("identity not put back into the journal", "error", err)
	}
	return identity, nil
}

// mendSpare writes the spare anew when it does not hold this identity: the power went
// between the two writes. A spare with a certificate that was replaced long ago would be
// of no use on the day the journal is lost.
func (s *Store) mendSpare(identity []byte) {
	b, err := os.ReadFile(s.sparePath())
	if _, held, ok := bytes.Cut(b, []byte{'\n'}); err == nil && ok && bytes.Equal(held, identity) {
		return
	}
	if err := s.saveSpare(identity); err != nil {
		s.log.Error("the spare identity is not the one in use", "error", err)
	}
}
