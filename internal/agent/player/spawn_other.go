//go:build !linux

package player

import "os/exec"

func spawn(cmd *exec.Cmd) error { return cmd.Start() }
