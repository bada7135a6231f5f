// Command loaxa-fleet is thousands of protocol-true devices without sound in one process:
// for load, fault tests and rehearsal against a centre that is not in service. The devices
// are laid down at the centre (loaxa import) and enrolled with the codes of `loaxa device
// codes`; identities stay in the data folder. Statistics go to the standard output, a line
// of JSON each, the summary last.
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
	"runtime/debug"
	"syscall"
	"time"

	"loaxa/internal/fleet"
	"loaxa/internal/radio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends at once: after the first, signals have their default effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run gives the exit code: 0 done, 1 failed, 2 used wrongly.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	opts, err := options(args, in, out, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(errOut, "loaxa-fleet:", err)
		return 2
	}
	// Thousands of agents are mostly idle: memory is what bounds their number.
	debug.SetGCPercent(40)
	f, err := fleet.New(opts)
	if err == nil {
		err = f.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(errOut, "loaxa-fleet:", err)
		return 1
	}
	return 0
}

func options(args []string, in io.Reader, out, errOut io.Writer) (fleet.Options, error) {
	o := fleet.Options{Out: out}
	fs := flag.NewFlagSet("loaxa-fleet", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.IntVar(&o.Agents, "agents", 100, "how many devices")
	fs.StringVar(&o.Centre, "centre", "", "`URL` of the centre's listener for devices, https://host:port; needed to enrol")
	fs.StringVar(&o.Data, "data", "fleet-data", "`folder` of the identities, which hold private keys")
	codes := fs.String("codes", "", "`file` of device codes and enrolment codes, a comma between; - for standard input")
	fs.IntVar(&o.ConnectPerSecond, "connect-rate", 200, "first connections a second")
	fs.DurationVar(&o.Storm, "reconnect-storm", 0, "break all connections at once, each time that much has passed; 0 never")
	fs.Float64Var(&o.Loss, "loss", 0, "share of messages that are lost together with their connection, 0 to 0.5")
	fs.DurationVar(&o.Jitter, "jitter", -1, "random delay of journals and reconnections; below 0 the centre's setting")
	fs.DurationVar(&o.Every, "every", 5*time.Second, "how often statistics are written")
	fs.DurationVar(&o.For, "for", 0, "how long to run; 0 until a signal")
	level := fs.String("log-level", "error", "debug, info, warn or error")
	version := fs.Bool("version", false, "print the version")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if *version {
		fmt.Fprintln(out, radio.Version)
		return o, flag.ErrHelp
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(*level)); err != nil {
		return o, fmt.Errorf("--log-level %q, want debug, info, warn or error", *level)
	}
	o.Log = slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: l}))
	var err error
	if o.Codes, err = readCodes(*codes, in); err != nil {
		return o, err
	}
	return o, o.Check()
}

func readCodes(name string, in io.Reader) (_ []fleet.Code, err error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return fleet.ReadCodes(in)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("codes: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return fleet.ReadCodes(f)
}
