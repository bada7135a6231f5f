package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"

	"loaxa/internal/radio"
)

// Span says which part of a file sounds: the numbers of a radio.Rendition, and
// where to begin.
type Span struct {
	Frames int // frames of the whole file
	Head   int // samples trimmed at the beginning of the file
	Tail   int // samples trimmed at its end
	// SkipFrames is the number of whole frames not to be given: 0 begins at the
	// first sample that sounds.
	SkipFrames int
}

// SpanOf is the whole of a rendition.
func SpanOf(r radio.Rendition) Span {
	return Span{Frames: r.Frames, Head: r.Head, Tail: r.Tail}
}

func (s Span) check() error {
	switch total := s.Frames * radio.FrameSamples; {
	case s.Frames < 1 || s.Frames > radio.MaxFrames:
		return fmt.Errorf("%w: span of %d frames", radio.ErrInvalid, s.Frames)
	case s.Head < 0 || s.Tail < 0 || s.Head > total || s.Tail > total || s.Head+s.Tail >= total:
		return fmt.Errorf("%w: head %d and tail %d leave nothing of %d frames", radio.ErrInvalid, s.Head, s.Tail, s.Frames)
	case s.SkipFrames < 0 || s.SkipFrames >= s.Frames:
		return fmt.Errorf("%w: skip %d of %d frames", radio.ErrInvalid, s.SkipFrames, s.Frames)
	}
	return nil
}

const (
	// go-mp3 always gives 16-bit stereo; a mono file comes doubled.
	bytesPerSample = 4
	frameBytes     = radio.FrameSamples * bytesPerSample
)

// Decoder gives the samples of one house-format file: mono, 16 bits, 44.1 kHz,
// trimmed of head and tail. It never seeks. It is for one goroutine.
type Decoder struct {
	feed   feeder
	mp3    *mp3.Decoder
	next   int64 // timeline sample (with head) of the next one to give
	first  int64 // timeline sample where giving begins
	end    int64 // timeline sample after the last one to give
	head   int64
	err    error
	stereo [frameBytes]byte
	have   []byte // of stereo, not yet given
}

// NewDecoder begins at byte 0 of src, also when the span skips frames: it walks the
// skipped frames without decoding them, but for the last one, which it decodes and
// throws away. Since a house-format frame leans only on the frame before it, what
// follows equals the whole file's decoding to the bit, or a joint without a click.
// Nothing is read from src before the first Read.
func NewDecoder(src io.Reader, s Span) (*Decoder, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d := &Decoder{
		first: max(int64(s.SkipFrames)*radio.FrameSamples, int64(s.Head)),
		end:   int64(s.Frames)*radio.FrameSamples - int64(s.Tail),
		head:  int64(s.Head),
	}
	d.feed = feeder{frames: frameReader{src: src}, skip: max(s.SkipFrames-1, 0), last: s.Frames}
	d.next = int64(d.feed.skip) * radio.FrameSamples
	return d, nil
}

// Position is the number of the sample that the next Read begins with, counted in
// samples that sound: 0 is the first after the head.
func (d *Decoder) Position() int64 { return max(d.next, d.first) - d.head }

// Read fills pcm with the next samples and gives how many there were. It gives
// io.EOF after the last sample of the span, and never together with samples.
//
// A file that ends early gives all it has and then an error that is
// io.ErrUnexpectedEOF; a frame that is not house format gives a *FormatError; a
// frame that go-mp3 cannot decode, or panics on, an error naming it. Errors are
// final: every frame was checked when the file was taken in and its hash before it
// plays, so there is no damage worth playing on through.
func (d *Decoder) Read(pcm []int16) (int, error) {
	if len(pcm) == 0 {
		return 0, nil
	}
	for d.err == nil && d.next < d.end {
		if len(d.have) == 0 {
			d.err = d.decodeFrame()
			continue
		}
		if n := d.give(pcm); n > 0 {
			return n, nil
		}
	}
	if d.err == nil {
		d.err = io.EOF
	}
	return 0, d.err
}

// give hands on what is left of the decoded frame, without what comes before
// first or after end.
func (d *Decoder) give(pcm []int16) int {
	if before := min(d.first-d.next, int64(len(d.have)/bytesPerSample)); before > 0 {
		d.have = d.have[before*bytesPerSample:]
		d.next += before
	}
	n := min(len(pcm), len(d.have)/bytesPerSample, int(max(d.end-d.next, 0)))
	for i := range pcm[:n] {
		pcm[i] = int16(binary.LittleEndian.Uint16(d.have[i*bytesPerSample:]))
	}
	d.have = d.have[n*bytesPerSample:]
	d.next += int64(n)
	return n
}

// decodeFrame takes one frame from go-mp3 into d.stereo.
func (d *Decoder) decodeFrame() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode frame %d: go-mp3 panicked: %v", d.feed.frames.count-1, p)
		}
	}()
	if d.mp3 == nil {
		// go-mp3 decodes the first frame here.
		if d.mp3, err = mp3.NewDecoder(&d.feed); err != nil {
			return d.explain(err)
		}
	}
	for n := 0; n < frameBytes; {
		m, err := d.mp3.Read(d.stereo[n:])
		if err != nil {
			return d.explain(err)
		}
		n += m
	}
	d.have = d.stereo[:]
	return nil
}

// explain puts the feeder's own error, which knows frame and byte, before the one
// that go-mp3 made of it.
func (d *Decoder) explain(err error) error {
	f := &d.feed.frames
	switch {
	case errors.Is(f.err, io.EOF):
		return &FormatError{
			Frame: f.count, Offset: f.offset, Err: io.ErrUnexpectedEOF,
			Reason: fmt.Sprintf("the file ends after %d of %d frames", f.count, d.feed.last),
		}
	case f.err != nil:
		return f.err
	}
	return fmt.Errorf("decode frame %d: %w", f.count-1, err)
}

// feeder is the reader go-mp3 sees: whole checked frames, no Seek.
type feeder struct {
	frames frameReader
	skip   int // frames to walk past first
	last   int // frames in the file
	rest   []byte
}

func (f *feeder) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.frames.count == f.last {
			return 0, io.EOF
		}
		frame, err := f.frames.next()
		if err != nil {
			return 0, err
		}
		if f.frames.count > f.skip {
			f.rest = frame
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}
