package library

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// kind is what an upload is by its content; its name is never looked at.
type kind struct {
	name string
	// demuxer is the one reader of ffmpeg's that opens it: named, not guessed, so
	// that no list format can point ffmpeg at other files.
	demuxer string
	// probe: ask ffprobe for its streams (and, with length, for the declared length).
	probe  bool
	length bool
}

// sniffed is what the first bytes told.
type sniffed struct {
	kind
	freeFormat bool
	declared   float64 // seconds the header declares; 0 when it declares nothing
}

var (
	kindMPEG = kind{name: "MPEG audio", demuxer: "mp3"}
	kindADTS = kind{name: "AAC", demuxer: "aac"}
	kindWAV  = kind{name: "WAV", demuxer: "wav"}
	kindFLAC = kind{name: "FLAC", demuxer: "flac", probe: true, length: true}
)

// magics are containers known by fixed bytes.
var magics = []struct {
	at    int
	bytes string
	kind  kind
}{
	{0, "fLaC", kindFLAC},
	{0, "OggS", kind{name: "Ogg", demuxer: "ogg", probe: true}},
	{4, "ftyp", kind{name: "MP4", demuxer: "mov", probe: true, length: true}},
	{4, "moov", kind{name: "MP4", demuxer: "mov", probe: true, length: true}},
	{0, "\x1a\x45\xdf\xa3", kind{name: "Matroska", demuxer: "matroska", probe: true, length: true}},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", kind{name: "Windows Media", demuxer: "asf", probe: true, length: true}},
	{0, "#!AMR", kind{name: "AMR", demuxer: "amr"}},
	{0, "caff", kind{name: "CAF", demuxer: "caf", probe: true, length: true}},
	{0, "wvpk", kind{name: "WavPack", demuxer: "wv"}},
	{0, "MAC ", kind{name: "Monkey's Audio", demuxer: "ape"}},
	{0, "riff\x2e\x91\xcf\x11", kind{name: "Wave64", demuxer: "w64", probe: true, length: true}},
	{0, "FLV\x01", kind{name: "FLV", demuxer: "flv", probe: true}},
	{0, "\x00\x00\x01\xba", kind{name: "MPEG programme stream", demuxer: "mpeg", probe: true}},
}

// sniffBytes is how much of the file the sniffing sees after the tags.
const sniffBytes = 64 << 10

// sniff reads the beginning of an upload of size bytes and says what it is, or
// refuses it. An error that is no *Refused is the reader's.
func sniff(r io.ReaderAt, size int64) (sniffed, error) {
	if size == 0 {
		return sniffed{}, refuse(CodeEmpty, "")
	}
	start, err := skipTags(r, size)
	if err != nil {
		return sniffed{}, err
	}
	head := make([]byte, min(size-start, sniffBytes))
	if _, err := r.ReadAt(head, start); err != nil && err != io.EOF {
		return sniffed{}, fmt.Errorf("read the beginning of the upload: %w", err)
	}
	if len(head) == 0 {
		return sniffed{}, refuse(CodeNotAudio, "nothing but an ID3 tag")
	}
	if s, ok := container(head, size-start); ok {
		return s, nil
	}
	// Frames at the very start outrank a look at the text; elsewhere they come after.
	if s, ok := mpegStream(head); ok && s.at == 0 {
		return s.sniffed, nil
	}
	if r := otherContent(head); r != nil {
		return sniffed{}, r
	}
	if s, ok := mpegStream(head); ok {
		return s.sniffed, nil
	}
	return sniffed{}, refuse(CodeNotAudio, "its first bytes belong to no known audio format")
}

// skipTags gives the offset behind the ID3v2 tags, any number of them (id3v2.4.0
// §3.1: sizes are sync-safe, each byte under 0x80).
func skipTags(r io.ReaderAt, size int64) (int64, error) {
	var at int64
	for tags := 0; ; tags++ {
		var h [10]byte
		if n, err := r.ReadAt(h[:], at); n < len(h) || string(h[:3]) != "ID3" {
			if err != nil && err != io.EOF {
				return 0, fmt.Errorf("read the upload's tags: %w", err)
			}
			return at, nil
		}
		if tags == 16 {
			return 0, refuse(CodeID3Bomb, "more than 16 ID3 tags in a row")
		}
		var length int64
		for _, b := range h[6:] {
			if b >= 0x80 {
				return 0, refuse(CodeID3Bomb, "size bytes %x are not sync-safe", h[6:])
			}
			length = length<<7 | int64(b)
		}
		length += 10
		if h[5]&0x10 != 0 { // a footer repeats the header
			length += 10
		}
		if length > size-at {
			return 0, refuse(CodeID3Bomb, "a tag of %d bytes in a file of %d", length, size)
		}
		at += length
	}
}

