// Package cache holds the audio of the programme on the device, so that it plays
// without a network: one bbolt file, cache.db, with every audio as chunks of 256 KiB
// and their hashes (design §7). It receives bytes from agent/fetch and hands them to
// playout, each byte checked exactly as it is handed out. It may be thrown away at
// any time: what is damaged is dropped and fetched again.
package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"loaxa/internal/radio"
)

// ChunkSize is the size of all chunks of an audio but the last.
const ChunkSize = 256 << 10

// ErrNoRoom: the audio does not fit beside what is there.
var ErrNoRoom = fmt.Errorf("%w: no room in the cache", radio.ErrUnavailable)

// ErrDamaged: what was stored is not what is read; it has been dropped.
var ErrDamaged = errors.New("cached audio is damaged")

// ErrWrongHash: a complete audio is not the one its name says; it has been dropped.
var ErrWrongHash = fmt.Errorf("%w: audio does not have the hash it is named by", radio.ErrInvalid)

// Options of a cache.
type Options struct {
	Path string // of cache.db; its folder exists
	// MaxBytes of audio kept; 0 means 1 GiB.
	MaxBytes int64
	// OnDamage is told what was dropped, that it may be fetched again; "" means
	// everything. It must not block and not call the cache.
	OnDamage func(sha radio.SHA256, why error)
	Log      *slog.Logger
}

// Store is an open cache. Safe for several goroutines.
type Store struct {
	opts Options
	log  *slog.Logger

	mu sync.RWMutex // held for writing only to exchange db
	db *bolt.DB

	news    sync.Mutex
	changed chan struct{}
}

var (
	audioBucket = []byte("audio")  // hash → entry
	chunkBucket = []byte("chunks") // hash, index → bytes
)

