package main

import (
	"context"
	"fmt"
	"log/slog"

	"loaxa/internal/agent"
)

// switchAmplifier is for whoever comes after an agent: the service manager, a wrapper.
func switchAmplifier(ctx context.Context, e *env, args []string) error {
	fs := flags("amplifier")
	cfg, err := e.parse(fs, args, "off")
	if err != nil {
		return err
	}
	if fs.Arg(0) != "off" {
		return fmt.Errorf("%w: only off; the agent alone switches on", errUsage)
	}
	return agent.AmplifierOff(ctx, cfg, e.log(slog.LevelWarn))
}

func runAgent(ctx context.Context, e *env, args []string) error {
	cfg, err := e.parse(flags("run"), args)
	if err != nil {
		return err
	}
	level, err := cfg.Level()
	if err != nil {
		return err
	}
	command, err := self()
	if err != nil {
		return err
	}
	return agent.New(cfg, command, e.log(level)).Run(ctx)
}
