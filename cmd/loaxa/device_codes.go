package main

import (
	"context"
	"fmt"

	"loaxa/internal/central"
)

// deviceCodes prints an enrolment code for every device that has none in use: a province
// with thousands of controllers is not enrolled code by code. An earlier unused code of
// these devices ends. One whose identity was taken is asked for by name.
func deviceCodes(ctx context.Context, e *env, c *central.Central) error {
	places, err := c.Places(ctx)
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.Device.Enrolled != 0 || p.Device.Revoked != 0 || p.Device.Retired != 0 {
			continue
		}
		once, _, err := c.EnrolCode(ctx, p.Device.ID, actor())
		if err != nil {
			return fmt.Errorf("device %s: %w", p.Device.Code, err)
		}
		if _, err := fmt.Fprintf(e.out, "%s,%s\n", p.Device.Code, once); err != nil {
			return err
		}
	}
	return nil
}
