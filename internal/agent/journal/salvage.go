package journal

import (
	"bytes"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// salvage is what could be read out of a damaged file.
type salvage struct {
	state   state
	values  map[string]aged // all kinds but records, results and the state
	records []radio.Record  // not acknowledged, in order
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
	s := salvage{values: map[string]aged{}}
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
			}
		case keyResult:
		default:
			if have, ok := s.values[string(key)]; !ok || gen > have.gen {
				s.values[string(key)] = v
			}
		}
	})
	s.dropEnded()
	s.chain(records)
	return s
}

// dropEnded forgets airings in progress that have their result.
func (s *salvage) dropEnded() {
	for k := range s.values {
		if k[0] == keyOpen && endedMark(s.values[string(keyAiring)+k[1:]].data) {
			delete(s.values, k)
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
