package main

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

// orderWait is how long the command waits for the device's last word.
const orderWait = 30 * time.Second

// orderDevice orders one device and prints what comes of it. The running centre sends it.
func orderDevice(ctx context.Context, e *env, c *central.Central, code string, o radio.CommandOrder) error {
	b, err := c.OrderDevice(ctx, code, o, actor())
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "ordered %s, batch %s\n", b.Do, b.ID)
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	said := radio.ReceiptState("")
	for {
		results, err := c.OrderResult(ctx, b)
		if err == nil && len(results) == 1 && results[0].State != said {
			said = results[0].State
			fmt.Fprintf(e.out, "%s %s %s\n", time.Now().Format("15:04:05 UTC-07:00"), said, results[0].Reason)
		}
		if said == radio.ReceiptDone {
			return nil
		}
		if said.Final() {
			return fmt.Errorf("the device did not do it: %s %s", said, results[0].Reason)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: no last word from the device yet; is the centre running, and the device online?", radio.ErrUnavailable)
		case <-tick.C:
		}
	}
}
