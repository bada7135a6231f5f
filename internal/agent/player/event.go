package player

import (
	"fmt"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// Item is one audio to be played, in the terms of the device: samples and
// clock.Mono. The caller has turned wall instants into Mono.
type Item struct {
	// Start is the clock.Mono at which the first sample to be played sounds. 0 means
	// directly after the item before, or at once. An item that cannot start in
	// time plays whole when it is up to 250 ms late; beyond, it joins at the sample
	// that belongs to the moment.
	Start time.Duration `json:"start_mono_ns"`
	// EndBy is the clock.Mono at which it must be silent (a window's boundary): it
	// is faded out there. 0 means no limit.
	EndBy time.Duration `json:"end_by_mono_ns,omitempty"`
	// Frames, Head and Tail are those of the rendition.
	Frames int `json:"frames"`
	Head   int `json:"head"`
	Tail   int `json:"tail"`
	// SkipFrames of the file are not played (a resumed item); Start is then the
	// instant of the first sample after them.
	SkipFrames int `json:"skip_frames,omitempty"`
	// GainDB is applied to every sample, with saturation.
	GainDB float64 `json:"gain_db,omitempty"`
}

// Check refuses numbers that do not belong together.
func (i Item) Check() error {
	switch {
	case i.Start < 0 || i.EndBy < 0:
		return fmt.Errorf("%w: item before the machine's start", radio.ErrInvalid)
	case !gainInRange(i.GainDB):
		return fmt.Errorf("%w: item gain of %g dB, want -60 to 12", radio.ErrInvalid, i.GainDB)
	}
	_, err := sound.NewDecoder(nil, i.span()) // reads nothing yet, but checks
	return err
}

// gainInRange also refuses NaN.
func gainInRange(db float64) bool { return db >= -60 && db <= 12 }

func (i Item) span() sound.Span {
	return sound.Span{Frames: i.Frames, Head: i.Head, Tail: i.Tail, SkipFrames: i.SkipFrames}
}

// first is the number of its first sample, counted from the one after the head.
func (i Item) first() int64 {
	return max(int64(i.SkipFrames)*radio.FrameSamples-int64(i.Head), 0)
}

// Expected is the number of samples that sound when all of it is played.
func (i Item) Expected() int64 {
	return int64(i.Frames)*radio.FrameSamples - int64(i.Head) - int64(i.Tail) - i.first()
}

// EventKind names what an Event tells.
type EventKind string

// Events. Every item given to Play gets exactly one Ended; the last event of a
// session is Closed.
const (
	// Opened: the device runs. Driver, Device, Proof.
	Opened EventKind = "opened"
	// Started: an item's first sample has sounded. Seq, Mono, Sample, Skipped.
	Started EventKind = "started"
	// Progressed, about once a second: Seq (0: silence), Consumed and Silent of the item.
	Progressed EventKind = "progress"
	// Ended: Seq, Expected, Skipped, Consumed, Silent, Holes, Reason, Text, Mono.
	Ended EventKind = "ended"
	// Faulted: the output is in trouble. Code, Text.
	Faulted EventKind = "fault"
	// Closed: the session is over; Text is empty when it ended as asked.
	Closed EventKind = "closed"
	// wanted: the child takes audio of item Seq up to Bytes; never given on.
	wanted EventKind = "want"
)

// Reason why an item ended.
type Reason string

// Reasons.
const (
	Complete Reason = "complete" // to its last sample
	Stopped  Reason = "stopped"  // by Stop, Close or the end of the agent
	Boundary Reason = "boundary" // faded out at EndBy, or EndBy had passed
	Passed   Reason = "passed"   // too late: nothing of it was left to join
	Source   Reason = "source"   // its audio could not be read, or not in time
	Decode   Reason = "decode"   // its audio is not what it should be
	Device   Reason = "output"   // the device was lost
	Child    Reason = "child"    // the player process died, hung or talked nonsense
)

// Fault codes.
const (
	FaultOpen    = "open_failed"
	FaultLost    = "device_lost"
	FaultStalled = "stalled"     // the device takes less than real time
	FaultNull    = "null_device" // it takes more: nothing real is behind it
	FaultChild   = "player_died"
)

// Event is a line of the child's stdout and what a Session gives on. Counts are in
// samples.
type Event struct {
	Kind   EventKind    `json:"kind"`
	Seq    int          `json:"seq,omitempty"`
	Driver string       `json:"driver,omitempty"`
	Device string       `json:"device,omitempty"`
	Proof  output.Proof `json:"proof,omitempty"`
	// Mono: when the first sample sounded (Started), when the last did (Ended).
	Mono time.Duration `json:"mono_ns,omitempty"`
	// Sample of the stream where the item begins.
	Sample int64 `json:"sample,omitempty"`
	// Expected if it had been played whole, from its SkipFrames on.
	Expected int64 `json:"expected,omitempty"`
	// Skipped at the beginning to join in time.
	Skipped int64 `json:"skipped,omitempty"`
	// Consumed: samples that have left the device as far as its driver can tell
	// (see Proof); never "heard".
	Consumed int64 `json:"consumed,omitempty"`
	// Holes: times the device ran dry or the audio came too slowly while it played.
	Holes int `json:"holes,omitempty"`
	// Silent: samples of the item, of those put into the stream, that belong to
	// stretches of digital silence (below −80 dBFS) of more than three seconds.
	Silent int64  `json:"silent,omitempty"`
	Reason Reason `json:"reason,omitempty"`
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// check refuses what a sound child never says.
func (e Event) check() error {
	switch e.Kind {
	case Opened, Faulted, Closed:
		if e.Seq != 0 {
			return fmt.Errorf("%w: event %s with an item", radio.ErrInvalid, e.Kind)
		}
	case Started, Ended, wanted:
		if e.Seq < 1 {
			return fmt.Errorf("%w: event %s without an item", radio.ErrInvalid, e.Kind)
		}
	case Progressed:
	default:
		return fmt.Errorf("%w: event kind %.32q", radio.ErrInvalid, string(e.Kind))
	}
	for _, n := range []int64{e.Expected, e.Skipped, e.Consumed, e.Silent, e.Bytes, e.Sample, int64(e.Mono), int64(e.Holes), int64(e.Seq)} {
		if n < 0 {
			return fmt.Errorf("%w: event %s with a negative count", radio.ErrInvalid, e.Kind)
		}
	}
	if e.Expected < e.Consumed && e.Kind == Ended {
		return fmt.Errorf("%w: ended with %d of %d samples", radio.ErrInvalid, e.Consumed, e.Expected)
	}
	return nil
}
