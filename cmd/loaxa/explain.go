package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

// explainQuery is what the flags of `loaxa explain` ask for.
type explainQuery struct {
	device, at, lang string
	json             bool
}

func explainCommand(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("explain")
	var q explainQuery
	fs.StringVar(&q.device, "device", "", "the device with this `code`")
	fs.StringVar(&q.at, "at", "", "the `instant`: 2026-12-31T05:00 or \"2026-12-31 05:00\" by the province's clock, 05:00 of today, or 2026-12-30T22:00:00Z; empty: now")
	fs.StringVar(&q.lang, "lang", "", "`language`: vi or en; empty: both")
	fs.BoolVar(&q.json, "json", false, "the whole explanation as JSON")
	if err := parse(fs, args); err != nil {
		return 2, err
	}
	if q.device == "" || q.lang != "" && q.lang != "vi" && q.lang != "en" {
		return 2, errors.New("usage: loaxa explain --device CODE --at INSTANT [--lang vi|en] [--json]")
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = errors.Join(writeExplanation(ctx, e.out, c, q, time.Now()), c.Close())
	if errors.Is(err, radio.ErrInvalid) {
		return 2, err
	}
	return 0, err
}

// typedInstant reads what a person types, by the clock of the zone.
func typedInstant(text string, zone *time.Location, now time.Time) (radio.Millis, error) {
	if text == "" {
		return radio.At(now), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return radio.At(t), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return radio.At(t), nil
		}
	}
	if t, err := time.Parse("15:04", text); err == nil {
		y, m, d := now.In(zone).Date()
		return radio.At(time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, zone)), nil
	}
	var bad radio.Invalid
	bad.Add("at", "thời điểm phải có dạng 2026-12-31T05:00", "an instant looks like 2026-12-31T05:00")
	return 0, bad.Err()
}

func writeExplanation(ctx context.Context, out io.Writer, c *central.Central, q explainQuery, now time.Time) error {
	zone, err := c.LogZone(ctx)
	if err != nil {
		return err
	}
	at, err := typedInstant(q.at, zone, now)
	if err != nil {
		return err
	}
	d, err := c.DeviceByCode(ctx, q.device)
	if err != nil {
		return err
	}
	x, err := c.Explain(ctx, d.ID, at)
	if err != nil {
		return err
	}
	if q.json {
		return json.NewEncoder(out).Encode(x)
	}
	p := explainPrinter{out: out, lang: q.lang, zone: zone}
	p.all(x)
	return p.err
}

// explainPrinter writes an explanation for people; the first error counts.
type explainPrinter struct {
	out  io.Writer
	lang string
	zone *time.Location
	err  error
}

func (p *explainPrinter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// say writes a sentence in the languages asked for, the second one below the first.
func (p *explainPrinter) say(first, rest, vi, en string) {
	if p.lang != "en" {
		p.line("%s%s", first, vi)
		first = rest
	}
	if p.lang != "vi" {
		p.line("%s%s", first, en)
	}
}

func (p *explainPrinter) all(x radio.Explanation) {
	p.line("%s (%s), %s, %s · %s (%s)", x.DeviceName, x.DeviceCode, x.HamletName, x.CommuneName, x.At.Time().In(p.zone).Format("2006-01-02 15:04:05"), x.Zone)
	p.say("", "", x.VI, x.EN)
	for _, a := range x.Airings {
		p.line("\n%s · %s  %s", a.Start.Time().In(p.zone).Format("15:04:05"), a.Title, a.Airing)
		if len(x.Airings) > 1 { // of the only one all has been said
			p.say("", "", a.VI, a.EN)
		}
		p.links(a.Links)
	}
	if len(x.Links) > 0 {
		p.line("")
		p.links(x.Links)
	}
	if x.Diagnosis == nil {
		return
	}
	for _, f := range x.Diagnosis.Findings {
		p.line("")
		p.say("! ", "  ", f.VI, f.EN)
		p.say("  → ", "  → ", f.DoVI, f.DoEN)
	}
}

func (p *explainPrinter) links(all []radio.ChainLink) {
	mark := map[radio.ChainVerdict]string{radio.ChainPasses: "✓", radio.ChainChanges: "~", radio.ChainStops: "✗", radio.ChainOpen: "?"}
	for _, l := range all {
		p.say(fmt.Sprintf("%s %-12s ", mark[l.Verdict], l.Kind), fmt.Sprintf("  %-12s ", ""), l.VI, l.EN)
		for _, s := range l.Sources {
			text := s.Row
			if s.ID != "" {
				text += " " + s.ID
			}
			if s.Version != 0 {
				text += fmt.Sprintf(" v%d", s.Version)
			}
			if s.Journal != "" {
				text += fmt.Sprintf(" %s#%d", s.Journal, s.Seq)
			}
			p.line("%15s← %s", "", text)
		}
	}
}
