//go:build cgo && !noaudio

package output

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ebitengine/oto/v3"

	"loaxa/internal/radio"
)

// stereoBytes: two channels of 16 bits. Mono is doubled here, because not every
// card takes one channel.
const stereoBytes = 4

// otoOutput plays through oto, which opens the system's default device (ALSA on
// Linux) and does not say which one it got.
type otoOutput struct {
	ring    time.Duration
	correct time.Duration // Config.LatencyMS
	mono    func() time.Duration
	player  *oto.Player
	device  *oto.Context

	mu       sync.Mutex
	block    []byte // behind pending
	pending  []byte // written, not yet handed to oto
	handed   int64  // samples handed to oto
	progress Progress
	steps    [keptSteps]int64 // the last few amounts the device took at once
	known    int              // of steps
	buffer   int64            // samples oto may hold before the device
	ended    bool
	data     chan struct{} // holds one: there is something in pending, or the end
	room     chan struct{} // holds one: pending was emptied

	tick *time.Timer // of waitRoom
}

const (
	// keptSteps: enough for a median that a hiccup does not move.
	keptSteps = 9
	// measuredEarly: measured through PulseAudio's null sink, samples sound 58.0,
	// 130.0, 263.4 and 529.3 ms after Progress for rings of 46, 100, 200 and 400 ms:
	// the ring plus one period (a third of the ring there), less this. A card of its
	// own may differ by some milliseconds: Config.LatencyMS.
	measuredEarly = 3 * time.Millisecond
)

func newOto(c Config, mono func() time.Duration) (Output, error) {
	return &otoOutput{
		ring: c.ring(), correct: time.Duration(c.LatencyMS) * time.Millisecond, mono: mono,
		// The device takes a third or half of its ring at once. What is not there then
		// becomes a hole, so more is held ready; less would be too little on a busy
		// board, and much more would make a stop slow.
		buffer: radio.DurationSamples(c.ring() * 3 / 4),
		data:   make(chan struct{}, 1), room: make(chan struct{}, 1),
	}, nil
}

// latency: when the device takes a period out of oto's hands its ring is full, so
// the last of these samples sounds one ring and one period later. oto hides
// snd_pcm_delay, but the period shows in the steps. The caller holds mu.
func (o *otoOutput) latency() time.Duration {
	period := o.ring / 3
	if o.known > 0 {
		steps := o.steps
		slices.Sort(steps[:o.known])
		period = min(radio.SamplesDuration(steps[o.known/2]), o.ring)
	}
	return o.ring + period - measuredEarly + o.correct
}

func (o *otoOutput) Open(ctx context.Context) error {
	device, ready, err := oto.NewContext(&oto.NewContextOptions{
		SampleRate: radio.SampleRate, ChannelCount: 2, Format: oto.FormatSignedInt16LE, BufferSize: o.ring})
	if err != nil {
		return fmt.Errorf("open sound device: %w", err)
	}
	select {
	case <-ready:
	case <-ctx.Done():
		return fmt.Errorf("open sound device: %w", ctx.Err())
	}
	if err := device.Err(); err != nil {
		return fmt.Errorf("open sound device: %w", err)
	}
	o.device, o.player = device, device.NewPlayer(o)
	o.player.SetBufferSize(int(o.buffer) * stereoBytes)
	o.player.Play()
	return nil
}

func (o *otoOutput) Info() Info {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Info{Driver: DriverOto, Device: "default", Proof: ProofConsumed, Latency: o.latency(), Ring: o.ring}
}

// Write hands one block on as soon as the block before it was taken. No lock is
// held while it waits.
func (o *otoOutput) Write(ctx context.Context, pcm []int16) error {
	if o.player == nil {
		return errClosed
	}
	for !o.offer(pcm) {
		if err := o.waitRoom(ctx); err != nil {
			return err
		}
	}
	signal(o.data)
	return ctx.Err()
}

// offer makes pcm what oto reads next, if it has read the block before it.
func (o *otoOutput) offer(pcm []int16) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) > 0 {
		return false
	}
	o.block = o.block[:0]
	for _, s := range pcm {
		lo, hi := byte(s), byte(uint16(s)>>8)
		o.block = append(o.block, lo, hi, lo, hi)
	}
	o.pending = o.block
	return true
}

// waitRoom looks at the device now and then: when it is lost oto never reads again.
func (o *otoOutput) waitRoom(ctx context.Context) error {
	const look = 250 * time.Millisecond
	if o.tick == nil {
		o.tick = time.NewTimer(look)
	} else {
		o.tick.Reset(look)
	}
	defer o.tick.Stop()
	select {
	case <-o.room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.tick.C:
		if err := o.device.Err(); err != nil {
			return fmt.Errorf("sound device lost: %w", err)
		}
		return nil
	}
}

// Read is called by oto's goroutine, soon after the device took samples: the best
// moment to see how far it is.
func (o *otoOutput) Read(p []byte) (int, error) {
	o.note()
	for {
		o.mu.Lock()
		n := copy(p, o.pending)
		o.pending = o.pending[n:]
		o.handed += int64(n / stereoBytes)
		empty, ended := len(o.pending) == 0, o.ended
		o.mu.Unlock()
		if empty && !ended {
			signal(o.room)
		}
		switch {
		case n > 0:
			return n, nil
		case ended:
			return 0, io.EOF
		}
		<-o.data // Close signals too, so oto's goroutine is never left here
	}
}

// note keeps the progress if the device has taken more.
func (o *otoOutput) note() {
	now := o.mono()
	buffered := int64(o.player.BufferedSize() / stereoBytes)
	o.mu.Lock()
	step := o.handed - buffered - o.progress.Consumed
	grown := int64(0)
	if step > 0 {
		o.progress.At, o.progress.Consumed = now, o.progress.Consumed+step
		copy(o.steps[1:], o.steps[:])
		o.steps[0], o.known = step, min(o.known+1, keptSteps)
		if buffered == 0 && !o.ended {
			// oto had nothing left, so the device got a hole. It may take larger
			// periods than it was asked to, so hold more.
			o.progress.Starved++
			// More than so would make a stop too slow.
			most := min(radio.DurationSamples(silentWithin-o.ring-o.ring/3), radio.SampleRate/2)
			o.buffer = max(o.buffer, min(o.buffer*5/4, most))
			grown = o.buffer
		}
	}
	o.mu.Unlock()
	if grown > 0 {
		o.player.SetBufferSize(int(grown) * stereoBytes)
	}
}

// Progress after the end of writing is asked from the player, since oto no longer
// reads then.
func (o *otoOutput) Progress() (Progress, error) {
	o.mu.Lock()
	ended := o.ended
	o.mu.Unlock()
	if ended {
		o.note()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.device.Err(); err != nil {
		return o.progress, fmt.Errorf("sound device lost: %w", err)
	}
	return o.progress, nil
}

// Close waits for oto to hand over what it has, and for the device to sound it:
// oto says it is done when the last sample enters the ring.
func (o *otoOutput) Close(ctx context.Context) error {
	if o.player == nil {
		return nil
	}
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	signal(o.data)
	for {
		done, err := o.drained()
		if err != nil || done {
			return err
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func (o *otoOutput) drained() (bool, error) {
	p, err := o.Progress()
	if err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.handed + int64(len(o.pending)/stereoBytes) - p.Consumed
	return left <= 0 && o.mono()-p.At >= o.latency(), nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // already signalled
	}
}

var _ io.Reader = (*otoOutput)(nil)
