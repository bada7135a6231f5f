package fault

import (
	"cmp"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// tell makes the news of a judging: outages were told already; all else is one line for
// each kind and commune. That a device is not ready any more "not ready" is no news: the
// airing came, and the log tells what became of it.
func (d *draft) tell(zone timetable.Zone) {
	for _, group := range grouped(d.opened) {
		d.news(d.groupNews(group, radio.FaultOpened))
	}
	closed := slices.DeleteFunc(slices.Clone(d.closed), func(f radio.Fault) bool { return f.Kind == radio.FaultNotReady })
	for _, group := range grouped(closed) {
		d.news(d.groupNews(group, radio.FaultClosed))
	}
	day, due := d.summaryDue(zone)
	if !due {
		return
	}
	d.summed, d.change.Summed = day, day
	d.change.Forget = d.now.Add(-kept)
	var old []radio.Fault
	for _, f := range d.open {
		if f.OpenedAt <= d.now.Add(-longOpen) && (f.Kind == radio.FaultOffline || f.Outage == "") {
			old = append(old, f)
		}
	}
	for _, group := range grouped(old) {
		n := d.groupNews(group, radio.FaultStillOpen)
		n.Key = stillKey(day, n)
		d.news(n)
	}
}

// news adds a line for whoever wants to know.
func (d *draft) news(n radio.FaultNews) { d.told = append(d.told, n) }

// grouped sorts faults by what is one line to people; within a group the first opened
// stands first.
func grouped(faults []radio.Fault) [][]radio.Fault {
	type line struct {
		kind    radio.FaultKind
		code    string
		commune radio.AreaID
	}
	slices.SortFunc(faults, func(a, b radio.Fault) int {
		return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	at := map[line]int{}
	var out [][]radio.Fault
	for _, f := range faults {
		k := line{f.Kind, f.Code, f.Commune}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], f)
	}
	return out
}

func (d *draft) groupNews(group []radio.Fault, event radio.FaultEvent) radio.FaultNews {
	first := group[0]
	n := radio.FaultNews{Key: string(event) + ":" + string(first.ID), Event: event, Kind: first.Kind, Code: first.Code,
		Area: first.Commune, From: first.OpenedAt, Cause: first.Cause}
	for _, f := range group {
		n.To = max(n.To, f.ClosedAt)
		d.name(&n, f.Device)
	}
	d.place(&n)
	return n
}

func (d *draft) outageNews(o radio.Outage, event radio.FaultEvent) radio.FaultNews {
	n := radio.FaultNews{Key: "outage:" + string(o.ID) + ":" + string(event), Event: event, Kind: radio.FaultOffline,
		Area: o.Area, Outage: o.ID, From: o.OpenedAt, To: o.ClosedAt}
	faults := d.change.Closed
	if event == radio.FaultOpened {
		faults = nil
		for _, f := range d.open {
			faults = append(faults, f)
		}
		slices.SortFunc(faults, func(a, b radio.Fault) int {
			return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), cmp.Compare(a.ID, b.ID))
		})
	}
	for _, f := range faults {
		if f.Outage == o.ID && f.Kind == radio.FaultOffline {
			d.name(&n, f.Device)
		}
	}
	// What is over names the last to come back; all that were lost are counted.
	n.Count = o.Devices
	d.place(&n)
	return n
}

// name counts a device in, and names it when there is room.
func (d *draft) name(n *radio.FaultNews, id radio.DeviceID) {
	if id == "" {
		return
	}
	n.Count++
	v := d.views[id]
	if v == nil || len(n.Devices) == radio.MaxNamed {
		return
	}
	n.Devices = append(n.Devices, radio.NamedDevice{ID: id, Code: v.Place.Device.Code, Name: v.Place.Device.Name, Hamlet: v.Place.Hamlet().Name})
}

// place names the area and its chain, from any device in it.
func (d *draft) place(n *radio.FaultNews) {
	for _, dev := range n.Devices {
		for _, a := range d.views[dev.ID].Place.Chain {
			n.Within = append(n.Within, a.Code)
			if a.ID == n.Area {
				n.AreaName = a.Name
				return
			}
		}
		n.Within = nil
	}
}
