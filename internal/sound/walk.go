package sound

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"loaxa/internal/radio"
)

// Walked is what a walk over all frames of a file found.
type Walked struct {
	Kbps   int
	Frames int
	Bytes  int64
	SHA256 radio.SHA256
}

// Walk reads r to its end and checks that it is house format from the first byte
// to the last. It holds one frame at a time and stops at radio.MaxFrames and
// radio.MaxAudioBytes. A *FormatError says where and why a file is not house
// format; any other error is the reader's.
func Walk(r io.Reader) (Walked, error) {
	var (
		frames = frameReader{src: bufio.NewReaderSize(r, 64<<10)}
		hash   = sha256.New()
		done   Walked
	)
	for {
		frame, err := frames.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Walked{}, err
		}
		done.Frames, done.Bytes = frames.count, frames.offset
		if done.Frames > radio.MaxFrames || done.Bytes > radio.MaxAudioBytes {
			return Walked{}, formatError(frames.count-1, frames.offset-int64(len(frame)),
				"longer than %d frames or %d bytes", radio.MaxFrames, radio.MaxAudioBytes)
		}
		hash.Write(frame)
	}
	if done.Frames == 0 {
		return Walked{}, formatError(0, 0, "empty file")
	}
	done.Kbps = frames.pattern.kbps
	done.SHA256 = radio.SHA256(hex.EncodeToString(hash.Sum(nil)))
	return done, nil
}

// frameReader reads and checks one frame after another. Once it has given an
// error it gives the same error for ever.
type frameReader struct {
	src     io.Reader
	pattern pattern
	count   int   // frames given
	offset  int64 // bytes given
	err     error
	buf     [maxFrame]byte
}

// next gives the next checked frame, valid until the following call; io.EOF after
// the last. A *FormatError with io.ErrUnexpectedEOF is a file cut inside a frame.
func (f *frameReader) next() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	frame, err := f.read()
	if err != nil {
		f.err = err
		return nil, err
	}
	f.count++
	f.offset += int64(len(frame))
	return frame, nil
}

func (f *frameReader) read() ([]byte, error) {
	if n, err := io.ReadFull(f.src, f.buf[:headerBytes]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, f.cut(n, err)
	}
	size, wrong := f.pattern.frameSize(f.buf[:headerBytes])
	if wrong != "" {
		return nil, formatError(f.count, f.offset, "%s", wrong)
	}
	if n, err := io.ReadFull(f.src, f.buf[headerBytes:size]); err != nil {
		return nil, f.cut(headerBytes+n, err)
	}
	if wrong := checkSideInfo(f.buf[headerBytes:minFrame], size); wrong != "" {
		return nil, formatError(f.count, f.offset, "%s", wrong)
	}
	if f.count == 0 && hasInfo(f.buf[:size]) {
		return nil, formatError(0, 0, "the first frame is a Xing, Info or VBRI frame")
	}
	return f.buf[:size], nil
}

// cut turns the end of the source inside a frame into a FormatError.
func (f *frameReader) cut(have int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FormatError{
			Frame: f.count, Offset: f.offset, Err: io.ErrUnexpectedEOF,
			Reason: fmt.Sprintf("the file ends %d bytes into the frame", have),
		}
	}
	return fmt.Errorf("read frame %d at byte %d: %w", f.count, f.offset, err)
}
