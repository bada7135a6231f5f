package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"loaxa/internal/central/mosquitto"
)

// The exit codes of broker-config suit systemd's ExecCondition: go on and reload when
// something changed, stop without complaint when nothing did, fail on any trouble.
const (
	brokerChanged   = 0
	brokerUnchanged = 3
	brokerFailed    = 255
)

// brokerConfig writes the files of an external broker.
func brokerConfig(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa broker-config mosquitto --out DIR; exit code 0: files changed, reload the broker; 3: nothing changed; 255: failed")
	if len(args) == 0 || args[0] != "mosquitto" {
		return brokerFailed, usage
	}
	fs, file := e.flags("broker-config mosquitto")
	out := fs.String("out", "", "`folder` for the files; what is there and still right is left alone")
	at := fs.String("at", "", "the `folder` in which the broker will find them, if not --out")
	seen := fs.String("seen", "", "`file` that remembers what was written last, if not one in --out; in /run everything counts as new after a start")
	state := fs.String("state", "/var/lib/mosquitto", "the `folder` where the broker keeps its state")
	devices := fs.String("devices", ":8883", "where the broker listens for devices, `host:port`")
	centre := fs.String("centre", "127.0.0.1:8884", "where it listens for the centre, `host:port`: this machine or a private network")
	user := fs.String("user", "", "the `account` that runs the broker, if not its package's own")
	connections := fs.Int("connections", 10_000, "devices connected at once")
	if err := fs.Parse(args[1:]); err != nil {
		return brokerFailed, err
	}
	if *out == "" || fs.NArg() != 0 {
		return brokerFailed, usage
	}
	if *at == "" {
		*at = *out
	}
	if *seen == "" {
		*seen = filepath.Join(*out, mosquitto.SeenFile)
	}
	abs, err := filepath.Abs(*at)
	if err != nil {
		return brokerFailed, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return brokerFailed, err
	}
	changed, err := c.Mosquitto(ctx, *out, *seen, mosquitto.Options{
		Devices: *devices, Centre: *centre, At: abs, State: *state, User: *user, Connections: *connections,
	})
	switch err := errors.Join(err, c.Close()); {
	case err != nil:
		return brokerFailed, err
	case !changed:
		return brokerUnchanged, nil
	}
	_, err = fmt.Fprintf(e.out, "files in %s changed; reload mosquitto\n", *out)
	return brokerChanged, err
}
