package player

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/sound"
)

const (
	openWithin = 10 * time.Second
	// closeWithin: the child is gone one second after its stdin closes.
	closeWithin = 850 * time.Millisecond
	// drainWithin: no ring is so long.
	drainWithin = 2 * time.Second
	tellEvery   = time.Second
)

// ChildMain is the player process (`loaxa-agent player`): frames on stdin, events on
// stdout, one session, then it returns. After stdin closes or ctx ends it fades out
// and returns within a second. An error means that the output or the parent failed;
// it has been told on stdout as well.
//
// The goroutine that reads stdin may still be blocked in its read when ChildMain
// returns: the process is expected to exit.
func ChildMain(ctx context.Context, stdin io.Reader, stdout io.Writer, log *slog.Logger) error {
	// A parent that died must not kill us by SIGPIPE before the sound is faded and a
	// recording finished.
	signal.Ignore(syscall.SIGPIPE)
	if err := raisePriority(); err != nil {
		log.Debug("playing without raised priority", "error", err)
	}
	c := newChild(clock.Mono, output.New, log)
	return c.run(ctx, stdin, stdout)
}

// child is one session on the device's side.
type child struct {
	mono   func() time.Duration
	open   func(output.Config) (output.Output, error)
	log    *slog.Logger
	events chan Event
	over   chan struct{} // closed when the last event has been taken

	mu     sync.Mutex
	tracks map[int]*track // by number, until ended
}

func newChild(mono func() time.Duration, open func(output.Config) (output.Output, error), log *slog.Logger) *child {
	return &child{mono: mono, open: open, log: log, events: make(chan Event, 256),
		over: make(chan struct{}), tracks: make(map[int]*track)}
}

// run takes the goroutines of a session through its life: writer of events, reader
// of frames, mixer, reporter.
func (c *child) run(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	written := make(chan error, 1)
	go func() { written <- c.writeEvents(stdout) }()
	err := c.session(ctx, &frameReader{r: stdin})
	closed := Event{Kind: Closed}
	if err != nil {
		closed.Text = clip(err.Error())
	}
	c.tell(closed)
	// A stdout that nobody reads must not keep the process.
	select {
	case werr := <-written:
		return errors.Join(err, werr)
	case <-time.After(100 * time.Millisecond):
		return errors.Join(err, errors.New("nobody takes the events"))
	}
}

// writeEvents ends with the event Closed. When stdout fails it goes on taking, to
// keep nobody from fading out.
func (c *child) writeEvents(w io.Writer) error {
	defer close(c.over)
	var failed error
	for {
		e := <-c.events
		if failed == nil {
			line, err := json.Marshal(e)
			if err == nil {
				_, err = w.Write(append(line, '\n'))
			}
			if err != nil {
				failed = fmt.Errorf("tell events: %w", err)
			}
		}
		if e.Kind == Closed {
			return failed
		}
	}
}

// tell gives events to the writer. Progress may be lost when the parent is slow;
// the rest is bounded by the number of items.
func (c *child) tell(events ...Event) {
	for _, e := range events {
		if e.Kind == Progressed {
			select {
			case c.events <- e:
			default:
			}
			continue
		}
		select {
		case c.events <- e:
		case <-c.over:
		}
	}
}

func (c *child) session(ctx context.Context, frames *frameReader) error {
	config, err := readOpen(ctx, frames)
	if err != nil {
		return err
	}
	out, err := c.open(config)
	if err == nil {
		opening, cancel := context.WithTimeout(ctx, openWithin)
		err = out.Open(opening)
		cancel()
	}
	if err != nil {
		c.tell(Event{Kind: Faulted, Code: FaultOpen, Text: clip(err.Error())})
		return err
	}
	info := out.Info()
	c.tell(Event{Kind: Opened, Driver: info.Driver, Device: info.Device, Proof: info.Proof})
	return c.play(ctx, frames, out)
}

// readOpen also ends with ctx; the read itself goes on then, see ChildMain.
func readOpen(ctx context.Context, frames *frameReader) (output.Config, error) {
	type result struct {
		frame frame
		err   error
	}
	got := make(chan result, 1)
	go func() {
		f, err := frames.next()
		got <- result{f, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return output.Config{}, fmt.Errorf("read open: %w", r.err)
		}
		if r.frame.header == nil || r.frame.header.Kind != kindOpen {
			return output.Config{}, errors.New("the first message is not open")
		}
		return *r.frame.header.Output, nil
	case <-ctx.Done():
		return output.Config{}, ctx.Err()
	}
}

