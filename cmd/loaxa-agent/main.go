// Command loaxa-agent is the controller of one cluster of loudspeakers: it plays the
// programme of its province on the second, with or without network, and tells what
// sounded.
//
// Exit codes: 0 done, 1 failed, 2 used wrongly, 3 not enrolled, 4 no agent answers
// (status), 5 not permitted now (play, test-tone), 6 to be started again (run, by a
// command of the centre).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// command is one subcommand: its flags, then its work.
type command struct {
	name, use string
	run       func(ctx context.Context, e *env, args []string) error
}

func commands() []command {
	return []command{
		{"run", "play the programme until told to stop", runAgent},
		{"enrol", "make this device a member: --server URL --code CODE, or the text of the QR code", enrolDevice},
		{"status", "show what the running agent says of itself", showStatus},
		{"check", "check the configuration and the files of the device, and print them", check},
		{"play", "play FILE: one sound in house format, within the permitted hours", playFile},
		{"test-tone", "play five seconds of 1 kHz, within the permitted hours", testTone},
		{"player", "the child process that plays (started by run)", runPlayer},
		{"pin", "pin set: the PIN with which people act at the device, from standard input", setPIN},
		{"amplifier", "amplifier off: switch it off after an agent that has ended", switchAmplifier},
		{"version", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends at once: after the first, signals have their default effect.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, &env{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}, os.Args[1:]))
}

func dispatch(ctx context.Context, e *env, args []string) int {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		usage(e.out)
		return 0
	}
	for _, c := range commands() {
		if len(args) == 0 || args[0] != c.name {
			continue
		}
		err := c.run(ctx, e, args[1:])
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case !errors.Is(err, errTold):
			fmt.Fprintln(e.err, "loaxa-agent "+c.name+":", err)
		}
		return exitCode(err)
	}
	usage(e.err)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "loaxa-agent: controller of a cluster of loudspeakers\n\nusage: loaxa-agent COMMAND [flags]; each COMMAND explains itself with -h")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s  %s\n", c.name, c.use)
	}
	fmt.Fprintln(w, "\nexit codes: 0 done, 1 failed, 2 used wrongly, 3 not enrolled, 4 no agent answers, 5 not permitted now, 6 start it again")
}
