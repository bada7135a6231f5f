package player

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// TestBreakInAudio: an item whose bytes come too late goes out with a fade and comes
// back with one; not a sample of it is lost.
func TestBreakInAudio(t *testing.T) {
	a := house(t, 4)
	onBench(t, &device{latency: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
		seq := b.play(a.item, a.bytes)
		time.Sleep(time.Second)
		b.pause(10 * time.Second)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s, e := b.of(Started, seq), b.ended(seq, Complete)
		if e.Holes != 1 || e.Consumed != e.Expected {
			t.Fatalf("%+v", e)
		}
		// The hole is the only second of silence.
		hole, run := int64(-1), 0
		for i := s.Sample; i < s.Sample+e.Consumed && hole < 0; i++ {
			if run++; b.dev.written[i] != 0 {
				run = 0
			}
			if run == radio.SampleRate {
				hole = i - radio.SampleRate + 1
			}
		}
		if hole < 0 {
			t.Fatal("no hole")
		}
		hole++ // the last sample of the fade is nothing as well
		first := hole - s.Sample
		b.equal(s.Sample, a.pcm[:first-fadeSamples])
		b.fadesOut(hole, a.pcm[:first])
		again := hole + radio.SampleRate
		for b.dev.written[again] == 0 {
			again++
		}
		// The fade in begins with nothing: the piece lies where its loud part equals.
		rest := a.pcm[first+fadeSamples:]
		for from := again; again > from-fadeSamples; again-- {
			if slices.Equal(b.dev.written[again+fadeSamples:][:len(rest)], rest) {
				return
			}
		}
		t.Fatal("what follows the hole is not what was cut")
	})
}

// TestNextComesSoon: an item whose audio does not come holds up what is to follow it
// for less than a second.
func TestNextComesSoon(t *testing.T) {
	a := house(t, 1)
	onBench(t, &device{latency: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
		one := b.play(a.item, a.bytes)
		missing := b.play(a.item, nil)
		next := b.play(a.item, a.bytes)
		planned := a.item // due by the clock, behind another that never comes
		planned.Start = b.mono() + 15*time.Second
		gone := b.play(planned, nil)
		planned.Start += time.Second / 2
		last := b.play(planned, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.ended(missing, Source)
		b.ended(gone, Source)
		end := b.of(Started, one).Sample + b.ended(one, Complete).Consumed
		if gap := b.of(Started, next).Sample - end; gap > radio.SampleRate {
			t.Errorf("the next item begins %v later", radio.SamplesDuration(gap))
		}
		if late := b.of(Started, last).Mono - planned.Start; late > time.Second {
			t.Errorf("the last item begins %v late", late)
		}
	})
}

// quietFrames are frames of a 64 kbit/s file that decode to nothing but zeros.
func quietFrames(like []byte, n int) []byte {
	frame := make([]byte, 208)
	copy(frame, like[:4])
	frame[2] &^= 2 // no padding
	return bytes.Repeat(frame, n)
}

// TestDigitalSilence: more than three seconds of it inside an item are told, less is a
// pause, and what lies between items is nobody's.
func TestDigitalSilence(t *testing.T) {
	a := house(t, 1)
	with := func(quiet ...int) audio {
		long := audio{bytes: slices.Clone(a.bytes), item: a.item}
		for _, n := range quiet {
			long.bytes = append(append(long.bytes, quietFrames(a.bytes, n)...), a.bytes...)
			long.item.Frames += n + a.item.Frames
		}
		return long
	}
	const second = 38 // frames
	tests := map[string]struct {
		audio audio
		want  time.Duration
	}{
		"none":              {a, 0},
		"two pauses":        {with(2*second, 2*second), 0},
		"a long one":        {with(4 * second), 4 * time.Second},
		"a long one, twice": {with(4*second, 5*second, second), 9 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onBench(t, &device{latency: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
				later := test.audio.item
				later.Start = b.mono() + 10*time.Second
				seq := b.play(later, test.audio.bytes)
				if err := b.finish(); err != nil {
					t.Fatal(err)
				}
				e := b.ended(seq, Complete)
				if got := radio.SamplesDuration(e.Silent); got < test.want-150*time.Millisecond || got > test.want+150*time.Millisecond {
					t.Errorf("told %v of silence, want %v", got, test.want)
				}
			})
		})
	}
}

// counting is an output that takes what it gets.
type counting struct {
	output.Output
	progress output.Progress
}

func (c *counting) Info() output.Info                  { return output.Info{Ring: 400 * time.Millisecond} }
func (c *counting) Progress() (output.Progress, error) { return c.progress, nil }

// TestNothingIsAllocated while it sounds, in the mixer, between it and the decoder, and
// between the parent and the decoder. go-mp3's own allocations are not ours.
func TestNothingIsAllocated(t *testing.T) {
	out := &counting{}
	s := &stream{out: out, prepare: func(*track) {}}
	track := &track{seq: 1, item: Item{Frames: radio.MaxFrames, GainDB: -3}, pcm: newPCM(), cancel: func() {}}
	s.add(track)
	mixed, decoded := make([]int16, block), make([]int16, radio.FrameSamples)
	for i := range decoded {
		decoded[i] = int16(i)
	}
	q := track.pcm
	q.store = make([]int16, 0, 2*(ahead+radio.FrameSamples))
	mix := func() {
		for len(q.buf) < ahead {
			q.buf = pushed(q.store, q.buf, decoded)
		}
		if !s.fill(mixed) {
			t.Fatal("ended")
		}
		s.written += block
		out.progress.At += 20 * time.Millisecond
		out.progress.Consumed += block
		s.est.add(out.progress)
	}
	for range 1000 { // a warm line
		mix()
	}
	if n := testing.AllocsPerRun(2000, mix); n != 0 {
		t.Errorf("the mixer allocates %v times a block", n)
	}
	if !track.placed || track.holes > 0 {
		t.Fatalf("it did not sound: %+v", track)
	}

	f := newFeed(func(int64) {})
	bytesIn, bytesOut := make([]byte, 1000), make([]byte, 1000)
	f.asked = 1 << 40
	if n := testing.AllocsPerRun(2000, func() {
		if err := f.put(bytesIn); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(f, bytesOut); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("the feed allocates %v times a kilobyte", n)
	}
}
