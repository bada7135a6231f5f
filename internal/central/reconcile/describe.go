package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// descriptions copies into rows what the log must still show when the plan has changed.
type descriptions struct {
	plans     Plans
	now       func() time.Time
	mu        sync.Mutex
	audit     int64 // places and schedules are held as of this change or a later one
	places    map[radio.DeviceID]radio.Place
	schedules map[radio.ScheduleID]radio.Schedule
	read      radio.Millis // when schedules were read
	bulletins map[bulletinKey]radio.Bulletin
}

type bulletinKey struct {
	id      radio.BulletinID
	version int
}

const (
	maxBulletins = 10_000
	maxPlaces    = 10_000
)

// renew forgets what may have changed since it was read. The number of the last change
// is asked for before anything is read: what is read later is as new or newer.
func (d *descriptions) renew(ctx context.Context) error {
	audit, err := d.plans.AuditHead(ctx)
	if err != nil {
		return fmt.Errorf("newest change of the plan: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if audit != d.audit {
		d.audit, d.schedules = audit, nil
		clear(d.places)
	}
	return nil
}

// findHeld is find as of the last renew.
func (d *descriptions) findHeld(ctx context.Context, device radio.DeviceID) (radio.Place, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.places[device]; ok {
		return p, nil
	}
	p, err := d.find(ctx, device)
	if err != nil {
		return p, err
	}
	if len(d.places) >= maxPlaces {
		clear(d.places)
	}
	d.places[device] = p
	return p, nil
}

// find gives where a device stands; of one nobody knows any more only its id.
func (d *descriptions) find(ctx context.Context, device radio.DeviceID) (radio.Place, error) {
	p, err := d.plans.Place(ctx, device)
	if errors.Is(err, radio.ErrNotFound) {
		return radio.Place{Device: radio.Device{ID: device}}, nil
	}
	if err != nil {
		return p, fmt.Errorf("place of device %s: %w", device, err)
	}
	return p, nil
}

// place fills in where the row's device stands, and the local day and time of its slot;
// zone "" is the province's.
func (d *descriptions) place(row *radio.AsRun, p radio.Place, zone string) {
	if zone == "" {
		zone = p.Province().Zone
	}
	z, err := timetable.LoadZone(zone)
	if err != nil {
		z = timetable.Zone{} // a device nobody knows any more: UTC
	}
	at := row.Ref().At.Time()
	row.Day, row.SlotTime = z.Date(at), z.TimeOfDay(at)
	row.Stands(p.On(row.Day)) // in the area of its day: a merger moves no old row
}

// schedule fills in the row's schedule, as it stood at an instant or later; 0 is the
// last renew. All are read at once and serve every device whose programme was published
// before that.
func (d *descriptions) schedule(ctx context.Context, row *radio.AsRun, at radio.Millis) error {
	if row.Key.Schedule == "" {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.schedules[row.Key.Schedule]
	if d.schedules == nil || at > 0 && (!ok || d.read < at) {
		now := radio.At(d.now())
		all, err := d.plans.Schedules(ctx)
		if err != nil {
			return fmt.Errorf("read schedules: %w", err)
		}
		d.schedules = make(map[radio.ScheduleID]radio.Schedule, len(all)+1)
		for _, x := range all {
			d.schedules[x.ID] = x
		}
		s, d.read = d.schedules[row.Key.Schedule], now
		d.schedules[row.Key.Schedule] = s // also of one that is not there
	}
	row.ScheduleCode, row.ScheduleTitle, row.Campaign = s.Code, s.Title, s.Campaign
	return nil
}

// bulletin fills in title, author and unit of the row's bulletin version, which never
// change, and the title of the bulletin it stands in for.
func (d *descriptions) bulletin(ctx context.Context, row *radio.AsRun) error {
	if err := d.instead(ctx, row); err != nil {
		return err
	}
	if row.Bulletin == "" {
		return nil
	}
	b, err := d.version(ctx, row.Bulletin, row.Version)
	if err != nil {
		return err
	}
	if b.ID != "" {
		row.Title, row.Author, row.Unit = b.Title, b.Author, b.Unit
	}
	return nil
}

// instead fills in the title of the bulletin the row's own stands in for, as it was
// first called: none of its versions may ever have been approved.
func (d *descriptions) instead(ctx context.Context, row *radio.AsRun) error {
	row.InsteadTitle = ""
	if row.Instead == "" {
		return nil
	}
	b, err := d.version(ctx, row.Instead, 1)
	row.InsteadTitle = b.Title
	return err
}

// emergency names what a cycle of an alert has sounded, and who composed it; known is
// false for other sound. A drill is called one.
func (d *descriptions) emergency(ctx context.Context, row *radio.AsRun) (known bool, err error) {
	id := radio.AlertID(row.Key.Schedule)
	if row.Origin == radio.FromSchedule || (radio.Alert{ID: id}).CycleKey(row.Key.Device, row.Key.Repeat, row.Key.SlotAt).ID() != row.Airing {
		return false, nil
	}
	a, err := d.plans.Alert(ctx, id)
	if errors.Is(err, radio.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read alert %s: %w", id, err)
	}
	row.Title, row.Author = a.Wish.Headline, a.ComposedName
	if drill := "diễn tập"; a.Wish.Drill && !strings.HasPrefix(strings.ToLower(row.Title), drill) {
		row.Title = "Diễn tập: " + row.Title
	}
	return true, nil
}

// version gives the zero Bulletin for one this centre does not know.
func (d *descriptions) version(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := bulletinKey{id, version}
	if b, ok := d.bulletins[key]; ok {
		return b, nil
	}
	b, err := d.plans.Bulletin(ctx, id, version)
	if errors.Is(err, radio.ErrNotFound) {
		return radio.Bulletin{}, nil
	}
	if err != nil {
		return b, fmt.Errorf("read bulletin %s version %d: %w", id, version, err)
	}
	if len(d.bulletins) >= maxBulletins {
		clear(d.bulletins)
	}
	d.bulletins[key] = b
	return b, nil
}
