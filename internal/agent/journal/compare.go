package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// bent notes where the centre first told this journal otherwise.
type bent struct {
	Seq    uint64       `json:"seq"`
	Own    trust.Hash   `json:"own"`
	Theirs trust.Hash   `json:"theirs"`
	At     radio.Millis `json:"at"`
}

// keepBent is how long nothing of such a journal is pruned: its records are the only
// other copy of what the centre may have changed.
const keepBent = 400 * 24 * time.Hour

// Compare holds what the centre says it has at seq against the journal: the link of a
// record stands for it and for all before, and only what is the same there may count as
// acknowledged. When they differ, another board with a copy of this card writes the same
// journal, or the log was changed there, or this device's flash lost what it had already
// sent; all are for people to look at. It is told once for a journal, since all that
// follows differs as well, and nothing is lost: the records go on to the centre as before,
// and stay here for longer. What this device no longer has cannot be compared, and another
// journal is not this one: neither is the same.
func (s *Store) Compare(_ context.Context, journal radio.JournalID, seq uint64, hash trust.Hash) (same bool, err error) {
	differs := false
	err = s.view(func(t *tx) error {
		own, known, err := t.chainAt(journal, seq)
		same = known && own == hash
		differs = known && own != hash && !t.has(key(keyBent, string(journal)))
		return err
	})
	if err == nil && differs {
		err = s.noteBent(journal, seq, hash)
	}
	if err != nil {
		return false, fmt.Errorf("compare with what the centre holds: %w", err)
	}
	return same, nil
}

// chainAt gives the chain of a journal at a record, if that is this journal and still here.
func (t *tx) chainAt(journal radio.JournalID, seq uint64) (own trust.Hash, known bool, err error) {
	st := t.state
	switch {
	case journal != st.Journal || seq > st.Head || seq < st.Base || seq == 0:
		return own, false, nil
	case seq == st.Base:
		return st.BaseHash, true, nil
	}
	own, _, _, err = t.record(seq)
	return own, err == nil, err
}

func (s *Store) noteBent(journal radio.JournalID, seq uint64, hash trust.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.locked(true, func(t *tx) error {
		own, known, err := t.chainAt(journal, seq)
		if err != nil || !known || own == hash || t.has(key(keyBent, string(journal))) {
			return err
		}
		now, _ := s.reading()
		s.log.Error("the centre tells this journal otherwise", "security", true, "journal", string(journal), "seq", seq, "own", own.String(), "centre", hash.String())
		_, err = s.append(t, radio.Record{Kind: radio.RecordSecurity, Security: &radio.SecurityRecord{What: "journal",
			Text: fmt.Sprintf("the centre holds another record %d of journal %s than this device (%.16s, not %.16s): a copy of its card speaks too, the log was changed there, or this device lost what it had sent", seq, journal, hash, own)}})
		return errors.Join(err, t.storeJSON(key(keyBent, string(journal)), bent{Seq: seq, Own: own, Theirs: hash, At: max(now, t.state.Seen)}))
	})
	s.signal()
	return err
}

// holdsBent says whether this journal must be kept whole for now.
func (t *tx) holdsBent(now radio.Millis) (bool, error) {
	var b bent
	err := t.fetchJSON(key(keyBent, string(t.state.Journal)), &b)
	if isNotFound(err) {
		return false, nil
	}
	return now < b.At.Add(keepBent), err
}

// Fork begins a new journal where the centre holds another record under a number than this
// device wrote: what it holds the same counts as acknowledged, all from there on is told
// again, so that nothing that sounded is lost. It is told in the new journal. A word about
// the records of another board, or about what is over, changes nothing.
func (s *Store) Fork(_ context.Context, journal radio.JournalID, f wire.Forked) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := false
	err := s.locked(false, func(t *tx) error {
		own, known, err := t.chainAt(journal, f.Seq)
		news = known && f.Seq > t.state.Acked && own == f.Own
		return err
	})
	if err == nil && news {
		err = s.locked(true, func(t *tx) error { return s.fork(t, journal, f) })
	}
	if err != nil {
		return fmt.Errorf("begin a new journal behind a fork: %w", err)
	}
	s.signal()
	return nil
}

func (s *Store) fork(t *tx, journal radio.JournalID, f wire.Forked) error {
	own, known, err := t.chainAt(journal, f.Seq)
	if err != nil || !known || f.Seq <= t.state.Acked || own != f.Own {
		return err
	}
	before, known, err := t.chainAt(journal, f.Seq-1)
	if err != nil {
		return err
	}
	if known && before == f.Before {
		t.state.Acked = max(t.state.Acked, f.Seq-1)
	}
	records, err := t.unacked()
	if err != nil {
		return err
	}
	if err := t.begin(records); err != nil {
		return err
	}
	s.log.Error("the centre holds another record of this journal; a new one begins", "security", true,
		"old", string(journal), "seq", f.Seq, "new", string(t.state.Journal), "records", len(records))
	_, err = s.append(t, radio.Record{Kind: radio.RecordSecurity, Security: &radio.SecurityRecord{What: "journal",
		Text: fmt.Sprintf("the centre holds another record %d of journal %s than this device: its card was copied and speaks from two boards, or it lost what it had sent; %d records are told again in journal %s", f.Seq, journal, len(records), t.state.Journal)}})
	return err
}
