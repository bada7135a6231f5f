package library

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
)

// tools are the paths of the system's programs; empty when missing.
type tools struct {
	FFmpeg, FFprobe, Mpg123 string
}

// job is the one line that the parent writes to the child.
type job struct {
	Dir    string
	Limits Limits
	Tools  tools
}

// answer is the one line that the child writes back; one field is set.
type answer struct {
	Prepared *Prepared `json:",omitempty"`
	Refused  *Refused  `json:",omitempty"`
	Broken   string    `json:",omitempty"`
}

const (
	maxJob    = 64 << 10
	maxAnswer = 64 << 10
	// childMemory is the Go heap the child aims to stay under; it streams everything.
	childMemory = 256 << 20
)

// ChildMain is the whole of the hidden subcommand `loaxa audio intake-child`: it
// reads one job from in, works on it under the job's limits and writes one answer
// to out. in stays open while the parent lives; when it ends, the child ends its
// process group, so that no tool outlives the centre. It gives the exit code.
func ChildMain(in io.Reader, out io.Writer) int {
	lines := bufio.NewReaderSize(in, maxJob)
	line, err := lines.ReadSlice('\n')
	if err != nil {
		return tell(out, answer{Broken: fmt.Sprintf("read the job: %v", err)})
	}
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return tell(out, answer{Broken: fmt.Sprintf("read the job: %v", err)})
	}
	debug.SetMemoryLimit(childMemory)
	if err := limitSelf(j.Limits); err != nil {
		return tell(out, answer{Broken: err.Error()})
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Limits.Wall)
	defer cancel()
	go func() {
		// Only the parent's end makes this return.
		if _, err := io.Copy(io.Discard, lines); err == nil {
			endGroup()
		}
	}()
	p, err := work(ctx, j)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return tell(out, answer{Refused: refused})
	case err != nil:
		return tell(out, answer{Broken: err.Error()})
	}
	return tell(out, answer{Prepared: p})
}

func tell(out io.Writer, a answer) int {
	if err := json.NewEncoder(out).Encode(a); err != nil {
		return 1 // nobody is left to tell
	}
	return 0
}
