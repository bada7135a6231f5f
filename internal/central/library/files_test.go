package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func hashOf(b []byte) radio.SHA256 {
	sum := sha256.Sum256(b)
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

// prepared makes a Prepared as an intake leaves it.
func prepared(t testing.TB, source, main, light []byte) *Prepared {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{sourceName: source, renditionName(64): main, renditionName(32): light} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rendition := func(kbps int, b []byte) radio.Rendition {
		return radio.Rendition{SHA256: hashOf(b), Kbps: kbps, Bytes: int64(len(b)), Frames: 1, Samples: 1152}
	}
	return &Prepared{
		Renditions:   []radio.Rendition{rendition(64, main), rendition(32, light)},
		SourceSHA256: hashOf(source), SourceBytes: int64(len(source)), dir: dir,
	}
}

// tree lists the files below a folder.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFilesKeep(t *testing.T) {
	source, main, light := []byte("source"), []byte("sixty-four"), []byte("thirty-two")
	p := prepared(t, source, main, light)
	dir := filepath.Join(t.TempDir(), "media")
	s := NewFiles(dir)
	if _, _, err := s.Open(hashOf(main)); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("an empty store has it: %v", err)
	}
	for range 2 { // the second time changes nothing
		if err := s.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	under := func(sha radio.SHA256) string { return string(sha[:2] + "/" + sha[2:4] + "/" + sha) }
	want := []string{under(hashOf(main)), under(hashOf(light)), "originals/" + under(hashOf(source))}
	slices.Sort(want)
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	f, size, err := s.Open(hashOf(light))
	if err != nil || size != int64(len(light)) {
		t.Fatalf("Open: %d, %v", size, err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, light) {
		t.Errorf("read %q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	// Originals are not for devices.
	if _, _, err := s.Open(hashOf(source)); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("an original can be opened: %v", err)
	}
}

// TestFilesTrustNothing: a file of the right name is replaced unless its bytes are right.
func TestFilesTrustNothing(t *testing.T) {
	main := []byte("sixty-four")
	p := prepared(t, []byte("source"), main, []byte("thirty-two"))
	dir := t.TempDir()
	path := place(dir, hashOf(main))
	for name, there := range map[string]string{"same size": "sixty-fivE", "shorter": "six", "empty": ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(there), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := NewFiles(dir).Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := readTestFile(t, path); !bytes.Equal(got, main) {
			t.Errorf("%s: the store holds %q", name, got)
		}
	}
}

// TestFilesRefuse: what does not match its hash never gets its name, and nothing
// half-written is left.
func TestFilesRefuse(t *testing.T) {
	good := func() *Prepared { return prepared(t, []byte("source"), []byte("sixty-four"), []byte("thirty-two")) }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		change func(*Prepared)
		kind   error
	}{
		{"other bytes", t.Context(), func(p *Prepared) { p.Renditions[0].SHA256 = hashOf([]byte("other")) }, radio.ErrInvalid},
		{"other size", t.Context(), func(p *Prepared) { p.Renditions[0].Bytes++ }, radio.ErrInvalid},
		{"no hash", t.Context(), func(p *Prepared) { p.Renditions[0].SHA256 = "../../etc" }, radio.ErrInvalid},
		{"closed", t.Context(), func(p *Prepared) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}, fs.ErrNotExist},
		{"cancelled", cancelled, func(*Prepared) {}, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, dir := good(), t.TempDir()
			c.change(p)
			if err := NewFiles(dir).Put(c.ctx, p); !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			if left := tree(t, dir); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestFilesOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := NewFiles(dir)
	if err := os.MkdirAll(place(dir, hashOf([]byte("a folder"))), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sha  radio.SHA256
		kind error
	}{
		"unknown":    {hashOf([]byte("x")), radio.ErrNotFound},
		"empty":      {"", radio.ErrInvalid},
		"a path":     {"../../../../etc/passwd", radio.ErrInvalid},
		"upper case": {radio.SHA256(strings.ToUpper(string(hashOf([]byte("x"))))), radio.ErrInvalid},
		"a folder":   {hashOf([]byte("a folder")), nil},
	} {
		f, _, err := s.Open(c.sha)
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}
