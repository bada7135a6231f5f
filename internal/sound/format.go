// Package sound reads the house format (design §4) and nothing else: MPEG-1 Layer
// III, 44.1 kHz, mono, 64 or 32 kbit/s, constant bit rate, no bit reservoir, no
// Xing frame, no tags. Walk checks and hashes a file for the library that takes it
// in; Decoder turns it into samples for the library's measuring and for the player.
// It is the sole door to go-mp3, and it is a guarded one: go-mp3 sees only frames
// whose header and side information were checked here first, so that its known
// faults (noise at 22.05 kHz, a panic on MPEG-2 mixed blocks, half a gigabyte for a
// forged tag, a bang when a stream leans on missing bytes) cannot be reached.
package sound

import (
	"encoding/binary"
	"fmt"

	"loaxa/internal/radio"
)

// EncoderHead is the number of samples that the house encoder and the decoder
// together put before the first sample of the master: 576 of LAME, 529 of the
// Layer III decoder (design §4, measured).
const EncoderHead = 1105

// The parts of a mono MPEG-1 Layer III frame without CRC (ISO 11172-3 §2.4.1.3,
// §2.4.1.7).
const (
	headerBytes   = 4
	sideInfoBytes = 17
	// minFrame is what must be in hand to check a frame before decoding it.
	minFrame = headerBytes + sideInfoBytes
	// maxFrame is the longest frame of the house format: 64 kbit/s, padded.
	maxFrame = 209

	// fixedMask and fixedBits hold what every house frame shares: sync, MPEG-1,
	// Layer III, no CRC, 44.1 kHz, single channel, no emphasis.
	fixedMask = 0xffff0cc3
	fixedBits = 0xfffb00c0
	// padMask is the padding bit: the one bit of a header that may differ from
	// the first header of the file.
	padMask = 0x00000200

	maxBigValues = 288
)

// FormatError says where a file leaves the house format.
type FormatError struct {
	Frame  int   // number of the frame, from 0
	Offset int64 // byte offset of that frame
	Reason string
	// Err is io.ErrUnexpectedEOF for a file cut inside a frame, else radio.ErrInvalid.
	Err error
}

// Error names the frame, the byte and the reason.
func (e *FormatError) Error() string {
	return fmt.Sprintf("not house format at frame %d, byte %d: %s", e.Frame, e.Offset, e.Reason)
}

// Unwrap gives the kind.
func (e *FormatError) Unwrap() error { return e.Err }

func formatError(frame int, offset int64, format string, args ...any) error {
	return &FormatError{Frame: frame, Offset: offset, Reason: fmt.Sprintf(format, args...), Err: radio.ErrInvalid}
}

// pattern checks one frame after another against the first.
type pattern struct {
	first uint32 // first header without its padding bit; 0 before the first
	kbps  int
}

// frameSize checks a header and gives the length of its frame in bytes.
func (p *pattern) frameSize(head []byte) (int, string) {
	h := binary.BigEndian.Uint32(head)
	if h&fixedMask != fixedBits {
		return 0, fmt.Sprintf("header %08x is not MPEG-1 Layer III, 44.1 kHz, mono, without CRC and emphasis", h)
	}
	kbps := 0
	switch h >> 12 & 0xf {
	case 1:
		kbps = radio.LightKbps
	case 5:
		kbps = radio.MainKbps
	default:
		return 0, fmt.Sprintf("header %08x has bit rate index %d; only 32 and 64 kbit/s are house format", h, h>>12&0xf)
	}
	if p.first == 0 {
		p.first, p.kbps = h&^padMask, kbps
	}
	if h&^padMask != p.first {
		return 0, fmt.Sprintf("header %08x differs from the first header %08x in more than padding", h, p.first)
	}
	size := 144 * kbps * 1000 / radio.SampleRate
	if h&padMask != 0 {
		size++
	}
	return size, ""
}

// checkSideInfo refuses a frame that leans on bytes of another frame or promises
// more bits than it holds. size is the frame's whole length; side its side info.
func checkSideInfo(side []byte, size int) string {
	b := bitReader{data: side}
	if begin := b.take(9); begin != 0 {
		return fmt.Sprintf("main_data_begin is %d: the frame leans on a bit reservoir", begin)
	}
	b.take(5 + 4) // private bits, scfsi
	promised := 0
	for granule := range 2 {
		promised += b.take(12) // part2_3_length
		if big := b.take(9); big > maxBigValues {
			return fmt.Sprintf("granule %d has big_values %d over %d", granule, big, maxBigValues)
		}
		b.take(8 + 4) // global_gain, scalefac_compress
		if b.take(1) == 1 {
			// ISO 11172-3 §2.4.2.7: block_type 0 is reserved here.
			if b.take(2) == 0 {
				return fmt.Sprintf("granule %d switches windows to the reserved block type", granule)
			}
			b.take(20)
		} else {
			b.take(22)
		}
		b.take(3) // preflag, scalefac_scale, count1table_select
	}
	if room := (size - minFrame) * 8; promised > room {
		return fmt.Sprintf("granules promise %d bits, the frame holds %d", promised, room)
	}
	return ""
}

// hasInfo says whether a first frame is a Xing, Info or VBRI frame: a header that
// decodes to silence and that the house format leaves out.
func hasInfo(frame []byte) bool {
	at := func(offset int, word string) bool {
		return len(frame) >= offset+len(word) && string(frame[offset:offset+len(word)]) == word
	}
	return at(minFrame, "Xing") || at(minFrame, "Info") || at(36, "VBRI")
}

// bitReader takes bits, highest first, from a side info of known length.
type bitReader struct {
	data []byte
	pos  int
}

func (b *bitReader) take(n int) int {
	v := 0
	for range n {
		v = v<<1 | int(b.data[b.pos>>3]>>(7-b.pos&7)&1)
		b.pos++
	}
	return v
}
