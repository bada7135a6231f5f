// Package journal is what a device must never lose: its identity, the documents it
// runs on, the alerts it holds, and the chained records of what it did, kept until the
// centre has acknowledged them and 90 days more (design §7). It is one small bbolt file,
// journal.db, opened by the agent's process alone. It receives records from playout
// and the other rooms, documents from inbox and the identity from enrol; it hands
// batches of records to link. A damaged file is set aside and a new journal begins
// with what could be read.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Clock stamps records; clock.Clock satisfies it.
type Clock interface {
	Now() time.Time
	Mono() time.Duration
	State() clock.Reading
}

// Options of a journal.
type Options struct {
	Path string // of journal.db; its folder exists
	Log  *slog.Logger
}

// Store is an open journal. Safe for several goroutines.
type Store struct {
	path string
	log  *slog.Logger
	wake chan struct{}

	mu     sync.Mutex
	db     *bolt.DB // nil while the file cannot be used
	closed bool
	state  state
	clock  Clock
	boot   radio.BootID
	rescue *Rescue // the last one
	untold bool    // rescue has no record in the journal yet
	// Numbers handed out, up to the reserved one in state.
	connection uint64
}

// state is what changes with almost every write, kept in memory and in one value.
type state struct {
	Journal  radio.JournalID `json:"journal"`
	Head     uint64          `json:"head"` // last seq written
	Hash     trust.Hash      `json:"hash"` // of the record Head
	Acked    uint64          `json:"acked"`
	Base     uint64          `json:"base"` // last seq that was pruned
	BaseHash trust.Hash      `json:"base_hash"`
	Seen     radio.Millis    `json:"seen"`
	Floor    radio.Millis    `json:"floor"`
	// Connection is the highest connection number that may have been used.
	Connection uint64 `json:"connection"`
}

// Rescue tells what was done about a damaged file.
type Rescue struct {
	Why       string
	SetAside  string // "" when the copy could not be written
	Records   int    // unacknowledged ones carried over
	Documents int
	// Identity is false when it was not found in the damaged file; its spare is left.
	Identity bool
}

// Open opens or makes the journal. A damaged file is rescued, see Rescued. It is an
// error of kind ErrConflict when another process has the journal open.
func Open(opts Options) (*Store, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{path: opts.Path, log: log.With("component", "journal"), wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// Start gives the journal what it stamps records with. Append needs it; the clock
// itself needs the journal's Floor first, so it cannot be an option of Open.
func (s *Store) Start(c Clock, boot radio.BootID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock, s.boot = c, boot
	return s.tellRescue()
}

// Close ends the use of the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if err := db.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Run keeps the heartbeat and prunes once a day, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	var pruned time.Time
	for {
		if time.Since(pruned) >= 24*time.Hour {
			pruned = time.Now()
			if n, err := s.Prune(ctx); err != nil {
				s.log.Error("journal not pruned", "error", err)
			} else if n > 0 {
				s.log.Info("journal pruned", "records", n)
			}
		}
		select {
		case <-ctx.Done():
			s.heartbeat()
			return nil
		case <-beat.C:
			s.heartbeat()
		}
	}
}

func (s *Store) heartbeat() {
	if err := s.Heartbeat(); err != nil {
		s.log.Error("heartbeat not written", "error", err)
	}
}

// heartbeatEvery bounds how far LastSeen lags behind, and the wear on flash.
const heartbeatEvery = 5 * time.Minute

// Wake is signalled when there may be something new to send: a record was
// written, or the acknowledgement moved. One receiver.
func (s *Store) Wake() <-chan struct{} { return s.wake }

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // one is already waiting
	}
}

// Status of the journal.
func (s *Store) Status() radio.JournalStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return radio.JournalStatus{ID: s.state.Journal, Head: s.state.Head, Acked: s.state.Acked}
}

// Oldest is the first seq that can still be sent; what is before it was pruned.
func (s *Store) Oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Base + 1
}

// Rescued tells whether this Store found its file damaged, at Open or later.
func (s *Store) Rescued() (Rescue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rescue == nil {
		return Rescue{}, false
	}
	return *s.rescue, true
}

var errClosed = errors.New("journal is closed")

// update runs fn in a writing transaction, view in a reading one. fn may run a
// second time, on the rescued file.
func (s *Store) update(fn func(*tx) error) error { return s.run(true, fn) }
func (s *Store) view(fn func(*tx) error) error   { return s.run(false, fn) }

func (s *Store) run(write bool, fn func(*tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(write, fn)
}

// locked is run for those who hold mu.
func (s *Store) locked(write bool, fn func(*tx) error) error {
	if s.closed {
		return errClosed
	}
	if s.db == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	err := s.attempt(write, fn)
	var bad *damage
	if !errors.As(err, &bad) {
		return err
	}
	if err := s.mend(bad); err != nil {
		return err
	}
	if err := s.tellRescue(); err != nil {
		return err
	}
	return s.attempt(write, fn)
}

// attempt is one transaction; the state in memory follows only what was committed.
func (s *Store) attempt(write bool, fn func(*tx) error) error {
	next := s.state
	err := guard(func() error {
		if !write {
			return s.db.View(func(b *bolt.Tx) error { return fn(&tx{Bucket: b.Bucket(bucketName), state: &next}) })
		}
		return s.db.Update(func(b *bolt.Tx) error {
			t := &tx{Bucket: b.Bucket(bucketName), gen: uint64(b.ID()), state: &next}
			if err := fn(t); err != nil {
				return err
			}
			if next == s.state {
				return nil
			}
			return t.putState()
		})
	})
	if err == nil && write {
		s.state = next
	}
	return err
}

// reading is the clock's word, for stamps; without a clock nothing is usable.
func (s *Store) reading() (now radio.Millis, r clock.Reading) {
	if s.clock == nil {
		return 0, clock.Reading{State: clock.Untrusted, Source: clock.SourceNone}
	}
	return radio.At(s.clock.Now()), s.clock.State()
}