// container recognises the formats with fixed bytes at the start.
func container(head []byte, size int64) (sniffed, bool) {
	if len(head) >= 12 {
		switch string(head[:4]) + string(head[8:12]) {
		case "RIFFWAVE":
			return sniffed{kind: kindWAV, declared: wavSeconds(head)}, true
		case "RF64WAVE":
			return sniffed{kind: kindWAV}, true
		case "RIFFAVI ":
			return sniffed{kind: kind{name: "AVI", demuxer: "avi", probe: true, length: true}}, true
		case "FORMAIFF", "FORMAIFC":
			return sniffed{kind: kind{name: "AIFF", demuxer: "aiff", probe: true, length: true}}, true
		}
	}
	for _, m := range magics {
		if len(head) >= m.at+len(m.bytes) && string(head[m.at:m.at+len(m.bytes)]) == m.bytes {
			return sniffed{kind: m.kind}, true
		}
	}
	if len(head) >= 3*188 && head[0] == 0x47 && head[188] == 0x47 && head[376] == 0x47 {
		return sniffed{kind: kind{name: "MPEG transport stream", demuxer: "mpegts", probe: true}}, true
	}
	if isADTS(head, size) {
		return sniffed{kind: kindADTS}, true
	}
	return sniffed{}, false
}

// otherContent refuses what the standard library's content table knows as no sound.
func otherContent(head []byte) *Refused {
	found := http.DetectContentType(head)
	switch {
	case strings.HasPrefix(found, "text/html"), strings.HasPrefix(found, "text/xml"):
		return refuse(CodeHTML, "")
	case strings.HasPrefix(found, "image/"):
		return refuse(CodeImage, "%s", found)
	case strings.HasPrefix(found, "text/") && readable(head):
		return refuse(CodeText, "")
	case found != "application/octet-stream" && !strings.HasPrefix(found, "audio/") && !strings.HasPrefix(found, "text/"):
		return refuse(CodeNotAudio, "it is %s", found)
	}
	return nil
}

// readable tells text from other bytes that happen to hold no control characters:
// it begins with a byte order mark, is UTF-8, or is mostly ASCII.
func readable(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) ||
		utf8.Valid(head[:max(len(head)-utf8.UTFMax, 0)]) {
		return true
	}
	plain := 0
	for _, b := range head {
		if b >= ' ' && b < 0x7f || b == '\n' || b == '\r' || b == '\t' {
			plain++
		}
	}
	return plain*10 > len(head)*8
}

// isADTS: two AAC frames in a row (ISO 13818-7 §6.2), or the one that is all.
func isADTS(head []byte, size int64) bool {
	length := func(b []byte) int {
		if len(b) < 7 || b[0] != 0xff || b[1]&0xf6 != 0xf0 {
			return 0
		}
		return int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	}
	n := length(head)
	if n < 7 {
		return false
	}
	return int64(n) == size || n < len(head) && length(head[n:]) >= 7
}

// wavSeconds gives the length a WAV header declares, 0 when it declares none
// (recorders that stream write 0 or all ones for the size of the data).
func wavSeconds(head []byte) float64 {
	const unknown = 0xffffff00
	rate := uint32(0)
	for at := 12; at+8 <= len(head); {
		id, length := string(head[at:at+4]), binary.LittleEndian.Uint32(head[at+4:])
		switch id {
		case "fmt ":
			if at+20 <= len(head) {
				rate = binary.LittleEndian.Uint32(head[at+16:]) // bytes a second
			}
		case "data":
			if rate == 0 || length == 0 || length >= unknown {
				return 0
			}
			return float64(length) / float64(rate)
		}
		if int64(length) > int64(len(head)) {
			return 0
		}
		at += 8 + int(length) + int(length&1)
	}
	return 0
}

// mpegFrame is what a frame header of MPEG audio says (ISO 11172-3 §2.4.1.3,
// ISO 13818-3, and the usual MPEG-2.5 extension).
type mpegFrame struct {
	version, layer, rate int // version 1, 2 or 25
	mono, free           bool
	size                 int // bytes; 0 for free format
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

type foundStream struct {
	sniffed
	at int
}

// mpegStream finds the first place where three like frames follow one another (or
// where the file ends with fewer), which junk passes very seldom.
func mpegStream(head []byte) (foundStream, bool) {
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
		if first.free && freeFormat(head[at:], first) {
			return foundStream{sniffed{kind: kindMPEG, freeFormat: true}, at}, true
		}
		if !first.free && chain(head[at:], first) {
			return foundStream{sniffed{kind: kindMPEG, declared: xingSeconds(head[at:], first)}, at}, true
		}
	}
	return foundStream{}, false
}

func chain(b []byte, first mpegFrame) bool {
	at := first.size
	for n := 1; n < 3; n++ {
		if at >= len(b) { // the upload, or what we see of it, ends here
			return at == len(b) && at < sniffBytes
		}
		next, ok := parseMPEG(b[at:])
		if !ok || !next.like(first) {
			return false
		}
		at += next.size
	}
	return true
}

// freeFormat: without a bit rate the size of frames is the distance of two like
// headers; a third must stand where it says.
func freeFormat(b []byte, first mpegFrame) bool {
	const longest = 8 << 10
	same := func(at int) bool {
		return at+4 <= len(b) && b[at] == b[0] && b[at+1] == b[1] && (b[at+2]^b[2])&^2 == 0 && b[at+3]>>6 == b[3]>>6
	}
	for d := 24; d < min(longest, len(b)); d++ {
		// The padding bit may make a frame one byte longer.
		if same(d) && (same(2*d-1) || same(2*d) || same(2*d+1)) {
			return first.layer == 3
		}
	}
	return false
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
