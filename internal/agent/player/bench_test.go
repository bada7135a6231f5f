package player

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

var silentLog = slog.New(slog.DiscardHandler)

// audio is a house-format file with the decoder's word on what sounds of it.
type audio struct {
	bytes []byte
	item  Item // without a place
	pcm   []int16
}

// houses keeps what house has made: decoding under the race detector is slow.
var houses struct {
	sync.Mutex
	made map[int]audio
}

// house makes an audio of n times the sample of package sound (3.2 s each), or, for
// 0, of its first second.
func house(t testing.TB, n int) audio {
	t.Helper()
	houses.Lock()
	defer houses.Unlock()
	if a, ok := houses.made[n]; ok {
		return a
	}
	a := makeHouse(t, n)
	if houses.made == nil {
		houses.made = make(map[int]audio)
	}
	houses.made[n] = a
	return a
}

func makeHouse(t testing.TB, n int) audio {
	t.Helper()
	one, err := os.ReadFile("../../sound/testdata/house-64.mp3")
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		one, n = firstFrames(one, 40), 1
	}
	a := audio{bytes: bytes.Repeat(one, n)}
	walked, err := sound.Walk(bytes.NewReader(a.bytes))
	if err != nil {
		t.Fatal(err)
	}
	a.item = Item{Frames: walked.Frames, Head: 1105, Tail: 700}
	dec, err := sound.NewDecoder(bytes.NewReader(a.bytes), a.item.span())
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]int16, 4096)
	for {
		n, err := dec.Read(buf)
		a.pcm = append(a.pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(a.pcm)) != a.item.Expected() {
		t.Fatalf("%d samples, item expects %d", len(a.pcm), a.item.Expected())
	}
	return a
}

// firstFrames cuts a file of 64 kbit/s after so many frames.
func firstFrames(file []byte, frames int) []byte {
	end := 0
	for range frames {
		end += 208 + int(file[end+2]>>1&1) // with the padding bit
	}
	return file[:end]
}

// device is a sound card under the test's control. Sample x truly sounds at
// truth(x); the player only sees the moments of the pulls.
type device struct {
	mono    func() time.Duration
	ppm     float64
	latency time.Duration
	period  int64
	jitter  func(pull int64) time.Duration
	speed   float64       // 0 means 1
	hangAt  time.Duration // after open; 0 never
	resume  time.Duration
	dieAt   time.Duration

	mu      sync.Mutex
	opened  time.Duration
	written []int16
	closed  bool
}

var errUnplugged = errors.New("unplugged")

func (d *device) Open(context.Context) error { d.opened = d.mono(); return nil }

func (d *device) Info() output.Info {
	return output.Info{Driver: "fake", Device: "card 0", Proof: output.ProofConsumed, Latency: d.latency, Ring: 400 * time.Millisecond}
}

func (d *device) rate() float64 {
	if d.speed > 0 {
		return d.speed * radio.SampleRate
	}
	return radio.SampleRate * (1 + d.ppm*1e-6)
}

// running is for how long the card has been taking samples at now.
func (d *device) running(now time.Duration) time.Duration {
	gone := now - d.opened
	for _, stop := range []time.Duration{d.hangAt, d.dieAt} {
		if stop > 0 && gone > stop {
			back := time.Duration(0)
			if d.resume > 0 && gone > d.resume {
				back = gone - d.resume
			}
			gone = stop + back
		}
	}
	return gone
}

func (d *device) Progress() (output.Progress, error) {
	now := d.mono()
	d.mu.Lock()
	defer d.mu.Unlock()
	pull := int64(d.running(now).Seconds() * d.rate() / float64(d.period))
	pull = min(pull, int64(len(d.written))/d.period)
	at := d.opened + time.Duration(float64(pull*d.period)/d.rate()*1e9)
	if d.hangAt > 0 && at-d.opened > d.hangAt {
		at += d.resume - d.hangAt
	}
	if d.jitter != nil {
		at += d.jitter(pull)
	}
	p := output.Progress{At: min(at, now), Consumed: pull * d.period}
	if d.dieAt > 0 && now-d.opened > d.dieAt {
		return p, errUnplugged
	}
	return p, nil
}

// truth is when a sample sounds.
func (d *device) truth(sample int) time.Duration {
	at := time.Duration(float64(sample) / d.rate() * 1e9)
	if d.resume > 0 && at > d.hangAt {
		at += d.resume - d.hangAt
	}
	return d.opened + at + d.latency
}

func (d *device) Write(ctx context.Context, pcm []int16) error {
	for {
		p, err := d.Progress()
		if err != nil {
			return err
		}
		d.mu.Lock()
		if int64(len(d.written))-p.Consumed < 3*d.period {
			d.written = append(d.written, pcm...)
			d.mu.Unlock()
			return ctx.Err()
		}
		d.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(float64(d.period) / d.rate() * 1e9 / 2)):
		}
	}
}

