package main

import (
	"context"

	"loaxa/internal/agent"
)

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
