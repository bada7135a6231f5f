package pin

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// store outlives a Pin, as the journal does, and keeps the audit.
type store struct {
	mu    sync.Mutex
	kept  map[string][]byte
	full  bool
	audit []string
}

func (s *store) Keep(_ context.Context, name string, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("no space left on device")
	}
	if s.kept == nil {
		s.kept = map[string][]byte{}
	}
	s.kept[name] = v
	return nil
}

func (s *store) Kept(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.kept[name]; ok {
		return v, nil
	}
	return nil, radio.ErrNotFound
}

func (s *store) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return r, errors.New("no space left on device")
	}
	r.Seq = uint64(len(s.audit) + 1)
	s.audit = append(s.audit, r.Security.What+": "+r.Security.Text)
	return r, r.Check()
}

// cheap lets tests try often.
func cheap(s *store) *Pin {
	p := New(s, s, slog.New(slog.DiscardHandler))
	p.cost = cost{time: 1, memory: 8, lanes: 1}
	return p
}

const good, bad = "482913", "482914"

func set(t *testing.T, s *store) *Pin {
	t.Helper()
	p := cheap(s)
	if err := p.Set(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	return p
}

// try gives what a check says in short.
func try(t *testing.T, p *Pin, pin string, now time.Duration) Refused {
	t.Helper()
	return tryFrom(t, p, "192.168.1.20", pin, now)
}

func tryFrom(t *testing.T, p *Pin, from, pin string, now time.Duration) Refused {
	t.Helper()
	err := p.Check(t.Context(), pin, from, now)
	if err == nil {
		return Refused{Left: -1}
	}
	var r *Refused
	if !errors.As(err, &r) || !errors.Is(err, radio.ErrForbidden) {
		t.Fatal(err)
	}
	return *r
}

var right = Refused{Left: -1}

func TestFiveTriesThenAWait(t *testing.T) {
	s := &store{}
	p := set(t, s)
	now := time.Hour
	for left := Tries - 1; left > 0; left-- {
		if got := try(t, p, bad, now); got != (Refused{Left: left}) {
			t.Fatalf("%+v, want %d left", got, left)
		}
	}
	wait := firstWait
	for range 10 {
		if got := try(t, p, bad, now); got != (Refused{Wait: wait}) {
			t.Fatalf("%+v, want a wait of %s", got, wait)
		}
		// Meanwhile the right one does not help either, and costs nothing.
		if got := try(t, p, good, now+wait-time.Second); got != (Refused{Wait: time.Second}) {
			t.Fatalf("during the wait %+v", got)
		}
		now, wait = now+wait, min(2*wait, longest)
	}
	if got := try(t, p, good, now); got != right {
		t.Fatalf("after the wait %+v", got)
	}
	if got := try(t, p, bad, now); got != (Refused{Left: Tries - 1}) {
		t.Errorf("counting does not begin anew: %+v", got)
	}
	if n := len(s.audit); n != 1+14+1+1 || s.audit[0] != "pin: set" || s.audit[5] != "pin: wrong, 5 in a row from 192.168.1.20, 5 in all" || s.audit[n-2] != "pin: right from 192.168.1.20" {
		t.Errorf("audit %q", s.audit)
	}
}

func TestARestartGivesNoTries(t *testing.T) {
	s := &store{}
	p := set(t, s)
	for range 3 {
		try(t, p, bad, time.Hour)
	}
	p = cheap(s) // and Mono begins at 0 again
	if got := try(t, p, bad, time.Second); got != (Refused{Left: 1}) {
		t.Fatalf("%+v", got)
	}
	if got := try(t, p, bad, time.Second); got != (Refused{Wait: firstWait}) {
		t.Fatalf("%+v", got)
	}
	p = cheap(s)
	if got := try(t, p, good, 2*time.Second); got != (Refused{Wait: firstWait}) {
		t.Fatalf("after the restart %+v", got)
	}
	if got := try(t, p, good, 2*time.Second+firstWait); got != right {
		t.Errorf("%+v", got)
	}
}

// Killed in the middle of a check, it has counted.
func TestCountedBeforeLookedAt(t *testing.T) {
	s := &store{}
	set(t, s)
	hash, err := ours.hash(good) // any
	if err != nil {
		t.Fatal(err)
	}
	s.kept[keptHash] = []byte(hash)
	p := cheap(s)
	p.records = dying{}
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("still alive")
			}
		}()
		_ = p.Check(t.Context(), bad, "192.168.1.20", 0)
	}()
	if got := try(t, cheap(s), bad, 0); got != (Refused{Left: Tries - 2}) {
		t.Errorf("%+v", got)
	}
}

type dying struct{}

func (dying) Append(context.Context, radio.Record) (radio.Record, error) { panic("power cut") }

func TestStoreInTrouble(t *testing.T) {
	t.Run("a full disk keeps nobody from stopping a siren", func(t *testing.T) {
		s := &store{}
		p := set(t, s)
		s.full = true
		if got := try(t, p, good, 0); got != right {
			t.Errorf("%+v", got)
		}
		for range Tries {
			try(t, p, bad, 0)
		}
		if got := try(t, p, good, 0); got.Wait == 0 {
			t.Error("it does not count")
		}
	})
	t.Run("a damaged count counts as used up", func(t *testing.T) {
		s := &store{}
		set(t, s)
		s.kept[keptTries] = []byte("{")
		if got := try(t, cheap(s), good, 0); got != (Refused{Wait: betweenAll}) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a damaged hash opens nothing", func(t *testing.T) {
		for _, hash := range []string{"", "x", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=8,t=0,p=0$AAAA$AAAA"} {
			s := &store{}
			set(t, s)
			s.kept[keptHash] = []byte(hash)
			for _, pin := range []string{good, "", "000000"} {
				if got := try(t, cheap(s), pin, time.Hour*24); got == right {
					t.Errorf("%q opens %q", pin, hash)
				}
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		s := &store{}
		if err := cheap(s).Check(t.Context(), good, "192.168.1.20", 0); !errors.Is(err, ErrNotSet) || !errors.Is(err, radio.ErrForbidden) || cheap(s).IsSet() {
			t.Errorf("%v", err)
		}
	})
}

func TestForm(t *testing.T) {
	s := &store{}
	p := cheap(s)
	for _, pin := range []string{"", "12345", "1234567890123", "12345a", "４８２９１３", "111111", "123456", "654321", "012345", "890123", " 482913"} {
		if err := p.Set(t.Context(), pin); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q: %v", pin, err)
		}
	}
	if p.IsSet() {
		t.Error("set")
	}
	for _, pin := range []string{good, "111112", "482913482913"} {
		if err := p.Set(t.Context(), pin); err != nil || try(t, p, pin, 0) != right {
			t.Errorf("%q: %v", pin, err)
		}
	}
}

// The hash as shipped, once: it is not the PIN, and differs each time.
func TestHash(t *testing.T) {
	one, err1 := ours.hash(good)
	two, err2 := ours.hash(good)
	if err := errors.Join(err1, err2); err != nil || one == two || !matches(one, good) || !matches(two, good) || matches(one, bad) {
		t.Errorf("%v: %s, %s", err, one, two)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := &store{}
	p := set(t, s)
	var wg sync.WaitGroup
	got := make([]error, 50)
	for i := range got {
		wg.Go(func() { got[i] = p.Check(t.Context(), bad, "192.168.1.20", 0) })
	}
	wg.Wait()
	if n := len(slices.DeleteFunc(got, func(err error) bool { var r *Refused; return errors.As(err, &r) && r.Wait > 0 })); n != Tries-1 {
		t.Errorf("%d tries went through without a wait", n)
	}
}