func (d *device) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	// The last pull may be short: fill it up.
	for int64(len(d.written))%d.period != 0 {
		d.written = append(d.written, 0)
	}
	all := len(d.written)
	d.mu.Unlock()
	left := d.truth(all) - d.mono() + time.Millisecond // against rounding
	select {
	case <-time.After(max(left, 0)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bench runs a child in a synctest bubble with the test as its parent.
type bench struct {
	t     *testing.T
	mono  func() time.Duration
	dev   *device
	in    *io.PipeWriter
	stdin *io.PipeReader
	done  chan error

	mu     sync.Mutex
	audio  map[int][]byte
	sent   map[int]int64
	broken map[int]int64 // byte at which reading fails
	events []Event
	next   int
	mute   bool // the parent sends no audio
	asked  Event
}

// onBench starts a child with a device; the test must end it.
func onBench(t *testing.T, dev *device, test func(*testing.T, *bench)) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		mono := func() time.Duration { return time.Hour + time.Since(start) }
		dev.mono = mono
		if dev.period == 0 {
			dev.period = 5880
		}
		b := &bench{t: t, mono: mono, dev: dev, done: make(chan error, 1),
			audio: map[int][]byte{}, sent: map[int]int64{}, broken: map[int]int64{}}
		b.stdin, b.in = io.Pipe()
		out, in := io.Pipe()
		c := newChild(mono, func(output.Config) (output.Output, error) { return dev, nil }, silentLog)
		read := make(chan struct{})
		go func() { defer close(read); b.follow(out) }()
		go func() {
			err := c.run(t.Context(), b.stdin, in)
			if err := errors.Join(b.stdin.Close(), in.Close()); err != nil {
				t.Error(err)
			}
			<-read
			b.done <- err
		}()
		b.send(header{Kind: kindOpen, Version: protocolVersion, Output: &output.Config{Driver: "null"}})
		test(t, b)
	})
}

func (b *bench) send(h header) {
	if err := writeHeader(b.in, h); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		b.t.Error(err)
	}
}

// play queues an item and gives its number.
func (b *bench) play(item Item, bytes []byte) int {
	b.mu.Lock()
	b.next++
	seq := b.next
	b.audio[seq] = bytes
	b.mu.Unlock()
	b.send(header{Kind: kindItem, Seq: seq, Item: &item})
	return seq
}

func (b *bench) follow(out io.Reader) {
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		e, err := parseEvent(scan.Bytes())
		if err != nil {
			b.t.Errorf("event %s: %v", scan.Bytes(), err)
			continue
		}
		if e.Kind == wanted {
			go b.serve(e)
			continue
		}
		b.mu.Lock()
		b.events = append(b.events, e)
		b.mu.Unlock()
	}
}

// serve sends what is asked for, as a Session would.
func (b *bench) serve(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked = e; b.mute {
		return
	}
	all, from := b.audio[e.Seq], b.sent[e.Seq]
	for from < min(e.Bytes, int64(len(all))) {
		to := min(from+maxData, e.Bytes, int64(len(all)))
		if cut, ok := b.broken[e.Seq]; ok && to > cut {
			b.send(header{Kind: kindBroken, Seq: e.Seq, Reason: "chunk 3 does not match its hash"})
			return
		}
		if err := writeData(b.in, e.Seq, all[from:to]); err != nil {
			return
		}
		from = to
	}
	b.sent[e.Seq] = from
	if from == int64(len(all)) && all != nil {
		b.send(header{Kind: kindEOF, Seq: e.Seq})
	}
}

// pause keeps audio back for a while, from now on.
func (b *bench) pause(d time.Duration) {
	b.mu.Lock()
	b.mute = true
	b.mu.Unlock()
	time.Sleep(d)
	b.mu.Lock()
	b.mute = false
	asked := b.asked
	b.mu.Unlock()
	b.serve(asked)
}

// finish lets the session end after its items and gives what run said.
func (b *bench) finish() error {
	b.send(header{Kind: kindEnd})
	return <-b.done
}

// of gives the only event of a kind for an item.
func (b *bench) of(kind EventKind, seq int) Event {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Event
	for _, e := range b.events {
		if e.Kind == kind && e.Seq == seq {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		b.t.Fatalf("%d events %s of item %d, want one; all: %+v", len(found), kind, seq, b.events)
	}
	return found[0]
}

// ended checks how an item ended.
func (b *bench) ended(seq int, reason Reason) Event {
	b.t.Helper()
	e := b.of(Ended, seq)
	if e.Reason != reason {
		b.t.Fatalf("item %d ended %s (%s), want %s", seq, e.Reason, e.Text, reason)
	}
	return e
}

func (b *bench) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var codes []string
	for _, e := range b.events {
		if e.Kind == Faulted {
			codes = append(codes, e.Code)
		}
	}
	return codes
}

// equal wants pcm at a stream sample and gives the next one.
func (b *bench) equal(at int64, pcm []int16) int64 {
	b.t.Helper()
	if int(at)+len(pcm) > len(b.dev.written) {
		b.t.Fatalf("stream of %d samples is too short for %d at %d", len(b.dev.written), len(pcm), at)
	}
	for i, want := range pcm {
		if got := b.dev.written[int(at)+i]; got != want {
			b.t.Fatalf("stream sample %d (%d of the piece) is %d, want %d", int(at)+i, i, got, want)
		}
	}
	return at + int64(len(pcm))
}

// silence wants nothing but zeros from one stream sample to another.
func (b *bench) silence(from, to int64) {
	b.t.Helper()
	for i := from; i < to; i++ {
		if v := b.dev.written[i]; v != 0 {
			b.t.Fatalf("stream sample %d is %d, want silence from %d to %d", i, v, from, to)
		}
	}
}

// onTime wants a stream sample to sound within a millisecond of an instant.
func (b *bench) onTime(sample int64, want time.Duration) {
	b.t.Helper()
	off := b.dev.truth(int(sample)) - want
	b.t.Logf("start error %.1f samples", off.Seconds()*radio.SampleRate)
	if off.Abs() > time.Millisecond {
		b.t.Fatalf("off by %v", off)
	}
}

// rough is the jitter of a busy board: late looks, sometimes very late.
func rough(pull int64) time.Duration {
	if pull%17 == 3 {
		return 12 * time.Millisecond
	}
	return time.Duration(500*(1+math.Sin(float64(pull)*1.7))) * time.Microsecond
}
