package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	bolt "go.etcd.io/bbolt"

	"loaxa/internal/radio"
)

// Begin makes ready for the bytes of an audio and says how many are there already:
// a multiple of ChunkSize, or all. It is ErrNoRoom when they would not fit.
func (s *Store) Begin(sha radio.SHA256, size int64) (have int64, err error) {
	k, err := audioKey(sha)
	if err != nil {
		return 0, err
	}
	if size < 1 || size > radio.MaxAudioBytes {
		return 0, fmt.Errorf("%w: audio of %d bytes, at most %d", radio.ErrInvalid, size, radio.MaxAudioBytes)
	}
	err = s.run(true, func(t *tx) error {
		e, err := t.entry(k)
		switch {
		case err == nil && e.size == size:
			have = e.have()
			return nil
		case !errors.Is(err, radio.ErrNotFound):
			// Damaged, or begun with another size: from the beginning.
			if err := t.drop(k); err != nil {
				return err
			}
		}
		have = 0
		total, err := t.total()
		if err != nil {
			return err
		}
		if total+size > s.opts.MaxBytes || !s.roomOnDisk(t, size) {
			return ErrNoRoom
		}
		order, err := t.audio.NextSequence()
		if err != nil {
			return err
		}
		return t.audio.Put(k, entry{size: size, order: order}.encode())
	})
	if err != nil {
		return 0, fmt.Errorf("begin audio %.12s: %w", sha, err)
	}
	return have, nil
}

// Put adds the next chunk: ChunkSize bytes, or what remains. It is on disk when Put
// returns, so that a fetch goes on from here after a restart.
func (s *Store) Put(sha radio.SHA256, chunk []byte) error {
	k, err := audioKey(sha)
	if err != nil {
		return err
	}
	err = s.run(true, func(t *tx) error {
		e, err := t.entry(k)
		if err != nil {
			return err
		}
		i := len(e.hashes)
		if want := e.chunkLen(i); int64(len(chunk)) != want || want == 0 {
			return fmt.Errorf("%w: chunk %d of %d bytes, want %d", radio.ErrInvalid, i, len(chunk), want)
		}
		e.hashes = append(e.hashes, sha256.Sum256(chunk))
		if err := t.chunks.Put(chunkKey(k, i), chunk); err != nil {
			return err
		}
		return t.audio.Put(k, e.encode())
	})
	if err != nil {
		return fmt.Errorf("store a chunk of audio %.12s: %w", sha, err)
	}
	return nil
}

// Commit reads a complete audio back, and makes it ready if its whole hash is its
// name. If not, it is dropped: ErrWrongHash.
func (s *Store) Commit(sha radio.SHA256) error {
	k, err := audioKey(sha)
	if err != nil {
		return err
	}
	if err := s.verify(sha, k); err != nil {
		return err
	}
	err = s.run(true, func(t *tx) error {
		e, err := t.entry(k)
		if err != nil {
			return err
		}
		e.ready = true
		return t.audio.Put(k, e.encode())
	})
	if err != nil {
		return fmt.Errorf("commit audio %.12s: %w", sha, err)
	}
	s.change()
	return nil
}

// Verify reads a whole audio again; if it is damaged, it is dropped and reported.
func (s *Store) Verify(sha radio.SHA256) error {
	k, err := audioKey(sha)
	if err != nil {
		return err
	}
	return s.verify(sha, k)
}

