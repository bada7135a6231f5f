// Package player plays a session: one continuous stream to the output, in a child
// process (`loaxa-agent player`), because a sound device can hang, vanish or be
// opened only once per process, and a decoder can panic (design §4). The parent's
// half (Player, Session) receives items and their verified audio bytes from
// agent/playout and hands back events; the child's half (ChildMain) decodes with
// package sound, places every item by sample index on the stream, and writes to
// agent/output.
package player

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// Config of the parent's half.
type Config struct {
	// Command starts the child: the agent's own executable and "player".
	Command []string
	// Env of the child; nil means the parent's.
	Env []string
	// Stderr takes the child's log.
	Stderr io.Writer
}

// limits of patience with a child; tests shorten them.
type limits struct {
	open   time.Duration // until Opened
	silent time.Duration // between any two events after that
	exit   time.Duration // after stdin was closed, or Closed was said
}

// Player starts sessions.
type Player struct {
	cfg    Config
	log    *slog.Logger
	limits limits
}

// New only checks.
func New(cfg Config, log *slog.Logger) (*Player, error) {
	if len(cfg.Command) == 0 {
		return nil, fmt.Errorf("%w: player without a command", radio.ErrInvalid)
	}
	return &Player{cfg: cfg, log: log,
		limits: limits{open: openWithin + 2*time.Second, silent: 5 * time.Second, exit: 2 * time.Second}}, nil
}

// Start runs a child and has it open the output. Call it about 20 s before the first
// item, so that the device runs evenly when it counts. The session ends when ctx
// ends, after Finish, after Close, or when the child fails; in each case Events is
// closed and no process is left.
func (p *Player) Start(ctx context.Context, out output.Config) (*Session, error) {
	if err := out.Check(); err != nil {
		return nil, err
	}
	cmd := exec.Command(p.cfg.Command[0], p.cfg.Command[1:]...)
	cmd.Env, cmd.Stderr = p.cfg.Env, p.cfg.Stderr
	cmd.WaitDelay = p.limits.exit // for a grandchild that holds stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start player: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start player: %w", err)
	}
	if err := spawn(cmd); err != nil {
		return nil, fmt.Errorf("start player: %w", err)
	}
	s := &Session{log: p.log, limits: p.limits, cmd: cmd, stdin: stdin,
		events: make(chan Event, 2*maxQueue), closing: make(chan struct{}), killing: make(chan struct{}), done: make(chan struct{}),
		sending: make(map[int]*sender)}
	lines := make(chan lineResult)
	go s.readLines(stdout, lines)
	go s.supervise(ctx, lines)
	if err := s.control(header{Kind: kindOpen, Version: protocolVersion, Output: &out}); err != nil {
		s.Close()
		<-s.done
		return nil, fmt.Errorf("start player: %w", err)
	}
	return s, nil
}

// Session is one running child. Its methods may be called from any goroutine.
type Session struct {
	log    *slog.Logger
	limits limits
	cmd    *exec.Cmd
	events chan Event
	done   chan struct{} // closed when the process is gone and all events are told

	writing sync.Mutex // one frame at a time into stdin
	stdin   io.WriteCloser

	mu      sync.Mutex
	next    int
	sending map[int]*sender
	over    bool
	senders sync.WaitGroup

	closeOnce, killOnce sync.Once
	closing, killing    chan struct{}
}

// Events of the session, in order. Whoever starts a session reads them until the
// channel is closed: every item played gets exactly one Ended, the last event is
// Closed. Progress is dropped rather than waiting for a slow reader.
func (s *Session) Events() <-chan Event { return s.events }

// Play queues an item behind those before it. audio gives the whole file from its
// first byte, also when frames are skipped; it is read only when the item comes
// near and closed when the item has ended. A read error ends the item with Source,
// and the next one plays. The number is that of the item's events.
func (s *Session) Play(item Item, audio io.ReadCloser) (int, error) {
	seq, err := s.enqueue(item, audio)
	if err != nil {
		return 0, errors.Join(err, audio.Close())
	}
	if err := s.control(header{Kind: kindItem, Seq: seq, Item: &item}); err != nil {
		// The supervisor ends the item with the dying child.
		s.log.Warn("item not handed to player", "seq", seq, "error", err)
	}
	return seq, nil
}

func (s *Session) enqueue(item Item, audio io.ReadCloser) (int, error) {
	if err := item.Check(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return 0, fmt.Errorf("%w: the session is over", radio.ErrUnavailable)
	case len(s.sending) >= maxQueue:
		return 0, fmt.Errorf("%w: %d items wait already", radio.ErrConflict, maxQueue)
	}
	s.next++
	s.sending[s.next] = newSender(s.next, item, audio)
	return s.next, nil
}

// Stop fades an item that sounds within 10 ms of the stream (heard when the ring has
// run out, below one second), or drops one that waits; 0 means all of them. The
// stream goes on with the next item or silence.
func (s *Session) Stop(seq int) error { return s.control(header{Kind: kindStop, Seq: seq}) }

// Gain moves the gain of an item that sounds or waits, over 10 ms of the stream.
func (s *Session) Gain(seq int, db float64) error {
	return s.control(header{Kind: kindGain, Seq: seq, GainDB: db})
}

// Finish lets the session end by itself after the last item.
func (s *Session) Finish() error { return s.control(header{Kind: kindEnd}) }

// Close ends the session at once: what sounds is faded out. It does not wait; the
// channel of events closes within two seconds.
func (s *Session) Close() { s.closeOnce.Do(func() { close(s.closing) }) }

// Kill ends the child without a fade. It does not wait either.
func (s *Session) Kill() { s.killOnce.Do(func() { close(s.killing) }) }

func (s *Session) control(h header) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := writeHeader(s.stdin, h); err != nil {
		return fmt.Errorf("tell player %s: %w", h.Kind, err)
	}
	return nil
}
