package pin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// Tries of one address are free; each wrong one after them has to wait, twice as long
	// each time.
	Tries     = 5
	firstWait = time.Minute
	longest   = time.Hour
	// AllTries of all addresses together are free; behind them each wrong one holds up every
	// address that has never given the right PIN, for betweenAll.
	AllTries   = 20
	betweenAll = 10 * time.Minute
	// maxPlaces bounds the addresses that are remembered, maxKnown, of these, the ones from
	// which the right PIN has come.
	maxPlaces = 32
	maxKnown  = 4
	// maxCount is where counting on would change nothing.
	maxCount = 1000
)

// count is how often in a row the PIN was wrong.
type count struct {
	failed int
	until  time.Duration // Mono before which no try counts
}

// place is one address.
type place struct {
	count
	at    string
	known bool // the right PIN has come from there
}

// tried counts a try before it is looked at, and gives the address it came from.
func (p *Pin) tried(from string) *place {
	l := p.find(from)
	if l == nil {
		l = p.add(from)
	}
	l.failed, p.all.failed = min(l.failed+1, maxCount), min(p.all.failed+1, maxCount)
	return l
}

func (p *Pin) find(from string) *place {
	if i := slices.IndexFunc(p.places, func(l *place) bool { return l.at == from }); i >= 0 {
		return p.places[i]
	}
	return nil
}

// add remembers an address. The one with the fewest wrong tries makes room, the oldest of
// these, but none from which the right PIN has come.
func (p *Pin) add(from string) *place {
	if len(p.places) >= maxPlaces {
		least := -1
		for i, l := range p.places {
			if !l.known && (least < 0 || l.failed < p.places[least].failed) {
				least = i
			}
		}
		p.places = slices.Delete(p.places, least, least+1)
	}
	l := &place{at: from}
	p.places = append(p.places, l)
	return l
}

// wait is how long an address has to wait before its next try.
func (p *Pin) wait(from string, now time.Duration) time.Duration {
	l := p.find(from)
	if l == nil {
		l = &place{}
	}
	wait := l.until - now
	if !l.known {
		wait = max(wait, p.all.until-now)
	}
	return max(wait, 0)
}

// wrong notes what a try has cost.
func (p *Pin) wrong(l *place, now time.Duration) *Refused {
	l.until = now + waitAfter(l.failed)
	left := Tries - l.failed
	if p.all.failed >= AllTries {
		p.all.until = now + betweenAll
	}
	if !l.known {
		left = min(left, AllTries-p.all.failed)
	}
	return &Refused{Left: max(left, 0), Wait: p.wait(l.at, now)}
}

// right: counting begins anew, and the address is known from here on.
func (p *Pin) right(l *place) {
	p.all, l.count = count{}, count{}
	p.places = append(slices.DeleteFunc(p.places, func(x *place) bool { return x == l }), l) // the newest
	l.known = true
	p.forgetKnown()
}

// forgetKnown keeps the newest addresses from which the right PIN has come.
func (p *Pin) forgetKnown() {
	known := 0
	for _, x := range slices.Backward(p.places) {
		if x.known {
			known++
			x.known = known <= maxKnown
		}
	}
}

// kept is what outlives a restart. The first version had only the sum.
type kept struct {
	Failed int         `json:"failed"` // of all addresses
	From   []keptPlace `json:"from,omitempty"`
}

type keptPlace struct {
	At     string `json:"at"`
	Failed int    `json:"failed,omitempty"`
	Known  bool   `json:"known,omitempty"`
}

// load reads the counts once. A restart does not shorten a wait: it begins anew.
func (p *Pin) load(now time.Duration) {
	if p.loaded {
		return
	}
	p.loaded = true
	b, err := p.store.Kept(keptTries)
	var k kept
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		// Whoever can damage the store must not gain tries by it.
		p.log.Warn("count of wrong PINs not readable", "error", err)
		k = kept{Failed: AllTries}
	}
	within := func(n int) int { return min(max(n, 0), maxCount) }
	p.all = count{failed: within(k.Failed)}
	if p.all.failed >= AllTries {
		p.all.until = now + betweenAll
	}
	for _, x := range k.From[:min(len(k.From), maxPlaces)] {
		l := &place{at: x.At, known: x.Known, count: count{failed: within(x.Failed)}}
		l.until = now + waitAfter(l.failed)
		p.places = append(p.places, l)
	}
	p.forgetKnown()
}

// keepTries: a disk that takes no writes must not keep a person from stopping a siren;
// the counts then last as long as the agent runs.
func (p *Pin) keepTries(ctx context.Context) {
	k := kept{Failed: p.all.failed}
	for _, l := range p.places {
		k.From = append(k.From, keptPlace{At: l.at, Failed: l.failed, Known: l.known})
	}
	b, err := json.Marshal(k)
	if err == nil {
		err = p.store.Keep(context.WithoutCancel(ctx), keptTries, b)
	}
	if err != nil {
		p.log.Error("count of wrong PINs not kept", "error", err)
	}
}

// waitAfter so many wrong tries of one address in a row.
func waitAfter(failed int) time.Duration {
	if failed < Tries {
		return 0
	}
	wait := firstWait
	for range failed - Tries {
		if wait *= 2; wait >= longest {
			return longest
		}
	}
	return wait
}
