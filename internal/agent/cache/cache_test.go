package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"loaxa/internal/radio"
)

// lab is a cache that notes what it reports as damaged.
type lab struct {
	*Store
	path    string
	max     int64
	mu      sync.Mutex
	damaged []radio.SHA256
}

func newLab(t *testing.T, max int64) *lab {
	t.Helper()
	l := &lab{path: filepath.Join(t.TempDir(), "cache.db"), max: max}
	l.open(t)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) open(t *testing.T) {
	t.Helper()
	s, err := Open(Options{Path: l.path, MaxBytes: l.max, OnDamage: func(sha radio.SHA256, why error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.damaged = append(l.damaged, sha)
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.Store = s
}

func (l *lab) reopen(t *testing.T) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.open(t)
}

func audio(seed uint64, size int) ([]byte, radio.SHA256) {
	b := make([]byte, size)
	rnd := rand.New(rand.NewPCG(seed, 9))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	sum := sha256.Sum256(b)
	return b, radio.SHA256(hex.EncodeToString(sum[:]))
}

func (l *lab) put(t *testing.T, b []byte, sha radio.SHA256) {
	t.Helper()
	have, err := l.Begin(sha, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for rest := range slices.Chunk(b[have:], ChunkSize) {
		if err := l.Put(sha, rest); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Commit(sha); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) read(sha radio.SHA256) ([]byte, error) {
	r, err := l.Open(sha)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func TestStoreAndRead(t *testing.T) {
	l := newLab(t, 0)
	for _, size := range []int{1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 77} {
		b, sha := audio(uint64(size), size)
		if l.Ready(sha) || l.Have(sha) != 0 {
			t.Fatal("there before it came")
		}
		if _, err := l.Open(sha); !errors.Is(err, radio.ErrNotFound) {
			t.Fatal(err)
		}
		changed := l.Changed()
		l.put(t, b, sha)
		select {
		case <-changed:
		default:
			t.Error("nobody was told that it is ready")
		}
		l.reopen(t)
		got, err := l.read(sha)
		if err != nil || !bytes.Equal(got, b) || !l.Ready(sha) || l.Have(sha) != int64(size) {
			t.Fatalf("size %d: read %d bytes, %v", size, len(got), err)
		}
		if err := l.Verify(sha); err != nil {
			t.Error(err)
		}
		if err := errors.Join(l.Delete(sha), l.Delete(sha)); err != nil || l.Ready(sha) || l.Have(sha) != 0 {
			t.Error("still there", err)
		}
	}
	if d, err := l.Status(); err != nil || d.CacheBytes != 0 || d.TotalBytes <= 0 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestPartialGoesOnAfterARestart(t *testing.T) {
	l := newLab(t, 0)
	b, sha := audio(1, 3*ChunkSize+5)
	size := int64(len(b))
	if have, err := l.Begin(sha, size); have != 0 || err != nil {
		t.Fatal(have, err)
	}
	for i := range 2 {
		if err := l.Put(sha, b[i*ChunkSize:(i+1)*ChunkSize]); err != nil {
			t.Fatal(err)
		}
	}
	l.reopen(t)
	if have, err := l.Begin(sha, size); have != 2*ChunkSize || err != nil {
		t.Fatal(have, err)
	}
	if l.Ready(sha) {
		t.Error("half an audio is ready")
	}
	if _, err := l.Open(sha); !errors.Is(err, radio.ErrNotFound) {
		t.Error(err)
	}
	if err := l.Commit(sha); !errors.Is(err, radio.ErrConflict) {
		t.Error("half an audio committed:", err)
	}
	for _, bad := range [][]byte{b[:5], {}, b[:ChunkSize+1]} {
		if err := l.Put(sha, bad); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("chunk of %d bytes: %v", len(bad), err)
		}
	}
	l.put(t, b, sha)
	if err := l.Put(sha, nil); !errors.Is(err, radio.ErrInvalid) {
		t.Error("more than all:", err)
	}
	// Begun with another size: from the beginning.
	if have, err := l.Begin(sha, size+1); have != 0 || err != nil || l.Ready(sha) {
		t.Error(have, err)
	}
}

func TestWrongHashIsDropped(t *testing.T) {
	l := newLab(t, 0)
	b, sha := audio(1, 2*ChunkSize)
	if _, err := l.Begin(sha, int64(len(b))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Put(sha, b[:ChunkSize]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Commit(sha); !errors.Is(err, ErrWrongHash) {
		t.Fatal(err)
	}
	if l.Have(sha) != 0 || l.Ready(sha) {
		t.Error("still there")
	}
}

// The story of the flipped byte: it never comes out, the audio is dropped and
// reported, the others stay.
func TestFlippedByteNeverComesOut(t *testing.T) {
	l := newLab(t, 0)
	good, goodSHA := audio(1, 2*ChunkSize)
	bad, badSHA := audio(2, 4*ChunkSize+100)
	l.put(t, good, goodSHA)
	l.put(t, bad, badSHA)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	flips := 0
	for at := 0; ; {
		i := bytes.Index(f[at:], bad[2*ChunkSize:2*ChunkSize+64])
		if i < 0 {
			break
		}
		f[at+i+40]++ // in every copy, also in freed pages
		at += i + 64
		flips++
	}
	if err := os.WriteFile(l.path, f, 0o600); err != nil {
		t.Fatal(err)
	}
	l.open(t)
	if flips == 0 || !l.Ready(badSHA) {
		t.Fatal("the test flipped nothing")
	}
	got, err := l.read(badSHA)
	if !errors.Is(err, ErrDamaged) || !bytes.Equal(got, bad[:2*ChunkSize]) {
		t.Fatalf("%d bytes came out, %v", len(got), err)
	}
	if l.Ready(badSHA) || l.Have(badSHA) != 0 || !slices.Equal(l.damaged, []radio.SHA256{badSHA}) {
		t.Errorf("not dropped or not reported: %v", l.damaged)
	}
	if got, err := l.read(goodSHA); err != nil || !bytes.Equal(got, good) {
		t.Error("the other audio suffered:", err)
	}
	l.put(t, bad, badSHA)
	if got, err := l.read(badSHA); err != nil || !bytes.Equal(got, bad) {
		t.Error("fetched again:", err)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	l := newLab(t, 0)
	b, sha := audio(1, 2*ChunkSize)
	l.put(t, b, sha)
	k, err := audioKey(sha)
	if err != nil {
		t.Fatal(err)
	}
	err = l.run(true, func(t *tx) error {
		return t.chunks.Put(chunkKey(k, 1), make([]byte, ChunkSize))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(sha); !errors.Is(err, ErrDamaged) || l.Ready(sha) || len(l.damaged) != 1 {
		t.Error(err, l.damaged)
	}
	if err := l.Verify(sha); !errors.Is(err, radio.ErrNotFound) {
		t.Error(err)
	}
}

func TestWithdrawnWhileRead(t *testing.T) {
	l := newLab(t, 0)
	b, sha := audio(1, 3*ChunkSize)
	l.put(t, b, sha)
	r, err := l.Open(sha)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, ChunkSize)); err != nil {
		t.Fatal(err)
	}
	if err := l.Delete(sha); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, radio.ErrNotFound) || len(l.damaged) != 0 {
		t.Error(n, err, l.damaged)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEviction(t *testing.T) {
	l := newLab(t, 5*ChunkSize)
	var shas []radio.SHA256
	for i := range uint64(5) {
		b, sha := audio(i, ChunkSize)
		l.put(t, b, sha)
		shas = append(shas, sha)
	}
	_, sha := audio(9, 2*ChunkSize)
	if _, err := l.Begin(sha, 2*ChunkSize); !errors.Is(err, ErrNoRoom) || !errors.Is(err, radio.ErrUnavailable) {
		t.Fatal(err)
	}
	needed := func(h radio.SHA256) bool { return h == shas[0] || h == shas[2] }
	if n, err := l.Evict(needed, 2*ChunkSize); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	for i, want := range []bool{true, false, true, false, true} {
		if l.Ready(shas[i]) != want {
			t.Errorf("audio %d there: %t", i, !want)
		}
	}
	if _, err := l.Begin(sha, 2*ChunkSize); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Evict(func(radio.SHA256) bool { return true }, ChunkSize); n != 0 || err != nil {
		t.Error("needed ones were removed:", n, err)
	}
}

func TestDestroyedFileStartsEmpty(t *testing.T) {
	cases := map[string]func(f []byte) []byte{
		"noise":      func(f []byte) []byte { return bytes.Repeat([]byte{7, 0xEE}, len(f)/2) },
		"metas gone": func(f []byte) []byte { clear(f[:8192]); return f },
		"cut":        func(f []byte) []byte { return f[:8192] },
		"one byte":   func(f []byte) []byte { return f[:1] },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 0)
			b, sha := audio(1, 2*ChunkSize)
			l.put(t, b, sha)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := os.ReadFile(l.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(l.path, spoil(f), 0o600); err != nil {
				t.Fatal(err)
			}
			l.open(t)
			if l.Ready(sha) || !slices.Equal(l.damaged, []radio.SHA256{""}) {
				t.Errorf("reported %q", l.damaged)
			}
			if _, err := os.Stat(l.aside()); err != nil {
				t.Error("not set aside:", err)
			}
			l.put(t, b, sha)
			l.reopen(t)
			if _, err := os.Stat(l.aside()); err == nil {
				t.Error("the old copy takes room for ever")
			}
			if got, err := l.read(sha); err != nil || !bytes.Equal(got, b) {
				t.Error(err)
			}
		})
	}
}

// The flash loses the file under a running agent.
func TestPageFaultWhileRunning(t *testing.T) {
	l := newLab(t, 0)
	b, sha := audio(1, 8*ChunkSize)
	l.put(t, b, sha)
	r, err := l.Open(sha)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(l.path, 8192); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err == nil || len(got) > 0 {
		t.Errorf("%d bytes read, %v", len(got), err)
	}
	if l.Ready(sha) || len(l.damaged) == 0 {
		t.Errorf("reported %q", l.damaged)
	}
	l.put(t, b, sha)
	if got, err := l.read(sha); err != nil || !bytes.Equal(got, b) {
		t.Error(err)
	}
}

func TestSecondProcessIsTold(t *testing.T) {
	l := newLab(t, 0)
	if s, err := Open(Options{Path: l.path}); !errors.Is(err, radio.ErrConflict) {
		t.Fatal(s, err)
	}
}

func TestNamesAndSizes(t *testing.T) {
	l := newLab(t, 0)
	_, sha := audio(1, 1)
	for _, bad := range []radio.SHA256{"", "../../etc/passwd", sha + "0", radio.SHA256(bytes.ToUpper([]byte(sha)))} {
		_, err1 := l.Begin(bad, 5)
		_, err2 := l.Open(bad)
		for _, err := range []error{err1, err2, l.Put(bad, nil), l.Commit(bad), l.Verify(bad), l.Delete(bad)} {
			if !errors.Is(err, radio.ErrInvalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if l.Ready(bad) || l.Have(bad) != 0 {
			t.Errorf("%q is there", bad)
		}
	}
	for _, size := range []int64{-1, 0, radio.MaxAudioBytes + 1} {
		if _, err := l.Begin(sha, size); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(entry{size: 5, order: 3, ready: true, hashes: make([][32]byte, 2)}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := decodeEntry(b); ok && b[20] < 2 && !bytes.Equal(e.encode(), b) {
			t.Error("reads what it does not write")
		}
	})
}
