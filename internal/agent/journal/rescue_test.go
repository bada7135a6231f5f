package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// filled is a journal of some pages: identity, documents, airings, acknowledged and
// open records.
func filled(t *testing.T) *lab {
	t.Helper()
	l := newLab(t)
	keys := radio.Issued{Document: "keys", Revision: 1, Payload: bytes.Repeat([]byte("k"), 900)}
	if err := l.SetIdentity(t.Context(), []byte("identity"), keys, radio.RejoinSame); err != nil {
		t.Fatal(err)
	}
	if err := l.SetDocument(t.Context(), radio.Issued{Document: "programme", Revision: 9, Payload: bytes.Repeat([]byte("p"), 9000)}); err != nil {
		t.Fatal(err)
	}
	for n := range int64(40) {
		began, progress, result := airing(n)
		l.write(t, began)
		l.write(t, progress)
		if n < 39 {
			l.write(t, result)
		}
		if n == 20 {
			if err := l.Ack(t.Context(), l.Status().ID, l.Status().Head, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	return l
}

// contents is everything a rescue must keep, as text.
func contents(t *testing.T, s *Store) string {
	t.Helper()
	var b strings.Builder
	identity, err := s.Identity()
	fmt.Fprintln(&b, string(identity), err)
	for _, name := range []string{"keys", "programme"} {
		d, err := s.Document(name)
		fmt.Fprintln(&b, name, d.Revision, len(d.Payload), err)
	}
	open, consumed, err := s.Unfinished(t.Context())
	fmt.Fprintln(&b, open, consumed, err)
	return b.String()
}

func unackedKinds(t *testing.T, s *Store) (kinds []string) {
	t.Helper()
	for {
		batch, ok, err := s.Batch(50)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return kinds
		}
		records, last := parse(t, batch)
		for _, r := range records {
			kinds = append(kinds, string(r.Kind))
		}
		if err := s.Ack(t.Context(), batch.Journal, last, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A flipped bit anywhere is either of no consequence (a free page) or found when
// the file is opened, and then nearly everything is rescued into a new journal.
func TestFlippedBitAnywhere(t *testing.T) {
	l := filled(t)
	want, id := contents(t, l.Store), l.Status().ID
	whole := l.Status().Head - l.Status().Acked
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	clean, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 60
	if testing.Short() {
		rounds = 25
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "journal.db")
	rescued, lost := 0, 0
	for range rounds {
		f := bytes.Clone(clean)
		at, bit := rnd.IntN(len(f)), rnd.IntN(8)
		f[at] ^= 1 << bit
		if err := os.WriteFile(path, f, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Options{Path: path})
		if err != nil {
			t.Fatalf("bit %d of byte %d: %v", bit, at, err)
		}
		if err := s.Start(clock.NewFake(start), "B"); err != nil {
			t.Fatal(err)
		}
		r, was := s.Rescued()
		kinds := unackedKinds(t, s)
		switch {
		case !was:
			if got := contents(t, s); got != want || s.Status().ID != id || len(kinds) != int(whole) {
				t.Fatalf("bit %d of byte %d not noticed, but contents changed:\n%s\nwant\n%s", bit, at, got, want)
			}
		case s.Status().ID == id:
			t.Fatalf("bit %d of byte %d: rescued under the same journal id", bit, at)
		default:
			rescued++
			// What was hit itself is lost: one record, or a document the centre sends
			// again. The identity stands in many old copies of its page.
			if !r.Identity || r.Records < int(whole)-1 {
				lost++
			}
			if len(kinds) != r.Records+2 || kinds[len(kinds)-1] != "fault" {
				t.Fatalf("bit %d of byte %d: %d records after rescue of %d", bit, at, len(kinds), r.Records)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flips: %d rescued, %d of them lost more than was hit", rounds, rescued, lost)
	if rescued == 0 || lost > 1+rescued/4 {
		t.Error("the rescue loses too much")
	}
	if copies, err := filepath.Glob(path + ".damaged-*"); err != nil || len(copies) != keptCopies {
		t.Errorf("copies set aside: %v, %v", copies, err)
	}
}

func TestDestroyedFiles(t *testing.T) {
	cases := map[string]struct {
		spoil   func(f []byte) []byte
		rescued bool
	}{
		"no file":         {func([]byte) []byte { return nil }, false},
		"empty":           {func([]byte) []byte { return []byte{} }, false},
		"noise":           {func(f []byte) []byte { return bytes.Repeat([]byte{0xA5, 3}, len(f)/2) }, true},
		"a few bytes":     {func(f []byte) []byte { return f[:100] }, true},
		"cut at half":     {func(f []byte) []byte { return f[:len(f)/8192*4096] }, true},
		"both metas gone": {func(f []byte) []byte { clear(f[:8192]); return f }, true},
	}
	l := filled(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	clean, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	spare, err := os.ReadFile(l.path + ".identity")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			if f := c.spoil(bytes.Clone(clean)); f != nil {
				if err := os.WriteFile(path, f, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path+".identity", spare, 0o600); err != nil {
				t.Fatal(err)
			}
			l := &lab{clock: clock.NewFake(start), path: path}
			l.open(t)
			// However much of the journal is gone, the device stays who it is.
			identity, err := l.Identity()
			if r, was := l.Rescued(); was != c.rescued || err != nil || !bytes.HasSuffix(spare, identity) {
				t.Errorf("rescue %+v (%t), identity %q: %v", r, was, identity, err)
			}
			l.write(t, fault("goes on"))
			l.reopen(t)
			if _, again := l.Rescued(); again {
				t.Error("the rescued file is damaged again")
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The flash loses pages under a running agent: the page fault becomes a rescue, and
// the call that met it succeeds on the new journal.
func TestPageFaultWhileRunning(t *testing.T) {
	l := filled(t)
	id := l.Status().ID
	if err := os.Truncate(l.path, 8192); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Batch(50); err != nil {
		t.Fatal(err)
	}
	r, was := l.Rescued()
	if !was || l.Status().ID == id {
		t.Fatalf("not rescued: %+v", r)
	}
	l.write(t, fault("goes on"))
	l.reopen(t)
}

// A damaged value is noticed when it is read, not only when the file is opened.
func TestDamageWhileRunning(t *testing.T) {
	l := filled(t)
	f, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range f {
		if bytes.HasPrefix(f[at:], []byte("identity")) && f[at-1] != keyKept {
			f[at] = 'X'
		}
	}
	file, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(f, 0); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Kept(keptIdentity); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("a damaged identity: %v", err)
	}
	if _, err := l.Identity(); err != nil {
		t.Errorf("its spare: %v", err)
	}
	if r, was := l.Rescued(); !was || r.Identity || r.Documents != 2 {
		t.Errorf("rescue %+v %t", r, was)
	}
}

// TestPowerCut kills a writing process at any moment, many times over one file: what
// Append returned is there, the chain holds, seqs have no gap, nothing is damaged.
func TestPowerCut(t *testing.T) {
	if path := os.Getenv("JOURNAL_WRITER"); path != "" {
		writeForEver(t, path)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range rounds {
		promised := killWriter(t, path, 1+rnd.IntN(60))
		s, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if r, was := s.Rescued(); was {
			t.Fatalf("round %d: damaged: %+v", round, r)
		}
		if head := s.Status().Head; head < promised {
			t.Fatalf("round %d: %d was returned, the head is %d", round, promised, head)
		}
		checkChain(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killWriter kills it once it has told of n records, and gives the last seq told.
func killWriter(t *testing.T, path string, n int) (promised uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPowerCut$")
	cmd.Env = append(os.Environ(), "JOURNAL_WRITER="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		seq, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatalf("writer says %q", lines.Text())
		}
		promised = seq
		if n--; n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || n > 0 {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return promised
}

func writeForEver(t *testing.T, path string) {
	l := &lab{clock: clock.NewFake(start), path: path}
	l.open(t)
	for n := int64(0); ; n++ {
		began, progress, result := airing(int64(l.Status().Head))
		for _, r := range []radio.Record{began, progress, result} {
			fmt.Println(l.write(t, r).Seq)
		}
		if n%5 == 4 {
			if err := l.Ack(t.Context(), l.Status().ID, l.Status().Head-1, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func checkChain(t *testing.T, s *Store) {
	t.Helper()
	err := s.view(func(tx *tx) error {
		hash := tx.state.BaseHash
		for seq := tx.state.Base + 1; seq <= tx.state.Head; seq++ {
			kept, journal, b, err := tx.record(seq)
			if err != nil {
				return err
			}
			hash = trust.NextHash(hash, b)
			if r, err := radio.ParseRecord(b); err != nil || r.Seq != seq || kept != hash || journal != tx.state.Journal {
				return fmt.Errorf("record %d breaks the chain: %v", seq, err)
			}
		}
		if hash != tx.state.Hash {
			return errors.New("the chain does not end at the head")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunPrunesAndStops(t *testing.T) {
	l := newLab(t)
	l.write(t, fault("old"))
	l.drain(t, 50)
	l.clock.Advance(100 * 24 * time.Hour)
	done := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- l.Run(ctx) }()
	for l.base() == 0 {
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if at, err := l.LastSeen(t.Context()); err != nil || at != radio.At(l.clock.Now()) {
		t.Error("last seen", at, err)
	}
}

func (s *Store) base() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Base
}

// Whatever a file holds, looking at it neither panics nor runs on.
func FuzzReadingAFile(f *testing.F) {
	f.Add([]byte{}, uint32(0), byte(0))
	f.Add([]byte{1, 2, 3}, uint32(8192), byte(0xFF))
	dir := f.TempDir()
	s, err := Open(Options{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(s.Keep(f.Context(), "identity", []byte("me")), s.Close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "journal.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[8192:16384], uint32(8192), byte(0))
	f.Fuzz(func(t *testing.T, patch []byte, at uint32, xor byte) {
		img := bytes.Clone(whole)
		for i, b := range patch {
			img[(int(at)+i)%len(img)] = b ^ xor
		}
		if err := check(img); err != nil {
			salvageFrom(img)
		}
	})
}

func TestDamagedSpare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path+".identity", []byte("0123\n{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &lab{clock: clock.NewFake(start), path: path}
	l.open(t)
	if b, err := l.Identity(); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("a damaged spare was taken: %q, %v", b, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
