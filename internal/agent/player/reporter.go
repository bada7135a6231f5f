package player

import (
	"fmt"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// reporter tells the parent what has left the device, and watches the device.
type reporter struct {
	child   *child
	stream  *stream
	out     output.Output
	watch   watch
	looked  time.Duration // when
	last    time.Duration // of the last progress told
	since   time.Duration // the device stalls since; 0: it does not
	faulted bool
}

// look is called about every watchEvery; an error means that the device is lost.
func (r *reporter) look() error {
	p, err := r.out.Progress()
	if err != nil {
		return err
	}
	now := r.child.mono()
	r.looked = now
	r.stream.seen(p)
	found := r.watch.look(p, now)
	if found != tooFast { // which has swallowed items rather than sounded them
		r.tell()
	}
	switch found {
	case tooFast:
		r.faulted = true
		err := fmt.Errorf("the device took %d samples in %v: nothing real is behind it", p.Consumed, now-r.watch.opened)
		r.child.tell(Event{Kind: Faulted, Code: FaultNull, Text: clip(err.Error())})
		return err
	case stalled:
		if r.since == 0 {
			r.since = now
			r.child.tell(Event{Kind: Faulted, Code: FaultStalled, Text: "the device stalls: " + r.watch.found})
		}
		if now-r.since >= giveUp {
			r.faulted = true
			return fmt.Errorf("the device has stalled for %v", giveUp)
		}
	case fine:
		r.since = 0
	}
	return nil
}

// state of the device now.
func (r *reporter) state() (output.Progress, output.Info, int64) {
	p, _ := r.out.Progress() // look has seen the error; the count stands
	info := r.out.Info()
	return p, info, sounded(p, info, r.stream.beyond(p.Consumed), r.child.mono())
}

// tell gives the news, and progress about once a second: the parent's sign of life.
func (r *reporter) tell() {
	p, info, heard := r.state()
	r.child.tell(r.stream.news(heard, p, info)...)
	if now := r.child.mono(); now-r.last >= tellEvery {
		r.last = now
		seq, consumed, silent := r.stream.sounding(heard)
		r.child.tell(Event{Kind: Progressed, Seq: seq, Consumed: consumed, Silent: silent})
	}
}

// tellAll: the device says that all has left.
func (r *reporter) tellAll() {
	p, info, _ := r.state()
	r.child.tell(r.stream.news(p.Consumed, p, info)...)
	r.abandon(Device, "the device never took it")
}

// abandon ends what has not ended, with what had sounded by now. What the ring of a
// lost device still held is not counted, nor what it took faster than time.
func (r *reporter) abandon(reason Reason, text string) {
	p, info, heard := r.state()
	if reason == Device {
		heard = min(sounded(p, info, true, p.At), radio.DurationSamples(r.child.mono()-r.watch.opened))
	}
	r.child.tell(r.stream.news(heard, p, info)...)
	r.child.tell(r.stream.abort(heard, p, info, reason, text)...)
}

// framesIn is the number of whole frames in d.
func framesIn(d time.Duration) int {
	return int(radio.DurationSamples(d) / radio.FrameSamples)
}
