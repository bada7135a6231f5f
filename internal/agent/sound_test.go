package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/journal"
	"loaxa/internal/agent/output"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/config"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// bePlayer makes the test's own program act as the player's child.
const bePlayer = "TEST_BE_LOAXA_PLAYER"

func TestMain(m *testing.M) {
	if os.Getenv(bePlayer) != "" {
		if err := player.ChildMain(context.Background(), os.Stdin, os.Stdout, slog.New(slog.DiscardHandler)); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func needProcesses(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real player processes")
	}
}

func childPlayers(t *testing.T, command ...string) *players {
	t.Helper()
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		command = []string{self}
	}
	log := slog.New(slog.DiscardHandler)
	p, err := player.New(player.Config{Command: command, Env: append(os.Environ(), bePlayer+"=1")}, log)
	if err != nil {
		t.Fatal(err)
	}
	return &players{player: p, output: output.Config{Driver: output.DriverNull}, log: log}
}

func toneItem(t *testing.T, in time.Duration) playout.Item {
	t.Helper()
	w, err := sound.Walk(bytes.NewReader(tone))
	if err != nil {
		t.Fatal(err)
	}
	return playout.Item{ID: radio.NewID[radio.AiringID](), At: clock.Mono() + in,
		Rendition: radio.Rendition{SHA256: w.SHA256, Kbps: w.Kbps, Bytes: w.Bytes, Frames: w.Frames, Samples: int64(w.Frames) * radio.FrameSamples},
		Audio:     io.NopCloser(bytes.NewReader(tone))}
}

// next waits for one kind of event.
func next(t *testing.T, s playout.Stream, kind playout.EventKind, id radio.AiringID) playout.Event {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				t.Fatalf("the stream ended: %v", s.Err())
			}
			if e.Kind == kind && e.ID == id {
				return e
			}
		case <-deadline:
			t.Fatal("no word from the player")
		}
	}
}

func TestStreamPlaysAndTakesBack(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	s, err := childPlayers(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Info().Driver != "null" || s.Info().Proof != "paced" {
		t.Errorf("info %+v", s.Info())
	}
	first, second := toneItem(t, 3*time.Second), toneItem(t, 40*time.Second)
	for _, it := range []playout.Item{first, second} {
		if err := s.Play(it); err != nil {
			t.Fatal(err)
		}
	}
	if started := next(t, s, playout.Started, first.ID); started.At < first.At-50*time.Millisecond {
		t.Errorf("began %v before its instant", first.At-started.At)
	}
	// Taking back the one that waits leaves the one that sounds alone.
	if err := s.Stop(second.ID); err != nil {
		t.Fatal(err)
	}
	if e := next(t, s, playout.Ended, second.ID); e.Ending != radio.EndStopped || e.Consumed != 0 {
		t.Errorf("taken back: %+v", e)
	}
	if e := next(t, s, playout.Ended, first.ID); e.Ending != radio.EndComplete || e.Consumed+e.Skipped != first.Rendition.Samples {
		t.Errorf("ended: %+v, want all of %d", e, first.Rendition.Samples)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range s.Events() {
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestStreamKilled(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	s, err := childPlayers(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	it := toneItem(t, 500*time.Millisecond)
	if err := s.Play(it); err != nil {
		t.Fatal(err)
	}
	next(t, s, playout.Started, it.ID)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for e := range s.Events() {
		if e.Kind == playout.Ended {
			t.Errorf("an item of a killed player ended: %+v; it goes on with the next player", e)
		}
	}
	if s.Err() == nil {
		t.Error("no reason for the death")
	}
}

func TestOpenFails(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	for name, command := range map[string][]string{
		"no such program": {"/nowhere/loaxa-agent", "player"},
		"ends at once":    {"/bin/false"},
		"talks nonsense":  {"/bin/sh", "-c", "echo hello; sleep 60"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := childPlayers(t, command...).Open(t.Context()); err == nil {
				t.Error("opened")
			}
		})
	}
	t.Run("says nothing", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := childPlayers(t, "/bin/sh", "-c", "cat >/dev/null").Open(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// A tone that is interrupted is faded out and written down, like all that sounds.
func TestToneInterruptedIsRecorded(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	zone := time.FixedZone("ICT", 7*3600)
	now := time.Now().In(zone)
	ten := time.Date(now.Year(), now.Month(), now.Day(), 10, 0, 0, 0, zone)
	cfg := DefaultConfig()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.Status.Socket = filepath.Join(cfg.Data, "s")
	cfg.Output.Driver = output.DriverNull
	cfg.Clock = ClockConfig{Assumed: true, Offset: config.Duration(ten.Sub(now))}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	c, err := Tone(ctx, cfg, []string{"/usr/bin/env", bePlayer + "=1", self}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.Outcome != radio.Partial || c.Reason != radio.ReasonStopped || c.Consumed == 0 || c.Consumed >= c.Expected {
		t.Errorf("confirmation %+v", c)
	}
	store, err := journal.Open(journal.Options{Path: cfg.journalPath()})
	if err != nil {
		t.Fatal(err)
	}
	recent, err := store.Recent(t.Context(), 5)
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if len(recent) != 1 || recent[0].Origin != radio.FromLocal || recent[0].Consumed != c.Consumed || !strings.HasPrefix(recent[0].Proof, "paced") {
		t.Errorf("journal %+v", recent)
	}
}
