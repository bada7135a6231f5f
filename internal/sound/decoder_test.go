package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"slices"
	"testing"
	"testing/iotest"

	"loaxa/internal/radio"
)

const frames = 124 // of both samples in testdata

// decode reads a decoder to its end in pieces of odd length.
func decode(t testing.TB, d *Decoder) ([]int16, error) {
	t.Helper()
	var all []int16
	buf := make([]int16, 1000)
	for {
		at := d.Position()
		n, err := d.Read(buf)
		if n > 0 && err != nil {
			t.Fatalf("Read gave %d samples together with %v", n, err)
		}
		if d.Position() != at+int64(n) {
			t.Fatalf("position went from %d to %d over %d samples", at, d.Position(), n)
		}
		all = append(all, buf[:n]...)
		if err != nil {
			return all, err
		}
	}
}

func mustDecode(t testing.TB, data []byte, s Span) []int16 {
	t.Helper()
	d, err := NewDecoder(bytes.NewReader(data), s)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := decode(t, d)
	if !errors.Is(err, io.EOF) {
		t.Fatalf("decoding ended with %v", err)
	}
	return pcm
}

func TestDecoderTrims(t *testing.T) {
	data := sample(t, "house-64.mp3")
	whole := mustDecode(t, data, Span{Frames: frames})
	if len(whole) != frames*radio.FrameSamples {
		t.Fatalf("whole file gives %d samples", len(whole))
	}
	for _, c := range []struct {
		name       string
		head, tail int
	}{
		{"encoder head and tail", EncoderHead, 623},
		{"head over a frame", 3000, 0},
		{"tail over a frame", 0, 3000},
		{"one sample left", 70000, len(whole) - 70001},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mustDecode(t, data, Span{Frames: frames, Head: c.head, Tail: c.tail})
			if !slices.Equal(got, whole[c.head:len(whole)-c.tail]) {
				t.Errorf("%d samples are not the middle of the whole", len(got))
			}
		})
	}
}

// TestDecoderJoins proves the house format's point: a join at any frame is exact to
// the bit, because no frame leans on more than the one before it.
func TestDecoderJoins(t *testing.T) {
	const head, tail = EncoderHead, 623
	for _, file := range []string{"house-64.mp3", "house-32.mp3"} {
		data := sample(t, file)
		whole := mustDecode(t, data, Span{Frames: frames, Head: head, Tail: tail})
		for k := range frames {
			d, err := NewDecoder(bytes.NewReader(data), Span{Frames: frames, Head: head, Tail: tail, SkipFrames: k})
			if err != nil {
				t.Fatal(err)
			}
			at := max(k*radio.FrameSamples-head, 0)
			if d.Position() != int64(at) {
				t.Fatalf("%s, join at frame %d: position %d, want %d", file, k, d.Position(), at)
			}
			if k > 2 && k%29 != 0 && k < frames-2 {
				continue // the position is checked at all joins, the sound at some
			}
			got, err := decode(t, d)
			if !errors.Is(err, io.EOF) || !slices.Equal(got, whole[at:]) {
				t.Fatalf("%s, join at frame %d: %d samples (%v) differ from the whole's last %d", file, k, len(got), err, len(whole)-at)
			}
		}
	}
}

func TestDecoderSkipsIntoTail(t *testing.T) {
	d, err := NewDecoder(bytes.NewReader(sample(t, "house-64.mp3")), Span{Frames: frames, Tail: 3000, SkipFrames: frames - 1})
	if err != nil {
		t.Fatal(err)
	}
	if pcm, err := decode(t, d); len(pcm) != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("%d samples, %v; want none and io.EOF", len(pcm), err)
	}
}

