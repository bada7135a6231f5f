package agent

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"loaxa/internal/agent/amplifier"
	"loaxa/internal/agent/journal"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/agent/status"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
	"loaxa/internal/timetable"
)

// tone is 1 kHz for five seconds at about -16 LUFS, in house format at 32 kbit/s,
// made with the encoder's arguments of design §4 from
//
//	-f lavfi -i sine=frequency=1000:sample_rate=44100:duration=5 -af volume=5dB,afade=t=in:d=0.05,afade=t=out:st=4.9:d=0.1
//
//go:embed tone.mp3
var tone []byte

// toolZone is where a device stands that has not been enrolled yet.
const toolZone = "Asia/Ho_Chi_Minh"

// Tone plays the built-in test tone.
func Tone(ctx context.Context, cfg Config, self []string, log *slog.Logger) (radio.Confirmation, error) {
	return play(ctx, cfg, self, tone, log)
}

// PlayFile plays one house-format file.
func PlayFile(ctx context.Context, cfg Config, self []string, path string, log *slog.Logger) (radio.Confirmation, error) {
	f, err := os.Open(path)
	if err != nil {
		return radio.Confirmation{}, fmt.Errorf("play a file: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, radio.MaxAudioBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return radio.Confirmation{}, fmt.Errorf("play a file: %w", err)
	}
	return play(ctx, cfg, self, data, log)
}

// play lets one sound out through the configured output, within the permitted hours
// and recorded like everything that sounds (origin local). The agent must not run:
// its files and its output are its own.
func play(ctx context.Context, cfg Config, self []string, data []byte, log *slog.Logger) (c radio.Confirmation, err error) {
	walked, err := sound.Walk(bytes.NewReader(data))
	if err != nil {
		return c, fmt.Errorf("play: %w; `loaxa audio check` says more", err)
	}
	if _, err := status.Ask(ctx, cfg.Socket()); err == nil {
		return c, fmt.Errorf("%w: the agent is running; stop it first (systemctl stop loaxa-agent)", radio.ErrConflict)
	}
	rendition := radio.Rendition{SHA256: walked.SHA256, Kbps: walked.Kbps, Bytes: walked.Bytes, Frames: walked.Frames,
		Samples: int64(walked.Frames) * radio.FrameSamples}
	clk, err := clock.New(cfg.clock(), log)
	if err != nil {
		return c, err
	}
	store, err := cfg.openJournal(log)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Start(clk, radio.NewID[radio.BootID]()); err != nil {
		return c, err
	}
	policy, err := storedPolicy(ctx, store, clk, log)
	if err != nil {
		return c, err
	}
	now := clk.Now()
	hours, err := timetable.NewHours(policy)
	if err != nil {
		return c, err
	}
	if !clk.State().Usable() {
		return c, fmt.Errorf("%w: the clock cannot be trusted, so the permitted hours are not known", radio.ErrForbidden)
	}
	zone, err := timetable.LoadZone(policy.Zone)
	if err != nil {
		return c, err
	}
	ok, until := hours.Permits(now, now.Add(rendition.Duration()+openedWithin))
	if !ok {
		return c, fmt.Errorf("%w: %s is outside the permitted hours (%s) for a sound of %s",
			radio.ErrForbidden, zone.In(now).Format("15:04"), policy.Label, rendition.Duration().Round(time.Second))
	}
	env, err := cfg.playerEnv()
	if err != nil {
		return c, err
	}
	p, err := player.New(player.Config{Command: self, Env: env, Stderr: os.Stderr}, log)
	if err != nil {
		return c, err
	}
	t := &tool{store: store, clk: clk, rendition: rendition, data: data, until: until, gain: hours.GainDB(now),
		amplifier: cfg.amplifier(), log: log}
	return t.run(ctx, &players{player: p, output: cfg.output(), log: log})
}

// openedWithin is what opening an output may take at most, for the boundary.
const openedWithin = 5 * time.Second

// tool is one sound outside all programmes.
type tool struct {
	store     *journal.Store
	clk       *clock.System
	rendition radio.Rendition
	data      []byte
	until     time.Time
	gain      float64
	amplifier amplifier.Config
	log       *slog.Logger
}

func (t *tool) run(ctx context.Context, p *players) (radio.Confirmation, error) {
	id := radio.NewID[radio.AiringID]()
	s, err := p.Open(ctx)
	if err != nil {
		return radio.Confirmation{}, err
	}
	off, err := t.power(ctx)
	if err != nil {
		return radio.Confirmation{}, errors.Join(err, gone(s))
	}
	defer off()
	start := radio.At(t.clk.Now())
	if _, err := t.store.Append(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &radio.AiringRecord{
		ID: id, Origin: radio.FromLocal, Start: start, Samples: t.rendition.Samples, SHA256: t.rendition.SHA256}}); err != nil {
		return radio.Confirmation{}, errors.Join(err, gone(s))
	}
	err = s.Play(playout.Item{ID: id, Rendition: t.rendition, GainDB: t.gain,
		EndBy: t.clk.WallToMono(t.until), Audio: io.NopCloser(bytes.NewReader(t.data))})
	c := radio.Confirmation{ID: id, Origin: radio.FromLocal, Start: start, SHA256: t.rendition.SHA256,
		Expected: t.rendition.Samples, GainDB: t.gain, Driver: s.Info().Driver, Output: s.Info().Device, Proof: s.Info().Proof}
	ending := t.follow(ctx, s, &c, off)
	c.Outcome, c.Reason = radio.Decide(c.Expected, c.Consumed, false, ending)
	_, werr := t.store.Append(ctx, radio.Record{Kind: radio.RecordResult, Result: &c})
	return c, errors.Join(err, s.Err(), werr)
}

