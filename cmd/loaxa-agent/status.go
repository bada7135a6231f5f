package main

import (
	"context"
	"encoding/json"
	"fmt"

	"loaxa/internal/agent/status"
)

func showStatus(ctx context.Context, e *env, args []string) error {
	fs := flags("status")
	asJSON := fs.Bool("json", false, "print the whole status as JSON")
	socket := fs.String("socket", "", "the agent's `path`, instead of the one in the configuration")
	cfg, err := e.parse(fs, args)
	if err != nil {
		return err
	}
	if *socket == "" {
		*socket = cfg.Socket()
	}
	s, err := status.Ask(ctx, *socket)
	if err != nil {
		return err
	}
	if !*asJSON {
		return status.WriteText(e.out, s)
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	_, err = fmt.Fprintf(e.out, "%s\n", b)
	return err
}
