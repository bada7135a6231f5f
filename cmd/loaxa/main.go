// Command loaxa is the centre of Loa Xã: it serves, imports schedules, checks audio,
// keeps accounts, keys and devices, and prints the confirmation log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"loaxa/internal/central"
	"loaxa/internal/config"
	"loaxa/internal/radio"
)

// command is one subcommand: its flags, then its work. The exit code counts when the
// error is nil; an error exits with 1.
type command struct {
	name, use string
	run       func(ctx context.Context, e *env, args []string) (int, error)
}

func commands() []command {
	return []command{
		{"serve", "run the centre", serve},
		{"demo", "run the centre and three agents on this machine and tell what happens", demo},
		{"import", "lay down areas, devices, bulletins and schedules from a folder", importFolder},
		{"audio", "audio check FILE…: judge files as an upload would be", audioCommand},
		{"log", "print the confirmation log", printLog},
		{"user", "user add|invite|reset|password|grant|revoke|disable|enable|list: accounts of people", userCommand},
		{"device", "device add|show|list: loudspeaker clusters and their enrolment codes", deviceCommand},
		{"key", "key root|sign|person: the root key, the keyring it signs, keys of persons", keyCommand},
		{"alert", "alert send|sign|cancel|list|show: emergencies and drills", alertCommand},
		{"backup", "copy the whole centre into one archive, also while it serves; backup verify FILE", backupCommand},
		{"restore", "put a backup into an empty data folder", restore},
		{"check", "check the configuration and print it", check},
		{"version", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends at once: after the first, signals have their default effect.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		usage(os.Stdout)
		return 0
	}
	for _, c := range commands() {
		if len(args) == 0 || args[0] != c.name {
			continue
		}
		code, err := c.run(ctx, &env{in: os.Stdin, out: os.Stdout, err: os.Stderr}, args[1:])
		switch {
		case errors.Is(err, flag.ErrHelp):
			return 0
		case err != nil:
			fmt.Fprintln(os.Stderr, "loaxa "+c.name+":", explain(err))
			return max(code, 1)
		}
		return code
	}
	usage(os.Stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "loaxa: radio desk for commune loudspeakers\n\nusage: loaxa COMMAND [flags]; each COMMAND explains itself with -h")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.use)
	}
}

// explain shows every problem of an invalid input on its own line.
func explain(err error) string {
	var invalid *radio.Invalid
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	text := ""
	for _, p := range invalid.Problems {
		text += fmt.Sprintf("\n  %s: %s / %s", p.Field, p.VI, p.EN)
	}
	return text
}

// env is what a command may touch.
type env struct {
	in       io.Reader
	out, err io.Writer
}

// flags makes a flag set with the one flag every command has.
func (e *env) flags(name string) (*flag.FlagSet, *string) {
	fs := flag.NewFlagSet("loaxa "+name, flag.ContinueOnError)
	fs.SetOutput(e.err)
	return fs, fs.String("config", os.Getenv("LOAXA_CONFIG"), "configuration `file` (YAML); empty: defaults and LOAXA_… variables")
}

// load reads the configuration.
func (e *env) load(file string) (central.Config, error) {
	cfg := central.DefaultConfig()
	environ := make([]string, 0, len(os.Environ()))
	for _, kv := range os.Environ() {
		if len(kv) < 13 || kv[:13] != "LOAXA_CONFIG=" {
			environ = append(environ, kv)
		}
	}
	return cfg, errors.Join(config.Load(file, "LOAXA", environ, &cfg), cfg.Check())
}

// open opens the centre for one command. Only the first account makes a new one:
// anywhere else a folder without a centre is a slip of the pen.
func (e *env) open(ctx context.Context, file string) (*central.Central, error) {
	cfg, err := e.load(file)
	if err != nil {
		return nil, err
	}
	if err := cfg.Exists(); err != nil {
		return nil, err
	}
	return open(ctx, cfg, e.logger(cfg))
}

func open(ctx context.Context, cfg central.Config, log *slog.Logger) (*central.Central, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return central.Open(ctx, cfg, []string{self, "audio", intakeChild}, log)
}

func (e *env) logger(cfg central.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
}

// quiet is the logger of commands that print a result: only what went wrong.
func (e *env) quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func serve(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("serve")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	c, err := e.open(ctx, *file)
	if err != nil {
		return 1, err
	}
	return 0, errors.Join(c.Run(ctx), c.Close())
}

func check(_ context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("check")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	text, err := config.Print(cfg)
	if err != nil {
		return 1, err
	}
	_, err = io.WriteString(e.out, text)
	return 0, err
}

func version(_ context.Context, e *env, _ []string) (int, error) {
	_, err := fmt.Fprintln(e.out, radio.Version)
	return 0, err
}
