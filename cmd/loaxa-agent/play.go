package main

import (
	"context"
	"fmt"
	"log/slog"

	"loaxa/internal/agent"
	"loaxa/internal/radio"
)

func playFile(ctx context.Context, e *env, args []string) error {
	fs := flags("play")
	cfg, err := e.parse(fs, args, "FILE")
	if err != nil {
		return err
	}
	return e.tool(func(self []string, log *slog.Logger) (radio.Confirmation, error) {
		return agent.PlayFile(ctx, cfg, self, fs.Arg(0), log)
	})
}

func testTone(ctx context.Context, e *env, args []string) error {
	cfg, err := e.parse(flags("test-tone"), args)
	if err != nil {
		return err
	}
	return e.tool(func(self []string, log *slog.Logger) (radio.Confirmation, error) {
		return agent.Tone(ctx, cfg, self, log)
	})
}

// tool plays one sound and says how it ended.
func (e *env) tool(play func([]string, *slog.Logger) (radio.Confirmation, error)) error {
	command, err := self()
	if err != nil {
		return err
	}
	c, err := play(command, e.log(slog.LevelWarn))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s %s: %.1f of %.1f s to %s %s (%s)\n", c.Outcome, c.Reason,
		float64(c.Consumed)/radio.SampleRate, float64(c.Expected)/radio.SampleRate, c.Driver, c.Output, c.Proof)
	if err == nil && c.Outcome != radio.Aired {
		return fmt.Errorf("%s: %s", c.Outcome, c.Reason)
	}
	return err
}