// Open opens or makes the cache; a damaged file is set aside and an empty one begun.
// It is an error of kind ErrConflict when another process has it open.
func Open(opts Options) (*Store, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 1 << 30
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{opts: opts, log: opts.Log.With("component", "cache"), changed: make(chan struct{})}
	// A copy set aside before is of no more use.
	if err := os.Remove(s.aside()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("old damaged cache not removed", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.open()
	if errors.Is(err, ErrDamaged) {
		err = s.startEmpty(nil, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the use of the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if err := db.Close(); err != nil {
		return fmt.Errorf("close cache: %w", err)
	}
	return nil
}

func (s *Store) aside() string { return s.opts.Path + ".damaged" }

// open opens the file and looks once at every entry.
func (s *Store) open() error {
	var db *bolt.DB
	err := guard(func() error {
		var err error
		db, err = bolt.Open(s.opts.Path, 0o600, &bolt.Options{Timeout: 2 * time.Second, FreelistType: bolt.FreelistMapType})
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: the cache is open in another process", radio.ErrConflict)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	default:
		return fmt.Errorf("open cache: %w", err)
	}
	err = guard(func() error {
		return db.Update(func(t *bolt.Tx) error {
			for _, name := range [][]byte{audioBucket, chunkBucket} {
				if _, err := t.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		s.leave(db, err)
		return fmt.Errorf("open cache: %w", err)
	}
	s.db = db
	return nil
}

// stuck marks a call that was interrupted inside bbolt.
type stuck struct{ why any }

func (s stuck) Error() string   { return fmt.Sprint(s.why) }
func (s stuck) Is(e error) bool { return e == ErrDamaged }

// guard turns what bad flash does to a memory-mapped file into an error: a page
// fault, or bbolt's panic about what it read (design §7).
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = stuck{r}
		}
	}()
	return fn()
}

// leave gives up a handle; one whose locks may be held for ever is left alone.
func (s *Store) leave(db *bolt.DB, why error) {
	var st stuck
	if db == nil || errors.As(why, &st) {
		return
	}
	if err := guard(db.Close); err != nil {
		s.log.Warn("damaged cache not closed", "error", err)
	}
}

// startEmpty sets the file aside, or removes it where room is scarce; mu is held.
func (s *Store) startEmpty(db *bolt.DB, why error) error {
	s.log.Error("cache file is damaged, starting with an empty one", "error", why)
	s.leave(db, why)
	s.db = nil
	if err := s.putAway(); err != nil {
		return fmt.Errorf("set the damaged cache aside: %w", err)
	}
	if err := s.open(); err != nil {
		return err
	}
	s.tell("", why)
	return nil
}

// tell reports damage.
func (s *Store) tell(sha radio.SHA256, why error) {
	s.change()
	if s.opts.OnDamage != nil {
		s.opts.OnDamage(sha, why)
	}
}

// Changed is closed when the readiness of any audio changes next.
func (s *Store) Changed() <-chan struct{} {
	s.news.Lock()
	defer s.news.Unlock()
	return s.changed
}

func (s *Store) change() {
	s.news.Lock()
	defer s.news.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Store) putAway() error {
	info, err := os.Stat(s.opts.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	free, _, err := diskSpace(s.opts.Path)
	if err == nil && free < info.Size()+reserve {
		return os.Remove(s.opts.Path)
	}
	return os.Rename(s.opts.Path, s.aside())
}

// run does fn in a transaction. When the file is damaged, an empty one takes its
// place and fn runs once more, on that.
func (s *Store) run(write bool, fn func(*tx) error) error {
	db, err := s.attempt(write, fn)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	s.mu.Lock()
	if s.db == db {
		if err := s.startEmpty(db, err); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	s.mu.Unlock()
	_, err = s.attempt(write, fn)
	return err
}

func (s *Store) attempt(write bool, fn func(*tx) error) (*bolt.DB, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return nil, fmt.Errorf("%w: the cache is closed", radio.ErrUnavailable)
	}
	do := s.db.View
	if write {
		do = s.db.Update
	}
	return s.db, guard(func() error {
		return do(func(t *bolt.Tx) error {
			return fn(&tx{audio: t.Bucket(audioBucket), chunks: t.Bucket(chunkBucket), pages: s.db})
		})
	})
}

// tx is one transaction.
type tx struct {
	audio, chunks *bolt.Bucket
	pages         *bolt.DB
}

// entry describes one audio.
type entry struct {
	size  int64
	order uint64 // of its beginning, for eviction
	ready bool   // complete, and the whole hash was right
	// hashes of the chunks that are there, in order.
	hashes [][sha256.Size]byte
}

func (e entry) have() int64 { return min(int64(len(e.hashes))*ChunkSize, e.size) }

// chunkLen is the length chunk i must have.
func (e entry) chunkLen(i int) int64 { return min(ChunkSize, e.size-int64(i)*ChunkSize) }

const entryHead = 4 + 8 + 8 + 1 // checksum, size, order, ready

func (e entry) encode() []byte {
	b := make([]byte, 4, entryHead+len(e.hashes)*sha256.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(e.size))
	b = binary.BigEndian.AppendUint64(b, e.order)
	b = append(b, map[bool]byte{true: 1}[e.ready])
	for _, h := range e.hashes {
		b = append(b, h[:]...)
	}
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

func decodeEntry(b []byte) (e entry, ok bool) {
	if len(b) < entryHead || (len(b)-entryHead)%sha256.Size != 0 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return e, false
	}
	e = entry{size: int64(binary.BigEndian.Uint64(b[4:])), order: binary.BigEndian.Uint64(b[12:]), ready: b[20] == 1}
	for at := entryHead; at < len(b); at += sha256.Size {
		e.hashes = append(e.hashes, [sha256.Size]byte(b[at:]))
	}
	return e, true
}

// audioKey is the raw hash.
func audioKey(sha radio.SHA256) ([]byte, error) {
	if !sha.Valid() {
		return nil, fmt.Errorf("%w: %.70q is not a SHA-256", radio.ErrInvalid, string(sha))
	}
	return hex.DecodeString(string(sha))
}

func chunkKey(audio []byte, i int) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(audio)+4), audio...), uint32(i))
}

// errBad asks for the entry to be dropped; run does not take it for a damaged file.
type errBad struct{ why string }

func (e errBad) Error() string { return e.why }

// entry reads the description of an audio; ErrNotFound when there is none.
func (t *tx) entry(k []byte) (entry, error) {
	b := t.audio.Get(k)
	if b == nil {
		return entry{}, radio.ErrNotFound
	}
	e, ok := decodeEntry(b)
	if !ok {
		return e, errBad{"its description has a wrong checksum"}
	}
	return e, nil
}
