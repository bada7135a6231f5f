package library

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// UploadLimits bound what lies half-sent in the work folder.
type UploadLimits struct {
	Bytes     int64         // of one upload
	Open      int           // uploads of one person
	OpenBytes int64         // declared by one person's uploads together
	AllBytes  int64         // declared by everybody's together
	Life      time.Duration // of an upload, however far it came
}

// DefaultUploadLimits fit a person who sends a day's bulletins over a poor link.
func DefaultUploadLimits() UploadLimits {
	return UploadLimits{Bytes: 200 << 20, Open: 5, OpenBytes: 1 << 30, AllBytes: 20 << 30, Life: 24 * time.Hour}
}

// Uploads takes files in pieces, so that a broken link costs the last piece and not all
// (tus 1.0.0 is the protocol above it, in web). Each upload is two files in a folder:
// what came so far, and a note of whose it is; so it survives a restart of the centre,
// and its offset is simply the length of the file. Nothing comes of a finished upload
// by itself: the desk reads it when its form names it.
type Uploads struct {
	dir    string
	limits UploadLimits
	now    func() time.Time
	log    *slog.Logger

	mu sync.Mutex
	// writers are the requests that write now, one for each upload.
	writers map[string]*writer
}

// writer is a request that writes an upload.
type writer struct{ heard time.Time }

// writerSilent is when a writer that brings nothing counts as hung on a dead link, which
// its sender notices long before the centre does: then another may take its place.
const writerSilent = 15 * time.Second

// NewUploads keeps uploads below dir, which is made when it is missing.
func NewUploads(dir string, limits UploadLimits, now func() time.Time, log *slog.Logger) *Uploads {
	return &Uploads{dir: dir, limits: limits, now: now, log: log, writers: map[string]*writer{}}
}

// uploadNote is the second file of an upload.
type uploadNote struct {
	radio.Upload
	Person radio.UserID `json:"person"`
}

func (u *Uploads) data(id string) string { return filepath.Join(u.dir, id+".part") }
func (u *Uploads) note(id string) string { return filepath.Join(u.dir, id+".json") }

// Create opens an upload of so many bytes. ErrInvalid for a length that cannot be,
// ErrConflict when the person, or the house, has too much open already.
func (u *Uploads) Create(_ context.Context, by radio.UserID, length int64, name, metadata string) (radio.Upload, error) {
	if length < 1 || length > u.limits.Bytes {
		var e radio.Invalid
		e.Add("audio", fmt.Sprintf("tệp phải có từ 1 byte đến %d MB", u.limits.Bytes>>20), fmt.Sprintf("an upload has 1 byte to %d MB", u.limits.Bytes>>20))
		return radio.Upload{}, e.Err()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return radio.Upload{}, fmt.Errorf("make the folder of uploads: %w", err)
	}
	all, err := u.notes()
	if err != nil {
		return radio.Upload{}, err
	}
	count, own, total := 0, length, length
	for _, n := range all {
		if radio.At(u.now()) >= n.ExpiresAt {
			u.remove(n.ID)
			continue
		}
		total += n.Length
		if n.Person == by {
			count++
			own += n.Length
		}
	}
	switch {
	case count >= u.limits.Open || own > u.limits.OpenBytes:
		return radio.Upload{}, &radio.UploadQuota{Open: count, Limit: u.limits.Open}
	case total > u.limits.AllBytes:
		return radio.Upload{}, fmt.Errorf("%w: too many uploads are open; try again later", radio.ErrUnavailable)
	}
	at := radio.At(u.now())
	n := uploadNote{Person: by, Upload: radio.Upload{ID: radio.NewID[string](), Name: cleanName(name), Metadata: metadata, Length: length, CreatedAt: at, ExpiresAt: at.Add(u.limits.Life)}}
	if err := u.keep(n); err != nil {
		u.remove(n.ID)
		return radio.Upload{}, fmt.Errorf("open an upload: %w", err)
	}
	return n.Upload, nil
}

