package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"loaxa/internal/central/schedule"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// areaDesk records what is decided about areas, and has it take effect on its day.
type areaDesk struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
}

// areaDesk is where changes of areas are recorded.
func (c *Central) areaDesk() areaDesk {
	return areaDesk{c.store, c.now, c.log.With("component", "areas")}
}

// PreviewAreaChange tells what a change would do, and whom it concerns; it writes nothing.
func (d areaDesk) PreviewAreaChange(ctx context.Context, c radio.AreaChange) (radio.AreaReport, error) {
	if c.New == "" && c.Into == "" {
		c.New = radio.NewID[radio.AreaID]()
	}
	if err := d.when(ctx, c); err != nil {
		return radio.AreaReport{}, err
	}
	e, err := d.store.PreviewAreaChange(ctx, c)
	if err != nil {
		return radio.AreaReport{}, err
	}
	r := radio.AreaReport{Change: c, Effect: e}
	places, err := d.store.Places(ctx)
	if err != nil {
		return r, err
	}
	for _, p := range places {
		if slices.ContainsFunc(e.Moved, func(a radio.AreaID) bool { return p.Within(radio.Target{Area: a}) }) ||
			slices.ContainsFunc(e.Devices, func(x radio.Device) bool { return x.ID == p.Device.ID }) {
			r.Devices++
		}
	}
	people, err := d.store.People(ctx)
	if err != nil {
		return r, err
	}
	touched := slices.Clone(c.Areas)
	if c.Into != "" {
		touched = append(touched, c.Into)
	}
	for _, p := range people {
		for _, g := range p.Grants {
			if p.DisabledAt == 0 && slices.Contains(touched, g.Area) {
				r.People = append(r.People, radio.AreaPerson{ID: p.ID, Login: p.Login, Name: p.Name, Role: g.Role, Area: g.Area})
			}
		}
		keys, err := d.store.PersonKeys(ctx, p.ID)
		if err != nil {
			return r, err
		}
		for _, k := range keys {
			if k.RevokedAt == 0 && slices.Contains(touched, k.Scope) {
				r.Keys = append(r.Keys, radio.AreaPerson{ID: p.ID, Login: p.Login, Name: p.Name, Area: k.Scope})
			}
		}
	}
	return r, nil
}

// when refuses a day that is too far away: a slip of the pen.
func (d areaDesk) when(ctx context.Context, c radio.AreaChange) error {
	if _, err := c.Normal(); err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, string(c.From))
	if err != nil {
		return err
	}
	if far := day.Sub(d.now()); far > radio.MaxAreaChangeLead || far < -radio.MaxAreaChangeLead {
		var e radio.Invalid
		e.Add("from", "ngày hiệu lực cách hôm nay quá xa", "the first day is too far from today")
		return e.Err()
	}
	return nil
}

// RecordAreaChange keeps a change, and has it take effect at once when its day has come.
func (d areaDesk) RecordAreaChange(ctx context.Context, c radio.AreaChange, by radio.UserID) (radio.AreaChange, error) {
	c, err := c.Normal()
	if err != nil {
		return c, err
	}
	c.ID, c.Author, c.At = radio.NewID[radio.AreaChangeID](), by, radio.At(d.now())
	c.AppliedAt, c.DroppedAt, c.Failed, c.New, c.Was = 0, 0, "", "", nil
	if c.Kind != radio.RenameArea && c.Into == "" {
		c.New = radio.NewID[radio.AreaID]()
	}
	if err := d.when(ctx, c); err != nil {
		return c, err
	}
	if err := d.store.RecordAreaChange(ctx, c); err != nil {
		return c, err
	}
	today, err := d.today(ctx)
	if err != nil || c.From > today {
		return c, err
	}
	if _, err := d.store.ApplyAreaChange(ctx, c.ID, today, string(by), radio.At(d.now())); err != nil {
		return c, err
	}
	c.AppliedAt = radio.At(d.now())
	return c, nil
}

// DropAreaChange takes back what waits for its day.
func (d areaDesk) DropAreaChange(ctx context.Context, id radio.AreaChangeID, by radio.UserID) error {
	return d.store.DropAreaChange(ctx, id, string(by), radio.At(d.now()))
}

// AreaChanges lists what was decided, the newest day first.
func (d areaDesk) AreaChanges(ctx context.Context) ([]radio.AreaChange, error) {
	return d.store.AreaChanges(ctx)
}

// AreaNames lists the names that areas had.
func (d areaDesk) AreaNames(ctx context.Context) ([]radio.AreaName, error) {
	return d.store.AreaNames(ctx)
}

// today is the province's local day.
func (d areaDesk) today(ctx context.Context) (radio.Date, error) {
	areas, err := d.store.Areas(ctx)
	if err != nil {
		return "", err
	}
	for _, a := range areas {
		if a.Kind == radio.Province {
			zone, err := timetable.LoadZone(a.Zone)
			if err != nil {
				return "", err
			}
			return zone.Date(d.now()), nil
		}
	}
	return "", fmt.Errorf("%w: no province yet", radio.ErrNotFound)
}

// areaPoll is how soon after local midnight a change takes effect at the latest.
const areaPoll = 5 * time.Second

// run has changes take effect on their day, until ctx ends. What cannot be done keeps its
// reason, which the page of the areas shows.
func (d areaDesk) run(ctx context.Context) error {
	tick := time.NewTicker(areaPoll)
	defer tick.Stop()
	for {
		if err := d.due(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("changes of areas", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d areaDesk) due(ctx context.Context) error {
	today, err := d.today(ctx)
	if err != nil {
		return err
	}
	waiting, err := d.store.DueAreaChanges(ctx, today)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range waiting {
		_, err := d.store.ApplyAreaChange(ctx, c.ID, today, string(c.Author), radio.At(d.now()))
		switch {
		case err == nil:
			d.log.Info("areas changed", "change", string(c.ID), "kind", string(c.Kind), "from", string(c.From))
		case c.Failed == "":
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ChangeAreas records a change by a command of this machine.
func (c *Central) ChangeAreas(ctx context.Context, ch radio.AreaChange, dry bool) (radio.AreaReport, error) {
	d := c.areaDesk()
	r, err := d.PreviewAreaChange(ctx, ch)
	if err != nil || dry {
		return r, err
	}
	r.Change, err = d.RecordAreaChange(ctx, ch, ch.Author)
	return r, err
}

// AreaHistory lists what was decided about areas, and the names they had.
func (c *Central) AreaHistory(ctx context.Context) ([]radio.AreaChange, []radio.AreaName, error) {
	changes, err := c.store.AreaChanges(ctx)
	if err != nil {
		return nil, nil, err
	}
	names, err := c.store.AreaNames(ctx)
	return changes, names, err
}

// DropAreaChange takes back a change whose day has not come.
func (c *Central) DropAreaChange(ctx context.Context, id radio.AreaChangeID, actor string) error {
	return c.areaDesk().DropAreaChange(ctx, id, radio.UserID(actor))
}

// ImportPlaces brings areas and clusters in from a table: all of it, or nothing where any
// line is bad; w is told what changes.
func (c *Central) ImportPlaces(ctx context.Context, name string, data []byte, by radio.UserID, dry bool, w io.Writer) (radio.PlaceImport, error) {
	p, err := schedule.NewPlaces(c.store, c.now).Import(ctx, name, data, by, dry)
	if err == nil {
		err = schedule.PlaceDiff(p).Write(w)
	}
	return p, err
}
