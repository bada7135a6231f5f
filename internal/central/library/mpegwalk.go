package library

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// mpegWalk is what walking a whole MPEG file showed.
type mpegWalk struct {
	frames  int64
	seconds float64
	stereo  bool // some frame has two channels
	clean   bool // the file is nothing but frames
	breaks  int  // places where something else than a tag stood between frames
}

// walkMPEG goes from frame to frame to the end of the file, over tags and junk
// between them, and hands every whole frame to visit. It stops behind maxSeconds.
// Readers that do not walk take a cover picture behind the sound for frames, which
// bang.
func walkMPEG(r io.ReaderAt, size int64, s mpegStream, maxSeconds float64, visit func(frame []byte) error) (mpegWalk, error) {
	var (
		w   = mpegWalk{clean: s.at == 0}
		in  = window{r: r, size: size}
		at  = s.at
		now = s.first
	)
	for at < size && w.seconds <= maxSeconds {
		b, err := in.at(at, maxFrameBytes)
		if err != nil {
			return w, err
		}
		f, ok := parseMPEG(b)
		n := s.whole(f)
		if ok && f.like(now) && n >= 4 && n <= len(b) {
			if err := visit(b[:n]); err != nil {
				return w, err
			}
			w.frames++
			w.seconds += float64(f.samples) / float64(f.rate)
			w.stereo = w.stereo || !f.mono
			at += int64(n)
			continue
		}
		w.clean = false
		next, tag, found, err := s.resync(&in, at, &now)
		if err != nil {
			return w, err
		}
		if !found {
			break
		}
		if !tag {
			w.breaks++
		}
		at = next
	}
	return w, nil
}

// maxFrameBytes holds the longest frame, a free-format one included.
const maxFrameBytes = 16 << 10

// resync finds the next frame behind a place where none stands, and whether a tag
// is what stands there. The stream may go on in another format: files are glued
// together.
func (s mpegStream) resync(in *window, at int64, now *mpegFrame) (next int64, tag, found bool, err error) {
	b, err := in.at(at, 32)
	if err != nil {
		return 0, false, false, err
	}
	length, tag := tagBytes(b)
	if length > in.size-at {
		length = 0 // no tag is longer than the file; look for frames behind its name
	}
	at += max(length, 1)
	for at < in.size {
		b, err := in.at(at, windowBytes/2)
		if err != nil {
			return 0, false, false, err
		}
		if len(b) < 4 {
			break
		}
		// The last bytes are looked at again with what follows them.
		sure := max(len(b)-4*maxFrameBytes, 1)
		if int64(len(b)) == in.size-at {
			sure = len(b)
		}
		for i := 0; i < sure; i++ {
			skip := bytes.IndexByte(b[i:sure], 0xff)
			if skip < 0 {
				break
			}
			i += skip
			if f, ok := s.goesOn(b[i:], in.size-at-int64(i), *now); ok {
				*now = f
				return at + int64(i), tag, true, nil
			}
		}
		at += int64(sure)
	}
	return 0, tag, false, nil
}

// goesOn says whether a stream that was like now goes on at b, of size bytes to the
// end of the file: with two frames like it, or with three of another format.
func (s mpegStream) goesOn(b []byte, size int64, now mpegFrame) (mpegFrame, bool) {
	f, ok := parseMPEG(b)
	if !ok || f.layer != now.layer || f.free != now.free {
		return f, false
	}
	if f.like(now) {
		n := s.whole(f)
		if int64(n) == size {
			return f, true
		}
		if n < len(b) {
			if after, ok := parseMPEG(b[n:]); ok && after.like(now) {
				return f, true
			}
		}
	}
	return f, !f.free && chain(b, f, size)
}

// tagBytes gives the length of a tag that begins here, as far as it says so.
func tagBytes(b []byte) (length int64, tag bool) {
	switch {
	case bytes.HasPrefix(b, []byte("ID3")) && len(b) >= 10 && (b[6]|b[7]|b[8]|b[9])&0x80 == 0:
		return 10 + int64(b[6])<<21 | int64(b[7])<<14 | int64(b[8])<<7 | int64(b[9]), true
	case bytes.HasPrefix(b, []byte("TAG")):
		return 128, true
	case bytes.HasPrefix(b, []byte("APETAGEX")) && len(b) >= 32:
		return 32 + int64(binary.LittleEndian.Uint32(b[12:])&0x0fffffff), true
	case bytes.HasPrefix(b, []byte("LYRICSBEGIN")):
		return 11, true
	}
	return 0, false
}

const windowBytes = 512 << 10

// window gives pieces of a large file, reading it in large pieces.
type window struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	from int64
}

// at gives up to n bytes from off on, fewer only at the end of the file; they hold
// until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-off))
	if off < w.from || off+int64(n) > w.from+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, min(windowBytes, w.size))
		}
		got, err := w.r.ReadAt(w.buf[:cap(w.buf)], off)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("walk the upload: %w", err)
		}
		w.buf, w.from = w.buf[:got], off
		n = min(n, got)
	}
	i := int(off - w.from)
	return w.buf[i : i+n], nil
}
