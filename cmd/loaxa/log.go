package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

// logQuery is what the flags of `loaxa log` ask for; places and things by their codes.
type logQuery struct {
	filter                    radio.LogFilter
	commune, device, bulletin string
	campaign                  string
	limit                     int
	json, csv                 bool
}

func printLog(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("log")
	var q logQuery
	day := fs.String("day", "", "local `date` 2026-12-31")
	from := fs.String("from", "", "first local `date`")
	to := fs.String("to", "", "last local `date`")
	slot := fs.String("slot", "", "only slots at this local `time`, 05:00")
	outcome := fs.String("outcome", "", fmt.Sprintf("only this outcome: one of %v, not_aired, lacking, unplanned", radio.Outcomes()))
	priority := fs.String("priority", "", "only this priority: normal, priority or emergency")
	origin := fs.String("origin", "", fmt.Sprintf("only this origin: one of %v", radio.Origins()))
	fs.StringVar(&q.commune, "commune", "", "only the commune with this `code`")
	fs.StringVar(&q.device, "device", "", "only the device with this `code`")
	fs.StringVar(&q.bulletin, "bulletin", "", "only the bulletin with this `code`")
	fs.StringVar(&q.campaign, "campaign", "", "only the campaign with this `code`")
	fs.BoolVar(&q.json, "json", false, "one JSON object a line")
	fs.BoolVar(&q.csv, "csv", false, "the whole log that the filter lets through as CSV")
	fs.IntVar(&q.limit, "limit", 200, "rows at the most, newest first; not of CSV")
	if err := parse(fs, args); err != nil {
		return 2, err
	}
	q.filter = radio.LogFilter{From: radio.Date(cmp.Or(*from, *day)), To: radio.Date(cmp.Or(*to, *day)), Slot: *slot,
		Outcome: radio.Outcome(*outcome), Priority: radio.Priority(*priority), Origin: radio.Origin(*origin)}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = errors.Join(writeLog(ctx, e, c, q), c.Close())
	if errors.Is(err, radio.ErrInvalid) {
		return 2, err
	}
	return 0, err
}

// find turns the codes into ids.
func (q *logQuery) find(ctx context.Context, c *central.Central) error {
	if q.commune != "" {
		a, err := c.AreaByCode(ctx, q.commune)
		if err != nil {
			return err
		}
		q.filter.Commune = a.ID
	}
	if q.device != "" {
		d, err := c.DeviceByCode(ctx, q.device)
		if err != nil {
			return err
		}
		q.filter.Device = d.ID
	}
	if q.bulletin != "" {
		id, err := c.BulletinByCode(ctx, q.bulletin)
		if err != nil {
			return err
		}
		q.filter.Bulletin = id
	}
	if q.campaign != "" {
		id, err := c.CampaignByCode(ctx, q.campaign)
		if err != nil {
			return err
		}
		q.filter.Campaign = id
	}
	return nil
}

func writeLog(ctx context.Context, e *env, c *central.Central, q logQuery) error {
	if err := q.find(ctx, c); err != nil {
		return err
	}
	if q.csv {
		zone, err := c.LogZone(ctx)
		if err != nil {
			return err
		}
		return c.WriteLogCSV(ctx, e.out, q.filter, zone)
	}
	page, err := c.Log(ctx, q.filter, q.limit)
	if err != nil {
		return err
	}
	if q.json {
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
	totals, err := c.LogTotals(ctx, q.filter)
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
