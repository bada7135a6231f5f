package player

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"loaxa/internal/radio"
)

// feed carries an item's audio bytes from the frame reader to its decoder: never
// more than window of them, since only so much is asked for.
type feed struct {
	want func(upTo int64) // asks the parent; not called under mu

	mu     sync.Mutex
	store  []byte // behind bytes, so that nothing is allocated while it sounds
	bytes  []byte
	taken  int64 // by the decoder
	asked  int64
	got    int64 // from the parent
	end    error // io.EOF, or why there is no more
	arrive chan struct{}
}

// sourceError is a read error of the parent.
type sourceError struct{ reason string }

func (e *sourceError) Error() string { return "read audio: " + e.reason }

func newFeed(want func(upTo int64)) *feed {
	return &feed{want: want, arrive: make(chan struct{}, 1)}
}

// put refuses what was not asked for.
func (f *feed) put(audio []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil {
		return nil // an item that ended here may have audio under way
	}
	if f.got += int64(len(audio)); f.got > f.asked {
		return fmt.Errorf("%w: %d bytes of audio, asked for %d", radio.ErrInvalid, f.got, f.asked)
	}
	if f.store == nil {
		f.store = make([]byte, 0, 2*window)
	}
	f.bytes = pushed(f.store, f.bytes, audio)
	f.signal()
	return nil
}

// finish says that no more comes; the first reason stays.
func (f *feed) finish(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end == nil {
		f.end = why
	}
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.arrive <- struct{}{}:
	default:
	}
}

// Read is the decoder's; it ends with ctx through finish.
func (f *feed) Read(p []byte) (int, error) {
	for {
		f.mu.Lock()
		n := copy(p, f.bytes)
		f.bytes = f.bytes[n:]
		f.taken += int64(n)
		end, ask := f.end, int64(0)
		if f.end == nil && f.taken+window-f.asked >= window/2 {
			f.asked = f.taken + window
			ask = f.asked
		}
		f.mu.Unlock()
		if ask > 0 {
			f.want(ask)
		}
		switch {
		case n > 0:
			return n, nil
		case end != nil:
			return 0, end
		}
		<-f.arrive
	}
}

// pushed puts more behind what waits in a part of store. What waits moves to the
// front when the end is reached, the seldomer the longer store is.
func pushed[T any](store, waiting, more []T) []T {
	if len(waiting)+len(more) > cap(waiting) {
		waiting = append(store[:0], waiting...)
	}
	return append(waiting, more...)
}

const (
	// ahead: samples decoded ahead of the stream at most.
	ahead = 2 * radio.SampleRate
	// low: the decoder rests until only so much is left, rather than being woken for
	// every block.
	low = preroll
	// preroll: so much must be there before an item begins, so that it does not
	// begin with a hole while the device's ring fills.
	preroll = radio.SampleRate * 6 / 10
	// refill: so much after a hole, so that one does not follow the other.
	refill = radio.SampleRate / 5
)

// pcm holds decoded samples between an item's decoder and the stream.
type pcm struct {
	mu    sync.Mutex
	store []int16 // behind buf
	buf   []int16
	next  int64 // number of buf's first sample in the item
	drop  int64 // samples to throw away before they get here
	end   error // set once the decoder has ended: io.EOF or its error
	moved chan struct{}
}

func newPCM() *pcm { return &pcm{moved: make(chan struct{}, 1)} }

// fill decodes until the end or until ctx ends. A late item throws away what it has
// missed here, at the speed of decoding.
func (q *pcm) fill(ctx context.Context, read func([]int16) (int, error)) {
	block := make([]int16, radio.FrameSamples)
	for {
		n, err := read(block)
		q.mu.Lock()
		got := block[:n]
		if skip := min(q.drop, int64(n)); skip > 0 {
			got, q.drop, q.next = got[skip:], q.drop-skip, q.next+skip
		}
		if q.store == nil {
			q.store = make([]int16, 0, ahead+low)
		}
		q.buf = pushed(q.store, q.buf, got)
		if err != nil {
			q.end = err
		}
		full := len(q.buf) >= ahead
		q.mu.Unlock()
		for err == nil && full {
			select {
			case <-q.moved:
			case <-ctx.Done():
				err = ctx.Err()
			}
			q.mu.Lock()
			full = len(q.buf) > low
			q.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// take moves samples into dst. Unless all of it is wanted, the last few stay until it
// is sure that more follow: they are for fading out before a break. With none it
// gives the reason why none will come any more, or nil when there will be some later.
func (q *pcm) take(dst []int16, all bool) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	keep := fadeSamples
	if all || q.end == io.EOF {
		keep = 0
	}
	n := copy(dst, q.buf[:max(len(q.buf)-keep, 0)])
	q.buf = q.buf[n:]
	q.next += int64(n)
	if n > 0 {
		if len(q.buf) <= low {
			q.wake()
		}
		return n, nil
	}
	return 0, q.end
}

// waiting is how many samples are there, and whether the decoder has ended.
func (q *pcm) waiting() (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.buf), q.end != nil
}

// ready throws away what comes before sample number at, and gives the number of
// the next one if enough is there to begin. With none left it gives the reason.
func (q *pcm) ready(at int64) (next int64, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if behind := at - q.next; behind > 0 {
		gone := min(behind, int64(len(q.buf)))
		q.buf, q.next = q.buf[gone:], q.next+gone
		q.drop = behind - gone
		q.wake()
	}
	switch {
	case len(q.buf) >= preroll || len(q.buf) > 0 && q.end != nil:
		return q.next, true, nil
	case len(q.buf) > 0:
		return 0, false, nil
	}
	return 0, false, q.end
}

func (q *pcm) wake() {
	select {
	case q.moved <- struct{}{}:
	default:
	}
}

// isSource says whether an item's end is its parent's reading, not the decoding.
func isSource(err error) bool {
	var s *sourceError
	return errors.As(err, &s)
}

var errDropped = errors.New("item dropped")

var _ io.Reader = (*feed)(nil)
