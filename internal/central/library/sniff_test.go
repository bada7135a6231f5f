package library

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

// mpegFrames gives n empty frames with a header.
func mpegFrames(t testing.TB, n int, header ...byte) []byte {
	t.Helper()
	f, ok := parseMPEG(header)
	if !ok {
		t.Fatalf("% x is no frame header", header)
	}
	return bytes.Repeat(append(slices.Clone(header), make([]byte, f.size-len(header))...), n)
}

func TestSniff(t *testing.T) {
	house := readTestFile(t, "../../sound/testdata/house-64.mp3")
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x00\x14"), make([]byte, 20)...)
	footer := append([]byte("ID3\x04\x00\x10\x00\x00\x00\x14"), make([]byte, 30)...)
	pad := make([]byte, 64)
	for _, c := range []struct {
		name string
		data []byte
		kind string
		code Code
	}{
		{"house format", house, "mp3", ""},
		{"one frame", house[:208], "mp3", ""},
		{"tags and footer", slices.Concat(tag, footer, tag, house), "mp3", ""},
		{"text before", append(bytes.Repeat([]byte("abc def\n"), 300), house...), "mp3", ""},
		{"binary junk before", append(bytes.Repeat([]byte{0, 1, 0xff, 0xfb}, 700), house...), "mp3", ""},
		{"MPEG-2", mpegFrames(t, 4, 0xff, 0xf3, 0x44, 0xc4), "mp3", ""},
		{"MPEG-2.5", mpegFrames(t, 4, 0xff, 0xe3, 0x44, 0xc4), "mp3", ""},
		{"layer II", mpegFrames(t, 4, 0xff, 0xfd, 0x84, 0x04), "mp3", ""},
		{"layer I", mpegFrames(t, 4, 0xff, 0xff, 0x84, 0x04), "mp3", ""},
		{"WAV", wavFile([]float64{0, 0}, 44100, 1), "wav", ""},
		{"RF64 without sound", append([]byte("RF64\xff\xff\xff\xffWAVE"), pad...), "", CodeDamaged},
		{"AIFF", append([]byte("FORM\x00\x00\x00\x00AIFF"), pad...), "aiff", ""},
		{"AVI", append([]byte("RIFF\x00\x00\x00\x00AVI LIST"), pad...), "avi", ""},
		{"FLAC behind a tag", slices.Concat(tag, []byte("fLaC"), pad), "flac", ""},
		{"Ogg", append([]byte("OggS"), pad...), "ogg", ""},
		{"M4A", []byte("\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x00\x08moov"), "mov", ""},
		{"M4A without index", append([]byte("\x00\x00\x00\x20ftypM4A "), pad...), "", CodeIncomplete},
		{"Matroska", append([]byte("\x1a\x45\xdf\xa3"), pad...), "matroska", ""},
		{"transport stream", bytes.Repeat(append([]byte{0x47}, make([]byte, 187)...), 4), "mpegts", ""},
		{"ADTS", bytes.Repeat(append([]byte{0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc}, make([]byte, 9)...), 4), "aac", ""},

		{"nothing", nil, "", CodeEmpty},
		{"only tags", slices.Concat(tag, tag), "", CodeNotAudio},
		{"bomb", id3Bomb(), "", CodeID3Bomb},
		{"a tag a byte too long", append([]byte("ID3\x04\x00\x00\x00\x00\x00\x15"), make([]byte, 20)...), "", CodeID3Bomb},
		{"tags without end", bytes.Repeat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), 100), "", CodeID3Bomb},
		{"not sync-safe", append([]byte("ID3\x04\x00\x00\x00\x00\x80\x00"), house...), "", CodeID3Bomb},
		{"html in capitals", []byte("  <HTML><BODY>"), "", CodeHTML},
		{"xml", []byte("<?xml version=\"1.0\"?><rss/>"), "", CodeHTML},
		{"vietnamese text", []byte("Bản tin sáng thứ hai"), "", CodeText},
		{"utf-16 text", []byte("\xff\xfeB\x00\xa3\x1e"), "", CodeText},
		{"hls playlist", []byte("#EXTM3U\n/etc/passwd\n"), "", CodePlaylist},
		{"jpeg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "", CodeImage},
		{"gif", []byte("GIF89a"), "", CodeImage},
		{"webp", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "", CodeImage},
		{"zip", append([]byte("PK\x03\x04"), pad...), "", CodeArchive},
		{"midi", append([]byte("MThd\x00\x00\x00\x06"), pad...), "", CodeNotAudio},
		{"zeros", make([]byte, 5000), "", CodeNotAudio},
		{"two frames and junk", append(slices.Clone(house[:417]), randomBytes(2000)...), "", CodeNotAudio},
		{"headers without frames", bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0x44}, 5000), "", CodeHeaderFlood},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sniff(bytes.NewReader(c.data), int64(len(c.data)))
			var refused *Refused
			if errors.As(err, &refused) {
				if refused.Code != c.code {
					t.Errorf("refused as %s (%s), want %q", refused.Code, refused.ReasonEN, c.code)
				}
				return
			}
			if err != nil || c.code != "" || got.demuxer != c.kind {
				t.Errorf("sniffed %+v, %v; want %s%s", got, err, c.kind, c.code)
			}
		})
	}
}

