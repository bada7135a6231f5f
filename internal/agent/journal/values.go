package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"

	"loaxa/internal/radio"
)

// Everything stands in one bucket, under keys that begin with a letter for their
// kind, and every value carries the number of its transaction and a checksum. So a
// value found anywhere in a damaged file can be told from garbage and from an older
// copy of itself, whatever happened to the tree around it.
var bucketName = []byte("j")

const (
	keyState      = 's' // state
	keyRecord     = 'r' // + seq: hash, journal id, exact JSON bytes
	keyResult     = 'x' // + seq: nothing; which records are results
	keyAiring     = 'a' // + airing id: when begun (ms), 1 when it has its result
	keyOpen       = 'o' // + airing id: openAiring, until its result is written
	keyDocument   = 'd' // + name: document
	keyKept       = 'k' // + name: bytes (identity and the like)
	keyQuarantine = 'q' // + journal id + seq: Quarantined
	keyCommand    = 'c' // + command id: control's own bytes
	keyAlert      = 'e' // + alert id: 1 when it is over, then emergency's own bytes
	keyBent       = 'b' // + journal id: Bent, the first difference to what the centre holds
)

const valueHead = 12 // transaction (8), checksum (4)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tx is one transaction on the bucket. state may be changed by a writing one.
type tx struct {
	*bolt.Bucket
	gen   uint64
	state *state
}

func key(kind byte, name string) []byte { return append([]byte{kind}, name...) }

func seqKey(kind byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, seq)
}

func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func checksum(key, value []byte) uint32 {
	sum := crc32.Checksum(key, castagnoli)
	sum = crc32.Update(sum, castagnoli, value[:8])
	return crc32.Update(sum, castagnoli, value[valueHead:])
}

// encode wraps data for a key.
func encode(key []byte, gen uint64, data []byte) []byte {
	v := make([]byte, valueHead, valueHead+len(data))
	binary.BigEndian.PutUint64(v, gen)
	v = append(v, data...)
	binary.BigEndian.PutUint32(v[8:], checksum(key, v))
	return v
}

// decode checks a value and gives its transaction and data (not copied).
func decode(key, value []byte) (gen uint64, data []byte, ok bool) {
	if len(value) < valueHead || binary.BigEndian.Uint32(value[8:]) != checksum(key, value) {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(value), value[valueHead:], true
}

// fetch gives a copy of the data under a key; ErrNotFound when there is none.
func (t *tx) fetch(key []byte) ([]byte, error) {
	v := t.Get(key)
	if v == nil {
		return nil, fmt.Errorf("journal key %q: %w", key, radio.ErrNotFound)
	}
	return open(key, v)
}

func open(key, value []byte) ([]byte, error) {
	_, data, ok := decode(key, value)
	if !ok {
		return nil, &damage{why: fmt.Sprintf("checksum of key %q does not match", key)}
	}
	return bytes.Clone(data), nil
}

func (t *tx) store(key, data []byte) error {
	return t.Put(key, encode(key, t.gen, data))
}

func (t *tx) storeJSON(key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write journal key %q: %w", key, err)
	}
	return t.store(key, b)
}

func (t *tx) fetchJSON(key []byte, v any) error {
	b, err := t.fetch(key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &damage{why: fmt.Sprintf("journal key %q: %v", key, err)}
	}
	return nil
}

func (t *tx) has(key []byte) bool { return t.Get(key) != nil }

func (t *tx) putState() error { return t.storeJSON([]byte{keyState}, t.state) }

// each walks the keys of one kind in order, from a key on, until fn says stop. The
// data is only valid inside fn, which must not write.
func (t *tx) each(from []byte, fn func(key, data []byte) (more bool, err error)) error {
	c := t.Cursor()
	for k, v := c.Seek(from); k != nil && k[0] == from[0]; k, v = c.Next() {
		_, data, ok := decode(k, v)
		if !ok {
			return &damage{why: fmt.Sprintf("checksum of key %q does not match", k)}
		}
		if more, err := fn(k, data); err != nil || !more {
			return err
		}
	}
	return nil
}

// damage is an error of the file itself, not of its use.
type damage struct {
	why string
	// stuck is set when bbolt was interrupted: its locks may be held for ever.
	stuck bool
}

func (d *damage) Error() string { return "journal file is damaged: " + d.why }

func isNotFound(err error) bool { return errors.Is(err, radio.ErrNotFound) }
