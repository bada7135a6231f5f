package timetable

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"loaxa/internal/radio"
)

// Placement counts in samples since 1970: slots begin on whole seconds, so their
// instants are whole numbers of samples and nothing is rounded twice.

const daySamples = 24 * 60 * 60 * radio.SampleRate

// candidate is one step of one slot instant on its way to an airing.
type candidate struct {
	slot     *slot
	rank     int // index of the slot in the order of placement
	step     *step
	order    int // index of the step in the slot
	slotAt   radio.Millis
	start    int64
	excluded radio.Reason
}

func (c *candidate) planned() int64 { return samplesAt(c.slotAt) + c.step.offset }
func (c *candidate) span() span     { return span{c.start, c.start + c.step.samples} }

// startTime is the instant of sample start, as radio.Airing.Start computes it.
func (c *candidate) startTime() time.Time {
	return c.slotAt.Time().Add(radio.SamplesDuration(c.start - samplesAt(c.slotAt)))
}

// days expands UTC days, each once as long as they are asked for in order.
type days struct {
	t     *Timetable
	known map[int64][]candidate // by the day they are planned in, before any shift
}

func (t *Timetable) days() days { return days{t: t, known: map[int64][]candidate{}} }

// placed gives the candidates planned (before any shift) in day k, placed.
//
// A shift depends on what was placed just before, that on what was placed before
// it, and a rule has no first airing: somewhere counting must begin, and it must
// not begin where a caller happens to ask. So it begins, for the airings of each
// UTC day, one whole day earlier and runs one day beyond (what ranks higher may
// begin after midnight and still be in the way). A single quiet moment in that
// day makes the result the same as counting from the beginning of time. If more
// is planned than fits into 24 hours on end, two days' counts can disagree at
// their seam; Airings then excludes what would sound over the earlier day's last
// airing, so that there is one sound at a time even then.
func (d days) placed(k int64) ([]candidate, error) {
	delete(d.known, k-2)
	var all []candidate
	for i := k - 1; i <= k+1; i++ {
		if _, ok := d.known[i]; !ok {
			planned, err := d.t.expand(i)
			if err != nil {
				return nil, err
			}
			d.known[i] = planned
		}
		all = append(all, d.known[i]...)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(b.slot.Priority.Rank(), a.slot.Priority.Rank()),
			cmp.Compare(a.slotAt, b.slotAt),
			cmp.Compare(a.rank, b.rank),
			cmp.Compare(a.order, b.order))
	})
	place(all, d.t.notAfter)
	return slices.DeleteFunc(all, func(c candidate) bool {
		return c.planned() < dayStart(k) || c.planned() >= dayStart(k+1)
	}), nil
}

// expand lists the steps planned in day k.
func (t *Timetable) expand(k int64) ([]candidate, error) {
	all := []candidate{}
	lo, hi := dayStart(k), dayStart(k+1)
	for i := range t.slots {
		s := &t.slots[i]
		err := t.instants(s, timeOf(lo-s.length), timeOf(hi), func(at time.Time) error {
			slotAt := radio.At(at)
			for j := range s.steps {
				if p := samplesAt(slotAt) + s.steps[j].offset; p < lo || p >= hi {
					continue
				}
				if len(all) == MaxAiringsPerDay {
					return fmt.Errorf("%w: more than %d airings a day near %s", radio.ErrInvalid, MaxAiringsPerDay, radio.DateOf(at))
				}
				all = append(all, candidate{slot: s, rank: i, step: &s.steps[j], order: j, slotAt: slotAt})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// place gives every candidate, in its order, the first free room at or after its
// planned start, or the reason why it will not sound.
func place(all []candidate, notAfter radio.Millis) {
	var taken row
	done := make([]bool, len(all))
	// put places a candidate after those that the commune wants before it. A ring of
	// wishes ends where it meets one that is being placed.
	var put func(i int)
	put = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		if c := &all[i]; len(c.slot.behind) > 0 && c.slot.Declined == "" {
			for j := range all {
				if !done[j] && c.waitsFor(&all[j]) {
					put(j)
				}
			}
		}
		taken.place(&all[i], notAfter)
	}
	for i := range all {
		put(i)
	}
}

// waitsFor: the commune wants the other first, and their slots would sound at one time.
func (c *candidate) waitsFor(o *candidate) bool {
	if !c.slot.behind[o.slot.Schedule] || c.slot.Priority != o.slot.Priority {
		return false
	}
	mine, other := samplesAt(c.slotAt), samplesAt(o.slotAt)
	return other < mine+c.slot.length && mine < other+o.slot.length
}

func (r *row) place(c *candidate, notAfter radio.Millis) {
	c.start = c.planned()
	if c.slot.Declined != "" {
		c.excluded = c.slot.Declined
		return
	}
	if c.step.item.Kind != radio.KindAudio {
		c.excluded = radio.ReasonUnsupported
		return
	}
	if expired(c, notAfter) {
		c.excluded = radio.ReasonExpired
		return
	}
	// Planned before its time: a shift that happens to reach it changes nothing.
	if from := c.step.validFrom; from != 0 && c.startTime().Before(from.Time()) {
		c.excluded = radio.ReasonNotYet
		return
	}
	c.start = r.fit(c.planned(), c.step.samples)
	switch {
	case c.start-c.planned() > c.slot.grace:
		// It takes no time, and those after it in its slot are not pulled forward.
		c.start, c.excluded = c.planned(), radio.ReasonOverlap
	case expired(c, notAfter):
		c.excluded = radio.ReasonExpired
	default:
		r.add(c.span())
	}
}

func expired(c *candidate, notAfter radio.Millis) bool {
	at, valid := c.startTime(), c.step.validUntil
	return !at.Before(notAfter.Time()) || (valid != 0 && !at.Before(valid.Time()))
}

// span is a run of samples, its end excluded.
type span struct{ start, end int64 }

// row is what sounds already: spans in order that do not overlap.
type row []span

// after is the index of the first span that ends after the sample.
func (r row) after(sample int64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].end > sample })
}

// fit gives the first sample at or after from with n free samples behind it.
func (r row) fit(from, n int64) int64 {
	for _, s := range r[r.after(from):] {
		if from+n <= s.start {
			break
		}
		from = s.end
	}
	return from
}

func (r *row) add(s span) { *r = slices.Insert(*r, r.after(s.start), s) }

func overlaps(spans []span, s span) bool {
	return slices.ContainsFunc(spans, func(o span) bool { return o.start < s.end && s.start < o.end })
}

func samplesAt(m radio.Millis) int64 { return int64(m) / 1000 * radio.SampleRate }

// timeOf is the second in which the sample lies; used only for bounds on whole days
// and for looking back, where earlier is harmless.
func timeOf(sample int64) time.Time {
	return time.Unix(floorDiv(sample, radio.SampleRate), 0).UTC()
}

func dayOf(t time.Time) int64 { return floorDiv(t.Unix(), 24*60*60) }
func dayStart(k int64) int64  { return k * daySamples }
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
