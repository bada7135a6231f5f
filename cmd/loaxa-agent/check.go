package main

import (
	"context"
	"fmt"
	"log/slog"

	"loaxa/internal/agent"
	"loaxa/internal/config"
	"loaxa/internal/radio"
)

func check(ctx context.Context, e *env, args []string) error {
	cfg, err := e.parse(flags("check"), args)
	if err != nil {
		return err
	}
	text, err := config.Print(cfg)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(e.out, text); err != nil {
		return err
	}
	report, err := agent.Check(ctx, cfg, e.log(slog.LevelWarn))
	if err != nil {
		return err
	}
	for _, line := range report {
		if _, err := fmt.Fprintln(e.out, "# "+line); err != nil {
			return err
		}
	}
	return nil
}

func version(_ context.Context, e *env, _ []string) error {
	_, err := fmt.Fprintln(e.out, radio.Version)
	return err
}
