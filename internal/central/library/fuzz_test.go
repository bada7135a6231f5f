package library

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzWalkMPEG: whatever lies behind the first frames, the walk ends, gives whole
// frames only, in order, and the same again.
func FuzzWalkMPEG(f *testing.F) {
	house := readTestFile(f, "../../sound/testdata/house-64.mp3")[:3000]
	f.Add(append(id3Tag(3, 40), house...))
	f.Add(append(bytes.Clone(house), apeTag(60)...))
	f.Add(append(append(bytes.Clone(house), "ID3\x04\x00\x00\x7f\x7f\x7f\x7f"...), house...))
	f.Add(bytes.Repeat([]byte{0xff, 0xfb, 0x00, 0xc4}, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, ok := findMPEG(data, int64(len(data)))
		if !ok {
			return
		}
		walk := func() (mpegWalk, []byte) {
			var kept []byte
			w, err := walkMPEG(bytes.NewReader(data), int64(len(data)), found, 3600, func(frame []byte) error {
				if _, ok := parseMPEG(frame); !ok {
					t.Fatalf("% x is no frame", frame[:min(len(frame), 8)])
				}
				kept = append(kept, frame...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return w, kept
		}
		w, kept := walk()
		if len(kept) > len(data) || w.clean && w.seconds <= 3600 && !bytes.Equal(kept, data) {
			t.Fatalf("%+v of %d bytes gave %d", w, len(data), len(kept))
		}
		if again, same := walk(); again != w || !bytes.Equal(kept, same) {
			t.Fatalf("%+v, then %+v", w, again)
		}
	})
}

// FuzzContainers: the lists of WAV, MP4, Ogg and AMR files end, whatever they say.
func FuzzContainers(f *testing.F) {
	f.Add(wavFile(make([]float64, 10), 8000, 2))
	f.Add([]byte("\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x00\x10moov\x00\x00\x00\x08trak"))
	f.Add([]byte("\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("OggS\x00\x04"))
	f.Add([]byte("#!AMR\n\x04\x00\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, size := bytes.NewReader(data), int64(len(data))
		if info, ok := readWAV(r, size); ok && info.seconds < 0 {
			t.Fatalf("WAV of %v s", info.seconds)
		}
		if _, refused := checkMP4(r, size); refused != nil && reasons[refused.Code][0] == "" {
			t.Fatalf("code %q has no reason", refused.Code)
		}
		if _, err := oggCut(r, size); err != nil {
			t.Fatal(err)
		}
		w, err := walkAMR(r, size, 1000)
		var refused *Refused
		if err != nil && !errors.As(err, &refused) || w.frames > 1001 || w.frames > size {
			t.Fatalf("%+v, %v", w, err)
		}
	})
}
