package player

import (
	"math"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestPlacement(t *testing.T) {
	devices := map[string]*device{
		"steady":              {latency: 530 * time.Millisecond},
		"fast crystal":        {latency: 530 * time.Millisecond, ppm: 150},
		"slow crystal":        {latency: 60 * time.Millisecond, ppm: -400, period: 676},
		"busy board":          {latency: 530 * time.Millisecond, ppm: 50, jitter: rough},
		"stall at cold start": {latency: 530 * time.Millisecond, hangAt: 300 * time.Millisecond, resume: 1800 * time.Millisecond},
	}
	for name, dev := range devices {
		t.Run(name, func(t *testing.T) {
			a := house(t, 0)
			onBench(t, dev, func(t *testing.T, b *bench) {
				first := a.item
				first.Start = b.mono() + 20*time.Second
				one := b.play(first, a.bytes)
				second := a.item // planned directly behind it: no gap, whatever the crystal does
				second.Start = first.Start + radio.SamplesDuration(a.item.Expected())
				two := b.play(second, a.bytes)
				three := b.play(a.item, a.bytes) // no place: behind the second
				fourth := a.item
				fourth.Start = second.Start + 20*time.Second
				four := b.play(fourth, a.bytes)
				if err := b.finish(); err != nil {
					t.Fatal(err)
				}
				s := b.of(Started, one)
				b.onTime(s.Sample, first.Start)
				if off := s.Mono - dev.truth(int(s.Sample)); off.Abs() > time.Millisecond {
					t.Errorf("start told %v off", off)
				}
				b.silence(0, s.Sample)
				at := b.equal(s.Sample, a.pcm)
				at = b.equal(at, a.pcm)
				at = b.equal(at, a.pcm)
				s = b.of(Started, four)
				b.onTime(s.Sample, fourth.Start)
				b.silence(at, s.Sample)
				at = b.equal(s.Sample, a.pcm)
				b.silence(at, int64(len(dev.written)))
				for _, seq := range []int{one, two, three, four} {
					e := b.ended(seq, Complete)
					if e.Consumed != a.item.Expected() || e.Expected != e.Consumed || e.Skipped != 0 || e.Holes != 0 {
						t.Errorf("item %d: %+v", seq, e)
					}
				}
				if got := b.of(Closed, 0); got.Text != "" || len(b.faults()) != 0 {
					t.Errorf("closed %q, faults %v", got.Text, b.faults())
				}
			})
		})
	}
}

func TestLateItems(t *testing.T) {
	a := house(t, 3) // 9.7 s
	tests := map[string]struct {
		late  time.Duration // when it is handed over, 15 s into the session
		skip  int
		whole bool
	}{
		"by 200 ms: whole":                   {-780 * time.Millisecond, 0, true}, // 930 ms are under way to the device
		"by a second":                        {time.Second, 0, false},
		"by 7 s":                             {7 * time.Second, 0, false},
		"by 5 s, resumed inside":             {5 * time.Second, 100, false},
		"by 7 s, and its audio comes slowly": {7*time.Second + 1, 3, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onBench(t, &device{latency: 530 * time.Millisecond, ppm: 80, jitter: rough}, func(t *testing.T, b *bench) {
				time.Sleep(15 * time.Second)
				item := a.item
				item.SkipFrames = test.skip
				item.Start = b.mono() - test.late
				seq := b.play(item, a.bytes)
				if err := b.finish(); err != nil {
					t.Fatal(err)
				}
				s, e := b.of(Started, seq), b.ended(seq, Complete)
				if test.whole {
					b.equal(s.Sample, a.pcm)
					if s.Skipped != 0 || e.Consumed != e.Expected {
						t.Fatalf("%+v %+v", s, e)
					}
					return
				}
				first := int(item.first() + s.Skipped)
				// What sounds at an instant is what belongs to it.
				b.onTime(s.Sample, item.Start+radio.SamplesDuration(s.Skipped))
				b.equal(s.Sample+fadeSamples, a.pcm[first+fadeSamples:])
				if b.dev.written[s.Sample] != 0 || e.Consumed+e.Skipped != e.Expected || e.Expected != item.Expected() {
					t.Fatalf("first sample %d, %+v", b.dev.written[s.Sample], e)
				}
			})
		})
	}
}

func TestLateOpening(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 530 * time.Millisecond, ppm: 80, jitter: rough}, func(t *testing.T, b *bench) {
		item := a.item
		item.Start = b.mono() - 3*time.Second
		seq := b.play(item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s := b.of(Started, seq)
		if late := s.Mono - b.dev.opened; late > 5*time.Second {
			t.Fatalf("sounds only %v after opening", late)
		}
		b.onTime(s.Sample, item.Start+radio.SamplesDuration(s.Skipped))
		b.equal(s.Sample+fadeSamples, a.pcm[s.Skipped+fadeSamples:])
	})
}

