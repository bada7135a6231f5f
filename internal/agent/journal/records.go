package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// openAiring is an airing that has begun and has no result yet.
type openAiring struct {
	Airing   radio.AiringRecord `json:"airing"`
	Consumed int64              `json:"consumed"` // last checkpoint
}

// Append fills Seq, At, Boot, Up and Clock and writes the record; it is on disk when
// Append returns. An airing record marks its id as begun, a result as ended. That
// ctx has ended does not stop it: what happened must be written.
func (s *Store) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out radio.Record
	err := s.locked(true, func(t *tx) error {
		var err error
		out, err = s.append(t, r)
		return err
	})
	if err != nil {
		return radio.Record{}, fmt.Errorf("write a %s record: %w", r.Kind, err)
	}
	s.signal()
	return out, nil
}

var errNotStarted = errors.New("the journal has no clock yet")

// append stamps a record and adds it.
func (s *Store) append(t *tx, r radio.Record) (radio.Record, error) {
	if s.clock == nil {
		return r, errNotStarted
	}
	now, reading := s.reading()
	r.At, r.Boot, r.Up = now, s.boot, s.clock.Mono().Milliseconds()
	r.Clock = reading.Stamp()
	if reading.Usable() {
		t.state.Seen = now
	}
	return t.add(r)
}

// add chains a stamped record on and keeps the marks of its airing.
func (t *tx) add(r radio.Record) (radio.Record, error) {
	r, err := t.link(r)
	if err != nil {
		return r, err
	}
	return r, t.mark(r)
}

// link chains a stamped record on as the next one.
func (t *tx) link(r radio.Record) (radio.Record, error) {
	r.Seq = t.state.Head + 1
	r = clip(r)
	if err := r.Check(); err != nil {
		return r, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return r, fmt.Errorf("%w: record: %v", radio.ErrInvalid, err)
	}
	if len(b) > radio.MaxRecordBytes {
		return r, fmt.Errorf("%w: record of %d bytes, at most %d", radio.ErrInvalid, len(b), radio.MaxRecordBytes)
	}
	hash := trust.NextHash(t.state.Hash, b)
	if err := t.store(seqKey(keyRecord, r.Seq), encodeRecord(hash, t.state.Journal, b)); err != nil {
		return r, err
	}
	t.state.Head, t.state.Hash = r.Seq, hash
	if r.Kind == radio.RecordResult {
		return r, t.store(seqKey(keyResult, r.Seq), nil)
	}
	return r, nil
}

// mark keeps what is asked about airings apart from the records, which may go.
func (t *tx) mark(r radio.Record) error {
	switch {
	case r.Kind == radio.RecordAiring:
		open := openAiring{Airing: *r.Airing}
		return errors.Join(t.markAiring(r.Airing.ID, r.At, false),
			t.storeJSON(key(keyOpen, string(r.Airing.ID)), open))
	case r.Kind == radio.RecordProgress:
		k := key(keyOpen, string(r.Progress.ID))
		var open openAiring
		if err := t.fetchJSON(k, &open); isNotFound(err) {
			return nil // a checkpoint after the result says nothing new
		} else if err != nil {
			return err
		}
		open.Consumed = max(open.Consumed, r.Progress.Consumed)
		return t.storeJSON(k, open)
	case r.Kind == radio.RecordResult:
		return errors.Join(t.markAiring(r.Result.ID, r.At, true),
			t.Delete(key(keyOpen, string(r.Result.ID))))
	}
	return nil
}

// markAiring stamps with the latest time known, so that a mark written at 1970
// does not look 50 years old once the clock is right.
func (t *tx) markAiring(id radio.AiringID, at radio.Millis, ended bool) error {
	at = max(at, t.state.Seen, t.state.Floor)
	b := binary.BigEndian.AppendUint64(nil, uint64(at))
	if ended {
		return t.store(key(keyAiring, string(id)), append(b, 1))
	}
	return t.store(key(keyAiring, string(id)), append(b, 0))
}

// Begun says whether an airing or result record of this id was ever written. It is
// remembered at least 90 days, longer than any programme is valid.
func (s *Store) Begun(id radio.AiringID) (bool, error) {
	var begun bool
	err := s.view(func(t *tx) error {
		begun = t.has(key(keyAiring, string(id)))
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look up airing %s: %w", id, err)
	}
	return begun, nil
}

// Unfinished gives the airings that began and have no result, with the samples of
// their last checkpoint: after a power cut, what was sounding.
func (s *Store) Unfinished(context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error) {
	var list []radio.AiringRecord
	consumed := map[radio.AiringID]int64{}
	err := s.view(func(t *tx) error {
		list = nil
		clear(consumed)
		return t.each([]byte{keyOpen}, func(k, data []byte) (bool, error) {
			var open openAiring
			if err := json.Unmarshal(data, &open); err != nil {
				return false, &damage{why: err.Error()}
			}
			list = append(list, open.Airing)
			consumed[open.Airing.ID] = open.Consumed
			return true, nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read unfinished airings: %w", err)
	}
	return list, consumed, nil
}

// Recent gives up to n confirmations, newest first.
func (s *Store) Recent(_ context.Context, n int) ([]radio.Confirmation, error) {
	var list []radio.Confirmation
	err := s.view(func(t *tx) error {
		list = nil
		return t.results(n, func(c radio.Confirmation) { list = append(list, c) })
	})
	if err != nil {
		return nil, fmt.Errorf("read confirmations: %w", err)
	}
	return list, nil
}

// record gives one record's hash, journal and exact bytes.
func (t *tx) record(seq uint64) (trust.Hash, radio.JournalID, []byte, error) {
	data, err := t.fetch(seqKey(keyRecord, seq))
	if isNotFound(err) {
		// Seqs have no gaps: a missing one is damage.
		return trust.Hash{}, "", nil, &damage{why: fmt.Sprintf("record %d is missing", seq)}
	}
	if err != nil {
		return trust.Hash{}, "", nil, err
	}
	hash, journal, b, ok := decodeRecord(data)
	if !ok {
		return hash, journal, nil, &damage{why: fmt.Sprintf("record %d is too short", seq)}
	}
	return hash, journal, b, nil
}

const (
	hashLen = len(trust.Hash{})
	idLen   = 26
)

func encodeRecord(hash trust.Hash, journal radio.JournalID, b []byte) []byte {
	return append(append(hash[:], journal...), b...)
}

func decodeRecord(data []byte) (hash trust.Hash, journal radio.JournalID, b []byte, ok bool) {
	if len(data) < hashLen+idLen {
		return hash, "", nil, false
	}
	return trust.Hash(data), radio.JournalID(data[hashLen : hashLen+idLen]), data[hashLen+idLen:], true
}

// clip bounds the free texts, so that a long error message cannot cost a record.
func clip(r radio.Record) radio.Record {
	const most = 600
	short := func(s string) string {
		if len(s) <= most {
			return s
		}
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return s[:cut] + "…"
	}
	if r.Fault != nil {
		f := *r.Fault
		f.Text = short(f.Text)
		r.Fault = &f
	}
	if r.Security != nil {
		sec := *r.Security
		sec.What, sec.Text = short(sec.What), short(sec.Text)
		r.Security = &sec
	}
	return r
}