// cleanName keeps of a file's name what can be shown; it names nothing on disk.
func cleanName(name string) string {
	name = radio.TidyLine(strings.ToValidUTF8(name, ""))
	name = strings.Map(func(r rune) rune {
		if radio.NoText(r) {
			return -1
		}
		return r
	}, name)
	if r := []rune(name); len(r) > 200 {
		name = string(r[:200])
	}
	return name
}

// keep writes the two files of a new upload to the disk.
func (u *Uploads) keep(n uploadNote) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := writeSynced(u.data(n.ID), nil); err != nil {
		return err
	}
	if err := writeSynced(u.note(n.ID), text); err != nil {
		return err
	}
	return syncFolder(u.dir)
}

func writeSynced(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// find reads the note of a person's upload that has not expired; ErrNotFound for any
// other, so that nobody learns of another person's.
func (u *Uploads) find(id string, by radio.UserID) (uploadNote, error) {
	unknown := fmt.Errorf("upload: %w", radio.ErrNotFound)
	if !radio.ValidID(id) {
		return uploadNote{}, unknown
	}
	n, err := u.read(id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return n, unknown
	case err != nil:
		return n, err
	case n.Person != by || radio.At(u.now()) >= n.ExpiresAt:
		return n, unknown
	}
	return n, nil
}

func (u *Uploads) read(id string) (n uploadNote, err error) {
	text, err := os.ReadFile(u.note(id))
	if err != nil {
		return n, fmt.Errorf("read the note of an upload: %w", err)
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return n, fmt.Errorf("read the note of upload %s: %w", id, err)
	}
	info, err := os.Stat(u.data(id))
	if err != nil {
		return n, fmt.Errorf("look at upload %s: %w", id, err)
	}
	n.Offset = info.Size()
	return n, nil
}

// Find says how far a person's upload has come. What it says is on the disk.
func (u *Uploads) Find(_ context.Context, id string, by radio.UserID) (radio.Upload, error) {
	n, err := u.find(id, by)
	if err != nil {
		return radio.Upload{}, err
	}
	// A writer that hangs may have left bytes that no answer has told of yet.
	f, err := os.OpenFile(u.data(id), os.O_RDWR, 0)
	if err != nil {
		return radio.Upload{}, fmt.Errorf("look at upload %s: %w", id, err)
	}
	return n.Upload, errors.Join(f.Sync(), f.Close())
}

// List gives a person's open uploads, the newest first.
func (u *Uploads) List(_ context.Context, by radio.UserID) ([]radio.Upload, error) {
	all, err := u.notes()
	if err != nil {
		return nil, err
	}
	out := []radio.Upload{}
	for _, n := range all {
		if n.Person == by && radio.At(u.now()) < n.ExpiresAt {
			out = append(out, n.Upload)
		}
	}
	slices.SortFunc(out, func(a, b radio.Upload) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return out, nil
}

// notes reads every note there is; one that cannot be read is left to Clean.
func (u *Uploads) notes() ([]uploadNote, error) {
	names, err := filepath.Glob(filepath.Join(u.dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	var out []uploadNote
	for _, name := range names {
		n, err := u.read(strings.TrimSuffix(filepath.Base(name), ".json"))
		if err != nil {
			u.log.Warn("upload cannot be read", "file", name, "error", err)
			continue
		}
		out = append(out, n)
	}
	return out, nil
}

// pieceBytes is how much is read of a sender before it is written.
const pieceBytes = 64 << 10

// Append writes a piece at offset, which must be where the upload ends (ErrConflict
// otherwise), and gives the upload as it then is, on the disk. What came before a link
// broke is kept: the error goes with the new offset. While one writes another is refused
// (*radio.UploadLocked), unless the one hangs: then it loses its place for good.
func (u *Uploads) Append(ctx context.Context, id string, by radio.UserID, offset int64, piece io.Reader) (got radio.Upload, err error) {
	n, err := u.find(id, by)
	if err != nil {
		return radio.Upload{}, err
	}
	me, err := u.begin(id)
	if err != nil {
		return n.Upload, err
	}
	defer u.end(id, me)
	f, err := os.OpenFile(u.data(id), os.O_WRONLY, 0)
	if err != nil {
		return n.Upload, fmt.Errorf("write upload %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, pieceBytes)
	for {
		k, readErr := piece.Read(buf)
		if k > 0 {
			if err := u.put(f, id, me, offset, n.Length, buf[:k]); err != nil {
				return n.Upload, err
			}
			offset += int64(k)
		}
		if readErr == nil && ctx.Err() == nil {
			continue
		}
		if k == 0 { // nothing was put, so nothing was checked
			if err := u.put(f, id, me, offset, n.Length, nil); err != nil {
				return n.Upload, err
			}
		}
		if err := f.Sync(); err != nil {
			return n.Upload, fmt.Errorf("bring upload %s to the disk: %w", id, err)
		}
		n.Offset = offset
		if errors.Is(readErr, io.EOF) {
			readErr = nil
		}
		return n.Upload, cmp.Or(readErr, ctx.Err())
	}
}

// begin makes a new writer of an upload, in place of one that hangs.
func (u *Uploads) begin(id string) (*writer, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if other := u.writers[id]; other != nil && now.Sub(other.heard) < writerSilent {
		return nil, &radio.UploadLocked{}
	}
	me := &writer{heard: now}
	u.writers[id] = me
	return me, nil
}

func (u *Uploads) end(id string, me *writer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writers[id] == me {
		delete(u.writers, id)
	}
}

// put writes at the end of the file, if that is where the writer thinks it is and nobody
// took its place.
func (u *Uploads) put(f *os.File, id string, me *writer, offset, length int64, piece []byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at upload %s: %w", id, err)
	}
	switch {
	case u.writers[id] != me:
		return &radio.UploadLocked{}
	case info.Size() != offset:
		return fmt.Errorf("%w: the upload stands at %d, not at %d", radio.ErrConflict, info.Size(), offset)
	case offset+int64(len(piece)) > length:
		var e radio.Invalid
		e.Add("audio", fmt.Sprintf("gửi quá %d byte đã khai", length), fmt.Sprintf("more than the %d bytes declared", length))
		return e.Err()
	}
	me.heard = u.now()
	if _, err := f.WriteAt(piece, offset); err != nil {
		return fmt.Errorf("write upload %s: %w", id, err)
	}
	return nil
}

// Open gives a finished upload to be read; ErrConflict while it lacks a part.
func (u *Uploads) Open(_ context.Context, id string, by radio.UserID) (io.ReadCloser, error) {
	n, err := u.find(id, by)
	if err != nil {
		return nil, err
	}
	if n.Offset != n.Length {
		return nil, fmt.Errorf("%w: %d of %d bytes have come", radio.ErrConflict, n.Offset, n.Length)
	}
	f, err := os.Open(u.data(id))
	if err != nil {
		return nil, fmt.Errorf("open upload %s: %w", id, err)
	}
	return f, nil
}

// Delete drops a person's upload.
func (u *Uploads) Delete(_ context.Context, id string, by radio.UserID) error {
	if _, err := u.find(id, by); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.remove(id)
	return nil
}

// remove forgets an upload; the caller holds the lock. The note goes last: while it is
// there Clean finds what is left.
func (u *Uploads) remove(id string) {
	delete(u.writers, id) // whoever still writes is told so
	for _, path := range []string{u.data(id), u.note(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			u.log.Warn("upload left behind", "file", path, "error", err)
		}
	}
}

// cleanEvery is how often Run looks for what expired.
const cleanEvery = 10 * time.Minute

// Run drops expired uploads until ctx ends.
func (u *Uploads) Run(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		u.Clean()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Clean drops what expired, and files without their other half that are older than an
// upload lives.
func (u *Uploads) Clean() {
	u.mu.Lock()
	defer u.mu.Unlock()
	entries, err := os.ReadDir(u.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		u.log.Warn("uploads cannot be listed", "error", err)
	}
	now := u.now()
	for _, e := range entries {
		id := strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".json"), ".part")
		n, err := u.read(id)
		if err == nil {
			if radio.At(now) >= n.ExpiresAt {
				u.log.Info("upload expired", "upload", id, "bytes", n.Offset)
				u.remove(id)
			}
			continue
		}
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > u.limits.Life {
			u.remove(id)
		}
	}
}
