package library

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// fakeUse says what is used, and does something the moment it is asked.
type fakeUse struct {
	renditions, originals []radio.SHA256
	asked                 func()
	err                   error
	notes                 []int
}

func (u *fakeUse) AudioInUse(context.Context) ([]radio.SHA256, []radio.SHA256, error) {
	if u.asked != nil {
		u.asked()
	}
	return u.renditions, u.originals, u.err
}

func (u *fakeUse) NoteSweep(_ context.Context, files int, _ int64, _ radio.Millis) error {
	u.notes = append(u.notes, files)
	return nil
}

// sweepBench keeps audio a: source, main and light of each of three names.
type sweepBench struct {
	*Sweeper
	t     *testing.T
	dir   string
	use   *fakeUse
	files *Files
}

func newSweepBench(t *testing.T, names ...string) *sweepBench {
	t.Helper()
	b := &sweepBench{t: t, dir: t.TempDir(), use: &fakeUse{}}
	b.files = NewFiles(b.dir)
	for _, n := range names {
		b.put(n)
	}
	b.Sweeper = NewSweeper(b.files, b.use, func() time.Time { return time.Now().Add(time.Minute) }, slog.New(slog.DiscardHandler))
	return b
}

func (b *sweepBench) put(name string) {
	b.t.Helper()
	if err := b.files.Put(b.t.Context(), prepared(b.t, []byte(name+" source"), []byte(name+" main"), []byte(name+" light"))); err != nil {
		b.t.Fatal(err)
	}
}

func (b *sweepBench) path(name, part string) string {
	dir := b.dir
	if part == "source" {
		dir = filepath.Join(dir, originals)
	}
	return place(dir, hashOf([]byte(name+" "+part)))
}

// old makes all of a name's files, or one file, as old as the grace.
func (b *sweepBench) old(paths ...string) {
	b.t.Helper()
	for _, p := range paths {
		then := time.Now().Add(-sweepGrace)
		if err := os.Chtimes(p, then, then); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *sweepBench) all(name string) []string {
	return []string{b.path(name, "source"), b.path(name, "main"), b.path(name, "light")}
}

func (b *sweepBench) uses(name string) {
	b.use.originals = append(b.use.originals, hashOf([]byte(name+" source")))
	b.use.renditions = append(b.use.renditions, hashOf([]byte(name+" main")), hashOf([]byte(name+" light")))
}

// sweep expects so many files to go, and what is left to be whole files of the names.
func (b *sweepBench) sweep(want int, left ...string) {
	b.t.Helper()
	got, err := b.Sweep(b.t.Context())
	if err != nil || got.Files != want {
		b.t.Errorf("swept %+v, %v; want %d files", got, err, want)
	}
	var paths []string
	for _, n := range left {
		for _, p := range b.all(n) {
			paths = append(paths, strings.TrimPrefix(p, b.dir+"/"))
		}
	}
	slices.Sort(paths)
	have := tree(b.t, b.dir)
	slices.Sort(have)
	if !slices.Equal(have, paths) {
		b.t.Errorf("left %q, want %q", have, paths)
	}
}

// A review found it: the audio of deleted drafts stayed on the disk for ever.
func TestSweep(t *testing.T) {
	b := newSweepBench(t, "used", "given up", "young")
	b.uses("used")
	b.old(b.all("used")...)
	b.old(b.all("given up")...)
	half := filepath.Join(filepath.Dir(b.path("used", "main")), incomingPrefix+"123")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.old(half)
	b.sweep(4, "used", "young")
	b.sweep(0, "used", "young")
	if !slices.Equal(b.use.notes, []int{4}) {
		t.Errorf("audited %v", b.use.notes)
	}
	// The same bytes can be an original and a rendition: each is looked at for itself.
	b.use.renditions = nil
	b.use.originals = append(b.use.originals, hashOf([]byte("used main")))
	b.old(b.all("used")...)
	if got, err := b.Sweep(t.Context()); err != nil || got.Files != 2 {
		t.Errorf("swept %+v, %v", got, err)
	}
}

// Without knowing what is used nothing goes.
func TestSweepKnowsOrKeeps(t *testing.T) {
	b := newSweepBench(t, "a")
	b.old(b.all("a")...)
	b.use.err = errors.New("no database")
	if got, err := b.Sweep(t.Context()); err == nil || got.Files != 0 {
		t.Errorf("swept %+v, %v", got, err)
	}
	b.use.err = nil
	gone, cancel := context.WithCancel(t.Context())
	b.use.asked = cancel
	if got, err := b.Sweep(gone); !errors.Is(err, context.Canceled) || got.Files != 0 {
		t.Errorf("cut off: %+v, %v", got, err)
	}
	if left := tree(t, b.dir); len(left) != 3 {
		t.Errorf("left %q", left)
	}
}

// Audio that is placed again while the sweep runs stays, and so does what a draft has just
// given up.
func TestSweepDuringPlacing(t *testing.T) {
	b := newSweepBench(t, "again", "given up now", "old")
	for _, n := range []string{"again", "given up now", "old"} {
		b.old(b.all(n)...)
	}
	b.use.asked = func() {
		b.put("again")
		if err := b.files.Touch(keptOf(radio.Bulletin{SourceSHA256: hashOf([]byte("given up now source")), Renditions: []radio.Rendition{
			{SHA256: hashOf([]byte("given up now main"))}, {SHA256: hashOf([]byte("given up now light"))}, {SHA256: hashOf([]byte("nowhere"))}}})...); err != nil {
			t.Error(err)
		}
	}
	b.sweep(3, "again", "given up now")
}

// TestSweepAfterACrash: the centre died between putting a file aside and removing it.
func TestSweepAfterACrash(t *testing.T) {
	b := newSweepBench(t, "unused", "wanted again", "placed again")
	for _, n := range []string{"unused", "wanted again", "placed again"} {
		b.old(b.all(n)...)
		for _, p := range b.all(n) {
			if err := os.Rename(p, filepath.Join(filepath.Dir(p), asidePrefix+filepath.Base(p))); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.uses("wanted again") // a restored backup, for one
	b.put("placed again")
	b.uses("placed again")
	b.sweep(3, "wanted again", "placed again")
	for _, n := range []string{"wanted again", "placed again"} {
		f, size, err := b.files.Open(hashOf([]byte(n + " main")))
		if err != nil || size != int64(len(n+" main")) {
			t.Fatalf("%s: %d bytes, %v", n, size, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
