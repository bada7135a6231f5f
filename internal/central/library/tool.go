package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"loaxa/internal/radio"
)

// maxFile bounds every file a tool writes: 48 kHz stereo of the longest source in 16
// bits, or its mono in floating point, with a margin.
func (l Limits) maxFile() int64 { return int64(l.Seconds)*200_000 + 16<<20 }

// toolEnv is all that children and tools see of the environment. C keeps the few
// system messages we read in English.
func toolEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// capWriter keeps the first max bytes, and counts the rest and the lines.
type capWriter struct {
	max   int
	kept  []byte
	lost  int
	lines int
}

func (c *capWriter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte{'\n'})
	keep := min(len(p), c.max-len(c.kept))
	c.kept = append(c.kept, p[:keep]...)
	c.lost += len(p) - keep
	return len(p), nil
}

// toolResult is what is left of a tool that ran and ended by itself.
type toolResult struct {
	failed     bool // exit code other than 0
	complaints int  // lines on its error output
	says       string
}

// runTool runs one of the system's programs in the job's folder under the job's
// limits; read, when set, gets its output and may stop early by returning an error,
// which runTool gives back. A limit reached is a refusal, a tool that does not start
// or is killed by anything else an error.
func runTool(ctx context.Context, j job, read func(io.Reader) error, path string, args ...string) (toolResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = j.Dir, toolEnv()
	errs := capWriter{max: 8 << 10}
	cmd.Stderr = &errs
	var out io.Reader
	if read != nil {
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			return toolResult{}, fmt.Errorf("start %s: %w", path, err)
		}
		out = pipe
	}
	if err := cmd.Start(); err != nil {
		return toolResult{}, fmt.Errorf("start %s: %w", path, err)
	}
	limitErr := limitTool(cmd.Process.Pid, j.Limits)
	var readErr error
	if read != nil {
		if readErr = read(out); readErr != nil {
			cancel()
		}
	}
	err := cmd.Wait()
	switch {
	case readErr != nil:
		return toolResult{}, readErr
	case limitErr != nil:
		return toolResult{}, limitErr
	}
	return judgeTool(cmd, err, &errs, j.Limits)
}

func judgeTool(cmd *exec.Cmd, err error, errs *capWriter, l Limits) (toolResult, error) {
	if state := cmd.ProcessState; state != nil && state.UserTime()+state.SystemTime() >= l.CPU {
		return toolResult{}, refuse(CodeTooHeavy, "over %s of processor time", l.CPU)
	}
	// strerror(3) of ENOMEM and EFBIG: the limits of address space and file size.
	for _, limit := range []string{"Cannot allocate memory", "File too large"} {
		if err != nil && bytes.Contains(errs.kept, []byte(limit)) {
			return toolResult{}, refuse(CodeTooHeavy, "%s", limit)
		}
	}
	result := toolResult{complaints: errs.lines, says: firstLine(errs.kept)}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && exit.ExitCode() < 126 {
		result.failed = true
		return result, nil
	}
	if err != nil {
		return toolResult{}, fmt.Errorf("%w: run %s: %w: %s", radio.ErrUnavailable, cmd.Path, err, result.says)
	}
	return result, nil
}

// firstLine gives the beginning of a tool's complaint, fit for one line of a report.
func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte{'\n'})
	line = line[:min(len(line), 160)]
	return string(bytes.ToValidUTF8(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line), nil))
}
