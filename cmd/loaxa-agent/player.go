package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"runtime"
	"syscall"

	"loaxa/internal/agent/player"
)

// runPlayer is the child: frames on stdin, events on stdout. It ends when stdin
// closes, so signals meant for the agent (Ctrl-C reaches the whole group) are for
// the parent to act on: it fades and writes down what sounded.
func runPlayer(_ context.Context, e *env, args []string) error {
	if len(args) != 0 {
		return fmt.Errorf("%w: the player is started by the agent", errUsage)
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	// It decodes for a moment and rests: threads that look for work besides cost more
	// than they help, and the other cores are the agent's.
	runtime.GOMAXPROCS(1)
	return player.ChildMain(context.Background(), e.in, e.out, e.log(slog.LevelInfo).With("component", "player"))
}
