package library

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"loaxa/internal/radio"
)

// TestKeptFilesMove: every file of one folder, taken out by Walk and OpenKept, makes the
// same folder again through Keep.
func TestKeptFilesMove(t *testing.T) {
	from, to := NewFiles(filepath.Join(t.TempDir(), "a")), NewFiles(filepath.Join(t.TempDir(), "b"))
	if err := from.Walk(t.Context(), func(Kept) error { return errors.New("called") }); err != nil {
		t.Errorf("nothing kept yet: %v", err)
	}
	if err := from.Put(t.Context(), prepared(t, []byte("source"), []byte("sixty-four"), []byte("thirty-two"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes.txt", "originals/.incoming-1", "ab/cd/" + string(hashOf([]byte("x")))} {
		path := filepath.Join(from.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := from.Walk(t.Context(), func(k Kept) error {
		n++
		f, size, err := from.OpenKept(k)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.Size() != size {
			t.Errorf("size %d %v", size, err)
		}
		return to.Keep(t.Context(), k, f)
	})
	if err != nil || n != 3 {
		t.Fatalf("%d files, %v", n, err)
	}
	want := prepared(t, []byte("source"), []byte("sixty-four"), []byte("thirty-two"))
	again := NewFiles(filepath.Join(t.TempDir(), "c"))
	if err := again.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, to.dir), tree(t, again.dir); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	f, _, err := to.Open(hashOf([]byte("sixty-four")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "sixty-four" {
		t.Errorf("%q %v", b, err)
	}
}

func TestKeepRefusesWhatIsNotItsName(t *testing.T) {
	s := NewFiles(t.TempDir())
	if err := s.Keep(t.Context(), Kept{SHA256: hashOf([]byte("a"))}, bytes.NewReader([]byte("b"))); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := s.Keep(t.Context(), Kept{SHA256: "../../x"}, bytes.NewReader(nil)); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if left := tree(t, s.dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
