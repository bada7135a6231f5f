package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// document is a verified document as it is kept.
type document struct {
	Revision int64        `json:"revision"`
	IssuedAt radio.Millis `json:"issued_at"`
	NotAfter radio.Millis `json:"not_after"`
	Payload  []byte       `json:"payload"`
	Envelope []byte       `json:"envelope"`
}

// ReplaceDocument is SetDocument whatever revision is held: that of the one held does not
// count any more.
func (s *Store) ReplaceDocument(ctx context.Context, d radio.Issued) error {
	return s.setDocument(ctx, d, true)
}

// SetDocument makes a verified document the active one and writes the record of its
// revision, in one transaction. A lower revision than the one held is an error of
// kind ErrConflict; the same again replaces it, for the one held may be unusable.
func (s *Store) SetDocument(ctx context.Context, d radio.Issued) error {
	return s.setDocument(ctx, d, false)
}

func (s *Store) setDocument(_ context.Context, d radio.Issued, replace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.locked(true, func(t *tx) error {
		k := key(keyDocument, d.Document)
		var held document
		if err := t.fetchJSON(k, &held); err != nil && !isNotFound(err) {
			return err
		}
		if d.Revision < held.Revision && !replace {
			return fmt.Errorf("%w: revision %d, revision %d is held", radio.ErrConflict, d.Revision, held.Revision)
		}
		if err := t.storeJSON(k, asDocument(d)); err != nil {
			return err
		}
		_, err := s.append(t, radio.Record{Kind: radio.RecordRevision,
			Revision: &radio.RevisionRecord{Document: d.Document, Revision: d.Revision}})
		return err
	})
	if err != nil {
		return fmt.Errorf("activate %s: %w", d.Document, err)
	}
	s.signal()
	return nil
}

func asDocument(d radio.Issued) document {
	return document{Revision: d.Revision, IssuedAt: d.IssuedAt, NotAfter: d.NotAfter, Payload: d.Payload, Envelope: d.Envelope}
}

// Document gives the active document of a name; ErrNotFound when there is none.
func (s *Store) Document(name string) (radio.Issued, error) {
	var d document
	err := s.view(func(t *tx) error { return t.fetchJSON(key(keyDocument, name), &d) })
	if err != nil {
		return radio.Issued{}, fmt.Errorf("read document %s: %w", name, err)
	}
	return radio.Issued{Document: name, Revision: d.Revision, IssuedAt: d.IssuedAt, NotAfter: d.NotAfter,
		Payload: d.Payload, Envelope: d.Envelope}, nil
}

// keptIdentity is the name of the identity among the kept values.
const keptIdentity = "identity"

// keptVolume is where control keeps the volume; another device begins with its own.
const keptVolume = "volume"

// Identity gives the device's identity as enrol wrote it, from its spare when a rescue
// lost it; ErrNotFound when the device has none and must be enrolled.
func (s *Store) Identity() ([]byte, error) {
	b, err := s.Kept(keptIdentity)
	if errors.Is(err, radio.ErrNotFound) {
		return s.loadSpare(context.Background())
	}
	if err == nil {
		s.mendSpare(b)
	}
	return b, err
}

// RenewIdentity writes the identity of the same device with another certificate. The
// power may go at any point: journal and spare hold the one before or the new one, and
// the centre goes on taking the one before until it has seen the new one.
func (s *Store) RenewIdentity(ctx context.Context, identity []byte) error {
	if err := s.Keep(ctx, keptIdentity, identity); err != nil {
		return err
	}
	return s.saveSpare(identity)
}

