package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/radio"
)

// Shelf keeps which months were archived, and forgets what was.
type Shelf interface {
	ArchivedMonths(ctx context.Context) ([]radio.ArchivedMonth, error)
	BeginArchive(ctx context.Context, a radio.ArchivedMonth) error
	FinishArchive(ctx context.Context, a radio.ArchivedMonth) error
	// ForgetJournal drops the records up to seq upto, whose link is given; payloads are
	// those of batches that reach back over them.
	ForgetJournal(ctx context.Context, ref radio.JournalRef, upto uint64, link [32]byte, payloads map[uint64][]byte) error
	MonthDevices(ctx context.Context, month string) ([]radio.DeviceID, error)
	ForgetRows(ctx context.Context, month string, device radio.DeviceID) error
}

// Archiver moves months out of the database that are older than the log keeps: to a
// bundle in a folder, which is read back and proven before anything goes. Whatever cuts
// it short, the next run goes on: what has gone stands in the file.
type Archiver struct {
	keeper *Keeper
	shelf  Shelf
	dir    string
	months int
	// source reads the keys anew, and says which root and authority are this centre's own.
	source func(ctx context.Context) (Source, Options, error)
}

// ArchiveMonths lets the Keeper move months to a folder that ended so many months ago.
func (k *Keeper) ArchiveMonths(shelf Shelf, dir string, months int, source func(ctx context.Context) (Source, Options, error)) *Archiver {
	k.shelf = &Archiver{keeper: k, shelf: shelf, dir: dir, months: months, source: source}
	return k.shelf
}

// Due archives the oldest month whose time has come; one a run, so that a run is bounded.
func (a *Archiver) Due(ctx context.Context) error {
	if a.months == 0 {
		return nil
	}
	month, begun, err := a.next(ctx)
	if err != nil || month == "" {
		return err
	}
	if err := a.archive(ctx, month, begun); err != nil {
		return fmt.Errorf("archive month %s: %w", month, err)
	}
	return nil
}

// next is the month to archive, and the mark of one that was begun.
func (a *Archiver) next(ctx context.Context) (string, radio.ArchivedMonth, error) {
	archived, err := a.shelf.ArchivedMonths(ctx)
	if err != nil {
		return "", radio.ArchivedMonth{}, err
	}
	last := ""
	for _, m := range archived {
		if m.DoneAt == 0 {
			return m.Month, m, nil
		}
		last = m.Month
	}
	closed, err := a.keeper.closer.months.ClosedMonths(ctx)
	if err != nil {
		return "", radio.ArchivedMonth{}, err
	}
	parts, err := a.keeper.closer.months.LogParts(ctx)
	if err != nil || len(parts) == 0 {
		return "", radio.ArchivedMonth{}, err
	}
	now := a.keeper.now().In(a.keeper.zone)
	oldest := time.Date(now.Year(), now.Month()-time.Month(a.months), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	for _, m := range closed {
		if m.Month <= last || m.Month >= oldest || len(m.Envelope) == 0 {
			continue
		}
		first, err := checkMonth(m.Month)
		if err != nil {
			return "", radio.ArchivedMonth{}, err
		}
		if before := first.AddDate(0, -1, 0); parts[0] < int64(before.Year())*100+int64(before.Month()) {
			return "", radio.ArchivedMonth{}, fmt.Errorf("%w: month %s cannot be archived before older ones, which are not closed", radio.ErrConflict, m.Month)
		}
		return m.Month, radio.ArchivedMonth{}, nil
	}
	return "", radio.ArchivedMonth{}, nil
}

func (a *Archiver) archive(ctx context.Context, month string, begun radio.ArchivedMonth) error {
	first, err := checkMonth(month)
	if err != nil {
		return err
	}
	s, opts, err := a.source(ctx)
	if err != nil {
		return err
	}
	choice, err := Choice{From: radio.DateOf(first), To: radio.DateOf(first.AddDate(0, 1, -1)), MadeAt: radio.At(a.keeper.now())}.Days(a.keeper.zone)
	if err != nil {
		return err
	}
	choice.FromAt = 0 // records from before, of which no row tells, go with the first month
	if begun.Month == "" {
		if begun, err = a.write(ctx, s, opts, choice, month); err != nil {
			return err
		}
	} else if err := a.same(begun); err != nil {
		return err
	}
	if err := a.forget(ctx, s, choice, month); err != nil {
		return err
	}
	begun.DoneAt = radio.At(a.keeper.now())
	if err := a.shelf.FinishArchive(ctx, begun); err != nil {
		return err
	}
	a.keeper.log.Info("month archived", "month", month, "file", begun.File, "bytes", begun.Bytes, "sha256", begun.SHA256)
	return nil
}

// write makes the file, reads it back and proves it.
func (a *Archiver) write(ctx context.Context, s Source, opts Options, c Choice, month string) (radio.ArchivedMonth, error) {
	m := radio.ArchivedMonth{Month: month, File: month + ".jsonl.gz"}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return m, err
	}
	path := filepath.Join(a.dir, m.File)
	if err := writeWhole(path, func(w io.Writer) error {
		out := NewWriter(w)
		return errors.Join(s.Walk(ctx, c, out.Take), out.Close())
	}); err != nil {
		return m, err
	}
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	sum := sha256.New()
	rep, err := Bundle(func(take func(Item) error) error { return Read(io.TeeReader(f, sum), take) }, opts)
	if err == nil {
		_, err = io.Copy(sum, f)
	}
	info, err2 := f.Stat()
	if err := errors.Join(err, err2, f.Close()); err != nil {
		return m, err
	}
	if !rep.OK() {
		return m, fmt.Errorf("%w: the archive does not hold, nothing goes from the database: %d wrong, the first is %s", radio.ErrConflict, rep.Bad, rep.Findings[0])
	}
	m.SHA256, m.Bytes, m.VerifiedAt = hex.EncodeToString(sum.Sum(nil)), info.Size(), radio.At(a.keeper.now())
	return m, a.shelf.BeginArchive(ctx, m)
}

