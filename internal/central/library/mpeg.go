package library

import (
	"bytes"
	"encoding/binary"
)

// mpegFrame is what a frame header of MPEG audio says (ISO 11172-3 §2.4.1.3,
// ISO 13818-3, and the usual MPEG-2.5 extension).
type mpegFrame struct {
	version, layer, rate int // version 1, 2 or 25
	mono, free           bool
	size                 int // bytes; for free format what the padding adds
	samples              int
}

var mpegKbps = [2][3][15]int{
	{ // MPEG-1, layers I to III
		{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	},
	{ // MPEG-2 and 2.5
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	},
}

func parseMPEG(b []byte) (mpegFrame, bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return mpegFrame{}, false
	}
	f := mpegFrame{layer: 4 - int(b[1]>>1&3), mono: b[3]>>6 == 3}
	shift := 0
	switch b[1] >> 3 & 3 {
	case 3:
		f.version = 1
	case 2:
		f.version, shift = 2, 1
	case 0:
		f.version, shift = 25, 2
	default:
		return mpegFrame{}, false
	}
	rateIndex, kbpsIndex := int(b[2]>>2&3), int(b[2]>>4)
	if f.layer == 4 || rateIndex == 3 || kbpsIndex == 15 || b[3]&3 == 2 {
		return mpegFrame{}, false
	}
	f.rate = [3]int{44100, 48000, 32000}[rateIndex] >> shift
	f.samples = [3]int{384, 1152, 1152}[f.layer-1]
	if f.layer == 3 && f.version != 1 {
		f.samples = 576
	}
	f.free = kbpsIndex == 0
	bps := mpegKbps[min(shift, 1)][f.layer-1][kbpsIndex] * 1000
	pad := int(b[2] >> 1 & 1)
	if f.layer == 1 {
		f.size = (12*bps/f.rate + pad) * 4
	} else {
		f.size = f.samples/8*bps/f.rate + pad
	}
	return f, true
}

// like says whether two frames may stand in one stream.
func (f mpegFrame) like(o mpegFrame) bool {
	return f.version == o.version && f.layer == o.layer && f.rate == o.rate && f.free == o.free
}

// mpegStream is where a stream of frames begins.
type mpegStream struct {
	at       int64
	first    mpegFrame
	freeSize int // of a free-format frame without its padding
}

// whole gives the size of one frame of the stream.
func (s mpegStream) whole(f mpegFrame) int { return s.freeSize + f.size }

// maxFree is how many free-format headers are followed up: each costs a search.
const maxFree = 64

// findMPEG finds the first place where three like frames follow one another (or
// where the file ends with fewer), which junk passes very seldom. head is the
// beginning of size bytes.
func findMPEG(head []byte, size int64) (mpegStream, bool) {
	free := 0
	for at := 0; at+4 <= len(head); at++ {
		skip := bytes.IndexByte(head[at:], 0xff)
		if skip < 0 {
			break
		}
		at += skip
		first, ok := parseMPEG(head[at:])
		if !ok {
			continue
		}
		s := mpegStream{at: int64(at), first: first}
		if first.free {
			if free++; free > maxFree || first.layer != 3 {
				continue
			}
			s.freeSize, ok = freeFormat(head[at:], first)
		} else {
			ok = chain(head[at:], first, size-int64(at))
		}
		if ok {
			return s, true
		}
	}
	return mpegStream{}, false
}

// chain says whether three like frames, or all there are in size bytes, stand at b.
func chain(b []byte, first mpegFrame, size int64) bool {
	at := first.size
	for n := 1; n < 3; n++ {
		if at >= len(b) {
			return int64(at) == size
		}
		next, ok := parseMPEG(b[at:])
		if !ok || !next.like(first) {
			return false
		}
		at += next.size
	}
	return true
}

// freeFormat gives the size of frames without a bit rate: the distance of two like
// headers, with a third where it must stand.
func freeFormat(b []byte, first mpegFrame) (int, bool) {
	const shortest, longest = 24, 8 << 10
	same := func(at int) bool {
		return at+4 <= len(b) && b[at] == b[0] && b[at+1] == b[1] && (b[at+2]^b[2])&^2 == 0 && b[at+3]>>6 == b[3]>>6
	}
	for d := shortest; d < min(longest, len(b)); d++ {
		// The padding bit may make a frame one byte longer.
		if same(d) && (same(2*d-1) || same(2*d) || same(2*d+1)) {
			return d - first.size, true
		}
	}
	return 0, false
}

// headSeconds gives the length that the head frame at the beginning of b declares:
// of LAME and its kin (Xing, Info) or of Fraunhofer's encoder (VBRI); 0 without one.
func headSeconds(b []byte, f mpegFrame) float64 {
	const vbri = 4 + 32
	if f.layer == 3 && len(b) >= vbri+18 && string(b[vbri:vbri+4]) == "VBRI" {
		return float64(binary.BigEndian.Uint32(b[vbri+14:])) * float64(f.samples) / float64(f.rate)
	}
	return xingSeconds(b, f)
}

// xingSeconds gives the length that a Xing or Info frame declares, without the
// encoder's delay and padding when LAME noted them; 0 without such a frame.
func xingSeconds(b []byte, f mpegFrame) float64 {
	if f.layer != 3 {
		return 0
	}
	at := 4 + 32
	switch {
	case f.version == 1 && f.mono, f.version != 1 && !f.mono:
		at = 4 + 17
	case f.version != 1:
		at = 4 + 9
	}
	if b[1]&1 == 0 {
		at += 2 // CRC
	}
	if len(b) < at+12 || string(b[at:at+4]) != "Xing" && string(b[at:at+4]) != "Info" {
		return 0
	}
	flags := binary.BigEndian.Uint32(b[at+4:])
	if flags&1 == 0 {
		return 0
	}
	samples := float64(binary.BigEndian.Uint32(b[at+8:])) * float64(f.samples)
	if flags&0xf == 0xf { // with all four fields LAME's own follow
		if lame := at + 120; len(b) >= lame+24 {
			trim := b[lame+21 : lame+24]
			samples -= float64(int(trim[0])<<4|int(trim[1])>>4) + float64(int(trim[1]&0xf)<<8|int(trim[2]))
		}
	}
	return max(samples, 0) / float64(f.rate)
}