// gone ends a stream that has nothing to play.
func gone(s playout.Stream) error {
	err := s.Kill()
	for range s.Events() { // until the child is gone
	}
	return err
}

// power switches the amplifier on and returns when it is warm; off ends that. A switch
// that fails is told, and the sound tried all the same.
func (t *tool) power(ctx context.Context) (off func(), err error) {
	if !t.amplifier.Present() {
		return func() {}, nil
	}
	a, err := amplifier.New(t.amplifier, t.clk.Mono, told{t.log}, t.log)
	if err != nil {
		return nil, err
	}
	a.Want(true)
	around, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(around) }()
	off = sync.OnceFunc(func() { end(); <-ended })
	var warm <-chan time.Time
	for {
		changed := a.Changed()
		switch state, _ := a.Power(); {
		case state == radio.AmplifierFailed:
			return off, nil
		case state == radio.AmplifierOn && warm == nil:
			warm = time.After(a.WarmUp())
		}
		select {
		case <-warm:
			return off, nil
		case <-changed:
		case <-ctx.Done():
			off()
			return nil, fmt.Errorf("switch the amplifier on: %w", ctx.Err())
		}
	}
}

// told is for tools: their faults are words for the person who runs them.
type told struct{ log *slog.Logger }

// Raise says it.
func (t told) Raise(_ context.Context, code, text string) {
	t.log.Error("fault", "code", code, "text", text)
}

// Clear has nothing to close.
func (told) Clear(context.Context, string) {}

// follow takes the stream's events until the child is gone.
func (t *tool) follow(ctx context.Context, s playout.Stream, c *radio.Confirmation, off func()) radio.Ending {
	ending := radio.EndOutput // what it is when the stream dies
	done := ctx.Done()
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				return ending
			}
			at := radio.At(t.clk.Now().Add(e.At - t.clk.Mono()))
			c.Consumed = max(c.Consumed, e.Consumed)
			c.SilenceMS = max(c.SilenceMS, radio.SamplesDuration(e.Silent).Milliseconds())
			switch e.Kind {
			case playout.Started:
				c.StartedAt = at
			case playout.Ended:
				ending, c.EndedAt = e.Ending, at
				off() // while there is a player that would do it for us
				if err := s.Close(); err != nil {
					t.log.Debug("close the player", "error", err)
				}
			}
		case <-done:
			done = nil
			if err := s.Stop(c.ID); err != nil {
				ending = radio.EndStopped
			}
		}
	}
}
