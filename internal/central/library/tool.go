package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"time"

	"loaxa/internal/radio"
)

// maxFile bounds every file a tool writes: 48 kHz stereo of the longest source in 16
// bits, or its mono in floating point, with a margin.
func (l Limits) maxFile() int64 { return max(int64(l.Seconds)*200_000+16<<20, l.Bytes) }

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
	denied     []string // decoders that it was not allowed
}

// A reader takes a tool's output. It may stop early by returning an error, and with
// earn it lets the tool have processor time: more for the more it delivers.
type toolReader func(out io.Reader, earn func(total time.Duration)) error

// firstCPU is the processor time of a tool that a reader watches before it has
// delivered anything; a header that keeps a tool busy for nothing costs no more.
const firstCPU = 5 * time.Second

// runTool runs one of the system's programs in the job's folder under the job's
// limits; read, when set, gets its output, and its error is given back. A limit
// reached is a refusal, a tool that does not start or is killed by anything else an
// error.
func runTool(ctx context.Context, j job, read toolReader, path string, args ...string) (toolResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = j.Dir, toolEnv()
	errs := capWriter{max: 32 << 10} // a line about a denied decoder takes one and a half
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
	cpu := j.Limits.CPU
	if read != nil {
		cpu = min(cpu, firstCPU)
	}
	limitErr := errors.Join(limitMemory(cmd.Process.Pid, j.Limits.Memory), limitCPU(cmd.Process.Pid, cpu))
	var readErr error
	if read != nil {
		readErr = read(out, func(total time.Duration) {
			if total = min(total, j.Limits.CPU); total > cpu && limitErr == nil {
				cpu, limitErr = total, limitCPU(cmd.Process.Pid, total)
			}
		})
		if readErr != nil {
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
	return judgeTool(cmd, err, &errs, cpu)
}

func judgeTool(cmd *exec.Cmd, err error, errs *capWriter, cpu time.Duration) (toolResult, error) {
	if state := cmd.ProcessState; err != nil && state != nil && state.UserTime()+state.SystemTime()+100*time.Millisecond >= cpu {
		return toolResult{}, refuse(CodeTooHeavy, "over %s of processor time", cpu)
	}
	// strerror(3) of ENOMEM and EFBIG: the limits of address space and file size.
	for _, limit := range []string{"Cannot allocate memory", "File too large"} {
		if err != nil && bytes.Contains(errs.kept, []byte(limit)) {
			return toolResult{}, refuse(CodeTooHeavy, "%s", limit)
		}
	}
	result := readComplaints(errs)
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

// deniedDecoder is how ffmpeg names a decoder that we keep from it; those of
// pictures come with every video.
var deniedDecoder = regexp.MustCompile(`(?m)^.*Codec \((\w+)\) not on whitelist.*\n(?: *Last message repeated.*\n)?`)

func readComplaints(errs *capWriter) toolResult {
	result := toolResult{complaints: errs.lines, says: firstLine(deniedDecoder.ReplaceAll(errs.kept, nil))}
	for _, m := range deniedDecoder.FindAllSubmatch(errs.kept, -1) {
		result.denied = append(result.denied, string(m[1]))
		result.complaints -= bytes.Count(m[0], []byte{'\n'})
	}
	return result
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