func TestDecoderRefusesSpan(t *testing.T) {
	for name, s := range map[string]Span{
		"no frames":       {},
		"too many frames": {Frames: radio.MaxFrames + 1},
		"negative head":   {Frames: 2, Head: -1},
		"negative tail":   {Frames: 2, Tail: -1},
		"nothing left":    {Frames: 2, Head: 1152, Tail: 1152},
		"huge head":       {Frames: 2, Head: 1 << 62, Tail: 1 << 62},
		"skip all":        {Frames: 2, SkipFrames: 2},
		"negative skip":   {Frames: 2, SkipFrames: -1},
	} {
		if _, err := NewDecoder(bytes.NewReader(nil), s); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
}

func TestDecoderDamage(t *testing.T) {
	good := sample(t, "house-64.mp3")
	whole := mustDecode(t, good, Span{Frames: frames})
	tenth := frameAt(t, good, 10)
	stereo := slices.Clone(good)
	stereo[tenth+3] &^= 0xc0
	broken := errors.New("pipe burst")
	for _, c := range []struct {
		name   string
		src    io.Reader
		skip   int
		frames int // whole frames heard before the error
		kind   error
	}{
		{"empty", bytes.NewReader(nil), 0, 0, io.ErrUnexpectedEOF},
		{"cut at a frame border", bytes.NewReader(good[:tenth]), 0, 10, io.ErrUnexpectedEOF},
		{"cut inside a frame", bytes.NewReader(good[:tenth+50]), 0, 10, io.ErrUnexpectedEOF},
		{"cut before the join", bytes.NewReader(good[:tenth]), 20, 0, io.ErrUnexpectedEOF},
		{"a stereo frame inside", bytes.NewReader(stereo), 0, 10, radio.ErrInvalid},
		{"a stereo frame before the join", bytes.NewReader(stereo), 20, 0, radio.ErrInvalid},
		{"reader fails", io.MultiReader(bytes.NewReader(good[:tenth]), iotest.ErrReader(broken)), 0, 10, broken},
		{"an ID3 bomb first", bytes.NewReader([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f")), 0, 0, radio.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := NewDecoder(c.src, Span{Frames: frames, SkipFrames: c.skip})
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(t, d)
			if !errors.Is(err, c.kind) {
				t.Errorf("error %v, want kind %v", err, c.kind)
			}
			if !slices.Equal(got, whole[:c.frames*radio.FrameSamples]) {
				t.Errorf("%d samples before the error, want %d frames whole", len(got), c.frames)
			}
			if n, again := d.Read(make([]int16, 8)); n != 0 || !errors.Is(again, c.kind) {
				t.Errorf("a further Read gives %d, %v", n, again)
			}
		})
	}
}

// TestDecoderStopsAtItsFrames: what follows the span is not read.
func TestDecoderStopsAtItsFrames(t *testing.T) {
	data := sample(t, "house-64.mp3")
	src := bytes.NewReader(data)
	d, err := NewDecoder(src, Span{Frames: 10})
	if err != nil {
		t.Fatal(err)
	}
	if pcm, err := decode(t, d); len(pcm) != 10*radio.FrameSamples || !errors.Is(err, io.EOF) {
		t.Fatalf("%d samples, %v", len(pcm), err)
	}
	if left := src.Len(); left != len(data)-frameAt(t, data, 10) {
		t.Errorf("%d bytes left in the source", left)
	}
}

func TestDecoderReadsLittleByLittle(t *testing.T) {
	data := sample(t, "house-32.mp3")
	want := mustDecode(t, data, Span{Frames: frames})
	d, err := NewDecoder(iotest.OneByteReader(bytes.NewReader(data)), Span{Frames: frames})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := d.Read(nil); n != 0 || err != nil {
		t.Fatalf("Read(nil) = %d, %v", n, err)
	}
	if got, _ := decode(t, d); !slices.Equal(got, want) {
		t.Error("a slow source sounds different")
	}
}

// TestDecoderKeepsNothing: what grows with the file is only go-mp3's own rubbish.
func TestDecoderKeepsNothing(t *testing.T) {
	f := feeder{frames: frameReader{src: bytes.NewReader(sample(t, "house-64.mp3"))}, last: frames}
	buf := make([]byte, 100)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := f.Read(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("the feeder allocates %v times a read", n)
	}
}

// TestDecoderAgreesWithMpg123 holds the whole chain against another decoder.
func TestDecoderAgreesWithMpg123(t *testing.T) {
	if testing.Short() {
		t.Skip("needs mpg123; left out of -short")
	}
	if _, err := exec.LookPath("mpg123"); err != nil {
		t.Fatal("mpg123 is missing: run `make deps`")
	}
	for _, file := range []string{"house-64.mp3", "house-32.mp3"} {
		raw, err := exec.CommandContext(t.Context(), "mpg123", "-q", "-s", "-m", "--no-gapless", "testdata/"+file).Output()
		if err != nil {
			t.Fatal(err)
		}
		ours := mustDecode(t, sample(t, file), Span{Frames: frames})
		if len(raw) != 2*len(ours) {
			t.Fatalf("%s: mpg123 gives %d samples, we %d", file, len(raw)/2, len(ours))
		}
		worst := 0
		for i, s := range ours {
			diff := int(s) - int(int16(binary.LittleEndian.Uint16(raw[2*i:])))
			worst = max(worst, diff, -diff)
		}
		if worst > 2 {
			t.Errorf("%s: largest difference to mpg123 is %d of 32768", file, worst)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	good := sample(f, "house-32.mp3")
	f.Add(good[:1046], 10, 0)
	f.Add(good[:1046], 10, 5)
	f.Add(sample(f, "house-64.mp3")[:1500], 7, 3)
	f.Add([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), 1, 0)
	f.Fuzz(func(t *testing.T, data []byte, frames, skip int) {
		d, err := NewDecoder(bytes.NewReader(data), Span{Frames: frames, Head: 100, SkipFrames: skip})
		if err != nil {
			return
		}
		buf, total := make([]int16, 4096), 0
		for {
			n, err := d.Read(buf)
			total += n
			if err != nil {
				break
			}
		}
		// The shortest frame of the house format has 104 bytes.
		if most := (len(data)/104 + 1) * radio.FrameSamples; total > most {
			t.Fatalf("%d bytes gave %d samples", len(data), total)
		}
	})
}
