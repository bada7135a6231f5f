package preview

import (
	"slices"

	"loaxa/internal/radio"
)

// links gathers the devices whose link does not carry what schedules ask of it.
type links struct {
	mine []*radio.PreviewAiring // the first of each audio that would sound
	of   map[version]*radio.PreviewAiring
	slow map[version]*strain
	over map[radio.ScheduleID]*strain
}

type version struct {
	bulletin radio.BulletinID
	number   int
}

// strain is one thing too much, on some devices.
type strain struct {
	places []radio.Place
	worst  int64 // milliseconds too late, bytes too many
}

func (t *strain) add(p radio.Place, by int64) {
	t.places, t.worst = append(t.places, p), max(t.worst, by)
}

// newLinks: what comes too soon for any link is told by itself.
func newLinks(mine []radio.PreviewAiring, near map[radio.EntryID]bool) *links {
	l := &links{of: map[version]*radio.PreviewAiring{}, slow: map[version]*strain{}, over: map[radio.ScheduleID]*strain{}}
	for i := range mine {
		a := &mine[i]
		if v := (version{a.Bulletin, a.Version}); a.Outcome == "" && a.Kind == radio.KindAudio && !near[a.Entry] && l.of[v] == nil {
			l.of[v] = a
			l.mine = append(l.mine, a)
		}
	}
	return l
}

// concerns says whether the device lacks any of it.
func (l *links) concerns(list []wanted, said radio.Status) bool {
	return slices.ContainsFunc(list, func(w wanted) bool {
		return l.of[version{w.bulletin, w.number}] != nil && !slices.ContainsFunc(said.Audio, func(a radio.AudioStatus) bool { return a.SHA256 == w.SHA256 && a.Ready })
	})
}

// look takes in what one device lacks.
func (l *links) look(pl radio.Place, said radio.Status, lacks []missing) {
	var bytes int64
	for _, m := range lacks {
		bytes += m.bytes
		v := version{m.bulletin, m.number}
		if a := l.of[v]; a != nil && !m.stood && radio.At(m.ready) > a.Start {
			if l.slow[v] == nil {
				l.slow[v] = &strain{}
			}
			l.slow[v].add(pl, int64(radio.At(m.ready)-a.Start))
		}
	}
	by := said.Link.UsedBytes + bytes - said.Link.CapBytes
	if said.Link.CapBytes == 0 || by <= 0 {
		return
	}
	for _, a := range l.mine {
		if i := slices.IndexFunc(lacks, func(m missing) bool { return m.bulletin == a.Bulletin && m.number == a.Version }); i < 0 {
			continue
		}
		t := l.over[a.Schedule]
		if t == nil {
			t = &strain{}
			l.over[a.Schedule] = t
		}
		if n := len(t.places); n == 0 || t.places[n-1].Device.ID != pl.Device.ID {
			t.add(pl, by)
		}
	}
}

func (l *links) tell(to *ledger) {
	for _, a := range l.mine {
		if t := l.slow[version{a.Bulletin, a.Version}]; t != nil {
			to.add(finding{key: key{kind: radio.ConflictNotInTime, what: whatSlowLink, schedule: a.Schedule, slot: a.Slot, entry: a.Entry, bulletin: a.Bulletin},
				at: a.Start, times: 1, worst: t.worst, places: t.places})
		}
		if t := l.over[a.Schedule]; t != nil {
			to.add(finding{key: key{kind: radio.ConflictNotInTime, what: whatOverCap, schedule: a.Schedule}, at: a.Start, worst: t.worst, places: t.places})
			delete(l.over, a.Schedule)
		}
	}
}
