package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"loaxa/internal/agent"
	"loaxa/internal/agent/status"
	"loaxa/internal/radio"
)

// The exit codes of the package comment.
const (
	exitFailed       = 1
	exitUsage        = 2
	exitNotEnrolled  = 3
	exitNoAgent      = 4
	exitNotPermitted = 5
	exitRestart      = 6
)

var (
	errUsage = errors.New("used wrongly")
	// errTold: what went wrong was said already.
	errTold = errors.New("told")
)

func exitCode(err error) int {
	switch {
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, agent.ErrRestart):
		return exitRestart
	case errors.Is(err, agent.ErrNotEnrolled):
		return exitNotEnrolled
	case errors.Is(err, status.ErrNoAgent):
		return exitNoAgent
	case errors.Is(err, radio.ErrForbidden):
		return exitNotPermitted
	}
	return exitFailed
}

// env is what a command may touch.
type env struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}

// configVariable names the file where no flag does.
const configVariable = agent.EnvPrefix + "_CONFIG"

// parse reads the flags of a command, among them the one every command has, and
// refuses more arguments than named.
func (e *env) parse(fs *flag.FlagSet, args []string, names ...string) (agent.Config, error) {
	fs.SetOutput(e.err)
	file := fs.String("config", e.variable(configVariable), "configuration `file` (YAML); empty: defaults and "+agent.EnvPrefix+"_… variables")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return agent.Config{}, err
		}
		return agent.Config{}, fmt.Errorf("%w: %w", errTold, errUsage) // flag has said why
	}
	if fs.NArg() != len(names) {
		return agent.Config{}, fmt.Errorf("%w: want %d arguments (%s), got %d", errUsage, len(names), strings.Join(names, " "), fs.NArg())
	}
	settings := slices.DeleteFunc(slices.Clone(e.environ), func(kv string) bool { return strings.HasPrefix(kv, configVariable+"=") })
	cfg, err := agent.LoadConfig(*file, settings)
	if err != nil {
		return cfg, err
	}
	cfg, old := agent.InOldFolder(cfg)
	if old != "" {
		fmt.Fprintf(e.err, "this agent's data lie in %s, where the centre's belong, and are used there; to move them, stop the agent and rename the folder to %s\n", old, agent.DefaultConfig().Data)
	}
	return cfg, nil
}

func (e *env) variable(name string) string {
	for _, kv := range e.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

func flags(name string) *flag.FlagSet {
	return flag.NewFlagSet("loaxa-agent "+name, flag.ContinueOnError)
}

// log goes to stderr; a service manager adds the time it was taken.
func (e *env) log(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
}

// self is the command that starts this program's player child.
func self() ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return []string{path, "player"}, nil
}
