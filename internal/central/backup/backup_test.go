package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestThereAndBack(t *testing.T) {
	src, db, audio := centre(t)
	m, b := made(t, src)
	if m.Audio() != 3 || len(m.Missing) != 0 || m.Schema != 7 || m.CreatedAt != radio.At(now) {
		t.Errorf("manifest %+v", m)
	}
	checked, err := Check(t.Context(), bytes.NewReader(b))
	if err != nil || !reflect.DeepEqual(checked, m) {
		t.Errorf("check: %v\n got %+v\nwant %+v", err, checked, m)
	}
	to, kept, loaded := target(t)
	if err := os.Mkdir(filepath.Join(to.Dir, "audio"), 0o700); err != nil { // empty: is in nobody's way
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(b), *to); err != nil {
		t.Fatal(err)
	}
	if *loaded != db.text || !reflect.DeepEqual(kept, audio) {
		t.Errorf("database of %d bytes, %d audio files", len(*loaded), len(kept))
	}
	for name, want := range map[string]string{
		"loaxa.db": db.text, "keys/online.jwk": "secret of online.jwk", "keys/keyring.json": "secret of keyring.json",
		"ca/ca.pem": "secret of ca.pem", "ca/ca-key.pem": "secret of ca-key.pem",
		"archive/2024-09.jsonl.gz": "secret of 2024-09.jsonl.gz",
	} {
		got, err := os.ReadFile(filepath.Join(to.Dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v, %d bytes", name, err, len(got))
		}
		if info, err := os.Stat(filepath.Join(to.Dir, name)); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if months, err := os.ReadDir(filepath.Join(to.Dir, "archive")); err != nil || len(months) != 1 {
		t.Errorf("archive %v %v", months, err)
	}
	if left, err := filepath.Glob(filepath.Join(to.Dir, "restoring-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestMakeLeavesOneFile(t *testing.T) {
	src, db, _ := centre(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "b.tar.gz")
	if _, err := Make(t.Context(), src, path, now); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), src, path, now); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("over another backup: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the older backup was touched")
	}
	db.err = errors.New("disk full")
	if _, err := Make(t.Context(), src, filepath.Join(dir, "c.tar.gz"), now); !errors.Is(err, db.err) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	db.err, db.during = nil, cancel
	if _, err := Make(ctx, src, filepath.Join(dir, "c.tar.gz"), now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind by backups that failed: %v %v", entries, err)
	}
}

// What is added while the database is copied is in the archive too, and what the centre
// itself has lost is told.
func TestAudioOfTheCopyIsInside(t *testing.T) {
	src, db, audio := centre(t)
	var late radio.SHA256
	db.during = func() {
		late = audio.add("late", false)
		db.approved = append(db.approved, late)
	}
	rotten := audio.add("rotten", false)
	audio[audioKey{rotten, false}] = []byte("rottem")
	gone := hashOf([]byte("gone"))
	db.approved = append(db.approved, gone)
	m, b := made(t, src)
	has := func(sha radio.SHA256) bool {
		return slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == "audio/"+string(sha) })
	}
	if !has(late) || has(rotten) || has(gone) {
		t.Errorf("files %+v", m.Files)
	}
	want := []Missing{{"audio/" + string(rotten), "damaged"}, {"audio/" + string(gone), "missing"}}
	if !reflect.DeepEqual(m.Missing, want) {
		t.Errorf("missing %+v", m.Missing)
	}
	if _, err := Check(t.Context(), bytes.NewReader(b)); err != nil {
		t.Errorf("what could be saved cannot be read: %v", err)
	}
}