// play runs the opened stream.
func (c *child) play(ctx context.Context, frames *frameReader, out output.Output) error {
	// The device outlives ctx by the time it takes to fade and drain.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s := &stream{out: out, prepare: func(t *track) { c.prepare(work, t) }, moved: make(chan struct{}, 1)}

	lost := make(chan error, 1)
	go func() { lost <- c.readFrames(work, frames, s) }()
	mixed := make(chan error, 1)
	go func() { mixed <- s.run(work) }()
	r := &reporter{child: c, stream: s, out: out, watch: watch{opened: c.mono(), ring: out.Info().Ring}}
	late := time.NewTimer(watchNew)
	defer late.Stop()

	worked := c.mono() // the mixer did
	var hurry <-chan time.Time
	leave := func() {
		if hurry == nil {
			s.stop(0)
			s.finishUp()
			hurry = time.After(closeWithin)
		}
	}
	done := ctx.Done()
	for {
		var gone error
		select {
		case <-s.moved:
			if worked = c.mono(); worked-r.looked >= watchEvery {
				gone = r.look()
			}
		case <-late.C:
			wait := watchLate - (c.mono() - worked)
			if c.mono()-r.watch.opened < warmUp {
				gone, wait = r.look(), watchNew
			} else if wait <= 0 { // it is held up
				gone, wait = r.look(), watchEvery
			}
			late.Reset(wait)
		case err := <-lost:
			lost = nil
			if err != nil && !errors.Is(err, io.EOF) {
				c.log.Warn("parent talks nonsense", "error", err)
			}
			leave()
		case <-done:
			done = nil
			leave()
		case <-hurry:
			cancel()
			<-mixed
			return c.giveUp(r, out, nil)
		case err := <-mixed:
			if err == nil {
				err = r.look() // a null device may have swallowed it all between two looks
			}
			if err != nil {
				return c.giveUp(r, out, err)
			}
			return c.drain(work, r, out, hurry)
		}
		if gone != nil {
			cancel()
			<-mixed // one goroutine at a time owns the output
			return c.giveUp(r, out, gone)
		}
	}
}

// drain waits until the last sample has left; the reporter goes on meanwhile.
func (c *child) drain(ctx context.Context, r *reporter, out output.Output, hurry <-chan time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := Stopped
	if hurry == nil {
		hurry, late = time.After(drainWithin), Device
	}
	closed := make(chan error, 1)
	go func() { closed <- out.Close(ctx) }()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.tell()
		case <-hurry:
			cancel()
			<-closed
			r.abandon(late, "the device was not drained in time")
			return nil
		case err := <-closed:
			if err != nil {
				r.abandon(Device, err.Error())
				return err
			}
			r.tellAll()
			return nil
		}
	}
}

// giveUp ends a session whose device is lost (err), or whose time is over.
func (c *child) giveUp(r *reporter, out output.Output, err error) error {
	reason, text := Stopped, ""
	if err != nil {
		reason, text = Device, err.Error()
		if !r.faulted {
			c.tell(Event{Kind: Faulted, Code: FaultLost, Text: clip(text)})
		}
	}
	r.abandon(reason, text)
	ended, cancel := context.WithCancel(context.Background())
	cancel() // only finish a recording; there is nothing to wait for
	if cerr := out.Close(ended); cerr != nil && !errors.Is(cerr, context.Canceled) {
		c.log.Debug("close output", "error", cerr)
	}
	return err
}

// readFrames serves the parent until stdin ends.
func (c *child) readFrames(ctx context.Context, frames *frameReader, s *stream) error {
	for {
		f, err := frames.next()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := c.serve(f, s); err != nil {
			return err
		}
	}
}

func (c *child) serve(f frame, s *stream) error {
	if f.header == nil {
		if t := c.track(f.seq); t != nil {
			return t.feed.put(f.data)
		}
		return nil // of an item that has ended meanwhile
	}
	switch h := f.header; h.Kind {
	case kindItem:
		return c.addItem(h.Seq, *h.Item, s)
	case kindEOF:
		if t := c.track(h.Seq); t != nil {
			t.feed.finish(io.EOF)
		}
	case kindBroken:
		if t := c.track(h.Seq); t != nil {
			t.feed.finish(&sourceError{reason: clip(h.Reason)})
		}
	case kindStop:
		s.stop(h.Seq)
	case kindGain:
		s.gain(h.Seq, h.GainDB)
	case kindEnd:
		s.finishUp()
	default:
		return fmt.Errorf("message %q in the middle of a session", h.Kind)
	}
	return nil
}

func (c *child) track(seq int) *track {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tracks[seq]
}

func (c *child) addItem(seq int, item Item, s *stream) error {
	t := &track{seq: seq, item: item, pcm: newPCM()}
	t.feed = newFeed(func(upTo int64) { c.tell(Event{Kind: wanted, Seq: seq, Bytes: upTo}) })
	t.cancel = func() { // until prepared there is nothing more to end
		t.feed.finish(errDropped)
		c.forget(seq)
	}
	c.mu.Lock()
	if c.tracks[seq] != nil || len(c.tracks) >= maxQueue {
		c.mu.Unlock()
		return fmt.Errorf("item %d: number in use or %d items waiting", seq, maxQueue)
	}
	c.tracks[seq] = t
	c.mu.Unlock()
	s.add(t)
	return nil
}

func (c *child) forget(seq int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tracks, seq)
}

// prepare starts decoding an item that is next or next but one; once. The stream
// holds its lock.
func (c *child) prepare(ctx context.Context, t *track) {
	if t.prepared {
		return
	}
	t.prepared = true
	span := t.item.span()
	// A late item walks past what it has missed without decoding it; what is left
	// of it is thrown away to the sample when it is placed.
	if late := c.mono() - t.item.Start; t.item.Start > 0 && late > 2*time.Second {
		span.SkipFrames = min(span.SkipFrames+framesIn(late-time.Second), span.Frames-1)
	}
	dec, err := sound.NewDecoder(t.feed, span)
	if err != nil { // checked when it came, so this is about the skip
		t.pcm.end = err
		return
	}
	t.pcm.next = dec.Position()
	ctx, cancel := context.WithCancel(ctx)
	drop := t.cancel
	t.cancel = func() { cancel(); drop() }
	go t.pcm.fill(ctx, dec.Read)
}
