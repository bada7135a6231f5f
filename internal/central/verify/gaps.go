package verify

import (
	"bytes"
	"errors"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// A gap is what a device no longer had when it came back to a centre that had lost it.
// Only the device can say so: its signed hello names the oldest record it has. What came
// in a batch was here, and so was what a checkpoint has countersigned.

// event takes one of the journal's events, which stand before its records.
func (j *journalWalk) event(e *Event) error {
	if j.eventCount >= maxEvents || j.next != j.After+1 {
		return errOrder
	}
	j.eventCount++
	if why := j.claimed(e); why != "" {
		j.bad(Finding{Kind: Altered, Seq: e.Seq, Text: "an event that is noted here: " + why})
	}
	switch e.Kind {
	case radio.DisputeFork:
		j.fork(e)
	case radio.DisputeGap:
		if n := len(j.gaps); e.Seq == 0 || e.Last < e.Seq || e.Last > 1<<62 || n > 0 && j.gaps[n-1].Last >= e.Seq {
			j.bad(Finding{Kind: Altered, Seq: e.Seq, Last: e.Last, Text: "a gap is noted here that makes no sense"})
			return nil
		}
		j.gaps = append(j.gaps, noted{Event: *e})
	case radio.DisputeBreak:
		j.breaks[e.Seq] = append(j.breaks[e.Seq], &noted{Event: *e})
	default:
		j.bad(Finding{Kind: Altered, Seq: e.Seq, Text: "an event is noted that nobody knows: " + clip(string(e.Kind))})
	}
	return nil
}

// claimed says why an event cannot have been noted so: what it holds beside its evidence must
// be what the evidence says.
func (j *journalWalk) claimed(e *Event) string {
	switch {
	case e.Kind == radio.DisputeGap && e.Claimed != (trust.Hash{}):
		return "a gap claims no record"
	case e.Kind != radio.DisputeGap && e.Last != e.Seq:
		return "it is of one record, not of several"
	case e.Kind != radio.DisputeFork && len(e.Bytes) > 0:
		return "only of a fork another record is kept"
	case e.Kind != radio.DisputeBreak || len(e.Envelope) == 0:
		return ""
	}
	p, err := j.w.proven(e.Envelope)
	if err != nil || p.Journal != j.ref.Journal {
		return fmt.Sprintf("the device's signature for it does not hold: %v", err)
	}
	link := p.Prev
	for i, raw := range p.Records {
		if p.First+uint64(i) == e.Seq && link == e.Claimed {
			return ""
		}
		link = trust.NextHash(link, raw)
	}
	return "the device has not signed that"
}

// noted is an event, and whether the records have shown it.
type noted struct {
	Event
	seen bool
}

// claim is a record as a device has signed it.
type claim struct {
	seq  uint64
	link trust.Hash
}

// fork notes that the device has signed two records under one number. The message that
// proves it stands with the first of them.
func (j *journalWalk) fork(e *Event) {
	f := Finding{Kind: Altered, Seq: e.Seq, Text: "the device has signed another record under this number, too"}
	if len(e.Envelope) > 0 {
		p, err := j.w.proven(e.Envelope)
		if err != nil || p.Journal != j.ref.Journal {
			f.Kind, f.Text = Unsigned, fmt.Sprintf("noted as signed twice, but the device's signature does not hold: %v", err)
			j.bad(f)
			return
		}
		link := p.Prev
		for i, raw := range p.Records {
			link = trust.NextHash(link, raw)
			j.claims[claim{p.First + uint64(i), link}] = raw
		}
	}
	j.forks[e.Seq] = e.Held
	raw, signed := j.claims[claim{e.Seq, e.Claimed}]
	switch {
	case signed && len(e.Bytes) > 0 && !bytes.Equal(raw, e.Bytes):
		f.Text = "noted as signed twice, but the other record is not the one that the device has signed"
		j.bad(f)
		return
	case signed:
		f.Journal, f.At = j.ref.Journal, j.at
		j.w.forked = append(j.w.forked, forked{f, contentOf(raw)})
		return
	case len(e.Envelope) > 0:
		f.Kind, f.Text = Unsigned, "noted as signed twice, but the device has not signed that"
		j.bad(f)
		return
	default:
		f.Text = "noted as signed twice; not proven, the message that says so was not kept"
	}
	j.note(f)
}

// errNoEvidence: the device's word was not kept with a gap.
var errNoEvidence = errors.New("a gap is noted, but not the device's word that it had lost them")

// lost says why records that are not here cannot have been lost by the device; nil when
// they were, which is noted. Several gaps may stand behind each other.
func (j *journalWalk) lost(first, last uint64) error {
	gaps, at := []*noted{}, first
	for i := range j.gaps {
		if g := &j.gaps[i]; g.Seq == at && g.Last <= last {
			if g.Seq == j.next && j.before != (trust.Hash{}) && g.Held != (trust.Hash{}) && g.Held != j.before {
				return errors.New("a gap is noted, but behind another record")
			}
			gaps, at = append(gaps, g), g.Last+1
			g.seen = true
		}
	}
	if at != last+1 {
		return errors.New("they are not here")
	}
	if first <= j.sealed || j.batch != nil && last >= j.batch.New {
		return errors.New("a gap is noted, yet they came: the log has a signature over them")
	}
	covered := false
	for _, m := range j.marks {
		if m.upto >= first && m.upto <= last {
			return fmt.Errorf("a gap is noted, yet they were here at checkpoint %d of %s", m.number, m.at.Time().Format("2006-01-02"))
		}
		covered = covered || m.upto > last
	}
	var notes []Finding
	for _, g := range gaps {
		f := Finding{Kind: Missing, Seq: g.Seq, Last: g.Last, Text: "the device no longer had them (it said so when it came back)"}
		err := j.gapProven(g.Event)
		if errors.Is(err, errNoEvidence) && !covered {
			err, f.Text = nil, "a gap is noted; not proven, the device's word for it was not kept"
		}
		if err != nil {
			return err
		}
		notes = append(notes, f)
	}
	for _, f := range notes {
		j.note(f)
	}
	return nil
}

// gapProven wants the device's own hello, by which it had nothing before the gap's end.
func (j *journalWalk) gapProven(e Event) error {
	if len(e.Envelope) == 0 {
		return errNoEvidence
	}
	var p wire.HelloPayload
	if err := wire.Unseal(wire.Hello, string(j.ref.Device), e.Envelope, j.w.key, &p); err != nil {
		return fmt.Errorf("a gap is noted, but the device's signature for it does not hold: %w", err)
	}
	if p.Device != j.ref.Device || p.Journal != j.ref.Journal || p.Oldest != e.Last+1 || p.Oldest > p.Head+1 {
		return errors.New("a gap is noted, but the device has said something else")
	}
	return nil
}

// finishEvents holds what is noted of the journal against the records and the checkpoints.
func (j *journalWalk) finishEvents() {
	for _, g := range j.gaps {
		if !g.seen && g.Last > j.After && g.Seq <= j.Upto {
			j.bad(Finding{Kind: Altered, Seq: g.Seq, Last: g.Last, Text: "a gap is noted here, and there is none"})
		}
	}
	for seq, list := range j.breaks {
		for _, e := range list {
			if !e.seen && seq > j.After && seq <= j.Upto {
				j.bad(Finding{Kind: Broken, Seq: seq, Text: "it is noted that it does not follow from the record before it, and it does"})
			}
		}
	}
	sums := make([]trust.Hash, len(j.gaps)+1)
	for i, g := range j.gaps {
		sums[i+1] = radio.AddGap(sums[i], g.Seq, g.Last)
	}
	for _, m := range j.marks {
		n := 0
		for n < len(j.gaps) && j.gaps[n].Last <= m.upto {
			n++
		}
		if sums[n] == m.gaps {
			continue
		}
		f := Finding{Kind: Rewritten, Seq: m.upto, At: m.at, Text: fmt.Sprintf("checkpoint %d has countersigned other gaps in the journal than are noted", m.number)}
		if n > 0 {
			f.Seq, f.Last = j.gaps[0].Seq, j.gaps[n-1].Last
		}
		j.bad(f)
		return
	}
}
