package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

func printLog(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("log")
	var f radio.LogFilter
	day := fs.String("day", "", "local `date` 2026-12-31")
	outcome := fs.String("outcome", "", fmt.Sprintf("only this outcome: one of %v", radio.Outcomes()))
	device := fs.String("device", "", "only the device with this `code`")
	asJSON := fs.Bool("json", false, "one JSON object a line")
	limit := fs.Int("limit", 200, "rows at the most, newest first")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	f.From, f.To, f.Outcome = radio.Date(*day), radio.Date(*day), radio.Outcome(*outcome)
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = errors.Join(writeLog(ctx, e, c, f, *device, *limit, *asJSON), c.Close())
	if errors.Is(err, radio.ErrInvalid) {
		return 2, err
	}
	return 0, err
}

func writeLog(ctx context.Context, e *env, c *central.Central, f radio.LogFilter, device string, limit int, asJSON bool) error {
	if device != "" {
		d, err := c.DeviceByCode(ctx, device)
		if err != nil {
			return err
		}
		f.Device = d.ID
	}
	page, err := c.Log(ctx, f, limit)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(e.out)
		for _, r := range page.Rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "START (UTC)\tCOMMUNE\tDEVICE\tTITLE\tOUTCOME\tREASON\tSECONDS")
	for _, r := range page.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.1f/%.1f\n", r.Start.Time().Format("2006-01-02 15:04:05"), r.CommuneName, r.DeviceCode,
			r.Title, r.Outcome, r.Reason, float64(r.Consumed)/radio.SampleRate, float64(r.Samples)/radio.SampleRate)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	totals, err := c.LogTotals(ctx, f)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "planned %d", totals.Planned)
	for o, n := range totals.Each() {
		fmt.Fprintf(e.out, " · %s %d", o, n)
	}
	_, err = fmt.Fprintln(e.out)
	return err
}