func TestDeclaredSeconds(t *testing.T) {
	// xing makes a Xing frame in front of some frames.
	xing := func(header [4]byte, at int, frames uint32, lame ...byte) []byte {
		b := mpegFrames(t, 5, header[:]...)
		copy(b[at:], "Xing\x00\x00\x00\x0f")
		binary.BigEndian.PutUint32(b[at+8:], frames)
		copy(b[at+120+21:], lame)
		return b
	}
	mono := [4]byte{0xff, 0xfb, 0x90, 0xc4}
	stereo := [4]byte{0xff, 0xfb, 0x90, 0x44}
	low := [4]byte{0xff, 0xf3, 0xa4, 0xc4} // MPEG-2, 24 kHz
	crc := [4]byte{0xff, 0xfa, 0x90, 0xc4}
	wav := func(size uint32) []byte {
		b := wavFile(make([]float64, 44100), 44100, 1)
		binary.LittleEndian.PutUint32(b[40:], size)
		return b
	}
	for _, c := range []struct {
		name string
		data []byte
		want float64
	}{
		{"mono", xing(mono, 21, 1000), 1000 * 1152.0 / 44100},
		{"stereo", xing(stereo, 36, 1000), 1000 * 1152.0 / 44100},
		{"MPEG-2", xing(low, 13, 1000), 1000 * 576.0 / 24000},
		{"with CRC", xing(crc, 23, 1000), 1000 * 1152.0 / 44100},
		{"delay 576, padding 1000", xing(mono, 21, 1000, 0x24, 0x03, 0xe8), (1000*1152.0 - 1576) / 44100},
		{"no frames", xing(mono, 21, 0, 0x24, 0x03, 0xe8), 0},
		{"no Xing", mpegFrames(t, 5, mono[:]...), 0},
		{"wav", wav(44100), 0.5},
		{"wav of unknown length", wav(0xffffffff), 0},
		{"wav of no length", wav(0), 0},
	} {
		got, err := sniff(bytes.NewReader(c.data), int64(len(c.data)))
		if err != nil || math.Abs(got.declared-c.want) > 1e-9 {
			t.Errorf("%s: declares %v s, %v; want %v", c.name, got.declared, err, c.want)
		}
	}
}

func FuzzSniff(f *testing.F) {
	house := readTestFile(f, "../../sound/testdata/house-64.mp3")
	f.Add(house[:1000])
	f.Add(id3Bomb())
	f.Add(wavFile(make([]float64, 10), 8000, 2))
	f.Add([]byte("\xff\xfb\x00\xc4"))
	f.Add([]byte("\xff\xf1\x50\x80\x02\x1f\xfc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := sniff(bytes.NewReader(data), int64(len(data)))
		var refused *Refused
		switch {
		case errors.As(err, &refused):
			if reasons[refused.Code][0] == "" || reasons[refused.Code][1] == "" {
				t.Fatalf("code %q has no reason", refused.Code)
			}
		case err != nil:
			t.Fatal(err)
		case got.demuxer == "" || got.declared < 0 || math.IsNaN(got.declared):
			t.Fatalf("sniffed %+v", got)
		}
	})
}