// TestDamagedArchives: everything that is not a whole, sound backup is refused by name,
// and nothing is placed.
func TestDamagedArchives(t *testing.T) {
	src, _, _ := centre(t)
	_, sound := made(t, src)
	db := part{name: "database.sqlite", text: "rows"}
	manifest := part{name: manifestName}
	main := part{name: "audio/" + string(hashOf([]byte("main"))), text: "main"}
	cut := func(at int) []byte { return sound[:at] }
	flip := func(at int) []byte {
		b := slices.Clone(sound)
		b[at] ^= 0x10
		return b
	}
	head := func(p part, f func(*tar.Header)) part { p.head = f; return p }
	for _, c := range []struct {
		name  string
		bytes []byte
		says  string
	}{
		{"nothing", nil, "cut off"},
		{"text", []byte("hello, this is no archive"), "not a backup"},
		{"a gzip of something else", gzipped(t, []byte("hello")), "cannot be read"},
		{"an empty tar", archive(t, nil, nil), "no manifest"},
		{"cut in the middle", cut(len(sound) / 2), "cut off"},
		{"cut before the manifest's end", cut(len(sound) - 40), "cut off"},
		{"cut in gzip's checksum", cut(len(sound) - 3), "cut off"},
		{"a flipped bit at the beginning", flip(30), ""},
		{"a flipped bit in the middle", flip(len(sound) / 2), ""},
		{"a flipped bit in the checksum", flip(len(sound) - 6), "checksum"},
		{"bytes behind", append(slices.Clone(sound), 'x'), "follows"},
		{"a second archive behind", append(slices.Clone(sound), sound...), "follows"},
		{"no manifest", archive(t, []part{db, main}, nil), "no manifest"},
		{"no database", archive(t, []part{main, manifest}, nil), "database.sqlite is missing"},
		{"a file behind the manifest", archive(t, []part{db, manifest, main}, nil), "behind the manifest"},
		{"two manifests", archive(t, []part{db, manifest, manifest}, nil), "behind the manifest"},
		{"a file twice", archive(t, []part{db, main, main, manifest}, nil), "twice"},
		{"a file the manifest does not name", archive(t, []part{db, main, manifest}, func(m *Manifest) { m.Files = m.Files[:1] }), "does not stand in the manifest"},
		{"a file that is not there", archive(t, []part{db, manifest}, func(m *Manifest) { m.Files = append(m.Files, File{Name: "keys/online.jwk"}) }), "keys/online.jwk"},
		{"named twice in the manifest", archive(t, []part{db, manifest}, func(m *Manifest) { m.Files = append(m.Files, m.Files[0]) }), "twice"},
		{"another hash than the manifest's", archive(t, []part{db, manifest}, func(m *Manifest) { m.Files[0].SHA256 = hashOf(nil) }), "database.sqlite is damaged"},
		{"another size than the manifest's", archive(t, []part{db, manifest}, func(m *Manifest) { m.Files[0].Bytes++ }), "database.sqlite is damaged"},
		{"audio under another name", archive(t, []part{db, {name: main.name, text: "other"}, manifest}, nil), main.name},
		{"a manifest that is not JSON", archive(t, []part{db, {name: manifestName, text: "{"}}, nil), "manifest.json cannot be read"},
		{"an unknown engine", archive(t, []part{db, manifest}, func(m *Manifest) { m.Engine = "oracle" }), "oracle"},
		{"the other engine's file", archive(t, []part{db, {name: "database.pgdump", text: "x"}, manifest}, nil), "database.pgdump in a backup of sqlite"},
		{"up the tree", archive(t, []part{db, {name: "keys/../../etc/passwd", text: "x"}, manifest}, nil), "passwd"},
		{"up the tree in audio", archive(t, []part{db, {name: "audio/..", text: "x"}, manifest}, nil), `"audio/.."`},
		{"an absolute path", archive(t, []part{db, {name: "/etc/passwd", text: "x"}, manifest}, nil), "/etc/passwd"},
		{"a name with a backslash", archive(t, []part{db, {name: `keys\..\x`, text: "x"}, manifest}, nil), "not a file of a backup"},
		{"a dot first", archive(t, []part{db, {name: "keys/.ssh", text: "x"}, manifest}, nil), "keys/.ssh"},
		{"a folder", archive(t, []part{db, head(part{name: "keys/"}, func(h *tar.Header) { h.Typeflag = tar.TypeDir }), manifest}, nil), "keys/"},
		{"a symlink", archive(t, []part{db, head(part{name: "keys/online.jwk"}, func(h *tar.Header) {
			h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/shadow"
		}), manifest}, nil), "keys/online.jwk is not a plain file"},
		{"a hard link", archive(t, []part{db, head(part{name: "ca/ca.pem"}, func(h *tar.Header) {
			h.Typeflag, h.Linkname = tar.TypeLink, "keys/online.jwk"
		}), manifest}, nil), "ca/ca.pem is not a plain file"},
		{"a device", archive(t, []part{db, head(part{name: "ca/ca.pem"}, func(h *tar.Header) { h.Typeflag = tar.TypeChar }), manifest}, nil), "ca/ca.pem is not a plain file"},
		{"foreign tar records", archive(t, []part{db, head(part{name: "ca/ca.pem", text: "x"}, func(h *tar.Header) {
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"}
		}), manifest}, nil), "ca/ca.pem carries"},
		{"a key of 2 MB", archive(t, []part{db, {name: "keys/online.jwk", text: strings.Repeat("k", 2<<20)}, manifest}, nil), "keys/online.jwk claims"},
		{"audio larger than audio can be", archive(t, []part{db, {name: main.name, text: strings.Repeat("m", 31<<20)}, manifest}, nil), main.name + " claims"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Check(t.Context(), bytes.NewReader(c.bytes))
			if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("check: %v, want %q", err, c.says)
			}
			to, kept, loaded := target(t)
			if _, err := Restore(t.Context(), bytes.NewReader(c.bytes), *to); !errors.Is(err, radio.ErrInvalid) {
				t.Errorf("restore: %v", err)
			}
			wantNothing(t, to.Dir)
			if len(kept) > 0 || *loaded != "" {
				t.Error("something was placed")
			}
		})
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	_, err := gz.Write(b)
	if err := errors.Join(err, gz.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func wantNothing(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("in the folder: %v %v", entries, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	src, _, _ := centre(t)
	_, sound := made(t, src)
	taken := errors.New("taken")
	for _, c := range []struct {
		name   string
		target func(t *testing.T, to *Target)
		bytes  []byte
		kind   error
		says   string
	}{
		{"over a database", func(t *testing.T, to *Target) { touch(t, to.Dir, "loaxa.db") }, sound, radio.ErrConflict, "loaxa.db exists"},
		{"over a database's log", func(t *testing.T, to *Target) { touch(t, to.Dir, "loaxa.db-wal") }, sound, radio.ErrConflict, "loaxa.db-wal exists"},
		{"over keys", func(t *testing.T, to *Target) { touch(t, to.Dir, "keys/online.jwk") }, sound, radio.ErrConflict, "keys exists"},
		{"over a CA", func(t *testing.T, to *Target) { touch(t, to.Dir, "ca/ca.pem") }, sound, radio.ErrConflict, "ca exists"},
		{"over audio", func(t *testing.T, to *Target) { touch(t, to.Dir, "audio/x") }, sound, radio.ErrConflict, "audio exists"},
		{"over rows", func(_ *testing.T, to *Target) { to.Empty = func(context.Context) error { return taken } }, sound, taken, ""},
		{"into the other engine", func(_ *testing.T, to *Target) { to.Engine = "postgres" }, sound, radio.ErrConflict, "change `database`"},
		{"by an older program", func(_ *testing.T, to *Target) { to.Schema = 6 }, sound, radio.ErrConflict, "schema 7"},
		{"a database that cannot be loaded", func(_ *testing.T, to *Target) {
			to.Load = func(context.Context, string, Manifest) error { return taken }
		}, sound, taken, ""},
		{"another format", func(*testing.T, *Target) {}, archive(t, []part{{name: "database.sqlite", text: "x"}, {name: manifestName}},
			func(m *Manifest) { m.Format = 2 }), radio.ErrConflict, "format 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			to, _, _ := target(t)
			c.target(t, to)
			before := names(t, to.Dir)
			_, err := Restore(t.Context(), bytes.NewReader(c.bytes), *to)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if after := names(t, to.Dir); !slices.Equal(before, after) {
				t.Errorf("before %v, after %v", before, after)
			}
		})
	}
}

func touch(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// swapped is an archive that is another one when it is read again.
type swapped struct {
	*bytes.Reader
	second []byte
}

func (s *swapped) Seek(int64, int) (int64, error) {
	s.Reader = bytes.NewReader(s.second)
	return 0, nil
}

func TestArchiveChangedBetweenTheReadings(t *testing.T) {
	src, db, _ := centre(t)
	_, first := made(t, src)
	db.text = "other rows"
	_, second := made(t, src)
	to, _, _ := target(t)
	_, err := Restore(t.Context(), &swapped{bytes.NewReader(first), second}, *to)
	if !errors.Is(err, radio.ErrConflict) {
		t.Errorf("%v", err)
	}
	wantNothing(t, to.Dir)
}

func TestPruneKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for i := range 4 {
		all = append(all, Name(now.Add(time.Duration(i)*24*time.Hour)))
		touch(t, dir, all[i])
	}
	foreign := []string{"loaxa-old.tar.gz", "notes.txt", "loaxa-20261123T020000Z.tar.gz.bak"}
	for _, f := range foreign {
		touch(t, dir, f)
	}
	gone, err := Prune(dir, 2)
	if err != nil || !slices.Equal(gone, all[:2]) {
		t.Fatalf("%v %v", gone, err)
	}
	for _, name := range append(all[2:], foreign...) {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if gone, err := Prune(dir, 0); err != nil || len(gone) != 1 {
		t.Errorf("the newest is never removed: %v %v", gone, err)
	}
}

// FuzzCheck: whatever bytes come, Check ends with a manifest or an error of a known kind,
// and what it accepts, Restore can place.
func FuzzCheck(f *testing.F) {
	src, _, _ := centre(f)
	_, sound := made(f, src)
	f.Add(sound)
	f.Add(sound[:len(sound)/2])
	f.Add(archive(f, []part{{name: "database.sqlite", text: "x"}, {name: manifestName}}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := Check(t.Context(), bytes.NewReader(b))
		if err != nil && !errors.Is(err, radio.ErrInvalid) && !errors.Is(err, radio.ErrConflict) {
			t.Fatalf("error of no kind: %v", err)
		}
	})
}

// FuzzCheckTar goes behind gzip, which would stop nearly every change.
func FuzzCheckTar(f *testing.F) {
	src, _, _ := centre(f)
	_, sound := made(f, src)
	gz, err := gzip.NewReader(bytes.NewReader(sound))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(gz)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, b []byte) {
		var buf bytes.Buffer
		gz := gzip.NewWriter(&buf)
		_, err := gz.Write(b)
		if err := errors.Join(err, gz.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = Check(t.Context(), bytes.NewReader(buf.Bytes()))
		if err != nil && !errors.Is(err, radio.ErrInvalid) && !errors.Is(err, radio.ErrConflict) {
			t.Fatalf("error of no kind: %v", err)
		}
		to, _, _ := target(t)
		_, rerr := Restore(t.Context(), bytes.NewReader(buf.Bytes()), *to)
		if err == nil && rerr != nil && !errors.Is(rerr, radio.ErrConflict) {
			t.Fatalf("accepted, yet not restored: %v", rerr)
		}
		if err != nil && rerr == nil {
			t.Fatalf("refused (%v), yet restored", err)
		}
	})
}
