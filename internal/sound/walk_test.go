package sound

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"loaxa/internal/radio"
)

// sample reads a committed house-format file (testdata/make.sh).
func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// frameAt gives the offset of frame n of a house-format file.
func frameAt(t testing.TB, data []byte, n int) int {
	t.Helper()
	f := frameReader{src: bytes.NewReader(data)}
	for range n {
		if _, err := f.next(); err != nil {
			t.Fatal(err)
		}
	}
	return int(f.offset)
}

func TestWalkHouseFormat(t *testing.T) {
	for _, c := range []struct {
		file string
		kbps int
	}{{"house-64.mp3", 64}, {"house-32.mp3", 32}} {
		t.Run(c.file, func(t *testing.T) {
			data := sample(t, c.file)
			sum := sha256.Sum256(data)
			want := Walked{
				Kbps: c.kbps, Frames: 124, Bytes: int64(len(data)),
				SHA256: radio.SHA256(hex.EncodeToString(sum[:])),
			}
			for name, r := range map[string]io.Reader{
				"whole":     bytes.NewReader(data),
				"in halves": iotest.HalfReader(bytes.NewReader(data)),
				"data+EOF":  iotest.DataErrReader(bytes.NewReader(data)),
			} {
				got, err := Walk(r)
				if err != nil || got != want {
					t.Errorf("%s: Walk = %+v, %v; want %+v", name, got, err, want)
				}
			}
		})
	}
}

func TestWalkRefuses(t *testing.T) {
	good := sample(t, "house-64.mp3")
	fifth := frameAt(t, good, 5)
	// edit changes bytes of the fifth frame of a copy.
	edit := func(change func(frame []byte)) []byte {
		data := slices.Clone(good)
		change(data[fifth:])
		return data
	}
	for _, c := range []struct {
		name   string
		data   []byte
		frame  int
		offset int64
		says   string
		cut    bool
	}{
		{"empty", nil, 0, 0, "empty file", false},
		{"html", []byte("<!doctype html><html></html>"), 0, 0, "is not MPEG-1 Layer III", false},
		{"ID3 tag first", append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), good...), 0, 0, "is not MPEG-1", false},
		{"ID3v1 tag last", append(slices.Clone(good), append([]byte("TAG"), make([]byte, 125)...)...), 124, int64(len(good)), "is not MPEG-1", false},
		{"one junk byte last", append(slices.Clone(good), 0), 124, int64(len(good)), "ends 1 bytes into", true},
		{"cut inside a frame", good[:fifth+100], 5, int64(fifth), "ends 100 bytes into", true},
		{"cut inside a header", good[:fifth+2], 5, int64(fifth), "ends 2 bytes into", true},
		{"one byte", []byte{0xff}, 0, 0, "ends 1 bytes into", true},
		{"stereo frame", edit(func(f []byte) { f[3] &^= 0xc0 }), 5, int64(fifth), "is not MPEG-1", false},
		{"48 kHz frame", edit(func(f []byte) { f[2] |= 0x04 }), 5, int64(fifth), "is not MPEG-1", false},
		{"MPEG-2 frame", edit(func(f []byte) { f[1] = 0xf3 }), 5, int64(fifth), "is not MPEG-1", false},
		{"frame with CRC", edit(func(f []byte) { f[1] = 0xfa }), 5, int64(fifth), "is not MPEG-1", false},
		{"emphasis", edit(func(f []byte) { f[3] |= 1 }), 5, int64(fifth), "is not MPEG-1", false},
		{"other bit rate", edit(func(f []byte) { f[2] = f[2]&0x0f | 0x10 }), 5, int64(fifth), "differs from the first", false},
		{"128 kbit/s", edit(func(f []byte) { f[2] = f[2]&0x0f | 0x90 }), 5, int64(fifth), "bit rate index 9", false},
		{"free format", edit(func(f []byte) { f[2] &= 0x0f }), 5, int64(fifth), "bit rate index 0", false},
		{"private bit set once", edit(func(f []byte) { f[2] |= 1 }), 5, int64(fifth), "differs from the first", false},
		{"leans on a reservoir", edit(func(f []byte) { f[4] = 1 }), 5, int64(fifth), "main_data_begin is 2", false},
		{"big_values too big", edit(func(f []byte) { f[7], f[8] = f[7]|0x3f, 0xff }), 5, int64(fifth), "big_values", false},
		{"more bits than bytes", edit(func(f []byte) { f[6], f[7] = f[6]|0x3f, f[7]|0xc0 }), 5, int64(fifth), "granules promise", false},
		{"padding bit wrong", edit(func(f []byte) { f[2] ^= 0x02 }), 6, 0, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Walk(bytes.NewReader(c.data))
			var bad *FormatError
			if !errors.As(err, &bad) {
				t.Fatalf("Walk error is %v, want a *FormatError", err)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if bad.Frame != c.frame || c.offset != 0 && bad.Offset != c.offset {
				t.Errorf("error names frame %d, byte %d; want %d, %d", bad.Frame, bad.Offset, c.frame, c.offset)
			}
			if errors.Is(err, io.ErrUnexpectedEOF) != c.cut || errors.Is(err, radio.ErrInvalid) == c.cut {
				t.Errorf("error kind of %v: cut should be %v", err, c.cut)
			}
		})
	}
}

// TestWalkRefusesInfoFrame: the frame that LAME writes first unless told not to.
func TestWalkRefusesInfoFrame(t *testing.T) {
	good := sample(t, "house-64.mp3")
	for _, c := range []struct {
		word string
		at   int
	}{{"Info", 21}, {"Xing", 21}, {"VBRI", 36}} {
		frame := slices.Clone(good[:frameAt(t, good, 1)])
		clear(frame[4:])
		copy(frame[c.at:], c.word)
		if _, err := Walk(bytes.NewReader(append(frame, good...))); err == nil || !strings.Contains(err.Error(), "Xing, Info or VBRI") {
			t.Errorf("%s frame: error %v", c.word, err)
		}
	}
}

// endless gives the same frame for ever.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.frame[e.at:])
	e.at = (e.at + n) % len(e.frame)
	return n, nil
}

func TestWalkIsBounded(t *testing.T) {
	frame := make([]byte, 104)
	copy(frame, []byte{0xff, 0xfb, 0x10, 0xc4})
	_, err := Walk(&endless{frame: frame})
	var bad *FormatError
	if !errors.As(err, &bad) || bad.Frame != radio.MaxFrames {
		t.Fatalf("endless file: %v, want an error at frame %d", err, radio.MaxFrames)
	}
}

func TestWalkGivesReaderError(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Walk(io.MultiReader(bytes.NewReader(sample(t, "house-64.mp3")[:1000]), iotest.ErrReader(broken)))
	var bad *FormatError
	if !errors.Is(err, broken) || errors.As(err, &bad) {
		t.Fatalf("Walk error is %v, want the reader's own", err)
	}
}

func FuzzWalk(f *testing.F) {
	good := sample(f, "house-32.mp3")
	f.Add(good[:1000])
	f.Add(good[:1045])
	f.Add([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"))
	f.Add([]byte{0xff, 0xfb, 0x50, 0xc4})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Walk(bytes.NewReader(data))
		if err != nil {
			return
		}
		if w.Bytes != int64(len(data)) || w.Frames < 1 || !w.SHA256.Valid() || w.Kbps != 32 && w.Kbps != 64 {
			t.Fatalf("accepted %d bytes as %+v", len(data), w)
		}
	})
}
