package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"loaxa/internal/agent"
)

// setPIN reads the PIN without showing it; from a pipe it is one line.
func setPIN(ctx context.Context, e *env, args []string) error {
	fs := flags("pin")
	cfg, err := e.parse(fs, args, "set")
	if err != nil {
		return err
	}
	if fs.Arg(0) != "set" {
		return fmt.Errorf("%w: only set", errUsage)
	}
	number, err := e.readPIN()
	if err != nil {
		return err
	}
	if err := agent.SetPIN(ctx, cfg, number, e.log(slog.LevelWarn)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.out, "Đã đặt mã PIN / the PIN is set")
	return err
}

func (e *env) readPIN() (string, error) {
	file, ok := e.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		b, err := io.ReadAll(io.LimitReader(e.in, 64))
		return strings.TrimRight(string(b), "\r\n"), err
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(e.err, what)
		b, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(e.err)
		return string(b), err
	}
	first, err := ask("Mã PIN / PIN (6-12 số): ")
	if err != nil {
		return "", err
	}
	second, err := ask("Nhập lại / again: ")
	if err == nil && first != second {
		err = errors.New("the two differ")
	}
	return first, err
}
