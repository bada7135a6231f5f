package agent

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"

	"loaxa/internal/agent/control"
	"loaxa/internal/agent/playout"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// announced is the test tone that people far away order: a spoken announcement, then
// three seconds of 1 kHz, at about -16 LUFS, in house format at 32 kbit/s. Made like
// the samples of audio/make.sh: say "Đây là âm thử loa của đài truyền thanh. Xin bà con
// thông cảm.", sox -n synth 3 sine 1000 gain -12 fade t 0.05 0 0.1, both joined.
//
//go:embed announced.mp3
var announced []byte

// ErrRestart: Run has ended in good order because a command said so; whoever started
// the agent starts it again.
var ErrRestart = fmt.Errorf("%w: restarting by command", radio.ErrUnavailable)

// openCommands makes the room of commands.
func (a *Agent) openCommands(ctx context.Context, r *rooms) error {
	r.again = make(chan struct{}, 1)
	var err error
	r.commands, err = control.New(control.Options{Journal: r.journal, Clock: r.clock, Proven: r.clock.ProvenThisBoot, Log: a.log,
		Restart: func() {
			select {
			case r.again <- struct{}{}:
			default: // it is under way
			}
		}})
	if err != nil {
		return err
	}
	return r.commands.Load(ctx)
}

// restart ends Run when a command wants that.
func (r *rooms) restart(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.again:
		return ErrRestart
	}
}

// remote is playout in the terms of control.
type remote struct{ *playout.Playout }

// Tone lets the announced tone sound.
func (d remote) Tone(ctx context.Context, c radio.Command, began func(), ended func(radio.Confirmation)) (radio.Reason, error) {
	walked, err := sound.Walk(bytes.NewReader(announced))
	if err != nil {
		return radio.NoReason, fmt.Errorf("test tone: %w", err)
	}
	return d.Playout.Tone(ctx, playout.Tone{ID: c.ToneID(), Key: c.ToneKey(c.IssuedAt), Title: "Âm thử",
		Rendition: radio.Rendition{SHA256: walked.SHA256, Kbps: walked.Kbps, Bytes: walked.Bytes, Frames: walked.Frames,
			Samples: int64(walked.Frames) * radio.FrameSamples},
		Open: func() playout.AudioReader { return io.NopCloser(bytes.NewReader(announced)) }, Began: began, Ended: ended})
}
