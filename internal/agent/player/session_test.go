package player

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// TestMain: the test binary is also the child it starts, good or bad.
func TestMain(m *testing.M) {
	opened := func() {
		// Not before it was asked: its parent would else find a closed pipe.
		if _, err := (&frameReader{r: os.Stdin}).next(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(`{"kind":"opened","driver":"null"}`)
	}
	switch os.Getenv("PLAYER_CHILD") {
	case "":
		os.Exit(m.Run())
	case "good":
		if err := ChildMain(context.Background(), os.Stdin, os.Stdout, silentLog); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "dies":
		opened()
		os.Exit(3)
	case "hangs":
		opened()
		select {}
	case "says nothing":
		select {}
	case "garbage":
		opened()
		fmt.Println("ALSA lib pcm.c:2666: Unknown PCM")
		select {}
	case "endless line":
		opened()
		for {
			fmt.Print(strings.Repeat("x", 4096))
		}
	case "ends foreign item":
		opened()
		fmt.Println(`{"kind":"ended","seq":99,"reason":"complete"}`)
		fmt.Println(`{"kind":"closed"}`)
	}
}

// file is an item's audio that counts how often it was closed.
type file struct {
	io.Reader
	closed atomic.Int32
}

func (f *file) Close() error { f.closed.Add(1); return nil }

func start(t *testing.T, kind string, out output.Config, env ...string) *Session {
	t.Helper()
	p, err := New(Config{Command: []string{os.Args[0]}, Stderr: testWriter{t},
		Env: append(append(os.Environ(), env...), "PLAYER_CHILD="+kind)}, silentLog)
	if err != nil {
		t.Fatal(err)
	}
	p.limits = limits{open: 3 * time.Second, silent: 3 * time.Second, exit: 2 * time.Second}
	s, err := p.Start(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill(); <-s.done })
	return s
}

// testWriter shows what a child complains of.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) { w.t.Logf("child: %s", p); return len(p), nil }

// until reads events up to the first of a kind, or all of them for Closed.
func until(t *testing.T, s *Session, kind EventKind) []Event {
	t.Helper()
	var all []Event
	late := time.After(60 * time.Second)
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				t.Fatalf("no %s: %+v", kind, all)
			}
			all = append(all, e)
			if e.Kind == kind {
				if kind == Closed {
					if e, ok := <-s.Events(); ok {
						t.Fatalf("%+v after the last event", e)
					}
					<-s.done
					if s.cmd.ProcessState == nil {
						t.Fatal("a process is left")
					}
				}
				return all
			}
		case <-late:
			t.Fatalf("no %s in time: %+v", kind, all)
		}
	}
}

func pick(events []Event, kind EventKind) []Event {
	return slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Kind != kind })
}

