package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// salvage is what could be read out of a damaged file.
type salvage struct {
	state   state
	values  map[string]aged // all kinds but records, results and the state
	records []radio.Record  // not acknowledged, in order
	// ended are the airings whose result was read in any copy.
	ended map[radio.AiringID]bool
	// over are the alerts (and commands) whose last receipt was read in any copy.
	over map[string]bool
	// revisions are the highest that records of each journal name, by document.
	revisions map[radio.JournalID]map[string]int64
}

type aged struct {
	gen  uint64
	data []byte
}

// chained is one copy of a record.
type chained struct {
	aged
	hash trust.Hash
}

// salvageFrom takes the newest copy of everything. Deleted values can come back
// with their old pages; each kind is harmless then, or sorted out here.
func salvageFrom(f image) salvage {
	s := salvage{values: map[string]aged{}, ended: map[radio.AiringID]bool{}, over: map[string]bool{},
		revisions: map[radio.JournalID]map[string]int64{}}
	records := map[string][]aged{}
	var newest aged
	scan(f, func(gen uint64, key, data []byte) {
		v := aged{gen, bytes.Clone(data)}
		switch key[0] {
		case keyState:
			if st, err := readState(data); err == nil && (newest.data == nil || gen > newest.gen) {
				newest, s.state = v, st
			}
		case keyRecord:
			if len(key) == 9 {
				records[string(key)] = append(records[string(key)], v)
				s.note(v.data)
			}
		case keyResult:
		default:
			if have, ok := s.values[string(key)]; !ok || gen > have.gen {
				s.values[string(key)] = v
			}
		}
	})
	s.dropEnded()
	s.endAlerts()
	s.dropOvertaken()
	s.chain(records)
	return s
}

// note keeps what a record says about values: the airing it ends, the document it
// made active. Records acknowledged long ago count too.
func (s *salvage) note(data []byte) {
	_, journal, b, ok := decodeRecord(data)
	if !ok {
		return
	}
	r, err := radio.ParseRecord(b)
	switch {
	case err != nil:
	case r.Result != nil:
		s.ended[r.Result.ID] = true
	case r.Receipt != nil:
		// What was turned away may have come again, with all it needs.
		if r.Receipt.State.Final() && r.Receipt.State != radio.ReceiptRejected {
			s.over[r.Receipt.ID] = true
		}
	case r.Revision != nil:
		if s.revisions[journal] == nil {
			s.revisions[journal] = map[string]int64{}
		}
		s.revisions[journal][r.Revision.Document] = max(s.revisions[journal][r.Revision.Document], r.Revision.Revision)
	}
}

// dropOvertaken forgets documents of which a higher revision was active: a revision
// never goes back (design §8), and the centre sends the last one again. An older
// keyring is kept: it names the brokers, and without one there is no way back.
func (s *salvage) dropOvertaken() {
	for k, v := range s.values {
		var d document
		name := k[1:]
		if k[0] != keyDocument || name == string(wire.Keys) || json.Unmarshal(v.data, &d) != nil {
			continue
		}
		if d.Revision < s.revisions[s.state.Journal][name] {
			delete(s.values, k)
		}
	}
}

// dropEnded forgets airings in progress that have their result: taken for cut off,
// they would get another one. The mark found may be an older copy than the result.
func (s *salvage) dropEnded() {
	for k, v := range s.values {
		if k[0] == keyAiring && s.ended[radio.AiringID(k[1:])] && len(v.data) == 9 {
			v.data[8] = 1
		}
	}
	for k := range s.values {
		if k[0] == keyOpen && (s.ended[radio.AiringID(k[1:])] || endedMark(s.values[string(keyAiring)+k[1:]].data)) {
			delete(s.values, k)
		}
	}
}

// endAlerts: what was cancelled or is done must not sound because an older copy of it
// was all that could be read.
func (s *salvage) endAlerts() {
	for k, v := range s.values {
		if k[0] == keyAlert && s.over[k[1:]] && len(v.data) > 0 {
			v.data[0] = 1
		}
	}
}

// chain picks the records from the last to the first unacknowledged one. Of several
// copies of one seq (a transaction that was never committed leaves its pages too)
// the one is right that the next record is chained to.
func (s *salvage) chain(records map[string][]aged) {
	seqs := make([]uint64, 0, len(records))
	for k := range records {
		if seq := seqOf([]byte(k)); seq > s.state.Acked {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	var next *chained
	var nextBytes []byte
	for _, seq := range slices.Backward(seqs) {
		var best *chained
		var bestBytes []byte
		for _, v := range records[string(seqKey(keyRecord, seq))] {
			hash, journal, b, ok := decodeRecord(v.data)
			if !ok || (s.state.Journal != "" && journal != s.state.Journal) {
				continue
			}
			linked := next != nil && trust.NextHash(hash, nextBytes) == next.hash
			if best == nil || linked || v.gen > best.gen {
				best, bestBytes = &chained{v, hash}, b
			}
			if linked {
				break
			}
		}
		if best == nil {
			continue
		}
		// With the state lost, everything found counts as unacknowledged; the centre
		// takes a record it has already as the same statement again.
		if r, err := radio.ParseRecord(bestBytes); err == nil {
			s.records = append(s.records, r)
			next, nextBytes = best, bestBytes
		}
	}
	slices.Reverse(s.records)
}

func (s *salvage) count(kind byte) (n int) {
	for k := range s.values {
		if k[0] == kind {
			n++
		}
	}
	return n
}

// write makes a new file of it, complete on disk when it returns.
func (s *salvage) write(path string) error {
	db, err := openFile(path)
	if err != nil {
		return err
	}
	st := state{Seen: s.state.Seen, Floor: s.state.Floor, Connection: s.state.Connection}
	err = db.Update(func(b *bolt.Tx) error {
		bucket, err := b.CreateBucket(bucketName)
		if err != nil {
			return err
		}
		t := &tx{Bucket: bucket, gen: uint64(b.ID()), state: &st}
		// First what the records say about airings, then the marks that were found,
		// which know of older records too.
		for _, r := range s.records {
			if err := t.mark(r); err != nil {
				return err
			}
		}
		for k, v := range s.values {
			if err := t.store([]byte(k), v.data); err != nil {
				return err
			}
		}
		if err := t.begin(s.records); err != nil {
			return err
		}
		return t.putState()
	})
	return errors.Join(err, db.Close())
}
