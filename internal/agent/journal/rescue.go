package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// keptCopies is how many damaged files stay beside the journal for a person to see.
const keptCopies = 2

// guard turns what bad flash does to a memory-mapped file into an error: a page
// fault, or bbolt's panic about what it read (design §7).
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &damage{why: fmt.Sprint(r), stuck: true}
		}
	}()
	return fn()
}

// open opens the file and reads the state; a damaged file is mended. It needs mu.
func (s *Store) open() error {
	err := s.try()
	var bad *damage
	if errors.As(err, &bad) {
		return s.mend(bad)
	}
	return err
}

// try opens the file as it is.
func (s *Store) try() error {
	if info, err := os.Stat(s.path); err == nil && info.Size() > 0 && info.Size() < 4*pageSize {
		return &damage{why: fmt.Sprintf("file of %d bytes", info.Size())}
	}
	var db *bolt.DB
	err := guard(func() error {
		var err error
		db, err = openFile(s.path)
		return err
	})
	if err != nil {
		return openError(err)
	}
	// From here on the file is locked: what is read now is not being written.
	next := state{}
	err = guard(func() error {
		f, bad, err := readImage(s.path)
		if err != nil {
			return err
		}
		if bad > 0 {
			return &damage{why: fmt.Sprintf("%d pages cannot be read", bad)}
		}
		if err := check(f); err != nil {
			return &damage{why: err.Error()}
		}
		next, err = loadState(db)
		return err
	})
	if err != nil {
		s.leave(db, err)
		return err
	}
	s.db, s.state = db, next
	return nil
}

func openFile(path string) (*bolt.DB, error) {
	return bolt.Open(path, 0o600, &bolt.Options{Timeout: 2 * time.Second, PageSize: pageSize,
		FreelistType: bolt.FreelistMapType})
}

// openError tells damage from a file that is only not to be had now.
func openError(err error) error {
	var bad *damage
	switch {
	case errors.As(err, &bad):
		return err
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: the journal is open in another process", radio.ErrConflict)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, syscall.EIO):
		return &damage{why: err.Error()}
	}
	return fmt.Errorf("open journal: %w", err)
}

// loadState reads the state, or begins a new journal in a new file.
func loadState(db *bolt.DB) (state, error) {
	var st state
	err := db.View(func(b *bolt.Tx) error {
		bucket := b.Bucket(bucketName)
		if bucket == nil {
			return radio.ErrNotFound
		}
		t := &tx{Bucket: bucket}
		data, err := t.fetch([]byte{keyState})
		if err != nil {
			return err
		}
		st, err = readState(data)
		return err
	})
	if !isNotFound(err) {
		return st, err
	}
	err = db.Update(func(b *bolt.Tx) error {
		bucket, err := b.CreateBucketIfNotExists(bucketName)
		if err != nil {
			return err
		}
		if k, _ := bucket.Cursor().First(); k != nil {
			return &damage{why: "there is no state"}
		}
		t := &tx{Bucket: bucket, gen: uint64(b.ID()), state: &st}
		if err := t.begin(nil); err != nil {
			return err
		}
		return t.putState()
	})
	return st, err
}

// begin starts a new journal with the records given, as they are but for their seq.
func (t *tx) begin(records []radio.Record) error {
	if err := t.forgetAll(keyRecord, keyResult); err != nil {
		return err
	}
	st := t.state
	st.Journal = radio.NewID[radio.JournalID]()
	st.Head, st.Acked, st.Base = 0, 0, 0
	st.Hash = trust.FirstHash(st.Journal)
	st.BaseHash = st.Hash
	for _, r := range records {
		if _, err := t.link(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) forgetAll(kinds ...byte) error {
	for _, kind := range kinds {
		c := t.Cursor()
		for k, _ := c.Seek([]byte{kind}); k != nil && k[0] == kind; k, _ = c.Seek([]byte{kind}) {
			if err := c.Delete(); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave gives up a handle. After an interrupted call bbolt's locks may be held for
// ever, so the handle is left alone; the file it has open is replaced, not reused.
func (s *Store) leave(db *bolt.DB, why error) {
	var bad *damage
	if db == nil || (errors.As(why, &bad) && bad.stuck) {
		return
	}
	if err := guard(db.Close); err != nil {
		s.log.Warn("damaged journal not closed", "error", err)
	}
}

// mend sets the damaged file aside and puts a new journal in its place, with what
// could be read. A power cut in between leaves the damaged file or the new one.
func (s *Store) mend(why *damage) error {
	s.leave(s.db, why)
	s.db = nil
	s.log.Error("journal file is damaged, rescuing what can be read", "error", why.why)
	f, _, err := readImage(s.path)
	if err != nil {
		return fmt.Errorf("rescue the journal: %w", err)
	}
	found := salvageFrom(f)
	fresh := s.path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rescue the journal: %w", err)
	}
	if err := guard(func() error { return found.write(fresh) }); err != nil {
		return fmt.Errorf("rescue the journal: %w", err)
	}
	r := Rescue{Why: why.why, SetAside: s.setAside(f), Records: len(found.records),
		Documents: found.count(keyDocument), Identity: found.values[string(key(keyKept, keptIdentity))].data != nil}
	if err := os.Rename(fresh, s.path); err != nil {
		return fmt.Errorf("rescue the journal: %w", err)
	}
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("rescue the journal: %w", err)
	}
	if err := s.try(); err != nil {
		return fmt.Errorf("open the rescued journal: %w", err)
	}
	s.rescue, s.untold = &r, true
	s.log.Warn("a new journal begins after damage", "journal", string(s.state.Journal), "records", r.Records,
		"documents", r.Documents, "identity", r.Identity, "damaged", r.SetAside)
	s.signal()
	return nil
}

// setAside writes the damaged file under a name with the time; the rescue goes on
// without it when there is no room.
func (s *Store) setAside(f image) string {
	old, err := filepath.Glob(s.path + ".damaged-*")
	if err == nil {
		slices.Sort(old)
		for _, name := range old[:max(0, len(old)-keptCopies+1)] {
			if err := os.Remove(name); err != nil {
				s.log.Warn("old damaged journal not removed", "error", err)
			}
		}
	}
	name := s.path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000")
	if err := os.WriteFile(name, f, 0o600); err != nil {
		s.log.Warn("damaged journal not set aside", "error", err)
		return ""
	}
	return name
}

// tellRescue writes the fault into the new journal once it can stamp records: it is
// opened by the damage and closed by the rescue. It needs mu.
func (s *Store) tellRescue() error {
	if !s.untold || s.clock == nil {
		return nil
	}
	r := *s.rescue
	text := fmt.Sprintf("journal file was damaged (%s); %d unacknowledged records and %d documents carried over, identity kept: %t",
		r.Why, r.Records, r.Documents, r.Identity)
	s.untold = false
	return s.attempt(true, func(t *tx) error {
		for _, opened := range []bool{true, false} {
			if _, err := s.append(t, radio.Record{Kind: radio.RecordFault,
				Fault: &radio.FaultRecord{Code: "journal", Open: opened, Text: text}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// readImage reads the whole file past pages that give an error, which count as
// empty; bad is their number.
func readImage(path string) (f image, bad int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	f = make(image, info.Size())
	if _, err := io.ReadFull(file, f); err == nil {
		return f, 0, nil
	}
	for at := 0; at < len(f); at += pageSize {
		p := f[at:min(at+pageSize, len(f))]
		if _, err := file.ReadAt(p, int64(at)); err != nil {
			clear(p)
			bad++
		}
	}
	return f, bad, nil
}

// syncFolder makes a rename outlive a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
