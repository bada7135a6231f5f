package library

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"loaxa/internal/radio"
)

type uploadBench struct {
	*Uploads
	t     *testing.T
	dir   string
	mu    sync.Mutex // over clock where two write
	clock time.Time
}

func newUploads(t *testing.T) *uploadBench {
	t.Helper()
	b := &uploadBench{t: t, dir: filepath.Join(t.TempDir(), "uploads"), clock: time.Now()}
	b.restart()
	return b
}

// restart is the same folder under a new process.
func (b *uploadBench) restart() {
	limits := UploadLimits{Bytes: 1000, Open: 3, OpenBytes: 2000, AllBytes: 4000, Life: 24 * time.Hour}
	b.Uploads = NewUploads(b.dir, limits, b.now, slog.New(slog.DiscardHandler))
}

func (b *uploadBench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *uploadBench) wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func (b *uploadBench) create(by radio.UserID, length int64) radio.Upload {
	b.t.Helper()
	u, err := b.Create(b.t.Context(), by, length, "tin.mp3", "")
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

func (b *uploadBench) append(id string, by radio.UserID, offset int64, piece io.Reader, want int64, kind error) {
	b.t.Helper()
	got, err := b.Append(b.t.Context(), id, by, offset, piece)
	if !errors.Is(err, kind) || (kind == nil && err != nil) {
		b.t.Errorf("append at %d: %v, want %v", offset, err, kind)
	}
	if at, err := b.Find(b.t.Context(), id, by); err != nil || at.Offset != want || (kind == nil && got.Offset != want) {
		b.t.Errorf("append at %d: stands at %d (said %d), %v; want %d", offset, at.Offset, got.Offset, err, want)
	}
}

func (b *uploadBench) files() (names []string) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestUploadInPieces(t *testing.T) {
	b := newUploads(t)
	u := b.create("lan", 10)
	if !radio.ValidID(u.ID) || u.Offset != 0 || u.Length != 10 || u.ExpiresAt != radio.At(b.clock).Add(24*time.Hour) {
		t.Errorf("created %+v", u)
	}
	b.append(u.ID, "lan", 0, strings.NewReader("abc"), 3, nil)
	b.restart()
	b.append(u.ID, "lan", 3, strings.NewReader("def"), 6, nil)
	b.append(u.ID, "lan", 3, strings.NewReader("XXX"), 6, radio.ErrConflict) // sent twice
	b.append(u.ID, "lan", 7, strings.NewReader("XXX"), 6, radio.ErrConflict) // a hole
	b.append(u.ID, "lan", -1, strings.NewReader("X"), 6, radio.ErrConflict)
	b.append(u.ID, "lan", 5, strings.NewReader(""), 6, radio.ErrConflict) // nothing, at the wrong place
	broken := errors.New("link broken")
	b.append(u.ID, "lan", 6, io.MultiReader(strings.NewReader("g"), iotest.ErrReader(broken)), 7, broken)
	if _, err := b.Open(t.Context(), u.ID, "lan"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("opened unfinished: %v", err)
	}
	b.append(u.ID, "lan", 7, strings.NewReader("hijk"), 7, radio.ErrInvalid) // one too many
	b.append(u.ID, "lan", 7, iotest.OneByteReader(strings.NewReader("hij")), 10, nil)
	b.append(u.ID, "lan", 10, strings.NewReader(""), 10, nil)
	b.append(u.ID, "lan", 10, strings.NewReader("k"), 10, radio.ErrInvalid)

	r, err := b.Open(t.Context(), u.ID, "lan")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(text) != "abcdefghij" {
		t.Errorf("%q, %v", text, err)
	}
	if err := b.Delete(t.Context(), u.ID, "lan"); err != nil || len(b.files()) != 0 {
		t.Errorf("deleted: %v, left %v", err, b.files())
	}
	if _, err := b.Find(t.Context(), u.ID, "lan"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("found after it was deleted: %v", err)
	}
}

// TestUploadsOfOthers: another person's upload is like none, whatever is asked of it.
func TestUploadsOfOthers(t *testing.T) {
	b, ctx := newUploads(t), t.Context()
	u := b.create("lan", 10)
	for _, id := range []string{u.ID, "", "x", "../" + u.ID, strings.ToLower(u.ID), string(radio.NewID[radio.UserID]())} {
		by := radio.UserID("hoa")
		_, find := b.Find(ctx, id, by)
		_, write := b.Append(ctx, id, by, 0, strings.NewReader("abc"))
		_, open := b.Open(ctx, id, by)
		for name, err := range map[string]error{"find": find, "append": write, "open": open, "delete": b.Delete(ctx, id, by)} {
			if !errors.Is(err, radio.ErrNotFound) {
				t.Errorf("%s %q: %v", name, id, err)
			}
		}
	}
	if list, err := b.List(ctx, "hoa"); err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
	if list, err := b.List(ctx, "lan"); err != nil || len(list) != 1 || list[0] != u {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestUploadLimits(t *testing.T) {
	b, ctx := newUploads(t), t.Context()
	for _, length := range []int64{0, -1, 1001, 1 << 62} {
		if _, err := b.Create(ctx, "lan", length, "", ""); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	b.create("lan", 1000)
	b.create("lan", 500)
	var quota *radio.UploadQuota
	if _, err := b.Create(ctx, "lan", 501, "", ""); !errors.As(err, &quota) || !errors.Is(err, radio.ErrConflict) || quota.Open != 2 {
		t.Errorf("more bytes than one may: %v", err)
	}
	third := b.create("lan", 1)
	if _, err := b.Create(ctx, "lan", 1, "", ""); !errors.As(err, &quota) {
		t.Errorf("more uploads than one may: %v", err)
	}
	b.create("hoa", 1000)
	b.create("hoa", 1000)
	if _, err := b.Create(ctx, "minh", 1000, "", ""); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("more than the house holds: %v", err)
	}
	if err := b.Delete(ctx, third.ID, "lan"); err != nil {
		t.Fatal(err)
	}
	b.create("lan", 1)
	odd, err := b.Create(ctx, "minh", 1, "\x00../\xff"+strings.Repeat("ữ", 300), "")
	if err != nil || len([]rune(odd.Name)) != 200 || strings.ContainsRune(odd.Name, 0) || !utf8.ValidString(odd.Name) {
		t.Errorf("odd name %q, %v", odd.Name, err)
	}
}

func TestUploadsExpire(t *testing.T) {
	b, ctx := newUploads(t), t.Context()
	old := b.create("lan", 10)
	b.append(old.ID, "lan", 0, strings.NewReader("abc"), 3, nil)
	b.clock = b.clock.Add(24*time.Hour - time.Second)
	young := b.create("lan", 10)
	b.Clean()
	if len(b.files()) != 4 {
		t.Errorf("cleaned too early: %v", b.files())
	}
	b.clock = b.clock.Add(time.Second)
	if _, err := b.Append(ctx, old.ID, "lan", 3, strings.NewReader("d")); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("written after it expired: %v", err)
	}
	// Halves that a crash left.
	for name, text := range map[string]string{"half.part": "x", "half.json": "{", "01J0000000000000000000000A.part": "x"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(b.dir, name), b.clock, b.clock.Add(-25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	b.restart()
	b.Clean()
	if files := b.files(); len(files) != 2 || !strings.HasPrefix(files[0], young.ID) {
		t.Errorf("left %v", files)
	}
}

// TestTwoWriters: a second writer of an upload is refused; when the first hangs it goes on
// in its place, and the first does not come back between its pieces.
func TestTwoWriters(t *testing.T) {
	b := newUploads(t)
	u := b.create("lan", 10)
	hung, feed := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := b.Append(t.Context(), u.ID, "lan", 0, hung)
		if err := hung.Close(); err != nil {
			t.Error(err)
		}
		first <- err
	}()
	// A pipe's Write returns when all was read; the second one starts only when the
	// first was put.
	for _, s := range []string{"a", "b"} {
		if _, err := io.WriteString(feed, s); err != nil {
			t.Fatal(err)
		}
	}
	at, err := b.Find(t.Context(), u.ID, "lan")
	if err != nil || at.Offset < 1 {
		t.Fatalf("after two writes: %+v, %v", at, err)
	}
	var locked *radio.UploadLocked
	if _, err := b.Append(t.Context(), u.ID, "lan", at.Offset, strings.NewReader("x")); !errors.As(err, &locked) || !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("a second writer: %v", err)
	}
	// The link of the first is dead; the client asks where it stands and goes on.
	b.wait(writerSilent)
	var got radio.Upload
	for range 10 {
		if at, err = b.Find(t.Context(), u.ID, "lan"); err != nil {
			t.Fatal(err)
		}
		rest := []byte("abcdefghij")[at.Offset:]
		if got, err = b.Append(t.Context(), u.ID, "lan", at.Offset, bytes.NewReader(rest)); !errors.Is(err, radio.ErrConflict) {
			break // a conflict: the first had put one byte more
		}
	}
	if err != nil || got.Offset != 10 {
		t.Fatalf("second writer: %+v, %v", got, err)
	}
	// It may have noticed already, over what it still held.
	if _, err := io.WriteString(feed, "ZZZ"); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-first; !errors.Is(err, radio.ErrConflict) {
		t.Errorf("the hung writer: %v", err)
	}
	r, err := b.Open(t.Context(), u.ID, "lan")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(text) != "abcdefghij" {
		t.Errorf("%q, %v", text, err)
	}
	if len(b.writers) != 0 {
		t.Errorf("%d writers are remembered", len(b.writers))
	}
}