func (s *Store) verify(sha radio.SHA256, k []byte) error {
	r := &reader{store: s, sha: sha, key: k, any: true}
	if err := r.load(); err != nil {
		return err
	}
	if r.entry.have() != r.entry.size {
		return fmt.Errorf("%w: audio %.12s has %d of %d bytes", radio.ErrConflict, sha, r.entry.have(), r.entry.size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if isNot(sum, k) {
		if err := s.Delete(sha); err != nil {
			return err
		}
		return fmt.Errorf("audio %.12s: %w", sha, ErrWrongHash)
	}
	return nil
}

func isNot(sum hash.Hash, k []byte) bool { return !bytes.Equal(sum.Sum(nil), k) }

// Ready says whether an audio is there, complete and verified when it came.
func (s *Store) Ready(sha radio.SHA256) bool {
	e, err := s.look(sha)
	return err == nil && e.ready
}

// Have is the number of bytes there, of a partial audio too.
func (s *Store) Have(sha radio.SHA256) int64 {
	e, err := s.look(sha)
	if err != nil {
		return 0
	}
	return e.have()
}

func (s *Store) look(sha radio.SHA256) (e entry, err error) {
	k, err := audioKey(sha)
	if err != nil {
		return e, err
	}
	err = s.run(false, func(t *tx) error {
		e, err = t.entry(k)
		return err
	})
	return e, err
}

// Open gives the bytes of a ready audio. Every chunk is checked as it is read, and
// exactly these bytes are handed out; damage is an error (ErrDamaged) in place of
// the chunk, the audio is dropped and reported.
func (s *Store) Open(sha radio.SHA256) (io.ReadCloser, error) {
	k, err := audioKey(sha)
	if err != nil {
		return nil, err
	}
	r := &reader{store: s, sha: sha, key: k}
	if err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

// reader reads one audio chunk by chunk; no transaction is open between two.
type reader struct {
	store *Store
	sha   radio.SHA256
	key   []byte
	any   bool // also one that is not ready
	entry entry
	next  int
	buf   []byte
	err   error
}

func (r *reader) load() error {
	err := r.store.run(false, func(t *tx) error {
		var err error
		r.entry, err = t.entry(r.key)
		if err == nil && !r.any && !r.entry.ready {
			return radio.ErrNotFound
		}
		return err
	})
	return r.judge(err)
}

// judge drops the audio when it is bad.
func (r *reader) judge(err error) error {
	var bad errBad
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &bad):
		return fmt.Errorf("audio %.12s: %w", r.sha, err)
	}
	err = fmt.Errorf("audio %.12s: %w: %s", r.sha, ErrDamaged, bad.why)
	r.store.log.Error("cached audio is damaged, dropping it", "sha256", string(r.sha), "why", bad.why)
	if derr := r.store.Delete(r.sha); derr != nil {
		err = errors.Join(err, derr)
	}
	r.store.tell(r.sha, err)
	return err
}

// Read hands out checked bytes.
func (r *reader) Read(p []byte) (int, error) {
	if r.err == nil && len(r.buf) == 0 {
		r.buf, r.err = r.chunk()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// chunk reads and checks the next chunk; io.EOF after the last.
func (r *reader) chunk() ([]byte, error) {
	i := r.next
	if i == len(r.entry.hashes) {
		if r.entry.have() != r.entry.size {
			return nil, r.judge(errBad{"chunks are missing"})
		}
		return nil, io.EOF
	}
	var b []byte
	err := r.store.run(false, func(t *tx) error {
		if t.audio.Get(r.key) == nil {
			return radio.ErrNotFound // withdrawn meanwhile
		}
		b = bytes.Clone(t.chunks.Get(chunkKey(r.key, i)))
		return nil
	})
	if err == nil && (int64(len(b)) != r.entry.chunkLen(i) || sha256.Sum256(b) != r.entry.hashes[i]) {
		err = errBad{fmt.Sprintf("chunk %d has a wrong hash", i)}
	}
	if err := r.judge(err); err != nil {
		return nil, err
	}
	r.next++
	return b, nil
}

// Close ends reading.
func (r *reader) Close() error {
	r.err = errors.New("read of a closed audio")
	r.buf = nil
	return nil
}

// Delete removes an audio, whole or partial; one that is not there is no error.
func (s *Store) Delete(sha radio.SHA256) error {
	k, err := audioKey(sha)
	if err != nil {
		return err
	}
	if err := s.run(true, func(t *tx) error { return t.drop(k) }); err != nil {
		return fmt.Errorf("delete audio %.12s: %w", sha, err)
	}
	s.change()
	return nil
}

func (t *tx) drop(k []byte) error {
	c := t.chunks.Cursor()
	for at, _ := c.Seek(k); at != nil && bytes.HasPrefix(at, k); at, _ = c.Seek(k) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return t.audio.Delete(k)
}

// Evict removes what is not needed, the oldest first, until room more bytes fit. It
// gives the number of audios removed.
func (s *Store) Evict(needed func(radio.SHA256) bool, room int64) (removed int, err error) {
	err = s.run(true, func(t *tx) error {
		removed = 0
		total, err := t.total()
		if err != nil {
			return err
		}
		for _, old := range t.oldest() {
			if total+room <= s.opts.MaxBytes && s.roomOnDisk(t, room) {
				return nil
			}
			if needed(radio.SHA256(hex.EncodeToString(old.key))) {
				continue
			}
			if err := t.drop(old.key); err != nil {
				return err
			}
			total -= old.size
			removed++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("make room in the cache: %w", err)
	}
	if removed > 0 {
		s.change()
	}
	return removed, nil
}

type aged struct {
	key []byte
	entry
}

// oldest lists all audios, those with a damaged description first.
func (t *tx) oldest() []aged {
	var list []aged
	// ForEach gives an error only if the function does.
	_ = t.audio.ForEach(func(k, v []byte) error {
		e, _ := decodeEntry(v) // damaged: the zero entry sorts first
		list = append(list, aged{bytes.Clone(k), e})
		return nil
	})
	slices.SortFunc(list, func(a, b aged) int { return int(int64(a.order) - int64(b.order)) })
	return list
}

// total counts the sizes promised, so that what has begun can also be finished.
func (t *tx) total() (n int64, err error) {
	err = t.audio.ForEach(func(_, v []byte) error {
		if e, ok := decodeEntry(v); ok {
			n += e.size
		}
		return nil
	})
	return n, err
}

// Status gives the room on the disk and the bytes of audio in the cache.
func (s *Store) Status() (radio.DiskStatus, error) {
	var d radio.DiskStatus
	var err error
	if d.FreeBytes, d.TotalBytes, err = diskSpace(s.opts.Path); err != nil {
		return d, fmt.Errorf("look at the disk: %w", err)
	}
	err = s.run(false, func(t *tx) error {
		d.CacheBytes = 0
		return t.audio.ForEach(func(_, v []byte) error {
			if e, ok := decodeEntry(v); ok {
				d.CacheBytes += e.have()
			}
			return nil
		})
	})
	return d, err
}

// reserve is what the cache leaves free on the disk, for the journal above all.
const reserve = 32 << 20

// roomOnDisk says whether size bytes can be written without touching the reserve.
// Where the disk cannot be asked, the write itself will tell.
func (s *Store) roomOnDisk(t *tx, size int64) bool {
	free, _, err := diskSpace(s.opts.Path)
	return err != nil || free+freeInFile(t.pages) >= size+reserve
}

// freeInFile is the room inside the file, which never shrinks.
func freeInFile(db *bolt.DB) int64 {
	st := db.Stats()
	return int64(st.FreePageN) * int64(db.Info().PageSize)
}
