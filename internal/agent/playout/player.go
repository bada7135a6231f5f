package playout

import (
	"context"
	"io"
	"time"

	"loaxa/internal/radio"
)

// AudioReader gives the bytes of one audio file.
type AudioReader = io.ReadCloser

// Player opens streams. Each is one child process with one output.
type Player interface {
	// Open returns once the output takes samples, or with the reason why not.
	Open(ctx context.Context) (Stream, error)
}

// Stream is one continuous stream of sound. Play, Stop, Close and Kill do not
// wait for sound; they belong to one goroutine.
type Stream interface {
	Info() StreamInfo
	// Play hands over the next item: it sounds at its instant and never before the
	// item handed over ahead of it has ended; one whose instant is past may be
	// joined where it would be by then. The stream closes the item's audio. Each
	// item handed over gets exactly one Ended, unless the stream dies.
	Play(Item) error
	// Stop fades an item that sounds, or takes back one that does not yet.
	Stop(radio.AiringID) error
	// Gain moves the gain of an item that sounds or waits, without a click.
	Gain(id radio.AiringID, db float64) error
	// Events is closed when the child process is gone.
	Events() <-chan Event
	// Err says, once Events is closed, what the stream died of; nil after Close.
	Err() error
	// Close lets the child go when all it holds has sounded.
	Close() error
	// Kill ends the child at once.
	Kill() error
}

// StreamInfo names the output, for confirmations.
type StreamInfo struct {
	Driver string
	Device string
	Proof  string // what a count of samples stands for
}

// Item is one audio with its place on the stream.
type Item struct {
	ID        radio.AiringID
	Rendition radio.Rendition
	// SkipFrames joins inside the file; 0 begins at the first sample that sounds.
	SkipFrames int
	At         time.Duration // instant of the first sample given, on clock.Mono; 0: as soon as it can
	EndBy      time.Duration // faded out to be silent here; 0 for no limit
	GainDB     float64
	Audio      AudioReader
}

// EventKind of a stream.
type EventKind int

const (
	// Started: the item's first sample has left; At is the measured instant.
	Started EventKind = iota + 1
	// Progress comes at least once a second while an item sounds.
	Progress
	// Ended: the item is over; Consumed is final, Ending says how.
	Ended
)

// Event tells what happened to one item of a stream.
type Event struct {
	Kind     EventKind
	ID       radio.AiringID
	At       time.Duration // measured, on clock.Mono
	Consumed int64         // samples of this item that the sink has taken
	Skipped  int64         // samples the player itself left out to join in time
	Silent   int64         // samples of this item in long stretches of digital silence
	Ending   radio.Ending  // of Ended; EndComplete with nothing consumed: too late to join
	Text     string        // of Ended, for the log
}
