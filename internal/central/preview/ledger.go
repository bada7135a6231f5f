package preview

import "loaxa/internal/radio"

// merged is a finding on all the devices it touches.
type merged struct {
	finding
	devices []radio.DeviceID
	count   int
	total   int // airings on all devices
}

// ledger collects findings, each key once, in the order they were found.
type ledger struct {
	order []key
	of    map[key]*merged
}

func newLedger() *ledger { return &ledger{of: map[key]*merged{}} }

func (l *ledger) add(f finding) *merged {
	m, ok := l.of[f.key]
	if !ok {
		m = &merged{finding: f}
		l.of[f.key] = m
		l.order = append(l.order, f.key)
		return m
	}
	m.times += f.times
	m.blocking = m.blocking || f.blocking
	if f.at != 0 && (m.at == 0 || f.at < m.at) {
		m.at, m.clear = f.at, f.clear
	}
	if f.since != 0 && (m.since == 0 || f.since < m.since) {
		m.since = f.since
	}
	m.worst = max(m.worst, f.worst)
	return m
}

// join takes over what was found in a group of devices.
func (l *ledger) join(o *ledger, places []radio.Place) {
	for _, k := range o.order {
		f := o.of[k].finding
		at := places
		if f.places != nil {
			at = f.places
		}
		m := l.add(f)
		for _, p := range at {
			if len(m.devices) < radio.MaxConflictDevices {
				m.devices = append(m.devices, p.Device.ID)
			}
		}
		m.count += len(at)
		m.total += f.times * len(at)
	}
}

// take takes over what was found on the devices of another ledger.
func (l *ledger) take(o *ledger) {
	for _, k := range o.order {
		from := o.of[k]
		m := l.add(from.finding)
		for _, d := range from.devices {
			if len(m.devices) < radio.MaxConflictDevices {
				m.devices = append(m.devices, d)
			}
		}
		m.count += from.count
		m.total += from.total
	}
}
