package library

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// kind is what an upload is by its content; its name is never looked at.
type kind struct {
	name string
	// demuxer is the one reader of ffmpeg's that opens it: named, not guessed, and no
	// other is let in, so that no list format can point ffmpeg at other files.
	demuxer string
	// length: the container declares how long it is, and ffprobe reads it.
	length bool
}

// sniffed is what the first bytes, and the container's own lists, told.
type sniffed struct {
	kind
	mpeg     *mpegStream // set for MPEG audio, which we walk ourselves
	skip     int64       // bytes before raw AAC begins
	declared float64     // seconds the header declares; 0 when it declares nothing
	cut      bool        // the container itself shows that its end is missing
	locked   bool        // it speaks of encryption; believed when nothing can be decoded
}

var (
	kindMPEG = kind{name: "MPEG audio", demuxer: "mp3"}
	kindADTS = kind{name: "AAC", demuxer: "aac"}
	kindWAV  = kind{name: "WAV", demuxer: "wav"}
	kindOgg  = kind{name: "Ogg", demuxer: "ogg"}
	kindAMR  = kind{name: "AMR", demuxer: "amr"}
	kindMP4  = kind{name: "MP4", demuxer: "mov", length: true}
)

// magics are containers known by fixed bytes.
var magics = []struct {
	at    int
	bytes string
	kind  kind
}{
	{0, "fLaC", kind{name: "FLAC", demuxer: "flac", length: true}},
	{0, "OggS", kindOgg},
	{4, "ftyp", kindMP4},
	{4, "moov", kindMP4},
	{4, "mdat", kindMP4}, // old QuickTime recorders begin with the sound
	{0, "\x1a\x45\xdf\xa3", kind{name: "Matroska", demuxer: "matroska", length: true}},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", kind{name: "Windows Media", demuxer: "asf", length: true}},
	{0, "#!AMR", kindAMR},
	{0, "caff", kind{name: "CAF", demuxer: "caf", length: true}},
	{0, "wvpk", kind{name: "WavPack", demuxer: "wv", length: true}},
	{0, "MAC ", kind{name: "Monkey's Audio", demuxer: "ape", length: true}},
	{0, "riff\x2e\x91\xcf\x11", kind{name: "Wave64", demuxer: "w64", length: true}},
	{0, ".snd", kind{name: "Sun audio", demuxer: "au", length: true}},
	{0, "FLV\x01", kind{name: "FLV", demuxer: "flv"}},
	{0, "\x00\x00\x01\xba", kind{name: "MPEG programme stream", demuxer: "mpeg"}},
}

// archives are packed files, known by fixed bytes; office documents are such too.
var archives = []struct {
	at    int
	bytes string
	name  string
}{
	{0, "PK\x03\x04", "ZIP"}, {0, "PK\x05\x06", "ZIP"}, {0, "Rar!\x1a\x07", "RAR"}, {0, "7z\xbc\xaf\x27\x1c", "7-Zip"},
	{0, "\x1f\x8b\x08", "gzip"}, {0, "BZh", "bzip2"}, {0, "\xfd7zXZ\x00", "xz"}, {0, "\x28\xb5\x2f\xfd", "zstd"},
	{0, "MSCF\x00\x00\x00\x00", "CAB"}, {257, "ustar", "tar"},
}

// playlists begin with these words, and hold no sound but where to find some.
var playlists = []string{"#extm3u", "#extinf", "[playlist]", "[reference]", "ffconcat", "<asx", "<smil", "<?wpl", "<playlist", "<mpd"}

const (
	// sniffBytes is how much of the file the sniffing sees after the tags.
	sniffBytes = 64 << 10
	// searchBytes is how far behind the tags MPEG audio may begin: a cover picture
	// outside its tag.
	searchBytes = 4 << 20
)

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
	head, err := readUpTo(r, start, min(size-start, sniffBytes))
	if err != nil {
		return sniffed{}, err
	}
	if len(head) == 0 {
		return sniffed{}, refuse(CodeNotAudio, "nothing but an ID3 tag")
	}
	if s, ok, err := container(r, head, start, size); ok || err != nil {
		return s, err
	}
	// Frames at the very start outrank a look at the text; elsewhere they come after.
	if s, ok := findMPEG(head, size-start); ok && s.at == 0 {
		return mpegSniffed(s, head, start), nil
	}
	if refused := otherContent(head); refused != nil {
		return sniffed{}, refused
	}
	wide, err := readUpTo(r, start, min(size-start, searchBytes))
	if err != nil {
		return sniffed{}, err
	}
	if s, ok := findMPEG(wide, size-start); ok {
		return mpegSniffed(s, wide, start), nil
	}
	if at, ok := findADTS(wide, size-start); ok {
		return sniffed{kind: kindADTS, skip: start + int64(at)}, nil
	}
	return sniffed{}, unknownContent(head)
}

func readUpTo(r io.ReaderAt, at, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the beginning of the upload: %w", err)
	}
	return b[:got], nil
}