// same says whether the file is still the one that was proven.
func (a *Archiver) same(m radio.ArchivedMonth) error {
	f, err := os.Open(filepath.Join(a.dir, m.File))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is gone, of which rows have left the database: put it back", radio.ErrConflict, m.File)
	}
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != m.SHA256 {
		return fmt.Errorf("%w: %s is not the file that was proven: put it back", radio.ErrConflict, m.File)
	}
	return nil
}

// writeWhole writes a file, which is there whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// forget drops what stands in the file, a journal and a device at a time: neither ingest
// nor a page waits long.
func (a *Archiver) forget(ctx context.Context, s Source, c Choice, month string) error {
	devices, err := s.Store.JournalDevices(ctx)
	if err != nil {
		return err
	}
	for _, d := range devices {
		journals, err := s.Store.Journals(ctx, d)
		if err != nil {
			return err
		}
		for _, j := range journals {
			if err := a.forgetJournal(ctx, s, c, j); err != nil {
				return err
			}
		}
	}
	if devices, err = a.shelf.MonthDevices(ctx, month); err != nil {
		return err
	}
	for _, d := range devices {
		if err := a.shelf.ForgetRows(ctx, month, d); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archiver) forgetJournal(ctx context.Context, s Source, c Choice, j radio.KeptJournal) error {
	in, err := s.cut(ctx, c, j)
	if err != nil || in.upto <= in.after {
		return err
	}
	last, err := s.Store.JournalRecords(ctx, j.JournalRef, in.upto-1, 1)
	if err != nil || len(last) == 0 || last[0].Seq != in.upto {
		return err
	}
	payloads := map[uint64][]byte{}
	for from := in.upto + 1; ; {
		list, err := s.Store.JournalBatches(ctx, j.JournalRef, from, page)
		if err != nil {
			return err
		}
		over := 0
		for _, b := range list {
			from = b.New + 1
			if b.First > in.upto || b.Payload != nil {
				continue
			}
			over++
			payload, err := s.payload(ctx, b)
			if err != nil {
				return err
			}
			if payload == nil {
				continue // its records are missing, which verify names
			}
			payloads[b.New] = payload
		}
		if len(list) < page || over == 0 {
			break
		}
	}
	return a.shelf.ForgetJournal(ctx, j.JournalRef, in.upto, last[0].Link, payloads)
}
