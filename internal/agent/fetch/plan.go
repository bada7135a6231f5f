package fetch

import (
	"net/url"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// need is one audio the programme lists.
type need struct {
	sha   radio.SHA256
	bytes int64
	title string
	due   time.Time // of its next airing within two days; zero when there is none
	first bool      // before all else, at any hour: an alert needs it
	// refused says why it must not sound: no approval of it holds. Nothing else is then
	// wrong with it, but data costs money.
	refused error
}

// needs lists what an alert needs, then the audio of the programme.
func (f *Fetcher) needs() []need {
	var list []need
	known := map[radio.SHA256]bool{}
	add := func(r radio.Rendition, title string) {
		if !known[r.SHA256] {
			known[r.SHA256] = true
			list = append(list, need{sha: r.SHA256, bytes: r.Bytes, title: title, first: true})
		}
	}
	if f.opts.Urgent != nil {
		for _, r := range f.opts.Urgent.Wanted() {
			add(r, "voice of an alert")
		}
	}
	for _, e := range f.opts.Plan.Settings().Emergency {
		add(e.Rendition, "emergency: "+string(e.Role))
	}
	return append(list, slices.DeleteFunc(f.programmed(), func(n need) bool { return known[n.sha] })...)
}

// pressing says whether something an alert needs is missing that is not n itself, and
// could be asked for now.
func (f *Fetcher) pressing(n need) bool {
	if n.first {
		return false
	}
	o, _, ok := f.choose(f.needs())
	return ok && o.first
}

// programmed lists what is to be here of the programme's audio.
func (f *Fetcher) programmed() []need {
	return slices.DeleteFunc(f.listed(), func(n need) bool { return n.refused != nil })
}

// listed lists the audio of the programme in the rendition of the settings, by next
// airing, then as the programme lists it.
func (f *Fetcher) listed() []need {
	p, ok := f.opts.Plan.Programme()
	if !ok {
		return nil
	}
	now, usable := f.opts.Clock.Now(), f.opts.Clock.State().Usable()
	if usable && radio.At(now) >= p.NotAfter {
		return nil // nothing of it will sound
	}
	type version struct {
		bulletin radio.BulletinID
		number   int
	}
	due := map[version]time.Time{}
	if usable {
		for _, a := range f.airings(p, now) {
			v := version{a.Bulletin, a.Version}
			if at, ok := due[v]; a.End().After(now) && (!ok || a.Start().Before(at)) {
				due[v] = a.Start()
			}
		}
	}
	var list []need
	place := map[radio.SHA256]int{}
	kbps := f.opts.Plan.Settings().Rendition
	for _, a := range p.Audio {
		r, ok := a.Rendition(kbps)
		if !ok || (usable && a.ValidUntil != 0 && radio.At(now) >= a.ValidUntil) {
			continue
		}
		n := need{sha: r.SHA256, bytes: r.Bytes, title: a.Title, due: due[version{a.Bulletin, a.Version}],
			refused: f.opts.Plan.CheckApproval(p, a.Bulletin, a.Version)}
		if i, twice := place[n.sha]; twice {
			if was := list[i].refused != nil; was != (n.refused != nil) {
				if was {
					list[i] = n // the same bytes, approved as another bulletin
				}
				continue
			}
			if list[i].due.IsZero() || (!n.due.IsZero() && n.due.Before(list[i].due)) {
				list[i].due = n.due
			}
			continue
		}
		place[n.sha] = len(list)
		list = append(list, n)
	}
	slices.SortStableFunc(list, func(a, b need) int {
		switch {
		case a.due.IsZero() && b.due.IsZero():
			return 0
		case a.due.IsZero():
			return 1
		case b.due.IsZero():
			return -1
		}
		return a.due.Compare(b.due)
	})
	return list
}

// agenda is an expansion of the programme, kept for some minutes: a small board has
// better things to do than to expand cron rules at every look.
type agenda struct {
	of   *radio.Programme
	from time.Time
	list []radio.Airing
}

const agendaFor = 10 * time.Minute

// airings of the next two days, and those an hour long that sound now.
func (f *Fetcher) airings(p *radio.Programme, now time.Time) []radio.Airing {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.agenda; a.of == p && !now.Before(a.from) && now.Sub(a.from) < agendaFor {
		return a.list
	}
	f.agenda = agenda{of: p, from: now}
	t, err := timetable.New(p)
	if err == nil {
		f.agenda.list, err = t.Airings(now.Add(-time.Hour), now.Add(verifySpan))
	}
	if err != nil {
		// inbox accepts none such; without due times all is fetched in order
		f.log.Warn("airings not expanded, fetching without their order", "error", err)
	}
	return f.agenda.list
}

// choose picks the first audio that is not there, may be fetched at this hour and
// is not waiting after a failure, with a host that may be asked.
func (f *Fetcher) choose(needs []need) (need, string, bool) {
	now, wall := time.Now(), f.opts.Clock.Now()
	calm := !now.Before(f.calm) && f.windowOpen(wall)
	for _, n := range needs {
		urgent := n.first || !n.due.IsZero() && n.due.Sub(wall) < radio.FetchUrgent
		if !urgent && !calm || f.opts.Cache.Ready(n.sha) {
			continue
		}
		f.mu.Lock()
		t := f.audios[n.sha]
		f.mu.Unlock()
		failures := 0
		if t != nil {
			if now.Before(t.until) {
				continue
			}
			failures = t.failures
		}
		if host, ok := f.host(failures, now); ok {
			return n, host, true
		}
	}
	return need{}, "", false
}

// host picks a media host: the preferred one first, another after each failure.
func (f *Fetcher) host(failures int, now time.Time) (string, bool) {
	hosts := f.opts.Plan.Endpoints().Media
	for i := range hosts {
		h := hosts[(failures+i)%len(hosts)]
		if u, err := url.Parse(h); err != nil || u.Scheme != "https" || u.Host == "" {
			continue // the root signed it, yet it cannot be used
		}
		if p := f.hosts[h]; p == nil || !now.Before(p.until) {
			return h, true
		}
	}
	return "", false
}

// windowOpen says whether what is not urgent may be fetched now. By a clock nobody can
// believe there is no hour to keep.
func (f *Fetcher) windowOpen(now time.Time) bool {
	s := f.opts.Plan.Settings()
	_, ok := f.opts.Plan.Programme()
	if !ok || s.FetchFrom == s.FetchTo || !f.opts.Clock.State().Usable() {
		return ok
	}
	return s.FetchOpen(f.opts.Device, f.zone().TimeOfDay(now))
}

// zone is the civil time of the programme; UTC before the first.
func (f *Fetcher) zone() timetable.Zone {
	var z timetable.Zone
	if p, ok := f.opts.Plan.Programme(); ok {
		if known, err := timetable.LoadZone(p.Zone); err == nil { // inbox accepts no other
			z = known
		}
	}
	return z
}
