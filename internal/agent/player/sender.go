package player

import (
	"io"
	"sync"
)

// sender carries the audio of one item to the child, as far as it asks.
type sender struct {
	seq   int
	item  Item
	audio io.ReadCloser

	mu      sync.Mutex
	allowed int64
	sent    int64
	over    bool // nothing more is to be sent
	running bool
	closed  bool

	// Under the session's lock: what is known of it, for the case that the child dies.
	skipped, consumed, silent int64
}

func newSender(seq int, item Item, audio io.ReadCloser) *sender {
	return &sender{seq: seq, item: item, audio: audio}
}

// allow sends on up to the given byte. Reading may take its time (flash, hashes), so
// a goroutine does it; it ends when it has sent what is allowed.
func (a *sender) allow(s *Session, upTo int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.allowed = max(a.allowed, upTo)
	if !a.running && !a.over {
		a.running = true
		s.senders.Go(func() { a.run(s) })
	}
}

func (a *sender) run(s *Session) {
	buf := make([]byte, maxData)
	for {
		a.mu.Lock()
		room := min(a.allowed-a.sent, maxData)
		if room <= 0 || a.over {
			a.running = false
			a.closeIfOver(s)
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		n, err := a.audio.Read(buf[:room])
		if serr := a.send(s, buf[:n], err); serr != nil {
			// The child is going; the supervisor knows why.
			s.log.Debug("send audio", "seq", a.seq, "error", serr)
			err = serr
		}
		a.mu.Lock()
		a.sent += int64(n)
		a.over = a.over || err != nil
		a.mu.Unlock()
	}
}

// send gives what was read to the child, and how the reading ended.
func (a *sender) send(s *Session, audio []byte, end error) error {
	if len(audio) > 0 {
		s.writing.Lock()
		err := writeData(s.stdin, a.seq, audio)
		s.writing.Unlock()
		if err != nil {
			return err
		}
	}
	switch end {
	case nil:
		return nil
	case io.EOF:
		return s.control(header{Kind: kindEOF, Seq: a.seq})
	}
	s.log.Warn("audio not readable, the item ends", "seq", a.seq, "error", end)
	return s.control(header{Kind: kindBroken, Seq: a.seq, Reason: clip(end.Error())})
}

// end: the item is over; its audio is closed now, or by the goroutine that reads it.
func (a *sender) end(s *Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	if !a.running {
		a.closeIfOver(s)
	}
}

// closeIfOver closes the audio once; the caller holds mu.
func (a *sender) closeIfOver(s *Session) {
	if !a.over || a.closed {
		return
	}
	a.closed = true
	if err := a.audio.Close(); err != nil {
		s.log.Warn("close audio", "seq", a.seq, "error", err)
	}
}

// note keeps what the child says of the item; under the session's lock.
func (a *sender) note(e Event) {
	switch e.Kind {
	case Started:
		a.skipped = e.Skipped
	case Progressed:
		a.consumed, a.silent = min(e.Consumed, a.item.Expected()), e.Silent
	}
}

// last is the end of an item whose child cannot tell it any more: what had been
// consumed when it was last heard of. Called when no event can come any more.
func (a *sender) last() Event {
	return Event{Kind: Ended, Seq: a.seq, Expected: a.item.Expected(), Skipped: a.skipped, Consumed: a.consumed, Silent: a.silent}
}
