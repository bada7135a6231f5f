package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var now = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func hashOf(b []byte) radio.SHA256 {
	sum := sha256.Sum256(b)
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

// fakeDB writes a text for a database and grows the audio while it is copied, as a
// centre does that serves.
type fakeDB struct {
	text     string
	approved []radio.SHA256
	during   func()
	err      error
}

func (d *fakeDB) Engine() string                      { return "sqlite" }
func (d *fakeDB) Schema(context.Context) (int, error) { return 7, nil }
func (d *fakeDB) ApprovedAudio(context.Context) ([]radio.SHA256, error) {
	return d.approved, nil
}

func (d *fakeDB) Snapshot(_ context.Context, path string) error {
	if d.during != nil {
		d.during()
	}
	return errors.Join(d.err, os.WriteFile(path, []byte(d.text), 0o600))
}

type audioKey struct {
	sha      radio.SHA256
	original bool
}

// fakeAudio holds audio in memory; content may differ from its name.
type fakeAudio map[audioKey][]byte

func (a fakeAudio) add(text string, original bool) radio.SHA256 {
	sha := hashOf([]byte(text))
	a[audioKey{sha, original}] = []byte(text)
	return sha
}

func (a fakeAudio) Walk(_ context.Context, f func(radio.SHA256, bool) error) error {
	keys := make([]audioKey, 0, len(a))
	for k := range a {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y audioKey) int { return strings.Compare(string(x.sha), string(y.sha)) })
	for _, k := range keys {
		if err := f(k.sha, k.original); err != nil {
			return err
		}
	}
	return nil
}

type seekCloser struct{ *bytes.Reader }

func (seekCloser) Close() error { return nil }

func (a fakeAudio) Open(sha radio.SHA256, original bool) (io.ReadSeekCloser, int64, error) {
	b, ok := a[audioKey{sha, original}]
	if !ok {
		return nil, 0, radio.ErrNotFound
	}
	return seekCloser{bytes.NewReader(b)}, int64(len(b)), nil
}

func (a fakeAudio) Keep(_ context.Context, sha radio.SHA256, original bool, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil && hashOf(b) != sha {
		err = radio.ErrInvalid
	}
	a[audioKey{sha, original}] = b
	return err
}

// centre is a small centre to copy.
func centre(t testing.TB) (Source, *fakeDB, fakeAudio) {
	t.Helper()
	dir := t.TempDir()
	files := func(names ...string) map[string]string {
		out := map[string]string{"not-there.pem": filepath.Join(dir, "not-there.pem")}
		for _, n := range names {
			out[n] = filepath.Join(dir, n)
			if err := os.WriteFile(out[n], []byte("secret of "+n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	months := files("2024-09.jsonl.gz", "2024-10.jsonl.gz.part") // the second is still being written
	audio := fakeAudio{}
	db := &fakeDB{text: strings.Repeat("rows ", 5000)}
	db.approved = []radio.SHA256{audio.add("main", false), audio.add("light", false)}
	audio.add("upload", true)
	return Source{Database: db, Audio: audio, Keys: files("online.jwk", "keyring.json"), CA: files("ca.pem", "ca-key.pem"),
		Archive: filepath.Dir(months["2024-09.jsonl.gz"]), Version: "test"}, db, audio
}

// made writes a backup and gives its bytes.
func made(t testing.TB, src Source) (Manifest, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	m, err := Make(context.Background(), src, path, now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m, b
}

// target is an empty place for a restore that records what was loaded.
func target(t testing.TB) (*Target, fakeAudio, *string) {
	t.Helper()
	kept, loaded := fakeAudio{}, new(string)
	return &Target{
		Dir: t.TempDir(), Engine: "sqlite", Schema: 7, DatabaseFile: "loaxa.db",
		Empty: func(context.Context) error { return nil },
		Load: func(_ context.Context, path string, _ Manifest) error {
			b, err := os.ReadFile(path)
			*loaded = string(b)
			return err
		},
		Audio: func(string) Keeper { return kept },
	}, kept, loaded
}

// part is one file of an archive made by hand.
type part struct {
	name string
	text string
	head func(*tar.Header)
}

// archive packs parts; a manifest part without text is written to fit the others.
func archive(t testing.TB, parts []part, change func(*Manifest)) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	m := Manifest{Format: Format, Version: "test", Engine: "sqlite", Schema: 7, CreatedAt: radio.At(now)}
	for _, p := range parts {
		if p.name == manifestName && p.text == "" {
			if change != nil {
				change(&m)
			}
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			p.text = string(b)
		} else {
			m.Files = append(m.Files, File{Name: p.name, Bytes: int64(len(p.text)), SHA256: hashOf([]byte(p.text))})
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p.name, Size: int64(len(p.text)), Mode: 0o600}
		if p.head != nil {
			p.head(h)
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", p.name, err))
		}
		if h.Size > 0 {
			if _, err := io.WriteString(tw, p.text[:h.Size]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
