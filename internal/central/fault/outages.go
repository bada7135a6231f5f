package fault

import (
	"cmp"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// together: devices lost within this time of the first are one outage.
	together = 5 * time.Minute
	// A loss that reaches this many communes and devices is one of the province: a line
	// for each commune would say the same many times.
	provinceCommunes = 3
	provinceDevices  = 20
)

// loss is a device whose offline fault opens now.
type loss struct {
	fault *radio.Fault
	view  *radio.DeviceView
}

// gather makes every loss a part of an outage: of one that holds in its area and began
// about then, or of a new one.
func (d *draft) gather(losses []loss) {
	slices.SortStableFunc(losses, func(a, b loss) int {
		return cmp.Or(cmp.Compare(a.fault.OpenedAt, b.fault.OpenedAt), cmp.Compare(a.fault.ID, b.fault.ID))
	})
	for _, l := range losses {
		o := d.outageFor(l)
		o.Devices++
		o.Lost++
		d.outages[o.ID] = o
		d.touched[o.ID] = true
		l.fault.Outage = o.ID
	}
}

func (d *draft) outageFor(l loss) radio.Outage {
	at := l.fault.OpenedAt
	commune, province := l.view.Place.Commune().ID, l.view.Place.Province().ID
	var best radio.Outage
	for _, o := range d.outages {
		if o.Lost > 0 && (o.Area == commune || o.Area == province) && near(at, o.OpenedAt) &&
			(best.ID == "" || o.Area == province || cmp.Compare(o.ID, best.ID) < 0 && best.Area != province) {
			best = o
		}
	}
	if best.ID != "" {
		return best
	}
	o := radio.Outage{ID: radio.NewID[radio.OutageID](), Area: commune, OpenedAt: at}
	if d.wide(at) {
		o.Area = province
	}
	return o
}

func near(a, b radio.Millis) bool { return a >= b.Add(-together) && a <= b.Add(together) }

// wide says whether what was lost around an instant, missed for long or not, reaches
// beyond a few communes.
func (d *draft) wide(at radio.Millis) bool {
	communes, devices := map[radio.AreaID]bool{}, 0
	for _, a := range d.away {
		if near(a.since, at) {
			communes[a.commune] = true
			devices++
		}
	}
	return len(communes) >= provinceCommunes && devices >= provinceDevices
}

// awayNow is a device that is not here, whether it is missed already or not.
type awayNow struct {
	commune  radio.AreaID
	province radio.AreaID
	since    radio.Millis
	missed   bool // its offline fault is open
}

// waits says whether an outage is still gathering: a device of its area was lost with it
// and may yet come back before it is missed.
func (d *draft) waits(o radio.Outage) bool {
	return slices.ContainsFunc(d.away, func(a awayNow) bool {
		return !a.missed && (a.commune == o.Area || a.province == o.Area) && near(a.since, o.OpenedAt)
	})
}
