//go:build cgo && !noaudio

package output

/*
#cgo pkg-config: alsa
#include <alsa/asoundlib.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
	const char *step;        // what failed
	unsigned channels, rate; // what the device really does
	snd_pcm_uframes_t buffer, period;
} loaxa_setup;

// Sets the device up for interleaved 16-bit samples. The caller judges the rate:
// the nearest one that the device has may be another than asked for.
static int loaxa_configure(snd_pcm_t *pcm, unsigned ring_us, loaxa_setup *s) {
	snd_pcm_hw_params_t *hw;
	snd_pcm_sw_params_t *sw;
	unsigned period_us = ring_us / 3; // a sound server takes no longer ones
	int err, dir = 0;
	snd_pcm_hw_params_alloca(&hw);
	snd_pcm_sw_params_alloca(&sw);
#define STEP(what, call) do { s->step = what; if ((err = (call)) < 0) return err; } while (0)
	STEP("ask what it can do", snd_pcm_hw_params_any(pcm, hw));
	STEP("interleaved samples", snd_pcm_hw_params_set_access(pcm, hw, SND_PCM_ACCESS_RW_INTERLEAVED));
	STEP("16-bit samples", snd_pcm_hw_params_set_format(pcm, hw, SND_PCM_FORMAT_S16_LE));
	s->channels = 1;
	if (snd_pcm_hw_params_set_channels(pcm, hw, 1) < 0) {
		s->channels = 2;
		STEP("one or two channels", snd_pcm_hw_params_set_channels(pcm, hw, 2));
	}
	STEP("the rate", snd_pcm_hw_params_set_rate_near(pcm, hw, &s->rate, &dir));
	STEP("the ring", snd_pcm_hw_params_set_buffer_time_near(pcm, hw, &ring_us, NULL));
	STEP("the period", snd_pcm_hw_params_set_period_time_near(pcm, hw, &period_us, NULL));
	STEP("hardware settings", snd_pcm_hw_params(pcm, hw));
	STEP("the rate", snd_pcm_hw_params_get_rate(hw, &s->rate, &dir));
	STEP("the ring", snd_pcm_hw_params_get_buffer_size(hw, &s->buffer));
	STEP("the period", snd_pcm_hw_params_get_period_size(hw, &s->period, NULL));
	STEP("ask for its software settings", snd_pcm_sw_params_current(pcm, sw));
	// A full ring before it begins.
	STEP("the start", snd_pcm_sw_params_set_start_threshold(pcm, sw, s->buffer / s->period * s->period));
	STEP("the room it tells of", snd_pcm_sw_params_set_avail_min(pcm, sw, s->period));
	STEP("software settings", snd_pcm_sw_params(pcm, sw));
#undef STEP
	return 0;
}

// Describes the device and all that stands behind it; the caller frees the text.
static char *loaxa_describe(snd_pcm_t *pcm) {
	snd_output_t *out;
	char *text, *copy = NULL;
	if (snd_output_buffer_open(&out) < 0)
		return NULL;
	if (snd_pcm_dump(pcm, out) >= 0) {
		size_t n = snd_output_buffer_string(out, &text);
		if ((copy = malloc(n + 1)) != NULL) {
			memcpy(copy, text, n);
			copy[n] = 0;
		}
	}
	snd_output_close(out);
	return copy;
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"loaxa/internal/radio"
)

const (
	// resumeEvery is how often a suspended device is asked to go on.
	resumeEvery = 100 * time.Millisecond
	// restAgain is a pause when the ring is still full.
	restAgain = 15 * time.Millisecond
	// lookNew is how often the device is asked while it is new.
	lookNew = 50 * time.Millisecond
	newFor  = 4 * radio.SampleRate
	// noteEvery is how often the device is asked how far it is, at most.
	noteEvery = 20 * time.Millisecond
	// noteWithin: an answer that took longer says little about the moment.
	noteWithin = time.Millisecond
	noteTries  = 3
	// letGo bounds the closing of a device that may hang.
	letGo = 150 * time.Millisecond
)

// alsaOutput plays through libasound on a device that the configuration names. What
// the device still holds is asked of the device itself (snd_pcm_delay), so nothing
// has to be calibrated.
//
// All calls into libasound are made by the owner of the output, one after another.
type alsaOutput struct {
	device string
	ring   time.Duration
	rate   int
	mono   func() time.Duration

	pcm     *C.snd_pcm_t
	setup   C.loaxa_setup
	chunk   int     // frames handed over at once
	stage   []int16 // not handed over yet, as many channels as the device wants
	room    int     // frames the ring could take when it was last looked at, less what it got
	written int64
	running bool          // samples were written since it began, or began anew
	asked   time.Duration // when note asked last
	tick    *time.Timer   // of rest

	mu       sync.Mutex
	info     Info
	progress Progress
	lost     error
}

func newALSA(c Config, mono func() time.Duration) (Output, error) {
	// Nothing is kept ready beside the ring, so it may be longer.
	return &alsaOutput{device: c.Device, ring: c.ring() * 5 / 4, rate: radio.SampleRate, mono: mono}, nil
}

// alsaError is one of libasound's.
func alsaError(code C.int) error { return errors.New(C.GoString(C.snd_strerror(code))) }

// Open gives up with ctx: a sound server that hangs keeps libasound for ever. The
// goroutine left behind ends with the process, which is a player's whole life.
func (a *alsaOutput) Open(ctx context.Context) error {
	opened := make(chan error, 1)
	go func() { opened <- a.open() }()
	select {
	case err := <-opened:
		if err != nil {
			return fmt.Errorf("open sound device %s: %w", a.device, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("open sound device %s: %w", a.device, ctx.Err())
	}
}

func (a *alsaOutput) open() error {
	name := C.CString(a.device)
	defer C.free(unsafe.Pointer(name))
	var pcm *C.snd_pcm_t
	if err := C.snd_pcm_open(&pcm, name, C.SND_PCM_STREAM_PLAYBACK, C.SND_PCM_NONBLOCK); err < 0 {
		return alsaError(err)
	}
	if err := a.configure(pcm); err != nil {
		C.snd_pcm_close(pcm)
		return err
	}
	a.pcm, a.room = pcm, int(a.setup.buffer)
	a.chunk = int(min(a.setup.period, a.setup.buffer/2))
	return nil
}

func (a *alsaOutput) configure(pcm *C.snd_pcm_t) error {
	a.setup = C.loaxa_setup{rate: C.unsigned(a.rate)}
	if err := C.loaxa_configure(pcm, C.unsigned(a.ring.Microseconds()), &a.setup); err < 0 {
		return fmt.Errorf("%s: %w (a plug: device before it may help)", C.GoString(a.setup.step), alsaError(err))
	}
	if real := int(a.setup.rate); real != a.rate {
		return fmt.Errorf("it runs at %d samples a second, not %d: everything would sound at the wrong pitch; "+
			"a plug: device before it converts", real, a.rate)
	}
	text := C.loaxa_describe(pcm)
	chain := deviceChain(C.GoString(text))
	C.free(unsafe.Pointer(text))
	if unreal := unrealDevice(chain); unreal != "" {
		return fmt.Errorf("nothing would sound: behind it is a %s", unreal)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.info = Info{Driver: DriverALSA, Device: deviceName(a.device, chain), Proof: ProofConsumed,
		Ring: time.Duration(a.setup.buffer) * time.Second / time.Duration(a.rate)}
	return nil
}

// Info: Latency is 0, because Progress counts what has sounded, not what was taken.
func (a *alsaOutput) Info() Info {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.info
}

// Progress is what was last seen; only the owner of the output asks the device.
func (a *alsaOutput) Progress() (Progress, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.progress, a.lost
}

// Write hands samples over a period at a time, as the ring has room for them: every
// call costs a sound server's client several wakenings. It returns when there is room for
// the next: what has been mixed cannot be stopped any more, so that is mixed late.
func (a *alsaOutput) Write(ctx context.Context, pcm []int16) error {
	if a.pcm == nil {
		return errClosed
	}
	a.put(pcm)
	for len(a.stage) >= a.chunk*int(a.setup.channels) {
		if err := a.push(ctx, a.chunk*int(a.setup.channels)); err != nil {
			return err
		}
		if missing := a.chunk - a.room; missing > 0 {
			if err := a.wait(ctx, radio.SamplesDuration(int64(missing))); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// wait until there should be room. How far a device is that has just begun is looked at
// more often: the sooner it is known, the sooner something can begin in its place.
func (a *alsaOutput) wait(ctx context.Context, pause time.Duration) error {
	for pause > 0 {
		part := pause
		if a.written < newFor {
			part = min(part, lookNew)
		}
		if err := a.rest(ctx, part); err != nil {
			return err
		}
		a.look()
		pause -= part
	}
	return nil
}

// put stages samples, in as many channels as the device wants.
func (a *alsaOutput) put(pcm []int16) {
	if a.setup.channels == 1 {
		a.stage = append(a.stage, pcm...)
		return
	}
	for _, s := range pcm {
		a.stage = append(a.stage, s, s)
	}
}

// push gives the device so many of the values that are staged.
func (a *alsaOutput) push(ctx context.Context, values int) error {
	err := a.hand(ctx, a.stage[:values])
	a.stage = a.stage[:copy(a.stage, a.stage[values:])]
	return err
}

func (a *alsaOutput) hand(ctx context.Context, frames []int16) error {
	channels := int(a.setup.channels)
	for len(frames) > 0 {
		n := C.snd_pcm_writei(a.pcm, unsafe.Pointer(&frames[0]), C.snd_pcm_uframes_t(len(frames)/channels))
		runtime.KeepAlive(frames)
		switch {
		case n > 0:
			frames = frames[int(n)*channels:]
			a.written += int64(n)
			a.room -= int(n)
			a.running = true
			continue
		case n == 0 || n == -C.EAGAIN: // no room, for how long is for the watchdog to judge
			if err := a.rest(ctx, restAgain); err != nil {
				return err
			}
		default:
			if err := a.recover(ctx, C.int(n)); err != nil {
				return a.lose(err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		a.look()
	}
	return ctx.Err()
}

// rest goes by time rather than by the device's own wakening: it costs less, and is over
// at once with ctx.
func (a *alsaOutput) rest(ctx context.Context, pause time.Duration) error {
	if a.tick == nil {
		a.tick = time.NewTimer(pause)
	} else {
		a.tick.Reset(pause)
	}
	defer a.tick.Stop()
	select {
	case <-a.tick.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look asks the device how far it is and how much room it has. It notes a hole that the
// device does not report itself, as sound servers do not: everything written has been
// taken, and time has passed. Errors are the next write's to tell.
func (a *alsaOutput) look() {
	a.note()
	room := int(C.snd_pcm_avail(a.pcm))
	if room < 0 {
		return
	}
	if a.room = room; a.running && room >= int(a.setup.buffer) {
		a.starved()
	}
}

func (a *alsaOutput) starved() {
	a.running = false
	a.mu.Lock()
	defer a.mu.Unlock()
	a.progress.Starved++
}

// recover brings the device back after it ran dry or was suspended. Any other
// trouble means that it is lost.
func (a *alsaOutput) recover(ctx context.Context, code C.int) error {
	switch code {
	case -C.EINTR:
		return nil
	case -C.ESTRPIPE:
		for {
			err := C.snd_pcm_resume(a.pcm)
			if err == 0 {
				return nil
			}
			if err != -C.EAGAIN {
				break // it cannot go on, so it begins anew
			}
			if err := sleep(ctx, resumeEvery); err != nil {
				return nil // Write sees ctx
			}
		}
	case -C.EPIPE:
	default:
		return alsaError(code)
	}
	a.starved()
	if err := C.snd_pcm_prepare(a.pcm); err < 0 {
		return alsaError(err)
	}
	a.room = int(a.setup.buffer)
	return nil
}

func (a *alsaOutput) lose(err error) error {
	err = fmt.Errorf("sound device %s lost: %w", a.device, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = err
	return err
}

// note asks how much of what was written has not sounded yet, if that is worth it. The
// moment lies between two looks at the clock; when something came between, it asks again.
func (a *alsaOutput) note() {
	before := a.mono()
	if before-a.asked < noteEvery {
		return
	}
	a.asked = before
	for range noteTries {
		var delay C.snd_pcm_sframes_t
		err := C.snd_pcm_delay(a.pcm, &delay)
		after := a.mono()
		if err < 0 {
			return // the next write says what is wrong
		}
		if after-before <= noteWithin {
			a.mark(before+(after-before)/2, a.written-max(int64(delay), 0))
			return
		}
		before = after
	}
}

func (a *alsaOutput) mark(at time.Duration, consumed int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if consumed > a.progress.Consumed {
		a.progress.At, a.progress.Consumed = at, consumed
	}
}

// Close lets the ring run out, unless ctx has ended.
func (a *alsaOutput) Close(ctx context.Context) error {
	if a.pcm == nil {
		return nil
	}
	_, lost := a.Progress()
	err := lost
	if lost == nil {
		err = a.drain(ctx)
	}
	a.release()
	return err
}

// drain goes by time, with a look at the device: a sound server's delay never comes
// down to nothing, and snd_pcm_drain cannot be broken off.
func (a *alsaOutput) drain(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(a.stage) > 0 {
		if err := a.push(ctx, len(a.stage)); err != nil {
			return err
		}
	}
	if C.snd_pcm_state(a.pcm) == C.SND_PCM_STATE_PREPARED && a.written > 0 {
		C.snd_pcm_start(a.pcm) // less than a ring was written
	}
	var delay C.snd_pcm_sframes_t
	if C.snd_pcm_delay(a.pcm, &delay) < 0 {
		delay = 0 // it has run dry, or will never tell
	}
	begun := a.mono()
	left := radio.SamplesDuration(max(int64(delay), 0))
	for a.mono()-begun < left {
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		a.note()
	}
	if C.snd_pcm_delay(a.pcm, &delay) == 0 && radio.SamplesDuration(int64(delay)) > a.Info().Ring/2 && left > 0 {
		return a.lose(errors.New("it does not take what its ring holds"))
	}
	a.mark(a.mono(), a.written)
	return nil
}

// release gives the device back. That can hang for ever too, and then ends with the
// process.
func (a *alsaOutput) release() {
	pcm, done := a.pcm, make(chan struct{})
	a.pcm = nil
	go func() {
		defer close(done)
		C.snd_pcm_drop(pcm)
		C.snd_pcm_close(pcm)
	}()
	late := time.NewTimer(letGo)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}

// deviceChain takes from libasound's description the names of the device and of what
// stands behind it, outermost first.
func deviceChain(description string) []string {
	var chain []string
	for line := range strings.Lines(description) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\n"), "Slave: ")
		if strings.HasPrefix(line, " ") || !strings.Contains(line, "PCM") || len(line) > 200 {
			continue
		}
		chain = append(chain, line)
	}
	return chain
}

// unrealDevice names what makes a chain a device without a clock: it would swallow an
// hour in seconds, or write it into a file.
func unrealDevice(chain []string) string {
	for _, link := range chain {
		for _, unreal := range []string{"Null PCM", "File PCM", "file PCM"} {
			if strings.Contains(link, unreal) {
				return link
			}
		}
	}
	return ""
}

// deviceName is the configured name with what was really opened: the last link.
func deviceName(configured string, chain []string) string {
	if len(chain) == 0 {
		return configured
	}
	return configured + " (" + chain[len(chain)-1] + ")"
}