func TestSession(t *testing.T) {
	a := house(t, 1)
	dir := t.TempDir()
	s := start(t, "good", output.Config{Driver: output.DriverWAV, Dir: dir})
	one, two := &file{Reader: bytes.NewReader(a.bytes)}, &file{Reader: io.MultiReader(
		bytes.NewReader(a.bytes[:9000]), brokenReader{errors.New("chunk 1 does not match its hash")})}
	item := a.item
	item.SkipFrames = 80 // keep the test short
	for i, f := range []*file{one, two} {
		if seq, err := s.Play(item, f); err != nil || seq != i+1 {
			t.Fatalf("play: %d, %v", seq, err)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	events := until(t, s, Closed)
	if e := events[0]; e.Kind != Opened || e.Driver != output.DriverWAV || e.Device != dir || e.Proof != output.ProofPaced {
		t.Fatalf("%+v", e)
	}
	if e := events[len(events)-1]; e.Text != "" {
		t.Fatalf("closed: %s", e.Text)
	}
	ended := pick(events, Ended)
	slices.SortFunc(ended, func(a, b Event) int { return a.Seq - b.Seq }) // what never began is told at once
	if len(ended) != 2 || ended[0].Reason != Complete || ended[0].Consumed != item.Expected() ||
		ended[1].Reason != Source || !strings.Contains(ended[1].Text, "hash") {
		t.Fatalf("%+v", ended)
	}
	if one.closed.Load() != 1 || two.closed.Load() != 1 {
		t.Fatalf("audio closed %d and %d times", one.closed.Load(), two.closed.Load())
	}
	late := &file{Reader: bytes.NewReader(a.bytes)}
	if _, err := s.Play(item, late); !errors.Is(err, radio.ErrUnavailable) || late.closed.Load() != 1 {
		t.Fatalf("play after the end: %v", err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

func TestChildKilledWhileSounding(t *testing.T) {
	a := house(t, 2)
	s := start(t, "good", output.Config{Driver: output.DriverNull})
	f := &file{Reader: bytes.NewReader(a.bytes)}
	waiting := &file{Reader: bytes.NewReader(a.bytes)}
	if _, err := s.Play(a.item, f); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Play(a.item, waiting); err != nil {
		t.Fatal(err)
	}
	until(t, s, Started)
	until(t, s, Progressed)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	events := until(t, s, Closed)
	ended := pick(events, Ended)
	if len(ended) != 2 || ended[0].Seq != 1 || ended[0].Reason != Child || ended[1].Reason != Child ||
		ended[0].Expected != a.item.Expected() || ended[1].Consumed != 0 {
		t.Fatalf("%+v", ended)
	}
	faults := pick(events, Faulted)
	if len(faults) != 1 || faults[0].Code != FaultChild || events[len(events)-1].Text == "" {
		t.Fatalf("%+v", events)
	}
	if f.closed.Load() != 1 || waiting.closed.Load() != 1 {
		t.Fatal("audio left open")
	}
}

func TestBadChildren(t *testing.T) {
	a := house(t, 1)
	for _, kind := range []string{"dies", "hangs", "says nothing", "garbage", "endless line"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, kind, output.Config{Driver: output.DriverNull})
			f := &file{Reader: bytes.NewReader(a.bytes)}
			taken := 1
			if _, err := s.Play(a.item, f); err != nil {
				taken = 0 // it died before it was given anything
			}
			events := until(t, s, Closed)
			ended := pick(events, Ended)
			if len(ended) != taken || taken == 1 && ended[0].Reason != Child || len(pick(events, Faulted)) != 1 {
				t.Fatalf("%+v", events)
			}
			t.Log(events[len(events)-1].Text)
			if f.closed.Load() != 1 {
				t.Fatal("audio left open")
			}
		})
	}
	t.Run("ends foreign item", func(t *testing.T) {
		t.Parallel()
		s := start(t, "ends foreign item", output.Config{Driver: output.DriverNull})
		if events := until(t, s, Closed); len(pick(events, Ended)) != 0 {
			t.Fatalf("%+v", events)
		}
	})
}

func TestCloseAndContext(t *testing.T) {
	a := house(t, 2)
	tests := map[string]func(s *Session, cancel func()){
		"close": func(s *Session, _ func()) { s.Close(); s.Close() },
		"ctx":   func(_ *Session, cancel func()) { cancel() },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := New(Config{Command: []string{os.Args[0]}, Env: append(os.Environ(), "PLAYER_CHILD=good")}, silentLog)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := p.Start(ctx, output.Config{Driver: output.DriverNull})
			if err != nil {
				t.Fatal(err)
			}
			f := &file{Reader: bytes.NewReader(a.bytes)}
			if _, err := s.Play(a.item, f); err != nil {
				t.Fatal(err)
			}
			until(t, s, Started)
			begun := clock.Mono()
			end(s, cancel)
			events := until(t, s, Closed)
			if took := clock.Mono() - begun; took > 3*time.Second {
				t.Fatalf("gone after %v", took)
			}
			ended := pick(events, Ended)
			if len(ended) != 1 || ended[0].Reason != Stopped || events[len(events)-1].Text != "" || f.closed.Load() != 1 {
				t.Fatalf("%+v", events)
			}
		})
	}
}

func TestStartRefusals(t *testing.T) {
	if _, err := New(Config{}, silentLog); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("no command: %v", err)
	}
	p, err := New(Config{Command: []string{"/nonexistent/player"}}, silentLog)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Start(t.Context(), output.Config{Driver: output.DriverNull}); err == nil {
		t.Fatal("started a program that is not there")
	}
	if _, err := p.Start(t.Context(), output.Config{Driver: "radio"}); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("bad output: %v", err)
	}
}

func TestPlayRefusals(t *testing.T) {
	a := house(t, 1)
	s := start(t, "hangs", output.Config{Driver: output.DriverNull})
	for name, spoil := range map[string]func(*Item){
		"no frames":  func(i *Item) { i.Frames = 0 },
		"all head":   func(i *Item) { i.Head = i.Frames * radio.FrameSamples },
		"skips all":  func(i *Item) { i.SkipFrames = i.Frames },
		"too loud":   func(i *Item) { i.GainDB = 40 },
		"before all": func(i *Item) { i.Start = -1 },
	} {
		item, f := a.item, &file{Reader: bytes.NewReader(nil)}
		spoil(&item)
		if _, err := s.Play(item, f); !errors.Is(err, radio.ErrInvalid) || f.closed.Load() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range maxQueue {
		if _, err := s.Play(a.item, &file{Reader: bytes.NewReader(nil)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Play(a.item, &file{Reader: bytes.NewReader(nil)}); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("one too many: %v", err)
	}
}
