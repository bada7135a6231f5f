package output

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/radio"
)

// Sidecar stands beside every WAV this package leaves, as NAME.json: it ties the
// samples of the file to time, so that a start can be judged afterwards.
type Sidecar struct {
	Version int    `json:"version"` // 1
	Driver  string `json:"driver"`
	Device  string `json:"device"`
	Rate    int    `json:"rate"`
	Samples int64  `json:"samples"`
	// WallMinusMono is the machine's wall clock less clock.Mono when the stream was
	// opened, in nanoseconds.
	WallMinusMono int64 `json:"wall_minus_mono_ns"`
	// Anchors say at which clock.Mono a sample sounded, about one a second.
	Anchors []Anchor `json:"anchors"`
	// Truncated: the file reached its largest size or could not be written further;
	// the stream went on.
	Truncated bool `json:"truncated,omitempty"`
}

// Anchor ties one sample of a stream to clock.Mono.
type Anchor struct {
	Sample int64 `json:"sample"`
	MonoNS int64 `json:"mono_ns"`
}

const (
	wavHeader  = 44
	maxAnchors = 6 * 3600
)

// recorder leaves a WAV of what the output beneath it took. As a tee it never
// disturbs the sound: when the file fails it stops recording and says so in the
// sidecar. As the wav driver (strict) the file is the output, and its failure is one.
type recorder struct {
	Output
	dir    string
	max    int64
	strict bool
	mono   func() time.Duration

	file    *os.File
	buf     *bufio.Writer
	path    string // final name of the WAV
	written int64
	stopped bool
	failed  error
	side    Sidecar
	nextAt  time.Duration
}

func newRecorder(out Output, dir string, max int64, strict bool, mono func() time.Duration) *recorder {
	return &recorder{Output: out, dir: dir, max: max, strict: strict, mono: mono}
}

func (r *recorder) Open(ctx context.Context) error {
	if err := r.create(); err != nil {
		return err
	}
	if err := r.Output.Open(ctx); err != nil {
		return errors.Join(err, r.abandon())
	}
	info := r.Info()
	r.side.Driver, r.side.Device = info.Driver, info.Device
	return nil
}

// create opens the file under its temporary name; the header comes at the end.
func (r *recorder) create() error {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return fmt.Errorf("make folder for recordings: %w", err)
	}
	wall, mono := time.Now(), r.mono()
	r.path = filepath.Join(r.dir, "stream-"+wall.UTC().Format("20060102T150405.000000000Z")+".wav")
	file, err := os.OpenFile(r.path+".part", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create recording: %w", err)
	}
	r.file, r.buf = file, bufio.NewWriterSize(file, 64<<10)
	r.side = Sidecar{Version: 1, Rate: radio.SampleRate, WallMinusMono: wall.UnixNano() - int64(mono)}
	if _, err := r.buf.Write(make([]byte, wavHeader)); err != nil {
		return errors.Join(fmt.Errorf("begin recording: %w", err), r.abandon())
	}
	return nil
}

func (r *recorder) abandon() error {
	return errors.Join(r.file.Close(), os.Remove(r.path+".part"))
}

func (r *recorder) Write(ctx context.Context, pcm []int16) error {
	if r.file == nil {
		return errClosed
	}
	if err := r.Output.Write(ctx, pcm); err != nil {
		return err
	}
	r.anchor()
	if r.stopped {
		return nil
	}
	if wavHeader+2*(r.written+int64(len(pcm))) > r.max {
		r.stopped, r.side.Truncated = true, true
		return nil
	}
	for _, s := range pcm {
		if err := errors.Join(r.buf.WriteByte(byte(s)), r.buf.WriteByte(byte(uint16(s)>>8))); err != nil {
			r.stopped, r.side.Truncated, r.failed = true, true, err
			break
		}
		r.written++
	}
	if r.failed != nil && r.strict {
		return fmt.Errorf("write recording: %w", r.failed)
	}
	return nil
}

// anchor notes the progress of the device, about once a second.
func (r *recorder) anchor() {
	p, err := r.Output.Progress()
	if err != nil || p.Consumed == 0 || p.At < r.nextAt || len(r.side.Anchors) >= maxAnchors {
		return
	}
	r.nextAt = p.At + time.Second
	r.side.Anchors = append(r.side.Anchors, Anchor{Sample: p.Consumed, MonoNS: int64(p.At + r.Info().Latency)})
}

// Close ends the stream, cuts the file to what was consumed, and gives it its name.
func (r *recorder) Close(ctx context.Context) error {
	if r.file == nil {
		return nil
	}
	closed := r.Output.Close(ctx)
	// A lost device still has a last progress.
	p, lost := r.Output.Progress()
	r.side.Samples = min(r.written, p.Consumed)
	err := r.finish()
	r.file = nil
	if err != nil && !r.strict {
		// The tee's own trouble must not turn a good airing into a failed one; the
		// missing file tells.
		err = nil
	}
	return errors.Join(closed, lost, err)
}

func (r *recorder) finish() error {
	part := r.path + ".part"
	flushed := r.buf.Flush()
	if r.failed != nil {
		flushed = nil // said already
	}
	if err := errors.Join(flushed, r.file.Truncate(wavHeader+2*r.side.Samples)); err != nil {
		return errors.Join(fmt.Errorf("finish recording: %w", err), r.file.Close())
	}
	if _, err := r.file.WriteAt(header(r.side.Samples), 0); err != nil {
		return errors.Join(fmt.Errorf("finish recording: %w", err), r.file.Close())
	}
	if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil {
		return fmt.Errorf("finish recording: %w", err)
	}
	side, err := json.Marshal(r.side)
	if err != nil {
		return fmt.Errorf("write sidecar: %w", err)
	}
	// The sidecar first: who sees the WAV finds both.
	if err := os.WriteFile(r.path+".json.part", side, 0o644); err != nil {
		return fmt.Errorf("write sidecar: %w", err)
	}
	return errors.Join(os.Rename(r.path+".json.part", r.path+".json"), os.Rename(part, r.path))
}

// header of a WAV file with 16-bit mono PCM (RIFF, Microsoft 1991).
func header(samples int64) []byte {
	le := binary.LittleEndian
	h := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(h[4:], uint32(wavHeader-8+2*samples))
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, 1) // PCM
	h = le.AppendUint16(h, 1) // mono
	h = le.AppendUint32(h, radio.SampleRate)
	h = le.AppendUint32(h, 2*radio.SampleRate)
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 16)
	h = append(h, "data"...)
	return le.AppendUint32(h, uint32(2*samples))
}
