package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

// rehearseQuery is what the flags of `loaxa rehearse` ask for.
type rehearseQuery struct {
	from, to, area, device string
	json, airings          bool
	limit                  int
}

func rehearse(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("rehearse")
	var q rehearseQuery
	fs.StringVar(&q.from, "from", "", "first local `date` 2026-12-31; empty: today")
	fs.StringVar(&q.to, "to", "", fmt.Sprintf("last local `date`; empty: six days later; at most %d days", radio.MaxPreviewDays))
	fs.StringVar(&q.area, "area", "", "only the area with this `code`; neither area nor device: the whole province")
	fs.StringVar(&q.device, "device", "", "only the device with this `code`")
	fs.BoolVar(&q.json, "json", false, "the whole rehearsal as JSON")
	fs.BoolVar(&q.airings, "airings", false, "every airing on every device, one JSON object a line, with the ids under which devices confirm them")
	fs.IntVar(&q.limit, "limit", 40, "airings and devices to print at the most")
	if err := parse(fs, args); err != nil {
		return 2, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = errors.Join(printRehearsal(ctx, e.out, c, q), c.Close())
	if errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrNotFound) {
		return 2, err
	}
	return 0, err
}

func printRehearsal(ctx context.Context, out io.Writer, c *central.Central, q rehearseQuery) error {
	of, err := c.RehearsalOf(ctx, q.area, q.device)
	if err != nil {
		return err
	}
	p, err := c.Rehearsal(ctx)
	if err != nil {
		return err
	}
	from, to := radio.Date(q.from), radio.Date(q.to)
	if q.airings {
		w := bufio.NewWriter(out)
		enc := json.NewEncoder(w)
		return errors.Join(p.Airings(ctx, of, from, to, func(a radio.PreviewAiring) error { return enc.Encode(a) }), w.Flush())
	}
	r, err := p.Rehearse(ctx, of, from, to)
	if err != nil {
		return err
	}
	if q.json {
		return json.NewEncoder(out).Encode(r)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return err
	}
	return writeRehearsal(out, r, zone, q.limit)
}

// writeRehearsal writes a rehearsal for a person; times are in the province's zone.
func writeRehearsal(out io.Writer, r radio.Rehearsal, zone *time.Location, limit int) error {
	w := bufio.NewWriter(out)
	at := func(m radio.Millis) string { return m.Time().In(zone).Format("2006-01-02 15:04:05") }
	fmt.Fprintf(w, "%s – %s (%s) · %d devices", r.From, r.To, r.Zone, r.Devices)
	if r.Idle > 0 {
		fmt.Fprintf(w, ", %d more not enrolled", r.Idle)
	}
	fmt.Fprintf(w, "\n%d airings would sound, %s · %d at night · %d would not sound · %s to download · %d devices too late, %d over their data\n",
		r.Sum.Airings, minutes(r.Sum.Samples), r.Sum.Night, r.Sum.Dropped, mega(r.Sum.Bytes), r.Sum.Late, r.Sum.OverCap)
	switch all, some := r.Behind(zone); {
	case all:
		fmt.Fprintln(w, "these days have passed and cannot be rehearsed: loaxa log tells what sounded")
	case some:
		fmt.Fprintf(w, "counted from %s on\n", at(r.Begin))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nDAY\tEACH DEVICE AT MOST\tAIRINGS\tNIGHT\tDROPPED")
	for _, d := range r.Days {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\n", d.Day, minutes(d.Longest), d.Airings, d.Night, d.Dropped)
	}
	fmt.Fprintln(t, "\nCOMMUNE\tHAMLET\tDEVICES\tEACH DEVICE AT MOST\tAIRINGS\tNIGHT\tTO DOWNLOAD\tTOO LATE")
	for _, h := range r.Hamlets {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%s\t%d\n", h.CommuneName, h.Name, h.Devices, minutes(h.Longest), h.Airings, h.Night, mega(h.Bytes), h.Late)
	}
	fmt.Fprintln(t, "\nDEVICE\tTO DOWNLOAD\tLINK\tDONE\tSTATE")
	more := 0
	for _, l := range r.Loads {
		if l.Bytes == 0 && l.State == "" {
			continue
		}
		if more++; more > limit {
			continue
		}
		link, done, state := fmt.Sprintf("%d kbit/s", l.BPS/1000), "", l.State
		if !l.Measured {
			link += " (assumed)"
		}
		if l.Done != 0 {
			done = at(l.Done)
		}
		if l.Late != nil {
			state = fmt.Sprintf("too late for %q at %s", l.Late.Title, at(l.Late.At))
		}
		if l.OverCap {
			state += fmt.Sprintf(" over its data: %s of %s used", mega(l.UsedBytes), mega(l.CapBytes))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.Code, mega(l.Bytes), link, done, state)
	}
	leftOut(t, more-limit, "devices")
	fmt.Fprintln(t, "\nSTART\tDEVICES\tTITLE\tWOULD")
	for _, a := range r.Rows[:min(len(r.Rows), limit)] {
		does := "sound"
		if a.Outcome != "" {
			does = string(a.Outcome) + ": " + cmp.Or(string(a.Veto), string(a.Reason))
		} else if a.Odd {
			does = "sound AT NIGHT"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", at(a.Start), a.DeviceCount, a.Title, does)
	}
	leftOut(t, len(r.Rows)+r.More-limit, "airings")
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range r.Conflicts {
		fmt.Fprintf(w, "\n! %s\n  %s\n  → %s\n  → %s\n", c.VI, c.EN, c.FixVI, c.FixEN)
	}
	return w.Flush()
}

func leftOut(w io.Writer, n int, what string) {
	if n > 0 {
		fmt.Fprintf(w, "… and %d more %s: -limit, -json or -airings\n", n, what)
	}
}

func minutes(samples int64) string {
	return fmt.Sprintf("%.1f min", float64(samples)/radio.SampleRate/60)
}
func mega(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
