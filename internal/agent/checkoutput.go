package agent

import (
	"context"
	"time"

	"loaxa/internal/agent/output"
)

// checkOutput says what sound would come out of. Only the driver alsa is opened: oto
// would begin to sound, and cannot name its device.
func checkOutput(ctx context.Context, c output.Config) string {
	name := "output: " + c.Driver
	out, err := output.New(c)
	if err != nil {
		return name + ": " + err.Error()
	}
	if c.Driver != output.DriverALSA {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := out.Open(ctx); err != nil {
		return name + ": " + err.Error()
	}
	name += " on " + out.Info().Device
	cancel() // nothing was written that would have to sound
	// What it says is that it was told not to wait.
	_ = out.Close(ctx)
	return name
}