func mpegSniffed(s mpegStream, head []byte, start int64) sniffed {
	at := int(s.at)
	s.at += start
	return sniffed{kind: kindMPEG, mpeg: &s, declared: headSeconds(head[at:], s.first)}
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

// container recognises the formats with fixed bytes at the start, and refuses what
// their own lists show to be unfit.
func container(file io.ReaderAt, head []byte, start, size int64) (sniffed, bool, error) {
	r, size := io.NewSectionReader(file, start, size-start), size-start
	if len(head) >= 12 {
		switch string(head[:4]) + string(head[8:12]) {
		case "RIFFWAVE", "RF64WAVE", "BW64WAVE":
			s, err := wavSniffed(r, size)
			return s, true, err
		case "RIFFAVI ":
			return sniffed{kind: kind{name: "AVI", demuxer: "avi", length: true}}, true, nil
		case "FORMAIFF", "FORMAIFC":
			return sniffed{kind: kind{name: "AIFF", demuxer: "aiff", length: true}}, true, nil
		}
	}
	for _, m := range magics {
		if len(head) < m.at+len(m.bytes) || string(head[m.at:m.at+len(m.bytes)]) != m.bytes {
			continue
		}
		s := sniffed{kind: m.kind}
		switch m.kind {
		case kindMP4:
			cut, refused := checkMP4(r, size)
			if refused != nil {
				return s, true, refused
			}
			s.cut = cut
		case kindOgg:
			cut, err := oggCut(r, size)
			s.cut = cut
			return s, true, err
		}
		s.locked = speaksOfLocks(m.kind, head)
		return s, true, nil
	}
	for _, packet := range []int{188, 192} { // 192: with a time stamp before each (camcorders)
		at := packet - 188
		if len(head) > at+2*packet && head[at] == 0x47 && head[at+packet] == 0x47 && head[at+2*packet] == 0x47 {
			return sniffed{kind: kind{name: "MPEG transport stream", demuxer: "mpegts"}}, true, nil
		}
	}
	if at, ok := findADTS(head, size); ok && at == 0 {
		return sniffed{kind: kindADTS, skip: start}, true, nil
	}
	return sniffed{}, false, nil
}

func wavSniffed(r io.ReaderAt, size int64) (sniffed, error) {
	info, found := readWAV(r, size)
	if !found {
		return sniffed{}, refuse(CodeDamaged, "no format or no sound in this WAV")
	}
	if refused := checkFormat(info.rate, info.channels); refused != nil {
		return sniffed{}, refused
	}
	return sniffed{kind: kindWAV, declared: info.seconds}, nil
}

// checkFormat refuses numbers that no recorder writes and that only cost memory.
func checkFormat(rate, channels int) *Refused {
	switch {
	case rate < 4000 || rate > 768_000:
		return refuse(CodeImpossibleFormat, "%d samples a second", rate)
	case channels < 1 || channels > 8:
		return refuse(CodeImpossibleFormat, "%d channels", channels)
	}
	return nil
}

// oggCut: the last page of an Ogg stream that was finished carries a mark (RFC 3533
// §6); an upload that broke ends without it.
func oggCut(r io.ReaderAt, size int64) (bool, error) {
	n := min(size, sniffBytes+512) // a page is at most 65307 bytes
	end, err := readUpTo(r, size-n, n)
	if err != nil {
		return false, err
	}
	at := bytes.LastIndex(end, []byte("OggS\x00"))
	return at < 0 || len(end) < at+27 || end[at+5]&4 == 0, nil
}

// speaksOfLocks looks for the names of encryption in the headers of two containers
// whose own lists are long to read; junk may hold them too.
func speaksOfLocks(k kind, head []byte) bool {
	switch k.demuxer {
	case "asf": // the two content encryption objects (ASF specification §3.14, §3.15)
		return bytes.Contains(head, []byte("\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e")) ||
			bytes.Contains(head, []byte("\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c"))
	case "matroska": // ContentEncryption inside ContentEncodings
		_, encodings, found := bytes.Cut(head, []byte("\x6d\x80"))
		return found && bytes.Contains(encodings[:min(len(encodings), 256)], []byte("\x50\x35"))
	}
	return false
}

// otherContent refuses archives and playlists, and what the standard library's
// content table knows as no sound.
func otherContent(head []byte) *Refused {
	for _, a := range archives {
		if len(head) >= a.at+len(a.bytes) && string(head[a.at:a.at+len(a.bytes)]) == a.bytes {
			return refuse(CodeArchive, "%s", a.name)
		}
	}
	if isPlaylist(head) {
		return refuse(CodePlaylist, "")
	}
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

// isPlaylist looks at the first words, behind a byte order mark and an XML header.
func isPlaylist(head []byte) bool {
	text := bytes.TrimPrefix(head[:min(len(head), 1<<10)], []byte("\xef\xbb\xbf"))
	text = bytes.ToLower(bytes.TrimSpace(text))
	for _, word := range playlists {
		if bytes.HasPrefix(text, []byte(word)) ||
			word[0] == '<' && bytes.HasPrefix(text, []byte("<?xml")) && bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

// unknownContent refuses what is none of all this, and says what can be said.
func unknownContent(head []byte) *Refused {
	headers := 0
	for at := range head {
		if _, ok := parseMPEG(head[at:]); ok {
			headers++
		}
	}
	switch {
	case headers >= 100 && headers > len(head)/1000: // random bytes hold one in 100,000
		return refuse(CodeHeaderFlood, "%d headers in %d bytes", headers, len(head))
	case len(head) > 64 && bytes.Count(head, head[:1]) == len(head):
		return refuse(CodeNotAudio, "nothing but bytes %02x", head[0])
	}
	return refuse(CodeNotAudio, "its first bytes belong to no known audio format")
}

// findADTS looks for three AAC frames in a row (ISO 13818-7 §6.2), or those that are
// all there is.
func findADTS(head []byte, size int64) (int, bool) {
	length := func(b []byte) int {
		if len(b) < 7 || b[0] != 0xff || b[1]&0xf6 != 0xf0 {
			return 0
		}
		return int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	}
	for from := 0; ; from++ {
		skip := bytes.IndexByte(head[from:], 0xff)
		if skip < 0 {
			return 0, false
		}
		from += skip
		at, frames := from, 0
		for frames < 3 && at < len(head) {
			n := length(head[at:])
			if n < 7 {
				break
			}
			at, frames = at+n, frames+1
		}
		if frames == 3 || frames > 0 && int64(at) == size {
			return from, true
		}
	}
}
