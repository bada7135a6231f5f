package player

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

// The parent writes frames to the child's stdin: four bytes of length (big endian),
// one byte of type, the body. Audio goes only as far as the child has asked for it
// (the event want), so a frame of control never waits behind audio.
const (
	frameHeader byte = 'h' // JSON
	frameData   byte = 'd' // four bytes of item number, then audio

	maxHeader = 4 << 10
	maxData   = 16 << 10
	maxLine   = 4 << 10 // of an event
	// window of audio bytes the child holds ahead of its decoder: 8 s at 64 kbit/s. It
	// asks for more when half of it is gone.
	window = 64 << 10
	// maxQueue bounds the items that wait in a session.
	maxQueue = 64

	protocolVersion = 1
)

// header is a message of control to the child.
type header struct {
	Kind    string         `json:"kind"`
	Version int            `json:"version,omitempty"` // open
	Output  *output.Config `json:"output,omitempty"`  // open
	Seq     int            `json:"seq,omitempty"`     // item, eof, broken, stop
	Item    *Item          `json:"item,omitempty"`    // item
	Reason  string         `json:"reason,omitempty"`  // broken
	GainDB  float64        `json:"gain_db,omitempty"` // gain
}

const (
	kindOpen   = "open"   // first, once
	kindItem   = "item"   // one more item
	kindEOF    = "eof"    // an item's audio has all been sent
	kindBroken = "broken" // an item's audio cannot be read further
	kindStop   = "stop"   // fade the item, or drop it if it waits; seq 0: all of them
	kindGain   = "gain"   // move the gain of an item
	kindEnd    = "end"    // no more items: play out, close, exit
)

func (h header) check() error {
	need := func(ok bool, what string) error {
		if !ok {
			return fmt.Errorf("%w: %s without %s", radio.ErrInvalid, h.Kind, what)
		}
		return nil
	}
	switch h.Kind {
	case kindOpen:
		if h.Version != protocolVersion {
			return fmt.Errorf("%w: protocol version %d, this player speaks %d", radio.ErrInvalid, h.Version, protocolVersion)
		}
		return need(h.Output != nil, "output")
	case kindItem:
		if h.Item == nil || h.Seq < 1 {
			return need(false, "item and seq")
		}
		return h.Item.Check()
	case kindEOF, kindBroken:
		return need(h.Seq > 0, "seq")
	case kindStop:
		return need(h.Seq >= 0, "seq")
	case kindGain:
		if !gainInRange(h.GainDB) {
			return fmt.Errorf("%w: gain of %g dB", radio.ErrInvalid, h.GainDB)
		}
		return need(h.Seq > 0, "seq")
	case kindEnd:
		return nil
	}
	return fmt.Errorf("%w: message kind %.32q", radio.ErrInvalid, h.Kind)
}

func writeHeader(w io.Writer, h header) error {
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode %s: %w", h.Kind, err)
	}
	if len(body) > maxHeader {
		return fmt.Errorf("%w: message %s of %d bytes", radio.ErrInvalid, h.Kind, len(body))
	}
	return writeFrame(w, frameHeader, nil, body)
}

func writeData(w io.Writer, seq int, audio []byte) error {
	return writeFrame(w, frameData, binary.BigEndian.AppendUint32(nil, uint32(seq)), audio)
}

// writeFrame writes in one go, so that the pipe never holds half a frame of a
// parent that died in between.
func writeFrame(w io.Writer, kind byte, prefix, body []byte) error {
	frame := binary.BigEndian.AppendUint32(nil, uint32(1+len(prefix)+len(body)))
	frame = append(frame, kind)
	frame = append(append(frame, prefix...), body...)
	_, err := w.Write(frame)
	return err
}

// frame is one that was read: a header, or data of item seq.
type frame struct {
	header *header
	seq    int
	data   []byte // valid until the next frame is read
}

// frameReader reads frames and believes nothing.
type frameReader struct {
	r   io.Reader
	buf [1 + 4 + maxData]byte
}

// next gives io.EOF between frames only.
func (f *frameReader) next() (frame, error) {
	var size [4]byte
	if _, err := io.ReadFull(f.r, size[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 1 || int(n) > len(f.buf) {
		return frame{}, fmt.Errorf("%w: frame of %d bytes", radio.ErrInvalid, n)
	}
	body := f.buf[:n]
	if _, err := io.ReadFull(f.r, body); err != nil {
		return frame{}, fmt.Errorf("cut frame: %w", io.ErrUnexpectedEOF)
	}
	kind, body := body[0], body[1:]
	switch kind {
	case frameHeader:
		h, err := parseHeader(body)
		return frame{header: h}, err
	case frameData:
		if len(body) < 5 {
			return frame{}, fmt.Errorf("%w: data frame of %d bytes", radio.ErrInvalid, n)
		}
		return frame{seq: int(binary.BigEndian.Uint32(body)), data: body[4:]}, nil
	}
	return frame{}, fmt.Errorf("%w: frame type %q", radio.ErrInvalid, kind)
}

func parseHeader(body []byte) (*header, error) {
	if len(body) > maxHeader {
		return nil, fmt.Errorf("%w: message of %d bytes", radio.ErrInvalid, len(body))
	}
	h := &header{}
	if err := strict(body, h); err != nil {
		return nil, err
	}
	return h, h.check()
}

func parseEvent(line []byte) (Event, error) {
	var e Event
	if err := strict(line, &e); err != nil {
		return Event{}, err
	}
	return e, e.check()
}

// strict: both sides are one program, so anything unknown is damage.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", radio.ErrInvalid, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows the message", radio.ErrInvalid)
	}
	return nil
}
