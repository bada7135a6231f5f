package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"loaxa/internal/agent"
	"loaxa/internal/wire"
)

func enrolDevice(ctx context.Context, e *env, args []string) error {
	fs := flags("enrol")
	server := fs.String("server", "", "`URL` of the centre's listener for devices, https://host:port")
	code := fs.String("code", "", "the one-time `code` of loaxa device add; or TICKET, the whole text of its QR code, and no --server")
	force := fs.Bool("force", false, "enrol a device anew that is enrolled already")
	ticket, args, err := ticketAmong(args)
	if err != nil {
		return err
	}
	cfg, err := e.parse(fs, args)
	if err != nil {
		return err
	}
	if ticket == "" && wire.IsEnrolTicket(*code) {
		ticket, *code = *code, ""
	}
	if ticket != "" {
		if *server != "" || *code != "" {
			return fmt.Errorf("%w: the ticket says server and code", errUsage)
		}
		t, err := wire.ParseEnrolTicket(ticket)
		if err != nil {
			return err
		}
		*server, *code = t.Server, t.Code.String()
	}
	if *server == "" || *code == "" {
		return fmt.Errorf("%w: --server and --code are needed, or the text of the QR code", errUsage)
	}
	answer, err := agent.Enrol(ctx, cfg, *server, *code, *force, e.log(slog.LevelWarn))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "Đã đăng ký / enrolled: %s (%s)\n", answer.Name, answer.Device)
	return err
}

// ticketAmong takes the text of a QR code out of the arguments, wherever it stands: before
// the flags or behind them. What a flag takes stays with it.
func ticketAmong(args []string) (ticket string, rest []string, err error) {
	for i, a := range args {
		if !wire.IsEnrolTicket(a) || i > 0 && slices.Contains([]string{"-code", "--code", "-server", "--server", "-config", "--config"}, args[i-1]) {
			rest = append(rest, a)
			continue
		}
		if ticket != "" {
			return "", nil, fmt.Errorf("%w: two enrolment codes are given", errUsage)
		}
		ticket = a
	}
	return ticket, rest, nil
}
