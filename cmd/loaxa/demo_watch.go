package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"loaxa/internal/radio"
)

func (d *demoRun) statuses(ctx context.Context) ([]radio.Status, error) {
	states, err := d.centre.DeviceStates(ctx)
	if err != nil {
		return nil, err
	}
	var out []radio.Status
	for _, st := range states {
		if len(st.Reported) == 0 {
			continue
		}
		var s radio.Status
		if err := json.Unmarshal(st.Reported, &s); err != nil {
			return nil, fmt.Errorf("report of device %s: %w", st.Device, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// red marks what must not be overlooked, on a terminal; a file gets the words alone.
func (d *demoRun) red(text string) string {
	if f, ok := d.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return "\x1b[31m" + text + "\x1b[0m"
	}
	return text
}

// clock shows an instant as the province's clocks do, wherever this machine stands.
func (d *demoRun) clock(t time.Time) string { return t.In(d.zone).Format("15:04:05 (UTC-07)") }

func (d *demoRun) showNext(ctx context.Context) error {
	all, err := d.statuses(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		clock := s.Clock.Source
		if clock == "assumed" {
			clock = d.red("ASSUMED (demo only)")
		}
		d.note("%s: output %s, clock %s, %d items from %s", s.Name, s.Output.Driver, clock, len(s.Next), d.clock(s.Next[0].Start.Time()))
	}
	return nil
}

// confirm tells what sounds and waits until no airing of the demo is pending.
func (d *demoRun) confirm(ctx context.Context) error {
	deadline := time.After(time.Until(d.due) + 90*time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	sounding, known := map[string]string{}, int64(0)
	for {
		totals, err := d.centre.LogTotals(ctx, radio.LogFilter{})
		if err != nil {
			return err
		}
		missing := totals.Outcomes[radio.PendingOutcome]
		done := totals.Planned - missing
		if done != known {
			known = done
			d.note("%d of %d airings confirmed", done, totals.Planned)
		}
		if totals.Planned > 0 && missing == 0 && time.Now().After(d.due) {
			return nil
		}
		if err := d.tellSounding(ctx, sounding); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return d.late(missing)
		case <-tick.C:
		}
	}
}

func (d *demoRun) late(missing int64) error {
	return fmt.Errorf("%d airings have no outcome 90 s after the slot; see the logs in %s", missing, d.dir)
}

func (d *demoRun) tellSounding(ctx context.Context, last map[string]string) error {
	all, err := d.statuses(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		title := ""
		if s.Sounding != nil {
			title = s.Sounding.Title
		}
		if title != last[s.Name] && title != "" {
			if len(last) == 0 {
				d.tell("It sounds")
			}
			d.note("%s: %s", s.Name, title)
			last[s.Name] = title
		}
	}
	return nil
}
