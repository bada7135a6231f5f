//go:build !linux

package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"loaxa/internal/radio"
)

var errOverRSS = errors.New("the process group used too much memory")

// runGroup without Linux's process groups and limits: only time is bounded. The
// centre is made for Linux; this lets developers elsewhere build and try it.
func runGroup(ctx context.Context, command []string, input []byte, _ int64) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = toolEnv()
	out, errs := capWriter{max: maxAnswer}, capWriter{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &out, &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the intake child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: start the intake child: %w", radio.ErrUnavailable, err)
	}
	_, writeErr := stdin.Write(input)
	err = errors.Join(cmd.Wait(), writeErr)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: intake child: %w: %s", radio.ErrUnavailable, err, bytes.TrimSpace(errs.kept))
	}
	return out.kept, nil
}

func endGroup() { os.Exit(1) }

func limitSelf(Limits) error { return nil }

func limitMemory(int, int64) error { return nil }

func limitCPU(int, time.Duration) error { return nil }
