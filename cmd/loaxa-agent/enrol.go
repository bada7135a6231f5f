package main

import (
	"context"
	"fmt"
	"log/slog"

	"loaxa/internal/agent"
)

func enrolDevice(ctx context.Context, e *env, args []string) error {
	fs := flags("enrol")
	server := fs.String("server", "", "`URL` of the centre's listener for devices, https://host:port")
	code := fs.String("code", "", "the one-time `code` of loaxa device add")
	force := fs.Bool("force", false, "enrol a device anew that is enrolled already")
	cfg, err := e.parse(fs, args)
	if err != nil {
		return err
	}
	if *server == "" || *code == "" {
		return fmt.Errorf("%w: --server and --code are needed", errUsage)
	}
	answer, err := agent.Enrol(ctx, cfg, *server, *code, *force, e.log(slog.LevelWarn))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "Đã đăng ký / enrolled: %s (%s)\n", answer.Name, answer.Device)
	return err
}
