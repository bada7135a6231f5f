package player

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// lineResult is one event of the child, or the end of its stdout.
type lineResult struct {
	event Event
	err   error
}

// readLines turns the child's stdout into events; it ends with the process.
func (s *Session) readLines(stdout io.Reader, lines chan<- lineResult) {
	defer close(lines)
	scan := bufio.NewScanner(stdout)
	scan.Buffer(make([]byte, 1024), maxLine)
	for scan.Scan() {
		e, err := parseEvent(bytes.TrimSpace(scan.Bytes()))
		lines <- lineResult{e, err}
		if err != nil {
			return
		}
	}
	if err := scan.Err(); err != nil {
		lines <- lineResult{err: err}
	}
}

// supervise owns the session's life: it hands on events, keeps the deadlines, and
// leaves no process behind.
func (s *Session) supervise(ctx context.Context, lines <-chan lineResult) {
	defer close(s.done)
	defer close(s.events)
	why, closed := s.follow(ctx, lines)
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	if exit := s.reap(lines, closed); exit != nil && !closed {
		why = fmt.Errorf("%w (%w)", why, exit)
	}
	s.endAll(ctx, why, closed)
}

// follow hands on events until the child has ended or has to be ended. The error
// says what is wrong with it; closed, that it ended in good order.
func (s *Session) follow(ctx context.Context, lines <-chan lineResult) (why error, closed bool) {
	alarm := time.NewTimer(s.limits.open)
	defer alarm.Stop()
	done, closing := ctx.Done(), s.closing
	waiting := "open the output"
	leave := func() {
		// The child fades and exits when its stdin closes; a write in progress ends.
		if err := s.stdin.Close(); err != nil {
			s.log.Debug("close player's stdin", "error", err)
		}
		done, closing = nil, nil
		waiting = "exit"
		alarm.Reset(s.limits.exit)
	}
	for {
		select {
		case l, ok := <-lines:
			switch {
			case !ok:
				return errors.New("player ended without a word"), false
			case l.err != nil:
				return fmt.Errorf("player talks nonsense: %w", l.err), false
			case l.event.Kind == Closed:
				if l.event.Text != "" {
					return errors.New(l.event.Text), true
				}
				return nil, true
			}
			if closing != nil {
				waiting = "give a sign of life"
				alarm.Reset(s.limits.silent)
			}
			s.handle(ctx, l.event)
		case <-done:
			leave()
		case <-closing:
			leave()
		case <-s.killing:
			return errors.New("player killed"), false
		case <-alarm.C:
			return fmt.Errorf("player did not %s in time", waiting), false
		}
	}
}

// reap waits for the process: one that has closed by itself gets a moment to exit,
// any other is killed.
func (s *Session) reap(lines <-chan lineResult, closed bool) error {
	// Its stdin closes in any case; an error means that it is closed already.
	_ = s.stdin.Close()
	kill := func() {
		// Fails only when it is gone.
		_ = s.cmd.Process.Kill()
	}
	if closed {
		late := time.AfterFunc(s.limits.exit/2, kill)
		defer late.Stop()
	} else {
		kill()
	}
	for range lines { // stdout must be read to its end before Wait
	}
	return s.cmd.Wait()
}

// handle acts on one event of the child and hands it on.
func (s *Session) handle(ctx context.Context, e Event) {
	switch e.Kind {
	case wanted:
		s.mu.Lock()
		sender := s.sending[e.Seq]
		s.mu.Unlock()
		if sender != nil {
			sender.allow(s, e.Bytes)
		}
		return
	case Started, Progressed:
		s.mu.Lock()
		if sender := s.sending[e.Seq]; sender != nil {
			sender.note(e)
		}
		s.mu.Unlock()
	case Ended:
		s.mu.Lock()
		sender := s.sending[e.Seq]
		delete(s.sending, e.Seq)
		s.mu.Unlock()
		if sender == nil {
			s.log.Warn("player ended an item that was not playing", "seq", e.Seq)
			return
		}
		sender.end(s)
	}
	s.give(ctx, e)
}

// give hands an event to the reader. Only progress is dropped; the rest fits, since
// items are bounded, unless nobody reads at all.
func (s *Session) give(ctx context.Context, e Event) {
	if e.Kind == Progressed {
		select {
		case s.events <- e:
		default:
		}
		return
	}
	select {
	case s.events <- e:
		return
	default:
	}
	select {
	case s.events <- e:
	case <-ctx.Done():
		s.log.Warn("nobody takes the player's events", "kind", string(e.Kind), "seq", e.Seq)
	}
}

// endAll tells the end of every item the child did not end itself, then Closed.
func (s *Session) endAll(ctx context.Context, why error, closed bool) {
	s.mu.Lock()
	var left []*sender
	for _, sender := range s.sending {
		left = append(left, sender)
	}
	clear(s.sending)
	s.mu.Unlock()
	slices.SortFunc(left, func(a, b *sender) int { return a.seq - b.seq })
	last := Event{Kind: Closed}
	if why != nil {
		last.Text = clip(why.Error())
	}
	if !closed {
		s.give(ctx, Event{Kind: Faulted, Code: FaultChild, Text: last.Text})
	}
	for _, sender := range left {
		sender.end(s)
		e := sender.last()
		e.Reason, e.Text = Child, last.Text
		s.give(ctx, e)
	}
	s.senders.Wait()
	s.give(ctx, last)
}
