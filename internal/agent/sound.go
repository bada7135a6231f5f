package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"loaxa/internal/agent/output"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/radio"
)

// players opens a child process per stream: agent/player in the terms of
// agent/playout.
type players struct {
	player *player.Player
	output output.Config
	log    *slog.Logger
}

// Open starts a child and waits until its output takes samples.
func (p *players) Open(ctx context.Context) (playout.Stream, error) {
	// The stream outlives the opening; playout ends it with Close or Kill.
	session, err := p.player.Start(context.WithoutCancel(ctx), p.output)
	if err != nil {
		return nil, err
	}
	var why error
	for {
		select {
		case e, ok := <-session.Events():
			switch {
			case !ok:
				return nil, errors.Join(why, errors.New("the player ended before the output was open"))
			case e.Kind == player.Faulted || e.Kind == player.Closed && e.Text != "":
				why = fmt.Errorf("player: %s", e.Text)
			case e.Kind == player.Opened:
				s := &stream{session: session, log: p.log, events: make(chan playout.Event, 64),
					info: playout.StreamInfo{Driver: e.Driver, Device: e.Device, Proof: string(e.Proof)},
					ids:  map[int]radio.AiringID{}, seqs: map[radio.AiringID]int{}}
				go s.translate()
				return s, nil
			}
		case <-ctx.Done():
			session.Kill()
			for range session.Events() { // until the child is gone
			}
			return nil, fmt.Errorf("open the output: %w", ctx.Err())
		}
	}
}

// stream is one session of the player.
type stream struct {
	session *player.Session
	log     *slog.Logger
	info    playout.StreamInfo
	events  chan playout.Event

	mu   sync.Mutex
	ids  map[int]radio.AiringID
	seqs map[radio.AiringID]int
	err  error
}

// Info names the output.
func (s *stream) Info() playout.StreamInfo { return s.info }

// Events of the stream; closed when the child is gone.
func (s *stream) Events() <-chan playout.Event { return s.events }

// Err says what the child died of.
func (s *stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Play hands over an item.
func (s *stream) Play(it playout.Item) error {
	// Held over Play, so that no event of the item can come before its id is known.
	s.mu.Lock()
	defer s.mu.Unlock()
	seq, err := s.session.Play(player.Item{
		Start: it.At, EndBy: it.EndBy, GainDB: it.GainDB, SkipFrames: it.SkipFrames,
		Frames: it.Rendition.Frames, Head: it.Rendition.Head, Tail: it.Rendition.Tail,
	}, it.Audio)
	if err != nil {
		return err
	}
	s.ids[seq], s.seqs[it.ID] = it.ID, seq
	return nil
}

// Stop fades an item or takes it back.
func (s *stream) Stop(id radio.AiringID) error {
	s.mu.Lock()
	seq, ok := s.seqs[id]
	s.mu.Unlock()
	if !ok {
		return nil // its Ended is on its way
	}
	return s.session.Stop(seq)
}

// Gain moves an item's gain.
func (s *stream) Gain(id radio.AiringID, db float64) error {
	s.mu.Lock()
	seq, ok := s.seqs[id]
	s.mu.Unlock()
	if !ok {
		return nil // its Ended is on its way
	}
	return s.session.Gain(seq, db)
}

// Close lets the child go when all has sounded.
func (s *stream) Close() error { return s.session.Finish() }

// Kill ends the child.
func (s *stream) Kill() error {
	s.session.Kill()
	return nil
}

// translate hands the session's events on; it ends with the child, whose events
// playout reads to the end.
func (s *stream) translate() {
	defer close(s.events)
	for e := range s.session.Events() {
		if out, ok := s.event(e); ok {
			s.events <- out
		}
	}
}

// endings are the player's reasons in the words of the decision table.
var endings = map[player.Reason]radio.Ending{
	player.Complete: radio.EndComplete,
	player.Passed:   radio.EndComplete, // with nothing consumed: too late
	player.Stopped:  radio.EndStopped,
	player.Boundary: radio.EndPolicy,
	player.Source:   radio.EndAudio,
	player.Decode:   radio.EndDecoder,
}

func (s *stream) event(e player.Event) (playout.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := playout.Event{ID: s.ids[e.Seq], At: e.Mono, Consumed: e.Consumed, Skipped: e.Skipped, Silent: e.Silent, Text: e.Text}
	switch e.Kind {
	case player.Started:
		out.Kind = playout.Started
	case player.Progressed:
		out.Kind = playout.Progress
	case player.Ended:
		ending, ok := endings[e.Reason]
		if !ok {
			// The device or the child is lost, and the stream with it: playout goes on
			// with the next stream from where this one came to.
			out.Kind = playout.Progress
			break
		}
		out.Kind, out.Ending = playout.Ended, ending
		delete(s.ids, e.Seq)
		if s.seqs[out.ID] == e.Seq {
			delete(s.seqs, out.ID)
		}
	case player.Faulted:
		if s.err == nil { // what was killed for a stall died of the stall
			s.err = fmt.Errorf("player: %s: %s", e.Code, e.Text)
		}
		if e.Code == player.FaultStalled {
			// Waiting for a device that stalls costs more sound than a new one.
			s.session.Kill()
		}
	case player.Closed:
		if s.err == nil && e.Text != "" {
			s.err = fmt.Errorf("player: %s", e.Text)
		}
	}
	return out, out.Kind != 0 && out.ID != ""
}