func TestAtOnceNeedsNoEstimate(t *testing.T) {
	a := house(t, 0)
	onBench(t, &device{latency: 530 * time.Millisecond}, func(t *testing.T, b *bench) {
		seq := b.play(a.item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s := b.of(Started, seq)
		if late := b.dev.truth(int(s.Sample)) - b.dev.opened; late > 1200*time.Millisecond {
			t.Fatalf("sounds only %v after opening", late)
		}
		b.equal(s.Sample, a.pcm)
	})
}

func TestPassed(t *testing.T) {
	a := house(t, 0)
	onBench(t, &device{}, func(t *testing.T, b *bench) {
		item := a.item
		item.Start = b.mono() - time.Minute
		gone := b.play(item, a.bytes)
		next := b.play(a.item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		if e := b.ended(gone, Passed); e.Consumed != 0 || e.Expected != a.item.Expected() {
			t.Fatalf("%+v", e)
		}
		b.ended(next, Complete)
	})
}

func TestBoundary(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 300 * time.Millisecond, ppm: 80}, func(t *testing.T, b *bench) {
		item := a.item
		item.Start = b.mono() + 12*time.Second
		item.EndBy = item.Start + 4*time.Second
		cut := b.play(item, a.bytes)
		item.EndBy = item.Start + time.Second // has passed when its turn comes
		refused := b.play(item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s, e := b.of(Started, cut), b.ended(cut, Boundary)
		end := s.Sample + e.Consumed
		b.onTime(end, item.Start+4*time.Second)
		b.equal(s.Sample, a.pcm[:e.Consumed-fadeSamples])
		b.silence(end-1, int64(len(b.dev.written)))
		b.fadesOut(end, a.pcm[:e.Consumed])
		if e := b.ended(refused, Boundary); e.Consumed != 0 {
			t.Fatalf("%+v", e)
		}
	})
}

// fadesOut wants the end of a piece, which ends at a stream sample, to go down to
// nothing within 10 ms.
func (b *bench) fadesOut(end int64, piece []int16) {
	b.t.Helper()
	for i := int64(1); i <= fadeSamples; i++ {
		got, full := b.dev.written[end-i], piece[int64(len(piece))-i]
		if want := float64(full) * float64(i-1) / fadeSamples; math.Abs(float64(got)-want) > 1 {
			b.t.Fatalf("%d samples before the end it is %d, want %.0f of %d", i, got, want, full)
		}
	}
}

func TestBoundaryBeforeThereIsAnEstimate(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
		item := a.item
		item.EndBy = b.mono() + 2*time.Second
		seq := b.play(item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s, e := b.of(Started, seq), b.ended(seq, Boundary)
		if off := b.dev.truth(int(s.Sample+e.Consumed)) - item.EndBy; off > 10*time.Millisecond || off < -200*time.Millisecond {
			t.Fatalf("ended %v off its boundary", off)
		}
	})
}

func TestStop(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 530 * time.Millisecond}, func(t *testing.T, b *bench) {
		item := a.item
		item.Start = b.mono() + 10*time.Second
		one := b.play(item, a.bytes)
		dropped := b.play(a.item, a.bytes)
		three := b.play(a.item, a.bytes)
		time.Sleep(5 * time.Second)
		b.send(header{Kind: kindStop, Seq: dropped})
		time.Sleep(200 * time.Millisecond)
		if e := b.ended(dropped, Stopped); e.Consumed != 0 {
			t.Fatalf("%+v", e)
		}
		time.Sleep(8 * time.Second)
		stopped := b.mono()
		b.send(header{Kind: kindStop, Seq: one})
		b.send(header{Kind: kindStop, Seq: 77}) // long gone: nothing happens
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s, e := b.of(Started, one), b.ended(one, Stopped)
		if late := b.dev.truth(int(s.Sample+e.Consumed)) - stopped; late > time.Second || late < 0 {
			t.Fatalf("silent %v after the stop", late)
		}
		b.equal(s.Sample, a.pcm[:e.Consumed-fadeSamples])
		if next := b.of(Started, three); next.Sample != s.Sample+e.Consumed {
			t.Fatalf("next begins at %d, want %d", next.Sample, s.Sample+e.Consumed)
		}
		b.ended(three, Complete)
	})
}

