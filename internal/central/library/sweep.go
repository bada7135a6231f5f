package library

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loaxa/internal/radio"
)

const (
	// sweepGrace: a file is kept for so long after it was last needed. Its modification
	// time says when that was: it is set when the file is placed, placed again, and when a
	// draft gives it up. So a backup that began before has its time, and audio that is
	// placed already while its row is not written yet is safe.
	sweepGrace = 24 * time.Hour
	sweepEvery = 6 * time.Hour
	// asidePrefix marks a file that is about to be removed.
	asidePrefix = ".gone-"
	// incomingPrefix marks a file that is being written.
	incomingPrefix = ".incoming-"
)

// Swept is what a sweep removed.
type Swept struct {
	Files int
	Bytes int64
}

// InUse says which audio is needed (store).
type InUse interface {
	// AudioInUse lists the hashes that any version of any bulletin refers to.
	AudioInUse(ctx context.Context) (renditions, originals []radio.SHA256, err error)
	// NoteSweep leaves an entry in the audit.
	NoteSweep(ctx context.Context, files int, bytes int64, at radio.Millis) error
}

// Sweeper removes audio that no bulletin refers to any more: of deleted drafts, of drafts
// whose audio was replaced, and of what was given up before it became a draft.
type Sweeper struct {
	files *Files
	inUse InUse
	now   func() time.Time
	log   *slog.Logger
}

// NewSweeper stores what it is given.
func NewSweeper(files *Files, inUse InUse, now func() time.Time, log *slog.Logger) *Sweeper {
	return &Sweeper{files: files, inUse: inUse, now: now, log: log}
}

// Run sweeps until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("sweep the audio", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// leftover is a file that may go.
type leftover struct {
	kept  Kept
	path  string
	aside bool // an earlier sweep was cut off over it
}

// Sweep looks once. What it removed is in the log and in the audit.
func (s *Sweeper) Sweep(ctx context.Context) (got Swept, err error) {
	old := s.now().Add(-sweepGrace)
	found, err := s.leftovers(ctx, old)
	if err != nil || len(found) == 0 {
		return got, err
	}
	// Asked after the files were looked at: whatever is placed later is younger than old.
	renditions, originals, err := s.inUse.AudioInUse(ctx)
	if err != nil {
		return got, err
	}
	used := make(map[Kept]bool, len(renditions)+len(originals))
	for _, sha := range renditions {
		used[Kept{SHA256: sha}] = true
	}
	for _, sha := range originals {
		used[Kept{SHA256: sha, Original: true}] = true
	}
	for _, l := range found {
		if err = ctx.Err(); err != nil {
			break
		}
		var bytes int64
		if bytes, err = s.files.discard(l, used[l.kept], old); err != nil {
			break
		}
		if bytes >= 0 {
			got.Files++
			got.Bytes += bytes
		}
	}
	if got.Files > 0 {
		s.log.Info("audio swept that no bulletin refers to", "files", got.Files, "bytes", got.Bytes)
		// Also when the sweep was cut off: what is gone is gone.
		err = errors.Join(err, s.inUse.NoteSweep(context.WithoutCancel(ctx), got.Files, got.Bytes, radio.At(s.now())))
	}
	return got, err
}

// leftovers lists what has not been needed since old, and what earlier work left behind.
func (s *Sweeper) leftovers(ctx context.Context, old time.Time) (out []leftover, err error) {
	for _, original := range []bool{false, true} {
		root := s.files.folder(Kept{Original: original})
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // nothing was kept yet, or it went meanwhile
			case err != nil:
				return err
			case d.IsDir() && !original && path == filepath.Join(root, originals):
				return fs.SkipDir
			case !d.Type().IsRegular():
				return ctx.Err()
			}
			name, aside := strings.CutPrefix(d.Name(), asidePrefix)
			l := leftover{kept: Kept{SHA256: radio.SHA256(name), Original: original}, path: path, aside: aside}
			info, err := d.Info()
			if err != nil {
				return nil // it went meanwhile
			}
			half := strings.HasPrefix(name, incomingPrefix)
			whole := l.kept.SHA256.Valid() && filepath.Dir(path) == filepath.Dir(place(root, l.kept.SHA256))
			if (half || whole) && (aside || info.ModTime().Before(old)) {
				out = append(out, l)
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// discard removes a leftover, unless it is used or was needed after old: it is put aside,
// looked at once more, and only then removed. So somebody who places the same audio at
// this moment either finds nothing and writes it anew, or has said so by its time, and it
// comes back. It gives the bytes removed, -1 for none.
func (s *Files) discard(l leftover, used bool, old time.Time) (int64, error) {
	folder := filepath.Dir(l.path)
	aside := l.path
	if !l.aside {
		if used {
			return -1, nil
		}
		aside = filepath.Join(folder, asidePrefix+filepath.Base(l.path))
		if err := os.Rename(l.path, aside); errors.Is(err, fs.ErrNotExist) {
			return -1, nil
		} else if err != nil {
			return -1, err
		}
	}
	info, err := os.Stat(aside)
	if err != nil {
		return -1, err
	}
	if used || !info.ModTime().Before(old) {
		to := filepath.Join(folder, strings.TrimPrefix(filepath.Base(aside), asidePrefix))
		if err := os.Link(aside, to); err != nil && !errors.Is(err, fs.ErrExist) {
			return -1, err
		}
		return -1, errors.Join(os.Remove(aside), syncFolder(folder))
	}
	return info.Size(), errors.Join(os.Remove(aside), syncFolder(folder))
}

// Touch says that the files are needed now, so that they outlive what refers to them for
// a while. One that is not there is passed over.
func (s *Files) Touch(files ...Kept) error {
	for _, k := range files {
		if !k.SHA256.Valid() {
			continue
		}
		if err := touch(place(s.folder(k), k.SHA256)); err != nil {
			return err
		}
	}
	return nil
}

func touch(path string) error {
	err := os.Chtimes(path, time.Time{}, time.Now())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keptOf are the files of a bulletin's version.
func keptOf(b radio.Bulletin) []Kept {
	out := []Kept{{SHA256: b.SourceSHA256, Original: true}}
	for _, r := range b.Renditions {
		out = append(out, Kept{SHA256: r.SHA256})
	}
	return out
}
