// Package output is the sole door to sound devices. It receives one continuous
// stream of mono samples from the player's child process and hands it to a driver:
// alsa (libasound, a device by name), oto (the system's default device), null
// (nothing but the right pace) or wav (the same, into a file); a tee leaves a WAV of
// what any driver consumed.
package output

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// Output is one stream of 16-bit mono samples at radio.SampleRate. Open, Write and
// Close belong to one goroutine; Progress and Info may be called from any, after
// Open. An Output is opened once and never again: oto allows one context per
// process, so recovery is a new process.
type Output interface {
	// Open gets the device going. Devices stall up to 1.5 s after it, so open well
	// before anything has to sound.
	Open(ctx context.Context) error
	// Write blocks while the sink has enough: it paces the caller in real time. It
	// ends early with an error when ctx ends or the device is lost. pcm is free
	// again when it returns.
	Write(ctx context.Context, pcm []int16) error
	// Progress is the last moment the sink was seen taking samples. An error means
	// that the device is lost for good. A device that hangs, or one without a
	// clock, gives no error: only the pace of Consumed tells.
	Progress() (Progress, error)
	Info() Info
	// Close returns after the last sample written has left, or when ctx ends.
	Close(ctx context.Context) error
}

// Progress of a stream.
type Progress struct {
	At       time.Duration // clock.Mono
	Consumed int64         // samples the sink had taken by then, from the stream's first
	Starved  int           // times the sink found nothing to take: holes in the sound
}

// Info about an opened output. It never claims that anything was heard.
type Info struct {
	Driver string `json:"driver"`
	Device string `json:"device"`
	Proof  Proof  `json:"proof"`
	// Latency from Progress to sound: a sample counted at Progress.At sounds
	// Latency later than one would think who takes Consumed for what has sounded.
	Latency time.Duration `json:"latency"`
	// Ring is how much the sink holds at most beyond what sounds.
	Ring time.Duration `json:"ring"`
}

// Proof is what a count of samples of a driver stands for.
type Proof string

const (
	// ProofConsumed: a device with a clock of its own took the samples.
	ProofConsumed Proof = "consumed"
	// ProofPaced: no device; the samples went by at the right pace.
	ProofPaced Proof = "paced"
)

// Drivers.
const (
	DriverALSA = "alsa"
	DriverOto  = "oto"
	DriverNull = "null"
	DriverWAV  = "wav"
)

// Config of an output.
type Config struct {
	Driver string `json:"driver"`
	// Device is the ALSA device's name; "" means "default". Only alsa: oto takes the
	// default device and does not say which one that was.
	Device string `json:"device,omitempty"`
	// RingMS is the length of the device's ring, with alsa four fifths of it; 0 means 400.
	// Placement does not suffer from a long one, and the processor is woken less often;
	// but what the ring holds still sounds when an alert cuts it, so each driver has its
	// longest.
	RingMS int `json:"ring_ms,omitempty"`
	// LatencyMS corrects the driver's known latency for one board, measured with
	// a microphone or a second sound card; only oto.
	LatencyMS int `json:"latency_ms,omitempty"`
	// Dir is where the wav driver puts its files.
	Dir string `json:"dir,omitempty"`
	// TeeDir, when set, gets a WAV of every stream beside the driver's own work.
	TeeDir string `json:"tee_dir,omitempty"`
	// MaxWAVBytes bounds one file; 0 means 512 MiB (an hour and a half).
	MaxWAVBytes int64 `json:"max_wav_bytes,omitempty"`
}

const (
	defaultRing   = 400
	defaultMaxWAV = 512 << 20
)

// Check refuses what no driver can do and names the key.
func (c Config) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: output: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	switch c.Driver {
	case DriverALSA, DriverOto, DriverNull, DriverWAV:
	default:
		bad("driver %.32q, want %s, %s, %s or %s", c.Driver, DriverALSA, DriverOto, DriverNull, DriverWAV)
	}
	switch {
	case c.Device != "" && c.Driver != DriverALSA:
		bad("device is for the driver alsa only")
	case len(c.Device) > 128 || strings.ContainsFunc(c.Device, func(r rune) bool { return r < ' ' || r > '~' }):
		bad("device %.32q, want the name of an ALSA device, such as default or plughw:CARD=Device", c.Device)
	}
	if longest := c.longestRing(); c.RingMS != 0 && (c.RingMS < 40 || c.RingMS > longest) {
		bad("ring_ms %d, want 40 to %d", c.RingMS, longest)
	}
	if c.LatencyMS < -1000 || c.LatencyMS > 1000 {
		bad("latency_ms %d, want -1000 to 1000", c.LatencyMS)
	}
	if c.LatencyMS != 0 && c.Driver != DriverOto {
		bad("latency_ms is for the driver oto only")
	}
	if (c.Driver == DriverWAV) != (c.Dir != "") {
		bad("dir belongs to the driver wav, which needs it")
	}
	if c.MaxWAVBytes < 0 || c.MaxWAVBytes > 3<<30 {
		bad("max_wav_bytes %d, want 0 to %d", c.MaxWAVBytes, int64(3)<<30)
	}
	return errors.Join(errs...)
}

// silentWithin is how long what was handed to a driver may go on when it is cut: an alert
// stops what sounds within a second (design §6), and some of that is for the way there.
const silentWithin = 950 * time.Millisecond

// longestRing keeps a driver silent in time.
func (c Config) longestRing() int {
	switch c.Driver {
	case DriverALSA:
		return 700 // and a period, a quarter of it, that waits to be handed over
	case DriverOto:
		return 440 // and what oto holds ready, and a period on its way
	}
	return 1000
}

func (c Config) withDefaults() Config {
	if c.RingMS == 0 {
		c.RingMS = defaultRing
	}
	if c.Driver == DriverALSA && c.Device == "" {
		c.Device = "default"
	}
	if c.MaxWAVBytes == 0 {
		c.MaxWAVBytes = defaultMaxWAV
	}
	return c
}

func (c Config) ring() time.Duration { return time.Duration(c.RingMS) * time.Millisecond }

// New chooses the driver; nothing is opened yet.
func New(c Config) (Output, error) { return NewWithMono(c, clock.Mono) }

// NewWithMono lets a test bring its own monotonic clock for the paced drivers.
func NewWithMono(c Config, mono func() time.Duration) (Output, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	var out Output
	var err error
	switch c.Driver {
	case DriverALSA:
		out, err = newALSA(c, mono)
	case DriverOto:
		out, err = newOto(c, mono)
	case DriverNull:
		out = newPaced(DriverNull, "null", c.ring(), mono)
	case DriverWAV:
		out = newRecorder(newPaced(DriverWAV, c.Dir, c.ring(), mono), c.Dir, c.MaxWAVBytes, true, mono)
	}
	if err != nil {
		return nil, err
	}
	if c.TeeDir != "" {
		out = newRecorder(out, c.TeeDir, c.MaxWAVBytes, false, mono)
	}
	return out, nil
}

var errClosed = errors.New("output is not open")