func TestStdinCloses(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 530 * time.Millisecond}, func(t *testing.T, b *bench) {
		one, two := b.play(a.item, a.bytes), b.play(a.item, a.bytes)
		time.Sleep(5 * time.Second)
		closed := b.mono()
		if err := b.in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-b.done; err != nil {
			t.Fatal(err)
		}
		if took := b.mono() - closed; took > time.Second {
			t.Fatalf("gone after %v", took)
		}
		if e := b.ended(one, Stopped); e.Consumed < 4*radio.SampleRate || e.Consumed > 6*radio.SampleRate {
			t.Fatalf("%+v", e)
		}
		b.ended(two, Stopped)
		last := b.dev.written[len(b.dev.written)-100:]
		if slices.ContainsFunc(last, func(v int16) bool { return v != 0 }) {
			t.Fatal("not faded out")
		}
	})
}

func TestSourceTrouble(t *testing.T) {
	a := house(t, 3)
	onBench(t, &device{latency: 100 * time.Millisecond}, func(t *testing.T, b *bench) {
		b.broken[1] = 40_000
		broken := b.play(a.item, a.bytes)
		cut := b.play(a.item, a.bytes[:30_000])
		noise := b.play(a.item, slices.Repeat([]byte{0x55}, 30_000))
		never := b.play(a.item, nil)
		good := b.play(a.item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s, e := b.of(Started, broken), b.ended(broken, Source)
		if e.Consumed < 2*radio.SampleRate || e.Text == "" {
			t.Fatalf("%+v", e)
		}
		b.equal(s.Sample, a.pcm[:e.Consumed-fadeSamples])
		b.fadesOut(s.Sample+e.Consumed, a.pcm[:e.Consumed])
		if e := b.ended(cut, Decode); e.Consumed < 3*radio.SampleRate {
			t.Fatalf("%+v", e)
		}
		if e := b.ended(noise, Decode); e.Consumed != 0 {
			t.Fatalf("%+v", e)
		}
		b.ended(never, Source)
		s = b.of(Started, good)
		b.equal(s.Sample, a.pcm)
		b.ended(good, Complete)
	})
}

func TestGain(t *testing.T) {
	a := house(t, 0)
	for db, factor := range map[float64]float64{-6: math.Pow(10, -0.3), 12: math.Pow(10, 0.6)} {
		onBench(t, &device{}, func(t *testing.T, b *bench) {
			item := a.item
			item.GainDB = db
			seq := b.play(item, a.bytes)
			if err := b.finish(); err != nil {
				t.Fatal(err)
			}
			want := make([]int16, len(a.pcm))
			for i, v := range a.pcm {
				want[i] = int16(max(min(math.Round(float64(v)*factor), 32767), -32768))
			}
			b.equal(b.of(Started, seq).Sample, want)
		})
	}
}

// TestGainMoves: what sounds glides to its new gain within 10 ms, what waits begins with it.
func TestGainMoves(t *testing.T) {
	a := house(t, 4)
	onBench(t, &device{latency: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
		first, second := b.play(a.item, a.bytes), b.play(a.item, a.bytes)
		time.Sleep(2 * time.Second)
		b.send(header{Kind: kindGain, Seq: first, GainDB: -20})
		b.send(header{Kind: kindGain, Seq: second, GainDB: -20})
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		s := b.of(Started, first).Sample
		got := b.dev.written[s : s+int64(len(a.pcm))]
		turned := -1
		for i := range got {
			if got[i] != a.pcm[i] {
				turned = i
				break
			}
		}
		if turned < radio.SampleRate || turned > 4*radio.SampleRate {
			t.Fatalf("turned at sample %d", turned)
		}
		quiet := func(pcm []int16, i int) bool {
			return math.Abs(float64(pcm[i])-float64(a.pcm[i])/10) <= 1
		}
		for i := turned + fadeSamples; i < len(got); i++ {
			if !quiet(got, i) {
				t.Fatalf("sample %d behind the turn: %d, want a tenth of %d", i-turned, got[i], a.pcm[i])
			}
		}
		for i := turned; i < turned+fadeSamples; i++ {
			if v := math.Abs(float64(got[i])); v > math.Abs(float64(a.pcm[i]))+1 || v < math.Abs(float64(a.pcm[i]))/10-1 {
				t.Fatalf("sample %d of the turn: %d of %d", i-turned, got[i], a.pcm[i])
			}
		}
		s = b.of(Started, second).Sample
		for i := range a.pcm {
			if !quiet(b.dev.written[s:], i) {
				t.Fatalf("sample %d of the next: %d, want a tenth of %d", i, b.dev.written[s+int64(i)], a.pcm[i])
			}
		}
	})
}
