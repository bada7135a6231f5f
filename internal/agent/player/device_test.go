package player

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

func TestDeviceTrouble(t *testing.T) {
	a := house(t, 3)
	tests := map[string]struct {
		dev    *device
		faults []string
		least  time.Duration // of consumed sound
		most   time.Duration
	}{
		"unplugged":    {&device{latency: 530 * time.Millisecond, dieAt: 8 * time.Second}, []string{FaultLost}, 6500 * time.Millisecond, 8 * time.Second},
		"hangs":        {&device{latency: 530 * time.Millisecond, hangAt: 8 * time.Second}, []string{FaultStalled, FaultLost}, 6500 * time.Millisecond, 8 * time.Second},
		"null device":  {&device{speed: 200}, []string{FaultNull}, 0, 200 * time.Millisecond},
		"half speed":   {&device{speed: 0.5}, []string{FaultStalled, FaultLost}, 3500 * time.Millisecond, 6 * time.Second},
		"never begins": {&device{hangAt: 1}, []string{FaultStalled, FaultLost}, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onBench(t, test.dev, func(t *testing.T, b *bench) {
				one, two := b.play(a.item, a.bytes), b.play(a.item, a.bytes)
				begun := b.mono()
				if err := b.finish(); err == nil {
					t.Fatal("ended well")
				}
				if took := b.mono() - begun; took > 15*time.Second {
					t.Fatalf("noticed after %v", took)
				}
				if got := b.faults(); !slices.Equal(got, test.faults) && !slices.Equal(got, test.faults[:len(test.faults)-1]) {
					t.Fatalf("faults %v, want %v", got, test.faults)
				}
				if b.of(Closed, 0).Text == "" {
					t.Fatal("closed without a reason")
				}
				e := b.ended(one, Device)
				if got := radio.SamplesDuration(e.Consumed); got < test.least || got > test.most {
					t.Fatalf("consumed %v, want %v to %v", got, test.least, test.most)
				}
				if e := b.ended(two, Device); e.Consumed != 0 {
					t.Fatalf("%+v", e)
				}
			})
		})
	}
}

func TestStallThatEnds(t *testing.T) {
	a := house(t, 3)
	dev := &device{latency: 530 * time.Millisecond, hangAt: 6 * time.Second, resume: 9 * time.Second}
	onBench(t, dev, func(t *testing.T, b *bench) {
		seq := b.play(a.item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.ended(seq, Complete)
		if got := b.faults(); len(got) == 0 || got[0] != FaultStalled {
			t.Fatalf("faults %v", got)
		}
	})
}

func TestNonsenseFromParent(t *testing.T) {
	a := house(t, 1)
	item := func(seq int) []byte {
		var w bytes.Buffer
		if err := writeHeader(&w, header{Kind: kindItem, Seq: seq, Item: &a.item}); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	raw := func(n uint32, rest ...byte) []byte { return append(binary.BigEndian.AppendUint32(nil, n), rest...) }
	tests := map[string][]byte{
		"huge frame":       raw(1 << 30),
		"empty frame":      raw(0),
		"unknown type":     raw(2, 'x', 0),
		"not JSON":         raw(4, 'h', '{', '{', '{'),
		"item used twice":  append(item(1), item(1)...),
		"second open":      raw(uint32(len(secondOpen)+1), append([]byte{'h'}, secondOpen...)...),
		"not asked for":    append(item(1), raw(1+4+maxData, append([]byte{'d', 0, 0, 0, 1}, make([]byte, maxData)...)...)...),
		"data without any": raw(5, 'd', 0, 0, 0, 1),
	}
	// More than a window, before the decoder has taken any of it.
	for range 3 {
		tests["not asked for"] = append(tests["not asked for"], tests["not asked for"][len(item(1)):]...)
	}
	for name, nonsense := range tests {
		t.Run(name, func(t *testing.T) {
			onBench(t, &device{}, func(t *testing.T, b *bench) {
				b.mu.Lock()
				b.mute = true
				b.mu.Unlock()
				begun := b.mono()
				go func() {
					// Fails when the child has gone before it took all.
					_, _ = b.in.Write(nonsense)
				}()
				if err := <-b.done; err != nil {
					t.Fatal(err)
				}
				if took := b.mono() - begun; took > 2*time.Second {
					t.Fatalf("gone after %v", took)
				}
			})
		})
	}
}

const secondOpen = `{"kind":"open","version":1,"output":{"driver":"null"}}`

func TestFirstMessageMustBeOpen(t *testing.T) {
	for name, first := range map[string]header{
		"stop":          {Kind: kindStop},
		"other version": {Kind: kindOpen, Version: 9},
	} {
		t.Run(name, func(t *testing.T) {
			var in, out bytes.Buffer
			if err := writeHeader(&in, first); err != nil {
				t.Fatal(err)
			}
			if err := ChildMain(t.Context(), &in, &out, silentLog); err == nil {
				t.Fatal("went on")
			}
			if e, err := parseEvent(bytes.TrimSpace(out.Bytes())); err != nil || e.Kind != Closed || e.Text == "" {
				t.Fatalf("%+v, %v", e, err)
			}
		})
	}
}

func TestOutputThatCannotOpen(t *testing.T) {
	var in, out bytes.Buffer
	in.WriteString("\x00\x00\x00\x41h" + `{"kind":"open","version":1,"output":{"driver":"wav","dir":""}}  `)
	if err := ChildMain(t.Context(), &in, &out, silentLog); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if e, err := parseEvent(lines[0]); err != nil || e.Kind != Faulted || e.Code != FaultOpen {
		t.Fatalf("%s: %v", lines[0], err)
	}
}

// TestShortHole: a device that stood still for less than a second goes on with the
// session it has. The story: on a busy machine the first stall of a sound server was
// taken for a lost device, and three seconds of sound went for half a second of hole.
func TestShortHole(t *testing.T) {
	a := house(t, 3)
	dev := &device{latency: 300 * time.Millisecond, hangAt: 6 * time.Second, resume: 6700 * time.Millisecond}
	onBench(t, dev, func(t *testing.T, b *bench) {
		seq := b.play(a.item, a.bytes)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		b.ended(seq, Complete)
		if got := b.faults(); len(got) != 0 {
			t.Fatalf("faults %v", got)
		}
	})
}

// TestWhatTheRingHoldsHasNotSounded: what is told must not run ahead of a device that hangs.
func TestWhatTheRingHoldsHasNotSounded(t *testing.T) {
	const taken = 100 * radio.FrameSamples
	info := output.Info{Latency: radio.SamplesDuration(20_000)}
	p := output.Progress{At: time.Minute, Consumed: taken}
	for name, c := range map[string]struct {
		more  bool
		after time.Duration
		want  int64
	}{
		"it has just taken some":        {true, 0, taken - 20_000},
		"between two steps":             {true, radio.SamplesDuration(5_000), taken - 15_000},
		"it hangs":                      {true, 2 * standstill, taken - 20_000},
		"it has all, the ring runs dry": {false, 2 * standstill, min(taken, taken-20_000+radio.DurationSamples(2*standstill))},
		"it had all long ago":           {false, time.Minute, taken},
		"the clock seems to go back":    {true, -time.Second, taken - 20_000},
	} {
		if got := sounded(p, info, c.more, p.At+c.after); got != c.want {
			t.Errorf("%s: %d sounded, want %d", name, got, c.want)
		}
	}
}