// SetIdentity makes the device a member, with its first keyring, and forgets the
// values named, in one transaction. When the device becomes another one, documents and
// records of the old one go, and a new journal begins, for records belong to (device,
// journal); when only the root is another, documents and alerts go.
func (s *Store) SetIdentity(_ context.Context, identity []byte, keys radio.Issued, how radio.Rejoin, forget ...string) error {
	err := s.update(func(t *tx) error {
		switch how {
		case radio.RejoinRoot:
			if err := t.forgetAll(keyDocument, keyAlert); err != nil {
				return err
			}
		case radio.RejoinOther:
			if err := t.forgetAll(keyDocument, keyAiring, keyOpen, keyAlert, keyCommand); err != nil {
				return err
			}
			if err := t.Delete(key(keyKept, keptVolume)); err != nil {
				return err
			}
			if err := t.begin(nil); err != nil {
				return err
			}
		}
		// The centre gave this keyring to whoever holds the code: it counts, whatever
		// version is held.
		if err := t.storeJSON(key(keyDocument, keys.Document), asDocument(keys)); err != nil {
			return err
		}
		for _, name := range forget {
			if err := t.Delete(key(keyKept, name)); err != nil {
				return err
			}
		}
		return t.store(key(keyKept, keptIdentity), identity)
	})
	if err != nil {
		return fmt.Errorf("write the identity: %w", err)
	}
	return s.saveSpare(identity)
}

// Keep writes a small value under a name.
func (s *Store) Keep(_ context.Context, name string, value []byte) error {
	if err := s.update(func(t *tx) error { return t.store(key(keyKept, name), value) }); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// Kept gives a value written by Keep; ErrNotFound when there is none.
func (s *Store) Kept(name string) ([]byte, error) {
	var b []byte
	err := s.view(func(t *tx) error {
		var err error
		b, err = t.fetch(key(keyKept, name))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read kept %s: %w", name, err)
	}
	return b, nil
}

// connectionBlock numbers are reserved by one write, since an agent without a
// network asks for one every minute, for weeks.
const connectionBlock = 16

// NextConnection gives a connection number higher than any before, also across
// restarts. Numbers may be left out.
func (s *Store) NextConnection(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connection == 0 || s.connection >= s.state.Connection {
		first := s.state.Connection + 1
		err := s.locked(true, func(t *tx) error {
			first = max(first, t.state.Connection+1)
			t.state.Connection = first + connectionBlock - 1
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("reserve connection numbers: %w", err)
		}
		s.connection = first
		return first, nil
	}
	s.connection++
	return s.connection, nil
}

// Heartbeat notes that the device runs, when its clock can be believed.
func (s *Store) Heartbeat() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, reading := s.reading()
	if !reading.Usable() || now == s.state.Seen {
		return nil
	}
	err := s.locked(true, func(t *tx) error {
		t.state.Seen = now
		return nil
	})
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// LastSeen is the last instant the agent is known to have run with a clock that
// could be believed, at most some minutes too early; 0 when there was none.
func (s *Store) LastSeen(context.Context) (radio.Millis, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Seen, nil
}

// Floor is the persisted time floor, in the form clock asks for.
func (s *Store) Floor() Floor { return Floor{s} }

// Floor keeps the instant below which no true clock is.
type Floor struct{ s *Store }

// Load gives the floor; the zero time when none was stored.
func (f Floor) Load(context.Context) (time.Time, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.state.Floor == 0 {
		return time.Time{}, nil
	}
	return f.s.state.Floor.Time(), nil
}

// Store raises the floor; it never goes back.
func (f Floor) Store(_ context.Context, at time.Time) error {
	err := f.s.update(func(t *tx) error {
		t.state.Floor = max(t.state.Floor, radio.At(at))
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the time floor: %w", err)
	}
	return nil
}

func bigEndian(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// endedMark says whether the mark of an airing tells that it has its result.
func endedMark(data []byte) bool { return len(data) == 9 && data[8] == 1 }

func readState(data []byte) (state, error) {
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return st, &damage{why: "state: " + err.Error()}
	}
	if !radio.ValidID(st.Journal) || st.Acked > st.Head || st.Base > st.Acked {
		return st, &damage{why: "state does not fit together"}
	}
	return st, nil
}
